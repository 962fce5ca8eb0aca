/*
 * fake_calls.c - the plain calls on sockets, as ring_sockets.c makes them.
 */
#include "fake_internal.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

int ring_socket(struct ring *ring, int family, int type)
{
    int error = fake_queue_pop(&ring->socket_results, 0);

    (void)family;
    (void)type;
    return error < 0 ? error : fake_make_socket(ring, -1)->fd;
}

int ring_option(struct ring *ring, int fd, int level, int name, const void *value, socklen_t bytes)
{
    struct fake_socket *socket = fake_socket(ring, fd);
    struct fake_option *option = &socket->options[socket->options_count];

    assert(socket->options_count < FAKE_OPTIONS_MAX);
    *option = (struct fake_option){ .level = level, .name = name };
    if (bytes >= sizeof(int))
        memcpy(&option->value, value, sizeof(int));
    socket->options_count++;
    return 0;
}

int ring_bind(struct ring *ring, int fd, const struct sockaddr *address, socklen_t bytes)
{
    assert(fake_socket(ring, fd)->ops_in_flight == 0);
    assert(address);
    assert(bytes >= sizeof(sa_family_t));
    return fake_queue_pop(&ring->bind_results, 0);
}

static void end_socket(struct ring *ring, int fd, int error)
{
    struct fake_socket *socket = fake_socket(ring, fd);

    assert(socket->ops_in_flight == 0);
    socket->is_open = false;
    if (socket->is_foreign)
        (void)close(fd);
    if (socket->pair && socket->pair->is_open) {
        if (error < 0)
            fake_receive_error(ring, socket->pair->fd, error);
        else
            fake_receive_eof(ring, socket->pair->fd);
    }
}

void ring_close(struct ring *ring, int fd)
{
    end_socket(ring, fd, 0);
}

void ring_abort(struct ring *ring, int fd)
{
    fake_socket(ring, fd)->was_aborted = true;
    end_socket(ring, fd, -ECONNRESET);
}

void ring_send_now(struct ring *ring, int fd, struct span bytes)
{
    struct fake_socket *socket = fake_socket(ring, fd);

    if (socket->is_open)
        fake_put(ring, socket, bytes.data, bytes.bytes);
}

void ring_shut_reading(struct ring *ring, int fd)
{
    fake_receive_eof(ring, fd);
}

int ring_tcp_info(struct ring *ring, int fd, struct ring_tcp_info *ret_info)
{
    const struct fake_socket *socket = fake_socket(ring, fd);

    ring->tcp_infos_taken++;
    if (socket->address.ss_family == AF_UNIX)
        return -EOPNOTSUPP;
    *ret_info = socket->tcp;
    return 0;
}

int ring_peer(struct ring *ring, int fd, struct ucred *ret_peer)
{
    *ret_peer = fake_socket(ring, fd)->peer;
    return 0;
}

int ring_peer_groups(struct ring *ring, int fd, gid_t *gids, unsigned room)
{
    const struct fake_socket *socket = fake_socket(ring, fd);

    assert(room >= FAKE_GROUPS_MAX);
    memcpy(gids, socket->groups, sizeof(socket->groups));
    return (int)socket->groups_count;
}
