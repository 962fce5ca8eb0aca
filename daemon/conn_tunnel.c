/*
 * conn_tunnel.c - the way through a proxy, before there is a connection to the origin.
 *
 *   TUNNELLING: CONNECT head -- send_op --> proxy
 *               tunnel_feed <-- recv_op --- its answer; what follows it is the origin's
 *
 * A proxy may answer before it has taken all of CONNECT, or before the completion of our send is
 * seen. The send half is the holder's or TLS's after this, so the tunnel counts as open only with
 * both: until then what comes from behind it is kept.
 *
 * The origin of a plain tunnel cannot have anything to say before it was asked; such bytes are the
 * proxy's own, and would be taken for the answer to the first request.
 */
#include "conn_internal.h"

#include "tunnel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CONN_TUNNEL_REST_BYTES_MAX (64u << 10)

struct conn_tunnel {
    struct tunnel answer;
    struct block *head; /* owned until it is sent */
    struct block *rest; /* owned: from behind the tunnel, while CONNECT is still being sent */
    bool is_open;       /* the proxy said so */
};

int conn_tunnel_new(struct conn *conn, struct span connect_head)
{
    struct conn_tunnel *tunnel;

    if (span_is_empty(connect_head))
        return 0;
    tunnel = calloc(1, sizeof(*tunnel));
    if (!tunnel)
        return -ENOMEM;
    tunnel->head = block_copy(connect_head, 0);
    if (!tunnel->head) {
        free(tunnel);
        return -ENOMEM;
    }
    tunnel_init(&tunnel->answer);
    conn->tunnel = tunnel;
    return 0;
}

void conn_tunnel_free(struct conn *conn)
{
    if (!conn->tunnel)
        return;
    tunnel_deinit(&conn->tunnel->answer);
    block_free(conn->tunnel->head);
    block_free(conn->tunnel->rest);
    free(conn->tunnel);
    conn->tunnel = NULL;
}

void conn_tunnel_start(struct conn *conn)
{
    conn_enter(conn, CONN_TUNNELLING);
    conn->sending = conn->tunnel->head;
    conn->tunnel->head = NULL;
    ring_send(conn->conns->ring, &conn->send_op, conn->fd, block_span(conn->sending));
    conn_arm_receive(conn);
}

static void conn_tunnel_fail(struct conn *conn, const struct fault *fault)
{
    if (!fault_is_set(&conn->fault))
        conn->fault = *fault;
    conn_end(conn, EPROTO, false);
}

/* Both halves are through. */
static void conn_tunnel_pass(struct conn *conn, struct span rest, uint64_t now_ns)
{
    static const struct fault unasked = {
        .code = FAULT_CONNECT_PROXY,
        .phase = PHASE_CONNECT,
        .why = "the proxy sent bytes through the tunnel before anything was asked",
    };

    if (!conn->tls && !span_is_empty(rest)) {
        conn_tunnel_fail(conn, &unasked);
        return;
    }
    conn_tunnel_free(conn);
    conn->answered = false;
    if (conn->events->tunnelled)
        conn->events->tunnelled(conn->ctx, conn, now_ns);
    conn_begin(conn, now_ns);
    if (!span_is_empty(rest) && conn->state == CONN_SECURING)
        conn_tls_receive(conn, rest, now_ns);
}

static void conn_tunnel_keep(struct conn *conn, struct span bytes)
{
    static const struct fault flood = {
        .code = FAULT_CONNECT_PROXY,
        .phase = PHASE_CONNECT,
        .why = "the proxy sends through the tunnel without having read CONNECT",
    };
    struct conn_tunnel *tunnel = conn->tunnel;
    struct block *longer;
    struct span kept = tunnel->rest ? block_span(tunnel->rest) : span_of("", 0);

    if (span_is_empty(bytes))
        return;
    if (kept.bytes + bytes.bytes > CONN_TUNNEL_REST_BYTES_MAX) {
        conn_tunnel_fail(conn, &flood);
        return;
    }
    longer = block_copy(kept, bytes.bytes);
    if (!longer) {
        conn_end(conn, ENOMEM, false);
        return;
    }
    block_append(longer, bytes);
    block_free(tunnel->rest);
    tunnel->rest = longer;
}

void conn_tunnel_sent(struct conn *conn, uint64_t now_ns)
{
    struct block *rest = conn->tunnel->rest;

    if (!conn->tunnel->is_open || conn->ended)
        return;
    conn->tunnel->rest = NULL;
    conn_tunnel_pass(conn, rest ? block_span(rest) : span_of("", 0), now_ns);
    block_free(rest);
}

void conn_tunnel_receive(struct conn *conn, struct span bytes, uint64_t now_ns)
{
    struct conn_tunnel *tunnel = conn->tunnel;

    if (!tunnel->is_open) {
        switch (tunnel_feed(&tunnel->answer, &bytes)) {
        case TUNNEL_NEED_MORE:
            return;
        case TUNNEL_OPEN:
            tunnel->is_open = true;
            conn->connect_status = tunnel->answer.status;
            break;
        case TUNNEL_REFUSED:
            conn->connect_status = tunnel->answer.status;
            conn_tunnel_fail(conn, &tunnel->answer.fault);
            return;
        }
    }
    if (conn->send_op.in_flight)
        conn_tunnel_keep(conn, bytes);
    else
        conn_tunnel_pass(conn, bytes, now_ns);
}

void conn_tunnel_judge_end(struct conn *conn)
{
    if (fault_is_set(&conn->fault) || conn->end_error == ENOMEM)
        return;
    tunnel_finish(&conn->tunnel->answer, conn->end_error);
    conn->fault = conn->tunnel->answer.fault;
    conn->end_error = EPROTO;
}
