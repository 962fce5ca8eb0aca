/*
 * writer_io.c - short writes, interruptions and files that only look like files.
 *
 * pwrite at an offset of our own, not write: the descriptor came from a client who still shares its
 * file offset. With O_APPEND Linux writes at the end whatever the offset says, which is what the
 * user asked for.
 */
#include "writer_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int writer_io_check(int fd, off_t *ret_offset)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    off_t offset;

    if (flags < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (!S_ISREG(status.st_mode))
        return -EINVAL;
    /* The fourth access mode, "neither", is for ioctls of drivers. */
    if ((flags & O_PATH) || (flags & O_ACCMODE) == O_RDONLY || (flags & O_ACCMODE) == O_ACCMODE)
        return -EBADF;
    if (flags & O_DIRECT)
        return -EINVAL;
    offset = flags & O_APPEND ? status.st_size : lseek(fd, 0, SEEK_CUR);
    if (offset < 0)
        return -errno;
    *ret_offset = offset;
    return 0;
}

int writer_io_write(int fd, struct span bytes, off_t *offset)
{
    while (bytes.bytes > 0) {
        ssize_t n = pwrite(fd, bytes.data, bytes.bytes, *offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO; /* no progress and no reason: do not spin */
        *offset += n;
        span_advance(&bytes, (size_t)n);
    }
    return 0;
}

int writer_io_restart(int fd, off_t base, off_t *offset)
{
    if (*offset <= base)
        return 0;
    while (ftruncate(fd, base) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    *offset = base;
    return 0;
}
