/*
 * Many attempts: each is answered once, origins bear what they may, batches take turns.
 */
#include "attempts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

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

static void starts_of_batch(struct attempts *t, uint64_t first_id, unsigned count, uint64_t batch,
                            unsigned per_origin_max)
{
    for (unsigned i = 0; i < count; i++) {
        struct attempt attempt = plain_attempt(first_id + i);

        attempt.batch_key = batch;
        attempt.per_origin_max = per_origin_max;
        front_starts(t, &attempt);
    }
}

static void keeps_to_the_connections_a_batch_may_have_at_an_origin(void **state)
{
    struct attempts *t = *state;

    starts_of_batch(t, 1, 10, 1, 3);
    assert_int_equal(fake_sockets_made(t->ring), 3);
    for (unsigned i = 1; i <= 10; i++)
        server_says(t, (i - 1) % 3 + 1, HELLO);
    for (unsigned i = 1; i <= 10; i++) {
        front_has_response(t, i, 200, "hello");
        assert_int_equal(front_has(t, i)->order, i); /* first in, first out */
        assert_int_equal(front_has(t, i)->result.held_by,
                         i <= 3 ? WIRE_CAP_NONE : WIRE_CAP_PER_ORIGIN);
    }
    assert_int_equal(fake_sockets_made(t->ring), 3);
}

static void another_origin_is_another_bound(void **state)
{
    struct attempts *t = *state;
    struct attempt other = plain_attempt(9);

    starts_of_batch(t, 1, 2, 1, 1);
    other.per_origin_max = 1;
    other.port = other.dial_port = 81;
    front_starts(t, &other);
    assert_int_equal(fake_sockets_made(t->ring), 2);
    server_says(t, 2, HELLO);
    front_has_response(t, 9, 200, "hello");
    server_says(t, 1, HELLO);
    server_says(t, 1, HELLO);
}

static void all_batches_together_keep_to_the_origins_ceiling(void **state)
{
    struct attempts t;

    (void)state;
    attempts_begin(&t, &(struct attempts_options){ .per_origin_total_max = 2 });
    starts_of_batch(&t, 1, 2, 1, 4);
    starts_of_batch(&t, 3, 2, 2, 4);
    assert_int_equal(fake_sockets_made(t.ring), 2);
    for (unsigned i = 0; i < 4; i++)
        server_says(&t, i % 2 + 1, HELLO);
    assert_int_equal(front_has(&t, 3)->result.held_by, WIRE_CAP_PER_ORIGIN_TOTAL);
    attempts_end(&t);
}

static void batches_at_one_origin_take_turns(void **state)
{
    struct attempts t;

    (void)state;
    attempts_begin(&t, &(struct attempts_options){ .per_origin_total_max = 1 });
    starts_of_batch(&t, 1, 4, 1, 4);   /* a long one */
    starts_of_batch(&t, 101, 2, 2, 4); /* and a short one that came later */
    for (unsigned i = 0; i < 6; i++)
        server_says(&t, 1, HELLO);
    assert_int_equal(front_has(&t, 101)->order, 3);
    assert_int_equal(front_has(&t, 102)->order, 5);
    attempts_end(&t);
}

static void a_held_attempt_that_is_cancelled_gives_its_turn_away(void **state)
{
    struct attempts *t = *state;

    starts_of_batch(t, 1, 3, 1, 1);
    front_cancels(t, 2, FAULT_CANCELLED_CLIENT);
    front_has_fault(t, 2, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    server_says(t, 1, HELLO);
    server_says(t, 1, HELLO);
    front_has_response(t, 3, 200, "hello");
}

static void an_attempt_that_fails_makes_room_for_the_next(void **state)
{
    struct attempts *t = *state;

    starts_of_batch(t, 1, 3, 1, 1);
    server_resets(t, 1);
    front_has_fault(t, 1, FAULT_IO_RECV, PHASE_WAIT);
    front_cancels(t, 2, FAULT_CANCELLED_CLIENT);
    server_says(t, 3, HELLO);
    front_has_response(t, 3, 200, "hello");
}

static void waits_for_a_socket_when_there_are_no_more(void **state)
{
    struct attempts t;

    (void)state;
    attempts_begin(&t, &(struct attempts_options){ .conns_max = 2 });
    starts_of_batch(&t, 1, 4, 1, 4);
    assert_int_equal(fake_open_sockets(t.ring), 2);
    server_says(&t, 1, HELLO); /* its connection serves the third */
    server_closes(&t, 2);      /* its end makes room for the fourth */
    server_says(&t, 1, HELLO);
    server_says(&t, 3, HELLO);
    front_has_fault(&t, 2, FAULT_HTTP_EMPTY, PHASE_WAIT);
    front_has_response(&t, 3, 200, "hello");
    front_has_response(&t, 4, 200, "hello");
    assert_int_equal(front_has(&t, 4)->result.held_by, WIRE_CAP_CONNECTIONS);
    attempts_end(&t);
}

#define BUSY(fields) "HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n" fields "\r\n"

static void starts_at_the_origins_rate(void **state)
{
    struct attempts t;

    (void)state;
    attempts_begin(&t, &(struct attempts_options){ .rate_per_origin_uhz = 2000000 });
    starts_of_batch(&t, 1, 4, 1, 4);
    starts_of_batch(&t, 5, 1, 2, 4);
    assert_int_equal(fake_sockets_made(t.ring), 1);
    attempts_wait(&t, 499 * ATTEMPTS_MS);
    assert_int_equal(fake_sockets_made(t.ring), 1);
    attempts_wait(&t, ATTEMPTS_MS);
    assert_int_equal(fake_sockets_made(t.ring), 2);
    front_cancels(&t, 5,
                  FAULT_CANCELLED_CLIENT); /* while it waits, and another one's turn is next */
    front_has_fault(&t, 5, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    attempts_wait(&t, ATTEMPTS_S);
    assert_int_equal(fake_sockets_made(t.ring), 4);
    for (unsigned i = 1; i <= 4; i++) {
        server_says(&t, i, HELLO);
        assert_int_equal(front_has(&t, i)->result.held_by,
                         i == 1 ? WIRE_CAP_NONE : WIRE_CAP_RATE_PER_ORIGIN_TOTAL);
    }
    attempts_end(&t);
}

static void an_origin_that_asks_for_a_pause_gets_it_from_all(void **state)
{
    struct attempts *t = *state;
    uint64_t start_ns = ring_now_ns(t->ring);

    starts_of_batch(t, 1, 1, 1, 4);
    server_says(t, 1, BUSY("Retry-After: 3\r\n"));
    front_has_response(t, 1, 429, "");
    assert_int_equal(front_has(t, 1)->result.cools_until_ns, start_ns + 3 * ATTEMPTS_S);
    starts_of_batch(t, 2, 2, 1, 4);
    starts_of_batch(t, 4, 1, 2, 4);
    attempts_wait(t, 3 * ATTEMPTS_S - 1);
    assert_int_equal(t->engine.pool.leased_count, 0);
    attempts_wait(t, 1);
    assert_int_equal(t->engine.pool.leased_count, 1); /* one is waited for, then all */
    server_says(t, 1, HELLO);
    assert_int_equal(t->engine.pool.leased_count, 2);
    server_says(t, 1, HELLO);
    server_says(t, 2, HELLO);
    for (unsigned i = 2; i <= 4; i++) {
        front_has_response(t, i, 200, "hello");
        assert_int_equal(front_has(t, i)->result.held_by, WIRE_CAP_COOLING);
    }
}

static void only_what_the_origin_says_begins_a_pause(void **state)
{
    static const struct {
        const char *answer;
        uint64_t pause_s;
    } rows[] = {
        { HELLO, 0 },
        { "HTTP/1.1 500 E\r\nContent-Length: 0\r\nRetry-After: 9\r\n\r\n", 0 },
        { "HTTP/1.1 503 E\r\nContent-Length: 0\r\n\r\n", 0 },
        { "HTTP/1.1 503 E\r\nContent-Length: 0\r\nRetry-After: soon\r\n\r\n", 0 },
        { "HTTP/1.1 503 E\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n", 0 },
        { "HTTP/1.1 503 E\r\nContent-Length: 0\r\nRetry-After: 9\r\n\r\n", 9 },
        { BUSY("Retry-After: 7\r\n"), 7 },
        { BUSY("Retry-After: 301\r\n"), 300 },
        { BUSY(""), 1 },
        { BUSY("Retry-After: 0\r\n"), 1 },
        { BUSY("Retry-After: -4\r\n"), 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t now_ns, wanted_ns;
        struct attempts t;

        attempts_begin(&t, &(struct attempts_options){ 0 });
        now_ns = ring_now_ns(t.ring);
        wanted_ns = rows[i].pause_s ? now_ns + rows[i].pause_s * ATTEMPTS_S : 0;
        front_starts_plain(&t, 1);
        server_says(&t, 1, rows[i].answer);
        if (front_has(&t, 1)->result.cools_until_ns != wanted_ns)
            fail_msg("row %zu: %lld ns", i,
                     (long long)(front_has(&t, 1)->result.cools_until_ns - now_ns));
        attempts_end(&t);
    }
}

static void faults_begin_no_pause(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    server_resets(t, 1);
    front_starts_plain(t, 2);
    front_cancels(t, 2, FAULT_LOCAL_NO_MEMORY);
    front_starts_plain(t, 3);
    server_says(t, 3, HELLO);
    front_has_response(t, 3, 200, "hello");
    assert_int_equal(t->engine.governor.origins_count, 0);
}

static void unknown_ids_are_ignored(void **state)
{
    struct attempts *t = *state;

    t->mailbox.cancel(t->mailbox.ctx, 77, FAULT_CANCELLED_CLIENT);
    t->mailbox.sink_ready(t->mailbox.ctx, 77, 100, 0);
    front_starts_plain(t, 1);
    server_says(t, 1, HELLO);
    front_has_response(t, 1, 200, "hello");
}

static void closed_while_busy_it_keeps_nothing(void **state)
{
    struct attempts *t = *state;

    front_starts_plain(t, 1);
    front_starts_plain(t, 2);
    server_says(t, 2, HELLO);
    assert_int_equal(t->engine.pool.idle_count, 1);
    engine_close(&t->engine);
    attempts_settle(t);
    assert_int_equal(fake_open_sockets(t->ring), 1);
    assert_false(engine_is_closed(&t->engine));
    server_says(t, 1, HELLO);
    front_has_response(t, 1, 200, "hello");
    assert_true(engine_is_closed(&t->engine));
}

int main(void)
{
#define ENGINE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        ENGINE(keeps_to_the_connections_a_batch_may_have_at_an_origin),
        ENGINE(another_origin_is_another_bound),
        cmocka_unit_test(all_batches_together_keep_to_the_origins_ceiling),
        cmocka_unit_test(batches_at_one_origin_take_turns),
        ENGINE(a_held_attempt_that_is_cancelled_gives_its_turn_away),
        ENGINE(an_attempt_that_fails_makes_room_for_the_next),
        cmocka_unit_test(waits_for_a_socket_when_there_are_no_more),
        cmocka_unit_test(starts_at_the_origins_rate),
        ENGINE(an_origin_that_asks_for_a_pause_gets_it_from_all),
        cmocka_unit_test(only_what_the_origin_says_begins_a_pause),
        ENGINE(faults_begin_no_pause),
        ENGINE(unknown_ids_are_ignored),
        ENGINE(closed_while_busy_it_keeps_nothing),
    };
#undef ENGINE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
