/*
 * test_url.c - what the one URL parser takes, what it refuses, and what it makes of the rest.
 */
#include "url_expect.h"
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void splits_a_url_into_its_parts(void **state)
{
    struct url url = parse_good("HTTPS://us%20er:pa:ss@Example.COM:8443/a/b;c?d=e?f/g#h#i?j");

    (void)state;
    assert_int_equal(url.scheme, URL_HTTPS);
    assert_int_equal(url.host_kind, URL_HOST_NAME);
    assert_string_equal(url.host, "example.com");
    assert_int_equal(url.host_bytes, 11);
    assert_int_equal(url.port, 8443);
    assert_false(url.port_is_default);
    expect_span("user", url.user, "us%20er");
    expect_span("password", url.password, "pa:ss");
    expect_span("target", url.target, "/a/b;c?d=e?f/g");
    expect_span("path", url.path, "/a/b;c");
    expect_span("query", url.query, "d=e?f/g");
    expect_span("fragment", url.fragment, "h#i?j");
    assert_int_equal(url.zone.bytes, 0);
    assert_true(url.target_is_plain);
}

static void tells_absent_parts_from_empty_ones(void **state)
{
    struct url url = parse_good("http://a");

    (void)state;
    expect_span("user", url.user, NULL);
    expect_span("password", url.password, NULL);
    expect_span("query", url.query, NULL);
    expect_span("fragment", url.fragment, NULL);
    assert_int_equal(url.target.bytes, 0);
    url = parse_good("http://@a?#");
    expect_span("user", url.user, "");
    expect_span("password", url.password, NULL);
    expect_span("query", url.query, "");
    expect_span("fragment", url.fragment, "");
    expect_span("target", url.target, "?");
    url = parse_good("http://:@a/");
    expect_span("user", url.user, "");
    expect_span("password", url.password, "");
}

static void fragment_hides_an_at_sign(void **state)
{
    struct url url = parse_good("http://a#@b/");

    (void)state;
    assert_string_equal(url.host, "a");
    expect_span("user", url.user, NULL);
    expect_span("fragment", url.fragment, "@b/");
    expect_target("http://a#@b/", "/");
}

static void writes_the_authority_of_each_kind(void **state)
{
    (void)state;
    expect_authority("http://Example.com", "example.com");
    expect_authority("http://example.com:80", "example.com");
    expect_authority("https://example.com:80", "example.com:80");
    expect_authority("https://example.com:443", "example.com");
    expect_authority("http://u:p@example.com:65535", "example.com:65535");
    expect_authority("http://example.com.:8", "example.com.:8");
    expect_authority("http://127.1:8080", "127.0.0.1:8080");
    expect_authority("https://[::1]", "[::1]");
    expect_authority("http://" NAME_253 ".:65535", NAME_253 ".:65535");
}

struct target_row {
    const char *rest;
    const char *target;
};

static void writes_the_target_in_origin_form(void **state)
{
    static const struct target_row rows[] = {
        { "", "/" },
        { "/", "/" },
        { "?", "/?" },
        { "?q", "/?q" },
        { "#f", "/" },
        { "?q#f", "/?q" },
        { "/a?b#c", "/a?b" },
        { "/a b", "/a%20b" },
        { "/a?b c", "/a?b%20c" },
        { "? ?#", "/?%20?" },
        { "/\xc3\xa9?\xff", "/%C3%A9?%FF" },
        { "/\x80", "/%80" },
        { "/%zz%4%", "/%zz%4%" },
        { "/%2f%2F%20", "/%2f%2F%20" },
        { "/\"<>\\^`{|}[]", "/\"<>\\^`{|}[]" },
        { "//", "//" },
        { "//a//b//", "//a//b//" },
        /* dot segments */
        { "/.", "/" },
        { "/..", "/" },
        { "/./", "/" },
        { "/../", "/" },
        { "/a/.", "/a/" },
        { "/a/..", "/" },
        { "/a/b/..", "/a/" },
        { "/a/b/../", "/a/" },
        { "/a/./b", "/a/b" },
        { "/a/../b", "/b" },
        { "/../../b", "/b" },
        { "/a/../../../b/c", "/b/c" },
        { "/a/b/c/../../d", "/a/d" },
        { "/a/b/../c/../d", "/a/d" },
        { "/../a/../b", "/b" },
        { "/a//../b", "/a/b" },
        { "/a/..//b", "//b" },
        { "/a/../\xe9 ?x/../y", "/%E9%20?x/../y" },
        { "/a?b/../c", "/a?b/../c" },
        { "/a/b/c/./../../g", "/a/g" }, /* RFC 3986 section 5.2.4 */
        { "/.../..a/.b/a../a./...", "/.../..a/.b/a../a./..." },
        { "/%2e%2e/a/%2E", "/%2e%2e/a/%2E" },
        { "/a/..?", "/?" },
        { "/..#/../", "/" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[128];

        (void)snprintf(text, sizeof(text), "http://h%s", rows[i].rest);
        expect_target(text, rows[i].target);
        (void)snprintf(text, sizeof(text), "http://h%s", rows[i].target);
        expect_target(text, rows[i].target); /* what is sent stays as it is */
    }
}

/* Hosts and userinfo: CASES H01 to H06 and E05. All are FAULT_INPUT_URL. */
/* clang-format off */
static const char *const refused_authorities[] = {
    /* no host */
    "", " ", "http://", "http:///x", "http:////x", "http://?q", "http://#f", "http://:80/",
    "http://u@", "http://u:p@:80/", "http://@", "/x", "//a/x", "?", "#", ":", "://a", "://",
    /* not quite a scheme */
    "http:", "http:/a", "http:/a:80/", "http:a", "1http://a", "ht_tp://a", "file:/etc/passwd", "a:",
    "a:/x",
    /* ports */
    "http://a:0/", "http://a:000/", "http://a:65536/", "http://a:99999999999/",
    "http://a:18446744073709551696/", "http://a:80x/", "http://a:x80/", "http://a:+80/",
    "http://a:-1/", "http://a: 80/", "http://a:80 /", "http://a:8%30/", "http://a:80:80/",
    "http://a::80/", "http://a:0x50/", "http://[::1]:80:80/", "http://[::1]x/", "http://[::1]80/",
    "http://[::1].a/", "http://[::1]:0/",
    /* userinfo */
    "http://u p@a/", "http://u\tp@a/", "http://\xc3\xa9@a/", "http://u%@a/", "http://u%4@a/",
    "http://u%zz@a/", "http://u%00@a/", "http://u%0d%0a@a/", "http://u:%7f@a/", "http://<@a/",
    "http://[::1]@a/", "http://\"@a/",
};
/* clang-format on */

static void refuses_what_is_no_clear_authority(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused_authorities); i++)
        expect_refused(span_of_string(refused_authorities[i]), FAULT_INPUT_URL);
}

static void refuses_control_bytes_anywhere(void **state)
{
    static const char *const places[] = { "\x01http://a/",    "h\x01://a/",      "http://\x01/",
                                          "http://u\x01@a/",  "http://a:8\x01/", "http://a/\x01",
                                          "http://a/?\x01",   "http://a/#\x01",  "http://a?\x01#x",
                                          "http://[::1\x01]/" };

    (void)state;
    for (size_t i = 0; i < ROWS(places); i++) {
        for (unsigned byte = 0; byte < 0x80; byte++) {
            char text[32];

            if (byte >= ' ' && byte != 0x7f)
                continue;
            (void)snprintf(text, sizeof(text), "%s", places[i]);
            *strchr(text, '\x01') = (char)byte;
            expect_refused(span_of(text, strlen(places[i])), FAULT_INPUT_URL);
        }
    }
}

static void refuses_white_space_around_the_text(void **state)
{
    (void)state;
    expect_refused(SPAN_LITERAL(" http://a/"), FAULT_INPUT_URL);
    expect_refused(SPAN_LITERAL("http://a/ "), FAULT_INPUT_URL);
    expect_refused(SPAN_LITERAL("http://a/x?y "), FAULT_INPUT_URL);
    expect_refused(SPAN_LITERAL("http://a/#z "), FAULT_INPUT_URL);
    expect_refused(SPAN_LITERAL("http://a/\n"), FAULT_INPUT_URL);
    expect_refused(SPAN_LITERAL("\thttp://a/"), FAULT_INPUT_URL);
    expect_refused(SPAN_LITERAL("http://a/\0"), FAULT_INPUT_URL);
}

static void refuses_other_schemes_by_name(void **state)
{
    static const char *const rows[] = { "ftp://a/",    "file:///etc/passwd", "httpx://a/",
                                        "httpss://a/", "htt://a/",           "unix://a",
                                        "a.b://c",     "h2+c-1.0://a",       "gopher://" };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect_refused(span_of_string(rows[i]), FAULT_INPUT_SCHEME);
        assert_true(url_has_scheme(span_of_string(rows[i])));
    }
}

static void knows_a_scheme_only_by_its_slashes(void **state)
{
    (void)state;
    assert_true(url_has_scheme(SPAN_LITERAL("http://")));
    assert_true(url_has_scheme(SPAN_LITERAL("x://y")));
    assert_false(url_has_scheme(SPAN_LITERAL("")));
    assert_false(url_has_scheme(SPAN_LITERAL("://")));
    assert_false(url_has_scheme(SPAN_LITERAL("host:80/x")));
    assert_false(url_has_scheme(SPAN_LITERAL("http:/")));
    assert_false(url_has_scheme(SPAN_LITERAL("http:")));
    assert_false(url_has_scheme(SPAN_LITERAL("http")));
    assert_false(url_has_scheme(SPAN_LITERAL("1x://y")));
    assert_false(url_has_scheme(SPAN_LITERAL("a/b://c")));
    assert_false(url_has_scheme(span_of("x://", 3)));
}

static void refuses_a_url_over_the_limit(void **state)
{
    char *text = malloc(WIRE_URL_BYTES_MAX + 1);
    struct url url;
    struct url_fault fault;

    (void)state;
    assert_non_null(text);
    memset(text, 'u', WIRE_URL_BYTES_MAX + 1);
    memcpy(text, "http://a/", 9);
    assert_true(parse(span_of(text, WIRE_URL_BYTES_MAX), &url, &fault));
    assert_int_equal(url.path.bytes, WIRE_URL_BYTES_MAX - 8);
    expect_refused(span_of(text, WIRE_URL_BYTES_MAX + 1), FAULT_INPUT_TOO_BIG);
    text[8] = 'u'; /* a host of 64 KiB */
    expect_refused(span_of(text, WIRE_URL_BYTES_MAX), FAULT_INPUT_URL);
    memcpy(text + WIRE_URL_BYTES_MAX - 2, "@b", 2); /* a user name of 64 KiB */
    assert_true(parse(span_of(text, WIRE_URL_BYTES_MAX), &url, &fault));
    assert_string_equal(url.host, "b");
    expect_refused(span_of(text, WIRE_URL_BYTES_MAX + 1), FAULT_INPUT_TOO_BIG);
    free(text);
}

/* Goal: no reader of a part sees bytes of another. Every prefix of a full URL is parsed in an
 * allocation of its own size. */
static void reads_no_byte_beyond_any_prefix(void **state)
{
    static const char *const texts[] = {
        "https://u%41:p@[2001:db8::1.2.3.4%25eth0]:8443/a/../b?c#d", "http://0x7f.0.0.1:80/%41/./%",
        "a.b.:8/..?%"
    };

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        for (size_t bytes = 0; bytes <= strlen(texts[i]); bytes++) {
            struct url url;
            struct url_fault fault;

            if (!parse(span_of(texts[i], bytes), &url, &fault)) {
                assert_non_null(fault.why);
                continue;
            }
            assert_int_equal(url.host[url.host_bytes], 0);
            assert_int_equal(strlen(url.host), url.host_bytes);
            assert_true(url_write_target(&url, NULL, 0) > 0);
        }
    }
}

/* The reason names what is wrong first, not what follows from it. */
static void says_why_it_refuses(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        { "", "the URL is empty" },
        { " http://a/", "there is white space around the URL" },
        { "http://a/ ", "there is white space around the URL" },
        { "http://a\\@b/", "there is a backslash before the path of the URL" },
        { "http://a\tb/", "there is a control character in the URL" },
        { "http://a/\r\nb", "there is a control character in the URL" },
        { "http://a@b@c/", "there is a second '@' before the path; write it as %40" },
        { "http://::1/", "there is more than one colon; an IPv6 address must stand in brackets" },
        { "http:///x", "there is no host" },
        { "http:/x", "a colon without '//' must be followed by a port number" },
        { "http://a:0/", "the port is not a number from 1 to 65535" },
        { "http://a%00b/", "a host cannot be percent-encoded" },
        { "http://a b/", "there is a space in the host" },
        { "http://1.2.3.4.5/", "the host ends in a number but is not an IPv4 address" },
        { "http://[fe80::1%eth0]/", "the zone of an IPv6 address must be written %25zone" },
        { "http://[v1.x]/", "addresses of the IPvFuture form are not supported" },
        { "http://[::1/", "the bracket of the IPv6 address is not closed" },
        { "ftp://a/", "the scheme is neither http nor https" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url url;
        struct url_fault fault;

        assert_false(parse(span_of_string(rows[i].text), &url, &fault));
        assert_string_equal(fault.why, rows[i].why);
    }
}

static void decodes_percent_escapes(void **state)
{
    static const struct target_row rows[] = {
        { "", "" },         { "a", "a" },       { "%41", "A" },         { "%c3%A9", "\xc3\xa9" },
        { "%", "%" },       { "%4", "%4" },     { "%zz", "%zz" },       { "%%41", "%A" },
        { "%4%31", "%41" }, { "%2525", "%25" }, { "a%20b+c", "a b+c" },
    };
    char nul[3];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct span text = span_of_string(rows[i].rest);
        char out[16];

        expect_span(rows[i].rest, span_of(out, url_percent_decode(text, out)), rows[i].target);
    }
    assert_int_equal(url_percent_decode(SPAN_LITERAL("%00"), nul), 1);
    assert_int_equal(nul[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_a_url_into_its_parts),
        cmocka_unit_test(tells_absent_parts_from_empty_ones),
        cmocka_unit_test(fragment_hides_an_at_sign),
        cmocka_unit_test(writes_the_authority_of_each_kind),
        cmocka_unit_test(writes_the_target_in_origin_form),
        cmocka_unit_test(refuses_what_is_no_clear_authority),
        cmocka_unit_test(refuses_control_bytes_anywhere),
        cmocka_unit_test(refuses_white_space_around_the_text),
        cmocka_unit_test(refuses_other_schemes_by_name),
        cmocka_unit_test(knows_a_scheme_only_by_its_slashes),
        cmocka_unit_test(refuses_a_url_over_the_limit),
        cmocka_unit_test(reads_no_byte_beyond_any_prefix),
        cmocka_unit_test(says_why_it_refuses),
        cmocka_unit_test(decodes_percent_escapes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
