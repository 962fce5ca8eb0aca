/*
 * conn.c - one outbound connection.
 *
 *      conn_open            connected            conn_close          no op in flight
 *   -------------> DIALING ----------> OPEN ----------------> CLOSING --------------> (slab)
 *                     |  |             ^  ^                      ^
 *                     |  +- SECURING --+  | (TLS)                |
 *                     |  |      ^         |                      |
 *                     |  TUNNELLING ------+ (proxy)              |
 *                     +-----------------+------------------------+
 *
 * Receiving starts with the connection and goes on while the conn is idle: so an end of file or a
 * stray byte on an idle connection is noticed when it happens. It begins as one multishot receive
 * on the ring's shared buffers. A holder that pauses (its sink is full) must not pin shared
 * buffers: the multishot is cancelled, what still arrives is copied aside, and from then on the
 * conn receives one buffer at a time into memory of its own, so that TCP's window does the rest.
 *
 * Rejected: closing the descriptor at once. Closing does not end the operations on it; the peer
 * would see no FIN and the number could be given to another socket while they run.
 */
#include "conn_internal.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>

#define CONN_RECEIVE_BYTES (64u << 10)
#define CONN_PORT_WINDOW 256u

#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51 /* ip(7), Linux 6.3 */
#endif

static void conn_on_connected(struct ring_op *op, const struct ring_event *event);
static void conn_on_sent(struct ring_op *op, const struct ring_event *event);
static void conn_on_received(struct ring_op *op, const struct ring_event *event);
static void conn_on_later(struct ring_deferred *deferred);

static const uint8_t conn_next[] = {
    [CONN_DIALING] =
        1u << CONN_TUNNELLING | 1u << CONN_SECURING | 1u << CONN_OPEN | 1u << CONN_CLOSING,
    [CONN_TUNNELLING] = 1u << CONN_SECURING | 1u << CONN_OPEN | 1u << CONN_CLOSING,
    [CONN_SECURING] = 1u << CONN_OPEN | 1u << CONN_CLOSING,
    [CONN_OPEN] = 1u << CONN_CLOSING,
    [CONN_CLOSING] = 0,
};

void conn_enter(struct conn *conn, enum conn_state next)
{
    assert(conn_next[conn->state] & 1u << next);
    conn->state = next;
}

int conns_init(struct conns *conns, struct ring *ring, unsigned conns_max,
               void (*on_gone)(void *ctx), void *ctx)
{
    *conns = (struct conns){ .ring = ring, .on_gone = on_gone, .ctx = ctx };
    slab_init(&conns->slab, sizeof(struct conn), conns_max);
    return 0;
}

void conns_deinit(struct conns *conns)
{
    if (conns->ring)
        slab_deinit(&conns->slab);
    conns->ring = NULL;
}

/* With thousands of ports in use towards one server (TIME_WAIT counts) the kernel's search for a
 * free one goes through most of the range, at every connect. A random window keeps it short; a
 * window without a free port is a shortage, and the dial tries another. */
static void conn_limit_ports(struct conns *conns, int fd)
{
    uint32_t count = (uint32_t)conns->ports.high - conns->ports.low + 1;
    uint32_t low, window;

    if (!conns->ports.low || count <= CONN_PORT_WINDOW)
        return;
    low = conns->ports.low + (uint32_t)(ring_random(conns->ring) % (count - CONN_PORT_WINDOW + 1));
    window = (low + CONN_PORT_WINDOW - 1) << 16 | low;
    (void)ring_option(conns->ring, fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE, &window,
                      sizeof(window)); /* Linux 6.3; a hint */
}

static int conn_prepare_socket(struct conns *conns, int fd, const struct conn_target *target)
{
    const int on = 1;
    int r;

    if (target->address->any.sa_family != AF_UNIX) {
        (void)ring_option(conns->ring, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* a hint */
        conn_limit_ports(conns, fd);
    }
    if (!target->local)
        return 0;
    /* The port is chosen at connect, by the whole four-tuple (ip(7)). */
    (void)ring_option(conns->ring, fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    r = ring_bind(conns->ring, fd, &target->local->any, target->local_bytes);
    return r;
}

static void conn_note_remote(struct conn *conn, const union conn_address *address)
{
    switch (address->any.sa_family) {
    case AF_INET:
        conn->remote_family = 4;
        conn->remote_port = ntohs(address->ipv4.sin_port);
        memcpy(conn->remote_address, &address->ipv4.sin_addr, 4);
        break;
    case AF_INET6:
        conn->remote_family = 6;
        conn->remote_port = ntohs(address->ipv6.sin6_port);
        memcpy(conn->remote_address, &address->ipv6.sin6_addr, 16);
        break;
    default:
        conn->remote_family = 1;
        break;
    }
}

int conn_open(struct conns *conns, const struct conn_target *target,
              const struct conn_events *events, void *ctx, struct conn **ret_conn)
{
    struct conn *conn = slab_acquire(&conns->slab);
    int r;

    if (!conn)
        return -ENOMEM;
    r = ring_socket(conns->ring, target->address->any.sa_family, SOCK_STREAM);
    if (r < 0)
        goto fail;
    conn->fd = r;
    r = conn_prepare_socket(conns, conn->fd, target);
    if (r < 0) {
        ring_close(conns->ring, conn->fd);
        goto fail;
    }
    conn->conns = conns;
    conn->events = events;
    conn->ctx = ctx;
    conn->state = CONN_DIALING;
    conn->recv_op.done = conn_on_received;
    conn->send_op.done = conn_on_connected;
    conn->later.run = conn_on_later;
    list_init(&conn->link);
    list_init(&conn->age_link);
    /* The kernel reads the address when the connect is submitted, maybe after the dial is gone. */
    conn->sending = block_copy(span_of(target->address, target->address_bytes), 0);
    r = conn->sending ? conn_tunnel_new(conn, target->connect_head) : -ENOMEM;
    if (r < 0) {
        block_free(conn->sending);
        ring_close(conns->ring, conn->fd);
        goto fail;
    }
    conn_note_remote(conn, target->address);
    conn->tls = target->tls;
    conns->open_count++;
    ring_connect(conns->ring, &conn->send_op, conn->fd, (void *)conn->sending->data,
                 target->address_bytes);
    *ret_conn = conn;
    return 0;

fail:
    slab_release(&conns->slab, conn);
    return r;
}

void conn_adopt(struct conn *conn, const struct conn_events *events, void *ctx)
{
    conn->events = events;
    conn->ctx = ctx;
}

void conn_arm_receive(struct conn *conn)
{
    struct ring *ring = conn->conns->ring;

    if (conn->recv_op.in_flight || conn->paused || conn->ended || conn->state == CONN_DIALING ||
        conn->state == CONN_CLOSING)
        return;
    if (!conn->single) {
        block_free(conn->receive);
        conn->receive = NULL;
        ring_recv_start(ring, &conn->recv_op, conn->fd);
        return;
    }
    if (!conn->receive)
        conn->receive = block_new(CONN_RECEIVE_BYTES);
    if (conn->receive)
        ring_recv(ring, &conn->recv_op, conn->fd, conn->receive->data, conn->receive->capacity);
    else
        ring_recv_start(ring, &conn->recv_op, conn->fd);
}

/* The end is told once, after all bytes before it. */
static void conn_tell_end(struct conn *conn)
{
    if (!conn->ended || conn->end_told || conn->paused || conn->backlog ||
        conn->state == CONN_CLOSING)
        return;
    if (conn->state == CONN_TUNNELLING)
        conn_tunnel_judge_end(conn);
    else if (conn->tls)
        conn_tls_judge_end(conn);
    conn->end_told = true;
    conn->events->closed(conn->ctx, conn, conn->end_error, conn->end_sending);
}

void conn_end(struct conn *conn, int error, bool while_sending)
{
    if (!conn->ended) {
        conn->ended = true;
        conn->end_error = error;
        conn->end_sending = while_sending;
    }
    conn_tell_end(conn);
}

/* Closing ends outside the callbacks of the conn's own operations. */
static void conn_settle(struct conn *conn)
{
    if (conn->state != CONN_CLOSING || conn->recv_op.in_flight || conn->send_op.in_flight)
        return;
    ring_defer(conn->conns->ring, &conn->later);
}

static void conn_on_connected(struct ring_op *op, const struct ring_event *event)
{
    struct conn *conn = container_of(op, struct conn, send_op);

    block_free(conn->sending);
    conn->sending = NULL;
    if (conn->state == CONN_CLOSING) {
        conn_settle(conn);
        return;
    }
    if (event->result < 0) {
        conn_end(conn, -event->result, false);
        return;
    }
    conn->send_op.done = conn_on_sent;
    if ((conn->tunnel || conn->tls) && conn->events->connected)
        conn->events->connected(conn->ctx, conn, event->completed_ns);
    if (conn->tunnel)
        conn_tunnel_start(conn);
    else
        conn_begin(conn, event->completed_ns);
}

void conn_begin(struct conn *conn, uint64_t now_ns)
{
    if (conn->tls) {
        conn_tls_start(conn);
        return;
    }
    conn_enter(conn, CONN_OPEN);
    conn_arm_receive(conn);
    conn->events->ready(conn->ctx, conn, now_ns);
}

void conn_send(struct conn *conn, struct block *block)
{
    assert(conn->state == CONN_OPEN);
    conn->answered = false;
    if (conn->tls) {
        conn_tls_send(conn, block);
        return;
    }
    assert(!conn->sending);
    conn->sending = block;
    ring_send(conn->conns->ring, &conn->send_op, conn->fd, block_span(block));
}

static void conn_on_sent(struct ring_op *op, const struct ring_event *event)
{
    struct conn *conn = container_of(op, struct conn, send_op);

    block_free(conn->sending);
    conn->sending = NULL;
    if (conn->state == CONN_CLOSING) {
        conn_settle(conn);
        return;
    }
    /* A peer that answers and closes without reading us makes the send fail while its answer is
     * still to be read: the receiving half says how it ended. But it must end, whatever made the
     * send fail: what is here is read, and no more is waited for. */
    if (event->result < 0) {
        conn->send_error = -event->result;
        if (conn->recv_op.in_flight || conn->paused)
            ring_shut_reading(conn->conns->ring, conn->fd);
        else
            conn_end(conn, conn->send_error, true);
        return;
    }
    if (conn->state == CONN_TUNNELLING)
        conn_tunnel_sent(conn, event->completed_ns);
    else if (conn->tls)
        conn_tls_sent(conn, event->submitted_ns);
    else
        conn->events->sent(conn->ctx, conn, event->submitted_ns);
}

int conn_keep_aside(struct conn *conn, struct span bytes)
{
    struct block *bigger;

    if (span_is_empty(bytes))
        return 0;
    if (!conn->backlog) {
        conn->backlog = block_copy(bytes, 0);
        return conn->backlog ? 0 : -ENOMEM;
    }
    if (block_room(conn->backlog) < bytes.bytes) {
        bigger = block_copy(block_span(conn->backlog), conn->backlog->bytes + bytes.bytes);
        if (!bigger)
            return -ENOMEM;
        block_free(conn->backlog);
        conn->backlog = bigger;
    }
    block_append(conn->backlog, bytes);
    return 0;
}

static void conn_on_received(struct ring_op *op, const struct ring_event *event)
{
    struct conn *conn = container_of(op, struct conn, recv_op);
    struct span bytes = event->bytes;

    if (conn->state == CONN_CLOSING) {
        conn_settle(conn);
        return;
    }
    if (event->result > 0) {
        if (!bytes.data)
            bytes = span_of(conn->receive->data, (size_t)event->result);
        conn->answered |= !conn->tls;
        if (conn->state == CONN_TUNNELLING)
            conn_tunnel_receive(conn, bytes, event->completed_ns);
        else if (conn->tls)
            conn_tls_receive(conn, bytes, event->completed_ns);
        else if (!conn->paused && !conn->backlog)
            conn->events->bytes(conn->ctx, conn, bytes, event->completed_ns);
        else if (conn_keep_aside(conn, bytes) < 0)
            conn_end(conn, ENOMEM, false);
    } else if (event->result == 0) {
        /* After a part of an answer it is for the parser to say what the end means. */
        conn_end(conn, conn->answered ? 0 : conn->send_error, conn->send_error != 0);
    } else if (event->result != -ECANCELED) {
        conn_end(conn, -event->result, conn->send_error != 0);
    }
    if (conn->state == CONN_CLOSING)
        conn_settle(conn);
    else if (!event->more)
        conn_arm_receive(conn);
}

void conn_pause(struct conn *conn, struct span rest)
{
    conn->paused = true;
    conn->single = true;
    /* Multishot: stop it. A single receive that is in flight delivers one buffer at most. */
    if (conn->recv_op.in_flight && !conn->receive)
        ring_cancel(conn->conns->ring, &conn->recv_op);
    if (conn_keep_aside(conn, rest) < 0)
        conn_end(conn, ENOMEM, false);
}

void conn_resume(struct conn *conn)
{
    if (!conn->paused || conn->state != CONN_OPEN)
        return;
    conn->paused = false;
    ring_defer(conn->conns->ring, &conn->later);
}

void conn_rest(struct conn *conn)
{
    if (!conn->single)
        return;
    conn->single = false;
    if (conn->recv_op.in_flight && conn->receive)
        ring_cancel(conn->conns->ring, &conn->recv_op);
}

static void conn_finish_closing(struct conn *conn)
{
    struct conns *conns = conn->conns;

    ring_close(conns->ring, conn->fd);
    block_free(conn->sending);
    block_free(conn->backlog);
    block_free(conn->receive);
    conn_tunnel_free(conn);
    tls_free(conn->tls);
    slab_release(&conns->slab, conn);
    conns->open_count--;
    conns->closing_count--;
    conns->on_gone(conns->ctx);
}

static void conn_on_later(struct ring_deferred *deferred)
{
    struct conn *conn = container_of(deferred, struct conn, later);
    struct block *backlog = conn->backlog;

    if (conn->state == CONN_CLOSING) {
        if (!conn->recv_op.in_flight && !conn->send_op.in_flight)
            conn_finish_closing(conn);
        return;
    }
    if (conn->paused)
        return;
    if (conn->step_waits) {
        conn_tls_step(conn, ring_now_ns(conn->conns->ring));
        conn_tell_end(conn);
        return;
    }
    if (backlog) {
        conn->backlog = NULL;
        conn->events->bytes(conn->ctx, conn, block_span(backlog), ring_now_ns(conn->conns->ring));
        block_free(backlog);
    }
    if (conn->tls && conn->state != CONN_CLOSING)
        conn_tls_deliver(conn, ring_now_ns(conn->conns->ring));
    conn_arm_receive(conn);
    conn_tell_end(conn);
}

bool conn_sample(struct conn *conn, struct conn_sample *ret_sample)
{
    struct ring_tcp_info info;

    assert(conn_is_tcp(conn) && conn->state != CONN_CLOSING);
    if (ring_tcp_info(conn->conns->ring, conn->fd, &info) < 0)
        return false;
    *ret_sample = (struct conn_sample){ .rtt_us = info.rtt_us ? info.rtt_us : 1,
                                        .retransmits = info.retransmits - conn->retransmits_told };
    conn->retransmits_told = info.retransmits;
    return true;
}

bool conn_is_reusable(const struct conn *conn)
{
    /* What TLS sends by itself (the end of a handshake, a key update's answer) is no one's. */
    bool is_sending =
        conn->tls ? conn->request_waits || conn->request_leaves : conn->sending != NULL;

    return conn->state == CONN_OPEN && !is_sending && !conn->backlog && !conn->ended &&
           !conn->send_error && !conn->paused && (!conn->tls || tls_state(conn->tls) == TLS_OPEN);
}

void conn_close(struct conn *conn)
{
    struct ring *ring = conn->conns->ring;

    if (conn->tls) {
        conn_tls_forget_step(conn);
        conn_tls_part(conn);
    }
    conn_enter(conn, CONN_CLOSING);
    conn->conns->closing_count++;
    conn->events = NULL;
    if (conn->recv_op.in_flight)
        ring_cancel(ring, &conn->recv_op);
    if (conn->send_op.in_flight)
        ring_cancel(ring, &conn->send_op);
    conn_settle(conn);
}

void conn_check(const struct conn *conn)
{
    assert(conn->fd >= 0);
    assert(conn->state != CONN_DIALING || conn->send_op.in_flight || conn->ended);
    assert(!conn->sending || conn->send_op.in_flight);
    assert(!conn->end_told || conn->ended);
    assert(conn->state != CONN_CLOSING || !conn->events);
    assert(conn->state != CONN_TUNNELLING || conn->tunnel);
    assert(conn->state != CONN_OPEN || !conn->tunnel);
    assert(!conn->step_waits || (conn->state == CONN_SECURING && conn->backlog));
}
