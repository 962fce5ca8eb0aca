/*
 * session_delivery.c - heads, bodies and results on their way to the client.
 *
 *   head, body -> (window) -> HEAD, DATA in the outbox -> RESULT
 *
 * A RESULT is the last frame of its item: it waits until none of the item's blocks is left. Small
 * bodies are copied behind their header, so that a thousand of them are one piece for the kernel;
 * large ones go out as the blocks they came in.
 */
#include "session.h"

#include <assert.h>

#define DELIVERY_COPY_BYTES_MAX 4096u

void session_release_item(struct session *s, struct item *item)
{
    (void)table_remove(&s->items, item->id);
    s->request_bytes -= item_request_bytes(item);
    session_discount_item(s, item);
    batch_release(item->batch, item);
    session_wake(s);
}

static void session_send_result(struct session *s, struct item *item)
{
    struct message_result result = item_result(item, ring_now_ns(s->front->ring));
    char *out = outbox_reserve(&s->outbox, message_result_bytes(&result));

    if (!out) {
        session_close(s);
        session_release_item(s, item);
        return;
    }
    message_encode_result(out, item->id, &result);
    session_release_item(s, item);
}

/* Whether the rest of its body need not be sent, and its RESULT not wait for it. */
static bool item_is_unwanted(const struct item *item)
{
    enum fault_code code = item->result.fault.code;

    return item->state == ITEM_FINISHED &&
           (item->given_up || code == FAULT_CANCELLED_CLIENT || code == FAULT_CANCELLED_DAEMON ||
            code == FAULT_TIMEOUT_TOTAL || code == FAULT_SINK_SLOW);
}

static void session_on_item_finished(void *ctx, struct item *item)
{
    struct session *s = ctx;

    if (item->blocks_count > 0) {
        if (item_is_unwanted(item)) {
            s->has_unwanted = true;
            session_wake(s);
        }
        return;
    }
    if (s->state == SESSION_STREAM)
        session_send_result(s, item);
    else
        session_release_item(s, item);
}

/* A whole frame takes its turn among the item's body blocks. */
static void session_queue_frame(struct session *s, struct item *item, struct block *block)
{
    block->is_frame = true;
    block->ctx = item;
    block->since_ns = ring_now_ns(s->front->ring);
    item->blocks_count++;
    s->bodies_bytes += block->bytes;
    list_link_back(&s->bodies, &block->link);
    session_wake(s);
}

static void session_on_item_head(void *ctx, struct item *item, const struct attempt_head *head)
{
    struct session *s = ctx;
    struct message_head message = {
        .fixed = { .status = head->status,
                   .version_major = head->version_major,
                   .version_minor = head->version_minor,
                   .content_bytes = head->content_bytes,
                   .header_count = head->fields_count },
        .reason = head->reason,
        .headers = head->fields,
    };
    struct block *block;

    if (s->state != SESSION_STREAM)
        return;
    block = block_new(message_head_bytes(&message));
    if (!block) {
        session_close(s);
        return;
    }
    block->bytes = message_encode_head(block->data, item->id, &message);
    session_queue_frame(s, item, block);
}

static void session_on_item_restart(void *ctx, struct item *item)
{
    struct session *s = ctx;
    struct block *block;

    if (s->state != SESSION_STREAM)
        return;
    block = block_new(MESSAGE_DATA_HEAD_BYTES);
    if (!block) {
        session_close(s);
        return;
    }
    message_encode_data_head(block->data, WIRE_DATA_RESTART, item->id, 0);
    block->bytes = MESSAGE_DATA_HEAD_BYTES;
    session_queue_frame(s, item, block);
}

/* What a block will use up of the client's window: the payload of its frame. */
static size_t delivery_payload_bytes(const struct block *block)
{
    if (block->is_frame)
        return block->bytes - sizeof(struct wire_header);
    return MESSAGE_DATA_HEAD_BYTES - sizeof(struct wire_header) + frame_pad(block->bytes);
}

/* One block becomes one DATA frame; false when there is no memory for its header. */
static bool session_send_body(struct session *s, struct item *item, struct block *block)
{
    uint32_t body_bytes = (uint32_t)block->bytes;
    size_t padding = frame_pad(body_bytes) - body_bytes;
    bool copied = body_bytes <= DELIVERY_COPY_BYTES_MAX;
    char *out =
        outbox_reserve(&s->outbox, MESSAGE_DATA_HEAD_BYTES + (copied ? body_bytes + padding : 0));

    if (!out)
        return false;
    message_encode_data_head(out, 0, item->id, body_bytes);
    if (copied) {
        memcpy(out + MESSAGE_DATA_HEAD_BYTES, block->data, body_bytes);
        memset(out + MESSAGE_DATA_HEAD_BYTES + body_bytes, 0, padding);
        block_free(block);
    } else {
        memset(block->data + block->bytes, 0, padding);
        block->bytes += padding;
        outbox_push_block(&s->outbox, block);
    }
    return true;
}

/* A block is with the client, or will never be. */
static void session_return_block(struct session *s, struct item *item, size_t body_bytes)
{
    item_returned(item, body_bytes);
    if (item->state == ITEM_FINISHED)
        session_on_item_finished(s, item);
}

static void session_drop_block(struct session *s, struct block *block)
{
    struct item *item = block->ctx;
    size_t body_bytes = block->is_frame ? 0 : block->bytes;

    list_unlink(&block->link);
    s->bodies_bytes -= block->bytes;
    block_free(block);
    session_return_block(s, item, body_bytes);
}

/* Sends what the window allows; false when there is no memory for it. */
static bool session_fill_window(struct session *s)
{
    struct list *first;

    while ((first = list_first(&s->bodies))) {
        struct block *block = container_of(first, struct block, link);
        size_t payload_bytes = delivery_payload_bytes(block);
        size_t block_bytes = block->bytes;
        size_t body_bytes = block->is_frame ? 0 : block_bytes;
        struct item *item = block->ctx;

        if (item_is_unwanted(item)) {
            session_drop_block(s, block);
            continue;
        }
        if (payload_bytes > s->body_window)
            return true;
        list_unlink(first);
        if (block->is_frame) {
            outbox_push_block(&s->outbox, block);
        } else if (!session_send_body(s, item, block)) {
            list_link_front(&s->bodies, first);
            return false;
        }
        s->body_window -= payload_bytes;
        s->bodies_bytes -= block_bytes;
        session_return_block(s, item, body_bytes);
    }
    return true;
}

/* Of all that wait, what no one wants any more. */
static void session_sweep_bodies(struct session *s)
{
    struct list *at, *next;

    for (at = s->bodies.next; at != &s->bodies; at = next) {
        struct block *block = container_of(at, struct block, link);

        next = at->next;
        if (item_is_unwanted(block->ctx))
            session_drop_block(s, block);
    }
}

/* Blocks wait in order of time, so the first tells when one has waited too long. */
static void session_watch_window(struct session *s)
{
    struct list *first = list_first(&s->bodies);

    if (first)
        timers_arm(s->front->timers, &s->window_timer,
                   container_of(first, struct block, link)->since_ns +
                       s->front->config->sink_timeout_ns);
    else
        timers_disarm(s->front->timers, &s->window_timer);
}

void session_deliver_bodies(struct session *s)
{
    if (list_is_empty(&s->bodies) && !timer_is_armed(&s->window_timer))
        return;
    if (!session_fill_window(s)) {
        session_close(s);
        return;
    }
    if (s->has_unwanted) {
        s->has_unwanted = false;
        session_sweep_bodies(s);
    }
    session_watch_window(s);
}

void session_on_window_timer(struct timer *timer, uint64_t now_ns)
{
    struct session *s = container_of(timer, struct session, window_timer);

    for (struct list *at = s->bodies.next; at != &s->bodies; at = at->next) {
        struct block *block = container_of(at, struct block, link);

        if (block->since_ns + s->front->config->sink_timeout_ns > now_ns)
            break;
        item_give_up(block->ctx);
        s->has_unwanted = true;
    }
    session_wake(s);
}

static void session_on_item_body(void *ctx, struct item *item, struct block *block)
{
    struct session *s = ctx;

    block->ctx = item;
    block->since_ns = ring_now_ns(s->front->ring);
    s->bodies_bytes += block->bytes;
    list_link_back(&s->bodies, &block->link);
    session_wake(s);
}

void session_drop_bodies(struct session *s)
{
    struct list *first;

    while ((first = list_first(&s->bodies)))
        session_drop_block(s, container_of(first, struct block, link));
    timers_disarm(s->front->timers, &s->window_timer);
}

static void session_on_batch_wake(void *ctx)
{
    session_wake(ctx);
}

const struct item_events session_item_events = {
    .head = session_on_item_head,
    .restart = session_on_item_restart,
    .body = session_on_item_body,
    .finished = session_on_item_finished,
    .wake = session_on_batch_wake,
};

static void session_send_batch_done(struct session *s, const struct batch *batch)
{
    struct wire_batch_done done = batch_sum_up(batch);
    char *out = outbox_reserve(&s->outbox, sizeof(struct wire_header) + sizeof(done));

    if (out)
        message_encode_fixed(out, WIRE_BATCH_DONE, 0, batch->id, &done, sizeof(done));
}

/* What is left in its jar, as far as the window allows; false when more is to come. */
static bool session_send_cookies(struct session *s, const struct batch *batch)
{
    uint64_t now_s = ring_wall_ns(s->front->ring) / UINT64_C(1000000000);
    struct cookie cookie;

    while (cookies_first(batch->cookies, now_s, &cookie)) {
        size_t bytes = message_cookie_bytes(&cookie);
        size_t payload_bytes = bytes - sizeof(struct wire_header);
        char *out;

        if (payload_bytes > s->body_window)
            return false;
        out = outbox_reserve(&s->outbox, bytes);
        if (!out) {
            session_close(s);
            return false;
        }
        message_encode_cookie(out, WIRE_COOKIE_BACK, batch->id, &cookie);
        s->body_window -= payload_bytes;
        cookies_drop_first(batch->cookies);
    }
    return true;
}

void session_finish_batches(struct session *s)
{
    struct list *at, *next;

    for (at = s->batches.next; at != &s->batches; at = next) {
        struct batch *batch = container_of(at, struct batch, link);

        next = at->next;
        if (!batch_is_done(batch))
            continue;
        if (s->state == SESSION_STREAM && batch->sends_cookies_back &&
            !session_send_cookies(s, batch))
            continue;
        if (s->state == SESSION_STREAM)
            session_send_batch_done(s, batch);
        s->jars_count -= batch->cookies != NULL;
        session_discount_batch(s, batch);
        batch_free(batch);
        s->batches_count--;
    }
}
