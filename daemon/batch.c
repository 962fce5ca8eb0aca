/*
 * batch.c - what a client submits together.
 *
 *   admit -> planned (until its time) -> waiting (until there is room) -> active -> released
 *
 * A rate is kept here as far as it is one over all origins: an item takes its request from the
 * bucket when it starts, and again for each that follows from the first (a redirect, a retry, a
 * replay), for which it is held, before all that have not started. What has been let go may still
 * wait in the engine, for a connection or a cool-down; so that it does not come out in a bunch,
 * each origin keeps to the same rate by itself.
 *
 * An item counts as active until its RESULT is in the session's output: so a client that does not
 * read what it asked for stops its own batch, and nobody else's.
 */
#include "batch.h"

#include "log.h"
#include "probe.h"

#include <assert.h>
#include <stdlib.h>

static void batch_on_timer(struct timer *timer, uint64_t now_ns)
{
    struct batch *batch = container_of(timer, struct batch, timer);

    (void)now_ns; /* the pump looks at the bucket */
    batch->events->wake(batch->ctx);
}

static void batch_init_rates(struct batch *batch, const struct wire_batch_begin *begin)
{
    uint64_t total_uhz = begin->rate_uhz, origin_uhz = begin->rate_per_origin_uhz;
    bool total_is_lower = total_uhz && (!origin_uhz || total_uhz < origin_uhz);

    bucket_init(&batch->bucket, total_uhz, 0, ring_now_ns(batch->front->ring));
    timer_init(&batch->timer, batch_on_timer);
    batch->asked_rate_uhz = origin_uhz;
    batch->origin_rate_uhz = total_is_lower ? total_uhz : origin_uhz;
    batch->origin_rate_cap = total_is_lower ? WIRE_CAP_RATE : WIRE_CAP_RATE_PER_ORIGIN;
}

/* For the first jar of all. */
static void front_load_suffixes(struct front *front)
{
    if (front->has_tried_suffixes)
        return;
    front->has_tried_suffixes = true;
    if (!public_suffixes_load(&front->suffixes))
        log_line(LOG_LEVEL_ERR,
                 "no list of public suffixes (" PUBLIC_SUFFIX_LIBRARY
                 "): cookies go to the host that set them only, those for a domain are refused");
}

struct batch *batch_new(const struct batch_options *options)
{
    struct batch *batch = malloc(sizeof(*batch));
    const struct config *config = options->front->config;
    unsigned conns_max = options->front->conns_max;

    if (!batch)
        return NULL;
    *batch =
        (struct batch){ .front = options->front,
                        .events = options->events,
                        .ctx = options->ctx,
                        .id = options->id,
                        .client_key = options->client_key,
                        .key = ++options->front->batches_count,
                        .ring_then = *ring_counters(options->front->ring),
                        .concurrency = options->begin->concurrency ? options->begin->concurrency
                                                                   : config->concurrency_default,
                        .per_origin_max = options->begin->max_per_origin
                                              ? options->begin->max_per_origin
                                              : config->per_origin_default };
    if (batch->per_origin_max > conns_max)
        batch->per_origin_max = conns_max;
    batch_init_rates(batch, options->begin);
    if (options->begin->flags & WIRE_BATCH_COOKIES) {
        front_load_suffixes(options->front);
        batch->cookies = cookies_new(&options->front->suffixes);
        if (!batch->cookies) {
            free(batch);
            return NULL;
        }
    }
    batch->sends_cookies_back = options->begin->flags & WIRE_BATCH_COOKIES_BACK;
    retry_budget_init(&batch->retry_budget);
    list_init(&batch->link);
    list_init(&batch->waiting);
    list_init(&batch->held);
    list_init(&batch->active);
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    assert(batch->released_count == batch->items_count);
    timers_disarm(batch->front->timers, &batch->timer);
    list_unlink(&batch->link);
    cookies_free(batch->cookies);
    free(batch);
}

void batch_admit(struct batch *batch, struct item *item)
{
    batch->items_count++;
    if (item->fixed.planned_ns > ring_now_ns(batch->front->ring))
        heap_push(&batch->planned, &item->plan, item->fixed.planned_ns);
    else
        list_link_back(&batch->waiting, &item->link);
}

static struct item *batch_first_planned(const struct batch *batch)
{
    struct heap_entry *first = heap_first(&batch->planned);

    return first ? container_of(first, struct item, plan) : NULL;
}

bool batch_release_planned(struct batch *batch, uint64_t now_ns)
{
    struct item *item;
    bool any = false;

    while ((item = batch_first_planned(batch)) && item->fixed.planned_ns <= now_ns) {
        heap_remove(&batch->planned, &item->plan);
        list_link_back(&batch->waiting, &item->link);
        any = true;
    }
    return any;
}

uint64_t batch_next_planned_ns(const struct batch *batch)
{
    const struct item *item = batch_first_planned(batch);

    return item ? item->fixed.planned_ns : UINT64_MAX;
}

/* A planned or waiting item. One that has been left waiting was held by what stopped us last. */
static struct item *batch_activate(struct batch *batch, struct item *item)
{
    if (item->held_by)
        item->held_by = batch->stopped_by;
    if (heap_has(&item->plan))
        heap_remove(&batch->planned, &item->plan);
    list_unlink(&item->link);
    list_link_back(&batch->active, &item->link);
    batch->active_count++;
    item->started = true;
    return item;
}

/* ---- starting ---- */

/* Looked at again when there is one. */
static void batch_watch_bucket(struct batch *batch)
{
    if (!timer_is_armed(&batch->timer))
        timers_arm(batch->front->timers, &batch->timer,
                   bucket_ready_ns(&batch->bucket, ring_now_ns(batch->front->ring)));
}

bool batch_may_ask(struct batch *batch)
{
    return list_is_empty(&batch->held) &&
           bucket_take(&batch->bucket, ring_now_ns(batch->front->ring));
}

void batch_hold(struct batch *batch, struct item *item)
{
    item->held_by = WIRE_CAP_RATE;
    list_unlink(&item->link);
    list_link_back(&batch->held, &item->link);
    batch_watch_bucket(batch);
}

void batch_unhold(struct batch *batch, struct item *item)
{
    list_unlink(&item->link);
    list_link_back(&batch->active, &item->link);
}

/* New ones come at the end, so those marked before are the first ones. */
static void batch_mark_held(struct batch *batch, enum wire_cap cap)
{
    if (list_is_empty(&batch->waiting))
        return;
    batch->stopped_by = cap;
    for (struct list *at = batch->waiting.prev; at != &batch->waiting; at = at->prev) {
        struct item *item = container_of(at, struct item, link);

        if (item->held_by)
            break;
        item->held_by = cap;
    }
}

/* Whether one more is within the rate; it is taken. If not, we are woken when it is. */
static bool batch_take_from_bucket(struct batch *batch)
{
    if (bucket_take(&batch->bucket, ring_now_ns(batch->front->ring)))
        return true;
    batch_watch_bucket(batch);
    return false;
}

/* Those that ask once more; true when none is left. */
static bool batch_pump_held(struct batch *batch)
{
    struct list *first;

    while ((first = list_first(&batch->held))) {
        struct item *item = container_of(first, struct item, link);

        if (!batch_take_from_bucket(batch))
            return false;
        batch_unhold(batch, item);
        item_resume(item);
    }
    return true;
}

bool batch_pump(struct batch *batch, unsigned count_max)
{
    enum wire_cap stopped_by = batch_pump_held(batch) ? WIRE_CAP_CONCURRENCY : WIRE_CAP_RATE;

    while (stopped_by != WIRE_CAP_RATE && batch->active_count < batch->concurrency &&
           !list_is_empty(&batch->waiting)) {
        struct item *item;

        if (count_max-- == 0)
            return false;
        if (!batch_take_from_bucket(batch)) {
            stopped_by = WIRE_CAP_RATE;
            break;
        }
        item = batch_activate(batch, container_of(batch->waiting.next, struct item, link));
        if (item->state == ITEM_WAITING)
            item_start(item);
    }
    batch_mark_held(batch, stopped_by);
    return true;
}

static void batch_count(struct batch *batch, const struct item *item)
{
    enum fault_code code = item->result.fault.code;

    batch->counts.items++;
    if (code == FAULT_NONE)
        batch->counts.ok++;
    else
        batch->counts.failed++;
    if (code == FAULT_CANCELLED_CLIENT || code == FAULT_CANCELLED_DAEMON)
        batch->counts.cancelled++;
    if (item->result.reused)
        batch->counts.reused_conns++;
    else if (item->result.connected_ns)
        batch->counts.new_conns++;
}

/* The same for the daemon. */
static void front_count(struct front *front, const struct item *item)
{
    uint64_t now_ns = ring_now_ns(front->ring);
    unsigned class = item->result.status / 100;
    struct stats *stats = &front->stats;

    stats->items_ended[item->result.fault.code]++;
    stats->statuses[class < 6 ? class : 0]++;
    stats->redirects += item->hops;
    stats->retries += item->retries;
    stats->wire_bytes += item->result.wire_bytes;
    if (item->result.fault.code != FAULT_NONE)
        item_log_failure(item);
    stats_histogram_record(&stats->item_time, now_ns > item->t0_ns ? now_ns - item->t0_ns : 0);
    PROBE5(item__done, item, item->result.status, item->result.fault.code, item->t0_ns, now_ns);
}

void batch_release(struct batch *batch, struct item *item)
{
    assert(item->state == ITEM_FINISHED);
    batch_count(batch, item);
    front_count(batch->front, item);
    if (heap_has(&item->plan))
        heap_remove(&batch->planned, &item->plan);
    list_unlink(&item->link);
    if (item->started)
        batch->active_count--;
    batch->released_count++;
    item_free(item);
}

void batch_cancel_waiting(struct batch *batch, enum fault_code code)
{
    struct item *planned;
    struct list *at;

    /* One that waits finishes at once, and may be released by it. */
    while ((planned = batch_first_planned(batch)))
        item_cancel(batch_activate(batch, planned), code);
    while ((at = list_first(&batch->waiting)))
        item_cancel(batch_activate(batch, container_of(at, struct item, link)), code);
}

void batch_cancel(struct batch *batch, enum fault_code code)
{
    struct list *at, *next;

    batch_cancel_waiting(batch, code);
    while ((at = list_first(&batch->held)))
        item_cancel(container_of(at, struct item, link), code); /* unholds it */
    for (at = batch->active.next; at != &batch->active; at = next) {
        next = at->next;
        item_cancel(container_of(at, struct item, link), code);
    }
}

bool batch_is_done(const struct batch *batch)
{
    return batch->ended && batch->released_count == batch->items_count;
}

struct wire_batch_done batch_sum_up(const struct batch *batch)
{
    const struct ring_counters *then = &batch->ring_then;
    const struct ring_counters *now = ring_counters(batch->front->ring);
    struct wire_batch_done done = batch->counts;

    done.receives = now->receives - then->receives;
    done.starved = now->starved - then->starved;
    done.cq_overflows = now->cq_overflows - then->cq_overflows;
    done.lost_completions = now->lost_completions - then->lost_completions;
    return done;
}

void batch_check(const struct batch *batch)
{
    uint64_t linked = 0, active = 0;

    for (struct list *at = batch->active.next; at != &batch->active; at = at->next) {
        const struct item *item = container_of(at, struct item, link);

        item_check(item);
        assert(item->started);
        active++;
    }
    for (struct list *at = batch->held.next; at != &batch->held; at = at->next) {
        const struct item *item = container_of(at, struct item, link);

        item_check(item);
        assert(item->state == ITEM_HELD);
        active++;
    }
    for (struct list *at = batch->waiting.next; at != &batch->waiting; at = at->next)
        linked++;
    bucket_check(&batch->bucket);
    heap_check(&batch->planned);
    if (batch->cookies)
        cookies_check(batch->cookies);
    linked += batch->planned.count;
    assert(active == batch->active_count);
    assert(linked + active == batch->items_count - batch->released_count);
}
