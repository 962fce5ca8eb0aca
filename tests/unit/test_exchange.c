/*
 * One attempt on one connection: any order of sent and bytes, every way to end. attempts_end holds
 * each test to leave no op, no socket and no attempt without its one outcome.
 */
#include "attempts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

static int begin(void **state)
{
    static struct attempts attempts;

    attempts_begin(&attempts, &(struct attempts_options){ 0 });
    *state = &attempts;
    return 0;
}

static int end(void **state)
{
    attempts_end(*state);
    return 0;
}

static void tells_status_body_and_times(void **state)
{
    struct attempts *t = *state;
    const struct attempt_result *r;
    uint64_t t0 = ring_now_ns(t->ring);

    front_starts_plain(t, 1);
    attempts_wait(t, 10 * ATTEMPTS_MS);
    server_says(t, 1, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhe");
    attempts_wait(t, 10 * ATTEMPTS_MS);
    server_says(t, 1, "llo");
    front_has_response(t, 1, 200, "hello");
    r = &front_has(t, 1)->result;
    assert_string_equal(front_has(t, 1)->content_type, "text/plain");
    assert_int_equal(r->body_bytes, 5);
    assert_int_equal(r->request_bytes, 27);
    assert_int_equal(r->remote_family, 4);
    assert_int_equal(r->remote_port, 80);
    assert_memory_equal(r->remote_address, "\x7f\0\0\x01", 4);
    assert_int_equal(r->started_ns, t0);
    assert_int_equal(r->sent_ns, t0);
    assert_int_equal(r->first_byte_ns, t0 + 10 * ATTEMPTS_MS);
    assert_int_equal(r->last_byte_ns, t0 + 20 * ATTEMPTS_MS);
    assert_false(r->reused);
}

static void a_kept_connection_serves_again(void **state)
{
    struct attempts *t = *state;

    for (unsigned i = 1; i <= 3; i++) {
        front_starts_plain(t, i);
        server_says(t, 1, HELLO);
        front_has_response(t, i, 200, "hello");
        assert_int_equal(front_has(t, i)->result.reused, i > 1);
    }
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

static void a_response_cut_anywhere_is_the_same(void **state)
{
    static const char text[] = "HTTP/1.1 103 Early\r\nA: b\r\n\r\n"
                               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: r\r\n\r\n";
    struct attempts *t = *state;

    for (size_t cut = 0; cut < sizeof(text); cut++) {
        front_starts_plain(t, cut);
        server_says_bytes(t, 1, span_of(text, cut));
        server_says_bytes(t, 1, span_of(text + cut, sizeof(text) - 1 - cut));
        front_has_response(t, cut, 200, "abcde");
    }
    front_starts_plain(t, 255);
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        server_says_bytes(t, 1, span_of(text + i, 1));
    front_has_response(t, 255, 200, "abcde");
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

/* ---- sending and receiving are independent halves ---- */

static void bytes_may_come_before_the_send_completes(void **state)
{
    struct attempts *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    front_starts_plain(t, 1);
    fake_send_result(t->ring, fake_fd(1), FAKE_NEVER);
    fake_connect_finish(t->ring, fake_fd(1), 0);
    attempts_settle(t);
    server_says(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    front_has_nothing(t, 1);
    fake_send_release(t->ring, fake_fd(1));
    attempts_settle(t);
    server_says(t, 1, "lo");
    front_has_response(t, 1, 200, "hello");
    assert_true(fake_is_open(t->ring, fake_fd(1))); /* all was asked and answered in order */
}

static void a_final_response_before_sent_ends_it_and_the_connection(void **state)
{
    struct attempts *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    front_starts_plain(t, 1);
    fake_send_result(t->ring, fake_fd(1), FAKE_NEVER);
    fake_connect_finish(t->ring, fake_fd(1), 0);
    attempts_settle(t);
    server_says(t, 1, "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
    front_has_response(t, 1, 413, "");
    assert_false(fake_is_open(t->ring, fake_fd(1)));
}

static void an_answer_survives_the_failure_of_its_request(void **state)
{
    struct attempts *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    front_starts_plain(t, 1);
    fake_send_result(t->ring, fake_fd(1), -EPIPE);
    fake_connect_finish(t->ring, fake_fd(1), 0);
    fake_receive_text(t->ring, fake_fd(1), "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n");
    attempts_settle(t);
    front_has_response(t, 1, 413, "");
    assert_false(fake_is_open(t->ring, fake_fd(1)));
}

static void a_request_that_fails_without_an_answer_is_a_fault(void **state)
{
    struct attempts *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    front_starts_plain(t, 1);
    fake_send_result(t->ring, fake_fd(1), -EPIPE);
    fake_connect_finish(t->ring, fake_fd(1), 0);
    attempts_settle(t);
    front_has_fault(t, 1, FAULT_IO_SEND, PHASE_SEND);
}

/* ---- how servers end it ---- */

static void what_a_server_does_wrong_is_named(void **state)
{
    static const struct {
        const char *text;
        bool resets;
        enum fault_code code;
        enum phase phase;
    } rows[] = {
        { "", false, FAULT_HTTP_EMPTY, PHASE_WAIT },
        { "", true, FAULT_IO_RECV, PHASE_WAIT },
        { "HTTP/1.1 200", false, FAULT_HTTP_PARTIAL, PHASE_RECEIVE },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false, FAULT_HTTP_PARTIAL,
          PHASE_RECEIVE },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true, FAULT_IO_RECV, PHASE_RECEIVE },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", false,
          FAULT_HTTP_PARTIAL, PHASE_RECEIVE },
        { "SSH-2.0-x\r\n", false, FAULT_HTTP_MALFORMED, PHASE_RECEIVE },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", false,
          FAULT_HTTP_MALFORMED, PHASE_RECEIVE },
    };
    struct attempts *t = *state;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned nth = i + 1; /* none of them is used twice */

        front_starts_plain(t, i);
        fake_receive_text(t->ring, fake_fd(nth), rows[i].text);
        if (rows[i].resets)
            server_resets(t, nth);
        else
            server_closes(t, nth);
        front_has_fault(t, i, rows[i].code, rows[i].phase);
        assert_false(front_has(t, i)->result.complete);
        assert_false(front_has(t, i)->result.replayable);
        assert_false(fake_is_open(t->ring, fake_fd(nth)));
    }
}

static void a_body_without_length_ends_with_the_connection(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    server_says(t, 1, "HTTP/1.1 200 OK\r\n\r\nhel");
    server_says(t, 1, "lo");
    front_has_nothing(t, 1);
    server_closes(t, 1);
    front_has_response(t, 1, 200, "hello");
}

static void surplus_bytes_and_close_end_the_connection(void **state)
{
    static const char *const rows[] = {
        HELLO "x",
        HELLO HELLO,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    };
    struct attempts *t = *state;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        front_starts_plain(t, i);
        server_says(t, i + 1, rows[i]);
        front_has_response(t, i, 200, "hello");
        assert_false(fake_is_open(t->ring, fake_fd(i + 1)));
    }
}

static void a_connection_is_not_kept_when_so_asked(void **state)
{
    struct attempt attempt = plain_attempt(1);
    struct attempts *t = *state;

    attempt.close_after = true;
    front_starts(t, &attempt);
    server_says(t, 1, HELLO);
    front_has_response(t, 1, 200, "hello");
    assert_false(fake_is_open(t->ring, fake_fd(1)));
}

static void only_a_reused_connection_without_a_byte_is_replayable(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    server_says(t, 1, HELLO);
    front_starts_plain(t, 2);
    server_closes(t, 1);
    front_has_fault(t, 2, FAULT_HTTP_EMPTY, PHASE_WAIT);
    assert_true(front_has(t, 2)->result.replayable);
    front_starts_plain(t, 3);
    server_says(t, 2, HELLO);
    front_starts_plain(t, 4);
    server_says(t, 2, "H");
    server_resets(t, 2);
    front_has_fault(t, 4, FAULT_IO_RECV, PHASE_RECEIVE);
    assert_false(front_has(t, 4)->result.replayable);
}

static void a_body_over_its_limit_is_cut_off(void **state)
{
    struct attempt attempt = plain_attempt(1);
    struct attempts *t = *state;

    attempt.body_bytes_max = 4;
    front_starts(t, &attempt);
    server_says(t, 1, HELLO);
    front_has_fault(t, 1, FAULT_HTTP_TOO_BIG, PHASE_RECEIVE);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
}

static void the_answer_to_head_has_no_body(void **state)
{
    struct attempt attempt = plain_attempt(1);
    struct attempts *t = *state;

    attempt.is_head_request = true;
    attempt.wants_head = true;
    front_starts(t, &attempt);
    server_says(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    front_has_response(t, 1, 200, "");
    assert_int_equal(front_has(t, 1)->heads_count, 1);
    assert_int_equal(front_has(t, 1)->head_status, 200);
    assert_true(fake_is_open(t->ring, fake_fd(1)));
}

/* ---- a full sink ---- */

static void says_lots(struct attempts *t, unsigned nth, size_t bytes)
{
    char *text = malloc(bytes + 1);

    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)('a' + i % 26);
    server_says_bytes(t, nth, span_of(text, bytes));
    free(text);
}

static void a_full_sink_pauses_and_goes_on_with_nothing_lost(void **state)
{
    struct attempts *t = *state;
    size_t before;

    t->keeps_bodies = true;
    front_starts_plain(t, 1);
    server_says(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    says_lots(t, 1, 1000000);
    before = t->outcomes[1].body_bytes;
    assert_true(before < 1000000); /* the rest is in the backlog, and in the socket */
    for (unsigned i = 0; i < 1000 && t->outcomes[1].done_count == 0; i++)
        front_returns(t, 1, t->outcomes[1].kept_bytes);
    front_has_response(t, 1, 200, NULL);
    assert_int_equal(front_has(t, 1)->body_bytes, 1000000);
    for (size_t i = 0; i < 1000000; i++)
        assert_int_equal(front_has(t, 1)->body[i], 'a' + (int)(i % 26));
    assert_true(fake_is_open(t->ring, fake_fd(1))); /* and may be used again */
    t->keeps_bodies = false;
    front_starts_plain(t, 2);
    server_says(t, 1, HELLO);
    front_has_response(t, 2, 200, "hello");
}

static void while_it_pauses_it_leaves_the_rest_to_the_peer(void **state)
{
    struct attempts *t = *state;

    t->keeps_bodies = true;
    front_starts_plain(t, 1);
    server_says(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n");
    says_lots(t, 1, 65536);
    assert_false(fake_is_receiving(t->ring, fake_fd(1)));
    front_returns(t, 1, 65536);
    assert_true(fake_is_receiving(t->ring, fake_fd(1)));
    front_cancels(t, 1, FAULT_CANCELLED_CLIENT);
}

static void the_end_of_the_stream_waits_behind_the_backlog(void **state)
{
    struct attempts *t = *state;

    t->keeps_bodies = true;
    front_starts_plain(t, 1);
    fake_receive_text(t->ring, fake_fd(1), "HTTP/1.1 200 OK\r\n\r\n");
    says_lots(t, 1, 200000);
    server_closes(t, 1);
    front_has_nothing(t, 1);
    for (unsigned i = 0; i < 100 && t->outcomes[1].done_count == 0; i++)
        front_returns(t, 1, t->outcomes[1].kept_bytes);
    front_has_response(t, 1, 200, NULL);
    assert_int_equal(front_has(t, 1)->body_bytes, 200000);
}

static void the_piece_that_fills_the_sink_may_be_the_last(void **state)
{
    struct attempts *t = *state;

    t->keeps_bodies = true;
    front_starts_plain(t, 1);
    server_says(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n");
    says_lots(t, 1, 65536);
    front_has_response(t, 1, 200, NULL);
    assert_int_equal(front_has(t, 1)->body_bytes, 65536);
    assert_int_equal(t->engine.pool.idle_count, 1);
}

int main(void)
{
#define ATTEMPT(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        ATTEMPT(tells_status_body_and_times),
        ATTEMPT(a_kept_connection_serves_again),
        ATTEMPT(a_response_cut_anywhere_is_the_same),
        ATTEMPT(bytes_may_come_before_the_send_completes),
        ATTEMPT(a_final_response_before_sent_ends_it_and_the_connection),
        ATTEMPT(an_answer_survives_the_failure_of_its_request),
        ATTEMPT(a_request_that_fails_without_an_answer_is_a_fault),
        ATTEMPT(what_a_server_does_wrong_is_named),
        ATTEMPT(a_body_without_length_ends_with_the_connection),
        ATTEMPT(surplus_bytes_and_close_end_the_connection),
        ATTEMPT(a_connection_is_not_kept_when_so_asked),
        ATTEMPT(only_a_reused_connection_without_a_byte_is_replayable),
        ATTEMPT(a_body_over_its_limit_is_cut_off),
        ATTEMPT(the_answer_to_head_has_no_body),
        ATTEMPT(a_full_sink_pauses_and_goes_on_with_nothing_lost),
        ATTEMPT(while_it_pauses_it_leaves_the_rest_to_the_peer),
        ATTEMPT(the_end_of_the_stream_waits_behind_the_backlog),
        ATTEMPT(the_piece_that_fills_the_sink_may_be_the_last),
    };
#undef ATTEMPT

    return cmocka_run_group_tests(tests, NULL, NULL);
}
