/*
 * test_schedule.c - when requests are due: exactly, on a ramp, and at random around a mean.
 */
#include "schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static void a_fixed_schedule_does_not_drift(void **state)
{
    static const double rates[] = { 1, 3, 1000, 20000, 333333.3 };

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        const struct schedule_options options = { .rate_per_s = rates[i] };
        struct schedule schedule;

        schedule_init(&schedule, &options);
        for (uint64_t n = 0; n < 1000000; n++) {
            double expected = (double)n / rates[i] * 1e9;

            if (fabs((double)schedule_next(&schedule) - expected) > 1 + expected * 1e-12)
                fail_msg("request %llu at %f/s", (unsigned long long)n, rates[i]);
        }
    }
}

/* Requests due before a moment. */
static uint64_t due_before(const struct schedule_options *options, uint64_t moment_ns)
{
    struct schedule schedule;
    uint64_t count = 0, last_ns = 0, next_ns;

    schedule_init(&schedule, options);
    while ((next_ns = schedule_next(&schedule)) < moment_ns) {
        assert_true(next_ns >= last_ns);
        last_ns = next_ns;
        count++;
    }
    return count;
}

static void a_ramp_rises_evenly_to_the_rate(void **state)
{
    const struct schedule_options options = { .rate_per_s = 1000, .ramp_ns = 4 * S };

    (void)state;
    assert_int_equal(due_before(&options, 1 * S), 125); /* R t^2 / 2T */
    assert_int_equal(due_before(&options, 2 * S), 500);
    assert_int_equal(due_before(&options, 4 * S), 2000);
    assert_int_equal(due_before(&options, 5 * S), 3000);
    assert_int_equal(due_before(&options, 9 * S), 7000);
}

/* 100 000 exponential gaps: their mean is within 2 %, and their deviation equals their mean. */
static void poisson_arrivals_have_the_rate_and_no_memory(void **state)
{
    const struct schedule_options options = { .rate_per_s = 1000, .is_poisson = true, .seed = 7 };
    const unsigned count = 100000;
    double sum = 0, squares = 0;
    struct schedule schedule;
    uint64_t last_ns;

    (void)state;
    schedule_init(&schedule, &options);
    last_ns = schedule_next(&schedule);
    for (unsigned i = 0; i < count; i++) {
        uint64_t next_ns = schedule_next(&schedule);
        double gap = (double)(next_ns - last_ns) / 1e6;

        assert_true(next_ns >= last_ns);
        sum += gap;
        squares += gap * gap;
        last_ns = next_ns;
    }
    assert_true(fabs(sum / count - 1) < 0.02);
    assert_true(fabs(sqrt(squares / count - sum / count * sum / count) - 1) < 0.02);
}

static void a_seed_repeats_a_run(void **state)
{
    struct schedule_options options = { .rate_per_s = 10, .is_poisson = true, .seed = 1 };
    struct schedule one, same, other;
    bool differs = false;

    (void)state;
    schedule_init(&one, &options);
    schedule_init(&same, &options);
    options.seed = 2;
    schedule_init(&other, &options);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t next_ns = schedule_next(&one);

        assert_int_equal(schedule_next(&same), next_ns);
        differs |= schedule_next(&other) != next_ns;
    }
    assert_true(differs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fixed_schedule_does_not_drift),
        cmocka_unit_test(a_ramp_rises_evenly_to_the_rate),
        cmocka_unit_test(poisson_arrivals_have_the_rate_and_no_memory),
        cmocka_unit_test(a_seed_repeats_a_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
