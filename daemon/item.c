/*
 * item.c - one request as the user means it.
 *
 *   WAITING --> ACTIVE --> CLOSING --> FINISHED
 *      |          | ^         (only with a file)     ^
 *      |          +-+ replay of a stale connection   |
 *      +---------------------------------------------+   (cancelled, refused)
 *
 * The URL is parsed when the item starts, not when it is accepted: a million waiting items then
 * hold their bytes and nothing else. One deadline covers everything from acceptance (or from the
 * planned time) on.
 *
 * A kept connection that the server had closed before it said a byte is not an answer: a request
 * that may be sent twice is sent again, once, on a new connection (RFC 9112 section 9.3.1).
 */
#include "item.h"

#include "batch.h"
#include "request.h"
#include "url.h"

#include <assert.h>
#include <errno.h>

#define ITEM_WINDOW_BYTES_MIN (16u << 10)
#define ITEM_WINDOW_BYTES_MAX (256u << 10)
#define ITEM_HEAD_BYTES 256u /* of a head, beside its URL and fields */

static const uint8_t item_next[] = {
    [ITEM_WAITING] = 1u << ITEM_ACTIVE | 1u << ITEM_CLOSING | 1u << ITEM_FINISHED,
    [ITEM_ACTIVE] = 1u << ITEM_CLOSING | 1u << ITEM_FINISHED,
    [ITEM_CLOSING] = 1u << ITEM_FINISHED,
    [ITEM_FINISHED] = 0,
};

static void item_enter(struct item *item, enum item_state next)
{
    assert(item_next[item->state] & 1u << next);
    item->state = next;
}

static uint64_t item_attempt_id(const struct item *item)
{
    return (uint64_t)(uintptr_t)item;
}

static struct item *item_of_attempt(uint64_t id)
{
    return (struct item *)(uintptr_t)id;
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
    timers_arm(front->timers, &item->deadline, item_deadline_ns(item));
    front->counters.items_accepted++;
    return item;
}

void item_free(struct item *item)
{
    assert(item->state == ITEM_FINISHED && item->blocks_count == 0 && !item->file);
    block_free(item->request);
    slab_release(&item->front->items, item);
}

static void item_finish(struct item *item)
{
    struct front *front = item->front;

    item_enter(item, ITEM_FINISHED);
    timers_disarm(front->timers, &item->deadline);
    if (fault_is_set(&item->result.fault))
        front->counters.items_failed++;
    else
        front->counters.items_ok++;
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

/* The result is known; a file is written out first. */
static void item_conclude(struct item *item)
{
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

/* One conclusion for all refusals before the first byte. */
static void item_refuse(struct item *item, enum fault_code code, const char *why)
{
    fault_set(&item->result.fault, code, PHASE_INPUT, 0, why);
    item_conclude(item);
}

static enum fault_code item_parse(const struct item *item, struct url *ret_url,
                                  const char **ret_why)
{
    struct url_fault fault;

    if (item->fixed.header_count > WIRE_HEADERS_MAX ||
        item->headers.bytes > WIRE_HEADER_BYTES_MAX + 8u * WIRE_HEADERS_MAX) {
        *ret_why = "over 256 header fields or 128 KiB of them";
        return FAULT_INPUT_TOO_BIG;
    }
    if (!url_parse(item->url, ret_url, &fault)) {
        *ret_why = fault.why;
        return fault.code;
    }
    if (ret_url->scheme == URL_HTTPS) {
        *ret_why = "https arrives with TLS support; this build has none";
        return FAULT_INPUT_SCHEME;
    }
    return FAULT_NONE;
}

static enum attempt_sink item_sink(const struct item *item)
{
    uint8_t mode = item->fixed.body_mode == WIRE_BODY_OF_PROFILE
                       ? item->profile->message.fixed.body_mode
                       : item->fixed.body_mode;

    if (mode == WIRE_BODY_DATA)
        return ATTEMPT_SINK_DATA;
    return mode == WIRE_BODY_FD ? ATTEMPT_SINK_FILE : ATTEMPT_SINK_DISCARD;
}

static size_t item_window_bytes(const struct item *item)
{
    size_t share = WIRE_BODY_WINDOW_BYTES / item->batch->concurrency;

    if (share < ITEM_WINDOW_BYTES_MIN)
        return ITEM_WINDOW_BYTES_MIN;
    return share < ITEM_WINDOW_BYTES_MAX ? share : ITEM_WINDOW_BYTES_MAX;
}

/* Hands the attempt to the engine. The spans of url and request are read during the call. */
static void item_post(struct item *item, const struct url *url, struct block *request)
{
    const struct profile *profile = item->profile;
    const struct wire_profile *fixed = &profile->message.fixed;
    struct span host = span_of(url->host, url->host_bytes);
    struct message_pin pin = profile_pin(profile, host, url->port);
    struct attempt attempt = {
        .id = item_attempt_id(item),
        .batch_key = (uint64_t)(uintptr_t)item->batch,
        .per_origin_max = item->batch->per_origin_max,
        .host = host,
        .port = url->port,
        .dial_host = pin.to_host,
        .dial_port = pin.to_port,
        .address_family = fixed->address_family,
        .interface = profile->message.interface,
        .unix_path = profile->message.unix_path,
        .request = request,
        .is_head_request = span_equals(item->method, SPAN_LITERAL("HEAD")),
        .wants_head = fixed->flags & WIRE_PROFILE_HEAD,
        .fresh_conn = item->fresh_conn || fixed->flags & WIRE_PROFILE_FRESH_CONN,
        .close_after = fixed->flags & WIRE_PROFILE_NO_REUSE,
        .dns_timeout_ns = profile->dns_timeout_ns,
        .connect_timeout_ns = profile->connect_timeout_ns,
        .first_byte_timeout_ns = profile->first_byte_timeout_ns,
        .idle_timeout_ns = profile->idle_timeout_ns,
        .body_bytes_max = fixed->body_bytes_max,
        .sink = item_sink(item),
        .file = item->file,
        .window_bytes = item_window_bytes(item),
    };

    item->attempts++;
    item->front->engine.start(item->front->engine.ctx, &attempt);
}

/* Head and body, as they go out. The frame they come from is a good guess at their size; a URL
 * that is mostly escapes needs more. */
static struct block *item_write(const struct item *item, const struct request *request)
{
    size_t room = item->request->bytes + request->defaults->text_bytes + ITEM_HEAD_BYTES;
    struct block *block = block_new(room);

    if (!block)
        return NULL;
    block->bytes = request_write(request, block->data, room);
    if (block->bytes <= room)
        return block;

    room = block->bytes;
    block_free(block);
    block = block_new(room);
    if (block)
        block->bytes = request_write(request, block->data, room);
    return block;
}

void item_start(struct item *item)
{
    struct request request = {
        .method = item->method,
        .defaults = &item->profile->defaults,
        .fields = item->headers,
        .body = item->body,
        .has_body = item->fixed.flags & WIRE_REQUEST_HAS_BODY,
        .close = item->profile->message.fixed.flags & WIRE_PROFILE_NO_REUSE,
    };
    const char *why = NULL;
    enum fault_code code;
    struct block *block;
    struct url url;

    if (fault_is_set(&item->result.fault)) {
        item_conclude(item);
        return;
    }
    request.url = &url;
    code = item_parse(item, &url, &why);
    if (code == FAULT_NONE)
        code = request_check(&request, &why);
    if (code == FAULT_NONE && item->profile->unix_denied) {
        code = FAULT_POLICY_DENIED;
        why = "this daemon does not connect to unix sockets for other users (UnixUpstreams=)";
    }
    if (code != FAULT_NONE) {
        item_refuse(item, code, why);
        return;
    }
    block = item_write(item, &request);
    if (!block) {
        item_refuse(item, FAULT_LOCAL_NO_MEMORY, NULL);
        return;
    }
    if (item->state == ITEM_WAITING)
        item_enter(item, ITEM_ACTIVE);
    item_post(item, &url, block);
}

/* FINISHED, but a part of its body still waits for the client. */
static void item_abandon(struct item *item, enum fault_code code)
{
    struct front *front = item->front;

    item->given_up = true;
    if (!fault_is_set(&item->result.fault)) {
        fault_set(&item->result.fault, code, PHASE_DELIVER, 0, NULL);
        front->counters.items_ok--;
        front->counters.items_failed++;
    }
    item->batch->events->finished(item->batch->ctx, item);
}

void item_cancel(struct item *item, enum fault_code code)
{
    switch ((enum item_state)item->state) {
    case ITEM_WAITING:
        fault_set(&item->result.fault, code, PHASE_QUEUE, 0, NULL);
        item_conclude(item);
        break;
    case ITEM_ACTIVE:
        if (!item->cancelled)
            item->cancelled = code;
        item->front->engine.cancel(item->front->engine.ctx, item_attempt_id(item), code);
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

static bool item_may_replay(const struct item *item)
{
    return !item->fresh_conn &&
           (request_is_idempotent(item->method) || item->fixed.flags & WIRE_REQUEST_REPLAYABLE);
}

static void item_on_done(void *ctx, uint64_t id, const struct attempt_result *result)
{
    struct item *item = item_of_attempt(id);
    size_t bytes = result->content_type.bytes;

    (void)ctx;
    if (result->replayable && item_may_replay(item) && !item->cancelled) {
        item->fresh_conn = true;
        item_start(item);
        return;
    }
    item->result = *result;
    /* The cancel came when the attempt had ended, but not yet the item. */
    if (result->replayable && item_may_replay(item))
        item->result.fault =
            (struct fault){ .code = item->cancelled, .phase = result->fault.phase };
    if (bytes > sizeof(item->content_type))
        bytes = sizeof(item->content_type);
    if (bytes)
        memcpy(item->content_type, result->content_type.data, bytes);
    item->content_type_bytes = (uint8_t)bytes;
    if (result->held_by)
        item->held_by = result->held_by;
    if (result->replayable && !request_is_idempotent(item->method) && !item->fresh_conn)
        item->result.fault = (struct fault){
            .code = FAULT_IO_RECV,
            .phase = result->fault.phase,
            .error = result->fault.error,
            .why = "the server had closed the kept connection; such a request is not sent twice",
        };
    item_conclude(item);
}

struct mailbox_front item_mailbox(struct front *front)
{
    return (struct mailbox_front){
        .head = item_on_head, .body = item_on_body, .done = item_on_done, .ctx = front
    };
}

static uint64_t offset_ns(uint64_t stamp_ns, uint64_t t0_ns)
{
    if (!stamp_ns)
        return WIRE_NOT_REACHED;
    return stamp_ns > t0_ns ? stamp_ns - t0_ns : 0;
}

static uint8_t result_flags(const struct item *item)
{
    const struct attempt_result *r = &item->result;
    uint8_t flags = 0;

    if (r->reused)
        flags |= WIRE_RESULT_REUSED;
    if (r->complete && !fault_is_set(&r->fault))
        flags |= WIRE_RESULT_COMPLETE;
    if (fault_is_set(&r->fault) && r->body_bytes > 0)
        flags |= WIRE_RESULT_TRUNCATED;
    return flags;
}

struct message_result item_result(const struct item *item, uint64_t delivered_ns)
{
    const struct attempt_result *r = &item->result;
    uint64_t t0_ns = item->t0_ns;
    bool planned = item->fixed.planned_ns && r->sent_ns > t0_ns;
    struct message_result out = {
        .fixed = {
            .fault = r->fault.code,
            .fault_phase = r->fault.phase,
            .flags = result_flags(item),
            .fault_errno = r->fault.error,
            .status = r->status,
            .version_major = r->version_major,
            .version_minor = r->version_minor,
            .attempts = item->attempts,
            .remote_port = r->remote_port,
            .remote_family = r->remote_family,
            .wire_bytes = r->wire_bytes,
            .body_bytes = r->body_bytes,
            .batch_id = item->batch->id,
            .t0_ns = t0_ns,
            .queued_ns = offset_ns(r->started_ns, t0_ns),
            .dns_ns = offset_ns(r->resolved_ns, t0_ns),
            .connected_ns = offset_ns(r->connected_ns, t0_ns),
            .tls_ns = WIRE_NOT_REACHED,
            .sent_ns = offset_ns(r->sent_ns, t0_ns),
            .first_byte_ns = offset_ns(r->first_byte_ns, t0_ns),
            .last_byte_ns = offset_ns(r->last_byte_ns, t0_ns),
            .delivered_ns = offset_ns(delivered_ns, t0_ns),
            .late_ns = planned ? r->sent_ns - t0_ns : 0,
            .request_bytes = r->request_bytes,
            .held_by = item->held_by,
        },
        .content_type = span_of(item->content_type, item->content_type_bytes),
    };

    memcpy(out.fixed.remote_address, r->remote_address, sizeof(r->remote_address));
    if (fault_is_set(&r->fault))
        out.message = span_of_string(r->fault.why ? r->fault.why : fault_message(r->fault.code));
    return out;
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
}
