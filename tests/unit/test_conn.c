/*
 * One outbound connection and its operations: halves in any order, pause and resume, an end that is
 * told once, a close that drains. end() asserts that no op, socket or object is left.
 */
#include "conn.h"
#include "ring_fake.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct scene {
    struct ring *ring;
    struct conns conns;
    struct conn *conn;
    unsigned ready_count, sent_count, bytes_count, closed_count, gone_count;
    int closed_error;
    bool closed_sending;
    char text[1u << 20];
    size_t text_bytes;
    size_t takes_bytes; /* pauses after so many of each event; 0: takes all */
    bool closes_in_event;
    bool resumes_when_sent;
};

static void on_ready(void *ctx, struct conn *conn, uint64_t connected_ns)
{
    struct scene *t = ctx;

    assert_ptr_equal(conn, t->conn);
    assert_int_equal(connected_ns, ring_now_ns(t->ring));
    t->ready_count++;
}

static void on_sent(void *ctx, struct conn *conn, uint64_t sent_ns)
{
    struct scene *t = ctx;

    assert_true(sent_ns > 0);
    t->sent_count++;
    if (t->resumes_when_sent)
        conn_resume(conn);
}

static void on_bytes(void *ctx, struct conn *conn, struct span bytes, uint64_t now_ns)
{
    struct scene *t = ctx;
    size_t take = t->takes_bytes && t->takes_bytes < bytes.bytes ? t->takes_bytes : bytes.bytes;

    (void)now_ns;
    assert_int_equal(t->closed_count, 0); /* no bytes behind the end */
    t->bytes_count++;
    memcpy(t->text + t->text_bytes, bytes.data, take);
    t->text_bytes += take;
    span_advance(&bytes, take);
    if (t->closes_in_event)
        conn_close(conn);
    else if (t->takes_bytes)
        conn_pause(conn, bytes);
}

static void on_closed(void *ctx, struct conn *conn, int error, bool while_sending)
{
    struct scene *t = ctx;

    t->closed_count++;
    t->closed_error = error;
    t->closed_sending = while_sending;
    if (t->closes_in_event)
        conn_close(conn);
}

static const struct conn_events events = {
    .ready = on_ready, .sent = on_sent, .bytes = on_bytes, .closed = on_closed
};

static void on_gone(void *ctx)
{
    ((struct scene *)ctx)->gone_count++;
}

static int begin(void **state)
{
    static struct scene scene;

    scene = (struct scene){ .ring = fake_new() };
    assert_int_equal(conns_init(&scene.conns, scene.ring, 2, on_gone, &scene), 0);
    *state = &scene;
    return 0;
}

static int end(void **state)
{
    struct scene *t = *state;

    fake_run(t->ring);
    fake_check_quiet(t->ring);
    assert_int_equal(t->conns.open_count, 0);
    assert_int_equal(t->conns.closing_count, 0);
    conns_deinit(&t->conns);
    ring_free(t->ring);
    return 0;
}

static int opens(struct scene *t, const union conn_address *local)
{
    union conn_address address = { .ipv4 = { .sin_family = AF_INET, .sin_port = htons(80) } };
    struct conn_target target = { .address = &address,
                                  .address_bytes = sizeof(address.ipv4),
                                  .local = local,
                                  .local_bytes = sizeof(address.ipv4) };

    address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return conn_open(&t->conns, &target, &events, t, &t->conn);
}

static void runs(struct scene *t)
{
    fake_run(t->ring);
    if (t->conns.open_count > t->conns.closing_count && !t->closes_in_event)
        conn_check(t->conn);
}

static void connects(struct scene *t)
{
    assert_int_equal(opens(t, NULL), 0);
    assert_int_equal(t->ready_count, 0); /* never inside the call */
    runs(t);
    assert_int_equal(t->ready_count, 1);
}

static void peer_says(struct scene *t, const char *text)
{
    fake_receive_text(t->ring, fake_fd(1), text);
    runs(t);
}

static void has_text(const struct scene *t, const char *text)
{
    assert_true(span_equals(span_of(t->text, t->text_bytes), span_of_string(text)));
}

static void closes(struct scene *t)
{
    conn_close(t->conn);
    fake_run(t->ring);
    assert_int_equal(t->gone_count, 1);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
}

static void sends_and_receives(void **state)
{
    struct scene *t = *state;

    connects(t);
    assert_int_equal(fake_option(t->ring, fake_fd(1), IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(t->conn->remote_family, 4);
    assert_int_equal(t->conn->remote_port, 80);
    assert_true(conn_is_reusable(t->conn));
    conn_send(t->conn, block_copy(SPAN_LITERAL("question"), 0));
    assert_false(conn_is_reusable(t->conn));
    runs(t);
    assert_int_equal(t->sent_count, 1);
    assert_true(span_equals(fake_sent(t->ring, fake_fd(1)), SPAN_LITERAL("question")));
    peer_says(t, "answer");
    has_text(t, "answer");
    assert_true(conn_is_reusable(t->conn));
    closes(t);
}

static void a_connect_that_fails_is_told_once(void **state)
{
    struct scene *t = *state;

    t->closes_in_event = true;
    fake_connect_result(t->ring, -ECONNREFUSED);
    assert_int_equal(opens(t, NULL), 0);
    runs(t);
    assert_int_equal(t->closed_count, 1);
    assert_int_equal(t->closed_error, ECONNREFUSED);
    assert_int_equal(t->ready_count, 0);
    assert_int_equal(t->gone_count, 1);
}

static void a_socket_that_cannot_be_had_is_our_trouble(void **state)
{
    struct scene *t = *state;
    union conn_address local = { .ipv4 = { .sin_family = AF_INET } };

    fake_socket_result(t->ring, -EMFILE);
    assert_int_equal(opens(t, NULL), -EMFILE);
    fake_bind_result(t->ring, -EADDRNOTAVAIL);
    assert_int_equal(opens(t, &local), -EADDRNOTAVAIL);
    assert_int_equal(fake_open_sockets(t->ring), 0);
    assert_int_equal(t->conns.open_count, 0);
}

static void there_are_no_more_than_the_bound(void **state)
{
    struct scene *t = *state;
    struct conn *first;

    connects(t);
    first = t->conn;
    assert_int_equal(opens(t, NULL), 0);
    runs(t);
    conn_close(t->conn);
    assert_int_equal(opens(t, NULL), -ENOMEM); /* the closing one still counts */
    fake_run(t->ring);
    t->conn = first;
    conn_close(first);
}

static void it_may_be_closed_in_any_state(void **state)
{
    struct scene *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    assert_int_equal(opens(t, NULL), 0); /* dialing */
    runs(t);
    conn_close(t->conn);
    fake_run(t->ring);
    assert_int_equal(t->gone_count, 1);
    assert_int_equal(opens(t, NULL), 0); /* dialing, not yet submitted */
    conn_close(t->conn);
    fake_run(t->ring);
    assert_int_equal(t->gone_count, 2);
    assert_int_equal(opens(t, NULL), 0);
    runs(t);
    fake_send_result(t->ring, fake_fd(3), FAKE_NEVER);
    conn_send(t->conn, block_copy(SPAN_LITERAL("x"), 0)); /* sending */
    runs(t);
    conn_close(t->conn);
    fake_run(t->ring);
    assert_int_equal(t->gone_count, 3);
    assert_int_equal(t->closed_count, 0); /* who leaves hears nothing more */
}

static void it_may_be_closed_from_inside_its_events(void **state)
{
    struct scene *t = *state;

    connects(t);
    t->closes_in_event = true;
    fake_receive_text(t->ring, fake_fd(1), "a");
    fake_receive_text(t->ring, fake_fd(1), "b");
    fake_receive_eof(t->ring, fake_fd(1));
    runs(t);
    has_text(t, "a");
    assert_int_equal(t->closed_count, 0);
    assert_int_equal(t->gone_count, 1);
}

static void the_end_comes_once_and_behind_the_bytes(void **state)
{
    struct scene *t = *state;

    connects(t);
    fake_receive_text(t->ring, fake_fd(1), "last words");
    fake_receive_eof(t->ring, fake_fd(1));
    runs(t);
    runs(t);
    has_text(t, "last words");
    assert_int_equal(t->closed_count, 1);
    assert_int_equal(t->closed_error, 0);
    assert_false(conn_is_reusable(t->conn));
    closes(t);
}

/* A server that answers and closes without reading makes the send fail first. */
static void a_failed_send_leaves_the_last_word_to_the_peer(void **state)
{
    struct scene *t = *state;

    connects(t);
    fake_send_result(t->ring, fake_fd(1), -EPIPE);
    conn_send(t->conn, block_copy(SPAN_LITERAL("x"), 0));
    fake_receive_text(t->ring, fake_fd(1), "413");
    runs(t);
    has_text(t, "413");
    assert_false(conn_is_reusable(t->conn));
    assert_int_equal(t->closed_count, 1);
    assert_int_equal(t->closed_error, 0);
    assert_true(t->closed_sending);
    assert_int_equal(t->sent_count, 0);
    closes(t);
}

static void a_failed_send_waits_for_no_word_that_does_not_come(void **state)
{
    struct scene *t = *state;

    connects(t);
    fake_send_result(t->ring, fake_fd(1), -EIO);
    conn_send(t->conn, block_copy(SPAN_LITERAL("x"), 0));
    runs(t);
    assert_int_equal(t->closed_count, 1);
    assert_int_equal(t->closed_error, EIO);
    assert_true(t->closed_sending);
    closes(t);
}

/* ---- pause and resume ---- */

static void nothing_is_lost_or_doubled_by_pauses(void **state)
{
    struct scene *t = *state;
    char text[3000];

    connects(t);
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i % 26);
    t->takes_bytes = 7; /* of each event, then it pauses */
    fake_receive(t->ring, fake_fd(1), span_of(text, 1000));
    fake_receive(t->ring, fake_fd(1), span_of(text + 1000, 1000));
    runs(t);
    assert_int_equal(t->text_bytes, 7);
    fake_receive(t->ring, fake_fd(1), span_of(text + 2000, 1000));
    fake_receive_eof(t->ring, fake_fd(1));
    for (unsigned i = 0; i < 1000 && t->closed_count == 0; i++) {
        unsigned before = t->bytes_count;

        conn_resume(t->conn);
        assert_int_equal(t->bytes_count, before); /* never inside */
        runs(t);
        assert_true(t->bytes_count <= before + 1); /* it paused in the event */
    }
    assert_true(span_equals(span_of(t->text, t->text_bytes), span_of(text, sizeof(text))));
    assert_int_equal(t->closed_count, 1);
    closes(t);
}

static void paused_it_stops_receiving_and_then_goes_on_by_single_buffers(void **state)
{
    struct scene *t = *state;

    connects(t);
    t->takes_bytes = 1;
    peer_says(t, "a");
    assert_false(fake_is_receiving(t->ring, fake_fd(1)));
    peer_says(t, "bcd"); /* stays with the kernel */
    has_text(t, "a");
    assert_null(t->conn->backlog);
    t->takes_bytes = 0;
    conn_resume(t->conn);
    runs(t);
    has_text(t, "abcd");
    assert_non_null(t->conn->receive); /* its own memory, one buffer at a time */
    conn_rest(t->conn);
    runs(t);
    assert_null(t->conn->receive); /* and back to the shared ones */
    peer_says(t, "e");
    has_text(t, "abcde");
    closes(t);
}

static void paused_it_does_not_tell_the_end(void **state)
{
    struct scene *t = *state;

    connects(t);
    t->takes_bytes = 1;
    fake_receive_text(t->ring, fake_fd(1), "ab");
    fake_receive_eof(t->ring, fake_fd(1));
    runs(t);
    assert_int_equal(t->closed_count, 0);
    conn_resume(t->conn);
    runs(t);
    assert_int_equal(t->closed_count, 0); /* it paused again at b */
    conn_resume(t->conn);
    runs(t);
    has_text(t, "ab");
    assert_int_equal(t->closed_count, 1);
    closes(t);
}

static void resumed_before_its_cancel_has_come_it_goes_on(void **state)
{
    struct scene *t = *state;

    connects(t);
    conn_pause(t->conn, (struct span){ 0 });
    conn_resume(t->conn);
    fake_receive_text(t->ring, fake_fd(1), "abc");
    runs(t);
    has_text(t, "abc");
    assert_true(conn_is_reusable(t->conn));
    closes(t);
}

static void closed_while_paused_it_frees_its_backlog(void **state)
{
    struct scene *t = *state;

    connects(t);
    t->takes_bytes = 1;
    peer_says(t, "abc");
    assert_non_null(t->conn->backlog);
    assert_false(conn_is_reusable(t->conn));
    closes(t);
}

static void keeps_its_promises_in_bad_luck(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        bool ended = false;
        size_t bytes = seed % 4 ? 1 + seed % 7 : 2000; /* the end close behind, or far */
        struct scene *t = calloc(1, sizeof(*t));
        char text[2000];

        t->resumes_when_sent = true;
        t->ring = fake_new_random(seed);
        assert_int_equal(conns_init(&t->conns, t->ring, 2, on_gone, t), 0);
        assert_int_equal(opens(t, NULL), 0);
        while (t->ready_count == 0)
            (void)ring_turn(t->ring, 0);
        for (unsigned i = 0; i < sizeof(text); i++)
            text[i] = (char)ring_random(t->ring);
        fake_receive(t->ring, fake_fd(1), span_of(text, bytes));
        t->takes_bytes = 1 + seed / 4 % (bytes / 2 + 1);
        for (unsigned i = 0; i < 100000 && t->closed_count == 0; i++) {
            (void)ring_turn(t->ring, 0);
            conn_check(t->conn);
            if (ring_random(t->ring) % 3 == 0)
                conn_resume(t->conn);
            if (!t->conn->sending) /* and inside a turn, when it has left */
                conn_send(t->conn, block_copy(SPAN_LITERAL("x"), 0));
            if (!ended && ring_random(t->ring) % 4 == 0) {
                fake_receive_eof(t->ring, fake_fd(1));
                ended = true;
            }
        }
        if (t->closed_count != 1 ||
            !span_equals(span_of(t->text, t->text_bytes), span_of(text, bytes)))
            fail_msg("seed %u: %zu bytes, closed %u", (unsigned)seed, t->text_bytes,
                     t->closed_count);
        conn_close(t->conn);
        fake_run(t->ring);
        fake_check_quiet(t->ring);
        conns_deinit(&t->conns);
        ring_free(t->ring);
        free(t);
    }
}

int main(void)
{
#define CONN(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        CONN(sends_and_receives),
        CONN(a_connect_that_fails_is_told_once),
        CONN(a_socket_that_cannot_be_had_is_our_trouble),
        CONN(there_are_no_more_than_the_bound),
        CONN(it_may_be_closed_in_any_state),
        CONN(it_may_be_closed_from_inside_its_events),
        CONN(the_end_comes_once_and_behind_the_bytes),
        CONN(a_failed_send_leaves_the_last_word_to_the_peer),
        CONN(a_failed_send_waits_for_no_word_that_does_not_come),
        CONN(nothing_is_lost_or_doubled_by_pauses),
        CONN(paused_it_stops_receiving_and_then_goes_on_by_single_buffers),
        CONN(paused_it_does_not_tell_the_end),
        CONN(resumed_before_its_cancel_has_come_it_goes_on),
        CONN(closed_while_paused_it_frees_its_backlog),
        cmocka_unit_test(keeps_its_promises_in_bad_luck),
    };
#undef CONN

    return cmocka_run_group_tests(tests, NULL, NULL);
}
