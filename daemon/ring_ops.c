/*
 * ring_ops.c - arming: one submission entry per op, and the asking to end.
 *
 * user_data is the address of the op, which lives until its last completion; entries whose
 * completion interests nobody (cancels) carry 0. Nothing here needs a worker thread of the kernel,
 * but for the read of a file whose file system cannot say that it would wait (overlayfs, FUSE).
 *
 * A cancel is found in the queue behind the op it means and before any op armed later, so it can
 * never hit a successor at the same address.
 */
#include "ring_internal.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>

static void ring_begin_op(struct ring_op *op, enum ring_kind kind, int fd)
{
    assert(op->done);
    assert(!op->in_flight);
    op->kind = (uint8_t)kind;
    op->fd = fd;
    op->in_flight = true;
    op->starved = false;
    op->cancelled = false;
}

/* The moment of this op's submission is of interest. */
static void ring_want_stamp(struct ring *ring, struct ring_op *op)
{
    assert(ring->stamps_count < ring->uring.sq.ring_entries || ring->broken < 0);
    if (ring->broken == 0)
        ring->stamps[ring->stamps_count++] = op;
}

void ring_connect(struct ring *ring, struct ring_op *op, int fd, const struct sockaddr *address,
                  socklen_t address_bytes)
{
    struct io_uring_sqe *sqe;

    ring_begin_op(op, RING_CONNECT, fd);
    sqe = ring_take_sqe(ring);
    io_uring_prep_connect(sqe, fd, address, address_bytes);
    io_uring_sqe_set_data(sqe, op);
    ring_want_stamp(ring, op);
    ring_fault_arm(ring, op, sqe);
}

struct io_uring_sqe *ring_arm_send(struct ring *ring, struct ring_op *op)
{
    struct io_uring_sqe *sqe = ring_take_sqe(ring);

    io_uring_prep_send(sqe, op->fd, op->rest.data, op->rest.bytes, MSG_WAITALL | MSG_NOSIGNAL);
    io_uring_sqe_set_data(sqe, op);
    ring->sends_armed++;
    return sqe;
}

void ring_send(struct ring *ring, struct ring_op *op, int fd, struct span bytes)
{
    struct io_uring_sqe *sqe;

    assert(bytes.bytes > 0);
    assert(bytes.bytes <= INT32_MAX);
    ring_begin_op(op, RING_SEND, fd);
    op->rest = bytes;
    op->bytes = (int32_t)bytes.bytes;
    sqe = ring_arm_send(ring, op);
    ring_want_stamp(ring, op);
    ring_fault_arm(ring, op, sqe);
}

void ring_sendmsg(struct ring *ring, struct ring_op *op, int fd, const struct msghdr *message)
{
    struct io_uring_sqe *sqe;

    ring_begin_op(op, RING_SENDMSG, fd);
    sqe = ring_take_sqe(ring);
    /* Not MSG_WAITALL: a long message to a slow reader would end only when all of it is gone, and
     * the sender could not tell a slow reader from a dead one. */
    io_uring_prep_sendmsg(sqe, fd, message, MSG_NOSIGNAL);
    io_uring_sqe_set_data(sqe, op);
    ring_want_stamp(ring, op);
    ring->sends_armed++;
    ring_fault_arm(ring, op, sqe);
}

void ring_recvmsg(struct ring *ring, struct ring_op *op, int fd, struct msghdr *message)
{
    struct io_uring_sqe *sqe;

    ring_begin_op(op, RING_RECVMSG, fd);
    sqe = ring_take_sqe(ring);
    io_uring_prep_recvmsg(sqe, fd, message, MSG_CMSG_CLOEXEC);
    io_uring_sqe_set_data(sqe, op);
    ring_fault_arm(ring, op, sqe);
}

void ring_arm_recv_many(struct ring *ring, struct ring_op *op)
{
    struct io_uring_sqe *sqe = ring_take_sqe(ring);

    io_uring_prep_recv_multishot(sqe, op->fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = RING_BUFFER_GROUP;
    /* Nothing has come yet, mostly. And on an empty buffer ring a receive that does not wait for
     * the socket first fails at once, again and again. */
    sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    io_uring_sqe_set_data(sqe, op);
}

void ring_arm_recv_poll(struct ring *ring, struct ring_op *op)
{
    struct io_uring_sqe *sqe = ring_take_sqe(ring);

    io_uring_prep_poll_add(sqe, op->fd, POLLIN | POLLRDHUP);
    io_uring_sqe_set_data(sqe, op);
}

void ring_recv_start(struct ring *ring, struct ring_op *op, int fd)
{
    if (ring->tier.multishot) {
        ring_begin_op(op, RING_RECV_MANY, fd);
        ring_arm_recv_many(ring, op);
    } else {
        ring_begin_op(op, RING_RECV_POLL, fd);
        ring_arm_recv_poll(ring, op);
    }
}

void ring_recv(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes)
{
    struct io_uring_sqe *sqe;

    assert(bytes > 0); /* 0 bytes would look like the end of the stream */
    ring_begin_op(op, RING_RECV, fd);
    sqe = ring_take_sqe(ring);
    io_uring_prep_recv(sqe, fd, buffer, bytes < INT_MAX ? bytes : INT_MAX, 0);
    io_uring_sqe_set_data(sqe, op);
}

void ring_accept(struct ring *ring, struct ring_op *op, int fd)
{
    struct io_uring_sqe *sqe;

    ring_begin_op(op, RING_ACCEPT, fd);
    sqe = ring_take_sqe(ring);
    io_uring_prep_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, op);
    ring_fault_arm(ring, op, sqe);
}

void ring_poll(struct ring *ring, struct ring_op *op, int fd, unsigned events)
{
    struct io_uring_sqe *sqe;

    ring_begin_op(op, RING_POLL, fd);
    sqe = ring_take_sqe(ring);
    io_uring_prep_poll_add(sqe, fd, events);
    io_uring_sqe_set_data(sqe, op);
    ring_fault_arm(ring, op, sqe);
}

void ring_read_at(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes,
                  uint64_t offset)
{
    struct io_uring_sqe *sqe;

    ring_begin_op(op, RING_READ, fd);
    sqe = ring_take_sqe(ring);
    io_uring_prep_read(sqe, fd, buffer, bytes < INT_MAX ? (unsigned)bytes : INT_MAX, offset);
    io_uring_sqe_set_data(sqe, op);
    ring_fault_arm(ring, op, sqe);
}

void ring_read(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes)
{
    ring_read_at(ring, op, fd, buffer, bytes, UINT64_MAX); /* from where the file stands */
}

void ring_cancel(struct ring *ring, struct ring_op *op)
{
    struct io_uring_sqe *sqe;

    if (!op->in_flight || op->cancelled)
        return;
    op->cancelled = true;
    if (op->starved) { /* only we know of it */
        op->starved = false;
        list_unlink(&op->link);
        list_link_back(&ring->cancelled, &op->link);
        return;
    }
    sqe = ring_take_sqe(ring);
    io_uring_prep_cancel(sqe, op, 0);
    io_uring_sqe_set_data(sqe, NULL);
}
