/*
 * output.h - standard output: a big buffer, written when full or when idle, never blocking on a
 * slow reader.
 *
 * While the reader does not read, bytes stay here and the caller stops asking for more; the daemon
 * is still listened to, so a paused `| less` costs nothing but time.
 */
#ifndef HAUL_OUTPUT_H
#define HAUL_OUTPUT_H

#include "text.h"

#define OUTPUT_FLUSH_BYTES (64u << 10)
#define OUTPUT_FULL_BYTES (256u << 10) /* more than this waiting: ask for no more */

struct output {
    int fd;
    bool owns_fd;
    bool is_socket;
    int error; /* positive errno of the first failed write; nothing is written after it */
    struct text buffer;
    uint64_t written_bytes; /* accepted by the kernel, ever */
};

/* Writes to fd, which stays the caller's. */
void output_init(struct output *output, int fd);
void output_deinit(struct output *output);

/* The buffer to append records to; call output_settle after. */
static inline struct text *output_buffer(struct output *output)
{
    return &output->buffer;
}

/* Adds bytes; large ones go out at once when nothing waits before them. */
void output_write(struct output *output, struct span bytes);

/* Writes when there is a lot. */
void output_settle(struct output *output);

/* Writes what can be written now. */
void output_flush(struct output *output);

static inline bool output_is_waiting(const struct output *output)
{
    return output->buffer.bytes > 0 && !output->error;
}

static inline bool output_is_full(const struct output *output)
{
    return output->buffer.bytes > OUTPUT_FULL_BYTES && !output->error;
}

#endif
