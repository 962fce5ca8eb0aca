/*
 * beneath.c - a walk, part by part, that follows no symlink.
 *
 * Rejected: openat2 with RESOLVE_BENEATH, which would allow symlinks that stay inside. Older
 * container profiles refuse it, and the walk is needed for making directories anyway.
 */
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALK_FLAGS (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* With O_DIRECTORY the kernel says ENOTDIR for a symlink too. */
static int reason_of(int parent, const char *name, int error)
{
    struct stat st;

    if (error == ENOTDIR && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(st.st_mode))
        return -ELOOP;
    return -error;
}

static int enter(int parent, const char *name)
{
    int fd = openat(parent, name, WALK_FLAGS);

    if (fd < 0 && errno == ENOENT) {
        if (mkdirat(parent, name, 0777) < 0 && errno != EEXIST)
            return -errno;
        fd = openat(parent, name, WALK_FLAGS);
    }
    return fd < 0 ? reason_of(parent, name, errno) : fd;
}

int beneath_open_parent(const char *directory, const char *path, int *ret_fd, const char **ret_name)
{
    const char *slash;
    int fd;

    if (strlen(directory) + strlen(path) + 1 >= PATH_MAX)
        return -ENAMETOOLONG;
    fd = open(*directory ? directory : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while ((slash = strchr(path, '/'))) {
        char name[NAME_MAX + 1];
        size_t bytes = (size_t)(slash - path);
        int next = -ENAMETOOLONG;

        if (bytes <= NAME_MAX) {
            memcpy(name, path, bytes);
            name[bytes] = '\0';
            next = enter(fd, name);
        }
        (void)close(fd); /* O_PATH: nothing was written */
        if (next < 0)
            return next;
        fd = next;
        path = slash + 1;
    }
    *ret_fd = fd;
    *ret_name = path;
    return 0;
}
