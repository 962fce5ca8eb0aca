/*
 * upload.c - what a client's descriptor is, before anything is read from it.
 */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much there is, from where the descriptor stands. */
static int upload_measure(struct upload *upload, off_t file_bytes)
{
    off_t offset = lseek(upload->fd, 0, SEEK_CUR);

    if (offset < 0)
        return -errno;
    upload->offset = (uint64_t)offset;
    upload->bytes = offset < file_bytes ? (uint64_t)(file_bytes - offset) : 0;
    return 0;
}

static int upload_examine(struct upload *upload)
{
    int flags = fcntl(upload->fd, F_GETFL);
    struct stat status;

    if (flags < 0 || fstat(upload->fd, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if ((flags & O_PATH) || ((flags & O_ACCMODE) != O_RDONLY && (flags & O_ACCMODE) != O_RDWR))
        return -EBADF;
    if (S_ISREG(status.st_mode))
        return upload_measure(upload, status.st_size);
    upload->is_stream = true;
    upload->bytes = UPLOAD_BYTES_UNKNOWN;
    return 0;
}

int upload_new(int fd, bool expects, struct upload **ret_upload)
{
    struct upload *upload = calloc(1, sizeof(*upload));
    int r;

    if (!upload) {
        (void)close(fd); /* only read from */
        return -ENOMEM;
    }
    upload->fd = fd;
    upload->expects = expects;
    r = upload_examine(upload);
    if (r < 0) {
        upload_free(upload);
        return r;
    }
    *ret_upload = upload;
    return 0;
}

void upload_free(struct upload *upload)
{
    if (!upload)
        return;
    (void)close(upload->fd); /* only read from */
    free(upload);
}
