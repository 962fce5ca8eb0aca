/*
 * ring_restrict.c - the ring gives up what hauld never asks of it.
 *
 * seccomp sees none of what a ring is told to do, so the ring has to be bound by itself: to the few
 * operations that ring_ops.c arms, to the one flag it sets, and to no further registration. The
 * kernel takes this once, while the ring is disabled, and never gives it back. A ring so bound
 * opens no file, makes no socket and sends no command to a device, whoever writes its entries.
 *
 * Files are opened, made and removed by plain calls only, which seccomp and Landlock both see.
 *
 * A single-issuer ring belongs to the thread that enables it: the loop's own.
 */
#include "ring_internal.h"

#include <errno.h>

/* Adding an operation to ring_ops.c: a row here. */
static const struct io_uring_restriction restrictions[] = {
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_CONNECT },
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_SEND },
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_SENDMSG },
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_RECVMSG },
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_RECV },
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_ACCEPT },
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD },
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ },
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_ASYNC_CANCEL },
#ifdef HAUL_WITH_FAULTS
    { .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP },
#endif
    /* Without this row every entry with a flag would be refused. */
    { .opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_BUFFER_SELECT },
    /* liburing's, when the ring is closed: else the task would hold it to its end. */
    { .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_UNREGISTER_RING_FDS },
};

int ring_restrict(struct ring *ring)
{
    struct io_uring_restriction rows[sizeof(restrictions) / sizeof(restrictions[0])];
    int r;

    memcpy(rows, restrictions, sizeof(rows)); /* liburing takes no const */
    r = io_uring_register_restrictions(&ring->uring, rows, sizeof(rows) / sizeof(rows[0]));
    ring->is_restricted = r == 0;
    return io_uring_enable_rings(&ring->uring);
}
