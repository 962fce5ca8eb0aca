/*
 * test_resample.c - the intervals of a run's figures: wide enough, and not for nothing.
 *
 * Runs are made of known times: what an interval has to be can be said beforehand.
 */
#include "compare.h"
#include "hdr_code.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define SECOND_NS 1000000000ull

/* ---- runs ---- */

struct run {
    struct tally tally;
    struct report report;
    struct resample figures;
};

static void run_begins(struct run *run)
{
    static const struct tally_options with_series = { .has_series = true };

    *run = (struct run){ 0 };
    tally_init(&run->tally, 0, &with_series);
    run->report = (struct report){ .load = REPORT_LOAD_CLOSED, .tally = &run->tally };
}

/* The second lasts while times are given; good says how many of them are no errors. */
static void run_has_second(struct run *run, const uint64_t *times_ns, size_t count, size_t good)
{
    struct tally *tally = &run->tally;
    struct tally_second second = { .requests = count, .good = good, .failed = count - good };
    struct histogram h;
    struct text hdr;

    histogram_init(&h);
    text_init(&hdr);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(histogram_record(&h, times_ns[i]), 0);
        assert_int_equal(histogram_record(&tally->response, times_ns[i]), 0);
    }
    assert_int_equal(hdr_encode(&h, &hdr), 0);
    text_put_char(&hdr, '\0');
    second.response_hdr = hdr.data;
    histogram_deinit(&h);

    tally->seconds = realloc(tally->seconds, (tally->seconds_count + 1) * sizeof(*tally->seconds));
    tally->seconds[tally->seconds_count++] = second;
    tally->end_ns += SECOND_NS;
    tally->requests += count;
    tally->good += good;
}

/* All alike. */
static void run_has_even_second(struct run *run, uint64_t time_ns, size_t count)
{
    uint64_t *times = calloc(count, sizeof(*times));

    for (size_t i = 0; i < count; i++)
        times[i] = time_ns;
    run_has_second(run, times, count, count);
    free(times);
}

/* One to count microseconds, the same in every second: nothing varies but by chance. */
static void run_has_steady_seconds(struct run *run, unsigned seconds, size_t count)
{
    uint64_t *times = calloc(count, sizeof(*times));

    for (size_t i = 0; i < count; i++)
        times[i] = (i + 1) * 1000;
    for (unsigned i = 0; i < seconds; i++)
        run_has_second(run, times, count, count);
    free(times);
}

static struct estimate estimate_of(struct run *run, const char *name)
{
    struct figures figures;
    struct figure figure;

    assert_true(figure_parse(span_of_string(name), &figure));
    figures_init(&figures);
    figures_add(&figures, &figure);
    assert_int_equal(resample_run(&run->report, &figures, &run->figures), 0);
    return run->figures.estimates[figures_find(&figures, &figure)];
}

static void run_ends(struct run *run)
{
    tally_deinit(&run->tally);
}

static void expect_near(double value, double expected, double share)
{
    if (!(fabs(value - expected) <= share * fabs(expected)))
        fail_msg("%g is not within %g %% of %g", value, share * 100, expected);
}

/* ---- how much the seconds differ ---- */

static void five_seconds_cannot_tell_six_can(void **state)
{
    struct run run;

    (void)state;
    run_begins(&run);
    for (unsigned i = 0; i < 6; i++) {
        struct estimate mean;

        run_has_even_second(&run, (1000 + i) * 1000, 500);
        mean = estimate_of(&run, "mean");
        assert_int_equal(run.figures.seconds, i + 1);
        assert_int_equal(run.figures.can_tell, i == 5);
        assert_int_equal(mean.low < mean.value && mean.value < mean.high, i == 5);
        assert_false(mean.is_open);
    }
    run_ends(&run);
}

static void the_last_second_counts_only_when_it_is_whole(void **state)
{
    struct run run;

    (void)state;
    run_begins(&run);
    run_has_steady_seconds(&run, 6, 10);
    run.tally.end_ns -= SECOND_NS / 5;
    (void)estimate_of(&run, "mean");
    assert_false(run.figures.can_tell);
    run.tally.end_ns += SECOND_NS / 8;
    (void)estimate_of(&run, "mean");
    assert_true(run.figures.can_tell);
    run_ends(&run);
}

/* Seconds whose means are like a normal distribution's: Student's interval, with the variance of
 * blocks of a second doubled. That of a plain bootstrap is half as wide. */
static void few_seconds_have_the_interval_of_students_t(void **state)
{
    static const uint64_t means_us[] = { 987, 1013, 1004, 996, 1020, 980 };
    double variance = 0, reach;
    struct estimate mean;
    struct run run;

    (void)state;
    run_begins(&run);
    for (size_t i = 0; i < ROWS(means_us); i++) {
        run_has_even_second(&run, means_us[i] * 1000, 1000);
        variance += pow(((double)means_us[i] - 1000) * 1000, 2) / (ROWS(means_us) - 1);
    }
    reach = 2.571 * sqrt(2 * variance / ROWS(means_us));
    mean = estimate_of(&run, "mean");
    expect_near(mean.high - mean.value, reach, 0.1);
    expect_near(mean.value - mean.low, reach, 0.1);
    run_ends(&run);
}

/* The same seconds: slow and quick ones in turns, or first the ones, then the others. */
static void seconds_that_are_like_their_neighbours_tell_less(void **state)
{
    struct estimate in_turns, in_stretches;
    struct run turns, stretches;

    (void)state;
    run_begins(&turns);
    run_begins(&stretches);
    for (unsigned i = 0; i < 80; i++) {
        run_has_even_second(&turns, i % 2 ? 1100000 : 1000000, 100);
        run_has_even_second(&stretches, i / 4 % 2 ? 1100000 : 1000000, 100);
    }
    in_turns = estimate_of(&turns, "mean");
    in_stretches = estimate_of(&stretches, "mean");
    expect_near(in_turns.value, in_stretches.value, 1e-9);
    assert_true(in_stretches.high - in_stretches.low > 3 * (in_turns.high - in_turns.low));
    run_ends(&turns);
    run_ends(&stretches);
}

static void the_same_run_has_the_same_intervals(void **state)
{
    struct estimate first, again;
    struct run run;

    (void)state;
    run_begins(&run);
    for (unsigned i = 0; i < 9; i++)
        run_has_even_second(&run, 1000000 + i % 4 * 70000, 50);
    first = estimate_of(&run, "p90");
    again = estimate_of(&run, "p90");
    assert_true(first.low == again.low && first.high == again.high);
    assert_true(first.low < first.high);
    run_ends(&run);
}

/* ---- no narrower than chance ---- */

static void steady_seconds_leave_what_chance_can_do(void **state)
{
    struct estimate mean, p50, p90, rate;
    struct run run;

    (void)state;
    run_begins(&run);
    run_has_steady_seconds(&run, 10, 1000); /* 10 000 requests, evenly up to 1 ms */
    mean = estimate_of(&run, "mean");
    expect_near(mean.high - mean.value, 1.96 * 1e6 / sqrt(12) / 100, 0.01);
    expect_near(mean.value - mean.low, 1.96 * 1e6 / sqrt(12) / 100, 0.01);
    p50 = estimate_of(&run, "p50"); /* ranks 5000 and 98 to either side: 9.8 us */
    expect_near(p50.high - p50.low, 19.6e3, 0.1);
    p90 = estimate_of(&run, "p90"); /* 58.8 ranks */
    expect_near(p90.high - p90.low, 11.8e3, 0.1);
    rate = estimate_of(&run, "rate");
    expect_near(rate.low, 1000, 1e-9);
    expect_near(rate.high, 1000, 1e-9);
    run_ends(&run);
}

static void no_error_of_few_requests_is_not_none(void **state)
{
    static const uint64_t times[100] = { 0 };
    struct estimate errors;
    struct run run;

    (void)state;
    run_begins(&run);
    run_has_steady_seconds(&run, 10, 100);
    errors = estimate_of(&run, "errors");
    assert_true(errors.value == 0 && errors.low == 0);
    expect_near(errors.high, 3.84 / 1003.84, 0.01);
    run_ends(&run);

    run_begins(&run);
    for (unsigned i = 0; i < 10; i++)
        run_has_second(&run, times, 100, 0);
    errors = estimate_of(&run, "errors");
    assert_true(errors.value == 1 && errors.high == 1);
    expect_near(errors.low, 1 - 3.84 / 1003.84, 0.01);
    run_ends(&run);
}

static void a_quantile_of_too_few_requests_has_no_upper_end(void **state)
{
    static const struct {
        const char *name;
        size_t enough; /* all of them below the quantile: 2.5 % */
    } rows[] = { { "p50", 6 }, { "p90", 36 }, { "p99", 368 }, { "p99.9", 3688 } };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (size_t count = rows[i].enough - 1; count <= rows[i].enough; count++) {
            struct estimate estimate;
            struct run run;

            run_begins(&run);
            for (unsigned second = 0; second < 5; second++)
                run_has_steady_seconds(&run, 1, count / 6);
            run_has_steady_seconds(&run, 1, count - count / 6 * 5);
            estimate = estimate_of(&run, rows[i].name);
            if (estimate.is_open != (count < rows[i].enough))
                fail_msg("%s of %zu requests", rows[i].name, count);
            expect_near(estimate.high, (double)run.tally.response.max_ns, 0.01);
            run_ends(&run);
        }
}

static void what_has_no_upper_end_is_not_shown_to_be_less(void **state)
{
    struct compare compare = { 0 };
    struct run few, slow;

    (void)state;
    run_begins(&few);
    run_begins(&slow);
    run_has_steady_seconds(&few, 10, 10);
    for (unsigned i = 0; i < 10; i++)
        run_has_even_second(&slow, SECOND_NS, 1000);
    compare.a = &few.report;
    compare.b = &slow.report;
    figures_init(&compare.figures);
    assert_int_equal(compare_run(&compare), 0);
    assert_int_equal(compare_shown(&compare, 3), COMPARE_MORE); /* p95 */
    assert_int_equal(compare_shown(&compare, 4), COMPARE_SAME); /* p99 */
    compare.a = &slow.report;
    compare.b = &few.report;
    assert_int_equal(compare_run(&compare), 0);
    assert_int_equal(compare_shown(&compare, 3), COMPARE_LESS);
    assert_int_equal(compare_shown(&compare, 4), COMPARE_SAME);
    run_ends(&few);
    run_ends(&slow);
}

static void a_run_without_requests_has_nothing(void **state)
{
    struct estimate estimate;
    struct run run;

    (void)state;
    run_begins(&run);
    for (unsigned i = 0; i < 8; i++)
        run_has_second(&run, NULL, 0, 0);
    estimate = estimate_of(&run, "p99");
    assert_true(estimate.value == 0 && estimate.low == 0 && estimate.high == 0);
    assert_true(estimate.is_open);
    run_ends(&run);
}

static void seconds_that_cannot_be_read_are_refused(void **state)
{
    struct figures figures;
    struct run run;

    (void)state;
    run_begins(&run);
    run_has_steady_seconds(&run, 8, 10);
    run.tally.seconds[7].response_hdr[3] = '!';
    figures_init(&figures);
    assert_true(resample_run(&run.report, &figures, &run.figures) < 0);
    run_ends(&run);
}

/* ---- equal runs, and those that are not ---- */

/* splitmix64 */
static double uniform(uint64_t *luck)
{
    uint64_t z = *luck += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return ((double)((z ^ z >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *luck)
{
    return sqrt(-2 * log(uniform(luck))) * cos(2 * M_PI * uniform(luck));
}

/* Of ten seconds, each of which is half like the one before; a closed loop, so slow seconds have
 * fewer requests. */
static void run_has_noise(struct run *run, double slow, double noise, uint64_t *luck)
{
    double second = noise * normal(luck);
    uint64_t times[600];

    for (unsigned i = 0; i < 10; i++) {
        double middle = slow * exp(second);
        size_t count = (size_t)(400 / middle), good = count;

        for (size_t j = 0; j < count; j++) {
            times[j] = (uint64_t)(1e6 * middle * exp(0.3 * normal(luck)));
            good -= uniform(luck) < 0.002;
        }
        run_has_second(run, times, count, good);
        second = 0.5 * second + sqrt(0.75) * noise * normal(luck);
    }
}

/* In how many of fifty pairs a difference is shown, of any figure or of that alone. */
static unsigned pairs_shown(double slow, double noise, const char *name)
{
    uint64_t luck = 1;
    unsigned pairs = 0;

    for (unsigned i = 0; i < 50; i++) {
        struct compare compare = { 0 };
        bool is_shown = false;
        struct run a, b;

        run_begins(&a);
        run_begins(&b);
        run_has_noise(&a, 1, noise, &luck);
        run_has_noise(&b, slow, noise, &luck);
        compare.a = &a.report;
        compare.b = &b.report;
        figures_init(&compare.figures);
        assert_int_equal(compare_run(&compare), 0);
        for (size_t figure = 0; figure < compare.figures.count; figure++)
            if (!name || strcmp(name, compare.figures.rows[figure].name) == 0)
                is_shown |= compare_shown(&compare, figure) != COMPARE_SAME;
        pairs += is_shown;
        run_ends(&a);
        run_ends(&b);
    }
    return pairs;
}

static void equal_runs_seldom_differ_in_any_figure(void **state)
{
    (void)state;
    assert_in_range(pairs_shown(1, 0.04, NULL), 0, 4);
}

static void a_tenth_more_is_shown_nearly_always(void **state)
{
    (void)state;
    assert_in_range(pairs_shown(1.1, 0.025, "p50"), 47, 50);
}

/* ---- the figures ---- */

static void any_percentile_is_a_figure(void **state)
{
    static const struct {
        const char *name;
        double quantile;
    } rows[] = { { "p75", 0.75 }, { "p99.9", 0.999 }, { "p99.99", 0.9999 }, { "p0.5", 0.005 } };
    static const char *const refused[] = { "",       "p",
                                           "p0",     "p100",
                                           "p101",   "p-1",
                                           "p9/m",   "p9k",
                                           "p9.",    "p99%",
                                           "q99",    "max",
                                           "p 9",    "p1e1",
                                           "pp9",    "means",
                                           "MEAN",   "p0.00",
                                           "pnan",   "error",
                                           "p5.5.5", "p99.99999999999999" };
    struct figure figure;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_true(figure_parse(span_of_string(rows[i].name), &figure));
        assert_int_equal(figure.kind, FIGURE_QUANTILE);
        assert_true(figure.quantile == rows[i].quantile);
        assert_string_equal(figure.name, rows[i].name);
    }
    for (size_t i = 0; i < ROWS(refused); i++)
        if (figure_parse(span_of_string(refused[i]), &figure))
            fail_msg("'%s' is no figure", refused[i]);
}

static void figures_are_in_order_and_each_once(void **state)
{
    static const char *const added[] = { "p99.99", "p75", "rate", "p99.90", "p75" };
    static const char *const all[] = { "mean", "p50",   "p75",    "p90",  "p95",
                                       "p99",  "p99.9", "p99.99", "rate", "errors" };
    struct figures figures;
    struct figure figure;

    (void)state;
    figures_init(&figures);
    for (size_t i = 0; i < ROWS(added); i++) {
        assert_true(figure_parse(span_of_string(added[i]), &figure));
        figures_add(&figures, &figure);
    }
    assert_int_equal(figures.count, ROWS(all));
    for (size_t i = 0; i < ROWS(all); i++) {
        assert_string_equal(figures.rows[i].name, all[i]);
        assert_int_equal(figures_find(&figures, &figures.rows[i]), i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_seconds_cannot_tell_six_can),
        cmocka_unit_test(the_last_second_counts_only_when_it_is_whole),
        cmocka_unit_test(few_seconds_have_the_interval_of_students_t),
        cmocka_unit_test(seconds_that_are_like_their_neighbours_tell_less),
        cmocka_unit_test(the_same_run_has_the_same_intervals),
        cmocka_unit_test(steady_seconds_leave_what_chance_can_do),
        cmocka_unit_test(no_error_of_few_requests_is_not_none),
        cmocka_unit_test(a_quantile_of_too_few_requests_has_no_upper_end),
        cmocka_unit_test(what_has_no_upper_end_is_not_shown_to_be_less),
        cmocka_unit_test(a_run_without_requests_has_nothing),
        cmocka_unit_test(seconds_that_cannot_be_read_are_refused),
        cmocka_unit_test(equal_runs_seldom_differ_in_any_figure),
        cmocka_unit_test(a_tenth_more_is_shown_nearly_always),
        cmocka_unit_test(any_percentile_is_a_figure),
        cmocka_unit_test(figures_are_in_order_and_each_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
