/*
 * ring_sockets.c - the few plain calls a socket needs besides the ring.
 *
 * They do not block, and io_uring has no better way for them: its socket and close ops save a
 * system call per connection, not per request, and its setsockopt needs a newer kernel than ours.
 */
#include "ring_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

int ring_socket(struct ring *ring, int family, int type)
{
    int r = ring_fault_call(ring, RING_CALL_SOCKET);

    if (r < 0)
        return r;
    r = socket(family, type | SOCK_CLOEXEC, 0);
    return r < 0 ? -errno : r;
}

int ring_option(struct ring *ring, int fd, int level, int name, const void *value, socklen_t bytes)
{
    int r = ring_fault_call(ring, RING_CALL_OPTION);

    if (r < 0)
        return r;
    return setsockopt(fd, level, name, value, bytes) < 0 ? -errno : 0;
}

int ring_bind(struct ring *ring, int fd, const struct sockaddr *address, socklen_t bytes)
{
    int r = ring_fault_call(ring, RING_CALL_BIND);

    if (r < 0)
        return r;
    return bind(fd, address, bytes) < 0 ? -errno : 0;
}

void ring_close(struct ring *ring, int fd)
{
    (void)ring;
    (void)close(fd); /* the descriptor is gone whatever the answer */
}

void ring_abort(struct ring *ring, int fd)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };

    /* Fails on what is not a TCP socket: then it is a plain close. */
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    ring_close(ring, fd);
}

void ring_send_now(struct ring *ring, int fd, struct span bytes)
{
    (void)ring;
    (void)send(fd, bytes.data, bytes.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void ring_shut_reading(struct ring *ring, int fd)
{
    (void)ring;
    (void)shutdown(fd, SHUT_RD); /* fails when the connection is gone: then it is shut */
}

int ring_tcp_info(struct ring *ring, int fd, struct ring_tcp_info *ret_info)
{
    struct tcp_info info;
    socklen_t bytes = sizeof(info);

    (void)ring;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) < 0)
        return -errno;
    *ret_info =
        (struct ring_tcp_info){ .rtt_us = info.tcpi_rtt, .retransmits = info.tcpi_total_retrans };
    return 0;
}

int ring_peer(struct ring *ring, int fd, struct ucred *ret_peer)
{
    struct ucred peer;
    socklen_t bytes = sizeof(peer);

    (void)ring;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0)
        return -errno;
    *ret_peer = peer;
    return 0;
}

int ring_peer_groups(struct ring *ring, int fd, gid_t *gids, unsigned room)
{
    socklen_t bytes = (socklen_t)(room * sizeof(*gids));

    (void)ring;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &bytes) < 0)
        return -errno;
    return (int)(bytes / sizeof(*gids));
}
