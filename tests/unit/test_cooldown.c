/*
 * When an origin asks for a pause, how long it gets one, and how it is come back to.
 */
#include "cooldown.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)
#define START (1000 * S)

struct scene {
    struct cooldown c;
    uint64_t now_ns;
};

static uint32_t starts(struct scene *t)
{
    uint32_t epoch;

    assert_true(cooldown_is_over(&t->c, t->now_ns));
    assert_true(cooldown_has_room(&t->c));
    cooldown_enter(&t->c, &epoch);
    cooldown_check(&t->c);
    return epoch;
}

static void ends(struct scene *t, uint32_t epoch, enum cooldown_answer answer, uint64_t after_ns)
{
    cooldown_leave(&t->c, epoch, answer, after_ns, t->now_ns);
    cooldown_check(&t->c);
}

static void is_asked_for_a_pause(struct scene *t, uint64_t after_ns)
{
    ends(t, starts(t), COOLDOWN_ANSWER_PAUSE, after_ns);
}

static void cools_for(struct scene *t, uint64_t ns)
{
    assert_int_equal(t->c.until_ns, t->now_ns + ns);
    assert_false(cooldown_is_over(&t->c, t->now_ns + ns - 1));
    assert_true(cooldown_is_over(&t->c, t->now_ns + ns));
    t->now_ns += ns;
}

static void is_free_from_the_start(void **state)
{
    struct scene t = { .now_ns = START };

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(starts(&t), 0);
    for (unsigned i = 0; i < 1000; i++)
        ends(&t, 0, i % 2 ? COOLDOWN_ANSWER_GOOD : COOLDOWN_ANSWER_NONE, 0);
    assert_true(cooldown_has_room(&t.c));
    assert_int_equal(cooldown_forgotten_ns(&t.c, t.now_ns), 0);
}

static void keeps_to_what_retry_after_says_up_to_five_minutes(void **state)
{
    struct scene t = { .now_ns = START };

    (void)state;
    is_asked_for_a_pause(&t, 7 * S);
    cools_for(&t, 7 * S);
    is_asked_for_a_pause(&t, 300 * S);
    cools_for(&t, 300 * S);
    is_asked_for_a_pause(&t, 301 * S);
    cools_for(&t, 300 * S);
    is_asked_for_a_pause(&t, UINT64_MAX);
    cools_for(&t, 300 * S);
}

static void doubles_what_is_not_said_up_to_a_minute(void **state)
{
    static const unsigned seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
    struct scene t = { .now_ns = START };

    (void)state;
    for (unsigned i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        is_asked_for_a_pause(&t, 0);
        cools_for(&t, seconds[i] * S);
    }
    for (unsigned i = 0; i < 70000; i++) { /* the count does not come round */
        is_asked_for_a_pause(&t, 0);
        cools_for(&t, 60 * S);
    }
    ends(&t, starts(&t), COOLDOWN_ANSWER_NONE, 0); /* a 503, a reset: no success */
    is_asked_for_a_pause(&t, 0);
    cools_for(&t, 60 * S);
    ends(&t, starts(&t), COOLDOWN_ANSWER_GOOD, 0);
    is_asked_for_a_pause(&t, 0);
    cools_for(&t, 1 * S);
}

static void what_was_under_way_is_one_refusal_and_not_many(void **state)
{
    struct scene t = { .now_ns = START };
    uint32_t epochs[100];

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        epochs[i] = starts(&t);
    for (unsigned i = 0; i < 50; i++)
        ends(&t, epochs[i], COOLDOWN_ANSWER_PAUSE, 0);
    for (unsigned i = 50; i < 100; i++)
        ends(&t, epochs[i], COOLDOWN_ANSWER_GOOD, 0);
    cools_for(&t, 1 * S);
    is_asked_for_a_pause(&t, 0); /* those late 200s have not ended the streak */
    cools_for(&t, 2 * S);
}

static void a_longer_word_counts_a_shorter_one_does_not(void **state)
{
    struct scene t = { .now_ns = START };
    uint32_t a = starts(&t), b = starts(&t), c = starts(&t);

    (void)state;
    ends(&t, a, COOLDOWN_ANSWER_PAUSE, 5 * S);
    ends(&t, b, COOLDOWN_ANSWER_PAUSE, 30 * S);
    ends(&t, c, COOLDOWN_ANSWER_PAUSE, 2 * S);
    cools_for(&t, 30 * S);
}

/* The first is waited for, then their number doubles with each round. */
static void comes_back_one_then_two_then_four(void **state)
{
    struct scene t = { .now_ns = START };
    uint32_t epoch = 0;

    (void)state;
    is_asked_for_a_pause(&t, S);
    cools_for(&t, S);
    for (unsigned round = 1; round < COOLDOWN_RAMP_MAX; round *= 2) {
        for (unsigned i = 0; i < round; i++)
            epoch = starts(&t);
        assert_false(cooldown_has_room(&t.c));
        for (unsigned i = 0; i < round; i++)
            ends(&t, epoch, COOLDOWN_ANSWER_GOOD, 0);
    }
    for (unsigned i = 0; i < 1000; i++) /* no bound any more */
        epoch = starts(&t);
    for (unsigned i = 0; i < 1000; i++)
        ends(&t, epoch, COOLDOWN_ANSWER_GOOD, 0);
    assert_int_equal(cooldown_forgotten_ns(&t.c, t.now_ns), 0);
}

static void one_that_ends_without_an_answer_makes_room_too(void **state)
{
    struct scene t = { .now_ns = START };

    (void)state;
    is_asked_for_a_pause(&t, S);
    cools_for(&t, S);
    ends(&t, starts(&t), COOLDOWN_ANSWER_NONE, 0);
    (void)starts(&t);
    (void)starts(&t);
    assert_false(cooldown_has_room(&t.c));
}

static void a_demand_on_the_way_back_begins_anew(void **state)
{
    struct scene t = { .now_ns = START };
    uint32_t a, b;

    (void)state;
    is_asked_for_a_pause(&t, S);
    cools_for(&t, S);
    ends(&t, starts(&t), COOLDOWN_ANSWER_GOOD, 0);
    a = starts(&t);
    b = starts(&t);
    ends(&t, a, COOLDOWN_ANSWER_PAUSE, 3 * S);
    ends(&t, b, COOLDOWN_ANSWER_GOOD, 0);
    cools_for(&t, 3 * S);
    (void)starts(&t);
    assert_false(cooldown_has_room(&t.c));
}

static void a_long_download_from_before_takes_no_place_on_the_way_back(void **state)
{
    struct scene t = { .now_ns = START };
    uint32_t old = starts(&t);

    (void)state;
    is_asked_for_a_pause(&t, S);
    cools_for(&t, S);
    (void)starts(&t);
    ends(&t, old, COOLDOWN_ANSWER_GOOD, 0);
    assert_false(cooldown_has_room(&t.c));
}

static void is_remembered_for_a_minute_after_its_end(void **state)
{
    struct scene t = { .now_ns = START };

    (void)state;
    is_asked_for_a_pause(&t, 0);
    assert_int_equal(cooldown_forgotten_ns(&t.c, t.now_ns), START + 61 * S);
    assert_int_equal(cooldown_forgotten_ns(&t.c, START + 61 * S - 1), START + 61 * S);
    assert_int_equal(cooldown_forgotten_ns(&t.c, START + 61 * S), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_free_from_the_start),
        cmocka_unit_test(keeps_to_what_retry_after_says_up_to_five_minutes),
        cmocka_unit_test(doubles_what_is_not_said_up_to_a_minute),
        cmocka_unit_test(what_was_under_way_is_one_refusal_and_not_many),
        cmocka_unit_test(a_longer_word_counts_a_shorter_one_does_not),
        cmocka_unit_test(comes_back_one_then_two_then_four),
        cmocka_unit_test(one_that_ends_without_an_answer_makes_room_too),
        cmocka_unit_test(a_demand_on_the_way_back_begins_anew),
        cmocka_unit_test(a_long_download_from_before_takes_no_place_on_the_way_back),
        cmocka_unit_test(is_remembered_for_a_minute_after_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
