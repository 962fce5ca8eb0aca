/*
 * pool.c - connections kept warm, per route.
 *
 * A conn is in exactly one place: dialing (a lease caused it), leased (an exchange owns it) or idle
 * (we own it). Only idle conns are linked here, so acquire never searches.
 *
 *      acquire            open               release
 *   ----------> dialing ---------> leased ----------> idle
 *                                    ^                  |
 *                                    +----- acquire ----+
 *
 * Every waiting lease has a dial of its own, unless the pool is at its cap of sockets; then it is
 * among the capped until a socket is closed. A conn that comes free serves the route's first
 * waiter, whose dial goes on without it and ends up idle: the next one will want it.
 *
 * We reuse the newest idle conn and evict the oldest: the longer a conn has been quiet, the
 * likelier it is that the origin has already hung up.
 *
 * Rejected: counting a dial against the route instead of against a lease. A failed dial then has
 * no one to tell, or everyone.
 */
#include "pool.h"

#include "pool_route.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct pool_dial {
    struct dial dial;
    struct list link; /* linked: spare */
    struct pool *pool;
    struct pool_route *route;
    struct pool_lease *lease; /* whom it is for; NULL: served otherwise meanwhile */
};

static const struct conn_events pool_idle_events;
static const struct dial_events pool_dial_events;
static void pool_on_conn_gone(void *ctx);
static void pool_on_serve(struct ring_deferred *deferred);
static void pool_on_idle_timer(struct timer *timer, uint64_t now_ns);

int pool_init(struct pool *pool, struct ring *ring, struct timers *timers, struct resolve *resolve,
              const struct pool_options *options)
{
    int r;

    *pool = (struct pool){ .ring = ring,
                           .timers = timers,
                           .options = *options,
                           .buckets_count = POOL_BUCKETS,
                           .hash_seed = ring_random(ring),
                           .serve.run = pool_on_serve };
    pool->dialer = (struct dialer){
        .ring = ring, .timers = timers, .resolve = resolve, .conns = &pool->conns
    };
    list_init(&pool->idle_by_age);
    turn_queue_init(&pool->capped);
    list_init(&pool->spare_dials);
    list_init(&pool->asleep);
    timer_init(&pool->idle_timer, pool_on_idle_timer);
    slab_init(&pool->dials, sizeof(struct pool_dial), options->conns_max);
    pool->buckets = calloc(pool->buckets_count, sizeof(struct pool_route *));
    if (!pool->buckets)
        return -ENOMEM;
    r = conns_init(&pool->conns, ring, options->conns_max, pool_on_conn_gone, pool);
    pool->conns.ports = options->ports;
    return r;
}

void pool_deinit(struct pool *pool)
{
    if (!pool->buckets)
        return;
    pool_route_drop_asleep(pool, 0);
    assert(pool->routes_count == 0);
    timers_disarm(pool->timers, &pool->idle_timer);
    ring_undefer(&pool->serve);
    conns_deinit(&pool->conns);
    tls_contexts_deinit(&pool->contexts);
    slab_deinit(&pool->dials);
    free(pool->buckets);
    pool->buckets = NULL;
}

static void pool_unlink_idle(struct pool *pool, struct conn *conn)
{
    struct pool_route *route = conn->route;

    list_unlink(&conn->link);
    list_unlink(&conn->age_link);
    pool_route_keep_session(route, conn);
    pool->idle_count--;
    route->users--;
}

static void pool_close_idle(struct pool *pool, struct conn *conn)
{
    struct pool_route *route = conn->route;

    pool_unlink_idle(pool, conn);
    conn_close(conn);
    pool_route_drop_if_unused(pool, route);
}

/* A server that speaks on an idle connection (408, or a stream out of step) is not understood. */
static void pool_on_idle_bytes(void *ctx, struct conn *conn, struct span bytes, uint64_t now_ns)
{
    (void)bytes;
    (void)now_ns;
    pool_close_idle(ctx, conn);
}

static void pool_on_idle_closed(void *ctx, struct conn *conn, int error, bool while_sending)
{
    (void)error; /* an idle connection may go as it likes */
    (void)while_sending;
    pool_close_idle(ctx, conn);
}

static const struct conn_events pool_idle_events = {
    .bytes = pool_on_idle_bytes,
    .closed = pool_on_idle_closed,
};

static void pool_on_idle_timer(struct timer *timer, uint64_t now_ns)
{
    struct pool *pool = container_of(timer, struct pool, idle_timer);
    struct list *oldest;

    while ((oldest = list_last(&pool->idle_by_age))) {
        struct conn *conn = container_of(oldest, struct conn, age_link);

        if (conn->idle_since_ns + pool->options.idle_timeout_ns > now_ns) {
            timers_arm(pool->timers, timer, conn->idle_since_ns + pool->options.idle_timeout_ns);
            return;
        }
        pool_close_idle(pool, conn);
    }
}

void pool_change_idle_timeout(struct pool *pool, uint64_t timeout_ns)
{
    pool->options.idle_timeout_ns = timeout_ns;
    if (pool->idle_count)
        timers_arm(pool->timers, &pool->idle_timer, ring_now_ns(pool->ring));
}

static void pool_keep_idle(struct pool *pool, struct pool_route *route, struct conn *conn)
{
    conn->route = route;
    conn->idle_since_ns = ring_now_ns(pool->ring);
    conn_adopt(conn, &pool_idle_events, pool);
    conn_rest(conn);
    list_link_front(&route->idle, &conn->link);
    list_link_front(&pool->idle_by_age, &conn->age_link);
    pool->idle_count++;
    route->users++;
    if (!timer_is_armed(&pool->idle_timer))
        timers_arm(pool->timers, &pool->idle_timer,
                   conn->idle_since_ns + pool->options.idle_timeout_ns);
}

static bool pool_has_room(const struct pool *pool)
{
    /* A dial counts whether or not it has its socket already. */
    return pool->leased_count + pool->idle_count + pool->dialing_count + pool->conns.closing_count <
           pool->options.conns_max;
}

/* The lease gets a dial, or (false) waits among the capped for a socket. */
static bool pool_start_dial(struct pool *pool, struct pool_lease *lease)
{
    struct pool_dial *dial;
    struct list *oldest;

    if (!pool_has_room(pool)) {
        oldest = list_last(&pool->idle_by_age);
        if (oldest)
            pool_close_idle(pool, container_of(oldest, struct conn, age_link));
        lease->held_by = WIRE_CAP_CONNECTIONS;
        turn_queue_push(&pool->capped, &lease->turn, lease->client_key);
        return false;
    }
    dial = slab_acquire(&pool->dials);
    if (!dial) {
        lease->held_by = WIRE_CAP_CONNECTIONS;
        turn_queue_push(&pool->capped, &lease->turn, lease->client_key);
        return false;
    }
    list_init(&dial->link);
    dial->pool = pool;
    dial->route = lease->route;
    dial->lease = lease;
    lease->dial = dial;
    lease->route->users++;
    pool->dialing_count++;
    list_link_back(&lease->route->waiting, &lease->link);
    dial_start(&dial->dial, &pool->dialer, &lease->route->dial_route, &lease->options,
               pool_route_take_session(lease->route), &pool_dial_events);
    return true;
}

static void pool_lend(struct pool *pool, struct pool_lease *lease, struct conn *conn)
{
    lease->reused = conn->used;
    conn->used = true;
    if (conn->tls)
        lease->tls = tls_names(conn->tls);
    pool->leased_count++;
}

struct conn *pool_acquire(struct pool *pool, struct pool_lease *lease, const struct pool_key *key,
                          bool fresh, struct fault *ret_fault)
{
    struct pool_route *route = pool_route_get(pool, key, ret_fault);
    struct list *newest;
    struct conn *conn;

    if (!route)
        return NULL;
    list_init(&lease->link);
    lease->route = route;
    lease->dial = NULL;
    lease->fresh = fresh;
    lease->reused = false;
    lease->resumed = false;
    lease->tls = (struct tls_names){ 0 };
    lease->resolved_ns = lease->connected_ns = lease->tls_ns = 0;
    lease->connect_status = 0;
    route->users++;
    newest = fresh ? NULL : list_first(&route->idle);
    if (newest) {
        conn = container_of(newest, struct conn, link);
        assert(conn_is_reusable(conn));
        pool_unlink_idle(pool, conn);
        pool_lend(pool, lease, conn);
        return conn;
    }
    (void)pool_start_dial(pool, lease); /* ready or failed comes in either case */
    return NULL;
}

/* The lease has a conn now. */
static void pool_serve(struct pool *pool, struct pool_lease *lease, struct conn *conn)
{
    list_unlink(&lease->link);
    if (lease->turn.is_queued)
        turn_queue_take(&pool->capped, &lease->turn);
    lease->dial = NULL;
    pool_lend(pool, lease, conn);
    lease->ready(lease, conn);
}

static void pool_dial_end(struct pool *pool, struct pool_dial *dial)
{
    struct pool_route *route = dial->route;

    pool->dialing_count--;
    route->users--;
    list_unlink(&dial->link);
    slab_release(&pool->dials, dial);
    pool_route_drop_if_unused(pool, route);
}

/* A lease of this route that waits for a dial, or else for a socket. */
static struct pool_lease *pool_first_waiter(const struct pool *pool, const struct pool_route *route)
{
    struct list *first = list_first(&route->waiting);
    struct turn_entry *turn = turn_queue_first(&pool->capped);
    struct pool_lease *lease = NULL;

    /* Of the capped ones only the head is looked at: no search through thousands. */
    if (first)
        lease = container_of(first, struct pool_lease, link);
    else if (turn)
        lease = container_of(turn, struct pool_lease, turn);
    return lease && lease->route == route && !lease->fresh ? lease : NULL;
}

/* A conn without a holder: for whoever waits for it, else idle; at the cap it makes room. */
static void pool_place(struct pool *pool, struct pool_route *route, struct conn *conn)
{
    struct pool_lease *waiter = pool_first_waiter(pool, route);

    if (waiter) {
        if (waiter->dial) {
            waiter->dial->lease = NULL;
            list_link_back(&pool->spare_dials, &waiter->dial->link);
        }
        conn_rest(conn);
        pool_serve(pool, waiter, conn);
        return;
    }
    pool_keep_idle(pool, route, conn);
    if (turn_queue_first(&pool->capped))
        pool_close_idle(pool, conn);
}

static void pool_on_dial_open(struct dial *inner, struct conn *conn)
{
    struct pool_dial *dial = container_of(inner, struct pool_dial, dial);
    struct pool *pool = dial->pool;
    struct pool_lease *lease = dial->lease;

    if (lease) {
        lease->resolved_ns = inner->resolved_ns;
        lease->connected_ns = inner->connected_ns;
        lease->tls_ns = inner->tls_ns;
        lease->connect_status = inner->connect_status;
        lease->resumed = conn->tls && tls_is_resumed(conn->tls);
        pool_dial_end(pool, dial);
        pool_serve(pool, lease, conn);
        return;
    }
    pool_place(pool, dial->route, conn);
    pool_dial_end(pool, dial);
}

static void pool_on_dial_failed(struct dial *inner, const struct fault *fault)
{
    struct pool_dial *dial = container_of(inner, struct pool_dial, dial);
    struct pool *pool = dial->pool;
    struct pool_lease *lease = dial->lease;
    struct fault copy = *fault;
    char words[POLICY_WORDS_ROOM];

    if (fault->why == inner->words) { /* the dial is gone before they are read */
        memcpy(words, inner->words, sizeof(words));
        copy.why = words;
    }
    if (lease) {
        list_unlink(&lease->link);
        lease->resolved_ns = inner->resolved_ns;
        lease->connected_ns = inner->connected_ns;
        lease->connect_status = inner->connect_status;
        lease->dial = NULL;
        lease->route->users--;
        lease->route = NULL;
    }
    pool_dial_end(pool, dial);
    if (lease)
        lease->failed(lease, &copy);
    ring_defer(pool->ring, &pool->serve);
}

static const struct dial_events pool_dial_events = {
    .open = pool_on_dial_open,
    .failed = pool_on_dial_failed,
};

/* A socket was closed: leases that wait for one get their turn. */
static void pool_on_serve(struct ring_deferred *deferred)
{
    struct pool *pool = container_of(deferred, struct pool, serve);

    while (turn_queue_first(&pool->capped) && pool_has_room(pool)) {
        struct turn_entry *first = turn_queue_pop(&pool->capped);

        if (!pool_start_dial(pool, container_of(first, struct pool_lease, turn)))
            return; /* no memory for its dial: the next socket that closes asks again */
    }
}

static void pool_on_conn_gone(void *ctx)
{
    struct pool *pool = ctx;

    if (turn_queue_first(&pool->capped))
        ring_defer(pool->ring, &pool->serve);
}

enum phase pool_waiting_phase(const struct pool_lease *lease)
{
    return lease->dial ? dial_phase(&lease->dial->dial) : PHASE_QUEUE;
}

void pool_cancel(struct pool *pool, struct pool_lease *lease)
{
    struct pool_route *route = lease->route;
    struct pool_dial *dial = lease->dial;

    list_unlink(&lease->link);
    if (lease->turn.is_queued)
        turn_queue_remove(&lease->turn);
    lease->route = NULL;
    lease->dial = NULL;
    route->users--;
    if (dial) {
        lease->resolved_ns = dial->dial.resolved_ns;
        lease->connected_ns = dial->dial.connected_ns;
        dial_cancel(&dial->dial);
        pool_dial_end(pool, dial);
        ring_defer(pool->ring, &pool->serve);
    } else {
        pool_route_drop_if_unused(pool, route);
    }
}

void pool_release(struct pool *pool, struct pool_lease *lease, struct conn *conn, bool reuse)
{
    struct pool_route *route = lease->route;

    assert(route && pool->leased_count > 0);
    pool->leased_count--;
    lease->route = NULL;
    route->users--;
    pool_route_keep_session(route, conn);
    if (!reuse || pool->closing || !conn_is_reusable(conn)) {
        conn_close(conn);
        pool_route_drop_if_unused(pool, route);
        return;
    }
    pool_place(pool, route, conn);
}

void pool_close(struct pool *pool)
{
    struct list *oldest, *spare;

    pool->closing = true;
    while ((spare = list_first(&pool->spare_dials))) {
        struct pool_dial *dial = container_of(spare, struct pool_dial, link);

        dial_cancel(&dial->dial);
        pool_dial_end(pool, dial);
    }
    while ((oldest = list_last(&pool->idle_by_age)))
        pool_close_idle(pool, container_of(oldest, struct conn, age_link));
    pool_route_drop_asleep(pool, 0);
}

bool pool_is_closed(const struct pool *pool)
{
    return pool->conns.open_count == 0 && pool->dialing_count == 0 && pool->leased_count == 0;
}

static unsigned pool_check_route(const struct pool_route *route)
{
    unsigned idle = 0;

    for (const struct list *at = route->idle.next; at != &route->idle; at = at->next) {
        const struct conn *conn = container_of((struct list *)at, struct conn, link);

        assert(conn->route == route);
        assert(conn_is_reusable(conn) || conn->ended);
        conn_check(conn);
        idle++;
    }
    assert(route->users >= idle);
    return idle;
}

void pool_check(const struct pool *pool)
{
    unsigned idle = 0, routes = 0;

    for (unsigned i = 0; i < pool->buckets_count; i++) {
        for (const struct pool_route *r = pool->buckets[i]; r; r = r->next) {
            idle += pool_check_route(r);
            routes++;
        }
    }
    assert(routes == pool->routes_count);
    assert(idle == pool->idle_count);
    assert(pool->conns.open_count <= pool->options.conns_max);
}
