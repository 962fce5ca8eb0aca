/*
 * test_exchange_upload.c - a request whose body follows its head: when it waits, when it goes out,
 * when it does not, and what an answer in the middle of it means.
 */
#include "attempts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ID 1
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define HEAD                                                                                       \
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n" /* of all attempts here; the engine does not care */

struct scene {
    struct attempts attempts;
    struct upload upload;
    int pipe; /* the client's descriptor, in the fake's world; its socket is the first */
};

static int begin(void **state)
{
    static struct scene scene;

    scene = (struct scene){ 0 };
    attempts_begin(&scene.attempts, &(struct attempts_options){ 0 });
    scene.pipe = fake_connected_socket(scene.attempts.ring);
    *state = &scene;
    return 0;
}

static int end(void **state)
{
    struct scene *t = *state;

    ring_close(t->attempts.ring, t->pipe);
    attempts_end(&t->attempts);
    return 0;
}

static void front_puts(struct scene *t, uint64_t bytes, bool expects)
{
    struct attempt attempt = plain_attempt(ID);

    t->upload = (struct upload){ .fd = t->pipe,
                                 .is_stream = bytes == UPLOAD_BYTES_UNKNOWN,
                                 .bytes = bytes,
                                 .expects = expects };
    attempt.upload = &t->upload;
    front_starts(&t->attempts, &attempt);
    attempts_settle(&t->attempts);
}

static void client_writes(struct scene *t, const char *text)
{
    fake_receive_text(t->attempts.ring, t->pipe, text);
    attempts_settle(&t->attempts);
}

/* The second socket is the connection to the server. */
static void server_has_got(struct scene *t, const char *text)
{
    struct span sent = fake_sent(t->attempts.ring, fake_fd(2));

    if (!span_equals(sent, span_of_string(text)))
        fail_msg("the server got '%.*s'", (int)sent.bytes, sent.data);
}

static const struct attempt_result *result_of(struct scene *t)
{
    return &front_has(&t->attempts, ID)->result;
}

static void a_file_follows_its_head_and_the_connection_stays(void **state)
{
    struct scene *t = *state;

    front_puts(t, 5, false);
    server_has_got(t, HEAD);
    client_writes(t, "he");
    client_writes(t, "llo");
    server_has_got(t, HEAD "hello");
    server_says(&t->attempts, 2, OK_EMPTY);
    front_has_response(&t->attempts, ID, 200, "");
    assert_int_equal(result_of(t)->upload_bytes, 5);
    assert_int_equal(result_of(t)->request_bytes, strlen(HEAD) + 5);
    assert_true(fake_is_open(t->attempts.ring, fake_fd(2)));
}

static void a_stream_is_sent_as_it_comes_and_no_silence_of_the_client_ends_it(void **state)
{
    struct scene *t = *state;

    front_puts(t, UPLOAD_BYTES_UNKNOWN, false);
    client_writes(t, "a");
    server_has_got(t, HEAD "1\r\na\r\n");
    attempts_wait(&t->attempts, 600 * ATTEMPTS_S); /* ten times any limit of the server's */
    client_writes(t, "bc");
    server_has_got(t, HEAD "1\r\na\r\n2\r\nbc\r\n");
    fake_receive_eof(t->attempts.ring, t->pipe);
    attempts_settle(&t->attempts);
    server_has_got(t, HEAD "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
    front_has_nothing(&t->attempts, ID);
    server_says(&t->attempts, 2, OK_EMPTY);
    front_has_response(&t->attempts, ID, 200, "");
    assert_int_equal(result_of(t)->upload_bytes, 3);
}

static void a_silent_server_is_timed_after_all_of_it_is_sent(void **state)
{
    struct scene *t = *state;

    front_puts(t, 1, false);
    attempts_wait(&t->attempts, 600 * ATTEMPTS_S);
    client_writes(t, "x");
    attempts_wait(&t->attempts, 59 * ATTEMPTS_S);
    front_has_nothing(&t->attempts, ID);
    attempts_wait(&t->attempts, 2 * ATTEMPTS_S);
    front_has_fault(&t->attempts, ID, FAULT_TIMEOUT_FIRST_BYTE, PHASE_WAIT);
}

static void a_server_that_takes_nothing_is_timed_while_it_is_sent(void **state)
{
    struct scene *t = *state;

    front_puts(t, 1, false);
    fake_send_result(t->attempts.ring, fake_fd(2), FAKE_NEVER);
    client_writes(t, "x");
    attempts_wait(&t->attempts, 59 * ATTEMPTS_S);
    front_has_nothing(&t->attempts, ID);
    attempts_wait(&t->attempts, 2 * ATTEMPTS_S);
    front_has_fault(&t->attempts, ID, FAULT_TIMEOUT_SEND, PHASE_SEND);
}

/* ---- Expect: 100-continue ---- */

static void the_body_waits_for_100(void **state)
{
    struct scene *t = *state;

    front_puts(t, 1, true);
    client_writes(t, "x");
    server_has_got(t, HEAD);
    server_says(&t->attempts, 2, "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 10");
    server_has_got(t, HEAD);
    server_says(&t->attempts, 2, "0 Continue\r\nA: b\r\n\r\n");
    server_has_got(t, HEAD "x");
    attempts_wait(&t->attempts, 5 * ATTEMPTS_S);
    server_says(&t->attempts, 2, OK_EMPTY);
    front_has_response(&t->attempts, ID, 200, "");
    /* The first byte is that of the answer. */
    assert_true(result_of(t)->first_byte_ns >= result_of(t)->sent_ns + 5 * ATTEMPTS_S);
    assert_true(fake_is_open(t->attempts.ring, fake_fd(2)));
}

static void it_waits_for_a_second_at_most(void **state)
{
    struct scene *t = *state;

    front_puts(t, 1, true);
    client_writes(t, "x");
    attempts_wait(&t->attempts, 500 * ATTEMPTS_MS);
    server_says(&t->attempts, 2, "HTTP/1.1 103 Early Hints\r\n\r\n"); /* says nothing of it */
    attempts_wait(&t->attempts, 490 * ATTEMPTS_MS);
    server_has_got(t, HEAD);
    attempts_wait(&t->attempts, 20 * ATTEMPTS_MS);
    server_has_got(t, HEAD "x");
    server_says(&t->attempts, 2, "HTTP/1.1 100 Continue\r\n\r\n" OK_EMPTY); /* late */
    front_has_response(&t->attempts, ID, 200, "");
}

static void an_answer_instead_of_100_saves_the_body(void **state)
{
    static const char *const answers[] = {
        OK_EMPTY,
        "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n",
    };
    static const unsigned statuses[] = { 200, 401, 413 };
    struct scene *t = *state;

    for (unsigned i = 0; i < 3; i++) {
        struct attempt attempt = plain_attempt(ID + i);

        t->upload = (struct upload){ .fd = t->pipe, .bytes = 1, .expects = true };
        attempt.upload = &t->upload;
        front_starts(&t->attempts, &attempt);
        attempts_settle(&t->attempts);
        server_says(&t->attempts, 2 + i, answers[i]);
        front_has_response(&t->attempts, ID + i, statuses[i], "");
        assert_false(front_has(&t->attempts, ID + i)->result.upload_read);
        assert_false(fake_is_open(t->attempts.ring, fake_fd(2 + i))); /* half a request is on it */
    }
}

static void a_long_answer_instead_of_100_has_its_own_limit(void **state)
{
    struct scene *t = *state;

    front_puts(t, 1, true);
    server_says(&t->attempts, 2, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n");
    attempts_wait(&t->attempts, 30 * ATTEMPTS_S);
    server_says(&t->attempts, 2, "no");
    front_has_response(&t->attempts, ID, 403, "no");
}

static void expectation_failed_is_said_and_its_body_dropped(void **state)
{
    struct scene *t = *state;

    front_puts(t, 1, true);
    server_says(&t->attempts, 2, "HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno");
    front_has_response(&t->attempts, ID, 417, "");
    assert_true(result_of(t)->was_not_to_expect);
}

static void a_417_of_a_request_that_expects_nothing_is_an_answer(void **state)
{
    struct scene *t = *state;

    front_puts(t, 1, false);
    server_says(&t->attempts, 2, "HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno");
    front_has_response(&t->attempts, ID, 417, "no");
    assert_false(result_of(t)->was_not_to_expect);
}

/* ---- an answer in the middle of the body ---- */

static void a_refusal_ends_the_sending(void **state)
{
    struct scene *t = *state;

    front_puts(t, 9, false);
    client_writes(t, "abc");
    server_says(&t->attempts, 2, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\n");
    client_writes(t, "def");
    server_has_got(t, HEAD "abc");
    server_says(&t->attempts, 2, "no");
    front_has_response(&t->attempts, ID, 413, "no");
    assert_true(result_of(t)->upload_read);
    assert_int_equal(result_of(t)->upload_bytes, 3);
    assert_false(fake_is_open(t->attempts.ring, fake_fd(2)));
}

/* Some services answer while they read. */
static void a_success_does_not_end_the_sending(void **state)
{
    struct scene *t = *state;

    front_puts(t, 6, false);
    client_writes(t, "abc");
    server_says(&t->attempts, 2, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
    client_writes(t, "def");
    server_has_got(t, HEAD "abcdef");
    server_says(&t->attempts, 2, "def");
    front_has_response(&t->attempts, ID, 200, "abcdef");
    assert_true(fake_is_open(t->attempts.ring, fake_fd(2)));
}

/* ---- ends ---- */

static void a_file_that_has_become_shorter_breaks_the_request_off(void **state)
{
    struct scene *t = *state;

    front_puts(t, 3, false);
    client_writes(t, "ab");
    fake_receive_eof(t->attempts.ring, t->pipe);
    attempts_settle(&t->attempts);
    front_has_fault(&t->attempts, ID, FAULT_IO_SEND, PHASE_SEND);
    assert_false(fake_is_open(t->attempts.ring, fake_fd(2)));
}

static void a_cancel_ends_the_reading_first(void **state)
{
    struct scene *t = *state;

    front_puts(t, UPLOAD_BYTES_UNKNOWN, false);
    front_cancels(&t->attempts, ID, FAULT_CANCELLED_CLIENT);
    attempts_settle(&t->attempts);
    front_has_fault(&t->attempts, ID, FAULT_CANCELLED_CLIENT, PHASE_SEND);
    assert_int_equal(fake_ops_in_flight(t->attempts.ring), 0);
}

static void a_connection_that_ends_meanwhile_ends_it(void **state)
{
    struct scene *t = *state;

    front_puts(t, UPLOAD_BYTES_UNKNOWN, false);
    client_writes(t, "abc");
    server_resets(&t->attempts, 2);
    front_has_fault(&t->attempts, ID, FAULT_IO_RECV, PHASE_SEND);
    assert_true(result_of(t)->upload_read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_follows_its_head_and_the_connection_stays, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            a_stream_is_sent_as_it_comes_and_no_silence_of_the_client_ends_it, begin, end),
        cmocka_unit_test_setup_teardown(a_silent_server_is_timed_after_all_of_it_is_sent, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_server_that_takes_nothing_is_timed_while_it_is_sent,
                                        begin, end),
        cmocka_unit_test_setup_teardown(the_body_waits_for_100, begin, end),
        cmocka_unit_test_setup_teardown(it_waits_for_a_second_at_most, begin, end),
        cmocka_unit_test_setup_teardown(an_answer_instead_of_100_saves_the_body, begin, end),
        cmocka_unit_test_setup_teardown(a_long_answer_instead_of_100_has_its_own_limit, begin, end),
        cmocka_unit_test_setup_teardown(expectation_failed_is_said_and_its_body_dropped, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_417_of_a_request_that_expects_nothing_is_an_answer, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_refusal_ends_the_sending, begin, end),
        cmocka_unit_test_setup_teardown(a_success_does_not_end_the_sending, begin, end),
        cmocka_unit_test_setup_teardown(a_file_that_has_become_shorter_breaks_the_request_off,
                                        begin, end),
        cmocka_unit_test_setup_teardown(a_cancel_ends_the_reading_first, begin, end),
        cmocka_unit_test_setup_teardown(a_connection_that_ends_meanwhile_ends_it, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
