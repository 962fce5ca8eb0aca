/*
 * test_basic.c - the login of a URL, as the Basic scheme writes it, or why it cannot.
 */
#include "basic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct url url_of(const char *text)
{
    struct url_fault fault;
    struct url url;

    if (!url_parse(span_of_string(text), &url, &fault))
        fail_msg("%s: %s", text, fault.why);
    return url;
}

static void writes_user_and_password(void **state)
{
    static const struct {
        const char *url;
        const char *expected;
    } rows[] = {
        { "http://u:p@a/", "Basic dTpw" },       { "http://u@a/", "Basic dTo=" },
        { "http://u:@a/", "Basic dTo=" },        { "http://:p@a/", "Basic OnA=" },
        { "http://u:p:q@a/", "Basic dTpwOnE=" }, { "http://a%40b:c%3Ad@a/", "Basic YUBiOmM6ZA==" },
        { "http://%ff:%20@a/", "Basic /zog" },   { "http://100%25:zz@a/", "Basic MTAwJTp6eg==" },
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url url = url_of(rows[i].url);
        size_t bytes = basic_write(&url, out, sizeof(out));

        assert_true(basic_is_given(&url));
        assert_null(basic_check(&url));
        if (!span_equals(span_of(out, bytes), span_of_string(rows[i].expected)))
            fail_msg("%s: %.*s", rows[i].url, (int)bytes, out);
    }
}

static void writes_nothing_where_it_does_not_fit(void **state)
{
    struct url url = url_of("http://user:password@a/");
    char out[64];
    size_t bytes = basic_write(&url, NULL, 0);

    (void)state;
    assert_int_equal(bytes, 6 + 20);
    memset(out, '-', sizeof(out));
    for (size_t room = 0; room < bytes; room++) {
        assert_int_equal(basic_write(&url, out, room), bytes);
        assert_int_equal(out[0], '-');
    }
    assert_int_equal(basic_write(&url, out, bytes), bytes);
    assert_int_equal(out[bytes], '-');
}

/* The URL parser stops most of these before; the check does not count on it. */
static void refuses_what_basic_cannot_carry(void **state)
{
    static const struct {
        const char *user;
        const char *password;
    } rows[] = {
        { "a%3Ab", "c" }, { "%3A", "" },       { "u%0d%0aX:p", "" }, { "u", "p%0a" },
        { "u", "%00" },   { "u%7f", "p" },     { "u", "%7F" },       { "%09", "p" },
        { "u\n", "p" },   { "u", "\r\nX: y" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url url = url_of("http://a/");

        url.user = span_of_string(rows[i].user);
        url.password = span_of_string(rows[i].password);
        if (!basic_check(&url))
            fail_msg("%s and %s are taken", rows[i].user, rows[i].password);
    }
}

static void has_nothing_to_say_without_a_login(void **state)
{
    static const char *const urls[] = { "http://a/", "http://@a/", "http://:@a/" };

    (void)state;
    for (size_t i = 0; i < ROWS(urls); i++) {
        struct url url = url_of(urls[i]);

        assert_false(basic_is_given(&url));
        assert_null(basic_check(&url));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_user_and_password),
        cmocka_unit_test(writes_nothing_where_it_does_not_fit),
        cmocka_unit_test(refuses_what_basic_cannot_carry),
        cmocka_unit_test(has_nothing_to_say_without_a_login),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
