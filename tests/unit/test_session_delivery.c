/*
 * Bodies, heads and results on their way to a client: in order, within its window, and in time.
 */
#include "scene.h"
#include "writer_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ORIGIN "http://origin.test/"
#define MIB (1u << 20)

/* A response with that many bytes of body, to the nth connection. */
static void origin_replies_body(struct scene *t, unsigned nth, size_t bytes)
{
    char *text = malloc(bytes + 100);
    int head = snprintf(text, 100, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", bytes);

    for (size_t i = 0; i < bytes; i++)
        text[(size_t)head + i] = (char)('a' + i % 26);
    origin_replies_bytes(t, nth, span_of(text, (size_t)head + bytes));
    free(text);
}

static void client_receives_body(struct scene *t, uint64_t id, size_t bytes)
{
    const struct scene_item *item = client_item(t, id);

    client_receives(t, id, 200, NULL);
    assert_int_equal(item->data_bytes, bytes);
    for (size_t i = 0; i < bytes; i++)
        if (item->data[i] != (char)('a' + i % 26))
            fail_msg("byte %zu of item %llu is wrong", i, (unsigned long long)id);
    assert_int_equal(item->result.body_bytes, bytes);
}

static void a_body_arrives_whole_however_large_or_odd(void **state)
{
    static const size_t sizes[] = {
        0, 1, 7, 8, 4095, 4096, 4097, 16384, 65536, 65537, MIB, 3 * MIB
    };
    struct scene *t = *state;

    client_begins(t, 1);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        client_submits(t, i, ORIGIN);
        origin_replies_body(t, 1, sizes[i]);
        client_receives_body(t, i, sizes[i]);
        client_credits(t, t->client->window_used);
    }
    assert_int_equal(origin_conns_seen(t), 1);
}

/* The last piece of a body may be the one that fills the sink: nothing comes behind it that would
 * tell the end. */
static void a_body_that_ends_where_the_sink_is_full_is_complete(void **state)
{
    static const size_t sizes[] = { 16384, 65536, 131072, 262144, 262145, 524288 };
    struct scene *t = *state;

    client_begins(t, 1);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        client_submits(t, i, ORIGIN);
        client_stops_reading(t);
        origin_replies_body(t, 1, sizes[i]);
        client_reads_again(t);
        client_receives_body(t, i, sizes[i]);
        client_credits(t, t->client->window_used);
    }
    assert_int_equal(origin_conns_seen(t), 1);
}

static void a_result_waits_for_the_last_byte_of_its_body(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    origin_replies_body(t, 1, 5 * MIB); /* more than the window */
    client_receives_nothing(t, 1);
    assert_true(client_window_left(t) < 8 + 65536);
    client_credits(t, MIB);
    client_receives_nothing(t, 1);
    client_credits(t, MIB);
    client_receives_body(t, 1, 5 * MIB);
}

/* Blocks of one size, so that the window ends exactly at a frame: not one byte may be lost. */
static void the_window_is_kept_to_the_byte(void **state)
{
    struct scene *t = *state;
    size_t left;

    client_begins(t, 1);
    while (client_window_left(t) >= 1016) { /* 8 + 1000 + padding each */
        client_submits(t, 1, ORIGIN);
        origin_replies_body(t, 1, 1000);
        client_receives_body(t, 1, 1000);
    }
    left = client_window_left(t);
    client_submits(t, 2, ORIGIN);
    origin_replies_body(t, 1, left - 8 + 1); /* one byte too many */
    client_receives_nothing(t, 2);
    client_credits(t, 7);
    client_receives_nothing(t, 2);
    client_credits(t, 1);
    client_receives_body(t, 2, left - 7);
    assert_int_equal(client_window_left(t), 0);
}

static void giving_back_more_than_was_used_is_a_breach(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    origin_replies_body(t, 1, 8);
    client_credits(t, 16);
    assert_true(client_is_connected(t));
    client_credits(t, 1);
    client_is_refused(t, WIRE_ERROR_MALFORMED);
}

static void an_item_that_waits_30_s_for_the_window_is_too_slow(void **state)
{
    struct scene *t = *state;

    client_begins(t, 4);
    client_submits(t, 1, ORIGIN "1");
    origin_replies_body(t, 1, 5 * MIB);
    client_submits(t, 2, ORIGIN "2");
    origin_replies_body(t, 2, 100); /* whole, but behind the other */
    time_passes(t, 29 * SCENE_S);
    client_receives_nothing(t, 1);
    client_receives_nothing(t, 2);
    time_passes(t, 2 * SCENE_S);
    client_receives_fault(t, 1, FAULT_SINK_SLOW, PHASE_DELIVER);
    client_receives_fault(t, 2, FAULT_SINK_SLOW, PHASE_DELIVER);
    assert_true(client_item(t, 1)->result.flags & WIRE_RESULT_TRUNCATED);
    assert_true(client_is_connected(t));
    client_credits(t, t->client->window_used);
    client_submits(t, 3, ORIGIN "3");
    origin_replies_body(t, 3, 100);
    client_receives_body(t, 3, 100);
}

static void a_whole_body_that_the_window_keeps_back_is_too_slow_as_well(void **state)
{
    struct scene *t = *state;

    client_begins(t, 2);
    while (client_window_left(t) >= 65536 + 8) {
        client_submits(t, 1, ORIGIN);
        origin_replies_body(t, 1, 65536);
    }
    client_submits(t, 1, ORIGIN);
    origin_replies_body(t, 1, 65536); /* the engine is through with it */
    client_submits(t, 2, ORIGIN);
    origin_replies_body(t, 1, 65536);
    time_passes(t, 29 * SCENE_S);
    client_receives_nothing(t, 2);
    time_passes(t, 2 * SCENE_S);
    client_receives_fault(t, 1, FAULT_SINK_SLOW, PHASE_DELIVER);
    client_receives_fault(t, 2, FAULT_SINK_SLOW, PHASE_DELIVER);
    assert_true(client_is_connected(t));
    client_ends_batch(t, 1);
    (void)client_receives_batch_done(t, 1);
}

static void a_window_that_moves_is_not_too_slow(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    origin_replies_body(t, 1, 6 * MIB);
    for (unsigned i = 0; i < 10; i++) {
        time_passes(t, 20 * SCENE_S);
        client_credits(t, MIB / 4);
    }
    client_receives_body(t, 1, 6 * MIB);
}

static void a_cancelled_item_leaves_the_window_to_others(void **state)
{
    struct scene *t = *state;

    client_begins(t, 2);
    client_submits(t, 1, ORIGIN);
    origin_replies_body(t, 1, 6 * MIB);
    client_receives_nothing(t, 1);
    client_cancels(t, 1); /* the RESULT does not wait for what nobody wants any more */
    client_receives_fault(t, 1, FAULT_CANCELLED_CLIENT, PHASE_DELIVER);
    client_credits(t, t->client->window_used);
    client_submits(t, 2, ORIGIN);
    origin_replies_body(t, 2, MIB);
    client_receives_body(t, 2, MIB);
}

static void a_head_comes_once_and_before_the_body(void **state)
{
    static const struct message_profile heads = { .fixed = { .body_mode = WIRE_BODY_DATA,
                                                             .flags = WIRE_PROFILE_HEAD } };
    static const struct scene_request request = { .url = ORIGIN, .profile_id = 2 };
    struct scene *t = *state;

    client_begins(t, 1);
    client_shares(t, 2, &heads);
    client_submits_as(t, 1, &request);
    origin_replies(t, 1, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    assert_int_equal(client_item(t, 1)->heads_count, 0); /* not the final one */
    origin_replies(t, 1, "HTTP/1.1 404 No\r\nA: b\r\nContent-Length: 3\r\n\r\n");
    assert_int_equal(client_item(t, 1)->heads_count, 1);
    assert_int_equal(client_item(t, 1)->data_bytes, 0);
    assert_int_equal(client_item(t, 1)->head.status, 404);
    assert_int_equal(client_item(t, 1)->head.content_bytes, 3);
    origin_replies(t, 1, "abc");
    client_receives(t, 1, 404, "abc");
    assert_int_equal(client_item(t, 1)->heads_count, 1);
}

static void a_discarded_body_is_counted_and_needs_no_window(void **state)
{
    static const struct scene_request request = { .url = ORIGIN, .is_discarded = true };
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits_as(t, 1, &request);
    origin_replies_body(t, 1, 9 * MIB);
    client_receives(t, 1, 200, "");
    assert_int_equal(client_item(t, 1)->result.body_bytes, 9 * MIB);
    assert_int_equal(t->client->window_used, 0);
}

/* ---- files ---- */

static int open_file(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void submits_to_file(struct scene *t, uint64_t id, int fd)
{
    const struct scene_request request = { .url = ORIGIN, .body_mode = WIRE_BODY_FD, .fd = &fd };

    client_submits_as(t, id, &request);
    (void)close(fd);
}

static void a_result_waits_until_its_file_is_written(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    fake_writer_hold(t->writer);
    submits_to_file(t, 1, open_file());
    origin_replies_body(t, 1, 26);
    client_receives_nothing(t, 1);
    assert_int_equal(t->engine.pool.idle_count, 1); /* the connection did not wait for it */
    fake_writer_release(t->writer);
    scene_settle(t);
    client_receives(t, 1, 200, "");
    assert_true(
        span_equals(fake_writer_text(t->writer), span_of_string("abcdefghijklmnopqrstuvwxyz")));
    assert_int_equal(fake_writer_files(t->writer), 0);
}

static void a_file_that_cannot_be_written_fails_its_item(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    submits_to_file(t, 1, open("/dev/null", O_RDONLY | O_CLOEXEC));
    client_receives_fault(t, 1, FAULT_SINK_WRITE, PHASE_DELIVER);
    assert_int_equal(origin_conns_seen(t), 0); /* known before anything was asked */
    fake_writer_fails(t->writer, ENOSPC);
    submits_to_file(t, 2, open_file());
    origin_replies_body(t, 1, 1000);
    client_receives_fault(t, 2, FAULT_SINK_WRITE, PHASE_DELIVER);
    assert_int_equal(client_item(t, 2)->result.fault_errno, ENOSPC);
}

static void a_full_writer_is_waited_for_and_loses_nothing(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    submits_to_file(t, 1, open_file());
    fake_writer_fill(t->writer);
    origin_replies_body(t, 1, MIB);
    client_receives_nothing(t, 1);
    fake_writer_empty(t->writer);
    scene_settle(t);
    client_receives(t, 1, 200, "");
    assert_int_equal(fake_writer_text(t->writer).bytes, MIB);
}

static void a_writer_that_stays_full_is_too_slow(void **state)
{
    struct scene *t = *state;

    client_begins(t, 2);
    submits_to_file(t, 1, open_file());
    fake_writer_fill(t->writer);
    origin_replies_body(t, 1, 100); /* whole: only the handing over is left */
    time_passes(t, 29 * SCENE_S);
    client_receives_nothing(t, 1);
    time_passes(t, 2 * SCENE_S);
    client_receives_fault(t, 1, FAULT_SINK_SLOW, PHASE_DELIVER);
    submits_to_file(t, 2, open_file());
    origin_replies_body(t, 2, 2 * MIB);
    time_passes(t, 31 * SCENE_S);
    client_receives_fault(t, 2, FAULT_SINK_SLOW, PHASE_DELIVER);
}

static void cancelled_in_its_file_it_leaves_nothing_open(void **state)
{
    struct scene *t = *state;

    client_begins(t, 4);
    fake_writer_hold(t->writer);
    submits_to_file(t, 1, open_file());
    origin_replies_body(t, 1, 100);
    submits_to_file(t, 2, open_file());
    client_cancels(t, 1); /* being written out: too late */
    client_cancels(t, 2);
    client_hangs_up(t);
    fake_writer_release(t->writer);
    scene_settle(t);
    assert_int_equal(fake_writer_files(t->writer), 0);
    assert_int_equal(t->sessions.count, 0);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(a_body_arrives_whole_however_large_or_odd),
        SCENE(a_body_that_ends_where_the_sink_is_full_is_complete),
        SCENE(a_result_waits_for_the_last_byte_of_its_body),
        SCENE(the_window_is_kept_to_the_byte),
        SCENE(giving_back_more_than_was_used_is_a_breach),
        SCENE(an_item_that_waits_30_s_for_the_window_is_too_slow),
        SCENE(a_whole_body_that_the_window_keeps_back_is_too_slow_as_well),
        SCENE(a_window_that_moves_is_not_too_slow),
        SCENE(a_cancelled_item_leaves_the_window_to_others),
        SCENE(a_head_comes_once_and_before_the_body),
        SCENE(a_discarded_body_is_counted_and_needs_no_window),
        SCENE(a_result_waits_until_its_file_is_written),
        SCENE(a_file_that_cannot_be_written_fails_its_item),
        SCENE(a_full_writer_is_waited_for_and_loses_nothing),
        SCENE(a_writer_that_stays_full_is_too_slow),
        SCENE(cancelled_in_its_file_it_leaves_nothing_open),
    };
#undef SCENE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
