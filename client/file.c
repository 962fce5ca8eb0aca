/*
 * file.c - temporary name, then rename.
 *
 * Rejected: O_TMPFILE with linkat. It cannot replace an existing file, so a rename and its
 * temporary name would be needed anyway.
 */
#include "file.h"

#include "beneath.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40
#define TEMP_TRIES_MAX 16

/* "/proc/self/fd/3", "/dev/fd/3", "/dev/stdout": the descriptor, or -1. */
static int descriptor_of(const char *path)
{
    static const char *const prefixes[] = { "/proc/self/fd/", "/dev/fd/" };

    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (size_t i = 0; i < 2; i++) {
        size_t bytes = strlen(prefixes[i]);
        char *end;
        long fd;

        if (strncmp(path, prefixes[i], bytes) != 0 || path[bytes] < '0' || path[bytes] > '9')
            continue;
        fd = strtol(path + bytes, &end, 10);
        if (*end == '\0' && fd <= INT_MAX)
            return (int)fd;
    }
    return -1;
}

/* What a symlink's text means, seen from the directory it lies in; malloc'd. */
static char *follow(const char *path, const char *target)
{
    const char *slash = strrchr(path, '/');
    char *joined;

    if (target[0] == '/' || !slash)
        return strdup(target);
    if (asprintf(&joined, "%.*s/%s", (int)(slash - path), path, target) < 0)
        return NULL;
    return joined;
}

/* The name at the end of a chain of symlinks, which need not exist; malloc'd. */
static int resolve_links(const char *path, char **ret_path)
{
    char *now = strdup(path);

    for (int i = 0; now && i < LINKS_MAX; i++) {
        char target[PATH_MAX];
        ssize_t bytes;
        char *next;

        bytes = descriptor_of(now) >= 0 ? -1 : readlink(now, target, sizeof(target) - 1);
        if (bytes < 0) {
            *ret_path = now;
            return 0;
        }
        target[bytes] = '\0';
        next = follow(now, target);
        free(now);
        now = next;
    }
    free(now);
    return now ? -ELOOP : -ENOMEM;
}

/* Creates a file beside path under a name nobody has. */
static int create_temporary(struct file *file)
{
    const char *slash = strrchr(file->path, '/');
    int directory_bytes = slash ? (int)(slash - file->path) + 1 : 0;

    for (int i = 0; i < TEMP_TRIES_MAX; i++) {
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            return -errno;
        if (asprintf(&file->temp, "%.*s.haul-%016llx", directory_bytes, file->path,
                     (unsigned long long)random) < 0) {
            file->temp = NULL;
            return -ENOMEM;
        }
        file->fd = openat(file->directory, file->temp,
                          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (file->fd >= 0)
            return 0;
        free(file->temp);
        file->temp = NULL;
        if (errno != EEXIST)
            return -errno;
    }
    return -EEXIST;
}

static int open_regular(struct file *file, const struct stat *old)
{
    int r;

    /* A rename does not ask; but who may not write a file does not mean to replace it. */
    if (old && faccessat(file->directory, file->path, W_OK, AT_EACCESS) < 0)
        return -errno;
    r = create_temporary(file);
    if (r < 0 || !old)
        return r;
    /* Only root can give a file away; for all others the new owner is right. */
    if (old->st_uid != geteuid() || old->st_gid != getegid())
        (void)!fchown(file->fd, old->st_uid, old->st_gid);
    return fchmod(file->fd, old->st_mode & 07777) < 0 ? -errno : 0;
}

static int open_in_place(struct file *file)
{
    int fd = descriptor_of(file->path);

    if (fd >= 0)
        file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    else
        file->fd =
            openat(file->directory, file->path,
                   O_WRONLY | O_CLOEXEC | O_NOCTTY | (file->directory >= 0 ? O_NOFOLLOW : 0));
    return file->fd < 0 ? -errno : 0;
}

int file_open(struct file *file, const char *path)
{
    size_t bytes = strlen(path);
    struct stat st;
    bool exists;
    int r;

    *file = FILE_INIT;
    if (bytes == 0)
        return -ENOENT;
    if (path[bytes - 1] == '/')
        return -EISDIR;
    r = resolve_links(path, &file->path);
    if (r < 0)
        return r;
    exists = stat(file->path, &st) == 0;
    if (descriptor_of(file->path) >= 0 || (exists && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        r = open_in_place(file);
    else if (exists && S_ISDIR(st.st_mode))
        r = -EISDIR;
    else
        r = open_regular(file, exists ? &st : NULL);
    if (r < 0)
        file_discard(file);
    return r;
}

int file_open_below(struct file *file, const char *directory, const char *path)
{
    const char *name;
    struct stat st;
    bool exists;
    int r;

    *file = FILE_INIT;
    r = beneath_open_parent(directory, path, &file->directory, &name);
    if (r < 0)
        return r;
    file->path = strdup(name);
    exists = fstatat(file->directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!file->path)
        r = -ENOMEM;
    else if (*name == '\0' || (exists && S_ISDIR(st.st_mode)))
        r = -EISDIR;
    else if (exists && S_ISLNK(st.st_mode))
        r = -ELOOP;
    else if (exists && !S_ISREG(st.st_mode))
        r = open_in_place(file);
    else
        r = open_regular(file, exists ? &st : NULL);
    if (r < 0)
        file_discard(file);
    return r;
}

static int resume_here(struct file *file, const char *name, uint64_t offset)
{
    int no_follow = file->directory >= 0 ? O_NOFOLLOW : 0;
    struct stat st;
    int r = 0;

    file->fd = openat(file->directory, name, O_WRONLY | O_CLOEXEC | O_NOCTTY | no_follow);
    if (file->fd < 0 || fstat(file->fd, &st) < 0)
        r = -errno;
    else if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != offset)
        r = -ESTALE;
    else if (lseek(file->fd, (off_t)offset, SEEK_SET) < 0)
        r = -errno;
    file->is_resumed = true;
    file->offset = offset;
    if (r < 0)
        file_discard(file);
    return r;
}

int file_resume(struct file *file, const char *path, uint64_t offset)
{
    *file = FILE_INIT;
    return resume_here(file, path, offset);
}

int file_resume_below(struct file *file, const char *directory, const char *path, uint64_t offset)
{
    const char *name;
    int r;

    *file = FILE_INIT;
    r = beneath_open_parent(directory, path, &file->directory, &name);
    return r < 0 ? r : resume_here(file, name, offset);
}

int file_write(struct file *file, struct span bytes)
{
    while (bytes.bytes) {
        ssize_t wrote = write(file->fd, bytes.data, bytes.bytes);

        if (wrote < 0 && errno != EINTR)
            return -errno;
        if (wrote > 0)
            span_advance(&bytes, (size_t)wrote);
    }
    return 0;
}

int file_restart(struct file *file)
{
    if (!file->temp && !file->is_resumed)
        return -ESPIPE;
    if (ftruncate(file->fd, (off_t)file->offset) < 0 ||
        lseek(file->fd, (off_t)file->offset, SEEK_SET) < 0)
        return -errno;
    return 0;
}

int file_commit(struct file *file)
{
    int r = 0;

    if (file->temp && renameat(file->directory, file->temp, file->directory, file->path) < 0)
        r = -errno;
    if (r == 0) {
        free(file->temp);
        file->temp = NULL;
    }
    file_discard(file);
    return r;
}

int file_check(const char *path)
{
    struct file file = FILE_INIT;
    struct stat st;
    int r;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* a FIFO would wait for its reader */
        return S_ISDIR(st.st_mode) ? -EISDIR : access(path, W_OK) < 0 ? -errno : 0;
    r = file_open(&file, path);
    file_discard(&file);
    return r;
}

int file_write_whole(const char *path, struct span bytes)
{
    struct file file;
    int r = file_open(&file, path);

    if (r == 0)
        r = file_write(&file, bytes);
    if (r == 0)
        return file_commit(&file);
    file_discard(&file);
    return r;
}

void file_discard(struct file *file)
{
    if (file->temp)
        (void)unlinkat(file->directory, file->temp, 0); /* gone already is as good */
    if (file->fd >= 0)
        (void)close(file->fd); /* the bytes are the kernel's; see file_write for errors */
    if (file->directory >= 0)
        (void)close(file->directory); /* nothing was written through it */
    free(file->temp);
    free(file->path);
    *file = FILE_INIT;
}
