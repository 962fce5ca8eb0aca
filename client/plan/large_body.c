/*
 * large_body.c - files as they are, everything else through memfd_create(2).
 */
#include "large_body.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int large_body_of(int fd, bool is_ours, struct large_body *ret_body)
{
    uint64_t bytes = LARGE_BODY_UNKNOWN;
    struct stat status;
    off_t offset;

    if (fstat(fd, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (S_ISREG(status.st_mode)) {
        offset = lseek(fd, 0, SEEK_CUR);
        bytes = offset < status.st_size ? (uint64_t)(status.st_size - offset) : 0;
    }
    *ret_body =
        (struct large_body){ .is_there = true, .is_ours = is_ours, .fd = fd, .bytes = bytes };
    return 0;
}

static int write_all(int fd, struct span bytes)
{
    while (bytes.bytes > 0) {
        ssize_t written = write(fd, bytes.data, bytes.bytes);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        span_advance(&bytes, (size_t)written);
    }
    return lseek(fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

int large_body_take_text(struct text *text, struct large_body *ret_body)
{
    int fd = memfd_create("haul-body", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : write_all(fd, text_span(text));

    if (r < 0) {
        if (fd >= 0)
            (void)close(fd); /* it has failed */
        return r;
    }
    *ret_body =
        (struct large_body){ .is_there = true, .is_ours = true, .fd = fd, .bytes = text->bytes };
    text_clear(text, 0);
    return 0;
}

void large_body_close(struct large_body *body)
{
    if (body->is_there && body->is_ours)
        (void)close(body->fd); /* only read from */
    *body = (struct large_body){ 0 };
}
