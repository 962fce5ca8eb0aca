/*
 * test_http_date.c - three layouts of one date, and everything that only looks like one.
 */
#include "http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NOW_2026 UINT64_C(1767225600) /* 2026-01-01 00:00:00 */

static void reads_the_three_forms(void **state)
{
    static const struct {
        const char *text;
        uint64_t wall_s;
    } rows[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sun Nov  6 08:49:37 1994", 784111777 },
        { "Sun Nov 06 08:49:37 1994", 784111777 },
        { "Wed Nov 16 08:49:37 1994", 784975777 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
        { "Wednesday, 01-Jan-70 00:00:01 GMT", 3155760001 }, /* 2070 */
        { "Thu Jan  1 00:00:00 1970", 0 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
        { "Fri Dec 31 23:59:59 9999", 253402300799 },
        { "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648 },
        { "Sun, 07 Feb 2106 06:28:16 GMT", 4294967296 },
        { "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
        { "Wed, 01 Mar 2000 00:00:00 GMT", 951868800 },
        { "Thu, 29 Feb 2024 23:59:59 GMT", 1709251199 },
        { "Mon, 01 Mar 2100 00:00:00 GMT", 4107542400 },
        { "Sun, 28 Feb 2100 23:59:59 GMT", 4107542399 },
        { "Tuesday, 29-Feb-00 00:00:00 GMT", 951782400 },
        { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 }, /* a leap second */
        { "Fri, 31 Dec 9999 23:59:60 GMT", 253402300800 },
        /* the wrong day of the week; the date stands */
        { "Mon, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Saturday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Fri Nov  6 08:49:37 1994", 784111777 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t wall_s = 4711;

        if (!http_date_parse(span_of_string(rows[i].text), NOW_2026, &wall_s))
            fail_msg("%s: refused", rows[i].text);
        if (wall_s != rows[i].wall_s)
            fail_msg("%s: got %llu", rows[i].text, (unsigned long long)wall_s);
    }
}

static void refuses_what_is_no_date(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "0",
        "784111777",
        "GMT",
        "now",
        "Sun",
        "Sun,",
        "Sun, ",
        "Sun, 06",
        /* its edges */
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Nov 1994 08:49:37 GMT, x",
        "\"Sun, 06 Nov 1994 08:49:37 GMT\"",
        "Sun Nov  6 08:49:37 1994 ",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov  6 08:49:37 19944",
        "Sun, 06 Nov 1994 08:49:37",
        /* the name of the day */
        "06 Nov 1994 08:49:37 GMT",
        ", 06 Nov 1994 08:49:37 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "SUN, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "So, 06 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Someday, 06-Nov-94 08:49:37 GMT",
        "sunday, 06-Nov-94 08:49:37 GMT",
        "Sunday Nov  6 08:49:37 1994",
        /* the day */
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 006 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 32 Dec 1994 08:49:37 GMT",
        "Sun, 99 Dec 1994 08:49:37 GMT",
        "Sun, -1 Dec 1994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 0x Nov 1994 08:49:37 GMT",
        "Tue, 29 Feb 2023 00:00:00 GMT",
        "Mon, 29 Feb 2100 00:00:00 GMT",
        "Tue, 30 Feb 2024 00:00:00 GMT",
        "Tuesday, 29-Feb-23 00:00:00 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  0 08:49:37 1994",
        "Sun Nov 31 08:49:37 1994",
        "Sun Nov   6 08:49:37 1994",
        /* the month */
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 NOV 1994 08:49:37 GMT",
        "Sun, 06 11 1994 08:49:37 GMT",
        "Sun, 06 November 1994 08:49:37 GMT",
        "Sun, 06 Okt 1994 08:49:37 GMT",
        "Sun, 06 No 1994 08:49:37 GMT",
        "Sun, Nov 06 1994 08:49:37 GMT",
        /* the year */
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 19940 08:49:37 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Sat, 01 Jan 0000 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun, 06 Nov 10000 08:49:37 GMT",
        "Sun Nov  6 08:49:37 94",
        "Wed Dec 31 23:59:59 1969",
        /* the time */
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37.5 GMT",
        "Sun, 06 Nov 1994 084937 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT",
        "Sun, 06 Nov 1994  08:49:37 GMT",
        "Sun, 06 Nov 1994T08:49:37 GMT",
        "Sun, 06 Nov 1994 99:99:99 GMT",
        /* the zone */
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 Z",
        "Sun, 06 Nov 1994 08:49:37 EST",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT+1",
        "Sun, 06 Nov 1994 08:49:37GMT",
        /* other worlds */
        "1994-11-06T08:49:37Z",
        "1994-11-06 08:49:37",
        "Sun\t06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "\xd9\xa0",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        uint64_t wall_s = 4711;

        if (http_date_parse(span_of_string(texts[i]), NOW_2026, &wall_s))
            fail_msg("'%s': taken as %llu", texts[i], (unsigned long long)wall_s);
        assert_int_equal(wall_s, 4711);
    }
}

/* Against the calendar of the C library, every day and a second that moves through it. */
static void agrees_with_the_calendar_from_1970_to_9999(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < 2932897; day++) {
        time_t t = (time_t)(day * 86400 + day * 7919 % 86400);
        uint64_t wall_s;
        struct tm tm;
        char text[64];
        size_t bytes;

        assert_non_null(gmtime_r(&t, &tm));
        bytes =
            strftime(text, sizeof(text), day % 2 ? "%a, %d %b %Y %T GMT" : "%a %b %e %T %Y", &tm);
        if (!http_date_parse(span_of(text, bytes), NOW_2026, &wall_s) || wall_s != (uint64_t)t)
            fail_msg("%s", text);
        if (day > 40000)
            day += 12;
    }
}

/* RFC 9110 section 5.6.7: at most 50 years ahead. */
static void finds_the_century_of_two_digits(void **state)
{
    static const struct {
        const char *now;
        const char *text;
        const char *meant; /* NULL: before 1970 */
    } rows[] = {
        { "Thu, 01 Jan 2026 00:00:00 GMT", "Friday, 02-Jan-26 00:00:00 GMT",
          "Fri, 02 Jan 2026 00:00:00 GMT" },
        { "Thu, 01 Jan 2026 00:00:00 GMT", "Friday, 31-Dec-99 23:59:59 GMT",
          "Fri, 31 Dec 1999 23:59:59 GMT" },
        { "Thu, 01 Jan 2026 00:00:00 GMT", "Monday, 01-Jan-00 00:00:00 GMT",
          "Sat, 01 Jan 2000 00:00:00 GMT" },
        { "Thu, 01 Jan 2026 00:00:00 GMT", "Monday, 31-Dec-75 23:59:59 GMT",
          "Tue, 31 Dec 2075 23:59:59 GMT" },
        { "Thu, 01 Jan 2026 00:00:00 GMT", "Wednesday, 01-Jan-76 00:00:00 GMT",
          "Wed, 01 Jan 2076 00:00:00 GMT" },
        { "Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-76 00:00:01 GMT",
          "Thu, 01 Jan 1976 00:00:01 GMT" },
        { "Thu, 01 Jan 2026 00:00:00 GMT", "Sunday, 01-Mar-76 00:00:00 GMT",
          "Mon, 01 Mar 1976 00:00:00 GMT" },
        { "Thu, 01 Jan 2026 00:00:00 GMT", "Sunday, 29-Feb-76 00:00:00 GMT",
          "Sun, 29 Feb 1976 00:00:00 GMT" },
        { "Fri, 31 Dec 1999 23:59:59 GMT", "Saturday, 01-Jan-00 00:00:00 GMT",
          "Sat, 01 Jan 2000 00:00:00 GMT" },
        { "Fri, 31 Dec 1999 23:59:59 GMT", "Friday, 31-Dec-49 23:59:59 GMT",
          "Fri, 31 Dec 2049 23:59:59 GMT" },
        { "Fri, 31 Dec 1999 23:59:59 GMT", "Saturday, 01-Jan-50 00:00:00 GMT", NULL },
        { "Thu, 01 Jan 1970 00:00:00 GMT", "Thursday, 01-Jan-70 00:00:00 GMT",
          "Thu, 01 Jan 1970 00:00:00 GMT" },
        { "Thu, 01 Jan 1970 00:00:00 GMT", "Wednesday, 31-Dec-69 23:59:59 GMT", NULL },
        { "Thu, 01 Jan 2099 00:00:00 GMT", "Friday, 01-Jan-00 00:00:00 GMT",
          "Fri, 01 Jan 2100 00:00:00 GMT" },
        { "Thu, 01 Jan 2099 00:00:00 GMT", "Friday, 29-Feb-00 00:00:00 GMT", NULL },
        { "Fri, 31 Dec 9999 23:59:59 GMT", "Friday, 31-Dec-99 23:59:59 GMT",
          "Fri, 31 Dec 9999 23:59:59 GMT" },
        { "Fri, 31 Dec 9999 23:59:59 GMT", "Saturday, 01-Jan-00 00:00:00 GMT", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t now_s, meant_s = 0, wall_s = 0;
        bool is_taken;

        assert_true(http_date_parse(span_of_string(rows[i].now), 0, &now_s));
        if (rows[i].meant)
            assert_true(http_date_parse(span_of_string(rows[i].meant), 0, &meant_s));
        is_taken = http_date_parse(span_of_string(rows[i].text), now_s, &wall_s);
        if (is_taken != (rows[i].meant != NULL) || wall_s != meant_s)
            fail_msg("%s at %s: %llu", rows[i].text, rows[i].now, (unsigned long long)wall_s);
    }
}

static void copes_with_any_clock(void **state)
{
    uint64_t wall_s;

    (void)state;
    assert_true(
        http_date_parse(SPAN_LITERAL("Friday, 31-Dec-99 23:59:59 GMT"), UINT64_MAX, &wall_s));
    assert_int_equal(wall_s, 253402300799);
    assert_true(
        http_date_parse(SPAN_LITERAL("Sun, 06 Nov 1994 08:49:37 GMT"), UINT64_MAX, &wall_s));
    assert_int_equal(wall_s, 784111777);
}

/* Each form cut short and with each byte replaced by every other: nothing is read out of bounds
 * (the copy is as long as the text), and a cut is never a date. */
static void survives_every_cut_and_every_byte(void **state)
{
    static const char *const texts[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        size_t bytes = strlen(texts[i]);
        uint64_t wall_s;

        for (size_t cut = 0; cut < bytes; cut++) {
            char *copy = malloc(cut + 1);

            assert_non_null(copy);
            memcpy(copy, texts[i], cut + 1);
            assert_false(http_date_parse(span_of(copy, cut), NOW_2026, &wall_s));
            for (unsigned byte = 0; byte < 256; byte++) {
                copy[cut] = (char)byte;
                (void)http_date_parse(span_of(copy, cut + 1), NOW_2026, &wall_s); /* any verdict */
            }
            free(copy);
        }
    }
    assert_false(http_date_parse(span_of(NULL, 0), NOW_2026, &(uint64_t){ 0 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_three_forms),
        cmocka_unit_test(refuses_what_is_no_date),
        cmocka_unit_test(agrees_with_the_calendar_from_1970_to_9999),
        cmocka_unit_test(finds_the_century_of_two_digits),
        cmocka_unit_test(copes_with_any_clock),
        cmocka_unit_test(survives_every_cut_and_every_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
