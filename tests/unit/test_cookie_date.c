/*
 * Dates of cookies: nearly everything is one (RFC 6265bis section 5.1.1), so the table of what is
 * none has to find the few rules there are.
 */
#include "cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static bool parse(const char *text, uint64_t *ret_s)
{
    size_t bytes = strlen(text);
    char *copy = malloc(bytes + !bytes);
    bool is_date;

    assert_non_null(copy);
    memcpy(copy, text, bytes); /* the sanitizer sees a read beyond it */
    is_date = cookie_parse_date(span_of(copy, bytes), ret_s);
    free(copy);
    return is_date;
}

static void reads_what_servers_send(void **state)
{
    static const struct {
        const char *text;
        uint64_t s;
    } rows[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
        { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
        { "Sun Nov  6 08:49:37 1994", 784111777 },
        { "Sun, 06-Nov-1994 08:49:37 GMT", 784111777 },
        { "06 nov 1994 8:49:37", 784111777 },
        { "8:49:37 6 NOVEMBER 94", 784111777 },
        { "1994 Nov 06 08:49:37", 784111777 },
        { "Nov/6/1994;08:49:37", 784111777 },
        { "Sun, 06 Nov 1994 08:49:37 +0200", 784111777 }, /* zones are not looked at */
        { "Sun, 06 Nov 1994 08:49:37 PST", 784111777 },
        { "06 Nov 1994 08:49:37.999", 784111777 },
        { "06 Nov 1994 08:49:37x 09:00:00", 784111777 }, /* the first time counts */
        { "06 Nov 94 Dec 2001 08:49:37", 784111777 },    /* so do the first month and year */
        { "6th Nov 1994 08:49:37", 784111777 },
        { "06 Novxyz 1994 08:49:37", 784111777 },
        { "06 Nov 1994ad 08:49:37", 784111777 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", COOKIE_EXPIRY_S_MAX },
        { "Thu, 29 Feb 2024 00:00:00 GMT", 1709164800 },
        { "Tue, 29 Feb 2000 00:00:00 GMT", 951782400 },
        { "Mon, 01 Mar 2100 00:00:00 GMT", 4107542400 },
        { "01 Jan 69 00:00:00", 3124224000 }, /* 2069 */
        { "01 Jan 70 00:00:01", COOKIE_LONG_AGO_S },
        { "01 Jan 71 00:00:00", 31536000 },
        { "01 Jan 99 00:00:00", 915148800 },
        { "01 Jan 00 00:00:00", 946684800 },
        { "01 Jan 0000 00:00:00", 946684800 }, /* as the RFC has it */
        /* before there was a time to count from */
        { "Thu, 01 Jan 1970 00:00:00 GMT", COOKIE_LONG_AGO_S },
        { "Wed, 31 Dec 1969 23:59:59 GMT", COOKIE_LONG_AGO_S },
        { "01 Jan 1601 00:00:00", COOKIE_LONG_AGO_S },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t s = 4711;

        if (!parse(rows[i].text, &s))
            fail_msg("%s: refused", rows[i].text);
        if (s != rows[i].s)
            fail_msg("%s: got %llu", rows[i].text, (unsigned long long)s);
    }
}

static void refuses_what_is_no_date(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "0",
        "-1",
        "never",
        "784111777",
        /* one of the four is missing */
        "06 Nov 1994",
        "Nov 1994 08:49:37",
        "06 1994 08:49:37",
        "06 Nov 08:49:37",
        "Sun, 06 Nov 08:49:37 GMT",
        /* the time */
        "06 Nov 1994 08:49",
        "06 Nov 1994 08-49-37",
        "06 Nov 1994 24:00:00",
        "06 Nov 1994 08:60:00",
        "06 Nov 1994 08:49:60",
        "06 Nov 1994 008:49:37",
        "06 Nov 1994 08:049:37",
        "06 Nov 1994 08:49:037",
        "06 Nov 1994 :49:37",
        "06 Nov 1994 08::37",
        "06 Nov 1994 08:49:",
        "06 Nov 1994 x08:49:37",
        /* the day */
        "00 Nov 1994 08:49:37",
        "31 Nov 1994 08:49:37",
        "32 Dec 1994 08:49:37",
        "99 Dec 1994 08:49:37",
        "006 Nov 1994 08:49:37",
        "x6 Nov 1994 08:49:37",
        "29 Feb 2023 00:00:00",
        "29 Feb 2100 00:00:00",
        "30 Feb 2024 00:00:00",
        /* the month */
        "06 No 1994 08:49:37",
        "06 Okt 1994 08:49:37",
        "06 11 1994 08:49:37",
        "06 xNov 1994 08:49:37",
        "06 \xcf\x84\xce\xbf 1994 08:49:37",
        /* the year */
        "06 Nov 4 08:49:37",
        "06 Nov 19940 08:49:37",
        "06 Nov 1600 08:49:37",
        "06 Nov 994 08:49:37",
        "06 Nov x994 08:49:37",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        uint64_t s = 4711;

        if (parse(texts[i], &s))
            fail_msg("'%s': taken as %llu", texts[i], (unsigned long long)s);
        assert_int_equal(s, 4711);
    }
}

/* Each day of 400 years: no gap and no fold. */
static void counts_days_without_a_gap(void **state)
{
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    uint64_t before = 0;
    unsigned days = 0;

    (void)state;
    for (unsigned year = 1971; year < 2371; year++) {
        for (unsigned month = 0; month < 12; month++) {
            for (unsigned day = 1; day <= 31; day++) {
                uint64_t s;
                char text[40];

                (void)snprintf(text, sizeof(text), "%u %s %u 12:00:00", day, months[month], year);
                if (!parse(text, &s))
                    continue;
                if (before)
                    assert_int_equal(s - before, 86400);
                before = s;
                days++;
            }
        }
    }
    assert_int_equal(days, 146097);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_servers_send),
        cmocka_unit_test(refuses_what_is_no_date),
        cmocka_unit_test(counts_days_without_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
