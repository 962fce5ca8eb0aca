/*
 * item.c - one request as the user means it.
 *
 *   WAITING --> ACTIVE --> CLOSING --> FINISHED
 *      |         |  ^  |      (only with a file)     ^
 *      |         |  |  +-- replay, redirect          |
 *      |         v  |                                |
 *      |        HELD, or PAUSED and then HELD -------+
 *      +---------------------------------------------+   (cancelled, refused)
 *
 * PAUSED waits to be tried again; HELD wants to ask once more (a replay, a redirect, a retry) when
 * its batch has a rate that does not allow it at once.
 *
 * One deadline covers everything from acceptance (or from the planned time) on, however many
 * attempts and hops there are.
 */
#include "item_internal.h"

#include "probe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static const uint8_t item_next[] = {
    [ITEM_WAITING] = 1u << ITEM_ACTIVE | 1u << ITEM_CLOSING | 1u << ITEM_FINISHED,
    [ITEM_ACTIVE] = 1u << ITEM_PAUSED | 1u << ITEM_HELD | 1u << ITEM_CLOSING | 1u << ITEM_FINISHED,
    [ITEM_PAUSED] = 1u << ITEM_ACTIVE | 1u << ITEM_HELD | 1u << ITEM_CLOSING | 1u << ITEM_FINISHED,
    [ITEM_HELD] = 1u << ITEM_ACTIVE | 1u << ITEM_CLOSING | 1u << ITEM_FINISHED,
    [ITEM_CLOSING] = 1u << ITEM_FINISHED,
    [ITEM_FINISHED] = 0,
};

void item_enter(struct item *item, enum item_state next)
{
    assert(item_next[item->state] & 1u << next);
    item->state = next;
}

static void item_on_deadline(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns; /* the deadline is absolute */
    item_cancel(container_of(timer, struct item, deadline), FAULT_TIMEOUT_TOTAL);
}

/* The time limit runs from t0; a plan for the end of time has none. */
static uint64_t item_deadline_ns(const struct item *item)
{
    uint64_t limit_ns = item->profile->total_timeout_ns;

    if (item->fixed.timeout_ns && item->fixed.timeout_ns < limit_ns)
        limit_ns = item->fixed.timeout_ns;
    return item->t0_ns < UINT64_MAX - limit_ns ? item->t0_ns + limit_ns : UINT64_MAX;
}

struct item *item_new(struct front *front, const struct item_options *options)
{
    struct item *item = slab_acquire(&front->items);
    const struct frame *frame = options->frame;
    const struct message_request *message = options->message;
    ptrdiff_t moved;

    if (!item)
        return NULL;
    item->request = block_copy(frame->payload, 0);
    if (!item->request) {
        slab_release(&front->items, item);
        return NULL;
    }
    moved = item->request->data - frame->payload.data;
    item->method = span_of(message->method.data + moved, message->method.bytes);
    item->url = span_of(message->url.data + moved, message->url.bytes);
    item->first_url = item->url.data;
    item->headers = span_of(message->headers.data + moved, message->headers.bytes);
    item->body = span_of(message->body.data + moved, message->body.bytes);
    item->fixed = message->fixed;
    item->front = front;
    item->batch = options->batch;
    item->profile = options->profile;
    item->id = frame->header.id;
    item->t0_ns = message->fixed.planned_ns ? message->fixed.planned_ns : ring_now_ns(front->ring);
    item->state = ITEM_WAITING;
    list_init(&item->link);
    timer_init(&item->deadline, item_on_deadline);
    timer_init(&item->pause, item_on_pause);
    timers_arm(front->timers, &item->deadline, item_deadline_ns(item));
    front->stats.items_accepted++;
    PROBE3(item__accept, item, item->first_url, item->url.bytes);
    return item;
}

void item_free(struct item *item)
{
    assert(item->state == ITEM_FINISHED && item->blocks_count == 0 && !item->file);
    block_free(item->request);
    block_free(item->hop_url);
    free(item->words);
    slab_release(&item->front->items, item);
}

static void item_finish(struct item *item)
{
    item_enter(item, ITEM_FINISHED);
    timers_disarm(item->front->timers, &item->deadline);
    item->batch->events->finished(item->batch->ctx, item);
}

static void item_on_file_closed(void *ctx, int error)
{
    struct item *item = ctx;

    item->file = NULL;
    if (error)
        fault_set(&item->result.fault, FAULT_SINK_WRITE, PHASE_DELIVER, error, NULL);
    if (item->state == ITEM_CLOSING)
        item_finish(item);
}

static void item_on_file_written(void *ctx, int error, size_t bytes)
{
    struct item *item = ctx;

    if (item->state == ITEM_ACTIVE)
        item->front->engine.sink_ready(item->front->engine.ctx, item_attempt_id(item), bytes,
                                       error);
}

/* A file is written out first. */
void item_conclude(struct item *item)
{
    upload_free(item->upload);
    item->upload = NULL;
    if (!item->file) {
        item_finish(item);
        return;
    }
    item_enter(item, ITEM_CLOSING);
    writer_close(item->front->writer, item->file,
                 fault_is_set(&item->result.fault) && item->result.body_bytes == 0);
}

void item_take_file(struct item *item, int fd)
{
    static const struct writer_file_ops ops = { .written = item_on_file_written,
                                                .closed = item_on_file_closed };
    int r = writer_open(item->front->writer, fd, &ops, item, &item->file);

    if (r == 0)
        return;
    ring_close(item->front->ring, fd);
    fault_set(&item->result.fault, FAULT_SINK_WRITE, PHASE_DELIVER, -r,
              "the descriptor is not a regular file open for writing");
}

void item_take_upload(struct item *item, int fd)
{
    bool expects = item->fixed.flags & WIRE_REQUEST_EXPECT;
    int r = upload_new(fd, expects, &item->upload);

    if (r < 0)
        fault_set(&item->result.fault, FAULT_INPUT_ARGUMENT, PHASE_INPUT, -r,
                  "the request's body is in no file or pipe open for reading");
}

void item_start(struct item *item)
{
    if (fault_is_set(&item->result.fault)) {
        item_conclude(item);
        return;
    }
    item_enter(item, ITEM_ACTIVE);
    item->first_attempt_ns = ring_now_ns(item->front->ring);
    retry_budget_add_item(&item->batch->retry_budget);
    item_begin_attempt(item);
}

void item_resume(struct item *item)
{
    item_enter(item, ITEM_ACTIVE);
    item_begin_attempt(item);
}

/* FINISHED, but a part of its body still waits for the client. */
static void item_abandon(struct item *item, enum fault_code code)
{
    item->given_up = true;
    fault_set(&item->result.fault, code, PHASE_DELIVER, 0, NULL);
    item->batch->events->finished(item->batch->ctx, item);
}

void item_refuse_admission(struct item *item, enum fault_code code, const char *why)
{
    assert(item->state == ITEM_WAITING);
    fault_set(&item->result.fault, code, PHASE_QUEUE, 0, why);
    item_conclude(item);
}

void item_cancel(struct item *item, enum fault_code code)
{
    switch ((enum item_state)item->state) {
    case ITEM_WAITING:
        item_refuse_admission(item, code, NULL);
        break;
    case ITEM_ACTIVE:
        if (!item->cancelled)
            item->cancelled = code;
        item->front->engine.cancel(item->front->engine.ctx, item_attempt_id(item), code);
        break;
    case ITEM_PAUSED:
    case ITEM_HELD:
        timers_disarm(item->front->timers, &item->pause);
        if (item->state == ITEM_HELD)
            batch_unhold(item->batch, item);
        item->result.fault = (struct fault){ .code = code, .phase = PHASE_QUEUE };
        item_conclude(item);
        break;
    case ITEM_CLOSING:
        break;
    case ITEM_FINISHED:
        if (item->blocks_count > 0)
            item_abandon(item, code);
        break;
    }
}

void item_give_up(struct item *item)
{
    item->given_up = true;
    item_cancel(item, FAULT_SINK_SLOW);
}

void item_returned(struct item *item, size_t bytes)
{
    assert(item->blocks_count > 0);
    item->blocks_count--;
    if (item->state == ITEM_ACTIVE)
        item->front->engine.sink_ready(item->front->engine.ctx, item_attempt_id(item), bytes, 0);
}

static void item_on_head(void *ctx, uint64_t id, const struct attempt_head *head)
{
    struct item *item = item_of_attempt(id);

    (void)ctx; /* the front; the item knows it */
    item->batch->events->head(item->batch->ctx, item, head);
}

static void item_on_body(void *ctx, uint64_t id, struct block *block)
{
    struct item *item = item_of_attempt(id);

    (void)ctx;
    item->blocks_count++;
    item->batch->events->body(item->batch->ctx, item, block);
}

struct mailbox_front item_mailbox(struct front *front)
{
    return (struct mailbox_front){
        .head = item_on_head, .body = item_on_body, .done = item_on_done, .ctx = front
    };
}

size_t item_request_bytes(const struct item *item)
{
    return item->request->bytes;
}

void item_check(const struct item *item)
{
    assert(item->batch && item->profile && item->request);
    assert(item->state != ITEM_WAITING || timer_is_armed(&item->deadline));
    assert(item->state != ITEM_ACTIVE || item->attempts > 0);
    assert((item->state == ITEM_PAUSED) == timer_is_armed(&item->pause));
}
