/*
 * exchange.c - one attempt at one hop on one connection.
 *
 *   QUEUED --> WAITING --> OPEN --> DELIVERING --> DONE
 *      |          |          |          |           ^
 *      +----------+----------+----------+-----------+   (a fault, a cancel; no body left to hand
 * on)
 *
 * The request's half has a state of its own (exchange_send.c), the response's half is the parser's:
 * a final response may come before the request is sent, and then ends both. The exchange follows no
 * redirect and knows no retry; it says what happened, and whether a reused connection had gone
 * stale before a byte.
 *
 * A body that is being decoded can hold more than its bytes: while there is more to come of those
 * received (body_has_more), the conn is paused and the parser is not asked, not even whether the
 * message has ended. exchange_go_on takes it up again, when the sink is ready or the loop has been
 * round.
 *
 * Leaving the conn is complete at once: pool_release either keeps it or lets it drain.
 */
#include "exchange_internal.h"

#include "probe.h"
#include "redirect.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static const uint8_t exchange_next[] = {
    [EXCHANGE_QUEUED] = 1u << EXCHANGE_WAITING | 1u << EXCHANGE_DONE,
    [EXCHANGE_WAITING] = 1u << EXCHANGE_OPEN | 1u << EXCHANGE_DONE,
    [EXCHANGE_OPEN] = 1u << EXCHANGE_DELIVERING | 1u << EXCHANGE_DONE,
    [EXCHANGE_DELIVERING] = 1u << EXCHANGE_DONE,
    [EXCHANGE_DONE] = 0,
};

static void exchange_enter(struct exchange *x, enum exchange_state next)
{
    assert(exchange_next[x->state] & 1u << next);
    x->state = next;
}

enum phase exchange_phase(const struct exchange *x)
{
    switch ((enum exchange_state)x->state) {
    case EXCHANGE_QUEUED:
        return PHASE_QUEUE;
    case EXCHANGE_WAITING:
        return pool_waiting_phase(&x->lease);
    case EXCHANGE_OPEN:
        if (x->sink_full)
            return PHASE_DELIVER;
        if (response_has_begun(&x->response))
            return PHASE_RECEIVE;
        return x->request_state == REQUEST_SENT ? PHASE_WAIT : PHASE_SEND;
    case EXCHANGE_DELIVERING:
    case EXCHANGE_DONE:
        break;
    }
    return PHASE_DELIVER;
}

/* The outcome is complete; it is told outside the caller's stack, when nothing is read for the
 * request any more. */
static void exchange_finish(struct exchange *x)
{
    exchange_enter(x, EXCHANGE_DONE);
    ring_undefer(&x->more);
    timers_disarm(x->env->timers, &x->timer);
    if (exchange_stop_reading(x))
        ring_defer(x->env->ring, &x->later);
}

static void exchange_leave_conn(struct exchange *x, bool reuse)
{
    struct conn *conn = x->conn;

    x->conn = NULL;
    x->result.remote_family = conn->remote_family;
    x->result.remote_port = conn->remote_port;
    memcpy(x->result.remote_address, conn->remote_address, sizeof(conn->remote_address));
    pool_release(x->env->pool, &x->lease, conn, reuse);
}

void exchange_fail(struct exchange *x, enum fault_code code, enum phase phase, int error,
                   const char *why)
{
    if (x->state == EXCHANGE_DONE)
        return;
    fault_set(&x->result.fault, code, phase, error, why);
    switch ((enum exchange_state)x->state) {
    case EXCHANGE_QUEUED:
    case EXCHANGE_DELIVERING:
        break;
    case EXCHANGE_WAITING:
        if (x->lease.route)
            pool_cancel(x->env->pool, &x->lease);
        break;
    case EXCHANGE_OPEN:
        exchange_leave_conn(x, false);
        break;
    case EXCHANGE_DONE:
        return;
    }
    exchange_finish(x);
}

void exchange_fail_with(struct exchange *x, const struct fault *fault)
{
    exchange_fail(x, fault->code, fault->phase, fault->error, fault->why);
}

/* Of TLS or policy, whose words do not outlive the connection or the dial. */
static void exchange_fail_with_words(struct exchange *x, const struct fault *fault)
{
    if (fault->why && !x->words)
        x->words = strdup(fault->why);
    exchange_fail(x, fault->code, fault->phase, fault->error, x->words);
}

/* What the times of this answer owe to the network. Not asked for each: at full speed the calls
 * would be a part of what is measured. */
static void exchange_ask_kernel(struct exchange *x)
{
    struct conn_sample sample;

    if (!conn_is_tcp(x->conn) || !bucket_take(&x->env->samples, ring_now_ns(x->env->ring)) ||
        !conn_sample(x->conn, &sample))
        return;
    x->result.rtt_us = sample.rtt_us;
    x->result.retransmits = sample.retransmits;
}

/* The response is whole, if its body can be decoded to its end. */
static void exchange_complete(struct exchange *x, bool reuse)
{
    if (!body_finish(&x->body)) {
        exchange_fail_with(x, &x->body.fault);
        return;
    }
    x->result.complete = true;
    exchange_ask_kernel(x);
    exchange_leave_conn(x, reuse);
    if (sink_is_settled(&x->sink)) {
        exchange_finish(x);
        return;
    }
    exchange_enter(x, EXCHANGE_DELIVERING);
    exchange_set_deadline(x, ring_now_ns(x->env->ring) + x->env->sink_timeout_ns);
}

static void exchange_on_head(struct exchange *x)
{
    const struct response *response = &x->response;
    struct decode_list codings = response_codings(response);
    struct attempt_head head = { .status = response->status,
                                 .version_major = response->version_major,
                                 .version_minor = response->version_minor,
                                 .content_bytes = response->content_bytes };

    x->result.status = response->status;
    x->result.version_major = response->version_major;
    x->result.version_minor = response->version_minor;
    x->result.head_bytes = response->section_bytes;
    x->drops_body =
        (retry_on_has_status(&x->drops, response->status) && exchange_can_be_repeated(x)) ||
        (x->follows && redirect_is_followed(response->status) && response_location(response).data);
    body_set_codings(&x->body, &codings);
    exchange_on_final_status(x);
    if (!x->wants_head || x->result.was_not_to_expect)
        return;
    head.reason = response_reason(response);
    head.fields = response_fields(response, &head.fields_count);
    x->env->front->head(x->env->front->ctx, x->id, &head);
}

static void exchange_take_verdict(struct exchange *x, enum body_verdict verdict)
{
    switch (verdict) {
    case BODY_TAKEN:
        return;
    case BODY_FULL:
        x->sink_full = true;
        exchange_set_deadline(x, ring_now_ns(x->env->ring) + x->env->sink_timeout_ns);
        return;
    case BODY_BUSY:
        exchange_set_deadline(x, ring_now_ns(x->env->ring) + x->idle_timeout_ns);
        ring_defer(x->env->ring, &x->more);
        return;
    case BODY_FAILED:
        exchange_fail_with(x, &x->body.fault);
        return;
    }
}

static void exchange_on_body(struct exchange *x, struct span piece)
{
    x->result.wire_bytes += piece.bytes;
    x->env->body_bytes += piece.bytes;
    if (!x->drops_body)
        exchange_take_verdict(x, body_write(&x->body, piece));
}

/* A full sink stops us between two pieces. After the last byte we ask once more all the same: if
 * the body that filled the sink was the end of the message, nothing else would tell. */
static bool exchange_may_read(const struct exchange *x, struct span bytes)
{
    return x->state == EXCHANGE_OPEN && !body_has_more(&x->body) &&
           (!x->sink_full || span_is_empty(bytes));
}

static void exchange_read(struct exchange *x, struct span bytes)
{
    struct span body;

    while (exchange_may_read(x, bytes)) {
        switch (response_feed(&x->response, &bytes, &body)) {
        case RESPONSE_NEED_MORE:
            if (x->response.continues)
                exchange_on_continue(x);
            if (x->sink_full)
                conn_pause(x->conn, bytes);
            return;
        case RESPONSE_HEAD:
            exchange_on_head(x);
            break;
        case RESPONSE_BODY:
            exchange_on_body(x, body);
            break;
        case RESPONSE_COMPLETE:
            /* Answered before we had finished asking, or with bytes left over: the conn carries
             * a stream we no longer understand. */
            exchange_complete(x, x->response.keep_alive && x->request_state == REQUEST_SENT &&
                                     !x->close_after && span_is_empty(bytes));
            return;
        case RESPONSE_BAD:
            exchange_fail_with(x, &x->response.fault);
            return;
        }
    }
    if (x->state == EXCHANGE_OPEN)
        conn_pause(x->conn, bytes);
}

static void exchange_on_conn_bytes(void *ctx, struct conn *conn, struct span bytes, uint64_t now_ns)
{
    struct exchange *x = ctx;

    (void)conn; /* x->conn */
    if (!x->result.first_byte_ns) {
        x->result.first_byte_ns = now_ns;
        PROBE2(attempt__first__byte, x->id, now_ns - x->result.sent_ns);
    }
    x->result.last_byte_ns = now_ns;
    if (!exchange_is_held_up(x))
        exchange_set_deadline(x, now_ns + x->idle_timeout_ns);
    exchange_read(x, bytes);
}

static void exchange_on_conn_closed(void *ctx, struct conn *conn, int error, bool while_sending)
{
    struct exchange *x = ctx;

    if (fault_is_set(&conn->fault)) {
        exchange_fail_with_words(x, &conn->fault);
        return;
    }
    if (error == ENOMEM) {
        exchange_fail(x, FAULT_LOCAL_NO_MEMORY, exchange_phase(x), error, NULL);
        return;
    }
    /* A reused connection that ends before any byte of an answer had been given up by the peer
     * while it was idle; whether that may be tried again is the item's business. */
    if (x->lease.reused && !x->response.any_byte)
        x->result.replayable = true;
    if (error) {
        exchange_fail(x, while_sending ? FAULT_IO_SEND : FAULT_IO_RECV, exchange_phase(x), error,
                      NULL);
        return;
    }
    if (conn->cut_short && response_ends_with_connection(&x->response)) {
        exchange_fail(x, FAULT_HTTP_PARTIAL, exchange_phase(x), 0,
                      "the connection ended without TLS's word that nothing follows");
        return;
    }
    if (response_finish(&x->response) == RESPONSE_COMPLETE) {
        exchange_complete(x, false);
        return;
    }
    exchange_fail(x, x->response.fault.code, exchange_phase(x), 0, x->response.fault.why);
}

static const struct conn_events exchange_conn_events = {
    .bytes = exchange_on_conn_bytes,
    .sent = exchange_on_conn_sent,
    .closed = exchange_on_conn_closed,
};

static void exchange_open(struct exchange *x, struct conn *conn)
{
    uint64_t now_ns = ring_now_ns(x->env->ring);

    exchange_enter(x, EXCHANGE_OPEN);
    x->conn = conn;
    x->result.reused = x->lease.reused;
    x->result.resolved_ns = x->lease.resolved_ns;
    x->result.connected_ns = x->lease.connected_ns;
    x->result.tls_ns = x->lease.tls_ns;
    x->result.connect_status = x->lease.connect_status;
    x->result.resumed = x->lease.resumed;
    x->result.tls = x->lease.tls;
    PROBE5(attempt__open, x->id, x->result.reused, x->result.resolved_ns, x->result.connected_ns,
           x->result.tls_ns);
    conn_adopt(conn, &exchange_conn_events, x);
    exchange_send_head(x);
    /* Until the request is sent the limit is that of silence, on our side of the wire. */
    x->deadline_ns = now_ns + x->idle_timeout_ns;
    timers_arm(x->env->timers, &x->timer,
               now_ns + (x->idle_timeout_ns < x->first_byte_timeout_ns ? x->idle_timeout_ns
                                                                       : x->first_byte_timeout_ns));
}

static void exchange_on_lease_ready(struct pool_lease *lease, struct conn *conn)
{
    exchange_open(container_of(lease, struct exchange, lease), conn);
}

static void exchange_on_lease_failed(struct pool_lease *lease, const struct fault *fault)
{
    struct exchange *x = container_of(lease, struct exchange, lease);

    x->result.resolved_ns = lease->resolved_ns;
    x->result.connected_ns = lease->connected_ns;
    x->result.connect_status = lease->connect_status;
    exchange_fail_with_words(x, fault);
}

/* Nothing stands in the way of the body any more. The conn may have nothing to tell us: if what was
 * decoded was the end of the message, we have to ask. */
static void exchange_go_on(struct exchange *x)
{
    if (body_has_more(&x->body))
        exchange_take_verdict(x, body_go_on(&x->body));
    if (x->state != EXCHANGE_OPEN || body_has_more(&x->body) || x->sink_full)
        return;
    exchange_set_deadline(x, ring_now_ns(x->env->ring) + x->idle_timeout_ns);
    conn_resume(x->conn);
    exchange_read(x, span_of("", 0));
}

static void exchange_on_more(struct ring_deferred *deferred)
{
    exchange_go_on(container_of(deferred, struct exchange, more));
}

static void exchange_on_sink_ready(struct sink *sink)
{
    struct exchange *x = container_of(sink, struct exchange, sink);

    if (fault_is_set(&sink->fault)) {
        exchange_fail_with(x, &sink->fault);
    } else if (x->state == EXCHANGE_DELIVERING) {
        if (sink_is_settled(sink))
            exchange_finish(x);
    } else if (x->state == EXCHANGE_OPEN && x->sink_full) {
        x->sink_full = false;
        exchange_go_on(x);
    }
}

static void exchange_on_later(struct ring_deferred *deferred)
{
    struct exchange *x = container_of(deferred, struct exchange, later);

    assert(x->state == EXCHANGE_DONE);
    x->result.body_bytes = x->body.bytes;
    x->result.upload_read = x->source && x->source->has_read;
    x->result.decoded = body_is_decoded(&x->body);
    x->result.held_by = x->lease.held_by ? x->lease.held_by : x->ticket.held_by;
    x->result.content_type = response_content_type(&x->response);
    if (x->result.complete)
        x->result.location = response_location(&x->response);
    x->result.retry_after = response_retry_after(&x->response);
    x->result.set_cookies = response_cookies(&x->response);
    PROBE5(attempt__done, x->id, x->result.status, x->result.fault.code, x->result.sent_ns,
           x->result.last_byte_ns);
    x->env->on_done(x->env->ctx, x);
}

void exchange_init(struct exchange *x, struct exchange_env *env, const struct attempt *attempt)
{
    struct sink_options sink = { .kind = attempt->sink,
                                 .front = env->front,
                                 .writer = env->writer,
                                 .file = attempt->file,
                                 .id = attempt->id,
                                 .window_bytes = attempt->window_bytes };
    struct body_options body = { .sink = &x->sink,
                                 .decodes = attempt->decodes,
                                 .bytes_max = attempt->body_bytes_max };

    x->env = env;
    x->id = attempt->id;
    x->request = attempt->request;
    x->upload = attempt->upload;
    x->lease.client_key = attempt->client_key;
    x->later.run = exchange_on_later;
    x->more.run = exchange_on_more;
    x->first_byte_timeout_ns = attempt->first_byte_timeout_ns;
    x->idle_timeout_ns = attempt->idle_timeout_ns;
    x->wants_head = attempt->wants_head;
    x->close_after = attempt->close_after;
    x->follows = attempt->follows;
    x->drops = attempt->drops;
    x->limits = *env->limits;
    x->limits.body_bytes_max = attempt->body_bytes_max;
    x->lease.ready = exchange_on_lease_ready;
    x->lease.failed = exchange_on_lease_failed;
    x->lease.options.dns_timeout_ns = attempt->dns_timeout_ns;
    x->lease.options.connect_timeout_ns = attempt->connect_timeout_ns;
    x->lease.options.tls_timeout_ns = attempt->tls_timeout_ns;
    list_init(&x->ticket.link);
    timer_init(&x->timer, exchange_on_timer);
    response_init(&x->response, &x->limits, attempt->is_head_request, attempt->wants_head);
    x->response.wants_cookies = attempt->wants_cookies;
    sink_init(&x->sink, &sink, exchange_on_sink_ready);
    body_init(&x->body, &body);
}

void exchange_deinit(struct exchange *x)
{
    assert(x->state == EXCHANGE_DONE && !x->conn);
    block_free(x->request);
    exchange_forget_source(x);
    free(x->words);
    response_deinit(&x->response);
    body_deinit(&x->body);
    sink_deinit(&x->sink);
}

void exchange_begin(struct exchange *x, const struct pool_key *key, bool fresh_conn)
{
    struct fault fault = { 0 };
    struct conn *conn;

    exchange_enter(x, EXCHANGE_WAITING);
    x->result.started_ns = ring_now_ns(x->env->ring);
    PROBE2(attempt__begin, x->id, x->result.started_ns);
    conn = pool_acquire(x->env->pool, &x->lease, key, fresh_conn, &fault);
    if (fault_is_set(&fault))
        exchange_fail_with(x, &fault);
    else if (conn)
        exchange_open(x, conn);
}

void exchange_cancel(struct exchange *x, enum fault_code code)
{
    exchange_fail(x, code, exchange_phase(x), 0, NULL);
}

void exchange_sink_returned(struct exchange *x, size_t bytes, int error)
{
    if (x->state != EXCHANGE_DONE)
        sink_returned(&x->sink, bytes, error);
}

void exchange_check(const struct exchange *x)
{
    assert((x->conn != NULL) == (x->state == EXCHANGE_OPEN));
    assert(x->state != EXCHANGE_WAITING || x->lease.route);
    assert(x->state != EXCHANGE_OPEN || timer_is_armed(&x->timer));
    assert(!fault_is_set(&x->result.fault) || x->state == EXCHANGE_DONE);
    assert(x->state == EXCHANGE_OPEN || !x->more.pending);
    assert(x->state != EXCHANGE_OPEN || x->is_sending || x->request_state != REQUEST_BEGUN);
    body_check(&x->body);
    if (x->state == EXCHANGE_OPEN)
        response_check(&x->response);
}
