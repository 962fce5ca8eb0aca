/*
 * private.c - posix_spawn of `hauld --serve-fd 3 --quiet`.
 *
 * The daemon must outlast the terminal's Ctrl-C, which is for us: we turn it into a cancel and
 * still want the results. So it gets a session of its own and ignores the terminal's signals; an
 * ignored signal stays ignored across exec, which is how it is done here. A process group would
 * keep Ctrl-C away, too, but a background group may not read what is typed at its own terminal
 * (EIO).
 */
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef HAUL_DAEMON_PATH
#define HAUL_DAEMON_PATH "/usr/bin/hauld"
#endif

#define SERVE_FD 3
#define STOP_TIMEOUT_MS 2000

extern char **environ;

static const int ignored_signals[] = { SIGINT, SIGQUIT, SIGHUP, SIGTSTP, SIGTTOU, SIGTTIN };
#define IGNORED_COUNT (sizeof(ignored_signals) / sizeof(ignored_signals[0]))

/* Beside our own program, else where it was installed; false: let PATH decide. */
static bool find_daemon(char *path, size_t room)
{
    ssize_t bytes = readlink("/proc/self/exe", path, room - sizeof("hauld"));
    char *slash;

    if (bytes > 0) {
        path[bytes] = '\0';
        slash = strrchr(path, '/');
        memcpy(slash ? slash + 1 : path, "hauld", sizeof("hauld"));
        if (access(path, X_OK) == 0)
            return true;
    }
    (void)snprintf(path, room, "%s", HAUL_DAEMON_PATH);
    return access(path, X_OK) == 0;
}

static int spawn_daemon(int fd, pid_t *ret_pid)
{
    static char name[] = "hauld", serve[] = "--serve-fd", number[] = "3", quiet[] = "--quiet";
    char *argv[] = { name, serve, number, quiet, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char path[PATH_MAX];
    sigset_t none;
    int r;

    (void)sigemptyset(&none); /* cannot fail */
    r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attributes);
    if (r != 0) {
        (void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
        return -r;
    }
    /* Our end has both; the daemon gets its end as 3 and no other descriptor of ours. */
    r = posix_spawn_file_actions_adddup2(&actions, fd, SERVE_FD);
    r = r ? r : posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    r = r ? r : posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    r = r ? r : posix_spawnattr_setsigmask(&attributes, &none);
    r = r ? r : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    if (r == 0 && find_daemon(path, sizeof(path)))
        r = posix_spawn(ret_pid, path, &actions, &attributes, argv, environ);
    else if (r == 0)
        r = posix_spawnp(ret_pid, "hauld", &actions, &attributes, argv, environ);
    (void)posix_spawnattr_destroy(&attributes);       /* cannot fail */
    (void)posix_spawn_file_actions_destroy(&actions); /* cannot fail */
    return -r;
}

int private_start(struct private_daemon *daemon)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before[IGNORED_COUNT];
    int fds[2];
    int r;

    *daemon = PRIVATE_DAEMON_NONE;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -errno;
    for (size_t i = 0; i < IGNORED_COUNT; i++)
        (void)sigaction(ignored_signals[i], &ignore, &before[i]); /* valid signals: cannot fail */
    r = spawn_daemon(fds[1], &daemon->pid);
    for (size_t i = 0; i < IGNORED_COUNT; i++)
        (void)sigaction(ignored_signals[i], &before[i], NULL); /* likewise */
    (void)close(fds[1]);                                       /* the daemon's now */
    if (r < 0) {
        daemon->pid = 0;
        (void)close(fds[0]); /* never used */
        return r;
    }
    daemon->pidfd = (int)syscall(SYS_pidfd_open, daemon->pid, 0);
    return fds[0];
}

int private_stop(struct private_daemon *daemon)
{
    struct pollfd ended = { .fd = daemon->pidfd, .events = POLLIN };
    struct rusage usage;
    int status = 0;
    pid_t pid;
    int count;

    if (daemon->pid == 0)
        return -1;
    do
        count = daemon->pidfd >= 0 ? poll(&ended, 1, STOP_TIMEOUT_MS) : 0;
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        (void)kill(daemon->pid, SIGKILL); /* ours until we have waited for it */
    do
        pid = wait4(daemon->pid, &status, 0, &usage);
    while (pid < 0 && errno == EINTR);
    if (daemon->pidfd >= 0)
        (void)close(daemon->pidfd); /* a handle only */
    *daemon = PRIVATE_DAEMON_NONE;
    if (pid < 0)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
