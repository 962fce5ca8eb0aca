/*
 * frame.h - cuts a byte stream into whole frames (PROTOCOL.md, "Frames").
 */
#ifndef HAUL_FRAME_H
#define HAUL_FRAME_H

#include "span.h"
#include "wire.h"

struct frame {
    struct wire_header header;
    struct span payload; /* header.length - 16 bytes */
};

/* Holds at most one unfinished frame; allocates only for a frame that arrives in pieces, and then
 * only as its bytes arrive (never by the claimed length alone). */
struct frame_reader {
    char *buffer;
    size_t buffer_bytes; /* used */
    size_t buffer_capacity;
    bool deliver_buffer; /* the frame last returned lies in buffer */
};

enum frame_verdict {
    FRAME_READY,     /* *ret_frame is valid until the next call or until *in's bytes are gone */
    FRAME_NEED_MORE, /* all of *in was consumed; call again with more */
    FRAME_BAD,       /* length below 16, over WIRE_FRAME_BYTES_MAX or not a multiple of 8, or
                        fd_count over WIRE_FRAME_FDS_MAX: the stream is unusable, close it */
    FRAME_NO_MEMORY,
};

void frame_reader_init(struct frame_reader *reader);
void frame_reader_deinit(struct frame_reader *reader);

/* True while the reader holds the beginning of a frame. */
bool frame_reader_is_mid_frame(const struct frame_reader *reader);

/* Takes bytes from the front of *in until one frame is whole. A frame that lies whole in *in is
 * returned in place, without a copy. */
enum frame_verdict frame_next(struct frame_reader *reader, struct span *in,
                              struct frame *ret_frame);

/* The smallest multiple of 8 that holds bytes. */
static inline size_t frame_pad(size_t bytes)
{
    return (bytes + 7u) & ~(size_t)7u;
}

#endif
