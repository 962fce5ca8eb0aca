/*
 * What an origin may bear: both bounds, turns between batches, and nothing left behind.
 */
#include "governor.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define TICKETS 64
#define NOW UINT64_C(1000000000) /* time plays no part here; see test_governor_rates.c */

struct scene {
    struct governor governor;
    struct governor_ticket tickets[TICKETS];
};

static int begin_with(void **state, unsigned origin_active_max)
{
    static struct scene scene;

    scene = (struct scene){ 0 };
    assert_int_equal(
        governor_init(&scene.governor,
                      &(struct governor_options){ .origin_active_max = origin_active_max,
                                                  .idle_origins_max = 8,
                                                  .hash_seed = 1 }),
        0);
    *state = &scene;
    return 0;
}

static int begin(void **state)
{
    return begin_with(state, 0);
}

static int begin_with_2(void **state)
{
    return begin_with(state, 2);
}

static int end(void **state)
{
    struct scene *t = *state;

    for (unsigned i = 0; i < TICKETS; i++)
        if (t->tickets[i].lane)
            (void)governor_leave(&t->governor, &t->tickets[i], NULL, NOW);
    assert_int_equal(t->governor.origins_count, 0);
    governor_deinit(&t->governor);
    return 0;
}

static bool may_go_to(struct scene *t, unsigned i, uint64_t batch, unsigned max, const char *host,
                      uint16_t port)
{
    const struct governor_demand demand = {
        .host = span_of_string(host), .port = port, .batch_key = batch, .batch_active_max = max
    };
    enum governor_verdict verdict = governor_enter(&t->governor, &t->tickets[i], &demand, NOW);

    governor_check(&t->governor);
    assert_true(governor_next_ns(&t->governor) == UINT64_MAX);
    assert_int_not_equal(verdict, GOVERNOR_NO_MEMORY);
    return verdict == GOVERNOR_GO;
}

static bool may_go(struct scene *t, unsigned i, uint64_t batch, unsigned max)
{
    return may_go_to(t, i, batch, max, "origin.test", 80);
}

/* The number of the ticket that goes instead, or -1. */
static int leaves(struct scene *t, unsigned i)
{
    struct governor_ticket *next = governor_leave(&t->governor, &t->tickets[i], NULL, NOW);

    governor_check(&t->governor);
    assert_null(t->tickets[i].lane);
    return next ? (int)(next - t->tickets) : -1;
}

static void lets_a_batch_go_up_to_its_bound(void **state)
{
    struct scene *t = *state;

    assert_true(may_go(t, 0, 1, 2));
    assert_true(may_go(t, 1, 1, 2));
    assert_false(may_go(t, 2, 1, 2));
    assert_false(may_go(t, 3, 1, 2));
    assert_int_equal(t->tickets[2].held_by, WIRE_CAP_PER_ORIGIN);
    assert_int_equal(leaves(t, 1), 2); /* first in, first out */
    assert_int_equal(leaves(t, 0), 3);
    assert_int_equal(leaves(t, 2), -1);
}

static void origins_do_not_hold_each_other(void **state)
{
    struct scene *t = *state;

    assert_true(may_go_to(t, 0, 1, 1, "a.test", 80));
    assert_true(may_go_to(t, 1, 1, 1, "a.test", 81));
    assert_true(may_go_to(t, 2, 1, 1, "b.test", 80));
    assert_false(may_go_to(t, 3, 1, 1, "a.test", 80));
    assert_int_equal(leaves(t, 2), -1);
    assert_int_equal(leaves(t, 0), 3);
}

static void batches_do_not_hold_each_other(void **state)
{
    struct scene *t = *state;

    assert_true(may_go(t, 0, 1, 1));
    assert_false(may_go(t, 1, 1, 1));
    assert_true(may_go(t, 2, 2, 1));
    assert_int_equal(leaves(t, 2), -1); /* its place is not the other's */
}

static void all_together_keep_to_the_origins_ceiling(void **state)
{
    struct scene *t = *state;

    assert_true(may_go(t, 0, 1, 4));
    assert_true(may_go(t, 1, 2, 4));
    assert_false(may_go(t, 2, 3, 4));
    assert_int_equal(t->tickets[2].held_by, WIRE_CAP_PER_ORIGIN_TOTAL);
    assert_int_equal(leaves(t, 0), 2);
}

static void waiting_batches_take_turns(void **state)
{
    struct scene *t = *state;
    int order[6], expected[] = { 2, 12, 3, 13, 4, 14 };

    assert_true(may_go(t, 0, 1, 9));
    assert_true(may_go(t, 1, 1, 9));
    for (unsigned i = 2; i < 5; i++)
        assert_false(may_go(t, i, 1, 9));
    for (unsigned i = 12; i < 15; i++)
        assert_false(may_go(t, i, 2, 9));
    order[0] = leaves(t, 0);
    for (unsigned i = 1; i < 6; i++)
        order[i] = leaves(t, (unsigned)order[i - 1]);
    assert_memory_equal(order, expected, sizeof(order));
}

/* Client 1 has three batches with three tickets each, client 2 one: a start for a start. */
static void clients_take_turns_however_many_batches_they_have(void **state)
{
    struct scene *t = *state;
    int order[8], expected[] = { 10, 40, 20, 41, 30, 42, 11, 21 };
    struct governor_demand demand = {
        .host = SPAN_LITERAL("origin.test"), .port = 80, .client_key = 1, .batch_active_max = 9
    };

    assert_true(may_go(t, 0, 9, 9));
    assert_true(may_go(t, 1, 9, 9));
    for (unsigned i = 10; i < 43; i++) {
        demand.client_key = i < 40 ? 1 : 2;
        demand.batch_key = i / 10;
        if (i % 10 < 3)
            assert_int_equal(governor_enter(&t->governor, &t->tickets[i], &demand, NOW),
                             GOVERNOR_WAIT);
    }
    order[0] = leaves(t, 0);
    for (unsigned i = 1; i < 8; i++)
        order[i] = leaves(t, (unsigned)order[i - 1]);
    assert_memory_equal(order, expected, sizeof(order));
}

static void a_lane_at_its_own_bound_lets_others_pass(void **state)
{
    struct scene *t = *state;

    assert_true(may_go(t, 0, 1, 1));
    assert_true(may_go(t, 1, 2, 1));
    assert_false(may_go(t, 2, 1, 1));
    assert_false(may_go(t, 3, 2, 1));
    assert_int_equal(leaves(t, 1), 3); /* the first lane has no room of its own */
    assert_int_equal(leaves(t, 0), 2);
}

static void one_that_gives_up_waiting_is_not_called(void **state)
{
    struct scene *t = *state;

    assert_true(may_go(t, 0, 1, 1));
    assert_false(may_go(t, 1, 1, 1));
    assert_false(may_go(t, 2, 1, 1));
    assert_int_equal(leaves(t, 1), -1); /* frees no place */
    assert_int_equal(leaves(t, 0), 2);
}

static void a_newcomer_does_not_overtake_its_lane(void **state)
{
    struct scene *t = *state;

    assert_true(may_go(t, 0, 1, 2));
    assert_true(may_go(t, 1, 1, 2));
    assert_false(may_go(t, 2, 1, 2));
    (void)leaves(t, 0); /* the third goes */
    assert_false(may_go(t, 3, 1, 2));
    assert_int_equal(leaves(t, 1), 3);
}

static void forgets_an_origin_that_nobody_uses(void **state)
{
    struct scene *t = *state;

    for (unsigned i = 0; i < TICKETS; i++) {
        char host[] = { (char)('a' + i % 26), (char)('a' + i / 26), '\0' };

        assert_true(may_go_to(t, i, 1, 1, host, 80));
    }
    assert_int_equal(t->governor.origins_count, TICKETS);
    for (unsigned i = 0; i < TICKETS; i++)
        assert_int_equal(leaves(t, i), -1);
    assert_int_equal(t->governor.origins_count, 0);
}

/* How many start by themselves now. */
static unsigned woken(struct scene *t)
{
    unsigned count = 0;

    while (governor_next_ns(&t->governor) <= NOW && governor_wake(&t->governor, NOW))
        count++;
    return count;
}

static void a_higher_ceiling_lets_as_many_go_as_it_has_room_for(void **state)
{
    struct scene *t = *state;
    const struct governor_options higher = { .origin_active_max = 5 };

    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(may_go(t, i, i, 16), i < 2);
    assert_int_equal(woken(t), 0);
    governor_change(&t->governor, &higher, NOW);
    assert_int_equal(woken(t), 3);
    governor_check(&t->governor);
    assert_int_not_equal(leaves(t, 0), -1); /* and one for one after that */
    assert_int_equal(woken(t), 0);
}

static void a_lower_ceiling_lets_none_go_until_there_is_room_again(void **state)
{
    struct scene *t = *state;
    const struct governor_options lower = { .origin_active_max = 1 };

    assert_true(may_go(t, 0, 1, 16) && may_go(t, 1, 1, 16));
    assert_false(may_go(t, 2, 1, 16));
    governor_change(&t->governor, &lower, NOW);
    governor_check(&t->governor);
    assert_int_equal(woken(t), 0);
    assert_int_equal(leaves(t, 0), -1);
    assert_int_equal(leaves(t, 1), 2);
}

static void a_rule_holds_for_its_origin_alone(void **state)
{
    struct scene *t = *state;
    const struct governor_rule rule = { .host = SPAN_LITERAL("b"), .port = 80, .active_max = 3 };
    const struct governor_options ruled = { .origin_active_max = 2,
                                            .rules = &rule,
                                            .rules_count = 1 };

    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(may_go_to(t, i, 1, 16, "b", 80), i < 2);
    governor_change(&t->governor, &ruled, NOW); /* also for an origin that is known already */
    assert_int_equal(woken(t), 1);
    for (unsigned i = 4; i < 7; i++)
        assert_int_equal(may_go_to(t, i, 1, 16, "b", 81), i < 6); /* another origin */
}

int main(void)
{
#define GOVERNOR(test, begin) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        GOVERNOR(lets_a_batch_go_up_to_its_bound, begin),
        GOVERNOR(origins_do_not_hold_each_other, begin),
        GOVERNOR(batches_do_not_hold_each_other, begin),
        GOVERNOR(all_together_keep_to_the_origins_ceiling, begin_with_2),
        GOVERNOR(waiting_batches_take_turns, begin_with_2),
        GOVERNOR(clients_take_turns_however_many_batches_they_have, begin_with_2),
        GOVERNOR(a_lane_at_its_own_bound_lets_others_pass, begin_with_2),
        GOVERNOR(one_that_gives_up_waiting_is_not_called, begin),
        GOVERNOR(a_newcomer_does_not_overtake_its_lane, begin),
        GOVERNOR(forgets_an_origin_that_nobody_uses, begin),
        GOVERNOR(a_higher_ceiling_lets_as_many_go_as_it_has_room_for, begin_with_2),
        GOVERNOR(a_lower_ceiling_lets_none_go_until_there_is_room_again, begin_with_2),
        GOVERNOR(a_rule_holds_for_its_origin_alone, begin_with_2),
    };
#undef GOVERNOR

    return cmocka_run_group_tests(tests, NULL, NULL);
}
