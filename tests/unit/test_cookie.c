/*
 * What a Set-Cookie field says, in every spelling that servers use, and what is none.
 */
#include "cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NOW UINT64_C(1700000000)
#define LATER UINT64_C(1798761600) /* 2027-01-01 */

/* From an allocation of the field's exact size, so that the sanitizer sees a read beyond it. */
static bool parse(const char *text, struct cookie *cookie, char **ret_copy)
{
    size_t bytes = strlen(text);

    *ret_copy = malloc(bytes + !bytes);
    assert_non_null(*ret_copy);
    memcpy(*ret_copy, text, bytes);
    return cookie_parse(span_of(*ret_copy, bytes), NOW, cookie);
}

static bool is(struct span span, const char *text)
{
    return span_equals(span, span_of_string(text));
}

static void reads_names_and_values(void **state)
{
    static const struct {
        const char *field;
        const char *name;
        const char *value;
    } rows[] = {
        { "a=1", "a", "1" },
        { "a=", "a", "" },
        { "a=;", "a", "" },
        { "a=1;", "a", "1" },
        { "a=1;;;", "a", "1" },
        { " \ta \t= \t1 \t;Path=/", "a", "1" },
        { "a=b=c==", "a", "b=c==" },
        { "a==", "a", "=" },
        { "a=\"b; c\"", "a", "\"b" }, /* quotes protect nothing */
        { "a=\"1\"", "a", "\"1\"" },
        { "a=1 2", "a", "1 2" },
        { "a b=1", "a b", "1" },
        { "a=1,b=2", "a", "1,b=2" },
        { "a=\xc3\xa9\xff", "a", "\xc3\xa9\xff" },
        { "\xc3\xa9=1", "\xc3\xa9", "1" },
        { "a=1; b=2", "a", "1" },
        { "expires=1", "expires", "1" }, /* the first part is never an attribute */
        { "a=%00%0d%0a", "a", "%00%0d%0a" },
        { "$Version=1", "$Version", "1" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct cookie cookie;
        char *copy;

        if (!parse(rows[i].field, &cookie, &copy))
            fail_msg("%s: refused", rows[i].field);
        if (!is(cookie.name, rows[i].name) || !is(cookie.value, rows[i].value))
            fail_msg("%s: '%.*s' '%.*s'", rows[i].field, (int)cookie.name.bytes, cookie.name.data,
                     (int)cookie.value.bytes, cookie.value.data);
        free(copy);
    }
}

static void refuses_fields_that_are_no_cookie(void **state)
{
    static const char *const fields[] = {
        "",
        " ",
        ";",
        "a",
        "a;",
        "a; Path=/",
        "; a=1",
        "=",
        "=1",
        " =1",
        "\t=1; Path=/",
        "Secure",
        /* control characters, wherever they are */
        "a=1\n",
        "a=1\r",
        "a=1\x01",
        "a=\x7f",
        "a\x0b=1",
        "\x1f=1",
        "a=1; Path=/\n",
        "a=1; Path=\r/",
        "a=1; X=\x08",
        "a=1; Secure\x7f",
        /* a tab inside what a file of cookies keeps */
        "a\tb=1",
        "a=1\t2",
        "a=1; Path=/a\tb",
        /* no host is written like this */
        "a=1; Domain=a.test/x",
        "a=1; Domain=a test",
        "a=1; Domain=a\ttest",
        "a=1; Domain=http://a.test",
        "a=1; Domain=\"a.test\"",
        "a=1; Domain=a,b",
        "a=1; Domain=[::1]",
        "a=1; Domain=\xc3\xa9.test",
        "a=1; Domain=*.test",
        "a=1; Domain=a%2etest",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(fields); i++) {
        struct cookie cookie = { .expires_s = 4711 };
        char *copy;

        if (parse(fields[i], &cookie, &copy))
            fail_msg("row %zu, '%s': taken", i, fields[i]);
        assert_int_equal(cookie.expires_s, 4711); /* nothing is written */
        free(copy);
    }
}

static void a_nul_is_a_control_character_too(void **state)
{
    struct cookie cookie;

    (void)state;
    assert_false(cookie_parse(span_of("a=1\0b", 5), NOW, &cookie));
    assert_false(cookie_parse(span_of("a=1; Path=/\0", 12), NOW, &cookie));
}

static void reads_attributes(void **state)
{
    static const struct {
        const char *field;
        const char *domain;
        const char *path;
        uint64_t expires_s;
        enum wire_same_site same_site;
        bool is_secure, is_http_only;
    } rows[] = {
        { "a=1", "", "", 0, 0, false, false },
        { "a=1; Domain=a.test; Path=/x; Secure; HttpOnly; SameSite=Lax; "
          "Expires=Fri, 01 Jan 2027 00:00:00 GMT",
          "a.test", "/x", LATER, WIRE_SAME_SITE_LAX, true, true },
        { "a=1;domain=A.Test;PATH=/X;secure;httponly;samesite=NONE", "A.Test", "/X", 0,
          WIRE_SAME_SITE_NONE, true, true },
        { "a=1; Domain =\ta.test ; Path\t= /x\t", "a.test", "/x", 0, 0, false, false },
        { "a=1; SameSite=Strict", "", "", 0, WIRE_SAME_SITE_STRICT, false, false },
        { "a=1; SameSite=Sometimes", "", "", 0, WIRE_SAME_SITE_UNSAID, false, false },
        { "a=1; SameSite", "", "", 0, WIRE_SAME_SITE_UNSAID, false, false },
        { "a=1; Secure=; HttpOnly=no", "", "", 0, 0, true, true }, /* a value does not matter */
        { "a=1; Securely; xHttpOnly; Unknown=1; =; ==", "", "", 0, 0, false, false },
        /* a dot before the domain */
        { "a=1; Domain=.a.test", "a.test", "", 0, 0, false, false },
        { "a=1; Domain=..a.test", ".a.test", "", 0, 0, false, false },
        { "a=1; Domain=.", "", "", 0, 0, false, false },
        { "a=1; Domain=", "", "", 0, 0, false, false },
        { "a=1; Domain", "", "", 0, 0, false, false },
        { "a=1; Domain=::1", "::1", "", 0, 0, false, false },
        /* no path */
        { "a=1; Path", "", "", 0, 0, false, false },
        { "a=1; Path=", "", "", 0, 0, false, false },
        { "a=1; Path=x/y", "", "", 0, 0, false, false },
        { "a=1; Path=\"/x\"", "", "", 0, 0, false, false },
        { "a=1; Path=/a=b?c", "", "/a=b?c", 0, 0, false, false },
        /* twice: the last one */
        { "a=1; Path=/x; Path=/y", "", "/y", 0, 0, false, false },
        { "a=1; Path=/x; Path=y", "", "", 0, 0, false, false },
        { "a=1; Domain=a.test; Domain=b.test", "b.test", "", 0, 0, false, false },
        { "a=1; Domain=a.test; Domain=", "", "", 0, 0, false, false },
        { "a=1; SameSite=Lax; SameSite=x", "", "", 0, WIRE_SAME_SITE_UNSAID, false, false },
        { "a=1; Max-Age=5; Max-Age=7", "", "", NOW + 7, 0, false, false },
        { "a=1; Max-Age=5; Max-Age=x", "", "", NOW + 5, 0, false, false },
        /* Max-Age before Expires, whatever the order */
        { "a=1; Max-Age=5; Expires=Fri, 01 Jan 2027 00:00:00 GMT", "", "", NOW + 5, 0, false,
          false },
        { "a=1; Expires=Fri, 01 Jan 2027 00:00:00 GMT; Max-Age=5", "", "", NOW + 5, 0, false,
          false },
        { "a=1; Expires=Fri, 01 Jan 2027 00:00:00 GMT; Max-Age=", "", "", LATER, 0, false, false },
        { "a=1; Expires=tomorrow", "", "", 0, 0, false, false },
        { "a=1; Expires", "", "", 0, 0, false, false },
        { "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "", "", COOKIE_LONG_AGO_S, 0, false,
          false },
        { "a=1; Max-Age=1", "", "", NOW + 1, 0, false, false },
        { "a=1; Max-Age=0", "", "", COOKIE_LONG_AGO_S, 0, false, false },
        { "a=1; Max-Age=-1", "", "", COOKIE_LONG_AGO_S, 0, false, false },
        { "a=1; Max-Age=-99999999999999999999999", "", "", COOKIE_LONG_AGO_S, 0, false, false },
        { "a=1; Max-Age=-", "", "", 0, 0, false, false },
        { "a=1; Max-Age=+5", "", "", 0, 0, false, false },
        { "a=1; Max-Age=5s", "", "", 0, 0, false, false },
        { "a=1; Max-Age=1.5", "", "", 0, 0, false, false },
        { "a=1; Max-Age=0x10", "", "", 0, 0, false, false },
        { "a=1; Max-Age=--5", "", "", 0, 0, false, false },
        { "a=1; Max-Age=99999999999999999999999999999", "", "", COOKIE_EXPIRY_S_MAX, 0, false,
          false },
        { "a=1; Max-Age=18446744073709551615", "", "", COOKIE_EXPIRY_S_MAX, 0, false, false },
        { "a=1; Max-Age=251702300799", "", "", COOKIE_EXPIRY_S_MAX, 0, false, false },
        { "a=1; Max-Age=251702300798", "", "", COOKIE_EXPIRY_S_MAX - 1, 0, false, false },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct cookie cookie;
        char *copy;

        if (!parse(rows[i].field, &cookie, &copy))
            fail_msg("%s: refused", rows[i].field);
        if (!is(cookie.domain, rows[i].domain) || !is(cookie.path, rows[i].path) ||
            cookie.expires_s != rows[i].expires_s || cookie.same_site != rows[i].same_site ||
            cookie.is_secure != rows[i].is_secure || cookie.is_http_only != rows[i].is_http_only ||
            cookie.is_host_only != (rows[i].domain[0] == '\0'))
            fail_msg("%s: domain '%.*s' path '%.*s' expires %llu site %d", rows[i].field,
                     (int)cookie.domain.bytes, cookie.domain.data, (int)cookie.path.bytes,
                     cookie.path.data, (unsigned long long)cookie.expires_s, cookie.same_site);
        free(copy);
    }
}

/* name=x..., with so many bytes of name and value. */
static char *sized(size_t bytes, const char *tail)
{
    char *field = malloc(bytes + strlen(tail) + 2);

    assert_non_null(field);
    memset(field, 'x', bytes + 1);
    field[1] = '=';
    strcpy(field + bytes + 1, tail);
    return field;
}

static void keeps_4096_bytes_of_name_and_value(void **state)
{
    struct cookie cookie;
    char *copy, *field;

    (void)state;
    field = sized(WIRE_COOKIE_BYTES_MAX, "; Path=/");
    assert_true(parse(field, &cookie, &copy));
    assert_int_equal(cookie.name.bytes + cookie.value.bytes, WIRE_COOKIE_BYTES_MAX);
    free(copy);
    free(field);
    field = sized(WIRE_COOKIE_BYTES_MAX + 1, "; Path=/");
    assert_false(parse(field, &cookie, &copy));
    free(copy);
    free(field);
    field = sized(WIRE_COOKIE_BYTES_MAX, "        \t; Path=/"); /* white space does not count */
    assert_true(parse(field, &cookie, &copy));
    free(copy);
    free(field);
}

static void ignores_an_attribute_of_more_than_1024_bytes(void **state)
{
    char field[1200] = "a=1; Path=/";
    size_t at = strlen(field);
    struct cookie cookie;
    char *copy;

    (void)state;
    memset(field + at, 'x', 1023);
    assert_true(parse(field, &cookie, &copy));
    assert_int_equal(cookie.path.bytes, 1024);
    free(copy);
    field[at + 1023] = 'x';
    assert_true(parse(field, &cookie, &copy));
    assert_int_equal(cookie.path.bytes, 0);
    free(copy);
}

static void says_what_can_be_kept(void **state)
{
    static const struct cookie good = { .name = SPAN_LITERAL("a"),
                                        .domain = SPAN_LITERAL("a.test"),
                                        .path = SPAN_LITERAL("/") };
    static char longest[WIRE_COOKIE_PATH_BYTES_MAX + 1];
    struct cookie cookie = good;

    (void)state;
    memset(longest, 'a', sizeof(longest));
    assert_true(cookie_is_valid(&cookie));
    cookie.domain = span_of(longest, WIRE_COOKIE_DOMAIN_BYTES_MAX);
    assert_true(cookie_is_valid(&cookie));
    cookie.domain.bytes++;
    assert_false(cookie_is_valid(&cookie));
    cookie = good;
    longest[0] = '/';
    cookie.path = span_of(longest, WIRE_COOKIE_PATH_BYTES_MAX);
    assert_true(cookie_is_valid(&cookie));
    cookie.path.bytes++;
    assert_false(cookie_is_valid(&cookie));
    cookie = good;
    cookie.name = SPAN_LITERAL("a=b");
    assert_false(cookie_is_valid(&cookie));
    cookie = good;
    cookie.expires_s = COOKIE_EXPIRY_S_MAX + 1;
    assert_false(cookie_is_valid(&cookie));
    cookie = good;
    cookie.same_site = WIRE_SAME_SITE_COUNT;
    assert_false(cookie_is_valid(&cookie));
    cookie = good;
    cookie.domain = SPAN_LITERAL("");
    assert_false(cookie_is_valid(&cookie));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_names_and_values),
        cmocka_unit_test(refuses_fields_that_are_no_cookie),
        cmocka_unit_test(a_nul_is_a_control_character_too),
        cmocka_unit_test(reads_attributes),
        cmocka_unit_test(keeps_4096_bytes_of_name_and_value),
        cmocka_unit_test(ignores_an_attribute_of_more_than_1024_bytes),
        cmocka_unit_test(says_what_can_be_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
