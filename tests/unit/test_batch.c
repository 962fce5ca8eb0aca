/*
 * Order, concurrency, plans and counts of a batch, as its client sees them.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ORIGIN "http://origin.test/"

static void submits_many(struct scene *t, uint64_t first_id, unsigned count, uint64_t batch)
{
    for (unsigned i = 0; i < count; i++) {
        const struct scene_request request = { .url = ORIGIN, .batch_id = batch };

        client_submits_as(t, first_id + i, &request);
    }
}

static void keeps_to_its_concurrency(void **state)
{
    struct scene *t = *state;

    client_begins(t, 3);
    submits_many(t, 1, 10, 1);
    assert_int_equal(t->requests_count, 3);
    origin_replies(t, 2, HELLO);
    assert_int_equal(t->requests_count, 4);
    origin_answers(t, HELLO);
    for (unsigned i = 1; i <= 3; i++)
        origin_replies(t, i, HELLO);
    for (unsigned i = 1; i <= 10; i++)
        client_receives(t, i, 200, "hello");
    assert_int_equal(origin_conns_seen(t), 3);
    assert_int_equal(client_item(t, 4)->result.held_by, WIRE_CAP_CONCURRENCY);
    assert_int_equal(client_item(t, 1)->result.held_by, WIRE_CAP_NONE);
}

static void starts_in_the_order_of_submission(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    submits_many(t, 1, 20, 1);
    origin_answers(t, HELLO);
    origin_replies(t, 1, HELLO);
    for (unsigned i = 1; i <= 20; i++)
        assert_int_equal(client_item(t, i)->order, i);
}

static void keeps_to_what_it_may_have_at_one_origin(void **state)
{
    struct scene *t = *state;
    const struct scene_request other = { .url = "http://other.test/", .batch_id = 2 };

    client_begins(t, 1);
    client_begins_batch(t, 2, 10, 2);
    submits_many(t, 1, 5, 2);
    assert_int_equal(origin_conns_seen(t), 2);
    client_submits_as(t, 9, &other); /* another origin is not held by it */
    assert_int_equal(origin_conns_seen(t), 3);
    origin_replies(t, 3, HELLO);
    client_receives(t, 9, 200, "hello");
}

static void takes_16_per_origin_when_it_asks_for_nothing(void **state)
{
    struct scene *t = *state;

    client_begins(t, 100);
    submits_many(t, 1, 30, 1);
    assert_int_equal(origin_conns_seen(t), 16);
}

static void two_batches_at_one_origin_take_turns(void **state)
{
    struct scene t;

    (void)state;
    scene_begin(&t, &(struct scene_options){ .per_origin_total_max = 1 });
    client_begins(&t, 10);
    client_begins_batch(&t, 2, 10, 0);
    submits_many(&t, 1, 5, 1);
    submits_many(&t, 101, 2, 2);
    origin_answers(&t, HELLO);
    origin_replies(&t, 1, HELLO);
    assert_true(client_item(&t, 101)->order <= 3);
    assert_true(client_item(&t, 102)->order <= 5);
    assert_int_equal(client_item(&t, 102)->result.held_by, WIRE_CAP_PER_ORIGIN_TOTAL);
    scene_end(&t);
}

/* ---- plans ---- */

static void holds_planned_items_until_their_time(void **state)
{
    struct scene *t = *state;
    uint64_t now_ns = ring_now_ns(t->ring);
    const struct scene_request late = { .url = ORIGIN "late", .planned_ns = now_ns + 2 * SCENE_S };
    const struct scene_request soon = { .url = ORIGIN "soon", .planned_ns = now_ns + SCENE_S };

    origin_answers(t, HELLO);
    client_begins(t, 5);
    client_submits_as(t, 1, &late);
    client_submits_as(t, 2, &soon);
    client_submits(t, 3, ORIGIN "now");
    client_receives(t, 3, 200, "hello");
    time_passes(t, SCENE_S - SCENE_MS);
    client_receives_nothing(t, 2);
    time_passes(t, SCENE_MS);
    client_receives(t, 2, 200, "hello");
    assert_int_equal(client_item(t, 2)->result.t0_ns, soon.planned_ns);
    assert_int_equal(client_item(t, 2)->result.late_ns, 0);
    client_receives_nothing(t, 1);
    time_passes(t, SCENE_S);
    client_receives(t, 1, 200, "hello");
}

static void a_planned_item_that_had_to_wait_was_late(void **state)
{
    struct scene *t = *state;
    const struct scene_request planned = { .url = ORIGIN,
                                           .planned_ns = ring_now_ns(t->ring) + SCENE_S };

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    client_submits_as(t, 2, &planned);
    time_passes(t, 3 * SCENE_S);
    origin_answers(t, HELLO);
    origin_replies(t, 1, HELLO);
    client_receives(t, 2, 200, "hello");
    assert_int_equal(client_item(t, 2)->result.late_ns, 2 * SCENE_S);
    assert_int_equal(client_item(t, 2)->result.queued_ns, 2 * SCENE_S);
}

static void a_time_that_has_passed_is_now(void **state)
{
    struct scene *t = *state;
    const struct scene_request past = { .url = ORIGIN,
                                        .planned_ns = ring_now_ns(t->ring) - SCENE_S };

    origin_answers(t, HELLO);
    client_begins(t, 1);
    client_submits_as(t, 1, &past);
    client_receives(t, 1, 200, "hello");
    assert_int_equal(client_item(t, 1)->result.late_ns, SCENE_S);
}

/* ---- what it comes to ---- */

static void tells_what_the_ring_counted_while_it_lasted(void **state)
{
    struct scene *t = *state;
    struct ring_counters *counters = fake_counters(t->ring);
    const struct wire_batch_done *done;
    uint64_t receives;

    counters->starved = 70;
    counters->cq_overflows = 50;
    counters->lost_completions = 30;
    origin_answers(t, HELLO);
    client_begins(t, 1);
    receives = counters->receives;
    submits_many(t, 1, 3, 1);
    counters->starved += 3;
    counters->cq_overflows += 2;
    counters->lost_completions += 1;
    receives = counters->receives - receives;
    client_ends_batch(t, 1);
    done = client_receives_batch_done(t, 1);
    assert_int_equal(done->ok, 3);
    assert_int_equal(done->receives, receives);
    assert_int_equal(receives, 3);
    assert_int_equal(done->starved, 3);
    assert_int_equal(done->cq_overflows, 2);
    assert_int_equal(done->lost_completions, 1);
}

/* ---- cancelling ---- */

static void cancels_its_items_and_no_others_and_stays_open(void **state)
{
    struct scene *t = *state;
    const struct scene_request planned = { .url = ORIGIN,
                                           .planned_ns = ring_now_ns(t->ring) + SCENE_S };
    const struct wire_batch_done *done;

    client_begins(t, 1);
    client_begins_batch(t, 2, 1, 0);
    submits_many(t, 1, 3, 1);
    client_submits_as(t, 4, &planned);
    submits_many(t, 5, 1, 2);
    client_cancels_batch(t, 1);
    client_receives_fault(t, 1, FAULT_CANCELLED_CLIENT, PHASE_WAIT);
    for (unsigned i = 2; i <= 4; i++)
        client_receives_fault(t, i, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    client_receives_nothing(t, 5);
    origin_answers(t, HELLO);
    submits_many(t, 6, 1, 1); /* a new item of the same batch */
    client_receives(t, 6, 200, "hello");
    client_ends_batch(t, 1);
    done = client_receives_batch_done(t, 1);
    assert_int_equal(done->items, 5);
    assert_int_equal(done->ok, 1);
    assert_int_equal(done->cancelled, 4);
    assert_int_equal(done->failed, 4);
}

static void cancels_only_what_has_not_begun(void **state)
{
    struct scene *t = *state;
    const struct scene_request planned = { .url = ORIGIN,
                                           .planned_ns = ring_now_ns(t->ring) + SCENE_S };

    client_begins(t, 1);
    client_begins_batch(t, 2, 1, 0);
    submits_many(t, 1, 2, 2);
    client_submits_as(t, 3, &planned);
    submits_many(t, 4, 1, 2);
    client_cancels_what_waits(t, 2, WIRE_CANCEL_BATCH);
    client_receives_fault(t, 2, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    client_receives_fault(t, 4, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    client_receives_nothing(t, 1);
    client_receives_nothing(t, 3); /* of another batch */
    client_cancels_what_waits(t, 1, 0);
    client_cancels_what_waits(t, 3, 0);
    client_receives_fault(t, 3, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, "hello");
}

static void a_cancelled_item_makes_room_for_the_next(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    submits_many(t, 1, 2, 1);
    assert_int_equal(t->requests_count, 1);
    client_cancels(t, 1);
    assert_int_equal(t->requests_count, 2);
    origin_replies(t, 2, HELLO);
    client_receives(t, 2, 200, "hello");
}

static void cancelling_what_is_not_there_is_fine(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins(t, 1);
    client_cancels(t, 77);
    client_cancels_batch(t, 77);
    submits_many(t, 1, 1, 1);
    client_cancels(t, 1); /* it has its RESULT */
    client_receives(t, 1, 200, "hello");
    assert_true(client_is_connected(t));
}

static void a_client_that_does_not_read_stops_its_own_batch_only(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_begins(t, 4);
    client_stops_reading(t);
    for (unsigned i = 0; i < 200; i++)
        submits_many(t, i, 1, 1);
    client_begins(t, 4);
    submits_many(t, 1, 10, 1);
    for (unsigned i = 1; i <= 10; i++)
        client_receives(t, i, 200, "hello");
    client_is(t, 1);
    client_reads_again(t);
    for (unsigned i = 0; i < 200; i++)
        client_receives(t, i, 200, "hello");
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(keeps_to_its_concurrency),
        SCENE(starts_in_the_order_of_submission),
        SCENE(keeps_to_what_it_may_have_at_one_origin),
        SCENE(takes_16_per_origin_when_it_asks_for_nothing),
        cmocka_unit_test(two_batches_at_one_origin_take_turns),
        SCENE(holds_planned_items_until_their_time),
        SCENE(a_planned_item_that_had_to_wait_was_late),
        SCENE(a_time_that_has_passed_is_now),
        SCENE(tells_what_the_ring_counted_while_it_lasted),
        SCENE(cancels_its_items_and_no_others_and_stays_open),
        SCENE(cancels_only_what_has_not_begun),
        SCENE(a_cancelled_item_makes_room_for_the_next),
        SCENE(cancelling_what_is_not_there_is_fine),
        SCENE(a_client_that_does_not_read_stops_its_own_batch_only),
    };
#undef SCENE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
