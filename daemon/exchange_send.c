/*
 * exchange_send.c - the request's half of an exchange.
 *
 *             all in one block
 *   BEGUN ---------------------------> SENT
 *     |  \                              ^
 *     |   +--> HELD --> BODY -----------+
 *     |  Expect: |  100, |
 *     |          |  1 s  |
 *     +----------+-------+--> ABANDONED   (a final answer that wants no body, or no more of it)
 *
 * A body that is not with the head comes from a source: a piece is with the conn, the next one is
 * read meanwhile. While the client's pipe has nothing for us, no limit of silence runs: it is not
 * the server who is silent.
 *
 * With "Expect: 100-continue" the body waits for the answer, but not for longer than a second: many
 * servers do not know it (RFC 9110 section 10.1.1). A final status of 300 or more ends a request
 * whose body is not sent yet: the connection is given up with it, and the answer counts.
 */
#include "exchange_internal.h"

#include "probe.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CONTINUE_WAIT_NS UINT64_C(1000000000)

static const uint8_t request_next[] = {
    [REQUEST_BEGUN] =
        1u << REQUEST_HELD | 1u << REQUEST_BODY | 1u << REQUEST_SENT | 1u << REQUEST_ABANDONED,
    [REQUEST_HELD] = 1u << REQUEST_BODY | 1u << REQUEST_ABANDONED,
    [REQUEST_BODY] = 1u << REQUEST_SENT | 1u << REQUEST_ABANDONED,
    [REQUEST_SENT] = 0,
    [REQUEST_ABANDONED] = 0,
};

static void request_enter(struct exchange *x, enum exchange_request next)
{
    assert(request_next[x->request_state] & 1u << next);
    x->request_state = next;
}

static void exchange_send(struct exchange *x, struct block *block)
{
    x->is_sending = true;
    x->result.request_bytes += block->bytes;
    conn_send(x->conn, block);
}

void exchange_send_head(struct exchange *x)
{
    struct block *request = x->request;

    x->request = NULL;
    exchange_send(x, request);
}

/* ---- the body ---- */

bool exchange_is_held_up(const struct exchange *x)
{
    return x->request_state == REQUEST_HELD || (x->request_state == REQUEST_BODY && !x->is_sending);
}

static void exchange_request_is_sent(struct exchange *x)
{
    request_enter(x, REQUEST_SENT);
    if (!response_has_begun(&x->response))
        exchange_set_deadline(x, ring_now_ns(x->env->ring) + x->first_byte_timeout_ns);
}

/* Hands the next piece to the conn, if there is one, and has the one after it read. */
static void exchange_send_piece(struct exchange *x)
{
    struct block *piece;

    if (x->source->ended && !x->source->is_ready) {
        exchange_request_is_sent(x);
        return;
    }
    piece = source_take(x->source, &x->piece_payload);
    if (!piece) {
        if (fault_is_set(&x->source->fault))
            exchange_fail_with(x, &x->source->fault);
        else
            exchange_set_deadline(x, UINT64_MAX); /* the client's turn */
        return;
    }
    exchange_set_deadline(x, ring_now_ns(x->env->ring) + x->idle_timeout_ns);
    exchange_send(x, piece);
    if (!source_read(x->source))
        exchange_fail(x, FAULT_LOCAL_NO_MEMORY, PHASE_SEND, ENOMEM, NULL);
}

static void exchange_on_source_ready(struct source *source)
{
    struct exchange *x = source->owner;

    if (x->state == EXCHANGE_OPEN && x->request_state == REQUEST_BODY && !x->is_sending)
        exchange_send_piece(x);
}

static void exchange_on_source_stopped(struct source *source)
{
    struct exchange *x = source->owner;

    assert(x->state == EXCHANGE_DONE);
    ring_defer(x->env->ring, &x->later);
}

static void exchange_send_body(struct exchange *x)
{
    request_enter(x, REQUEST_BODY);
    x->source = malloc(sizeof(*x->source));
    if (x->source)
        source_init(x->source, x->env->ring, x->upload, exchange_on_source_ready,
                    exchange_on_source_stopped, x);
    if (!x->source || !source_read(x->source)) {
        exchange_fail(x, FAULT_LOCAL_NO_MEMORY, PHASE_SEND, ENOMEM, NULL);
        return;
    }
    exchange_set_deadline(x, UINT64_MAX);
}

bool exchange_can_be_repeated(const struct exchange *x)
{
    return !x->source || !x->upload->is_stream || !x->source->has_read;
}

bool exchange_stop_reading(struct exchange *x)
{
    return !x->source || source_stop(x->source);
}

void exchange_forget_source(struct exchange *x)
{
    if (!x->source)
        return;
    source_deinit(x->source);
    free(x->source);
    x->source = NULL;
}

/* ---- what the conn says ---- */

void exchange_on_conn_sent(void *ctx, struct conn *conn, uint64_t sent_ns)
{
    struct exchange *x = ctx;

    (void)conn; /* x->conn */
    x->is_sending = false;
    if (!x->result.sent_ns) {
        x->result.sent_ns = sent_ns;
        PROBE2(attempt__sent, x->id, sent_ns);
    }
    x->result.upload_bytes += x->piece_payload;
    x->piece_payload = 0;
    if (x->request_state == REQUEST_BODY) {
        exchange_send_piece(x);
    } else if (x->request_state == REQUEST_BEGUN) {
        if (!x->upload) {
            exchange_request_is_sent(x);
        } else if (x->upload->expects && !x->response.continues) {
            request_enter(x, REQUEST_HELD);
            exchange_set_deadline(x, ring_now_ns(x->env->ring) + CONTINUE_WAIT_NS);
        } else {
            exchange_send_body(x);
        }
    }
}

bool exchange_ends_wait(struct exchange *x)
{
    if (x->state != EXCHANGE_OPEN || x->request_state != REQUEST_HELD)
        return false;
    exchange_send_body(x);
    if (x->state == EXCHANGE_OPEN)
        timers_arm(x->env->timers, &x->timer, x->deadline_ns);
    return true;
}

void exchange_on_continue(struct exchange *x)
{
    if (x->request_state != REQUEST_HELD)
        return;
    x->result.first_byte_ns = 0; /* this is no answer yet */
    exchange_send_body(x);
}

void exchange_on_final_status(struct exchange *x)
{
    enum exchange_request state = x->request_state;
    uint16_t status = x->response.status;

    if (!x->upload || state == REQUEST_SENT || (state == REQUEST_BODY && status < 300))
        return;
    if (status == HTTP_STATUS_EXPECTATION_FAILED && x->upload->expects && state != REQUEST_BODY) {
        x->result.was_not_to_expect = true;
        x->drops_body = true;
    }
    request_enter(x, REQUEST_ABANDONED);
    exchange_set_deadline(x, ring_now_ns(x->env->ring) + x->idle_timeout_ns);
}
