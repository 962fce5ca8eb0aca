/*
 * governor_turns.c - whose turn it is at one origin.
 *
 *   origin
 *     share of client A
 *       lane of batch 7 (active <= its own bound): waiting tickets, first in first out
 *       lane of batch 9 ...
 *     share of client B ...
 *
 * Shares take turns, and in a share its lanes: a client with a hundred batches gets no more than
 * one with a single batch of ten. A turn is one start, for starts are what an origin is asked to
 * bear.
 *
 * Lanes whose batch names a rate for the origin share it, whoever's they are: together they get the
 * highest of their rates, and each no more than its own. To each its own in full was rejected: ten
 * clients that all know of 5/s would come with 50.
 *
 * A lane with a rate outlives its last ticket until its bucket is full: else a client that asks for
 * one thing after the other would never meet its own rate.
 */
#include "governor_internal.h"

#include <assert.h>
#include <stdlib.h>

enum wire_cap lane_stopped_by(const struct governor_lane *lane, uint64_t now_ns)
{
    if (lane->active >= lane->active_max)
        return WIRE_CAP_PER_ORIGIN;
    if (bucket_ready_ns(&lane->bucket, now_ns) > now_ns)
        return lane->rate_cap;
    if (lane->asked_rate_uhz && bucket_ready_ns(&lane->share->origin->asked, now_ns) > now_ns)
        return WIRE_CAP_RATE_PER_ORIGIN;
    return WIRE_CAP_NONE;
}

static bool lane_is_idle(const struct governor_lane *lane)
{
    return !lane->active && list_is_empty(&lane->waiting);
}

static void lane_free(struct governor_lane *lane)
{
    assert(lane_is_idle(lane));
    if (lane->bucket.rate_uhz)
        lane->share->origin->rated_lanes--;
    list_unlink(&lane->link);
    if (lane != &lane->share->first)
        free(lane);
}

static void share_free_if_empty(struct governor_share *share)
{
    if (!list_is_empty(&share->lanes))
        return;
    list_unlink(&share->link);
    free(share);
}

/* ---- lanes come and go ---- */

static struct governor_share *share_find(const struct governor_origin *origin, uint64_t client_key)
{
    for (struct list *at = origin->shares.next; at != &origin->shares; at = at->next) {
        struct governor_share *share = container_of(at, struct governor_share, link);

        if (share->client_key == client_key)
            return share;
    }
    return NULL;
}

static struct governor_share *share_new(struct governor_origin *origin, uint64_t client_key)
{
    struct governor_share *share = malloc(sizeof(*share));

    if (!share)
        return NULL;
    *share = (struct governor_share){ .origin = origin, .client_key = client_key };
    list_init(&share->lanes);
    list_init(&share->first.link);
    list_link_back(&origin->shares, &share->link);
    return share;
}

static struct governor_lane *lane_find(const struct governor_share *share, uint64_t batch_key)
{
    for (struct list *at = share->lanes.next; at != &share->lanes; at = at->next) {
        struct governor_lane *lane = container_of(at, struct governor_lane, link);

        if (lane->batch_key == batch_key)
            return lane;
    }
    return NULL;
}

static struct governor_lane *lane_new(struct governor_share *share,
                                      const struct governor_demand *demand, uint64_t now_ns)
{
    struct governor_lane *lane =
        list_is_linked(&share->first.link) ? malloc(sizeof(*lane)) : &share->first;

    if (!lane)
        return NULL;
    *lane = (struct governor_lane){ .share = share,
                                    .batch_key = demand->batch_key,
                                    .asked_rate_uhz = demand->asked_rate_uhz,
                                    .rate_cap = demand->batch_rate_cap };
    bucket_init(&lane->bucket, demand->batch_rate_uhz, 0, now_ns);
    if (demand->batch_rate_uhz)
        share->origin->rated_lanes++;
    list_init(&lane->waiting);
    list_link_back(&share->lanes, &lane->link);
    return lane;
}

/* The highest rate that a lane in use asks for. When the last of them leaves it stays as it is: who
 * asks for the same next does not begin with a full bucket. */
static void turns_agree_on_rate(struct governor_origin *origin, uint64_t coming_uhz,
                                uint64_t now_ns)
{
    uint64_t most_uhz = coming_uhz;

    for (struct list *s = origin->shares.next; s != &origin->shares; s = s->next) {
        const struct governor_share *share = container_of(s, struct governor_share, link);

        for (struct list *at = share->lanes.next; at != &share->lanes; at = at->next) {
            const struct governor_lane *lane = container_of(at, struct governor_lane, link);

            if (!lane_is_idle(lane) && lane->asked_rate_uhz > most_uhz)
                most_uhz = lane->asked_rate_uhz;
        }
    }
    if (most_uhz && most_uhz != origin->asked.rate_uhz)
        bucket_change_rate(&origin->asked, most_uhz, now_ns);
}

struct governor_lane *turns_lane_get(struct governor_origin *origin,
                                     const struct governor_demand *demand, uint64_t now_ns)
{
    struct governor_share *share = share_find(origin, demand->client_key);
    struct governor_lane *lane = share ? lane_find(share, demand->batch_key) : NULL;

    if (!lane) {
        if (origin->rated_lanes) { /* others do not pile up while this origin is never idle */
            turns_sweep(origin, now_ns);
            share = share_find(origin, demand->client_key);
        }
        if (!share)
            share = share_new(origin, demand->client_key);
        if (!share)
            return NULL;
        lane = lane_new(share, demand, now_ns);
        if (!lane) {
            share_free_if_empty(share);
            return NULL;
        }
    }
    if (lane->asked_rate_uhz && lane_is_idle(lane))
        turns_agree_on_rate(origin, lane->asked_rate_uhz, now_ns);
    lane->active_max = demand->batch_active_max;
    return lane;
}

static void share_sweep(struct governor_share *share, uint64_t now_ns, bool all)
{
    struct list *at, *next;

    for (at = share->lanes.next; at != &share->lanes; at = next) {
        struct governor_lane *lane = container_of(at, struct governor_lane, link);

        next = at->next;
        if (lane_is_idle(lane) && (all || !bucket_full_ns(&lane->bucket, now_ns)))
            lane_free(lane);
    }
    share_free_if_empty(share);
}

void turns_sweep(struct governor_origin *origin, uint64_t now_ns)
{
    struct list *at, *next;

    for (at = origin->shares.next; at != &origin->shares; at = next) {
        next = at->next;
        share_sweep(container_of(at, struct governor_share, link), now_ns, false);
    }
}

void turns_free(struct governor_origin *origin)
{
    struct list *at, *next;

    for (at = origin->shares.next; at != &origin->shares; at = next) {
        next = at->next;
        share_sweep(container_of(at, struct governor_share, link), 0, true);
    }
    assert(list_is_empty(&origin->shares) && origin->rated_lanes == 0);
}

void turns_lane_left(struct governor_lane *lane, uint64_t now_ns)
{
    struct governor_share *share = lane->share;

    if (lane->asked_rate_uhz && lane_is_idle(lane))
        turns_agree_on_rate(share->origin, 0, now_ns);
    if (!lane_is_idle(lane) || bucket_full_ns(&lane->bucket, now_ns))
        return;
    lane_free(lane);
    share_free_if_empty(share);
}

/* ---- turns ---- */

/* The first lane that has a ticket and may start it. */
static struct governor_lane *share_next_lane(const struct governor_share *share, uint64_t now_ns)
{
    for (struct list *at = share->lanes.next; at != &share->lanes; at = at->next) {
        struct governor_lane *lane = container_of(at, struct governor_lane, link);

        if (!list_is_empty(&lane->waiting) && lane_stopped_by(lane, now_ns) == WIRE_CAP_NONE)
            return lane;
    }
    return NULL;
}

static void goes_to_the_end(struct list *list, struct list *link)
{
    list_unlink(link);
    list_link_back(list, link);
}

struct governor_ticket *turns_pop(struct governor_origin *origin, uint64_t now_ns)
{
    for (struct list *at = origin->shares.next; at != &origin->shares; at = at->next) {
        struct governor_share *share = container_of(at, struct governor_share, link);
        struct governor_lane *lane = share->waiting ? share_next_lane(share, now_ns) : NULL;

        if (!lane)
            continue;
        goes_to_the_end(&share->lanes, &lane->link);
        goes_to_the_end(&origin->shares, &share->link);
        share->waiting--;
        return container_of(list_pop(&lane->waiting), struct governor_ticket, link);
    }
    return NULL;
}

static uint64_t lane_ready_ns(const struct governor_lane *lane, uint64_t now_ns)
{
    uint64_t own_ns = bucket_ready_ns(&lane->bucket, now_ns);
    uint64_t asked_ns =
        lane->asked_rate_uhz ? bucket_ready_ns(&lane->share->origin->asked, now_ns) : 0;

    return asked_ns > own_ns ? asked_ns : own_ns;
}

static uint64_t lane_next_ns(struct governor_lane *lane, uint64_t now_ns)
{
    if (list_is_empty(&lane->waiting))
        return UINT64_MAX;
    lane->held_by = lane_stopped_by(lane, now_ns);
    if (lane->held_by == WIRE_CAP_PER_ORIGIN)
        return UINT64_MAX; /* not before one of its own leaves */
    return lane_ready_ns(lane, now_ns);
}

uint64_t turns_next_ns(struct governor_origin *origin, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;

    for (struct list *s = origin->shares.next; s != &origin->shares; s = s->next) {
        struct governor_share *share = container_of(s, struct governor_share, link);

        for (struct list *at = share->lanes.next; share->waiting && at != &share->lanes;
             at = at->next) {
            uint64_t ns = lane_next_ns(container_of(at, struct governor_lane, link), now_ns);

            if (ns < next_ns)
                next_ns = ns;
        }
    }
    return next_ns;
}

uint64_t turns_full_ns(const struct governor_origin *origin, uint64_t now_ns)
{
    uint64_t full_ns = 0;

    for (struct list *s = origin->shares.next; s != &origin->shares; s = s->next) {
        const struct governor_share *share = container_of(s, struct governor_share, link);

        for (struct list *at = share->lanes.next; at != &share->lanes; at = at->next) {
            const struct governor_lane *lane = container_of(at, struct governor_lane, link);
            uint64_t ns = bucket_full_ns(&lane->bucket, now_ns);

            if (ns > full_ns)
                full_ns = ns;
        }
    }
    return full_ns;
}

/* ---- checking ---- */

static unsigned lane_check(const struct governor_lane *lane)
{
    unsigned waiting = 0;

    assert(lane->active <= lane->active_max);
    bucket_check(&lane->bucket);
    for (struct list *w = lane->waiting.next; w != &lane->waiting; w = w->next)
        waiting++;
    return waiting;
}

void turns_check(const struct governor_origin *origin)
{
    unsigned active = 0, waiting = 0, rated = 0;

    for (struct list *s = origin->shares.next; s != &origin->shares; s = s->next) {
        const struct governor_share *share = container_of(s, struct governor_share, link);
        unsigned of_share = 0;

        assert(share->origin == origin && !list_is_empty(&share->lanes));
        for (struct list *at = share->lanes.next; at != &share->lanes; at = at->next) {
            const struct governor_lane *lane = container_of(at, struct governor_lane, link);

            assert(lane->share == share);
            assert(!lane_is_idle(lane) || lane->bucket.rate_uhz);
            assert(!lane->asked_rate_uhz || lane->bucket.rate_uhz);
            of_share += lane_check(lane);
            active += lane->active;
            rated += lane->bucket.rate_uhz > 0;
        }
        assert(of_share == share->waiting);
        waiting += of_share;
    }
    assert(active == origin->active);
    assert(waiting == origin->waiting);
    assert(rated == origin->rated_lanes);
}
