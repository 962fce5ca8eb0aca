/*
 * UTF-8: the first and the last sequence of each kind, and what lies just beside them.
 */
#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* In an allocation of its exact size. */
static bool is_valid(struct span text)
{
    char *copy = malloc(text.bytes ? text.bytes : 1);
    bool valid;

    assert_non_null(copy);
    memcpy(copy, text.data, text.bytes);
    valid = utf8_is_valid(span_of(copy, text.bytes));
    free(copy);
    return valid;
}

static void takes_what_is_well_formed(void **state)
{
    static const char *const good[] = {
        "",
        "plain",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "gr\xc3\xbc\xc3\x9f\xe2\x82\xac",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++)
        if (!is_valid(span_of_string(good[i])))
            fail_msg("row %zu was refused", i);
    assert_true(is_valid(span_of("a\0b", 3)));
}

static void refuses_what_is_not(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "a\xff",
        "\xfe",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x7f",
        "\xc2\xc0",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xe1\x80",
        "\xe1\x80\x7f",
        "\xe1\x80\xc0",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf1\x80\x80",
        "\xf1\x80\xc0\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xc3\xbc\xc3",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++)
        if (is_valid(span_of_string(bad[i])))
            fail_msg("row %zu was taken", i);
}

static void tells_the_length_of_the_first(void **state)
{
    (void)state;
    assert_int_equal(utf8_sequence(SPAN_LITERAL("ab")), 1);
    assert_int_equal(utf8_sequence(SPAN_LITERAL("\xc3\xbc!")), 2);
    assert_int_equal(utf8_sequence(SPAN_LITERAL("\xe2\x82\xac!")), 3);
    assert_int_equal(utf8_sequence(SPAN_LITERAL("\xf0\x9f\x98\x80")), 4);
    assert_int_equal(utf8_sequence(SPAN_LITERAL("\x80!")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_is_well_formed),
        cmocka_unit_test(refuses_what_is_not),
        cmocka_unit_test(tells_the_length_of_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
