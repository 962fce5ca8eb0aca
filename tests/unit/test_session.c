/*
 * A client's conversation with the daemon, as PROTOCOL.md tells it: what it asks for, what it gets,
 * and what ends it. The scene holds every test to the rules of order: one RESULT, nothing of an
 * item behind it, no byte beyond the window, nothing left when all have gone.
 */
#include "scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ORIGIN "http://origin.test/"

static void fetches_and_tells_that_the_batch_is_done(void **state)
{
    struct scene *t = *state;
    const struct wire_batch_done *done;

    origin_answers(t, HELLO);
    client_begins(t, 2);
    client_submits(t, 7, ORIGIN "a");
    client_receives(t, 7, 200, "hello");
    client_submits(t, 8, ORIGIN "b");
    client_receives(t, 8, 200, "hello");
    assert_int_equal(t->client->batches_done[1].fixed_bytes, 0);
    client_ends_batch(t, 1);
    done = client_receives_batch_done(t, 1);
    assert_int_equal(done->ok, 2);
    assert_int_equal(done->new_conns, 1);
    assert_int_equal(done->reused_conns, 1);
    assert_true(client_is_connected(t));
}

static void an_empty_batch_is_done_at_once(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_ends_batch(t, 1);
    assert_int_equal(client_receives_batch_done(t, 1)->items, 0);
    client_begins_batch(t, 1, 1, 0); /* the id is free again */
    client_ends_batch(t, 1);
    assert_int_equal(t->client->error_code, 0);
}

static void an_id_is_free_again_after_its_result(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins(t, 1);
    client_submits(t, 7, ORIGIN);
    client_submits(t, 7, ORIGIN);
    client_receives(t, 7, 200, "hello");
    assert_int_equal(t->client->results_count, 2);
}

static void answers_pings_while_it_works(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    client_pings(t, 42);
    assert_int_equal(t->client->pongs_count, 1);
    assert_int_equal(t->client->last_pong_id, 42);
}

/* ---- what is refused ---- */

static void refuses_what_is_not_known_or_known_twice(void **state)
{
    static const struct scene_request no_batch = { .url = ORIGIN, .batch_id = 9 };
    static const struct scene_request no_profile = { .url = ORIGIN, .profile_id = 9 };
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits_as(t, 1, &no_batch);
    client_is_refused(t, WIRE_ERROR_UNKNOWN_ID);
    client_begins(t, 1);
    client_submits_as(t, 1, &no_profile);
    client_is_refused(t, WIRE_ERROR_UNKNOWN_ID);
    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    client_submits(t, 1, ORIGIN);
    client_is_refused(t, WIRE_ERROR_DUPLICATE);
    client_receives_nothing(t, 1);
}

static void refuses_a_live_batch_and_any_profile_again(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_begins_batch(t, 1, 1, 0);
    client_is_refused(t, WIRE_ERROR_DUPLICATE);
    client_begins(t, 1);
    client_shares(t, 1, NULL);
    client_is_refused(t, WIRE_ERROR_DUPLICATE);
}

static void refuses_a_request_after_the_end_of_its_batch(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    client_ends_batch(t, 1);
    client_submits(t, 2, ORIGIN);
    client_is_refused(t, WIRE_ERROR_UNKNOWN_ID);
}

static void refuses_one_profile_and_one_batch_too_many(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    for (unsigned i = 2; i <= WIRE_PROFILES_PER_SESSION; i++)
        client_shares(t, i, NULL);
    for (unsigned i = 2; i <= WIRE_BATCHES_PER_SESSION; i++)
        client_begins_batch(t, i, 1, 0);
    assert_true(client_is_connected(t));
    client_begins_batch(t, 999, 1, 0);
    client_is_refused(t, WIRE_ERROR_LIMIT);
    client_begins(t, 1);
    for (unsigned i = 2; i <= WIRE_PROFILES_PER_SESSION + 1; i++)
        client_shares(t, i, NULL);
    client_is_refused(t, WIRE_ERROR_LIMIT);
}

static void refuses_frames_that_flow_the_other_way_and_unknown_ones(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_sends_fixed(t, WIRE_RESULT, 0, 1, NULL, 0);
    client_is_refused(t, WIRE_ERROR_TYPE);
    client_begins(t, 1);
    client_sends_fixed(t, (enum wire_type)200, 0, 1, NULL, 0);
    client_is_refused(t, WIRE_ERROR_TYPE);
    client_begins(t, 1);
    client_sends_fixed(t, WIRE_PING, 4, 1, NULL, 0);
    client_is_refused(t, WIRE_ERROR_RESERVED);
}

static void says_why_before_it_hangs_up_and_cancels_the_rest(void **state)
{
    struct scene *t = *state;

    client_begins(t, 4);
    client_submits(t, 1, ORIGIN "1");
    client_submits(t, 2, ORIGIN "2");
    assert_int_equal(origin_conns_open(t), 2);
    client_sends_fixed(t, WIRE_RESULT, 0, 1, NULL, 0);
    client_is_refused(t, WIRE_ERROR_TYPE);
    client_receives_nothing(t, 1);
    assert_int_equal(origin_conns_open(t), 0);
    assert_int_equal(t->sessions.count, 0);
}

/* A refused client that reads a little and then stops must not stay for ever. */
static void a_refused_client_that_does_not_read_is_cut_too(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_stops_reading(t);
    client_pings(t, 1);
    client_pings(t, 2);
    client_sends_fixed(t, WIRE_RESULT, 0, 1, NULL, 0);
    assert_true(client_is_connected(t));
    fake_send_result(t->ring, t->client->fd, 8);          /* half a PONG */
    fake_send_result(t->ring, t->client->fd, FAKE_NEVER); /* and no more */
    client_reads_again(t);
    assert_true(client_is_connected(t));
    time_passes(t, 31 * SCENE_S);
    assert_false(client_is_connected(t));
}

/* ---- time ---- */

static void half_a_frame_times_out_from_its_first_byte(void **state)
{
    static const char ping[16] = { 0x10, [4] = 0x07 };
    struct scene *t = *state;

    client_begins(t, 1);
    for (unsigned i = 0; i < 11; i++) { /* a byte a second keeps nobody waiting */
        assert_int_equal(t->client->error_code, 0);
        client_says(t, span_of(ping + i, 1));
        if (i < 10)
            time_passes(t, SCENE_S - SCENE_MS / 2);
    }
    time_passes(t, SCENE_S);
    client_is_refused(t, WIRE_ERROR_TIMEOUT);
}

static void a_whole_frame_restarts_the_time_of_the_next(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_says(t, span_of("\x10\0\0\0", 4));
    time_passes(t, 9 * SCENE_S);
    client_says(t, span_of("\x07\0\0\0\x01\0\0\0\0\0\0\0\x10\0\0\0", 16)); /* and half of another */
    assert_int_equal(t->client->pongs_count, 1);
    time_passes(t, 9 * SCENE_S);
    assert_true(client_is_connected(t));
    time_passes(t, 2 * SCENE_S);
    client_is_refused(t, WIRE_ERROR_TIMEOUT);
}

static void half_a_varlink_message_ends_the_connection(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_says(t, span_of_string("{\"method\":"));
    time_passes(t, 9 * SCENE_S);
    assert_true(client_is_connected(t));
    time_passes(t, 2 * SCENE_S);
    assert_false(client_is_connected(t));
}

static void an_idle_client_may_stay(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    time_passes(t, 3600 * SCENE_S);
    assert_true(client_is_connected(t));
}

static void a_slow_reader_is_cut_after_its_time_and_not_before(void **state)
{
    struct scene *t = *state;

    client_begins(t, 4);
    client_stops_reading(t);
    client_pings(t, 1);
    client_submits(t, 1, ORIGIN);
    time_passes(t, 29 * SCENE_S);
    assert_true(client_is_connected(t));
    time_passes(t, 2 * SCENE_S);
    assert_false(client_is_connected(t));
    assert_int_equal(origin_conns_open(t), 0); /* what it asked for is cancelled */
}

static void a_reader_that_moves_is_not_cut(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    for (unsigned i = 0; i < 5; i++) {
        client_stops_reading(t);
        client_pings(t, i);
        time_passes(t, 20 * SCENE_S);
        client_reads_again(t);
    }
    assert_int_equal(t->client->pongs_count, 5);
    assert_true(client_is_connected(t));
}

/* ---- the end of a client ---- */

static void a_client_that_hangs_up_takes_its_work_along(void **state)
{
    static const uint64_t later_ns = FAKE_START_NS + 3600 * SCENE_S;
    const struct scene_request planned = { .url = ORIGIN "later", .planned_ns = later_ns };
    struct scene *t = *state;

    client_begins(t, 2);
    client_submits(t, 1, ORIGIN "open");
    client_submits(t, 2, "http://never.test/"); /* looked up */
    client_submits(t, 3, ORIGIN "waiting");
    client_submits_as(t, 4, &planned);
    origin_replies(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    client_hangs_up(t);
    assert_int_equal(t->sessions.count, 0);
    assert_int_equal(t->engine.by_id.count, 0);
    assert_int_equal(origin_conns_open(t), 0);
}

static void a_client_that_ends_its_input_still_gets_its_results(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN "1");
    client_submits(t, 2, ORIGIN "2");
    client_ends_input(t);
    time_passes(t, 5 * SCENE_S);
    assert_true(client_is_connected(t));
    origin_answers(t, HELLO);
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, "hello");
    client_receives(t, 2, 200, "hello");
    assert_int_equal(client_receives_batch_done(t, 1)->ok, 2);
    assert_false(client_is_connected(t));
}

static void a_client_that_dies_after_ending_its_input_is_noticed(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    client_ends_input(t);
    fake_poll_ready(t->ring, t->client->fd, 0x2000); /* POLLRDHUP alone: no end */
    time_passes(t, SCENE_S);
    assert_true(client_is_connected(t));
    client_hangs_up(t);
    time_passes(t, SCENE_S);
    assert_false(client_is_connected(t));
    assert_int_equal(origin_conns_open(t), 0);
}

static void a_socket_that_fails_ends_its_session_only(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins(t, 1);
    client_begins(t, 1);
    fake_send_result(t->ring, t->client->fd, -EPIPE);
    client_pings(t, 1);
    assert_false(client_is_connected(t));
    client_is(t, 1);
    client_submits(t, 1, ORIGIN);
    client_receives(t, 1, 200, "hello");
}

/* ---- the end of the daemon ---- */

static void says_goaway_and_cancels_what_runs(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN "1");
    client_submits(t, 2, ORIGIN "2");
    client_stops_reading(t);
    daemon_stops(t);
    assert_true(client_is_connected(t)); /* until it has read them */
    client_submits(t, 3, ORIGIN "3");
    client_reads_again(t);
    assert_int_equal(t->client->goaways_count, 1);
    client_receives_fault(t, 1, FAULT_CANCELLED_DAEMON, PHASE_WAIT);
    client_receives_fault(t, 2, FAULT_CANCELLED_DAEMON, PHASE_QUEUE);
    client_receives_fault(t, 3, FAULT_ADMISSION_DRAINING, PHASE_QUEUE);
    assert_false(client_is_connected(t));
}

static void an_idle_client_gets_goaway_and_the_end(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    daemon_stops(t);
    assert_int_equal(t->client->goaways_count, 1);
    assert_false(client_is_connected(t));
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(fetches_and_tells_that_the_batch_is_done),
        SCENE(an_empty_batch_is_done_at_once),
        SCENE(an_id_is_free_again_after_its_result),
        SCENE(answers_pings_while_it_works),
        SCENE(refuses_what_is_not_known_or_known_twice),
        SCENE(refuses_a_live_batch_and_any_profile_again),
        SCENE(refuses_a_request_after_the_end_of_its_batch),
        SCENE(refuses_one_profile_and_one_batch_too_many),
        SCENE(refuses_frames_that_flow_the_other_way_and_unknown_ones),
        SCENE(says_why_before_it_hangs_up_and_cancels_the_rest),
        SCENE(a_refused_client_that_does_not_read_is_cut_too),
        SCENE(half_a_frame_times_out_from_its_first_byte),
        SCENE(a_whole_frame_restarts_the_time_of_the_next),
        SCENE(half_a_varlink_message_ends_the_connection),
        SCENE(an_idle_client_may_stay),
        SCENE(a_slow_reader_is_cut_after_its_time_and_not_before),
        SCENE(a_reader_that_moves_is_not_cut),
        SCENE(a_client_that_hangs_up_takes_its_work_along),
        SCENE(a_client_that_ends_its_input_still_gets_its_results),
        SCENE(a_client_that_dies_after_ending_its_input_is_noticed),
        SCENE(a_socket_that_fails_ends_its_session_only),
        SCENE(says_goaway_and_cancels_what_runs),
        SCENE(an_idle_client_gets_goaway_and_the_end),
    };
#undef SCENE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
