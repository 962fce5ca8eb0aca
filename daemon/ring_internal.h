/*
 * ring_internal.h - what the files of the ring share.
 *
 * ring.c turns, ring_ops.c arms, ring_receive.c owns the receive buffers and what arrives in them,
 * ring_probe.c finds out what the kernel can do, ring_restrict.c gives up what is not needed,
 * ring_sockets.c makes plain calls, ring_faults.c lies. Nobody else includes this: liburing stops
 * here.
 */
#ifndef HAULD_RING_INTERNAL_H
#define HAULD_RING_INTERNAL_H

#include "ring.h"

#include <liburing.h>

#define RING_RANDOM_WORDS 32
#define RING_TIER_BYTES 96
#define RING_BUFFER_GROUP 0

enum ring_kind {
    RING_CONNECT,
    RING_SEND,
    RING_SENDMSG,
    RING_RECVMSG,
    RING_RECV_MANY, /* ring_recv_start: multishot, into the ring's buffers */
    RING_RECV_POLL, /* the same where the kernel has no such thing: poll, then recv(2) */
    RING_RECV,
    RING_ACCEPT,
    RING_POLL,
    RING_READ,
    RING_FAULTY, /* of a test's plan: ends with op->bytes, whatever the kernel says */
};

enum ring_call {
    RING_CALL_SOCKET,
    RING_CALL_OPTION,
    RING_CALL_BIND,
};

/* What the kernel can do, by trial. */
struct ring_tier {
    bool multishot;     /* multishot receive into provided buffers, in every way we use it */
    bool defer_taskrun; /* completions are made in our enter, in batches */
    bool min_wait;      /* wait for several, but not for long */
    bool absolute_wait; /* wait until, not for */
};

/*
 * One range of memory cut into equal buffers. Those with ids below published go round: the kernel
 * takes them in the order in which they were given. The rest was never touched and costs nothing.
 */
struct ring_buffers {
    struct io_uring_buf_ring *shared; /* NULL: the kernel gets none */
    unsigned entries;                 /* of shared, a power of two */
    char *memory;
    size_t memory_bytes;
    unsigned buffer_bytes;
    unsigned count;
    unsigned published;
    unsigned added;     /* put into shared since the last enter, not yet shown */
    unsigned available; /* shown to the kernel and not yet come back */
};

struct ring_faults;

struct ring {
    struct io_uring uring;
    struct ring_tier tier;
    unsigned enter_flags;
    unsigned wait_beyond; /* completions to wait for, besides the sends that end at once */
    unsigned sends_armed; /* since the last enter */
    unsigned stamps_count;
    struct ring_op **stamps; /* whose submission the next enter is; room for one per SQE */
    uint64_t now_ns;
    bool is_restricted;            /* by the kernel, to the operations it is for */
    int broken;                    /* -errno once the ring is of no use any more */
    struct io_uring_sqe spare_sqe; /* where ops go then */

    struct ring_buffers buffers;
    struct list starved;   /* ops that wait for buffers, the oldest first */
    struct list cancelled; /* ops the kernel does not know, and that have to end */
    struct list deferred;

    struct ring_counters counters;
    uint64_t random[RING_RANDOM_WORDS];
    unsigned random_left;
    char tier_text[RING_TIER_BYTES];
    struct ring_faults *faults; /* NULL without a plan */
};

/* ring.c */
/* Like ring_new, without asking how the kernel behaves: tier_max is taken for granted. All options
 * are given. */
int ring_open(struct ring **ret_ring, const struct ring_options *options,
              const struct ring_tier *tier_max);
/* The next free entry of the submission queue; submits to make room. Never NULL. */
struct io_uring_sqe *ring_take_sqe(struct ring *ring);
/* The last event of op, without bytes. */
void ring_end_op(struct ring *ring, struct ring_op *op, int32_t result);

/* ring_ops.c: arm again what goes on. */
struct io_uring_sqe *ring_arm_send(struct ring *ring, struct ring_op *op);
void ring_arm_recv_many(struct ring *ring, struct ring_op *op);
void ring_arm_recv_poll(struct ring *ring, struct ring_op *op);

/* ring_receive.c */
int ring_buffers_init(struct ring *ring, const struct ring_options *options);
void ring_buffers_deinit(struct ring *ring);
/* Shows the kernel the buffers that came back; before each enter. */
void ring_buffers_show(struct ring *ring);
void ring_complete_recv_many(struct ring *ring, struct ring_op *op, int32_t result, uint32_t flags);
void ring_complete_recv_poll(struct ring *ring, struct ring_op *op, int32_t result);
char *ring_buffer_data(const struct ring_buffers *buffers, unsigned id);
/* Takes a buffer back that a completion brought. */
void ring_buffer_return(struct ring *ring, unsigned id);
/* Arms the starved ops again for which there are buffers now. */
void ring_feed_starved(struct ring *ring);

/* ring_probe.c */
/* Opens ring->uring, disabled, with the best flags the kernel takes, and fills ring->tier within
 * tier_max. */
int ring_probe_setup(struct ring *ring, const struct ring_options *options,
                     const struct ring_tier *tier_max);
/* The rest of ring->tier, which takes a ring that is enabled. */
void ring_probe_enabled(struct ring *ring, const struct ring_tier *tier_max);
/* Tries on a small ring what haul relies on. */
int ring_probe_behaviour(struct ring_tier *ret_tier);
void ring_probe_explain(int error, struct ring_trouble *ret_trouble);

/* ring_restrict.c */
/* Gives up all but what the ring is for, if the kernel can do that, and enables it. */
int ring_restrict(struct ring *ring);

/* ring_faults.c, which is in test builds only. */
#ifdef HAUL_WITH_FAULTS
/* Reads the plan from the environment; -EINVAL with *ret_trouble filled when it makes no sense. */
int ring_faults_init(struct ring *ring, struct ring_trouble *ret_trouble);
void ring_faults_deinit(struct ring *ring);
/* May replace what the freshly filled entry does. */
void ring_fault_arm(struct ring *ring, struct ring_op *op, struct io_uring_sqe *sqe);
/* May change the result; true when the completion has been dealt with. */
bool ring_fault_reap(struct ring *ring, struct ring_op *op, int32_t *result, uint32_t flags);
/* A completion of a RING_FAULTY op. */
void ring_fault_end(struct ring *ring, struct ring_op *op, uint32_t flags);
/* 0, or what the call is to return. */
int ring_fault_call(struct ring *ring, enum ring_call call);
#else
static inline int ring_faults_init(struct ring *ring, struct ring_trouble *ret_trouble)
{
    (void)ring;
    (void)ret_trouble;
    return 0;
}

static inline void ring_faults_deinit(struct ring *ring)
{
    (void)ring;
}

static inline void ring_fault_arm(struct ring *ring, struct ring_op *op, struct io_uring_sqe *sqe)
{
    (void)ring;
    (void)op;
    (void)sqe;
}

static inline bool ring_fault_reap(struct ring *ring, struct ring_op *op, int32_t *result,
                                   uint32_t flags)
{
    (void)ring;
    (void)op;
    (void)result;
    (void)flags;
    return false;
}

static inline void ring_fault_end(struct ring *ring, struct ring_op *op, uint32_t flags)
{
    (void)ring;
    (void)op;
    (void)flags;
}

static inline int ring_fault_call(struct ring *ring, enum ring_call call)
{
    (void)ring;
    (void)call;
    return 0;
}
#endif

#endif
