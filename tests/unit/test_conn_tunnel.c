/*
 * test_conn_tunnel.c - a connection that asks a proxy for the way first.
 */
#include "conn.h"
#include "ring_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONNECT "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"
#define OPENED "HTTP/1.1 200 Connection established\r\n\r\n"

struct scene {
    struct ring *ring;
    struct conns conns;
    struct conn *conn;
    struct tls_context *context;
    unsigned connected_count, tunnelled_count, ready_count, sent_count, closed_count;
    int closed_error;
    char text[256];
    size_t text_bytes;
};

static void on_connected(void *ctx, struct conn *conn, uint64_t connected_ns)
{
    struct scene *t = ctx;

    (void)conn;
    assert_true(connected_ns > 0);
    t->connected_count++;
}

static void on_tunnelled(void *ctx, struct conn *conn, uint64_t tunnelled_ns)
{
    struct scene *t = ctx;

    (void)conn;
    assert_true(tunnelled_ns > 0);
    assert_int_equal(t->connected_count, 1);
    assert_int_equal(t->ready_count, 0);
    t->tunnelled_count++;
}

static void on_ready(void *ctx, struct conn *conn, uint64_t ready_ns)
{
    struct scene *t = ctx;

    (void)ready_ns;
    conn_check(conn);
    t->ready_count++;
    conn_send(conn, block_copy(SPAN_LITERAL("question"), 0));
}

static void on_sent(void *ctx, struct conn *conn, uint64_t sent_ns)
{
    struct scene *t = ctx;

    (void)conn;
    (void)sent_ns;
    t->sent_count++;
}

static void on_bytes(void *ctx, struct conn *conn, struct span bytes, uint64_t now_ns)
{
    struct scene *t = ctx;

    (void)conn;
    (void)now_ns;
    memcpy(t->text + t->text_bytes, bytes.data, bytes.bytes);
    t->text_bytes += bytes.bytes;
}

static void on_closed(void *ctx, struct conn *conn, int error, bool while_sending)
{
    struct scene *t = ctx;

    (void)conn;
    (void)while_sending;
    t->closed_count++;
    t->closed_error = error;
}

static const struct conn_events events = { .connected = on_connected,
                                           .tunnelled = on_tunnelled,
                                           .ready = on_ready,
                                           .sent = on_sent,
                                           .bytes = on_bytes,
                                           .closed = on_closed };

static void on_gone(void *ctx)
{
    (void)ctx;
}

static void begins(struct scene *t, struct ring *ring)
{
    *t = (struct scene){ .ring = ring };
    assert_int_equal(conns_init(&t->conns, t->ring, 2, on_gone, t), 0);
}

static void ends(struct scene *t)
{
    if (t->conn)
        conn_close(t->conn);
    fake_run(t->ring);
    fake_check_quiet(t->ring);
    assert_int_equal(t->conns.open_count, 0);
    conns_deinit(&t->conns);
    tls_context_release(t->context);
    ring_free(t->ring);
}

static int begin(void **state)
{
    static struct scene scene;

    begins(&scene, fake_new());
    *state = &scene;
    return 0;
}

static int end(void **state)
{
    ends(*state);
    return 0;
}

static void asks(struct scene *t, bool with_tls)
{
    union conn_address address = { .ipv4 = { .sin_family = AF_INET, .sin_port = htons(3128) } };
    struct conn_target target = { .address = &address,
                                  .address_bytes = sizeof(address.ipv4),
                                  .connect_head = SPAN_LITERAL(CONNECT) };
    struct tls_options options = { .insecure = true };
    struct fault fault;

    if (with_tls) {
        tls_options_seal(&options);
        t->context = tls_context_new(&options, &fault);
        assert_non_null(t->context);
        assert_int_equal(tls_new(t->context, SPAN_LITERAL("a.test"), &target.tls), 0);
    }
    address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(conn_open(&t->conns, &target, &events, t, &t->conn), 0);
    fake_run(t->ring);
    assert_int_equal(t->connected_count, 1);
    assert_int_equal(t->ready_count, 0);
    assert_int_equal(t->conn->state, CONN_TUNNELLING);
    conn_check(t->conn);
}

/* Not yet connected. */
static void opens(struct scene *t)
{
    union conn_address address = { .ipv4 = { .sin_family = AF_INET } };
    struct conn_target target = { .address = &address,
                                  .address_bytes = sizeof(address.ipv4),
                                  .connect_head = SPAN_LITERAL(CONNECT) };

    assert_int_equal(conn_open(&t->conns, &target, &events, t, &t->conn), 0);
}

static void proxy_says(struct scene *t, const char *text)
{
    fake_receive_text(t->ring, fake_fd(1), text);
    fake_run(t->ring);
}

static void proxy_got(const struct scene *t, const char *text)
{
    struct span sent = fake_sent(t->ring, fake_fd(1));

    if (!span_equals(sent, span_of_string(text)))
        fail_msg("got '%.*s'", (int)sent.bytes, sent.data);
}

static void fails_saying(const struct scene *t, uint16_t status, const char *words)
{
    assert_int_equal(t->closed_count, 1);
    assert_int_equal(t->closed_error, EPROTO);
    assert_int_equal(t->ready_count, 0);
    assert_int_equal(t->conn->connect_status, status);
    assert_int_equal(t->conn->fault.code, FAULT_CONNECT_PROXY);
    assert_int_equal(t->conn->fault.phase, PHASE_CONNECT);
    if (!strstr(t->conn->fault.why, words))
        fail_msg("%s", t->conn->fault.why);
}

static void asks_first_and_is_ready_when_the_tunnel_is_open(void **state)
{
    struct scene *t = *state;

    asks(t, false);
    proxy_got(t, CONNECT);
    assert_int_equal(t->sent_count, 0); /* CONNECT is nobody's request */
    proxy_says(t, OPENED);
    assert_int_equal(t->tunnelled_count, 1);
    assert_int_equal(t->ready_count, 1);
    assert_int_equal(t->sent_count, 1);
    assert_int_equal(t->conn->connect_status, 200);
    proxy_got(t, CONNECT "question");
    proxy_says(t, "answer");
    assert_true(span_equals(span_of(t->text, t->text_bytes), SPAN_LITERAL("answer")));
    assert_true(conn_is_reusable(t->conn));
}

/* Whatever the luck with completions. */
static void opens_in_any_order_of_events(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct scene t;

        begins(&t, fake_new_random(seed));
        asks(&t, seed % 2);
        proxy_says(&t, "HTTP/1.1 100 Continue\r\n\r\n" OPENED);
        assert_int_equal(t.tunnelled_count, 1);
        assert_int_equal(t.conn->state, seed % 2 ? CONN_SECURING : CONN_OPEN);
        assert_int_equal(t.closed_count, 0);
        ends(&t);
    }
}

static void a_refusal_ends_it(void **state)
{
    struct scene *t = *state;

    asks(t, false);
    proxy_says(t, "HTTP/1.1 407 Auth\r\nContent-Length: 6\r\n\r\nsecret");
    fails_saying(t, 407, "407");
    assert_int_equal(t->text_bytes, 0);
}

static void a_proxy_that_hangs_up_is_to_blame(void **state)
{
    struct scene *t = *state;

    asks(t, true);
    proxy_says(t, "HTTP/1.1 20");
    fake_receive_eof(t->ring, fake_fd(1));
    fake_run(t->ring);
    fails_saying(t, 0, "within its answer");
}

static void so_is_one_that_resets(void **state)
{
    struct scene *t = *state;

    asks(t, true);
    fake_receive_error(t->ring, fake_fd(1), -ECONNRESET);
    fake_run(t->ring);
    fails_saying(t, 0, "without an answer");
    assert_int_equal(t->conn->fault.error, ECONNRESET);
}

static void tls_begins_behind_the_tunnel(void **state)
{
    struct scene *t = *state;
    struct span sent;

    asks(t, true);
    proxy_got(t, CONNECT);
    proxy_says(t, OPENED);
    assert_int_equal(t->conn->state, CONN_SECURING);
    sent = fake_sent(t->ring, fake_fd(1));
    assert_true(sent.bytes > sizeof(CONNECT));
    assert_int_equal(sent.data[sizeof(CONNECT) - 1], 0x16); /* a handshake record */
}

static void what_follows_the_answer_is_for_tls(void **state)
{
    struct scene *t = *state;

    asks(t, true);
    proxy_says(t, OPENED "HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(t->tunnelled_count, 1);
    assert_int_equal(t->closed_count, 1);
    assert_int_equal(t->closed_error, EPROTO);
    assert_int_equal(t->conn->fault.code, FAULT_TLS_HANDSHAKE);
}

/* Else a proxy could put an answer into the mouth of the origin before it was asked. */
static void nothing_may_follow_the_answer_when_plain(void **state)
{
    struct scene *t = *state;

    asks(t, false);
    proxy_says(t, OPENED "HTTP/1.1 200 OK\r\n\r\n");
    fails_saying(t, 200, "before anything was asked");
    assert_int_equal(t->text_bytes, 0);
}

/* The holder must not send while CONNECT is still on its way. */
static void an_answer_before_connect_is_sent_waits_for_that(void **state)
{
    struct scene *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    opens(t);
    fake_send_result(t->ring, fake_fd(1), FAKE_NEVER);
    fake_run(t->ring);
    fake_connect_finish(t->ring, fake_fd(1), 0);
    proxy_says(t, OPENED);
    assert_int_equal(t->conn->state, CONN_TUNNELLING);
    assert_int_equal(t->ready_count, 0);
    fake_send_release(t->ring, fake_fd(1));
    fake_run(t->ring);
    assert_int_equal(t->ready_count, 1);
    proxy_got(t, CONNECT "question");
}

static void a_flood_before_connect_is_sent_has_a_bound(void **state)
{
    struct scene *t = *state;
    static char flood[80u << 10];

    memset(flood, 'x', sizeof(flood));
    fake_connect_result(t->ring, FAKE_NEVER);
    opens(t);
    fake_send_result(t->ring, fake_fd(1), FAKE_NEVER);
    fake_run(t->ring);
    fake_connect_finish(t->ring, fake_fd(1), 0);
    proxy_says(t, OPENED);
    fake_receive(t->ring, fake_fd(1), span_of(flood, sizeof(flood)));
    fake_run(t->ring);
    fails_saying(t, 200, "without having read CONNECT");
}

static void a_send_that_fails_ends_it(void **state)
{
    struct scene *t = *state;

    opens(t);
    fake_send_result(t->ring, fake_fd(1), -EPIPE);
    fake_run(t->ring);
    fails_saying(t, 0, "without an answer");
    assert_int_equal(t->conn->fault.error, EPIPE);
}

static void given_up_in_between_it_leaves_nothing(void **state)
{
    struct scene *t = *state;

    asks(t, true);
    conn_close(t->conn);
    t->conn = NULL;
    fake_run(t->ring);
    assert_int_equal(t->closed_count, 0);
}

#define CONN(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONN(asks_first_and_is_ready_when_the_tunnel_is_open),
        cmocka_unit_test(opens_in_any_order_of_events),
        CONN(a_refusal_ends_it),
        CONN(a_proxy_that_hangs_up_is_to_blame),
        CONN(so_is_one_that_resets),
        CONN(tls_begins_behind_the_tunnel),
        CONN(what_follows_the_answer_is_for_tls),
        CONN(nothing_may_follow_the_answer_when_plain),
        CONN(an_answer_before_connect_is_sent_waits_for_that),
        CONN(a_flood_before_connect_is_sent_has_a_bound),
        CONN(a_send_that_fails_ends_it),
        CONN(given_up_in_between_it_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
