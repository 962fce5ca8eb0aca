/*
 * conn_tls.c - TLS between a connection's two halves and its holder.
 *
 *   holder -- conn_send --> engine -- flush --> send_op        one send at a time; while it is in
 *   holder <-- bytes ------ engine <-- give --- recv_op        flight the engine collects
 *
 * ready is told before the output is taken, so that the end of the handshake and the first request
 * leave in one send. What the engine sends by itself (answers to key updates, an alert) is nobody's
 * request: sent is told when the send has ended that took the last of the holder's bytes.
 *
 * While the holder pauses, what still arrives goes into the engine unread: it is the backlog, and
 * as small as that of a plain connection, since nothing more is received meanwhile.
 *
 * A step of a handshake that finds the turn's share used up waits in the backlog, as ciphertext,
 * and is tried again in the next turn, before what arrives then.
 */
#include "conn_internal.h"

#include <assert.h>
#include <errno.h>

#define CONN_PLAINTEXT_BYTES (16u << 10) /* a record */

/* Takes out what the engine wants to send, if the send half is free. */
static void conn_tls_flush(struct conn *conn)
{
    struct block *output;

    if (conn->send_op.in_flight || conn->state == CONN_CLOSING)
        return;
    output = tls_take_output(conn->tls);
    if (!output)
        return;
    conn->sending = output;
    conn->request_leaves = conn->request_waits;
    conn->request_waits = false;
    ring_send(conn->conns->ring, &conn->send_op, conn->fd, block_span(output));
}

static void conn_tls_fail(struct conn *conn)
{
    conn->fault = *tls_fault(conn->tls);
    if (*tls_failure_text(conn->tls))
        conn->fault.why = tls_failure_text(conn->tls);
    conn_end(conn, EPROTO, false);
}

/* What the engine's state means after it was given something. */
static void conn_tls_settle(struct conn *conn)
{
    if (conn->state == CONN_CLOSING)
        return;
    conn_tls_flush(conn);
    if (tls_state(conn->tls) == TLS_FAILED)
        conn_tls_fail(conn);
    else if (tls_state(conn->tls) == TLS_CLOSED)
        conn_end(conn, 0, false);
}

void conn_tls_deliver(struct conn *conn, uint64_t now_ns)
{
    char plaintext[CONN_PLAINTEXT_BYTES];
    size_t bytes;

    while (conn->state == CONN_OPEN && !conn->paused &&
           (bytes = tls_read(conn->tls, plaintext, sizeof(plaintext))) > 0) {
        conn->answered = true;
        conn->events->bytes(conn->ctx, conn, span_of(plaintext, bytes), now_ns);
    }
    conn_tls_settle(conn);
}

void conn_tls_start(struct conn *conn)
{
    conn_enter(conn, CONN_SECURING);
    (void)tls_start(conn->tls);
    conn_arm_receive(conn);
    conn_tls_settle(conn);
}

/* Whether the turn has a step left for a handshake. */
static bool conn_tls_may_step(struct conns *conns)
{
    uint64_t turn = ring_counters(conns->ring)->turns;

    if (conns->handshake_turn != turn) {
        conns->handshake_turn = turn;
        conns->handshakes_done = 0;
    }
    return conns->handshakes_done < CONN_HANDSHAKES_PER_TURN;
}

void conn_tls_forget_step(struct conn *conn)
{
    if (!conn->step_waits)
        return;
    conn->step_waits = false;
    conn->conns->handshakes_waiting--;
}

static void conn_tls_take(struct conn *conn, struct span ciphertext, uint64_t now_ns)
{
    enum tls_state state = tls_give(conn->tls, ciphertext);

    if (conn->state == CONN_SECURING && (state == TLS_OPEN || state == TLS_CLOSED)) {
        conn_enter(conn, CONN_OPEN);
        conn->events->ready(conn->ctx, conn, now_ns);
    }
    conn_tls_deliver(conn, now_ns);
}

void conn_tls_receive(struct conn *conn, struct span ciphertext, uint64_t now_ns)
{
    struct conns *conns = conn->conns;

    if (conn->state != CONN_SECURING) {
        conn_tls_take(conn, ciphertext, now_ns);
        return;
    }
    if (!conns->handshakes_waiting && conn_tls_may_step(conns)) {
        conns->handshakes_done++;
        conn_tls_take(conn, ciphertext, now_ns);
        return;
    }
    if (conn_keep_aside(conn, ciphertext) < 0) {
        conn_end(conn, ENOMEM, false);
        return;
    }
    conns->handshakes_waiting += !conn->step_waits;
    conn->step_waits = true;
    ring_defer(conns->ring, &conn->later);
}

void conn_tls_step(struct conn *conn, uint64_t now_ns)
{
    struct block *backlog = conn->backlog;

    if (!conn_tls_may_step(conn->conns)) {
        ring_defer(conn->conns->ring, &conn->later);
        return;
    }
    conn->conns->handshakes_done++;
    conn_tls_forget_step(conn);
    conn->backlog = NULL;
    conn_tls_take(conn, block_span(backlog), now_ns);
    block_free(backlog);
}

void conn_tls_send(struct conn *conn, struct block *block)
{
    /* In CLOSED and FAILED it goes nowhere: the end that is about to be told says why. */
    (void)tls_write(conn->tls, block_span(block));
    block_free(block);
    conn->request_waits = true;
    conn_tls_flush(conn);
}

void conn_tls_sent(struct conn *conn, uint64_t submitted_ns)
{
    bool is_request = conn->request_leaves;

    conn->request_leaves = false;
    if (is_request)
        conn->events->sent(conn->ctx, conn, submitted_ns);
    if (conn->state != CONN_CLOSING)
        conn_tls_flush(conn);
}

void conn_tls_judge_end(struct conn *conn)
{
    if (conn->end_error || tls_state(conn->tls) == TLS_CLOSED || tls_end_of_input(conn->tls))
        return;
    if (conn->state == CONN_OPEN) { /* many servers just hang up; what it means, framing says */
        conn->cut_short = true;
        return;
    }
    conn->fault = *tls_fault(conn->tls);
    if (*tls_failure_text(conn->tls))
        conn->fault.why = tls_failure_text(conn->tls);
    conn->end_error = EPROTO;
}

void conn_tls_part(struct conn *conn)
{
    struct block *output;

    if (conn->send_op.in_flight || conn->state == CONN_DIALING || conn->state == CONN_TUNNELLING)
        return;
    if (tls_state(conn->tls) == TLS_OPEN && !conn->end_error)
        tls_notify_close(conn->tls);
    output = tls_take_output(conn->tls);
    if (output && !conn->send_error)
        ring_send_now(conn->conns->ring, conn->fd, block_span(output));
    block_free(output);
}

struct tls_session *conn_take_session(struct conn *conn)
{
    return conn->tls ? tls_take_session(conn->tls) : NULL;
}
