/*
 * test_url_resolve.c - what a Location means: RFC 3986 section 5.4, and what servers send instead.
 */
#include "url_expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Into an allocation of just the promised size, so that a sanitizer sees a byte too many. */
static bool resolve(const char *base_text, const char *reference_text, char **ret_text,
                    struct url_fault *ret_fault)
{
    struct span reference = span_of_string(reference_text);
    struct url base = parse_good(base_text);
    size_t bytes = 0;
    char *out = malloc(URL_RESOLVED_BYTES_MAX(&base, reference));
    bool good;

    assert_non_null(out);
    good = url_resolve(&base, reference, out, &bytes, ret_fault);
    *ret_text = NULL;
    if (good) {
        *ret_text = calloc(1, bytes + 1);
        assert_non_null(*ret_text);
        memcpy(*ret_text, out, bytes);
    }
    free(out);
    return good;
}

static void expect(const char *base, const char *reference, const char *expected)
{
    struct url_fault fault;
    char *text = NULL;

    assert_true(resolve(base, reference, &text, &fault));
    if (strcmp(text, expected) != 0)
        fail_msg("%s + %s: %s, not %s", base, reference, text, expected);
    free(text);
}

/* Scheme, authority and target as they are used, dot segments gone. */
static void expect_sent(const char *base, const char *reference, const char *expected)
{
    struct url_fault fault;
    char *text = NULL;
    char *sent;
    struct url url;
    size_t bytes;

    assert_true(resolve(base, reference, &text, &fault));
    url = parse_good(text);
    sent = calloc(1, strlen(text) * 3 + 64);
    assert_non_null(sent);
    bytes = strlen(strcpy(sent, url.scheme == URL_HTTPS ? "https://" : "http://"));
    bytes += url_write_authority(&url, sent + bytes, URL_AUTHORITY_BYTES_MAX);
    (void)url_write_target(&url, sent + bytes, strlen(text) * 3);
    if (strcmp(sent, expected) != 0)
        fail_msg("%s + %s: %s, not %s", base, reference, sent, expected);
    free(sent);
    free(text);
}

/* RFC 3986 section 5.4; the target as it is sent, without fragment. */
static void follows_the_examples_of_the_rfc(void **state)
{
    static const char *rows[][2] = {
        { "g", "http://a/b/c/g" },
        { "./g", "http://a/b/c/g" },
        { "g/", "http://a/b/c/g/" },
        { "/g", "http://a/g" },
        { "//g", "http://g/" },
        { "?y", "http://a/b/c/d;p?y" },
        { "g?y", "http://a/b/c/g?y" },
        { "#s", "http://a/b/c/d;p?q" },
        { "g#s", "http://a/b/c/g" },
        { "g?y#s", "http://a/b/c/g?y" },
        { ";x", "http://a/b/c/;x" },
        { "g;x", "http://a/b/c/g;x" },
        { "", "http://a/b/c/d;p?q" },
        { ".", "http://a/b/c/" },
        { "./", "http://a/b/c/" },
        { "..", "http://a/b/" },
        { "../", "http://a/b/" },
        { "../g", "http://a/b/g" },
        { "../..", "http://a/" },
        { "../../", "http://a/" },
        { "../../g", "http://a/g" },
        { "../../../g", "http://a/g" },
        { "../../../../g", "http://a/g" },
        { "/./g", "http://a/g" },
        { "/../g", "http://a/g" },
        { "g.", "http://a/b/c/g." },
        { ".g", "http://a/b/c/.g" },
        { "g..", "http://a/b/c/g.." },
        { "..g", "http://a/b/c/..g" },
        { "./../g", "http://a/b/g" },
        { "./g/.", "http://a/b/c/g/" },
        { "g/./h", "http://a/b/c/g/h" },
        { "g/../h", "http://a/b/c/h" },
        { "g;x=1/./y", "http://a/b/c/g;x=1/y" },
        { "g;x=1/../y", "http://a/b/c/y" },
        { "g?y/./x", "http://a/b/c/g?y/./x" },
        { "g?y/../x", "http://a/b/c/g?y/../x" },
        { "g#s/../x", "http://a/b/c/g" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_sent("http://a/b/c/d;p?q", rows[i][0], rows[i][1]);
}

static void keeps_what_the_reference_does_not_say(void **state)
{
    static const char *rows[][3] = {
        { "http://a", "b", "http://a/b" },
        { "http://a", "?b", "http://a?b" },
        { "http://a", "", "http://a" },
        { "http://a?x", "b", "http://a/b" },
        { "http://a:81/x", "/y", "http://a:81/y" },
        { "http://a:80/x", "/y", "http://a/y" },
        { "https://a/x", "//b:8/y", "https://b:8/y" },
        { "https://a:443/x", "y", "https://a/y" },
        { "https://a:80/x", "y", "https://a:80/y" },
        { "https://a/x", "http://b/", "http://b/" },
        { "http://a/x", "HTTPS://B/", "HTTPS://B/" },
        { "http://[::1]:81/x", "y", "http://[::1]:81/y" },
        { "http://[fe80::1%25eth0]/x", "y", "http://[fe80::1%25eth0]/y" },
        { "http://[fe80::1%25eth0]:81/x", "/y", "http://[fe80::1%25eth0]:81/y" },
        { "http://127.1/x", "y", "http://127.0.0.1/y" },
        { "http://a/x", "a b", "http://a/a b" }, /* encoded where it is sent */
        { "http://a/x", "\xc3\xbc", "http://a/\xc3\xbc" },
        { "http://a/x/", "/y:z", "http://a/y:z" },
        { "http://a/x/", "./y:z", "http://a/x/./y:z" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect(rows[i][0], rows[i][1], rows[i][2]);
}

/* RFC 9110 section 10.2.2. */
static void inherits_the_fragment(void **state)
{
    (void)state;
    expect("http://a/x#f", "y", "http://a/y#f");
    expect("http://a/x#f", "y#g", "http://a/y#g");
    expect("http://a/x#f", "y#", "http://a/y#");
    expect("http://a/x#", "y", "http://a/y#");
    expect("http://a/x#f", "http://b/", "http://b/#f");
    expect("http://a/x#f", "#g", "http://a/x#g");
}

static void does_not_take_over_who_asks(void **state)
{
    (void)state;
    expect("http://me:secret@a/x", "y", "http://a/y");
    expect("http://me:secret@a/x", "", "http://a/x");
    expect("http://me:secret@a/x", "//b/", "http://b/");
}

static void refuses_schemes_that_are_not_ours(void **state)
{
    static const char *rows[] = {
        "file:///etc/passwd", "FILE:/etc/passwd", "ftp://a/",    "gopher://a/1", "data:,x",
        "javascript:x()",     "mailto:a@b",       "unix:/run/x", "x:",           "a+b-c.1:x",
        "httpss://a/",        "http+unix://x/",   "ws://a/",     "g:h",          "about:blank",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url_fault fault;
        char *text;

        if (resolve("http://a/b", rows[i], &text, &fault))
            fail_msg("%s is taken: %s", rows[i], text);
        assert_int_equal(fault.code, FAULT_INPUT_SCHEME);
        assert_non_null(fault.why);
    }
}

static void refuses_a_scheme_without_an_authority(void **state)
{
    static const char *rows[] = { "http:", "http:x", "http:/x", "https:?x", "https:/", "HTTP:#" };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url_fault fault;
        char *text;

        if (resolve("http://a/b", rows[i], &text, &fault))
            fail_msg("%s is taken: %s", rows[i], text);
        assert_int_equal(fault.code, FAULT_INPUT_URL);
    }
}

/* url_parse is the judge of what came out. */
static void leaves_the_rest_to_the_parser(void **state)
{
    static const char *rows[] = { "//",       "///x",   "//a:b/",  "//a:0/",    "//a b/",
                                  "//a@b@c/", "//%41/", "http://", "http:///x", "/a\tb",
                                  "/a\rb",    "?a\nb",  "//\\x/" };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url_fault fault;
        struct url url;
        char *text;

        assert_true(resolve("http://a/b", rows[i], &text, &fault));
        if (url_parse(span_of_string(text), &url, &fault))
            fail_msg("%s is taken: %s", rows[i], text);
        free(text);
    }
}

static void writes_a_url_in_one_spelling(void **state)
{
    static const char *rows[][2] = {
        { "a", "http://a/" },
        { "HTTP://A", "http://a/" },
        { "https://a:443?q", "https://a/?q" },
        { "https://a:80/x", "https://a:80/x" },
        { "http://me:secret@a/x#f", "http://a/x#f" },
        { "http://a/b/../c/./d", "http://a/c/d" },
        { "http://a/b c?d e#f g", "http://a/b%20c?d%20e#f g" },
        { "http://a/\xc3\xbc", "http://a/%C3%BC" },
        { "http://127.1:8080", "http://127.0.0.1:8080/" },
        { "http://[0:0::1]", "http://[::1]/" },
        { "http://[fe80::1%25eth0]:81/x", "http://[fe80::1%25eth0]:81/x" },
        { "http://a#", "http://a/#" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url url = parse_good(rows[i][0]);
        char *out = malloc(URL_BYTES_MAX(&url));

        assert_non_null(out);
        expect_span(rows[i][0], span_of(out, url_write(&url, out)), rows[i][1]);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_examples_of_the_rfc),
        cmocka_unit_test(keeps_what_the_reference_does_not_say),
        cmocka_unit_test(inherits_the_fragment),
        cmocka_unit_test(does_not_take_over_who_asks),
        cmocka_unit_test(refuses_schemes_that_are_not_ours),
        cmocka_unit_test(refuses_a_scheme_without_an_authority),
        cmocka_unit_test(leaves_the_rest_to_the_parser),
        cmocka_unit_test(writes_a_url_in_one_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
