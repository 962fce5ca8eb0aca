/*
 * private.h - a hauld of our own, on the other end of a socketpair.
 *
 * It has no path, no file and one session; when our end closes, for whatever reason, it ends.
 */
#ifndef HAUL_PRIVATE_H
#define HAUL_PRIVATE_H

#include <sys/types.h>

struct private_daemon {
    pid_t pid; /* 0 = none */
    int pidfd; /* -1 = none */
};

#define PRIVATE_DAEMON_NONE ((struct private_daemon){ .pidfd = -1 })

/* Starts one. The descriptor of our end, or -errno: -ENOENT when no hauld was found. */
int private_start(struct private_daemon *daemon);

/* Waits for it, our end being closed, for two seconds, then kills it; its rusage is ours after
 * that. Returns its exit status, 128 + signal when it was killed, -1 when there was none. */
int private_stop(struct private_daemon *daemon);

#endif
