/*
 * fake_ops.c - arming, and what becomes of an op.
 *
 * What arming may not do with a stream, two sends or two receives at a time, is refused here. The
 * caller's memory is read and written when the op completes, as late as the kernel might.
 */
#include "fake_internal.h"

#include "sure.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- arming ---- */

static struct fake_op *arm(struct ring *ring, struct ring_op *op, enum fake_kind kind, int fd)
{
    struct fake_op *armed = sure_calloc(1, sizeof(*armed));

    assert(armed);
    assert(op->done);
    assert(!op->in_flight);
    op->kind = (uint8_t)kind;
    op->fd = fd;
    op->in_flight = true;
    op->submitted_ns = 0; /* until the next turn */
    armed->op = op;
    armed->socket = fake_socket(ring, fd);
    armed->socket->ops_in_flight++;
    list_link_back(&ring->ops, &armed->link);
    ring->ops_in_flight++;
    ring->counters.sqes++;
    return armed;
}

/* One at a time is what a stream allows. */
static bool has_op(const struct ring *ring, int fd, enum fake_kind first, enum fake_kind last)
{
    for (const struct list *link = ring->ops.next; link != &ring->ops; link = link->next) {
        const struct fake_op *armed = container_of(link, struct fake_op, link);

        if (armed->op->fd == fd && armed->op->kind >= first && armed->op->kind <= last)
            return true;
    }
    return false;
}

bool fake_is_receiving(const struct ring *ring, int fd)
{
    return has_op(ring, fd, FAKE_RECVMSG, FAKE_RECV);
}

void ring_connect(struct ring *ring, struct ring_op *op, int fd, const struct sockaddr *address,
                  socklen_t address_bytes)
{
    struct fake_op *armed = arm(ring, op, FAKE_CONNECT, fd);

    assert(!armed->socket->is_connected);
    assert(address_bytes <= sizeof(armed->socket->address));
    memcpy(&armed->socket->address, address, address_bytes);
    armed->socket->connect_result = fake_queue_pop(&ring->connect_results, 0);
}

void ring_send(struct ring *ring, struct ring_op *op, int fd, struct span bytes)
{
    assert(bytes.bytes > 0);
    assert(fake_socket(ring, fd)->is_connected);
    assert(!has_op(ring, fd, FAKE_SEND, FAKE_SENDMSG));
    op->rest = bytes;
    (void)arm(ring, op, FAKE_SEND, fd);
}

void ring_sendmsg(struct ring *ring, struct ring_op *op, int fd, const struct msghdr *message)
{
    assert(!has_op(ring, fd, FAKE_SEND, FAKE_SENDMSG));
    arm(ring, op, FAKE_SENDMSG, fd)->send_message = message;
}

void ring_recvmsg(struct ring *ring, struct ring_op *op, int fd, struct msghdr *message)
{
    assert(!fake_is_receiving(ring, fd));
    arm(ring, op, FAKE_RECVMSG, fd)->recv_message = message;
}

void ring_recv_start(struct ring *ring, struct ring_op *op, int fd)
{
    assert(!fake_is_receiving(ring, fd));
    arm(ring, op, FAKE_RECV_MANY, fd);
}

void ring_recv(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes)
{
    struct fake_op *armed;

    assert(bytes > 0);
    assert(!fake_is_receiving(ring, fd));
    armed = arm(ring, op, FAKE_RECV, fd);
    armed->buffer = buffer;
    armed->buffer_bytes = bytes;
}

void ring_read(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes)
{
    ring_recv(ring, op, fd, buffer, bytes);
}

/* A file is what the peer of its number says. */
void ring_read_at(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes,
                  uint64_t offset)
{
    (void)offset;
    ring_recv(ring, op, fd, buffer, bytes);
}

void ring_accept(struct ring *ring, struct ring_op *op, int fd)
{
    (void)arm(ring, op, FAKE_ACCEPT, fd);
}

void ring_poll(struct ring *ring, struct ring_op *op, int fd, unsigned events)
{
    arm(ring, op, FAKE_POLL, fd)->poll_events = events;
}

void ring_cancel(struct ring *ring, struct ring_op *op)
{
    if (!op->in_flight)
        return;
    for (struct list *link = ring->ops.next; link != &ring->ops; link = link->next) {
        struct fake_op *armed = container_of(link, struct fake_op, link);

        if (armed->op == op)
            armed->is_cancelled = true;
    }
    /* Not found: its last completion is on its way. */
}

/* ---- completing: each returns a result, or FAKE_NEVER ---- */

static int32_t complete_connect(struct fake_op *armed)
{
    int32_t result = armed->socket->connect_result;

    armed->socket->is_connected = result == 0;
    return result;
}

static int32_t complete_send(struct ring *ring, struct fake_op *armed)
{
    struct span bytes = armed->op->rest;
    int32_t result = fake_queue_pop(&armed->socket->send_results, 0);

    armed->socket->is_held |= result == FAKE_NEVER;
    if (armed->socket->is_held)
        return FAKE_NEVER;
    assert(result <= 0);
    if (result < 0)
        return result;
    fake_put(ring, armed->socket, bytes.data, bytes.bytes);
    return (int32_t)bytes.bytes;
}

static void keep_sent_fds(struct fake_socket *socket, const struct msghdr *message)
{
    const struct cmsghdr *control = CMSG_FIRSTHDR(message);
    size_t count;

    if (!control || control->cmsg_type != SCM_RIGHTS)
        return;
    count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count && socket->sent_fds_count < FAKE_FDS_MAX; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(control) + i * sizeof(fd), sizeof(fd));
        socket->sent_fds[socket->sent_fds_count++] = dup(fd);
    }
}

static int32_t complete_sendmsg(struct ring *ring, struct fake_op *armed)
{
    const struct msghdr *message = armed->send_message;
    size_t total = 0;
    size_t room;
    int32_t result = fake_queue_pop(&armed->socket->send_results, 0);

    armed->socket->is_held |= result == FAKE_NEVER;
    if (armed->socket->is_held)
        return FAKE_NEVER;
    if (result < 0)
        return result;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        total += message->msg_iov[i].iov_len;
    room = result > 0 ? (size_t)result : fake_cut(ring, total);
    total = total < room ? total : room;
    room = total;
    keep_sent_fds(armed->socket, message);
    for (size_t i = 0; i < message->msg_iovlen && room > 0; i++) {
        size_t part = message->msg_iov[i].iov_len < room ? message->msg_iov[i].iov_len : room;

        fake_put(ring, armed->socket, message->msg_iov[i].iov_base, part);
        room -= part;
    }
    return (int32_t)total;
}

static void give_fds(struct fake_socket *socket, struct msghdr *message)
{
    int fds[FAKE_FDS_MAX];
    unsigned count = fake_take_fds(socket, fds);
    size_t room = message->msg_controllen;
    struct cmsghdr *control = message->msg_control;

    message->msg_controllen = 0;
    message->msg_flags = 0;
    if (count == 0)
        return;
    if (room < CMSG_SPACE(count * sizeof(int))) {
        message->msg_flags = MSG_CTRUNC;
        while (count > 0)
            (void)close(fds[--count]);
        return;
    }
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(control), fds, count * sizeof(int));
    message->msg_controllen = CMSG_SPACE(count * sizeof(int));
}

/* One piece, into the first part of the caller's memory: a stream promises no more. */
static int32_t complete_recvmsg(struct ring *ring, struct fake_op *armed)
{
    struct msghdr *message = armed->recv_message;

    assert(message->msg_iovlen > 0);
    assert(message->msg_iov[0].iov_len > 0);
    if (!fake_has_incoming(armed->socket))
        return FAKE_NEVER;
    give_fds(armed->socket, message);
    return fake_take(armed->socket, message->msg_iov[0].iov_base,
                     fake_cut(ring, message->msg_iov[0].iov_len));
}

static int32_t complete_poll(struct fake_op *armed)
{
    int32_t events = fake_queue_pop(&armed->socket->polls, 0);

    return events ? events : FAKE_NEVER;
}

int32_t fake_complete(struct ring *ring, struct fake_op *armed)
{
    switch ((enum fake_kind)armed->op->kind) {
    case FAKE_CONNECT:
        return complete_connect(armed);
    case FAKE_SEND:
        return complete_send(ring, armed);
    case FAKE_SENDMSG:
        return complete_sendmsg(ring, armed);
    case FAKE_RECVMSG:
        return complete_recvmsg(ring, armed);
    case FAKE_RECV:
        return fake_take(armed->socket, armed->buffer, fake_cut(ring, armed->buffer_bytes));
    case FAKE_ACCEPT:
        return fake_queue_pop(&armed->socket->accepts, FAKE_NEVER);
    case FAKE_POLL:
        return complete_poll(armed);
    case FAKE_RECV_MANY:
        break;
    }
    assert(false);
    return FAKE_NEVER;
}
