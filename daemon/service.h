/*
 * service.h - what a service manager gives and wants: inherited sockets, word of our state.
 *
 * The protocols of sd_listen_fds(3) and sd_notify(3), spoken by hand. Without a manager all of it
 * is a no-op.
 */
#ifndef HAULD_SERVICE_H
#define HAULD_SERVICE_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct service {
    struct sockaddr_un notify_address;
    socklen_t notify_bytes; /* 0: nobody wants to know */
    uint64_t watchdog_ns;   /* it wants to hear WATCHDOG=1 at least so often; 0 = it does not */
};

enum service_listen {
    SERVICE_LISTEN_NONE,    /* not socket-activated */
    SERVICE_LISTEN_FOREIGN, /* the variables are meant for another process; *ret_trouble says so */
    SERVICE_LISTEN_READY,   /* *ret_fd is the listening socket, and ours */
    SERVICE_LISTEN_REFUSED, /* what was passed cannot be used; *ret_trouble says why */
};

struct service_trouble {
    char text[256]; /* one line without a full stop */
};

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID (sd_watchdog_enabled(3)) out of the
 * environment. Returns 0, or -EINVAL when the address is none we can speak to (then nobody is
 * notified). Call before threads, as the next one. */
int service_init(struct service *service);

/* Takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of the environment, and the socket they
 * speak of: exactly one, a listening stream socket of AF_UNIX. It is made close-on-exec and
 * blocking (as the ring wants it). */
enum service_listen service_take_listener(int *ret_fd, struct service_trouble *ret_trouble);

/* Sends "READY=1", "STOPPING=1\nSTATUS=...": lines without a last newline, at most 1 KiB. Returns 0
 * (also when nobody wants to know) or -errno. */
__attribute__((format(printf, 2, 3))) int service_notify(const struct service *service,
                                                         const char *format, ...);

#endif
