/*
 * file.h - a file that appears whole or not at all.
 *
 * A regular file is written under a temporary name in its own directory and renamed over the final
 * name by file_commit. What is not a regular file (a device, a FIFO, /dev/stdout, /proc/self/fd/N)
 * is opened and written in place. A symlink is resolved first, the mode of an existing file is
 * kept, a new one obeys the umask. A name that came from elsewhere is opened below a directory
 * instead, and no symlink is followed there.
 */
#ifndef HAUL_FILE_H
#define HAUL_FILE_H

#include "span.h"

#include <fcntl.h>

struct file {
    int fd;        /* -1 = not open */
    int directory; /* what path and temp are relative to; AT_FDCWD unless opened below one */
    char *path;    /* the final name, symlinks resolved */
    char *temp;    /* NULL = written in place */
    bool is_resumed;
    uint64_t offset; /* of a resumed file: what it had */
};

#define FILE_INIT ((struct file){ .fd = -1, .directory = AT_FDCWD })

/* 0 or -errno. */
int file_open(struct file *file, const char *path);

/* Likewise for a path below directory; missing directories are made. See beneath.h for what path
 * may be; -ELOOP also when the file itself is a symlink. */
int file_open_below(struct file *file, const char *directory, const char *path);

static inline bool file_is_open(const struct file *file)
{
    return file->fd >= 0;
}

/* True when the bytes go to a regular file under a temporary name. */
static inline bool file_is_temporary(const struct file *file)
{
    return file->temp != NULL;
}

/* Opens a regular file that is there, to write in place behind its first offset bytes. -ESTALE when
 * it has another size. */
int file_resume(struct file *file, const char *path, uint64_t offset);
int file_resume_below(struct file *file, const char *directory, const char *path, uint64_t offset);

/* All of bytes; 0 or -errno. */
int file_write(struct file *file, struct span bytes);

/* Forgets what was written since it was opened; -ESPIPE when that is impossible. */
int file_restart(struct file *file);

/* Gives it its final name and closes. On -errno the file is as file_discard leaves it. */
int file_commit(struct file *file);

/* Whether a file of that name could be written now, found by trying it where that leaves no trace:
 * for what takes long to make. 0 or -errno. */
int file_check(const char *path);

/* Opens, writes and commits. 0 or -errno. */
int file_write_whole(const char *path, struct span bytes);

/* Closes and removes the temporary name. Fine on a file that is not open. */
void file_discard(struct file *file);

#endif
