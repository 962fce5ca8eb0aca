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

int slurp(const char *path, size_t bytes_max, struct text *text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    sigset_t held;
    int fd, r;

    interrupt_let_in(&held); /* a FIFO without a writer keeps us in open */
    fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    r = fd < 0 ? -errno : read_to_end(fd, bytes_max, text);
    interrupt_hold(&held);
    if (fd >= 0 && !is_stdin)
        (void)close(fd); /* only read from */
    return r;
}
