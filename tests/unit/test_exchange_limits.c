/*
 * Each limit of an attempt fires in its phase, at its time and not before; and an attempt may be
 * cancelled in every phase. attempts_end asserts that nothing is left behind.
 */
#include "attempts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define HALF "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel"

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

/* Brings attempt 1 into a phase, in which it then stays. */
static void reaches_dns(struct attempts *t, struct attempt *attempt)
{
    attempt->dial_host = SPAN_LITERAL("never.test"); /* asked of a server that is never read */
    front_starts(t, attempt);
}

static void reaches_connect(struct attempts *t, struct attempt *attempt)
{
    fake_connect_result(t->ring, FAKE_NEVER);
    front_starts(t, attempt);
}

static void reaches_send(struct attempts *t, struct attempt *attempt)
{
    reaches_connect(t, attempt);
    fake_send_result(t->ring, fake_fd(1), FAKE_NEVER);
    fake_connect_finish(t->ring, fake_fd(1), 0);
    attempts_settle(t);
}

static void reaches_wait(struct attempts *t, struct attempt *attempt)
{
    front_starts(t, attempt);
}

static void reaches_receive(struct attempts *t, struct attempt *attempt)
{
    front_starts(t, attempt);
    server_says(t, 1, HALF);
}

static void reaches_deliver(struct attempts *t, struct attempt *attempt)
{
    t->keeps_bodies = true;
    attempt->window_bytes = 1;
    front_starts(t, attempt);
    server_says(t, 1, HALF);
}

static void reaches_queue(struct attempts *t, struct attempt *attempt)
{
    attempt->id = 99;
    attempt->per_origin_max = 1;
    front_starts(t, attempt);
    attempt->id = 1;
    front_starts(t, attempt);
}

static const struct {
    enum phase phase;
    void (*reach)(struct attempts *t, struct attempt *attempt);
    enum fault_code timeout; /* FAULT_NONE: the item's total alone limits it */
    uint64_t limit_s;
} phases[] = {
    { PHASE_QUEUE, reaches_queue, FAULT_NONE, 0 },
    { PHASE_DNS, reaches_dns, FAULT_TIMEOUT_DNS, 5 },
    { PHASE_CONNECT, reaches_connect, FAULT_TIMEOUT_CONNECT, 10 },
    { PHASE_SEND, reaches_send, FAULT_TIMEOUT_SEND, 50 },
    { PHASE_WAIT, reaches_wait, FAULT_TIMEOUT_FIRST_BYTE, 40 },
    { PHASE_RECEIVE, reaches_receive, FAULT_TIMEOUT_IDLE, 50 },
    { PHASE_DELIVER, reaches_deliver, FAULT_SINK_SLOW, 30 },
};

#define PHASES (sizeof(phases) / sizeof(phases[0]))

static struct attempt limited_attempt(void)
{
    struct attempt attempt = plain_attempt(1);

    attempt.first_byte_timeout_ns = 40 * ATTEMPTS_S;
    attempt.idle_timeout_ns = 50 * ATTEMPTS_S;
    return attempt;
}

static void each_limit_fires_in_its_phase_and_not_before(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PHASES; i++) {
        struct attempt attempt = limited_attempt();
        struct attempts t;

        if (phases[i].timeout == FAULT_NONE)
            continue;
        attempts_begin(&t, &(struct attempts_options){ 0 });
        phases[i].reach(&t, &attempt);
        attempts_wait(&t, phases[i].limit_s * ATTEMPTS_S - 10 * ATTEMPTS_MS);
        front_has_nothing(&t, 1);
        attempts_wait(&t, 20 * ATTEMPTS_MS);
        front_has_fault(&t, 1, phases[i].timeout, phases[i].phase);
        assert_int_equal(t.engine.pool.leased_count, 0);
        attempts_end(&t);
    }
}

static void cancelled_in_any_phase_it_ends_at_once_and_cleanly(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PHASES; i++) {
        struct attempt attempt = limited_attempt();
        struct attempts t;

        attempts_begin(&t, &(struct attempts_options){ 0 });
        phases[i].reach(&t, &attempt);
        front_has_nothing(&t, 1);
        front_cancels(&t, 1, FAULT_CANCELLED_CLIENT);
        front_has_fault(&t, 1, FAULT_CANCELLED_CLIENT, phases[i].phase);
        front_cancels(&t, 1, FAULT_CANCELLED_CLIENT); /* an unknown id now */
        if (phases[i].phase == PHASE_QUEUE)
            front_cancels(&t, 99, FAULT_CANCELLED_CLIENT);
        if (phases[i].phase != PHASE_DNS) /* the question goes on for the cache */
            fake_check_quiet(t.ring);
        attempts_end(&t);
    }
}

/* The limit of the first byte is the longer one: the shorter must still be met once it holds. */
static void a_shorter_idle_limit_is_met_after_a_longer_wait(void **state)
{
    struct attempts *t = *state;
    struct attempt attempt = plain_attempt(1);

    attempt.idle_timeout_ns = 5 * ATTEMPTS_S;
    front_starts(t, &attempt);
    attempts_wait(t, 20 * ATTEMPTS_S);
    front_has_nothing(t, 1);
    server_says(t, 1, HALF);
    attempts_wait(t, 4900 * ATTEMPTS_MS);
    front_has_nothing(t, 1);
    attempts_wait(t, 200 * ATTEMPTS_MS);
    front_has_fault(t, 1, FAULT_TIMEOUT_IDLE, PHASE_RECEIVE);
}

static void progress_moves_the_idle_limit(void **state)
{
    struct attempts *t = *state;
    struct attempt attempt = plain_attempt(1);

    attempt.idle_timeout_ns = 5 * ATTEMPTS_S;
    front_starts(t, &attempt);
    server_says(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n");
    for (unsigned i = 0; i < 20; i++) {
        attempts_wait(t, 4 * ATTEMPTS_S);
        front_has_nothing(t, 1);
        server_says(t, 1, "x");
    }
    front_has_response(t, 1, 200, "xxxxxxxxxxxxxxxxxxxx");
}

static void a_sink_that_has_room_again_in_time_is_not_slow(void **state)
{
    struct attempts *t = *state;
    struct attempt attempt = limited_attempt();

    reaches_deliver(t, &attempt);
    for (unsigned i = 0; i < 3; i++) {
        attempts_wait(t, 29 * ATTEMPTS_S);
        front_returns(t, 1, t->outcomes[1].kept_bytes);
        front_has_nothing(t, 1);
        server_says(t, 1, "lo");
    }
    front_has_response(t, 1, 200, "hellololo");
}

/* The response is whole in the turn in which it is cancelled: it has ended already. */
static void a_cancel_does_not_undo_what_is_done(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    front_starts_plain(t, 2);
    fake_receive_text(t->ring, fake_fd(1), HELLO);
    fake_receive_text(t->ring, fake_fd(2), HELLO);
    t->cancels_in_done = 2;
    attempts_settle(t);
    front_has_response(t, 1, 200, "hello");
    front_has_response(t, 2, 200, "hello");
}

int main(void)
{
#define ATTEMPT(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_limit_fires_in_its_phase_and_not_before),
        cmocka_unit_test(cancelled_in_any_phase_it_ends_at_once_and_cleanly),
        ATTEMPT(a_shorter_idle_limit_is_met_after_a_longer_wait),
        ATTEMPT(progress_moves_the_idle_limit),
        ATTEMPT(a_sink_that_has_room_again_in_time_is_not_slow),
        ATTEMPT(a_cancel_does_not_undo_what_is_done),
    };
#undef ATTEMPT

    return cmocka_run_group_tests(tests, NULL, NULL);
}
