/*
 * file.h - a file that appears whole or not at all.
 *
 * A regular file is written under a temporary name in its own directory and renamed over the final
 * name by file_commit. What is not a regular file (a device, a FIFO, /dev/stdout, /proc/self/fd/N)
 * is opened and written in place. A symlink is resolved first, the mode of an existing file is
 * kept, a new one obeys the umask.
 */
#ifndef HAUL_FILE_H
#define HAUL_FILE_H

#include "span.h"

struct file {
    int fd;     /* -1 = not open */
    char *path; /* the final name, symlinks resolved */
    char *temp; /* NULL = written in place */
};

#define FILE_INIT ((struct file){ .fd = -1 })

/* 0 or -errno. */
int file_open(struct file *file, const char *path);

static inline bool file_is_open(const struct file *file)
{
    return file->fd >= 0;
}

/* True when the bytes go to a regular file under a temporary name. */
static inline bool file_is_temporary(const struct file *file)
{
    return file->temp != NULL;
}

/* All of bytes; 0 or -errno. */
int file_write(struct file *file, struct span bytes);

/* Forgets what was written; -ESPIPE when that is impossible. */
int file_restart(struct file *file);

/* Gives it its final name and closes. On -errno the file is as file_discard leaves it. */
int file_commit(struct file *file);

/* Closes and removes the temporary name. Fine on a file that is not open. */
void file_discard(struct file *file);

#endif
