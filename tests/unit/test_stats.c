/*
 * Figures that only grow: each time lies in one bucket, whose bounds are the documented ones.
 */
#include "stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void bounds_go_from_50us_to_60s_in_steps_of_1_2_5(void **state)
{
    static const unsigned steps[] = { 50, 100, 200 };
    uint64_t unit_ns = 1000;

    (void)state;
    for (unsigned i = 0; i < 18; i++) {
        assert_true(stats_bucket_le_ns(i) == steps[i % 3] * unit_ns);
        if (i % 3 == 2)
            unit_ns *= 10;
    }
    assert_true(stats_bucket_le_ns(18) == UINT64_C(60000000000));
    assert_true(stats_bucket_le_ns(19) == UINT64_MAX);
}

static void a_time_lies_in_the_first_bucket_that_takes_it(void **state)
{
    struct stats_histogram h = { .sum_ns = 0 };

    (void)state;
    stats_histogram_record(&h, 0);
    stats_histogram_record(&h, 50000);
    stats_histogram_record(&h, 50001);
    stats_histogram_record(&h, UINT64_C(60000000000));
    stats_histogram_record(&h, UINT64_C(60000000001));
    assert_int_equal(h.counts[0], 2);
    assert_int_equal(h.counts[1], 1);
    assert_int_equal(h.counts[18], 1);
    assert_int_equal(h.counts[19], 1);
    assert_true(h.sum_ns == UINT64_C(120000100002));
}

static void what_did_not_go_well_is_counted_by_its_fault(void **state)
{
    struct stats stats = { .items_accepted = 9 };

    (void)state;
    stats.items_ended[FAULT_NONE] = 4;
    stats.items_ended[FAULT_DNS_PROXY] = 2; /* the last of them */
    stats.items_ended[FAULT_INPUT_URL] = 3;
    assert_int_equal(stats_items_ok(&stats), 4);
    assert_int_equal(stats_items_failed(&stats), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_go_from_50us_to_60s_in_steps_of_1_2_5),
        cmocka_unit_test(a_time_lies_in_the_first_bucket_that_takes_it),
        cmocka_unit_test(what_did_not_go_well_is_counted_by_its_fault),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
