/*
 * Entries fire when due, not before, and never twice, however time moves: in small steps, in leaps
 * over levels, beyond the range of the wheel. A plain array is the model to compare with.
 */
#include "timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TICK (UINT64_C(1) << 20)
#define SECOND UINT64_C(1000000000)
#define ENTRIES 300

struct entry {
    struct timer timer;
    struct scene *scene;
    unsigned fired;
    uint64_t fired_at_ns;
    uint64_t again_ns;    /* arm again for this deadline when fired */
    struct entry *victim; /* disarm it when fired */
};

struct scene {
    struct timers timers;
    struct entry entries[ENTRIES];
    unsigned order[ENTRIES];
    unsigned fired_count;
};

static void on_fire(struct timer *timer, uint64_t now_ns)
{
    struct entry *entry = container_of(timer, struct entry, timer);
    struct scene *scene = entry->scene;

    assert_false(timer_is_armed(timer));
    assert_true(timer->deadline_ns <= now_ns);
    entry->fired++;
    entry->fired_at_ns = now_ns;
    if (scene->fired_count < ENTRIES)
        scene->order[scene->fired_count] = (unsigned)(entry - scene->entries);
    scene->fired_count++;
    if (entry->again_ns)
        timers_arm(&scene->timers, timer, entry->again_ns);
    if (entry->victim)
        timers_disarm(&scene->timers, &entry->victim->timer);
    timers_check(&scene->timers);
}

static void begin(struct scene *scene, uint64_t now_ns)
{
    memset(scene, 0, sizeof(*scene));
    timers_init(&scene->timers, now_ns);
    for (unsigned i = 0; i < ENTRIES; i++) {
        timer_init(&scene->entries[i].timer, on_fire);
        scene->entries[i].scene = scene;
    }
}

static void arm(struct scene *scene, unsigned i, uint64_t deadline_ns)
{
    timers_arm(&scene->timers, &scene->entries[i].timer, deadline_ns);
    timers_check(&scene->timers);
}

static void advance(struct scene *scene, uint64_t now_ns)
{
    timers_advance(&scene->timers, now_ns);
    timers_check(&scene->timers);
}

static void fires_at_its_deadline_and_not_a_nanosecond_before(void **state)
{
    static const uint64_t starts[] = { 0, 1, TICK - 1, 7 * SECOND, (UINT64_C(1) << 50) - 3 };
    static const uint64_t waits[] = {
        1,         2,         TICK - 1,    TICK,         TICK + 1,       63 * TICK,
        64 * TICK, 65 * TICK, 10 * SECOND, 300 * SECOND, 86400 * SECOND, 40 * 86400 * SECOND
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        for (unsigned j = 0; j < sizeof(waits) / sizeof(waits[0]); j++) {
            struct scene scene;
            uint64_t deadline_ns = starts[i] + waits[j];

            begin(&scene, starts[i]);
            arm(&scene, 0, deadline_ns);
            assert_true(timers_next_ns(&scene.timers) <= deadline_ns);
            advance(&scene, deadline_ns - 1);
            assert_int_equal(scene.entries[0].fired, 0);
            advance(&scene, deadline_ns);
            assert_int_equal(scene.entries[0].fired, 1);
            assert_true(timers_next_ns(&scene.timers) == UINT64_MAX);
            advance(&scene, deadline_ns + 100 * SECOND);
            assert_int_equal(scene.entries[0].fired, 1);
        }
    }
}

/* What a loop does: wait until the time it is told, advance, ask again. */
static void waiting_for_the_next_time_meets_a_deadline_in_few_steps(void **state)
{
    static const uint64_t waits[] = { 5, TICK / 2, 3 * SECOND, 3600 * SECOND, 50 * 86400 * SECOND };

    (void)state;
    for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        struct scene scene;
        uint64_t now_ns = 123456789;
        uint64_t deadline_ns = now_ns + waits[i];
        unsigned steps = 0;

        begin(&scene, now_ns);
        arm(&scene, 0, deadline_ns);
        while (scene.entries[0].fired == 0) {
            uint64_t next_ns = timers_next_ns(&scene.timers);

            assert_true(next_ns > now_ns); /* or the loop would spin */
            assert_true(next_ns <= deadline_ns);
            now_ns = next_ns;
            advance(&scene, now_ns);
            assert_true(++steps <= TIMER_LEVELS + 6);
        }
        assert_true(scene.entries[0].fired_at_ns == deadline_ns);
    }
}

/* An idle daemon with a watchdog has one: it is to wake for it, and not to move it. */
static void a_few_deadlines_are_told_exactly_however_far(void **state)
{
    static struct scene scene;

    (void)state;
    begin(&scene, 12345 * SECOND);
    arm(&scene, 0, 12400 * SECOND + 7);
    arm(&scene, 1, 12360 * SECOND + 5);
    assert_true(timers_next_ns(&scene.timers) == 12360 * SECOND + 5);
    advance(&scene, 12360 * SECOND + 5);
    assert_int_equal(scene.entries[1].fired, 1);
    assert_true(timers_next_ns(&scene.timers) == 12400 * SECOND + 7);
    advance(&scene, 12400 * SECOND + 6);
    assert_int_equal(scene.entries[0].fired, 0);
    advance(&scene, 12400 * SECOND + 7);
    assert_int_equal(scene.entries[0].fired, 1);
}

static void entry_armed_for_the_past_fires_in_the_next_call(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, 10 * SECOND);
    arm(&scene, 0, 0);
    arm(&scene, 1, 10 * SECOND);
    advance(&scene, 10 * SECOND);
    assert_int_equal(scene.fired_count, 2);
}

static void moves_when_armed_again(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, 0);
    arm(&scene, 0, SECOND);
    arm(&scene, 0, 5 * SECOND);
    assert_int_equal(scene.timers.count, 1);
    advance(&scene, 4 * SECOND);
    assert_int_equal(scene.fired_count, 0);
    arm(&scene, 0, 4 * SECOND + 1);
    advance(&scene, 4 * SECOND + 1);
    assert_int_equal(scene.fired_count, 1);
}

static void disarming_is_final_and_may_be_repeated(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, 0);
    timers_disarm(&scene.timers, &scene.entries[0].timer);
    arm(&scene, 0, SECOND);
    assert_true(timer_is_armed(&scene.entries[0].timer));
    timers_disarm(&scene.timers, &scene.entries[0].timer);
    timers_disarm(&scene.timers, &scene.entries[0].timer);
    assert_false(timer_is_armed(&scene.entries[0].timer));
    assert_true(timers_next_ns(&scene.timers) == UINT64_MAX);
    advance(&scene, 2 * SECOND);
    assert_int_equal(scene.fired_count, 0);
}

static void entry_that_arms_itself_for_now_waits_for_the_next_call(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, 0);
    scene.entries[0].again_ns = 1; /* always due */
    arm(&scene, 0, SECOND);
    advance(&scene, 2 * SECOND);
    assert_int_equal(scene.fired_count, 1);
    advance(&scene, 2 * SECOND);
    assert_int_equal(scene.fired_count, 2);
}

static void callback_may_disarm_one_that_is_about_to_fire(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, 0);
    scene.entries[0].victim = &scene.entries[1];
    scene.entries[2].victim = &scene.entries[2];
    arm(&scene, 0, SECOND);
    arm(&scene, 1, SECOND + 1);
    arm(&scene, 2, SECOND + 2);
    advance(&scene, 2 * SECOND);
    assert_int_equal(scene.entries[1].fired, 0);
    assert_int_equal(scene.entries[2].fired, 1);
    assert_int_equal(scene.timers.count, 0);
}

static void entries_of_one_tick_fire_in_the_order_of_arming(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, 0);
    for (unsigned i = 0; i < 10; i++)
        arm(&scene, i, 40 * TICK + 10 - i);
    advance(&scene, 41 * TICK);
    assert_int_equal(scene.fired_count, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(scene.order[i], i);
}

static void time_that_goes_back_is_ignored(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene, 10 * SECOND);
    arm(&scene, 0, 11 * SECOND);
    advance(&scene, SECOND);
    assert_int_equal(scene.fired_count, 0);
    advance(&scene, 11 * SECOND);
    assert_int_equal(scene.fired_count, 1);
}

static uint64_t any_wait(void)
{
    unsigned bits = (unsigned)rand() % 54;

    return ((uint64_t)rand() << 24 ^ (uint64_t)rand()) & ((UINT64_C(1) << bits) - 1);
}

/* Arms, moves, disarms and leaps at random; after each leap exactly the due ones have fired. */
static void agrees_with_an_array_of_deadlines(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 20; seed++) {
        uint64_t deadlines[ENTRIES] = { 0 }; /* 0: not armed */
        struct scene scene;
        uint64_t now_ns = (uint64_t)seed << 40;

        srand(seed);
        begin(&scene, now_ns);
        for (unsigned step = 0; step < 400; step++) {
            uint64_t next_ns = UINT64_MAX;

            for (unsigned n = 0; n < 5; n++) {
                unsigned i = (unsigned)rand() % ENTRIES;
                uint64_t deadline_ns = now_ns + any_wait() + 1;

                if (rand() % 4 == 0) {
                    timers_disarm(&scene.timers, &scene.entries[i].timer);
                    deadlines[i] = 0;
                } else {
                    timers_arm(&scene.timers, &scene.entries[i].timer, deadline_ns);
                    deadlines[i] = deadline_ns;
                }
            }
            for (unsigned i = 0; i < ENTRIES; i++)
                next_ns = deadlines[i] && deadlines[i] < next_ns ? deadlines[i] : next_ns;
            assert_true(timers_next_ns(&scene.timers) <= next_ns);

            now_ns = rand() % 2 && next_ns != UINT64_MAX ? next_ns : now_ns + any_wait() / 4;
            advance(&scene, now_ns);
            for (unsigned i = 0; i < ENTRIES; i++) {
                bool due = deadlines[i] && deadlines[i] <= now_ns;

                if (due)
                    deadlines[i] = 0;
                assert_int_equal(scene.entries[i].fired, due);
                assert_int_equal(timer_is_armed(&scene.entries[i].timer), deadlines[i] != 0);
                scene.entries[i].fired = 0;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_at_its_deadline_and_not_a_nanosecond_before),
        cmocka_unit_test(waiting_for_the_next_time_meets_a_deadline_in_few_steps),
        cmocka_unit_test(a_few_deadlines_are_told_exactly_however_far),
        cmocka_unit_test(entry_armed_for_the_past_fires_in_the_next_call),
        cmocka_unit_test(moves_when_armed_again),
        cmocka_unit_test(disarming_is_final_and_may_be_repeated),
        cmocka_unit_test(entry_that_arms_itself_for_now_waits_for_the_next_call),
        cmocka_unit_test(callback_may_disarm_one_that_is_about_to_fire),
        cmocka_unit_test(entries_of_one_tick_fire_in_the_order_of_arming),
        cmocka_unit_test(time_that_goes_back_is_ignored),
        cmocka_unit_test(agrees_with_an_array_of_deadlines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
