/*
 * test_histogram.c - buckets that lose at most a thousandth, and numbers that agree with a sorted
 * list of the same values.
 */
#include "histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define VALUES_MAX 5000

/* A histogram and the same values exactly. */
struct scene {
    struct histogram h;
    uint64_t values[VALUES_MAX];
    size_t values_count;
    uint64_t seed;
};

static int scene_set_up(void **state)
{
    struct scene *t = calloc(1, sizeof(*t));

    if (!t)
        return -1;
    histogram_init(&t->h);
    t->seed = 1;
    *state = t;
    return 0;
}

static int scene_tear_down(void **state)
{
    struct scene *t = *state;

    histogram_check(&t->h);
    histogram_deinit(&t->h);
    histogram_deinit(&t->h); /* a second time is harmless */
    free(t);
    return 0;
}

static uint64_t next_random(struct scene *t)
{
    t->seed = t->seed * 6364136223846793005u + 1442695040888963407u;
    return t->seed >> 11;
}

/* As likely in one power of two as in another. */
static uint64_t random_duration(struct scene *t)
{
    uint64_t value = next_random(t) >> (next_random(t) % 43 + 10);

    return value > HISTOGRAM_MAX_NS ? HISTOGRAM_MAX_NS : value;
}

static void record(struct scene *t, uint64_t value)
{
    assert_true(t->values_count < VALUES_MAX);
    t->values[t->values_count++] = value;
    assert_int_equal(histogram_record(&t->h, value), 0);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The one bucket of a histogram that holds this value alone. */
static struct histogram_bucket bucket_of(uint64_t value)
{
    struct histogram h;
    struct histogram_bucket bucket = { 0 };
    size_t position = 0;

    histogram_init(&h);
    assert_int_equal(histogram_record(&h, value), 0);
    assert_true(histogram_next(&h, &position, &bucket));
    assert_int_equal(bucket.count, 1);
    assert_true(bucket.ge_ns <= value && value < bucket.lt_ns);
    assert_false(histogram_next(&h, &position, &bucket));
    histogram_deinit(&h);
    return bucket;
}

static void empty_histogram_says_zero(void **state)
{
    struct scene *t = *state;
    struct histogram_bucket bucket;
    size_t position = 0;

    assert_int_equal(t->h.count, 0);
    assert_int_equal(t->h.min_ns, UINT64_MAX);
    assert_int_equal(histogram_quantile(&t->h, 0), 0);
    assert_int_equal(histogram_quantile(&t->h, 0.5), 0);
    assert_int_equal(histogram_quantile(&t->h, 1), 0);
    assert_true(histogram_mean(&t->h) == 0);
    assert_true(histogram_stdev(&t->h) == 0);
    assert_false(histogram_next(&t->h, &position, &bucket));
    assert_true(sizeof(t->h) < 1024);
}

/* The limits that HdrHistogram has for (1, 3 600 000 000 000, 3). */
static void has_the_buckets_of_hdr_histogram(void **state)
{
    static const struct {
        uint64_t value, ge_ns, lt_ns;
    } rows[] = {
        { 0, 0, 1 },
        { 1, 1, 2 },
        { 1023, 1023, 1024 },
        { 1024, 1024, 1025 },
        { 2047, 2047, 2048 },
        { 2048, 2048, 2050 },
        { 2049, 2048, 2050 },
        { 4095, 4094, 4096 },
        { 4096, 4096, 4100 },
        { 10000, 10000, 10008 },
        { 10007, 10000, 10008 },
        { 1000000, 999936, 1000448 },
        { 1000000000, 999817216, 1000341504 },
        { 60000000000, 59995324416, 60028878848 },
        { 3600000000000, 3599182594048, 3601330077696 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct histogram_bucket bucket = bucket_of(rows[i].value);

        if (bucket.ge_ns != rows[i].ge_ns || bucket.lt_ns != rows[i].lt_ns)
            fail_msg("%llu: %llu..%llu", (unsigned long long)rows[i].value,
                     (unsigned long long)bucket.ge_ns, (unsigned long long)bucket.lt_ns);
    }
}

static void buckets_leave_no_gap_and_do_not_overlap(void **state)
{
    uint64_t value = 0;
    size_t buckets_count = 0;

    (void)state;
    while (value <= HISTOGRAM_MAX_NS) {
        struct histogram_bucket bucket = bucket_of(value);

        assert_int_equal(bucket.ge_ns, value); /* where the last one ended */
        assert_int_equal(
            bucket_of(bucket.lt_ns - 1 < HISTOGRAM_MAX_NS ? bucket.lt_ns - 1 : value).ge_ns, value);
        value = bucket.lt_ns;
        /* the middle of a row is like its ends: visit 64 buckets of each end of a power of two */
        buckets_count++;
        if (buckets_count > 2048 && (value & (value - 1)) != 0 &&
            (value >> (63 - __builtin_clzll(value) - 10) & 1023) == 64) {
            uint64_t width = bucket.lt_ns - bucket.ge_ns;

            value += (1024 - 128) * width;
        }
    }
}

static void loses_at_most_a_thousandth_at_every_magnitude(void **state)
{
    struct scene *t = *state;

    for (unsigned i = 0; i < 20000; i++) {
        uint64_t value = random_duration(t);
        struct histogram_bucket bucket = bucket_of(value);

        assert_true((bucket.lt_ns - 1 - bucket.ge_ns) * 1024 <= value);
    }
}

/* Of a sorted list, nearest rank: the ceil(q * n)-th. The histogram answers with the top of its
 * bucket. */
static void expect_quantiles_of_the_list(struct scene *t)
{
    static const double quantiles[] = { 1e-9, 0.001, 0.01, 0.07,  0.1,    0.25,    0.5,     0.75,
                                        0.9,  0.95,  0.99, 0.999, 0.9999, 0.99999, 0.999999 };

    qsort(t->values, t->values_count, sizeof(t->values[0]), compare);
    for (size_t i = 0; i < ROWS(quantiles); i++) {
        long double exact = (long double)quantiles[i] * (long double)t->values_count;
        size_t rank = (size_t)ceill(exact - 1e-9L);
        uint64_t expected = bucket_of(t->values[rank - 1]).lt_ns - 1;
        uint64_t max = t->values[t->values_count - 1];

        assert_int_equal(histogram_quantile(&t->h, quantiles[i]), expected < max ? expected : max);
    }
    assert_int_equal(histogram_quantile(&t->h, 0), t->values[0]);
    assert_int_equal(histogram_quantile(&t->h, 1), t->values[t->values_count - 1]);
    assert_int_equal(t->h.min_ns, t->values[0]);
    assert_int_equal(t->h.max_ns, t->values[t->values_count - 1]);
}

static void quantiles_agree_with_a_sorted_list(void **state)
{
    static const size_t counts[] = { 1, 2, 3, 4, 7, 10, 99, 100, 101, 999, 1000, VALUES_MAX };
    struct scene *t = *state;

    for (size_t i = 0; i < ROWS(counts); i++) {
        histogram_deinit(&t->h);
        t->values_count = 0;
        while (t->values_count < counts[i])
            record(t, random_duration(t));
        expect_quantiles_of_the_list(t);
        histogram_check(&t->h);
    }
}

static void quantile_never_exceeds_the_greatest_value(void **state)
{
    struct scene *t = *state;

    record(t, 1000000001);
    assert_int_equal(histogram_quantile(&t->h, 0.5), 1000000001);
    assert_int_equal(histogram_quantile(&t->h, 0.999), 1000000001);
    record(t, 2000000001);
    assert_int_equal(histogram_quantile(&t->h, 0.5), 1000341503); /* the bucket's top again */
}

static void quantile_outside_its_range_is_the_nearest_end(void **state)
{
    struct scene *t = *state;

    record(t, 10);
    record(t, 20);
    assert_int_equal(histogram_quantile(&t->h, -1), 10);
    assert_int_equal(histogram_quantile(&t->h, NAN), 10);
    assert_int_equal(histogram_quantile(&t->h, 1.5), 20);
    assert_int_equal(histogram_quantile(&t->h, INFINITY), 20);
}

static void rank_is_not_pushed_up_by_floating_point(void **state)
{
    struct scene *t = *state;

    for (uint64_t value = 1; value <= 1000; value++)
        record(t, value);
    for (unsigned promille = 1; promille < 1000; promille++)
        assert_int_equal(histogram_quantile(&t->h, promille / 1000.0), promille);
}

static void values_beyond_an_hour_count_as_clamped(void **state)
{
    struct scene *t = *state;

    assert_int_equal(histogram_record(&t->h, HISTOGRAM_MAX_NS), 0);
    assert_int_equal(t->h.clamped_count, 0);
    assert_int_equal(histogram_record(&t->h, HISTOGRAM_MAX_NS + 1), 0);
    assert_int_equal(histogram_record_count(&t->h, UINT64_MAX, 3), 0);
    assert_int_equal(t->h.clamped_count, 4);
    assert_int_equal(t->h.count, 5);
    assert_int_equal(t->h.max_ns, HISTOGRAM_MAX_NS);
    assert_true(histogram_mean(&t->h) == (double)HISTOGRAM_MAX_NS);
}

static void zero_is_a_value(void **state)
{
    struct scene *t = *state;

    record(t, 0);
    record(t, 0);
    record(t, 5);
    assert_int_equal(t->h.clamped_count, 0);
    assert_int_equal(t->h.min_ns, 0);
    assert_int_equal(histogram_quantile(&t->h, 0.5), 0);
    assert_int_equal(histogram_quantile(&t->h, 0.9), 5);
}

static void recording_a_count_is_recording_so_often(void **state)
{
    struct scene *t = *state;
    struct histogram other;

    histogram_init(&other);
    for (unsigned i = 0; i < 50; i++) {
        uint64_t value = 1000 + random_duration(t) % 1000000000;

        for (unsigned n = 0; n < i; n++)
            record(t, value);
        assert_int_equal(histogram_record_count(&other, value, i), 0); /* 0 times: nothing */
    }
    assert_int_equal(histogram_record_count(&other, HISTOGRAM_MAX_NS, 0), 0);
    assert_int_equal(histogram_record_count(&other, 0, 0), 0);
    assert_int_equal(other.count, t->h.count);
    assert_int_equal(other.min_ns, t->h.min_ns);
    assert_int_equal(other.max_ns, t->h.max_ns);
    assert_int_equal(histogram_quantile(&other, 0.5), histogram_quantile(&t->h, 0.5));
    assert_true(fabs(histogram_mean(&other) / histogram_mean(&t->h) - 1) < 1e-12);
    assert_true(fabs(histogram_stdev(&other) / histogram_stdev(&t->h) - 1) < 1e-9);
    histogram_check(&other);
    histogram_deinit(&other);
}

static void mean_and_deviation_are_of_the_values(void **state)
{
    struct scene *t = *state;
    long double sum = 0, squares = 0;

    for (unsigned i = 0; i < 1000; i++) {
        record(t, 500000 + random_duration(t) % 1000000);
        sum += t->values[i];
    }
    for (unsigned i = 0; i < 1000; i++)
        squares += ((long double)t->values[i] - sum / 1000) * (t->values[i] - sum / 1000);
    assert_true(fabsl(histogram_mean(&t->h) - sum / 1000) < 1e-6L);
    assert_true(fabsl(histogram_stdev(&t->h) - sqrtl(squares / 1000)) < 1e-3L);
}

/* The case that a sum of squares around zero cannot see. */
static void sees_a_deviation_of_nanoseconds_around_minutes(void **state)
{
    struct scene *t = *state;

    for (unsigned i = 0; i < VALUES_MAX; i++)
        record(t, 600000000000 + (i & 1 ? 10 : 0));
    assert_true(fabs(histogram_stdev(&t->h) - 5) < 0.01);
    histogram_deinit(&t->h);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(histogram_record(&t->h, 600000000001), 0);
    assert_true(histogram_stdev(&t->h) == 0);
    for (unsigned i = 0; i < 1000; i++) { /* the mean rounds away from the one value */
        assert_int_equal(histogram_record_count(&t->h, 600000000001, 999983), 0);
        assert_true(histogram_stdev(&t->h) == 0);
    }
}

static void expect_same(const struct histogram *a, const struct histogram *b)
{
    struct histogram_bucket x, y;
    size_t at_a = 0, at_b = 0;

    assert_int_equal(a->count, b->count);
    assert_int_equal(a->min_ns, b->min_ns);
    assert_int_equal(a->max_ns, b->max_ns);
    assert_int_equal(a->clamped_count, b->clamped_count);
    assert_true(fabs(histogram_mean(a) - histogram_mean(b)) <= histogram_mean(b) * 1e-12);
    assert_true(fabs(histogram_stdev(a) - histogram_stdev(b)) <= histogram_stdev(b) * 1e-9);
    while (histogram_next(a, &at_a, &x)) {
        assert_true(histogram_next(b, &at_b, &y));
        assert_int_equal(at_a, at_b);
        assert_int_equal(x.ge_ns, y.ge_ns);
        assert_int_equal(x.count, y.count);
    }
    assert_false(histogram_next(b, &at_b, &y));
}

static void merging_equals_recording_all(void **state)
{
    struct scene *t = *state;
    struct histogram parts[3], merged;

    histogram_init(&merged);
    for (unsigned i = 0; i < ROWS(parts); i++) {
        histogram_init(&parts[i]);
        for (unsigned n = 0; n < 300 * i; n++) { /* the first one stays empty */
            uint64_t value = n % 100 == 7 ? HISTOGRAM_MAX_NS + n : random_duration(t) << i;

            assert_int_equal(histogram_record(&parts[i], value), 0);
            assert_int_equal(histogram_record(&t->h, value), 0);
        }
        assert_int_equal(histogram_merge(&merged, &parts[i]), 0);
        histogram_check(&merged);
        expect_same(&merged, &t->h);
        assert_int_equal(parts[i].count, 300 * i); /* from is left as it was */
        histogram_check(&parts[i]);
    }
    for (unsigned i = 0; i < ROWS(parts); i++)
        histogram_deinit(&parts[i]);
    histogram_deinit(&merged);
}

static void merging_near_equal_values_keeps_the_deviation(void **state)
{
    struct scene *t = *state;
    struct histogram other, merged;

    histogram_init(&other);
    histogram_init(&merged);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(histogram_record(&t->h, 600000000000 + (i & 1)), 0);
        assert_int_equal(histogram_record(&other, 600000000100 + (i & 1)), 0);
    }
    assert_int_equal(histogram_merge(&t->h, &other), 0);
    assert_true(fabs(histogram_stdev(&t->h) - 50.0025) < 0.01);
    assert_int_equal(histogram_merge(&merged, &other), 0);
    assert_true(fabs(histogram_stdev(&merged) - 0.5) < 0.01);
    histogram_deinit(&merged);
    histogram_deinit(&other);
}

static void walks_only_buckets_that_were_hit(void **state)
{
    struct scene *t = *state;
    struct histogram_bucket bucket;
    uint64_t last = 0, seen = 0;
    size_t position = 0;

    for (unsigned i = 0; i < 1000; i++)
        record(t, random_duration(t));
    while (histogram_next(&t->h, &position, &bucket)) {
        uint64_t inside = 0;

        assert_true(bucket.ge_ns >= last && bucket.lt_ns > bucket.ge_ns);
        for (unsigned i = 0; i < t->values_count; i++)
            inside += t->values[i] >= bucket.ge_ns && t->values[i] < bucket.lt_ns;
        assert_int_equal(bucket.count, inside);
        assert_true(inside > 0);
        last = bucket.lt_ns;
        seen += inside;
    }
    assert_int_equal(seen, 1000);
    assert_false(histogram_next(&t->h, &position, &bucket)); /* the end stays the end */
}

static void allocates_only_the_rows_it_needs(void **state)
{
    struct scene *t = *state;
    unsigned rows_count = 0;

    record(t, 1000000);
    record(t, 1000001);
    record(t, HISTOGRAM_MAX_NS);
    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++)
        rows_count += t->h.rows[row] != NULL;
    assert_int_equal(rows_count, 2);
    assert_non_null(t->h.rows[HISTOGRAM_ROWS - 1]);
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(empty_histogram_says_zero),
        SCENE_TEST(has_the_buckets_of_hdr_histogram),
        SCENE_TEST(buckets_leave_no_gap_and_do_not_overlap),
        SCENE_TEST(loses_at_most_a_thousandth_at_every_magnitude),
        SCENE_TEST(quantiles_agree_with_a_sorted_list),
        SCENE_TEST(quantile_never_exceeds_the_greatest_value),
        SCENE_TEST(quantile_outside_its_range_is_the_nearest_end),
        SCENE_TEST(rank_is_not_pushed_up_by_floating_point),
        SCENE_TEST(values_beyond_an_hour_count_as_clamped),
        SCENE_TEST(zero_is_a_value),
        SCENE_TEST(recording_a_count_is_recording_so_often),
        SCENE_TEST(mean_and_deviation_are_of_the_values),
        SCENE_TEST(sees_a_deviation_of_nanoseconds_around_minutes),
        SCENE_TEST(merging_equals_recording_all),
        SCENE_TEST(merging_near_equal_values_keeps_the_deviation),
        SCENE_TEST(walks_only_buckets_that_were_hit),
        SCENE_TEST(allocates_only_the_rows_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
