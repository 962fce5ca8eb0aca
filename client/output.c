/*
 * output.c - writes to standard output.
 *
 * O_NONBLOCK belongs to the open file description, which we share with the shell and with whoever
 * else writes to the terminal; setting it would break them. A pipe or a terminal is therefore
 * opened anew through /proc, which gives a description of our own. Sockets take a flag per call;
 * regular files do not block for long. Where /proc is missing we block: slow, still right.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECT_BYTES_MIN (16u << 10)

static int open_again(int fd)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

void output_init(struct output *output, int fd)
{
    struct stat st;
    int again = -1;

    *output = (struct output){ .fd = fd };
    text_init(&output->buffer);
    if (fstat(fd, &st) < 0)
        return;
    output->is_socket = S_ISSOCK(st.st_mode);
    if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd)))
        again = open_again(fd);
    if (again >= 0) {
        output->fd = again;
        output->owns_fd = true;
    }
}

void output_deinit(struct output *output)
{
    if (output->owns_fd)
        (void)close(output->fd); /* nothing can be done about an error here */
    text_deinit(&output->buffer);
    *output = (struct output){ .fd = -1 };
}

/* Bytes taken; 0 when the reader is slow or after an error. */
static size_t output_try(struct output *output, struct span bytes)
{
    size_t taken = 0;

    while (taken < bytes.bytes && !output->error) {
        ssize_t wrote;

        if (output->is_socket)
            wrote = send(output->fd, bytes.data + taken, bytes.bytes - taken,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            wrote = write(output->fd, bytes.data + taken, bytes.bytes - taken);
        if (wrote >= 0) {
            taken += (size_t)wrote;
            continue;
        }
        if (errno == EAGAIN)
            break;
        if (errno != EINTR)
            output->error = errno;
    }
    output->written_bytes += taken;
    return taken;
}

void output_flush(struct output *output)
{
    if (output->buffer.failed && !output->error)
        output->error = ENOMEM;
    if (output->error) {
        output->buffer.bytes = 0;
        return;
    }
    text_drop(&output->buffer, output_try(output, text_span(&output->buffer)));
    if (output->buffer.bytes == 0)
        text_clear(&output->buffer, 2 * OUTPUT_FULL_BYTES);
}

void output_write(struct output *output, struct span bytes)
{
    if (output->buffer.bytes == 0 && bytes.bytes >= DIRECT_BYTES_MIN)
        span_advance(&bytes, output_try(output, bytes));
    text_put_span(&output->buffer, bytes);
    output_settle(output);
}

void output_settle(struct output *output)
{
    if (output->buffer.bytes >= OUTPUT_FLUSH_BYTES || output->error)
        output_flush(output);
}
