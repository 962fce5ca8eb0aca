/*
 * What the kernel is asked about connections, and how often: each answer of a few, a sample of
 * many.
 */
#include "attempts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define BURST 16u /* of engine.c */

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

/* Over the one connection that there is, or a first one. */
static const struct attempt_result *answered(struct attempts *t, uint64_t id)
{
    front_starts_plain(t, id);
    server_says(t, 1, HELLO);
    front_has_response(t, id, 200, "hello");
    return &front_has(t, id)->result;
}

static void each_of_a_few_answers_has_its_sample(void **state)
{
    struct attempts *t = *state;

    for (unsigned i = 1; i <= 3; i++)
        front_starts_plain(t, i);
    for (unsigned i = 1; i <= 3; i++) {
        fake_tcp_info(t->ring, fake_fd(i), 100 * i, 0);
        server_says(t, i, HELLO);
        assert_int_equal(front_has(t, i)->result.rtt_us, 100 * i);
    }
    assert_int_equal(fake_tcp_infos_taken(t->ring), 3);
}

static void a_time_too_short_to_be_told_is_a_sample_too(void **state)
{
    assert_int_equal(answered(*state, 1)->rtt_us, 1);
}

static void many_answers_have_a_sample_a_millisecond(void **state)
{
    struct attempts *t = *state;

    for (unsigned i = 1; i <= BURST; i++)
        assert_int_equal(answered(t, i)->rtt_us, 1);
    assert_int_equal(answered(t, 100)->rtt_us, 0);
    attempts_wait(t, ATTEMPTS_MS - 1);
    assert_int_equal(answered(t, 101)->rtt_us, 0);
    attempts_wait(t, 1);
    assert_int_equal(answered(t, 102)->rtt_us, 1);
    assert_int_equal(answered(t, 103)->rtt_us, 0);
    assert_int_equal(fake_tcp_infos_taken(t->ring), BURST + 1);
}

static void after_a_pause_the_next_answers_have_samples_again(void **state)
{
    struct attempts *t = *state;

    for (unsigned i = 1; i <= BURST + 1; i++)
        (void)answered(t, i);
    attempts_wait(t, BURST * ATTEMPTS_MS);
    for (unsigned i = 1; i <= BURST; i++)
        assert_int_equal(answered(t, 100 + i)->rtt_us, 1);
    assert_int_equal(answered(t, 200)->rtt_us, 0);
}

static void retransmits_are_told_once(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    fake_tcp_info(t->ring, fake_fd(1), 50, 2); /* of the handshake */
    server_says(t, 1, HELLO);
    assert_int_equal(front_has(t, 1)->result.retransmits, 2);
    assert_int_equal(answered(t, 2)->retransmits, 0);
    fake_tcp_info(t->ring, fake_fd(1), 50, 5);
    assert_int_equal(answered(t, 3)->retransmits, 3);
}

static void retransmits_of_answers_without_a_sample_come_with_the_next(void **state)
{
    struct attempts *t = *state;

    for (unsigned i = 1; i <= BURST; i++)
        (void)answered(t, i);
    fake_tcp_info(t->ring, fake_fd(1), 50, 1);
    assert_int_equal(answered(t, 100)->retransmits, 0);
    attempts_wait(t, ATTEMPTS_MS);
    fake_tcp_info(t->ring, fake_fd(1), 50, 4);
    assert_int_equal(answered(t, 101)->retransmits, 4);
}

static void retransmits_are_those_of_one_connection(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    front_starts_plain(t, 2);
    fake_tcp_info(t->ring, fake_fd(1), 50, 7);
    fake_tcp_info(t->ring, fake_fd(2), 50, 1);
    server_says(t, 1, HELLO);
    server_says(t, 2, HELLO);
    assert_int_equal(front_has(t, 1)->result.retransmits, 7);
    assert_int_equal(front_has(t, 2)->result.retransmits, 1);
}

static void an_answer_that_ends_with_its_connection_has_a_sample(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    fake_tcp_info(t->ring, fake_fd(1), 80, 0);
    server_says(t, 1, "HTTP/1.1 200 OK\r\n\r\nhello");
    server_closes(t, 1);
    front_has_response(t, 1, 200, "hello");
    assert_int_equal(front_has(t, 1)->result.rtt_us, 80);
}

static void the_kernel_is_not_asked_about_what_has_failed(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    server_resets(t, 1);
    front_has_fault(t, 1, FAULT_IO_RECV, PHASE_WAIT);
    assert_int_equal(fake_tcp_infos_taken(t->ring), 0);
}

static void the_kernel_is_not_asked_about_a_unix_socket(void **state)
{
    struct attempts *t = *state;
    struct attempt attempt = plain_attempt(1);

    attempt.unix_path = SPAN_LITERAL("/run/a.sock");
    front_starts(t, &attempt);
    server_says(t, 1, HELLO);
    front_has_response(t, 1, 200, "hello");
    assert_int_equal(front_has(t, 1)->result.rtt_us, 0);
    assert_int_equal(fake_tcp_infos_taken(t->ring), 0);
}

int main(void)
{
#define ATTEMPT(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        ATTEMPT(each_of_a_few_answers_has_its_sample),
        ATTEMPT(a_time_too_short_to_be_told_is_a_sample_too),
        ATTEMPT(many_answers_have_a_sample_a_millisecond),
        ATTEMPT(after_a_pause_the_next_answers_have_samples_again),
        ATTEMPT(retransmits_are_told_once),
        ATTEMPT(retransmits_of_answers_without_a_sample_come_with_the_next),
        ATTEMPT(retransmits_are_those_of_one_connection),
        ATTEMPT(an_answer_that_ends_with_its_connection_has_a_sample),
        ATTEMPT(the_kernel_is_not_asked_about_what_has_failed),
        ATTEMPT(the_kernel_is_not_asked_about_a_unix_socket),
    };
#undef ATTEMPT

    return cmocka_run_group_tests(tests, NULL, NULL);
}
