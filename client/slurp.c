/*
 * slurp.c - read(2) to the end.
 *
 * The only place where the client waits outside of its loop, before there is one: so it lets the
 * signals in that the loop takes at its own time.
 */
#include "slurp.h"

#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define READ_BYTES (64u << 10)

static int read_to_end(int fd, size_t bytes_max, struct text *text)
{
    const size_t start = text->bytes;
    ssize_t got;

    do {
        char *room = text_reserve(text, READ_BYTES);

        if (!room)
            return -ENOMEM;
        got = read(fd, room, READ_BYTES);
        if (got < 0 && (errno != EINTR || interrupt_is_pending()))
            return -errno;
        text->bytes += got > 0 ? (size_t)got : 0;
        if (text->bytes - start > bytes_max)
            return -EFBIG;
    } while (got != 0);
    return 0;
}

int slurp_open(const char *path)
{
    sigset_t held;
    int fd;

    if (strcmp(path, "-") == 0)
        return STDIN_FILENO;
    interrupt_let_in(&held); /* a FIFO without a writer keeps us here */
    fd = open(path, O_RDONLY | O_CLOEXEC);
    fd = fd < 0 ? -errno : fd;
    interrupt_hold(&held);
    return fd;
}

int slurp_rest(int fd, size_t bytes_max, struct text *text)
{
    sigset_t held;
    int r;

    interrupt_let_in(&held);
    r = read_to_end(fd, bytes_max, text);
    interrupt_hold(&held);
    return r;
}

int slurp(const char *path, size_t bytes_max, struct text *text)
{
    int fd = slurp_open(path);
    int r = fd < 0 ? fd : slurp_rest(fd, bytes_max, text);

    if (fd > STDIN_FILENO)
        (void)close(fd); /* only read from */
    return r;
}
