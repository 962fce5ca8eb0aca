/*
 * test_hdr_code.c - histograms as text, there and back, and what is no such text.
 */
#include "hdr_code.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Written by HdrHistogram's JavaScript port for the values 1, 2, 2, 1000 (100 times), 1 000 000 and
 * 3 600 000 000 000. */
#define HDR_VECTOR                                                                                 \
    "HISTFAAAADR4nJNpmSzMwMDAz8DAwMjAwMDMAAGMDAzMbgY7FjDA+UwsJ/lPML6fx8h0+TYTEwCbWAgW"

static void expect_same_buckets(const struct histogram *a, const struct histogram *b)
{
    struct histogram_bucket of_a, of_b;
    size_t at_a = 0, at_b = 0;

    while (histogram_next(a, &at_a, &of_a)) {
        assert_true(histogram_next(b, &at_b, &of_b));
        assert_int_equal(of_a.ge_ns, of_b.ge_ns);
        assert_int_equal(of_a.count, of_b.count);
    }
    assert_false(histogram_next(b, &at_b, &of_b));
}

static void comes_back(const struct histogram *h)
{
    struct histogram back;
    struct text text;

    histogram_init(&back);
    text_init(&text);
    assert_int_equal(hdr_encode(h, &text), 0);
    assert_int_equal(hdr_decode(text_span(&text), &back), 0);
    expect_same_buckets(h, &back);
    assert_int_equal(back.count, h->count);
    text_deinit(&text);
    histogram_deinit(&back);
}

static void a_histogram_comes_back(void **state)
{
    struct histogram h;

    (void)state;
    histogram_init(&h);
    comes_back(&h);
    assert_int_equal(histogram_record(&h, 0), 0);
    comes_back(&h);
    assert_int_equal(histogram_record(&h, HISTOGRAM_MAX_NS), 0);
    comes_back(&h);
    for (uint64_t value = 1; value < HISTOGRAM_MAX_NS; value += value / 700 + 1)
        assert_int_equal(histogram_record_count(&h, value, value % 7 == 0 ? value : 1), 0);
    assert_int_equal(histogram_record_count(&h, 5, INT64_MAX / 2), 0); /* the longest number */
    comes_back(&h);
    histogram_deinit(&h);
}

static void agrees_with_another_implementation(void **state)
{
    struct histogram expected, read;

    (void)state;
    histogram_init(&expected);
    histogram_init(&read);
    assert_int_equal(histogram_record(&expected, 1), 0);
    assert_int_equal(histogram_record_count(&expected, 2, 2), 0);
    assert_int_equal(histogram_record_count(&expected, 1000, 100), 0);
    assert_int_equal(histogram_record(&expected, 1000000), 0);
    assert_int_equal(histogram_record(&expected, HISTOGRAM_MAX_NS), 0);
    assert_int_equal(hdr_decode(SPAN_LITERAL(HDR_VECTOR), &read), 0);
    expect_same_buckets(&expected, &read);
    histogram_deinit(&expected);
    histogram_deinit(&read);
}

static void what_is_no_such_text_is_refused_at_every_cut_and_flip(void **state)
{
    static const char good[] = HDR_VECTOR;
    struct histogram h;

    (void)state;
    for (size_t cut = 0; cut + 4 < sizeof(good); cut++) { /* the last bytes are a checksum */
        char *part = malloc(cut + 1);

        memcpy(part, good, cut);
        histogram_init(&h);
        assert_int_equal(hdr_decode(span_of(part, cut), &h), -EINVAL);
        histogram_deinit(&h);
        free(part);
    }
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        char bad[sizeof(good)];

        memcpy(bad, good, sizeof(good));
        bad[i] = '!';
        histogram_init(&h);
        assert_int_equal(hdr_decode(span_of(bad, sizeof(good) - 1), &h), -EINVAL);
        histogram_deinit(&h);
        bad[i] = good[i] == 'A' ? 'B' : 'A'; /* refused, or something: but no crash */
        histogram_init(&h);
        (void)hdr_decode(span_of(bad, sizeof(good) - 1), &h);
        histogram_deinit(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_histogram_comes_back),
        cmocka_unit_test(agrees_with_another_implementation),
        cmocka_unit_test(what_is_no_such_text_is_refused_at_every_cut_and_flip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
