/*
 * What a batch that asks for a rate gets, by the origins' count of requests.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define MOVED "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
#define BUSY "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
#define TOO_MANY "HTTP/1.1 429 Slow down\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
#define ORIGIN "http://origin.test/"
#define OTHER "http://other.test/"
#define PER_S(n) ((n)*UINT64_C(1000000))

/* A stream with batch 1 of these rates, whose items follow redirects and are tried again, after 1
 * ms. */
static void client_begins_at(struct scene *t, uint64_t rate_uhz, uint64_t rate_per_origin_uhz)
{
    const struct wire_batch_begin begin = { .fixed_bytes = sizeof(begin),
                                            .concurrency = 100,
                                            .rate_uhz = rate_uhz,
                                            .rate_per_origin_uhz = rate_per_origin_uhz };
    const struct message_profile profile = { .fixed = { .flags = WIRE_PROFILE_FOLLOW,
                                                        .body_mode = WIRE_BODY_DATA,
                                                        .redirects_max = 10,
                                                        .retries_max = 3,
                                                        .retry_delay_ns = SCENE_MS,
                                                        .retry_statuses = { 429, 503 } } };

    client_connects(t);
    client_opens_stream(t);
    client_shares(t, 1, &profile);
    client_sends_fixed(t, WIRE_BATCH_BEGIN, 0, 1, &begin, sizeof(begin));
}

static void submits_many(struct scene *t, uint64_t first_id, unsigned count, const char *url)
{
    for (unsigned i = 0; i < count; i++)
        client_submits(t, first_id + i, url);
}

static enum wire_cap held_by(struct scene *t, uint64_t id)
{
    return (enum wire_cap)client_item(t, id)->result.held_by;
}

static void the_rate_is_one_over_all_origins(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins_at(t, PER_S(5), 0);
    submits_many(t, 1, 2, ORIGIN);
    submits_many(t, 3, 2, OTHER);
    for (unsigned requests = 1; requests <= 4; requests++) {
        assert_int_equal(t->requests_count, requests);
        time_passes(t, 190 * SCENE_MS);
        assert_int_equal(t->requests_count, requests);
        time_passes(t, 12 * SCENE_MS);
    }
    for (unsigned i = 1; i <= 4; i++)
        client_receives(t, i, 200, "hello");
    assert_int_equal(held_by(t, 1), WIRE_CAP_NONE);
    for (unsigned i = 2; i <= 4; i++)
        assert_int_equal(held_by(t, i), WIRE_CAP_RATE);
}

static void a_tenth_of_a_second_may_come_at_once(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins_at(t, PER_S(200), 0);
    submits_many(t, 1, 100, ORIGIN);
    assert_int_equal(t->requests_count, 20);
    time_passes(t, 100 * SCENE_MS);
    assert_in_range(t->requests_count, 39, 40);
    time_passes(t, 300 * SCENE_MS);
    assert_in_range(t->requests_count, 98, 100);
}

static void a_rate_per_origin_is_one_for_each(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins_at(t, 0, PER_S(1));
    submits_many(t, 1, 2, ORIGIN);
    submits_many(t, 3, 2, OTHER);
    assert_int_equal(t->requests_count, 2);
    time_passes(t, 990 * SCENE_MS);
    assert_int_equal(t->requests_count, 2);
    time_passes(t, 12 * SCENE_MS);
    assert_int_equal(t->requests_count, 4);
    assert_int_equal(held_by(t, 1), WIRE_CAP_NONE);
    assert_int_equal(held_by(t, 4), WIRE_CAP_RATE_PER_ORIGIN);
}

static void the_lower_of_both_holds_and_is_named(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins_at(t, PER_S(10), PER_S(1));
    submits_many(t, 1, 2, ORIGIN);
    client_submits(t, 3, OTHER);
    time_passes(t, 500 * SCENE_MS);
    assert_int_equal(t->requests_count, 2); /* item 2 waits, 3 does not */
    time_passes(t, 600 * SCENE_MS);
    client_receives(t, 2, 200, "hello");
    assert_int_equal(held_by(t, 2), WIRE_CAP_RATE_PER_ORIGIN);
    assert_int_equal(held_by(t, 3), WIRE_CAP_RATE);
}

static void answers_with_a_redirect(struct scene *t, int fd, struct span request)
{
    bool is_first = !span_starts_with(request, SPAN_LITERAL("GET /there"));

    fake_receive(t->ring, fd, span_of_string(is_first ? MOVED : HELLO));
}

/* Else a batch of redirects would ask twice as often. */
static void where_a_redirect_leads_is_a_request_too(void **state)
{
    struct scene *t = *state;

    origin_answers_by(t, answers_with_a_redirect);
    client_begins_at(t, PER_S(1), 0);
    client_submits(t, 1, ORIGIN);
    client_submits(t, 2, OTHER);
    assert_int_equal(t->requests_count, 1);
    client_receives_nothing(t, 1);
    time_passes(t, 1002 * SCENE_MS);
    client_receives(t, 1, 200, "hello"); /* before what has not started */
    assert_int_equal(held_by(t, 1), WIRE_CAP_RATE);
    assert_int_equal(t->requests_count, 2);
    time_passes(t, 1002 * SCENE_MS);
    assert_int_equal(t->requests_count, 3);
    client_receives_nothing(t, 2);
    time_passes(t, 1002 * SCENE_MS);
    client_receives(t, 2, 200, "hello");
}

static void another_try_is_a_request_too(void **state)
{
    struct scene *t = *state;

    origin_answers(t, BUSY);
    client_begins_at(t, PER_S(1), 0);
    client_submits(t, 1, ORIGIN);
    time_passes(t, 900 * SCENE_MS); /* its pause of 1 ms is long over */
    assert_int_equal(t->requests_count, 1);
    origin_answers(t, HELLO);
    time_passes(t, 102 * SCENE_MS);
    client_receives(t, 1, 200, "hello");
    assert_int_equal(client_item(t, 1)->result.attempts, 2);
    assert_int_equal(held_by(t, 1), WIRE_CAP_RATE);
}

static void so_is_what_a_stale_connection_lost(void **state)
{
    struct scene *t = *state;

    client_begins_at(t, PER_S(1), 0);
    client_submits(t, 1, ORIGIN);
    origin_replies(t, 1, HELLO);
    time_passes(t, 1002 * SCENE_MS);
    client_submits(t, 2, ORIGIN);
    assert_int_equal(t->requests_count, 2);
    origin_hangs_up(t, 1);
    assert_int_equal(t->requests_count, 2);
    time_passes(t, 1002 * SCENE_MS);
    assert_int_equal(t->requests_count, 3);
    origin_replies(t, 2, HELLO);
    client_receives(t, 2, 200, "hello");
}

static void a_cancel_finds_what_waits_to_ask_again(void **state)
{
    struct scene *t = *state;

    origin_answers(t, MOVED);
    client_begins_at(t, PER_S(1), 0);
    client_submits(t, 1, ORIGIN);
    client_cancels(t, 1);
    client_receives_fault(t, 1, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    client_submits(t, 2, ORIGIN);
    time_passes(t, 1002 * SCENE_MS);
    client_submits(t, 3, ORIGIN);
    client_cancels_batch(t, 1); /* one is held, one has not started */
    client_receives_fault(t, 2, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    client_receives_fault(t, 3, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    client_ends_batch(t, 1);
    assert_int_equal(client_receives_batch_done(t, 1)->cancelled, 3);
}

static void the_time_limit_ends_the_wait(void **state)
{
    struct scene *t = *state;
    const struct scene_request request = { .url = ORIGIN, .timeout_ns = SCENE_S / 2 };

    origin_answers(t, MOVED);
    client_begins_at(t, PER_S(1), 0);
    client_submits_as(t, 1, &request);
    client_submits_as(t, 2, &request);
    time_passes(t, SCENE_S);
    client_receives_fault(t, 1, FAULT_TIMEOUT_TOTAL, PHASE_QUEUE);
    client_receives_fault(t, 2, FAULT_TIMEOUT_TOTAL, PHASE_QUEUE);
}

static void a_client_that_leaves_takes_what_waits_with_it(void **state)
{
    struct scene *t = *state;

    origin_answers(t, MOVED);
    client_begins_at(t, PER_S(1), 0);
    submits_many(t, 1, 3, ORIGIN);
    client_hangs_up(t);
    time_passes(t, 5 * SCENE_S);
    assert_int_equal(t->requests_count, 1);
    assert_int_equal(t->front.items.count, 0);
}

static void one_that_does_not_read_is_not_pumped(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins_at(t, PER_S(50), 0);
    client_stops_reading(t);
    submits_many(t, 1, 100, ORIGIN);
    time_passes(t, 3 * SCENE_S);
    client_reads_again(t);
    for (unsigned i = 1; i <= 100; i++)
        client_receives(t, i, 200, "hello");
}

/* The pause is the origin's, so it is for all. */
static void another_client_waits_out_the_pause_as_well(void **state)
{
    struct scene *t = *state;

    origin_answers(t, TOO_MANY);
    client_begins_at(t, 0, 0);
    client_submits(t, 1, ORIGIN);
    assert_int_equal(t->requests_count, 1);
    origin_answers(t, HELLO);
    client_begins(t, 4);
    client_submits(t, 1, ORIGIN);
    client_submits(t, 2, OTHER);
    client_receives(t, 2, 200, "hello");
    time_passes(t, 2900 * SCENE_MS);
    assert_int_equal(t->requests_count, 2);
    time_passes(t, 102 * SCENE_MS);
    client_receives(t, 1, 200, "hello");
    assert_int_equal(held_by(t, 1), WIRE_CAP_COOLING);
    client_is(t, 1);
    client_receives(t, 1, 200, "hello");
    assert_int_equal(held_by(t, 1), WIRE_CAP_COOLING);
}

static void clients_share_what_the_daemon_grants_an_origin(void **state)
{
    struct scene t;

    (void)state;
    scene_begin(&t, &(struct scene_options){ .rate_per_origin_uhz = PER_S(10) });
    origin_answers(&t, HELLO);
    client_begins(&t, 4);
    submits_many(&t, 1, 20, ORIGIN);
    client_begins(&t, 4);
    submits_many(&t, 1, 4, ORIGIN);
    time_passes(&t, 802 * SCENE_MS);
    assert_in_range(t.requests_count, 8, 9);
    client_receives(&t, 4, 200, "hello");
    assert_int_equal(held_by(&t, 4), WIRE_CAP_RATE_PER_ORIGIN_TOTAL);
    time_passes(&t, 2 * SCENE_S);
    scene_end(&t);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(the_rate_is_one_over_all_origins),
        SCENE(a_tenth_of_a_second_may_come_at_once),
        SCENE(a_rate_per_origin_is_one_for_each),
        SCENE(the_lower_of_both_holds_and_is_named),
        SCENE(where_a_redirect_leads_is_a_request_too),
        SCENE(another_try_is_a_request_too),
        SCENE(so_is_what_a_stale_connection_lost),
        SCENE(a_cancel_finds_what_waits_to_ask_again),
        SCENE(the_time_limit_ends_the_wait),
        SCENE(a_client_that_leaves_takes_what_waits_with_it),
        SCENE(one_that_does_not_read_is_not_pumped),
        SCENE(another_client_waits_out_the_pause_as_well),
        cmocka_unit_test(clients_share_what_the_daemon_grants_an_origin),
    };
#undef SCENE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
