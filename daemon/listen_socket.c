/*
 * listen_socket.c - a listening unix socket at a path, before there is a ring.
 *
 * Its group and mode are who may talk to us: 0660, and the folder's owner decides the rest.
 */
#include "listen_socket.h"

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Makes the folder of path if it is missing. */
static void make_parent(const char *path)
{
    char folder[CONFIG_SOCKET_ROOM];
    char *slash;

    (void)snprintf(folder, sizeof(folder), "%s", path);
    slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return;
    *slash = '\0';
    (void)mkdir(folder, 0755); /* bind says what is wrong */
}

/* A socket file that nobody listens on is a left-over; one that answers belongs to another hauld.
 */
static int remove_stale_socket(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    if (fd < 0)
        return -errno;
    r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
    (void)close(fd);
    if (r == 0)
        return -EADDRINUSE;
    return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

int listen_socket_open(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat info;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = 0;

    if (fd < 0)
        return -errno;
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    make_parent(path);
    if (lstat(path, &info) == 0) {
        r = S_ISSOCK(info.st_mode) ? remove_stale_socket(&address) : -EEXIST;
        if (r < 0)
            goto fail;
    }
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0660) < 0 ||
        listen(fd, SOMAXCONN) < 0) {
        r = -errno;
        goto fail;
    }
    return fd;

fail:
    (void)close(fd);
    return r;
}
