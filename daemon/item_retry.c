/*
 * item_retry.c - tries again what may end otherwise (retry.h says what, and when).
 *
 * What was delivered of an attempt that is not the last is taken back: the file is truncated, the
 * client told to forget. Where that cannot be, the first byte delivered makes an attempt the last.
 */
#include "item_internal.h"

#include "request.h"

/* The answer is void, as far as it went. */
static void item_take_back(struct item *item)
{
    if (item->result.body_bytes == 0)
        return;
    if (item->file)
        writer_restart(item->front->writer, item->file);
    else if (item_sink(item) == ATTEMPT_SINK_DATA)
        item->batch->events->restart(item->batch->ctx, item);
}

bool item_retry(struct item *item, const struct attempt_result *result)
{
    struct front *front = item->front;
    struct retry_policy policy = item->profile->retry;
    const struct retry_progress progress = {
        .first_started_ns = item->first_attempt_ns,
        .deadline_ns = item->deadline.deadline_ns,
        .retries_count = item->retries,
    };
    const struct retry_outcome outcome = {
        .fault = result->fault,
        .status = result->status,
        .is_idempotent = request_is_idempotent(item->method),
        .is_delivered = item->fixed.flags & WIRE_REQUEST_KEPT && result->body_bytes > 0,
        .retry_after = result->retry_after.bytes ? result->retry_after : (struct span){ 0 },
        .origin_ready_ns = result->cools_until_ns,
    };
    struct retry_moment moment = { .now_ns = ring_now_ns(front->ring) };
    uint64_t at_ns;

    if (policy.retries_max == 0 || !item_can_send_again(item))
        return false;
    policy.all_methods |= item->fixed.flags & WIRE_REQUEST_REPLAYABLE;
    moment.wall_now_ns = ring_wall_ns(front->ring);
    moment.random = ring_random(front->ring);
    if (retry_decide(&policy, &progress, &outcome, &moment, &item->batch->retry_budget, &at_ns) !=
        RETRY_AGAIN)
        return false;
    item_take_back(item);
    item->retries++;
    if (result->cools_until_ns)
        item->held_by = WIRE_CAP_COOLING;
    item_enter(item, ITEM_PAUSED);
    timers_arm(front->timers, &item->pause, at_ns);
    return true;
}

void item_on_pause(struct timer *timer, uint64_t now_ns)
{
    struct item *item = container_of(timer, struct item, pause);

    (void)now_ns; /* its time has come */
    item->fresh_conn = false;
    item_begin_again(item);
}
