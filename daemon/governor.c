/*
 * governor.c - origins, and in each origin a lane per batch.
 *
 *   origin (active <= origin_active_max)
 *     lane of batch 7 (active <= its own bound): waiting tickets, first in first out
 *     lane of batch 9 ...                        lanes take turns
 *
 * One leave frees one place of one lane and of one origin, so it can start at most one ticket.
 *
 * Rejected: one queue per origin in order of arrival. A batch of a million would make a later
 * single request wait for all of it.
 */
#include "governor.h"

#include "table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define GOVERNOR_BUCKETS 1024u

struct governor_lane {
    struct list link; /* in its origin, in order of turns */
    struct governor_origin *origin;
    struct list waiting;
    uint64_t batch_key;
    unsigned active;
    unsigned active_max;
};

struct governor_origin {
    struct governor_origin *next; /* in its bucket */
    struct list lanes;
    uint64_t hash;
    unsigned active;
    unsigned waiting;
    uint16_t port;
    uint8_t scheme;
    uint8_t host_bytes;
    char host[];
};

int governor_init(struct governor *governor, unsigned origin_active_max, uint64_t hash_seed)
{
    *governor = (struct governor){ .buckets_count = GOVERNOR_BUCKETS,
                                   .origin_active_max = origin_active_max,
                                   .hash_seed = hash_seed };
    governor->buckets = calloc(governor->buckets_count, sizeof(struct governor_origin *));
    return governor->buckets ? 0 : -ENOMEM;
}

void governor_deinit(struct governor *governor)
{
    assert(governor->origins_count == 0);
    free(governor->buckets);
    *governor = (struct governor){ 0 };
}

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

static struct governor_origin *governor_origin_get(struct governor *governor,
                                                   const struct governor_demand *demand)
{
    uint64_t seed = governor->hash_seed ^ (uint64_t)demand->port << 8 ^ demand->scheme;
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
    list_init(&origin->lanes);
    *at = origin;
    governor->origins_count++;
    return origin;
}

static struct governor_lane *origin_lane_get(struct governor_origin *origin,
                                             const struct governor_demand *demand)
{
    struct governor_lane *lane;

    for (struct list *at = origin->lanes.next; at != &origin->lanes; at = at->next) {
        lane = container_of(at, struct governor_lane, link);
        if (lane->batch_key == demand->batch_key)
            return lane;
    }
    lane = malloc(sizeof(*lane));
    if (!lane)
        return NULL;
    *lane = (struct governor_lane){ .origin = origin, .batch_key = demand->batch_key };
    list_init(&lane->waiting);
    list_link_back(&origin->lanes, &lane->link);
    return lane;
}

static void governor_drop_if_empty(struct governor *governor, struct governor_origin *origin)
{
    struct governor_origin **at = &governor->buckets[origin->hash % governor->buckets_count];

    if (!list_is_empty(&origin->lanes))
        return;
    while (*at != origin)
        at = &(*at)->next;
    *at = origin->next;
    free(origin);
    governor->origins_count--;
}

static void lane_drop_if_empty(struct governor_lane *lane)
{
    if (lane->active || !list_is_empty(&lane->waiting))
        return;
    list_unlink(&lane->link);
    free(lane);
}

static bool origin_is_full(const struct governor *governor, const struct governor_origin *origin)
{
    return governor->origin_active_max && origin->active >= governor->origin_active_max;
}

static void ticket_activate(struct governor_ticket *ticket)
{
    ticket->lane->active++;
    ticket->lane->origin->active++;
}

enum governor_verdict governor_enter(struct governor *governor, struct governor_ticket *ticket,
                                     const struct governor_demand *demand)
{
    struct governor_origin *origin = governor_origin_get(governor, demand);
    struct governor_lane *lane;

    assert(demand->batch_active_max > 0);
    if (!origin)
        return GOVERNOR_NO_MEMORY;
    lane = origin_lane_get(origin, demand);
    if (!lane) {
        governor_drop_if_empty(governor, origin);
        return GOVERNOR_NO_MEMORY;
    }
    lane->active_max = demand->batch_active_max;
    list_init(&ticket->link);
    ticket->lane = lane;
    if (lane->active < lane->active_max && !origin_is_full(governor, origin) &&
        list_is_empty(&lane->waiting)) {
        ticket_activate(ticket);
        return GOVERNOR_GO;
    }
    ticket->held_by =
        origin_is_full(governor, origin) ? WIRE_CAP_PER_ORIGIN_TOTAL : WIRE_CAP_PER_ORIGIN;
    list_link_back(&lane->waiting, &ticket->link);
    origin->waiting++;
    return GOVERNOR_WAIT;
}

/* The first waiting ticket of the first lane that has room; that lane goes to the end. */
static struct governor_ticket *origin_start_next(const struct governor *governor,
                                                 struct governor_origin *origin)
{
    if (!origin->waiting || origin_is_full(governor, origin))
        return NULL;
    for (struct list *at = origin->lanes.next; at != &origin->lanes; at = at->next) {
        struct governor_lane *lane = container_of(at, struct governor_lane, link);
        struct list *first;

        if (lane->active >= lane->active_max)
            continue;
        first = list_pop(&lane->waiting);
        if (!first)
            continue;
        origin->waiting--;
        list_unlink(&lane->link);
        list_link_back(&origin->lanes, &lane->link);
        ticket_activate(container_of(first, struct governor_ticket, link));
        return container_of(first, struct governor_ticket, link);
    }
    return NULL;
}

struct governor_ticket *governor_leave(struct governor *governor, struct governor_ticket *ticket)
{
    struct governor_lane *lane = ticket->lane;
    struct governor_origin *origin = lane->origin;
    struct governor_ticket *next = NULL;

    ticket->lane = NULL;
    if (list_is_linked(&ticket->link)) {
        list_unlink(&ticket->link);
        origin->waiting--;
    } else {
        assert(lane->active > 0 && origin->active > 0);
        lane->active--;
        origin->active--;
        next = origin_start_next(governor, origin);
    }
    lane_drop_if_empty(lane);
    governor_drop_if_empty(governor, origin);
    return next;
}

static void origin_check(const struct governor *governor, const struct governor_origin *origin)
{
    unsigned active = 0, waiting = 0;

    for (struct list *at = origin->lanes.next; at != &origin->lanes; at = at->next) {
        const struct governor_lane *lane = container_of(at, struct governor_lane, link);

        assert(lane->active <= lane->active_max || lane->active_max == 0);
        active += lane->active;
        for (struct list *w = lane->waiting.next; w != &lane->waiting; w = w->next)
            waiting++;
    }
    assert(active == origin->active);
    assert(waiting == origin->waiting);
    assert(!governor->origin_active_max || active <= governor->origin_active_max);
}

void governor_check(const struct governor *governor)
{
    unsigned count = 0;

    for (unsigned i = 0; i < governor->buckets_count; i++) {
        for (const struct governor_origin *o = governor->buckets[i]; o; o = o->next) {
            origin_check(governor, o);
            count++;
        }
    }
    assert(count == governor->origins_count);
}
