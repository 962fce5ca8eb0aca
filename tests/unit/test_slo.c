/*
 * test_slo.c - bounds: which texts are one, and which runs keep them.
 */
#include "slo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static void knows_a_bound_when_it_sees_one(void **state)
{
    static const struct {
        const char *text;
        enum slo_figure figure;
        double quantile, bound;
    } good[] = {
        { "p99<50ms", SLO_QUANTILE, 0.99, 50e6 },  { "p50<1.5s", SLO_QUANTILE, 0.5, 1.5e9 },
        { "p99.99<2", SLO_QUANTILE, 0.9999, 2e9 }, { "p100<1us", SLO_QUANTILE, 1, 1e3 },
        { "mean<3ms", SLO_MEAN, 0, 3e6 },          { "max<1m", SLO_MAX, 0, 60e9 },
        { "errors<1%", SLO_ERRORS, 0, 0.01 },      { "errors<0.05%", SLO_ERRORS, 0, 0.0005 },
    };
    static const char *const bad[] = {
        "",          "p99",      "p99>1ms",  "p<1ms",      "p101<1ms",
        "p9x<1ms",   "p-1<1ms",  "99<1ms",   "p99<",       "p99<fast",
        "p99<1ms ",  "errors<1", "errors<%", "errors<2ms", "errors<101%",
        "p1.2.3<1s", "P99<1ms",  "p.<1ms",   "pnan<1ms",   " p99<1ms",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct slo slo;

        if (!slo_parse(good[i].text, &slo))
            fail_msg("%s: refused", good[i].text);
        assert_int_equal(slo.figure, good[i].figure);
        assert_float_equal(slo.quantile, good[i].quantile, 1e-9);
        assert_float_equal(slo.bound, good[i].bound, good[i].bound * 1e-6);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slo slo;

        if (slo_parse(bad[i], &slo))
            fail_msg("%s: taken", bad[i]);
    }
}

static void expect(const struct tally *tally, const char *text, bool is_kept)
{
    struct slo slo;

    assert_true(slo_parse(text, &slo));
    if (slo_is_kept(&slo, tally) != is_kept)
        fail_msg("%s: %f", text, slo_measure(&slo, tally));
}

static void a_run_keeps_it_or_not(void **state)
{
    struct tally tally;

    (void)state;
    tally_init(&tally, 0, NULL);
    expect(&tally, "p99<1h", false); /* nothing was measured */
    expect(&tally, "errors<50%", false);
    for (unsigned i = 1; i <= 100; i++)
        assert_int_equal(histogram_record(&tally.response, i * MS), 0);
    tally.requests = 100;
    tally.ok = 98;
    tally.failed = 2;
    tally.good = 95; /* 3 had a status of 503 */
    expect(&tally, "p50<50ms", false);
    expect(&tally, "p50<51ms", true);
    expect(&tally, "p95<95ms", false);
    expect(&tally, "p95<96ms", true);
    expect(&tally, "p96<1h", false); /* 5 of 100 have no answer at all by then */
    expect(&tally, "max<1h", false);
    expect(&tally, "mean<51ms", true);
    expect(&tally, "errors<5%", false);
    expect(&tally, "errors<5.1%", true);
    tally.good = 100;
    expect(&tally, "p99<100ms", true);
    expect(&tally, "p99<99ms", false);
    expect(&tally, "max<100ms", false);
    expect(&tally, "max<101ms", true);
    tally.good = 0;
    expect(&tally, "mean<1h", false);
    expect(&tally, "p1<1h", false);
    tally_deinit(&tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_a_bound_when_it_sees_one),
        cmocka_unit_test(a_run_keeps_it_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
