/*
 * A rate is kept exactly: never exceeded in any span, and reached by whoever comes in time.
 */
#include "bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)
#define START (1234 * S + 567)
#define TAKEN_MAX 200000

/* Takes whenever it is told that it may, for so long; how many that were. */
static uint64_t takes_eagerly(struct bucket *b, uint64_t from_ns, uint64_t until_ns)
{
    uint64_t now_ns = from_ns, count = 0;

    for (;;) {
        now_ns = bucket_ready_ns(b, now_ns);
        if (now_ns > until_ns)
            return count;
        assert_true(bucket_take(b, now_ns));
        bucket_check(b);
        count++;
    }
}

static void reaches_its_rate_without_drift(void **state)
{
    static const struct {
        uint64_t rate_uhz;
        uint64_t span_ns;
        uint64_t count; /* beyond the burst */
    } rows[] = {
        { 100000, 600 * S, 60 },            /* 6/m */
        { 277, 365 * 24 * 3600 * S, 8735 }, /* 1/h, rounded down */
        { 333333, 3000000 * S, 999999 },    /* three seconds and a bit */
        { 3000000, 10000 * S, 30000 },      /* 3/s: a third of a second is no whole ns */
        { 7, 10000000 * S, 70 },
        { 100000000000, S, 100000 }, /* 100k/s */
        { 100000000007, S, 100000 },
        { UINT64_C(1000000000000000), 100000, 100000 }, /* one each ns */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bucket b;
        uint64_t burst = bucket_burst(rows[i].rate_uhz);
        uint64_t count;

        bucket_init(&b, rows[i].rate_uhz, 0, START);
        count = takes_eagerly(&b, START, START + rows[i].span_ns);
        if (count != rows[i].count + burst)
            fail_msg("row %zu: %llu, not %llu + %llu", i, (unsigned long long)count,
                     (unsigned long long)rows[i].count, (unsigned long long)burst);
    }
}

static void tells_the_first_nanosecond_and_none_before(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 3000000, 1, START);
    assert_true(bucket_take(&b, START));
    assert_int_equal(bucket_ready_ns(&b, START), START + S / 3 + 1);
    assert_int_equal(bucket_ready_ns(&b, START + 5), START + S / 3 + 1);
    assert_false(bucket_take(&b, START + S / 3));
    assert_true(bucket_take(&b, START + S / 3 + 1));
    /* The rest of that nanosecond is not lost: three of them in a second. */
    assert_int_equal(bucket_ready_ns(&b, START + S / 2), START + 2 * S / 3 + 1);
    assert_true(bucket_take(&b, START + 2 * S / 3 + 1));
    assert_false(bucket_take(&b, START + S - 1));
    assert_true(bucket_take(&b, START + S));
}

/* Method: takers who come whenever they like; every pair of them is a span. */
static void no_span_has_more_than_burst_and_rate(void **state)
{
    static uint64_t taken_ns[TAKEN_MAX];
    static const uint64_t rates[] = { 100000, 1500000, 10000000, 123456789, 2000000000 };

    (void)state;
    srand(7);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        uint64_t now_ns = START, mean_ns = UINT64_C(1000000000000000) / rates[i];
        unsigned count = 0;
        struct bucket b;

        bucket_init(&b, rates[i], 0, START);
        while (count < 1000) {
            now_ns += (uint64_t)rand() % mean_ns * (rand() % 50 ? 1 : 40);
            while (count < 1000 && bucket_take(&b, now_ns))
                taken_ns[count++] = now_ns;
        }
        for (unsigned from = 0; from < count; from++)
            for (unsigned to = from; to < count; to++) {
                __extension__ unsigned __int128 gain =
                    (unsigned __int128)(taken_ns[to] - taken_ns[from] + 1) * rates[i];
                uint64_t most = bucket_burst(rates[i]) + (uint64_t)(gain / 1000000000000000u);

                if (to - from + 1 > most)
                    fail_msg("rate %zu: %u in %llu ns", i, to - from + 1,
                             (unsigned long long)(taken_ns[to] - taken_ns[from]));
            }
    }
}

static void the_burst_is_a_tenth_of_a_second_and_one_at_least(void **state)
{
    struct bucket b;
    unsigned count = 0;

    (void)state;
    assert_int_equal(bucket_burst(1), 1);
    assert_int_equal(bucket_burst(9999999), 1);
    assert_int_equal(bucket_burst(19999999), 1);
    assert_int_equal(bucket_burst(20000000), 2);
    assert_int_equal(bucket_burst(1000000000), 100);
    assert_int_equal(bucket_burst(UINT64_MAX), BUCKET_BURST_MAX);
    bucket_init(&b, 1000000, 7, START); /* unless one is given */
    while (bucket_take(&b, START + 100 * S))
        count++;
    assert_int_equal(count, 7);
    bucket_init(&b, 1000000, UINT32_MAX, START);
    for (count = 0; bucket_take(&b, START); count++)
        ;
    assert_int_equal(count, BUCKET_BURST_MAX);
}

static void without_a_rate_it_is_always_ready(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 0, 0, START);
    for (unsigned i = 0; i < 100000; i++)
        assert_true(bucket_take(&b, START));
    assert_int_equal(bucket_ready_ns(&b, START), START);
    assert_int_equal(bucket_full_ns(&b, START), 0);
}

static void is_full_again_after_the_burst_has_come_back(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 2000000, 3, START);
    assert_int_equal(bucket_full_ns(&b, START), 0);
    assert_true(bucket_take(&b, START));
    assert_int_equal(bucket_full_ns(&b, START), START + S / 2);
    assert_true(bucket_take(&b, START));
    assert_int_equal(bucket_full_ns(&b, START), START + S);
    assert_int_equal(bucket_full_ns(&b, START + S - 1), START + S);
    assert_int_equal(bucket_full_ns(&b, START + S), 0);
}

static void times_of_any_size_do_no_harm(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, UINT64_MAX, 1, START);
    assert_true(bucket_take(&b, START));
    assert_int_equal(bucket_ready_ns(&b, START), START + 1);
    assert_true(bucket_take(&b, UINT64_MAX)); /* time times rate overflows: full */
    bucket_init(&b, 1, BUCKET_BURST_MAX, UINT64_MAX - S);
    assert_true(bucket_take(&b, UINT64_MAX - S));
    assert_true(bucket_full_ns(&b, UINT64_MAX - S) == UINT64_MAX);
    bucket_init(&b, 1000000, 1, START);
    assert_true(bucket_take(&b, START));
    assert_false(bucket_take(&b, START - 5 * S)); /* a clock that goes back brings nothing */
    assert_int_equal(bucket_ready_ns(&b, START - 5 * S), START + S);
    assert_true(bucket_take(&b, START + S));
}

static void another_rate_keeps_what_is_there_and_fits(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 0, 0, START);
    bucket_change_rate(&b, 100000000, START); /* 100/s */
    for (unsigned i = 0; i < 10; i++)
        assert_true(bucket_take(&b, START));
    assert_false(bucket_take(&b, START));
    bucket_change_rate(&b, 1000000, START + S / 20); /* 5 had come, 1 has room */
    assert_true(bucket_take(&b, START + S / 20));
    assert_int_equal(bucket_ready_ns(&b, START + S / 20), START + S / 20 + S);
    bucket_change_rate(&b, 10000000, START + S / 20 + S / 2); /* half of one is there */
    assert_int_equal(bucket_ready_ns(&b, START), START + S / 20 + S / 2 + S / 20);
    bucket_check(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reaches_its_rate_without_drift),
        cmocka_unit_test(tells_the_first_nanosecond_and_none_before),
        cmocka_unit_test(no_span_has_more_than_burst_and_rate),
        cmocka_unit_test(the_burst_is_a_tenth_of_a_second_and_one_at_least),
        cmocka_unit_test(without_a_rate_it_is_always_ready),
        cmocka_unit_test(is_full_again_after_the_burst_has_come_back),
        cmocka_unit_test(times_of_any_size_do_no_harm),
        cmocka_unit_test(another_rate_keeps_what_is_there_and_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
