/*
 * ring.c - one turn of the loop.
 *
 * A turn is one system call: it submits everything that was armed since the last one, waits, and
 * comes back with completions. Work is done only after it, from here, so that a callback runs on
 * top of nothing but the loop:
 *
 *      armed ops --> enter (submit, wait, collect) --> completions --> starved ops --> deferred
 *                    ^ clock                 ^ clock
 *
 * Two clock reads a turn. The one before the enter is when the sends and connects in it left; the
 * one after it is when its completions were there. Callbacks that take long do not spoil either.
 *
 * How many completions to wait for. A send to a socket with room ends inside the submission
 * itself, so waiting for one completion would bring back the send alone, and the answer would cost
 * a second call. We wait for one more than the sends in the batch, and for several more when many
 * ops are expected. That is only safe where the kernel can bound it (min-wait: so many completions,
 * but after min_wait_us a single one is enough); elsewhere we wait for one.
 *
 * Every op ends exactly once. What the kernel does not know (a receive that waits for buffers) is
 * on a list here, and ends from the list when it is cancelled.
 *
 * Rejected: linked timeouts (an SQE, a CQE and a kernel timer per request; the wheel costs two list
 * operations); a thread of the kernel's that polls the queue (a core per loop); waiting in
 * liburing's helpers (they may enter more than once per call, and they do not enter at all when
 * completions are there, which starves a DEFER_TASKRUN ring).
 *
 * A turn that must not wait still says how many completions it would take. Of the work it has put
 * off (a connect over the loopback ends there) the kernel does as much as is waited for, and else
 * no more than 20 pieces (io_uring/io_uring.c, IO_LOCAL_TW_DEFAULT_MAX): thousands of connections
 * would stand open while none of their requests left.
 */
#include "ring_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

#define RING_DEFERRED_PASSES 16u
#define NS_PER_SECOND UINT64_C(1000000000)
#define SUBMIT_TRIES_MAX 1000
#define WAIT_BEYOND_MAX 64
#define MIN_WAIT_US 50
/* A wait without a deadline gets this one: without any, the end of the min-wait would end it. */
#define WAIT_NS_MAX (3600 * NS_PER_SECOND)

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now); /* cannot fail for the two clocks we ask */
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

int ring_open(struct ring **ret_ring, const struct ring_options *options,
              const struct ring_tier *tier_max)
{
    struct ring *ring = calloc(1, sizeof(*ring));
    int r;

    if (!ring)
        return -ENOMEM;
    ring->uring.ring_fd = -1;
    list_init(&ring->starved);
    list_init(&ring->cancelled);
    list_init(&ring->deferred);
    ring_set_load(ring, 0);

    r = ring_probe_setup(ring, options, tier_max);
    if (r < 0)
        goto fail;

    r = -ENOMEM;
    ring->stamps = calloc(ring->uring.sq.ring_entries, sizeof(struct ring_op *));
    if (!ring->stamps)
        goto fail;

    r = ring_buffers_init(ring, options);
    if (r < 0)
        goto fail;
    r = ring_restrict(ring); /* all is registered */
    if (r < 0)
        goto fail;
    ring_probe_enabled(ring, tier_max);

    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* else waits may end 50 us late */
    ring->now_ns = clock_ns(CLOCK_MONOTONIC);
    *ret_ring = ring;
    return 0;

fail:
    ring_free(ring);
    return r;
}

int ring_new(struct ring **ret_ring, const struct ring_options *options,
             struct ring_trouble *ret_trouble)
{
    struct ring_options chosen = options ? *options : (struct ring_options){ 0 };
    struct ring_tier tier;
    struct ring *ring = NULL;
    int r;

    chosen.sq_entries = chosen.sq_entries ? chosen.sq_entries : 512;
    chosen.cq_entries = chosen.cq_entries ? chosen.cq_entries : 16384;
    chosen.buffers_published = chosen.buffers_published ? chosen.buffers_published : 256;
    chosen.buffers_max = chosen.buffers_max ? chosen.buffers_max : 1024;
    chosen.buffer_bytes = chosen.buffer_bytes ? chosen.buffer_bytes : 16384;

    r = ring_probe_behaviour(&tier);
    if (r == 0)
        r = ring_open(&ring, &chosen, &tier);
    if (r < 0) {
        ring_probe_explain(r, ret_trouble);
        return r;
    }
    r = ring_faults_init(ring, ret_trouble);
    if (r < 0) {
        ring_free(ring);
        return r;
    }
    *ret_ring = ring;
    return 0;
}

void ring_free(struct ring *ring)
{
    if (!ring)
        return;
    ring_faults_deinit(ring);
    if (ring->uring.ring_fd >= 0)
        io_uring_queue_exit(&ring->uring);
    ring_buffers_deinit(ring); /* only now that the kernel writes there no more */
    free(ring->stamps);
    free(ring);
}

const char *ring_tier(const struct ring *ring)
{
    return ring->tier_text;
}

bool ring_is_restricted(const struct ring *ring)
{
    return ring->is_restricted;
}

const struct ring_counters *ring_counters(const struct ring *ring)
{
    return &ring->counters;
}

void ring_set_load(struct ring *ring, unsigned ops_expected)
{
    unsigned wait = ops_expected / 8;

    ring->wait_beyond = wait < 1 ? 1 : wait > WAIT_BEYOND_MAX ? WAIT_BEYOND_MAX : wait;
}

void ring_defer(struct ring *ring, struct ring_deferred *deferred)
{
    if (deferred->pending)
        return;
    deferred->pending = true;
    list_link_back(&ring->deferred, &deferred->link);
}

uint64_t ring_now_ns(const struct ring *ring)
{
    return ring->now_ns;
}

uint64_t ring_clock_ns(struct ring *ring)
{
    (void)ring;
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t ring_wall_ns(struct ring *ring)
{
    (void)ring;
    return clock_ns(CLOCK_REALTIME);
}

uint64_t ring_random(struct ring *ring)
{
    if (ring->random_left == 0) {
        ssize_t bytes = getrandom(ring->random, sizeof(ring->random), 0);

        assert(bytes == sizeof(ring->random)); /* up to 256 bytes it cannot be interrupted */
        ring->random_left = RING_RANDOM_WORDS;
    }
    return ring->random[--ring->random_left];
}

/* ---- entering the kernel ---- */

/* Makes the SQEs visible to the kernel, as liburing does on submit; returns how many there are. */
static unsigned publish_sqes(struct io_uring_sq *sq)
{
    sq->sqe_head = sq->sqe_tail;
    io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
    return sq->sqe_tail - *sq->khead;
}

static void stamp_ops(struct ring *ring, uint64_t now_ns)
{
    for (unsigned i = 0; i < ring->stamps_count; i++)
        ring->stamps[i]->submitted_ns = now_ns;
    ring->stamps_count = 0;
    ring->sends_armed = 0;
}

/* The one place from which the kernel is entered. Returns what the call returns, -errno. */
static int ring_enter(struct ring *ring, uint64_t before_ns, unsigned wait_count, unsigned flags,
                      struct io_uring_getevents_arg *wait)
{
    unsigned sqes;
    int r;

    ring_buffers_show(ring);
    sqes = publish_sqes(&ring->uring.sq);
    stamp_ops(ring, before_ns);
    ring->counters.enters++;
    r = io_uring_enter2((unsigned)ring->uring.enter_ring_fd, sqes, wait_count,
                        flags | ring->enter_flags, (void *)wait, wait ? sizeof(*wait) : 0);
    if (r > 0)
        ring->counters.sqes += (unsigned)r;
    return r;
}

/* Submits so that there is room for more; completions stay where they are. */
static bool ring_make_room(struct ring *ring)
{
    for (unsigned tries = 0; tries < SUBMIT_TRIES_MAX; tries++) {
        int r = ring_enter(ring, clock_ns(CLOCK_MONOTONIC), 0, 0, NULL);

        if (r > 0)
            return true;
        if (r < 0 && r != -EAGAIN && r != -EBUSY && r != -EINTR) {
            ring->broken = r;
            return false;
        }
        /* The kernel is short of memory for requests: that passes, or nothing will help. */
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    ring->broken = -EAGAIN;
    return false;
}

struct io_uring_sqe *ring_take_sqe(struct ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

    if (__builtin_expect(sqe != NULL, 1))
        return sqe;
    /* A ring that is broken swallows ops; the next turn says so. */
    if (ring->broken < 0 || !ring_make_room(ring))
        return &ring->spare_sqe;
    return io_uring_get_sqe(&ring->uring);
}

/* What an enter may answer without anything being wrong. */
static int wait_verdict(struct ring *ring, int result)
{
    switch (result) {
    case -ETIME:  /* the deadline */
    case -EINTR:  /* a signal */
    case -EAGAIN: /* no memory for requests now */
    case -EBUSY:  /* completions must be taken first: we are about to */
        return 0;
    case -EBADR:
        ring->counters.lost_completions++;
        return result;
    default:
        return result < 0 ? result : 0;
    }
}

/* Submits and waits; afterwards the completions are in the queue. */
static int ring_wait(struct ring *ring, uint64_t deadline_ns)
{
    uint64_t before_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t latest_ns = before_ns + WAIT_NS_MAX;
    uint64_t until_ns = deadline_ns < latest_ns ? deadline_ns : latest_ns;
    unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    struct io_uring_getevents_arg wait = { 0 };
    struct __kernel_timespec timeout;
    bool may_wait = until_ns > before_ns && io_uring_cq_ready(&ring->uring) == 0;
    unsigned wait_count = 0;
    int r;

    if (!may_wait)
        until_ns = before_ns;
    if (may_wait || ring->wait_beyond > 1) {
        uint64_t ns = until_ns;

        wait_count = 1;
        if (!may_wait || ring->tier.min_wait)
            wait_count = ring->sends_armed + ring->wait_beyond;
        if (may_wait && wait_count > 1)
            wait.min_wait_usec = MIN_WAIT_US;
        if (ring->tier.absolute_wait)
            flags |= IORING_ENTER_ABS_TIMER;
        else
            ns = until_ns - before_ns;
        timeout.tv_sec = (int64_t)(ns / NS_PER_SECOND);
        timeout.tv_nsec = (long long)(ns % NS_PER_SECOND);
        wait.ts = (uint64_t)(uintptr_t)&timeout;
    }

    r = ring_enter(ring, before_ns, wait_count, flags, &wait);
    ring->now_ns = clock_ns(CLOCK_MONOTONIC);
    if (io_uring_cq_has_overflow(&ring->uring))
        ring->counters.cq_overflows++;
    return wait_verdict(ring, r);
}

/* ---- what came back ---- */

void ring_end_op(struct ring *ring, struct ring_op *op, int32_t result)
{
    struct ring_event event = {
        .result = result,
        .submitted_ns = op->submitted_ns,
        .completed_ns = ring->now_ns,
    };

    assert(op->in_flight);
    op->in_flight = false;
    op->done(op, &event);
}

/* MSG_WAITALL makes this rare: what is left after a short send is sent, or shows the error that
 * cut it short. */
static void ring_complete_send(struct ring *ring, struct ring_op *op, int32_t result)
{
    size_t bytes = (size_t)result;

    if (result < 0) {
        ring_end_op(ring, op, result);
        return;
    }
    assert(bytes <= op->rest.bytes);
    span_advance(&op->rest, bytes);
    if (span_is_empty(op->rest))
        ring_end_op(ring, op, op->bytes);
    else if (op->cancelled)
        ring_end_op(ring, op, -ECANCELED);
    else if (bytes == 0)
        ring_end_op(ring, op, -EPIPE); /* a stream socket that takes nothing: never seen */
    else
        ring_arm_send(ring, op);
}

static void ring_complete(struct ring *ring, struct ring_op *op, int32_t result, uint32_t flags)
{
    if (ring_fault_reap(ring, op, &result, flags))
        return;

    switch ((enum ring_kind)op->kind) {
    case RING_RECV_MANY:
        ring_complete_recv_many(ring, op, result, flags);
        break;
    case RING_RECV_POLL:
        ring_complete_recv_poll(ring, op, result);
        break;
    case RING_SEND:
        ring_complete_send(ring, op, result);
        break;
    case RING_CONNECT:
    case RING_SENDMSG:
    case RING_RECVMSG:
    case RING_RECV:
    case RING_ACCEPT:
    case RING_POLL:
    case RING_READ:
        ring_end_op(ring, op, result);
        break;
    case RING_FAULTY:
        ring_fault_end(ring, op, flags);
        break;
    }
}

/* Takes all completions that are there; those that callbacks cause meanwhile are for the next turn,
 * so this ends. The head moves once, at the end: entries are read in place. */
static void ring_dispatch(struct ring *ring)
{
    struct io_uring_cq *cq = &ring->uring.cq;
    unsigned head = *cq->khead;
    unsigned count = io_uring_smp_load_acquire(cq->ktail) - head;

    ring->counters.cqes += count;
    for (unsigned i = 0; i < count; i++) {
        const struct io_uring_cqe *cqe = &cq->cqes[(head + i) & cq->ring_mask];
        struct ring_op *op = io_uring_cqe_get_data(cqe);

        if (op) /* else it is the answer to a cancel: the op itself tells the outcome */
            ring_complete(ring, op, cqe->res, cqe->flags);
    }
    io_uring_cq_advance(&ring->uring, count);
}

static void take_all(struct list *from, struct list *ret_all)
{
    struct list *link;

    list_init(ret_all);
    while ((link = list_pop(from)))
        list_link_back(ret_all, link);
}

/* Ends the cancelled ops that the kernel has not. A callback may cancel more: for the next turn. */
static void ring_end_cancelled(struct ring *ring)
{
    struct list ending;
    struct list *link;

    take_all(&ring->cancelled, &ending);
    while ((link = list_pop(&ending)))
        ring_end_op(ring, container_of(link, struct ring_op, link), -ECANCELED);
}

/* Deferred work defers more (a result wakes a session, which starts items, which wake an outbox):
 * all of it belongs to this turn, so that one enter submits what it arms. Bounded all the same. */
static void ring_run_deferred(struct ring *ring)
{
    struct list running;
    struct list *link;

    for (unsigned pass = 0; pass < RING_DEFERRED_PASSES && !list_is_empty(&ring->deferred);
         pass++) {
        take_all(&ring->deferred, &running);
        while ((link = list_pop(&running))) {
            struct ring_deferred *deferred = container_of(link, struct ring_deferred, link);

            deferred->pending = false;
            deferred->run(deferred);
        }
    }
}

int ring_turn(struct ring *ring, uint64_t deadline_ns)
{
    int r;

    if (ring->broken < 0)
        return ring->broken;
    ring->counters.turns++;
    if (!list_is_empty(&ring->deferred)) {
        /* What timers and planned starts put off since the last turn. It may arm timers, of which
         * deadline_ns knows nothing: come back at once to be asked with the right one. */
        ring_run_deferred(ring);
        deadline_ns = 0;
    }
    if (!list_is_empty(&ring->cancelled))
        deadline_ns = 0;

    r = ring_wait(ring, deadline_ns);
    if (r < 0) {
        ring->broken = r;
        return r;
    }
    ring_dispatch(ring);
    ring_end_cancelled(ring);
    ring_feed_starved(ring);
    ring_run_deferred(ring);
    return ring->broken;
}

void ring_check(const struct ring *ring)
{
    const struct ring_buffers *buffers = &ring->buffers;

    assert(ring->stamps_count <= ring->uring.sq.ring_entries);
    assert(buffers->published <= buffers->count);
    /* Fewer only while completions are held back in the kernel. */
    assert(buffers->available + buffers->added <= buffers->published);
    for (const struct list *link = ring->starved.next; link != &ring->starved; link = link->next) {
        const struct ring_op *op = container_of(link, struct ring_op, link);

        assert(op->in_flight);
        assert(op->starved);
        assert(!op->cancelled);
    }
    for (const struct list *link = ring->cancelled.next; link != &ring->cancelled;
         link = link->next) {
        const struct ring_op *op = container_of(link, struct ring_op, link);

        assert(op->in_flight);
        assert(op->cancelled);
        assert(!op->starved);
    }
}
