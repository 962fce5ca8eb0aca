/*
 * test_date.c - dates of HTTP and of ISO 8601, and nothing that must be guessed.
 */
#include "date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define SECONDS 784111777 /* 1994-11-06 08:49:37 UTC */
#define DAY 784080000     /* 1994-11-06 00:00:00 UTC */

static void reads_the_forms_it_knows(void **state)
{
    static const struct {
        const char *date;
        int64_t seconds;
    } rows[] = {
        { "Sun, 06 Nov 1994 08:49:37 GMT", SECONDS },
        { "Sunday, 06-Nov-94 08:49:37 GMT", SECONDS },
        { "Sun Nov  6 08:49:37 1994", SECONDS },
        { "1994-11-06", DAY },
        { "19941106", DAY },
        { "1994-11-06T08:49:37", SECONDS },
        { "1994-11-06 08:49:37", SECONDS },
        { "1994-11-06T08:49:37Z", SECONDS },
        { "1994-11-06T08:49:37+00:00", SECONDS },
        { "1994-11-06T09:49:37+01:00", SECONDS },
        { "1994-11-05 23:19:37 -0930", SECONDS },
        { "1969-12-31T23:59:59Z", -1 },
        { "2024-02-29", 1709164800 },
    };
    int64_t seconds;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (!date_parse(rows[i].date, &seconds))
            fail_msg("'%s'", rows[i].date);
        if (seconds != rows[i].seconds)
            fail_msg("'%s': %lld", rows[i].date, (long long)seconds);
    }
}

static void refuses_everything_else(void **state)
{
    static const char *const rows[] = {
        "",
        "now",
        "yesterday",
        "1994",
        "1994-11",
        "1994-13-01",
        "2023-02-29",
        "1994-11-31",
        "06.11.1994",
        "1994-11-06T25:00:00Z",
        "1994-11-06x",
        "Sun, 06 Nov 1994 08:49:37",
        "784111777",
        "1994-11-06T08:49:37 Europe/Berlin",
    };
    int64_t seconds;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (date_parse(rows[i], &seconds))
            fail_msg("'%s' was taken for %lld", rows[i], (long long)seconds);
}

static void writes_the_form_of_http(void **state)
{
    struct text text = { 0 };

    (void)state;
    date_put_http(&text, SECONDS);
    assert_true(span_equals(text_span(&text), SPAN_LITERAL("Sun, 06 Nov 1994 08:49:37 GMT")));
    text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_forms_it_knows),
        cmocka_unit_test(refuses_everything_else),
        cmocka_unit_test(writes_the_form_of_http),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
