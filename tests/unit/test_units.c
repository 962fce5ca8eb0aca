/*
 * test_units.c - numbers with units, read exactly and written shortly.
 */
#include "units.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define S 1000000000ull
#define ZEROS_60 "000000000000000000000000000000000000000000000000000000000000"

typedef bool parse_fn(struct span text, uint64_t *ret_value);

struct parse_row {
    const char *text;
    uint64_t value;
};

static void expect_values(parse_fn *parse, const struct parse_row *rows, size_t rows_count)
{
    for (size_t i = 0; i < rows_count; i++) {
        uint64_t value = 0;

        if (!parse(span_of_string(rows[i].text), &value))
            fail_msg("%s: refused", rows[i].text);
        if (value != rows[i].value)
            fail_msg("%s: got %llu", rows[i].text, (unsigned long long)value);
    }
}

static void expect_refused(parse_fn *parse, const char *const *texts, size_t texts_count)
{
    for (size_t i = 0; i < texts_count; i++) {
        uint64_t value = 4711;

        if (parse(span_of_string(texts[i]), &value))
            fail_msg("'%s': taken as %llu", texts[i], (unsigned long long)value);
        assert_int_equal(value, 4711);
    }
}

static void reads_counts_by_thousands(void **state)
{
    static const struct parse_row rows[] = {
        { "0", 0 },
        { "10", 10 },
        { "007", 7 },
        { "10k", 10000 },
        { "10K", 10000 },
        { "1.5M", 1500000 },
        { ".5k", 500 },
        { "1.0", 1 },
        { "2G", 2000000000 },
        { "3T", 3000000000000 },
        { "1.234567890123T", 1234567890123 },
        { "18446744073709551615", UINT64_MAX },
        { "18446744073.709551615G", UINT64_MAX },
        { "0.000k", 0 },
        { ZEROS_60 "12", 12 },
    };

    (void)state;
    expect_values(units_parse_count, rows, ROWS(rows));
}

static void reads_sizes_by_1024(void **state)
{
    static const struct parse_row rows[] = {
        { "0", 0 },
        { "10", 10 },
        { "10B", 10 },
        { "100k", 102400 },
        { "100K", 102400 },
        { "100KiB", 102400 },
        { "100kib", 102400 },
        { "1.5M", 1572864 },
        { "1.5m", 1572864 },
        { "1MiB", 1048576 },
        { "2G", 2147483648 },
        { "2GiB", 2147483648 },
        { "1T", 1099511627776 },
        { "1TiB", 1099511627776 },
        { "1.1k", 1126 }, /* 1126.4 */
        { "0.001k", 1 },  /* 1.024 */
        { "16777215T", 16777215ull << 40 },
        { "18014398509481983.9999k", UINT64_MAX },
    };

    (void)state;
    expect_values(units_parse_bytes, rows, ROWS(rows));
}

static void reads_durations_to_the_nanosecond(void **state)
{
    static const struct parse_row rows[] = {
        { "0", 0 },
        { "2", 2 * S },
        { "0.3", 300000000 },
        { ".25s", 250000000 },
        { "1ns", 1 },
        { "500us", 500000 },
        { "10ms", 10000000 },
        { "1.5s", 1500000000 },
        { "3m", 180 * S },
        { "1h", 3600 * S },
        { "0.5h", 1800 * S },
        { "0.1s", 100000000 },
        { "1.123456789s", 1123456789 },
        { "1.1234567899s", 1123456789 }, /* below a nanosecond: dropped */
        { "0.3333333333333333333333333333h", 1199999999999 },
        { "1.9ns", 1 },
        { "18446744073.709551615", UINT64_MAX },
        { "5124095h", 5124095ull * 3600 * S },
        { "0.0ns", 0 },
    };

    (void)state;
    expect_values(units_parse_duration, rows, ROWS(rows));
}

static const char *const no_numbers[] = {
    "",
    " ",
    ".",
    "k",
    "-1",
    "+1",
    "1,5",
    "1.",
    "1.k",
    "1..5",
    "1.5.5",
    "1e3",
    "0x10",
    " 1",
    "1 ",
    "1 k",
    "k1",
    "1kk",
    "1k5",
    "inf",
    "nan",
    "\xd9\xa1",
    "1\n",
    "١k",
    "1\xa0",
    "1_000",
    "1'000",
    "--1",
    "1%",
    "1x",
    "1KK",
    ".k",
    "1Ki",
    "1/2",
    "18446744073709551616",
    "99999999999999999999999999999",
    ZEROS_60 "00001",
};

static void refuses_what_is_no_number(void **state)
{
    (void)state;
    expect_refused(units_parse_count, no_numbers, ROWS(no_numbers));
    expect_refused(units_parse_bytes, no_numbers, ROWS(no_numbers));
    expect_refused(units_parse_duration, no_numbers, ROWS(no_numbers));
}

static void refuses_counts_that_are_not_whole_or_too_great(void **state)
{
    static const char *const texts[] = { "1.5",
                                         "0.1",
                                         "1.2345k",
                                         "1.0000000001M",
                                         "10m",
                                         "10g",
                                         "1B",
                                         "1kB",
                                         "1KiB",
                                         "1s",
                                         "1/s",
                                         "18446744073709552k",
                                         "18446744073.709551616G" };

    (void)state;
    expect_refused(units_parse_count, texts, ROWS(texts));
}

static void refuses_sizes_that_are_unclear_or_too_great(void **state)
{
    static const char *const texts[] = { "1.5",
                                         "0.5B",
                                         "1kB",
                                         "1KB",
                                         "1MB",
                                         "1bB",
                                         "1iB",
                                         "1Bk",
                                         "1s",
                                         "1kiBB",
                                         "0.0001k",
                                         "16777216T",
                                         "18014398509481984k" };

    (void)state;
    expect_refused(units_parse_bytes, texts, ROWS(texts));
}

static void refuses_durations_that_are_unclear_or_too_great(void **state)
{
    static const char *const texts[] = { "1M",       "1H",           "1S",
                                         "1MS",      "1min",         "1d",
                                         "1sec",     "1h30m",        "1:30",
                                         "0.1ns",    "0.0000000001", "18446744073.709551616",
                                         "5124096h", "307445735m",   "1k" };

    (void)state;
    expect_refused(units_parse_duration, texts, ROWS(texts));
}

static void reads_rates_as_whole_microhertz(void **state)
{
    static const struct {
        const char *text;
        uint64_t uhz;
    } rows[] = {
        { "0", 0 },
        { "1", 1000000 },
        { "100/s", 100000000 },
        { "6/m", 100000 },
        { "1/h", 277 },
        { "0.000001", 1 },
        { "1.5", 1500000 },
        { "100k", 100000000000 },
        { "1/m", 16666 },
        { "0.0036/h", 1 },
        { "100", 100000000 },
        { "10k", 10000000000 },
        { "10k/s", 10000000000 },
        { "1.5K/m", 25000000 },
        { "3600/h", 1000000 },
        { "0.1", 100000 },
        { "2.5M", 2500000000000 },
        { "1T", 1000000000000000000 },
        { ".3/s", 300000 },
        { "6/min", 100000 },
    };
    uint64_t uhz = 77;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!units_parse_rate_uhz(span_of_string(rows[i].text), &uhz) || uhz != rows[i].uhz)
            fail_msg("%s: got %llu", rows[i].text, (unsigned long long)uhz);
    uhz = 77;
    assert_false(units_parse_rate_uhz(SPAN_LITERAL("0.0035/h"), &uhz)); /* would become none */
    assert_false(units_parse_rate_uhz(SPAN_LITERAL("0.0000001"), &uhz));
    assert_false(units_parse_rate_uhz(SPAN_LITERAL("1/d"), &uhz));
    assert_false(units_parse_rate_uhz(SPAN_LITERAL("-1"), &uhz));
    assert_int_equal(uhz, 77);
}

static void refuses_rates_that_are_unclear(void **state)
{
    static const char *const texts[] = {
        "",      "/s",  "10/", "10//s", "10/S",      "10/M",          "10/d", "10/ms",
        "10/sk", "10m", "10s", "-1/s",  "1 /s",      "1/ s",          "1/s ", "1e3/s",
        "1/1s",  "inf", "nan", "100T",  "0.0000001", "18446744073710"
    };

    (void)state;
    expect_refused(units_parse_rate_uhz, texts, ROWS(texts));
}

/* Text is cut where the span ends, not at a NUL. */
static void reads_no_byte_beyond_the_span(void **state)
{
    uint64_t value;

    (void)state;
    assert_true(units_parse_count(span_of("123", 2), &value));
    assert_int_equal(value, 12);
    assert_true(units_parse_duration(span_of("1ms", 2), &value));
    assert_int_equal(value, 60 * S);
    assert_false(units_parse_bytes(span_of("1\0", 2), &value));
}

struct text_row {
    uint64_t value;
    const char *text;
};

static void expect_texts(char *(*format)(uint64_t, char *, size_t), const struct text_row *rows,
                         size_t rows_count)
{
    for (size_t i = 0; i < rows_count; i++) {
        char out[UNITS_TEXT_BYTES];

        assert_ptr_equal(format(rows[i].value, out, sizeof(out)), out);
        if (strcmp(out, rows[i].text) != 0)
            fail_msg("%llu: got '%s', expected '%s'", (unsigned long long)rows[i].value, out,
                     rows[i].text);
    }
}

static void writes_durations_with_three_digits(void **state)
{
    static const struct text_row rows[] = {
        { 0, "0 s" },
        { 1, "1 ns" },
        { 999, "999 ns" },
        { 1000, "1.00 us" },
        { 9994, "9.99 us" },
        { 9995, "10.0 us" },
        { 99949, "99.9 us" },
        { 99950, "100 us" },
        { 850000, "850 us" },
        { 999499, "999 us" },
        { 999500, "1.00 ms" },
        { 12345678, "12.3 ms" },
        { 999500000, "1.00 s" },
        { 1310000000, "1.31 s" },
        { 59949999999, "59.9 s" },
        { 59950000000, "1m00s" },
        { 166 * S, "2m46s" },
        { 3599 * S + S / 2 - 1, "59m59s" },
        { 3599 * S + S / 2, "1h00m" },
        { 9999 * S, "2h47m" },
        { 359969 * S, "99h59m" },
        { 359970 * S, "4d04h" },
        { 2400 * 3600 * S, "100d" },
        { 2399 * 3600 * S, "99d23h" },
        { 9999 * 86400 * S, "9999d" },
        { 10000 * 86400 * S, "27y" },
        { UINT64_MAX, "585y" },
    };

    (void)state;
    expect_texts(units_format_duration, rows, ROWS(rows));
}

static void writes_latencies_without_a_space(void **state)
{
    static const struct text_row rows[] = {
        { 0, "0s" },          { 850000, "850us" }, { 12300000, "12.3ms" }, { 1020000000, "1.02s" },
        { 166 * S, "2m46s" },
    };

    (void)state;
    expect_texts(units_format_latency, rows, ROWS(rows));
}

static void writes_traffic_by_thousands(void **state)
{
    static const struct text_row rows[] = {
        { 0, "0 B" },
        { 1, "1 B" },
        { 999, "999 B" },
        { 1000, "1.0 kB" },
        { 9949, "9.9 kB" },
        { 9950, "10 kB" },
        { 230000, "230 kB" },
        { 999499, "999 kB" },
        { 999500, "1.0 MB" },
        { 104857600, "105 MB" },
        { 3200000000, "3.2 GB" },
        { 3200000000000, "3.2 TB" },
        { UINT64_MAX, "18 EB" },
    };

    (void)state;
    expect_texts(units_format_bytes, rows, ROWS(rows));
}

static void writes_counts_shortly(void **state)
{
    static const struct {
        double count;
        const char *text;
    } rows[] = {
        { 0, "0" },          { 7, "7" },           { 0.1, "0.10" },    { 12.5, "12.5" },
        { 9.994, "9.99" },   { 9.996, "10.0" },    { 123.4, "123" },   { 999.6, "1000" },
        { 7634, "7634" },    { 7633.7, "7634" },   { 9999, "9999" },   { 9999.4, "9999" },
        { 9999.5, "10.0k" }, { 12345, "12.3k" },   { 123456, "123k" }, { 999499, "999k" },
        { 999500, "1.00M" }, { 1200000, "1.20M" }, { 5e9, "5.00G" },   { 1e15, "1.00P" },
        { 1e16, "-" },       { -1, "-" },          { INFINITY, "-" },  { NAN, "-" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[UNITS_TEXT_BYTES];

        assert_ptr_equal(units_format_count(rows[i].count, out, sizeof(out)), out);
        if (strcmp(out, rows[i].text) != 0)
            fail_msg("%g: got '%s', expected '%s'", rows[i].count, out, rows[i].text);
    }
}

static void cuts_texts_to_the_room(void **state)
{
    char out[8] = "#######";

    (void)state;
    assert_string_equal(units_format_bytes(230000, out, 4), "230");
    assert_int_equal(out[4], '#');
    assert_string_equal(units_format_count(12345, out, 1), "");
    out[0] = '#';
    (void)units_format_duration(1, out, 0);
    assert_int_equal(out[0], '#');
}

/* Whatever is written up to a minute reads back within half of its last digit. */
static void written_durations_read_back(void **state)
{
    uint64_t ns = 1;

    (void)state;
    while (ns < 59 * S) {
        char out[UNITS_TEXT_BYTES];
        uint64_t read;

        assert_true(units_parse_duration(span_of_string(units_format_latency(ns, out, 32)), &read));
        if (read > ns + ns / 200 + 1 || read + ns / 200 + 1 < ns)
            fail_msg("%llu: %s", (unsigned long long)ns, out);
        ns += ns / 100 + 1;
    }
}

static void needs_no_locale(void **state)
{
    uint64_t ns;
    char out[UNITS_TEXT_BYTES];

    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) /* where it is installed, '.' must stay the point */
        (void)setlocale(LC_ALL, "");
    assert_true(units_parse_duration(SPAN_LITERAL("1.5s"), &ns));
    assert_int_equal(ns, 1500000000);
    assert_false(units_parse_duration(SPAN_LITERAL("1,5s"), &ns));
    assert_string_equal(units_format_duration(ns, out, sizeof(out)), "1.50 s");
    assert_string_equal(units_format_count(12.5, out, sizeof(out)), "12.5");
    (void)setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_counts_by_thousands),
        cmocka_unit_test(reads_sizes_by_1024),
        cmocka_unit_test(reads_durations_to_the_nanosecond),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(refuses_counts_that_are_not_whole_or_too_great),
        cmocka_unit_test(refuses_sizes_that_are_unclear_or_too_great),
        cmocka_unit_test(refuses_durations_that_are_unclear_or_too_great),
        cmocka_unit_test(reads_rates_as_whole_microhertz),
        cmocka_unit_test(refuses_rates_that_are_unclear),
        cmocka_unit_test(reads_no_byte_beyond_the_span),
        cmocka_unit_test(writes_durations_with_three_digits),
        cmocka_unit_test(writes_latencies_without_a_space),
        cmocka_unit_test(writes_traffic_by_thousands),
        cmocka_unit_test(writes_counts_shortly),
        cmocka_unit_test(cuts_texts_to_the_room),
        cmocka_unit_test(written_durations_read_back),
        cmocka_unit_test(needs_no_locale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
