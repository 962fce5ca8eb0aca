/*
 * governor.c - origins, and what each may bear now.
 *
 * A ticket goes when nothing stops it: not its origin (cool-down, connections, rate), not its lane
 * (the batch's connections and rate there), and nobody who came before it in its lane. Else it
 * waits, and what it waits for is one of two things:
 *
 *   another ticket that leaves   governor_leave: one leave frees one place, so it starts one
 *   time                         governor_wake: the origin is in the heap of those that wait
 *
 * An origin that nobody uses is forgotten, unless its cool-down or a rate is not as good as new:
 * then it is kept until that is so, in a heap of its own, where a bound makes room for new ones by
 * forgetting the one that is nearest to it.
 *
 * Where no rate and no cool-down is in play, time plays no part: no bucket is looked at and no heap
 * touched.
 *
 * Rejected: one queue per origin in order of arrival. A batch of a million would make a later
 * single request wait for all of it.
 */
#include "governor_internal.h"

#include "table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define GOVERNOR_BUCKETS 1024u

int governor_init(struct governor *governor, const struct governor_options *options)
{
    assert(options->idle_origins_max > 0);
    *governor = (struct governor){ .buckets_count = GOVERNOR_BUCKETS, .options = *options };
    governor->buckets = calloc(governor->buckets_count, sizeof(struct governor_origin *));
    return governor->buckets ? 0 : -ENOMEM;
}

static struct governor_origin *origin_of_timing(struct heap_entry *timing)
{
    return container_of(timing, struct governor_origin, timing);
}

/* ---- the table ---- */

static struct governor_origin **governor_locate(struct governor *governor, uint64_t hash,
                                                const struct governor_demand *demand)
{
    struct governor_origin **at = &governor->buckets[hash % governor->buckets_count];

    for (; *at; at = &(*at)->next) {
        const struct governor_origin *o = *at;

        if (o->hash == hash && o->port == demand->port && o->scheme == demand->scheme &&
            span_equals(span_of(o->host, o->host_bytes), demand->host))
            break;
    }
    return at;
}

static const struct governor_rule *governor_find_rule(const struct governor *governor,
                                                      const struct governor_origin *origin)
{
    for (unsigned i = 0; i < governor->options.rules_count; i++) {
        const struct governor_rule *rule = &governor->options.rules[i];

        if (rule->port == origin->port && rule->scheme == origin->scheme &&
            span_equals(span_of(origin->host, origin->host_bytes), rule->host))
            return rule;
    }
    return NULL;
}

static void origin_set_bounds(const struct governor *governor, struct governor_origin *origin,
                              uint64_t now_ns)
{
    const struct governor_options *options = &governor->options;
    const struct governor_rule *rule = governor_find_rule(governor, origin);
    uint64_t rate_uhz = rule ? rule->rate_uhz : options->origin_rate_uhz;

    origin->active_max = rule ? rule->active_max : options->origin_active_max;
    if (rate_uhz != origin->bucket.rate_uhz)
        bucket_change_rate(&origin->bucket, rate_uhz, now_ns);
}

static struct governor_origin *governor_origin_get(struct governor *governor,
                                                   const struct governor_demand *demand,
                                                   uint64_t now_ns)
{
    uint64_t seed = governor->options.hash_seed ^ (uint64_t)demand->port << 8 ^ demand->scheme;
    uint64_t hash = table_hash_bytes(seed, demand->host.data, demand->host.bytes);
    struct governor_origin **at = governor_locate(governor, hash, demand);
    struct governor_origin *origin = *at;

    if (origin)
        return origin;
    origin = malloc(sizeof(*origin) + demand->host.bytes);
    if (!origin)
        return NULL;
    *origin = (struct governor_origin){ .hash = hash,
                                        .port = demand->port,
                                        .scheme = demand->scheme,
                                        .host_bytes = (uint8_t)demand->host.bytes };
    memcpy(origin->host, demand->host.data, demand->host.bytes);
    bucket_init(&origin->bucket, governor->options.origin_rate_uhz, governor->options.origin_burst,
                now_ns);
    bucket_init(&origin->asked, 0, 0, now_ns);
    list_init(&origin->shares);
    origin_set_bounds(governor, origin, now_ns);
    *at = origin;
    governor->origins_count++;
    return origin;
}

static void governor_forget(struct governor *governor, struct governor_origin *origin)
{
    struct governor_origin **at = &governor->buckets[origin->hash % governor->buckets_count];

    turns_free(origin);
    while (*at != origin)
        at = &(*at)->next;
    *at = origin->next;
    free(origin);
    governor->origins_count--;
}

void governor_deinit(struct governor *governor)
{
    struct heap_entry *first;

    while ((first = heap_first(&governor->idle))) {
        heap_remove(&governor->idle, first);
        governor_forget(governor, origin_of_timing(first));
    }
    assert(governor->origins_count == 0);
    free(governor->buckets);
    *governor = (struct governor){ 0 };
}

/* ---- an origin ---- */

static bool origin_is_idle(const struct governor_origin *origin)
{
    return !origin->active && !origin->waiting;
}

/* Whether time decides anything here. */
static bool origin_is_timed(const struct governor_origin *origin)
{
    return origin->bucket.rate_uhz || origin->rated_lanes || origin->cooldown.epoch;
}

static bool origin_is_full(const struct governor_origin *origin)
{
    return origin->active_max && origin->active >= origin->active_max;
}

static enum wire_cap origin_stopped_by(const struct governor_origin *origin, uint64_t now_ns)
{
    if (!cooldown_is_over(&origin->cooldown, now_ns))
        return WIRE_CAP_COOLING;
    if (origin_is_full(origin))
        return WIRE_CAP_PER_ORIGIN_TOTAL;
    if (!cooldown_has_room(&origin->cooldown))
        return WIRE_CAP_COOLING;
    if (bucket_ready_ns(&origin->bucket, now_ns) > now_ns)
        return WIRE_CAP_RATE_PER_ORIGIN_TOTAL;
    return WIRE_CAP_NONE;
}

/* When time alone may let one of its waiting tickets go. */
static uint64_t origin_next_ns(struct governor_origin *origin, uint64_t now_ns)
{
    origin->held_by = origin_stopped_by(origin, now_ns);
    if (!cooldown_is_over(&origin->cooldown, now_ns))
        return origin->cooldown.until_ns;
    if (origin->held_by == WIRE_CAP_RATE_PER_ORIGIN_TOTAL)
        return bucket_ready_ns(&origin->bucket, now_ns);
    if (origin->held_by == WIRE_CAP_NONE && (origin->is_stirred || origin_is_timed(origin)))
        return turns_next_ns(origin, now_ns);
    return UINT64_MAX; /* not before a ticket leaves */
}

/* When it may be forgotten; 0: now. */
static uint64_t origin_kept_until_ns(const struct governor_origin *origin, uint64_t now_ns)
{
    uint64_t until_ns = cooldown_forgotten_ns(&origin->cooldown, now_ns);
    uint64_t full_ns = bucket_full_ns(&origin->bucket, now_ns);
    uint64_t asked_ns = bucket_full_ns(&origin->asked, now_ns);
    uint64_t turns_ns = turns_full_ns(origin, now_ns);

    if (asked_ns > until_ns)
        until_ns = asked_ns;
    if (full_ns > until_ns)
        until_ns = full_ns;
    return turns_ns > until_ns ? turns_ns : until_ns;
}

/* In no heap, and idle. */
static void governor_keep(struct governor *governor, struct governor_origin *origin,
                          uint64_t now_ns)
{
    uint64_t until_ns = origin_kept_until_ns(origin, now_ns);
    struct heap_entry *first;

    if (!until_ns) {
        governor_forget(governor, origin);
        return;
    }
    heap_push(&governor->idle, &origin->timing, until_ns);
    if (governor->idle.count <= governor->options.idle_origins_max)
        return;
    first = heap_first(&governor->idle);
    heap_remove(&governor->idle, first);
    governor_forget(governor, origin_of_timing(first));
}

/* After every change that may leave it waiting or idle. The origin may be gone after it. */
static void governor_settle(struct governor *governor, struct governor_origin *origin,
                            uint64_t now_ns)
{
    uint64_t next_ns;

    if (heap_has(&origin->timing))
        heap_remove(&governor->waiting, &origin->timing);
    if (origin_is_idle(origin)) {
        governor_keep(governor, origin, now_ns);
    } else if (origin->waiting) {
        next_ns = origin_next_ns(origin, now_ns);
        if (next_ns < UINT64_MAX)
            heap_push(&governor->waiting, &origin->timing, next_ns);
        else
            origin->is_stirred = false;
    }
}

void governor_change(struct governor *governor, const struct governor_options *options,
                     uint64_t now_ns)
{
    governor->options.origin_active_max = options->origin_active_max;
    governor->options.origin_rate_uhz = options->origin_rate_uhz;
    governor->options.origin_burst = options->origin_burst;
    governor->options.rules = options->rules;
    governor->options.rules_count = options->rules_count;
    for (unsigned i = 0; i < governor->buckets_count; i++) {
        struct governor_origin *next;

        for (struct governor_origin *origin = governor->buckets[i]; origin; origin = next) {
            next = origin->next;
            origin_set_bounds(governor, origin, now_ns);
            origin->is_stirred = origin->waiting > 0;
            if (origin->waiting)
                governor_settle(governor, origin, now_ns);
        }
    }
}

static void ticket_activate(struct governor_ticket *ticket, uint64_t now_ns)
{
    struct governor_lane *lane = ticket->lane;
    struct governor_origin *origin = lane->share->origin;
    bool of_lane = bucket_take(&lane->bucket, now_ns);
    bool of_asked = !lane->asked_rate_uhz || bucket_take(&origin->asked, now_ns);
    bool of_origin = bucket_take(&origin->bucket, now_ns);

    assert(of_lane);
    assert(of_asked);
    assert(of_origin);
    cooldown_enter(&origin->cooldown, &ticket->epoch);
    lane->active++;
    origin->active++;
}

static struct governor_ticket *origin_start_next(struct governor_origin *origin, uint64_t now_ns)
{
    struct governor_ticket *ticket;

    if (!origin->waiting || origin_stopped_by(origin, now_ns) != WIRE_CAP_NONE)
        return NULL;
    ticket = turns_pop(origin, now_ns);
    if (!ticket)
        return NULL;
    origin->waiting--;
    if (origin->held_by != WIRE_CAP_NONE)
        ticket->held_by = origin->held_by;
    else if (ticket->lane->held_by != WIRE_CAP_NONE)
        ticket->held_by = ticket->lane->held_by;
    ticket_activate(ticket, now_ns);
    return ticket;
}

/* ---- tickets ---- */

/* Nobody who came before it is passed by: where time decides, a place may be free that is another's
 * and only waits for its turn of the loop. */
static bool lane_may_start(const struct governor_lane *lane)
{
    const struct governor_origin *origin = lane->share->origin;

    return list_is_empty(&lane->waiting) && !(origin->waiting && origin_is_timed(origin));
}

enum governor_verdict governor_enter(struct governor *governor, struct governor_ticket *ticket,
                                     const struct governor_demand *demand, uint64_t now_ns)
{
    struct governor_origin *origin = governor_origin_get(governor, demand, now_ns);
    struct governor_lane *lane;
    enum wire_cap stopped_by;

    assert(demand->batch_active_max > 0);
    if (!origin)
        return GOVERNOR_NO_MEMORY;
    if (origin_is_idle(origin) && heap_has(&origin->timing))
        heap_remove(&governor->idle, &origin->timing);
    lane = turns_lane_get(origin, demand, now_ns);
    if (!lane) {
        governor_settle(governor, origin, now_ns);
        return GOVERNOR_NO_MEMORY;
    }
    list_init(&ticket->link);
    ticket->lane = lane;
    stopped_by = origin_stopped_by(origin, now_ns);
    if (stopped_by == WIRE_CAP_NONE)
        stopped_by = lane->held_by = lane_stopped_by(lane, now_ns);
    if (stopped_by == WIRE_CAP_NONE && lane_may_start(lane)) {
        ticket_activate(ticket, now_ns);
        return GOVERNOR_GO;
    }
    ticket->held_by = stopped_by;
    list_link_back(&lane->waiting, &ticket->link);
    lane->share->waiting++;
    origin->waiting++;
    governor_settle(governor, origin, now_ns);
    return GOVERNOR_WAIT;
}

static void ticket_leave_active(struct governor_ticket *ticket,
                                const struct governor_answer *answer, uint64_t now_ns)
{
    struct governor_lane *lane = ticket->lane;
    struct governor_origin *origin = lane->share->origin;
    uint32_t epoch = origin->cooldown.epoch;

    assert(lane->active > 0 && origin->active > 0);
    lane->active--;
    origin->active--;
    cooldown_leave(&origin->cooldown, ticket->epoch, answer ? answer->kind : COOLDOWN_ANSWER_NONE,
                   answer ? answer->after_ns : 0, now_ns);
    ticket->began_pause = origin->cooldown.epoch != epoch;
    ticket->cools_until_ns =
        cooldown_is_over(&origin->cooldown, now_ns) ? 0 : origin->cooldown.until_ns;
}

struct governor_ticket *governor_leave(struct governor *governor, struct governor_ticket *ticket,
                                       const struct governor_answer *answer, uint64_t now_ns)
{
    struct governor_lane *lane = ticket->lane;
    struct governor_origin *origin = lane->share->origin;
    struct governor_ticket *next = NULL;

    if (list_is_linked(&ticket->link)) {
        list_unlink(&ticket->link);
        lane->share->waiting--;
        origin->waiting--;
    } else {
        ticket_leave_active(ticket, answer, now_ns);
        next = origin_start_next(origin, now_ns);
    }
    ticket->lane = NULL;
    turns_lane_left(lane, now_ns);
    governor_settle(governor, origin, now_ns);
    return next;
}

struct governor_ticket *governor_wake(struct governor *governor, uint64_t now_ns)
{
    struct heap_entry *first;

    while ((first = heap_first(&governor->waiting)) && first->at_ns <= now_ns) {
        struct governor_origin *origin = origin_of_timing(first);
        struct governor_ticket *ticket = origin_start_next(origin, now_ns);

        governor_settle(governor, origin, now_ns);
        if (ticket)
            return ticket;
        assert(!heap_has(&origin->timing) || origin->timing.at_ns > now_ns); /* it ends */
    }
    while ((first = heap_first(&governor->idle)) && first->at_ns <= now_ns) {
        heap_remove(&governor->idle, first);
        governor_keep(governor, origin_of_timing(first), now_ns);
    }
    return NULL;
}

uint64_t governor_next_ns(const struct governor *governor)
{
    const struct heap_entry *waiting = heap_first(&governor->waiting);
    const struct heap_entry *idle = heap_first(&governor->idle);
    uint64_t next_ns = waiting ? waiting->at_ns : UINT64_MAX;

    return idle && idle->at_ns < next_ns ? idle->at_ns : next_ns;
}

void governor_for_each(const struct governor *governor, uint64_t now_ns,
                       void (*each)(void *ctx, const struct governor_view *view), void *ctx)
{
    for (unsigned i = 0; i < governor->buckets_count; i++)
        for (const struct governor_origin *o = governor->buckets[i]; o; o = o->next) {
            bool is_cool = cooldown_is_over(&o->cooldown, now_ns);

            each(ctx,
                 &(struct governor_view){ .host = span_of(o->host, o->host_bytes),
                                          .port = o->port,
                                          .scheme = o->scheme,
                                          .active = o->active,
                                          .waiting = o->waiting,
                                          .active_max = o->active_max,
                                          .rate_uhz = o->bucket.rate_uhz,
                                          .cools_until_ns = is_cool ? 0 : o->cooldown.until_ns });
        }
}

/* ---- checking ---- */

static void origin_check(const struct governor_origin *origin)
{
    turns_check(origin);
    bucket_check(&origin->bucket);
    bucket_check(&origin->asked);
    cooldown_check(&origin->cooldown);
    assert(!origin_is_idle(origin) || heap_has(&origin->timing));
    assert(!heap_has(&origin->timing) || !origin->active || origin->waiting);
}

void governor_check(const struct governor *governor)
{
    unsigned count = 0, timed = 0;

    for (unsigned i = 0; i < governor->buckets_count; i++) {
        for (const struct governor_origin *o = governor->buckets[i]; o; o = o->next) {
            origin_check(o);
            count++;
            timed += heap_has(&o->timing);
        }
    }
    assert(count == governor->origins_count);
    assert(timed == governor->waiting.count + governor->idle.count);
    assert(governor->idle.count <= governor->options.idle_origins_max);
    heap_check(&governor->waiting);
    heap_check(&governor->idle);
}
