/*
 * ring_fake.c - ops and turns of the ring without a kernel.
 *
 * A turn has two halves, as with the kernel. First all ops in flight are looked at, in the order in
 * which they were armed, and those that can complete leave their completions in a list. Then the
 * list is dispatched. What callbacks arm, cancel or cause meanwhile belongs to the next turn, and a
 * completion that is in the list comes even if its op is cancelled before its turn in the list.
 *
 * Luck decides, when there is a seed: which ops are put off to another turn, the order of the list
 * (that of one op's completions stays), where receives are cut, whether a multishot ends early.
 */
#include "fake_internal.h"

#include "sure.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TURNS_MAX 100000
#define MANY_MAX 32          /* receives of one op in one turn */
#define DEFERRED_PASSES 16   /* as ring.c's */
#define DEFERRED_MAX 1000000 /* in one turn: more than that has no end */
#define SWAPS 4
#define WALL_EPOCH_NS UINT64_C(1700000000000000000)

/* A completion on its way. */
struct arrival {
    struct list link;
    struct ring_op *op;
    struct fake_socket *socket;
    struct ring_event event;
    char *data;
    bool is_send; /* that succeeded: someone may answer */
    struct span sent;
};

static struct ring *make_ring(uint64_t seed, bool is_random)
{
    struct ring *ring = sure_calloc(1, sizeof(*ring));

    assert(ring);
    ring->now_ns = FAKE_START_NS;
    ring->random_state = seed;
    ring->is_random = is_random;
    list_init(&ring->ops);
    list_init(&ring->deferred);
    list_init(&ring->replies);
    return ring;
}

struct ring *fake_new(void)
{
    return make_ring(1, false);
}

struct ring *fake_new_random(uint64_t seed)
{
    return make_ring(seed, true);
}

int ring_new(struct ring **ret_ring, const struct ring_options *options,
             struct ring_trouble *ret_trouble)
{
    (void)options;
    (void)ret_trouble;
    *ret_ring = fake_new();
    return 0;
}

void ring_free(struct ring *ring)
{
    struct list *link;

    if (!ring)
        return;
    while ((link = list_pop(&ring->ops)))
        free(container_of(link, struct fake_op, link));
    fake_sockets_free(ring);
    free(ring);
}

bool ring_is_restricted(const struct ring *ring)
{
    (void)ring;
    return false;
}

const char *ring_tier(const struct ring *ring)
{
    return ring->is_random ? "fake, with bad luck" : "fake";
}

const struct ring_counters *ring_counters(const struct ring *ring)
{
    return &ring->counters;
}

struct ring_counters *fake_counters(struct ring *ring)
{
    return &ring->counters;
}

void ring_set_load(struct ring *ring, unsigned ops_expected)
{
    (void)ring;
    (void)ops_expected;
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
    return ring->now_ns;
}

uint64_t ring_wall_ns(struct ring *ring)
{
    return WALL_EPOCH_NS + ring->now_ns;
}

/* splitmix64 */
uint64_t ring_random(struct ring *ring)
{
    uint64_t x = ring->random_state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

void fake_advance(struct ring *ring, uint64_t ns)
{
    ring->now_ns += ns;
}

unsigned fake_ops_in_flight(const struct ring *ring)
{
    return ring->ops_in_flight;
}

void fake_check_quiet(const struct ring *ring)
{
    assert(fake_ops_in_flight(ring) == 0);
    assert(fake_open_sockets(ring) == 0);
}

/* ---- a turn ---- */

static struct arrival *add_arrival(struct ring *ring, struct list *arrivals, struct fake_op *armed,
                                   int32_t result, bool more)
{
    struct arrival *arrival = sure_calloc(1, sizeof(*arrival));

    assert(arrival);
    arrival->op = armed->op;
    arrival->socket = armed->socket;
    arrival->event = (struct ring_event){
        .result = result,
        .more = more,
        .submitted_ns = armed->op->submitted_ns,
        .completed_ns = ring->now_ns,
    };
    list_link_back(arrivals, &arrival->link);
    if (!more) {
        list_unlink(&armed->link);
        free(armed);
    }
    return arrival;
}

/* The receives of a multishot. */
static void collect_many(struct ring *ring, struct list *arrivals, struct fake_op *armed)
{
    for (unsigned i = 0; i < MANY_MAX && fake_has_incoming(armed->socket); i++) {
        char *data = sure_malloc(FAKE_BUFFER_BYTES);
        int32_t result = fake_take(armed->socket, data, fake_cut(ring, FAKE_BUFFER_BYTES));
        bool more = result > 0 && !fake_luck(ring, 8);
        struct arrival *arrival = add_arrival(ring, arrivals, armed, result, more);

        if (result > 0) {
            arrival->data = sure_malloc((size_t)result); /* exactly: one byte too far is found */
            memcpy(arrival->data, data, (size_t)result);
            arrival->event.bytes = span_of(arrival->data, (size_t)result);
            ring->counters.receives++;
        }
        free(data);
        if (!more)
            return;
    }
    ring->has_more |= fake_has_incoming(armed->socket);
}

static void collect_op(struct ring *ring, struct list *arrivals, struct fake_op *armed)
{
    enum fake_kind kind = (enum fake_kind)armed->op->kind;
    bool is_send = kind == FAKE_SEND || kind == FAKE_SENDMSG;
    struct arrival *arrival;
    int32_t result;

    if (armed->op->submitted_ns == 0)
        armed->op->submitted_ns = ring->now_ns;
    if (fake_luck(ring, 3)) { /* not now */
        ring->has_more = true;
        return;
    }
    /* A send is over before a cancel finds it; the others may be, with luck. */
    if (armed->is_cancelled && !(is_send && !armed->socket->is_held) && !fake_luck(ring, 2)) {
        (void)add_arrival(ring, arrivals, armed, -ECANCELED, false);
        return;
    }
    ring->has_more |= armed->is_cancelled;
    if (kind == FAKE_RECV_MANY) {
        collect_many(ring, arrivals, armed);
        return;
    }
    result = fake_complete(ring, armed);
    if (result == FAKE_NEVER)
        return;
    arrival = add_arrival(ring, arrivals, armed, result, false);
    arrival->is_send = is_send && result > 0;
    if (kind == FAKE_SEND)
        arrival->sent = arrival->op->rest;
}

/* Neighbours change places, unless they belong to one op. */
static void shuffle(struct ring *ring, struct list *arrivals)
{
    for (unsigned i = 0; i < SWAPS; i++) {
        struct list *link = arrivals->next;

        while (link != arrivals && link->next != arrivals) {
            struct list *next = link->next;

            if (container_of(link, struct arrival, link)->op !=
                    container_of(next, struct arrival, link)->op &&
                fake_luck(ring, 2)) {
                list_unlink(link);
                list_link_front(next, link);
            } else {
                link = next;
            }
        }
    }
}

static void collect(struct ring *ring, struct list *arrivals)
{
    struct list *link, *next;

    list_init(arrivals);
    ring->has_more = false;
    for (link = ring->ops.next; link != &ring->ops; link = next) {
        next = link->next;
        collect_op(ring, arrivals, container_of(link, struct fake_op, link));
    }
    /* Answers come a turn later at least. */
    for (link = arrivals->next; link != arrivals; link = link->next) {
        const struct arrival *arrival = container_of(link, struct arrival, link);

        if (arrival->is_send)
            fake_answer(ring, arrival->socket, arrival->sent);
    }
    shuffle(ring, arrivals);
}

static unsigned dispatch(struct ring *ring, struct list *arrivals)
{
    struct list *link;
    unsigned count = 0;

    for (; (link = list_pop(arrivals)); count++) {
        struct arrival *arrival = container_of(link, struct arrival, link);

        ring->counters.cqes++;
        if (!arrival->event.more) {
            arrival->op->in_flight = false;
            arrival->socket->ops_in_flight--;
            ring->ops_in_flight--;
        }
        arrival->op->done(arrival->op, &arrival->event);
        free(arrival->data);
        free(arrival);
    }
    return count;
}

/* As ring.c does it: what goes on deferring itself is continued in the next turn. */
static unsigned run_deferred(struct ring *ring)
{
    struct list *link;
    unsigned count = 0;

    for (unsigned pass = 0; pass < DEFERRED_PASSES && !list_is_empty(&ring->deferred); pass++) {
        struct list running;

        list_init(&running);
        while ((link = list_pop(&ring->deferred)))
            list_link_back(&running, link);
        for (; (link = list_pop(&running)); count++) {
            struct ring_deferred *deferred = container_of(link, struct ring_deferred, link);

            assert(count < DEFERRED_MAX);
            deferred->pending = false;
            deferred->run(deferred);
        }
    }
    return count;
}

int ring_turn(struct ring *ring, uint64_t deadline_ns)
{
    struct list arrivals;
    unsigned count = run_deferred(ring);

    ring->counters.turns++;
    ring->counters.enters++;
    ring->now_ns += ring->is_random; /* so that it can be seen what came first */
    collect(ring, &arrivals);
    if (list_is_empty(&arrivals) && !ring->has_more && deadline_ns > ring->now_ns &&
        deadline_ns != UINT64_MAX)
        ring->now_ns = deadline_ns;
    count += dispatch(ring, &arrivals);
    count += run_deferred(ring);
    ring->has_more |= count > 0;
    return 0;
}

unsigned fake_run(struct ring *ring)
{
    uint64_t before = ring->counters.cqes;
    unsigned turns = 0;

    do {
        turns++;
        assert(turns <= TURNS_MAX);
        (void)ring_turn(ring, 0);
    } while (ring->has_more);
    return (unsigned)(ring->counters.cqes - before);
}

void ring_check(const struct ring *ring)
{
    unsigned count = 0;

    for (const struct list *link = ring->ops.next; link != &ring->ops; link = link->next) {
        const struct fake_op *armed = container_of(link, struct fake_op, link);

        assert(armed->op->in_flight);
        assert(armed->socket->is_open);
        assert(armed->socket->ops_in_flight > 0);
        count++;
    }
    assert(count == ring->ops_in_flight);
}
