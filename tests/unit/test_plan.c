/*
 * test_plan.c - what flags mean on the wire: fields, method, body, pins.
 */
#include "typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* "Name: value|Name: value" */
static void expect_fields(const struct made *made, const char *expected)
{
    struct span fields = text_span(&made->plan.fields);
    struct message_field field;
    struct text all = { 0 };

    while (message_next_field(&fields, &field)) {
        if (all.bytes)
            text_put_char(&all, '|');
        text_put_span(&all, field.name);
        text_put_literal(&all, ": ");
        text_put_span(&all, field.value);
    }
    if (!span_equals(text_span(&all), span_of_string(expected)))
        fail_msg("got '%.*s', not '%s'", (int)all.bytes, all.data, expected);
    text_deinit(&all);
}

#define AGENT "User-Agent: haul/" HAUL_VERSION
#define WORDS(...) ((const char *const[]){ __VA_ARGS__, "u", NULL })

static void builds_the_fields_curl_users_expect(void **state)
{
    const struct {
        const char *const *words;
        const char *fields;
    } rows[] = {
        { WORDS("get"), AGENT "|Accept: */*" },
        { WORDS("get", "-A", "me"), "User-Agent: me|Accept: */*" },
        { WORDS("get", "-A", ""), "Accept: */*" },
        { WORDS("get", "-H", "user-agent: x"), "user-agent: x|Accept: */*" },
        { WORDS("get", "-H", "Accept:"), AGENT },
        { WORDS("get", "-H", "X;"), "X: |" AGENT "|Accept: */*" },
        { WORDS("get", "-H", "X:"), AGENT "|Accept: */*" },
        { WORDS("get", "-H", "Expect:"), AGENT "|Accept: */*" },
        { WORDS("get", "-H", "A:  b:c;d \t"), "A: b:c;d|" AGENT "|Accept: */*" },
        { WORDS("get", "-H", "A: 1", "-H", "A: 2"), "A: 1|A: 2|" AGENT "|Accept: */*" },
        { WORDS("get", "-e", "http://r/"), AGENT "|Accept: */*|Referer: http://r/" },
        { WORDS("get", "-d", "x"),
          AGENT "|Accept: */*|Content-Type: application/x-www-form-urlencoded" },
        { WORDS("get", "-d", "x", "-H", "content-type: t/p"),
          "content-type: t/p|" AGENT "|Accept: */*" },
        { WORDS("get", "--json", "{}"),
          AGENT "|Accept: application/json|Content-Type: application/json" },
        { WORDS("get", "-G", "-d", "x"), AGENT "|Accept: */*" },
        { WORDS("get", "-u", "a:b:c"), "Authorization: Basic YTpiOmM=|" AGENT "|Accept: */*" },
        { WORDS("get", "--bearer", "t"), "Authorization: Bearer t|" AGENT "|Accept: */*" },
        { WORDS("get", "-u", "a:b", "-H", "Authorization: x"),
          "Authorization: x|" AGENT "|Accept: */*" },
        { WORDS("get", "-r", "0-99"), "Range: bytes=0-99|" AGENT "|Accept: */*" },
        { WORDS("get", "--compressed"),
          AGENT "|Accept: */*|Accept-Encoding: gzip, deflate, br, zstd" },
        { WORDS("get", "--compressed", "-H", "accept-encoding: br"),
          "accept-encoding: br|" AGENT "|Accept: */*" },
        { WORDS("get", "--compressed", "-H", "Accept-Encoding:"), AGENT "|Accept: */*" },
        { WORDS("get", "-z", "2024-01-02"),
          "If-Modified-Since: Tue, 02 Jan 2024 00:00:00 GMT|" AGENT "|Accept: */*" },
        { WORDS("get", "-z", "-20240102"),
          "If-Unmodified-Since: Tue, 02 Jan 2024 00:00:00 GMT|" AGENT "|Accept: */*" },
        { WORDS("get", "-z", "2024-01-02", "-H", "if-modified-since:"), AGENT "|Accept: */*" },
        { WORDS("get", "--etag-compare", "/dev/null"), AGENT "|Accept: */*" },
        { WORDS("get", "--etag-compare", "/nonexistent/etag"), AGENT "|Accept: */*" },
    };
    struct made made;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        user_types(&made, rows[i].words);
        if (!made.is_made)
            fail_msg("row %zu: %s", i, made.why);
        expect_fields(&made, rows[i].fields);
        assert_int_equal(made.plan.profile.header_count, made.plan.field_count);
        user_is_done(&made);
    }
}

static void continues_only_what_can_be_put_together(void **state)
{
    const struct {
        const char *const *words;
        const char *part; /* of why it is refused, NULL = it is not */
    } rows[] = {
        { WORDS("get", "-C", "-", "-o", "f"), NULL },
        { WORDS("get", "-C", "100", "-O"), NULL },
        { WORDS("batch", "-C", "-"), NULL },
        { WORDS("get", "-C", "-"), "-C needs a file" },
        { WORDS("get", "-C", "x", "-o", "f"), "-C takes - or a number" },
        { WORDS("get", "-C", "-1", "-o", "f"), "-C takes - or a number" },
        { WORDS("get", "-C", "-", "-o", "f", "-r", "0-1"), "exclude each other" },
        { WORDS("get", "-C", "-", "-o", "f", "-H", "range: bytes=0-1"), "exclude each other" },
        { WORDS("get", "-C", "-", "-o", "f", "-d", "x"), "-C is for GET" },
        { WORDS("get", "-C", "-", "-o", "f", "-I"), "-C is for GET" },
        { WORDS("get", "-C", "-", "-o", "f", "-i"), "does not go together" },
        { WORDS("get", "-C", "-", "-o", "f", "--skip-existing"), "does not go together" },
        { WORDS("get", "-C", "-", "-o", "f", "--compressed"), "does not go together" },
        { WORDS("get", "-C", "-", "-o", "f", "--hash", "xxh3"), "does not go together" },
    };
    struct made made;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        user_types(&made, rows[i].words);
        if (made.is_made == (rows[i].part != NULL))
            fail_msg("row %zu: %s", i, made.why ? made.why : "taken");
        if (rows[i].part)
            assert_non_null(strstr(made.why, rows[i].part));
        user_is_done(&made);
    }
}

static void takes_one_hash_for_one_url(void **state)
{
    static const char sha256[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const struct {
        const char *const *words;
        enum hash_kind kind;
        const char *part; /* of why it is refused, NULL = it is not */
    } rows[] = {
        { WORDS("batch"), HASH_NONE, NULL },
        { WORDS("batch", "--hash", "xxh3"), HASH_XXH3, NULL },
        { WORDS("get", "--expect-hash", sha256), HASH_SHA256, NULL },
        { WORDS("get", "--expect-hash", "xxh3:78af5f94892f3950"), HASH_XXH3, NULL },
        { WORDS("get", "--expect-hash", sha256, "--hash", "sha256"), HASH_SHA256, NULL },
        { WORDS("get", "--expect-hash", sha256, "--hash", "xxh3"), 0, "different kinds" },
        { WORDS("get", "--expect-hash", "md5:00"), 0, "--expect-hash takes sha256:" },
        { WORDS("get", "--expect-hash", sha256, "second"), 0, "for one URL" },
        { WORDS("batch", "--expect-hash", sha256, "-i", "x"), 0, "for one URL" },
    };
    struct made made;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        user_types(&made, rows[i].words);
        if (made.is_made == (rows[i].part != NULL))
            fail_msg("row %zu: %s", i, made.why ? made.why : "taken");
        if (rows[i].part)
            assert_non_null(strstr(made.why, rows[i].part));
        else
            assert_int_equal(made.plan.hash, rows[i].kind);
        user_is_done(&made);
    }
}

static void chooses_method_body_and_query(void **state)
{
    const struct {
        const char *const *words;
        const char *method;
        const char *body; /* NULL = none */
        const char *query;
    } rows[] = {
        { WORDS("get"), "", NULL, "" },
        { WORDS("get", "-I"), "HEAD", NULL, "" },
        { WORDS("get", "-d", ""), "POST", "", "" },
        { WORDS("get", "-d", "a=1", "-d", "b=2"), "POST", "a=1&b=2", "" },
        { WORDS("get", "-X", "PUT", "--data-raw", "@x"), "PUT", "@x", "" },
        { WORDS("get", "--data-urlencode", "n=a b&\xc3\xa4"), "POST", "n=a+b%26%C3%A4", "" },
        { WORDS("get", "--data-urlencode", "=a=b"), "POST", "a%3Db", "" },
        { WORDS("get", "--data-urlencode", "a b"), "POST", "a+b", "" },
        { WORDS("get", "--json", "[1,", "--json", "2]"), "POST", "[1,2]", "" },
        { WORDS("get", "-G", "-d", "a=1", "-d", "b"), "", NULL, "a=1&b" },
        { WORDS("get", "-I", "-G", "-d", "a"), "HEAD", NULL, "a" },
    };
    struct made made;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        user_types(&made, rows[i].words);
        if (!made.is_made)
            fail_msg("row %zu: %s", i, made.why);
        if (!span_equals(made.plan.method, span_of_string(rows[i].method)) ||
            made.plan.has_body != (rows[i].body != NULL) ||
            (rows[i].body &&
             !span_equals(text_span(&made.plan.body), span_of_string(rows[i].body))) ||
            !span_equals(text_span(&made.plan.query), span_of_string(rows[i].query)))
            fail_msg("row %zu", i);
        user_is_done(&made);
    }
}

static void public_only_is_said_to_the_daemon(void **state)
{
    struct made made;

    (void)state;
    user_types(&made, WORDS("batch", "--interface", "127.0.0.1", "--public-only"));
    assert_true(made.is_made);
    assert_int_equal(made.plan.profile.flags & WIRE_PROFILE_PUBLIC_ONLY, WIRE_PROFILE_PUBLIC_ONLY);
    user_is_done(&made);
    user_types(&made, WORDS("get"));
    assert_int_equal(made.plan.profile.flags & WIRE_PROFILE_PUBLIC_ONLY, 0);
    user_is_done(&made);
}

static void pins_say_where_to_connect(void **state)
{
    const struct {
        const char *const *words;
        const char *host;
        unsigned port;
        const char *to_host;
        unsigned to_port;
        bool to_is_address;
    } rows[] = {
        { WORDS("get", "--resolve", "a.test:80:127.0.0.1"), "a.test", 80, "127.0.0.1", 0, true },
        { WORDS("get", "--resolve", "a.test:80:[::1]"), "a.test", 80, "::1", 0, true },
        { WORDS("get", "--resolve", "a.test:80:::1"), "a.test", 80, "::1", 0, true },
        { WORDS("get", "--resolve", "[::2]:80:::1"), "::2", 80, "::1", 0, true },
        { WORDS("get", "--resolve", "*:80:10.0.0.1"), "", 80, "10.0.0.1", 0, true },
        { WORDS("get", "--resolve", "+a:80:10.0.0.1"), "a", 80, "10.0.0.1", 0, true },
        { WORDS("get", "--resolve", "a:80:10.0.0.1,[::1],::2"), "a", 80, "10.0.0.1,::1,::2", 0,
          true },
        { WORDS("get", "--resolve",
                "a:80:::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,"
                "::1,::1"),
          "a", 80, "::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1", 0, true },
        { WORDS("get", "--connect-to", "a:80:b:81"), "a", 80, "b", 81, false },
        { WORDS("get", "--connect-to", "a:80:b"), "a", 80, "b", 0, false },
        { WORDS("get", "--connect-to", "::b"), "", 0, "b", 0, false },
        { WORDS("get", "--connect-to", "a::b:"), "a", 0, "b", 0, false },
        { WORDS("get", "--connect-to", ":80:b:"), "", 80, "b", 0, false },
        { WORDS("get", "--connect-to", "::[::1]"), "", 0, "::1", 0, false },
        { WORDS("get", "--connect-to", ":::"), "", 0, "", 0, false },
        { WORDS("get", "--connect-to", "[::2]:80:[::1]:81"), "::2", 80, "::1", 81, false },
        { WORDS("get", "--connect-to", "::b:81"), "", 0, "b", 81, false },
        { WORDS("get", "--connect-to", "a:80::81"), "a", 80, "", 81, false },
        { WORDS("get", "--connect-to", "a:80:[::1]:"), "a", 80, "::1", 0, false },
    };
    struct made made;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct message_pin pin;
        struct span pins;

        user_types(&made, rows[i].words);
        if (!made.is_made)
            fail_msg("row %zu: %s", i, made.why);
        pins = text_span(&made.plan.pins);
        assert_true(message_next_pin(&pins, &pin));
        if (!span_equals(pin.host, span_of_string(rows[i].host)) || pin.port != rows[i].port ||
            !span_equals(pin.to_host, span_of_string(rows[i].to_host)) ||
            pin.to_port != rows[i].to_port || pin.to_is_address != rows[i].to_is_address)
            fail_msg("row %zu", i);
        assert_false(message_next_pin(&pins, &pin));
        user_is_done(&made);
    }
}

static void where_connect_to_leads_may_be_resolved(void **state)
{
    const struct {
        const char *const *words;
        const char *to_host;
        uint16_t to_port;
    } rows[] = {
        { WORDS("get", "--resolve", "b:81:10.0.0.1", "--connect-to", "a:80:b:81"), "10.0.0.1", 81 },
        { WORDS("get", "--resolve", "a:81:10.0.0.1", "--connect-to", "a:80::81"), "10.0.0.1", 81 },
        { WORDS("get", "--resolve", "B:80:10.0.0.1", "--connect-to", "a:80:b:"), "10.0.0.1", 80 },
        { WORDS("get", "--resolve", "*:81:10.0.0.1", "--connect-to", "::b:81"), "10.0.0.1", 81 },
        { WORDS("get", "--resolve", "b:81:10.0.0.1,::1", "--connect-to", "a:80:b:81"), "10.0.0.1",
          81 },
        { WORDS("get", "--resolve", "b:80:10.0.0.1", "--connect-to", "a:80:b:81"), "b", 81 },
        { WORDS("get", "--resolve", "a:80:10.0.0.1", "--connect-to", "a:80:b:81"), "b", 81 },
        { WORDS("get", "--resolve", "b:81:10.0.0.1", "--connect-to", "a:80:10.0.0.9:81"),
          "10.0.0.9", 81 },
    };
    struct message_pin pin;
    struct made made;
    struct span pins;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        user_types(&made, rows[i].words);
        pins = text_span(&made.plan.pins);
        assert_true(message_next_pin(&pins, &pin));
        if (!span_equals(pin.to_host, span_of_string(rows[i].to_host)) ||
            pin.to_port != rows[i].to_port)
            fail_msg("row %zu: %.*s:%u", i, (int)pin.to_host.bytes, pin.to_host.data, pin.to_port);
        assert_true(message_next_pin(&pins, &pin)); /* that of --resolve itself */
        assert_false(message_next_pin(&pins, &pin));
        user_is_done(&made);
    }
}

static void refuses_what_makes_no_sense(void **state)
{
    const struct {
        const char *const *words;
        const char *part;
    } rows[] = {
        { WORDS("get", "-H", "no colon"), "no field" },
        { WORDS("get", "-H", ": x"), "no field" },
        { WORDS("get", "-H", "a;b"), "no field" },
        { WORDS("get", "-H", "Host:"), "cannot be removed" },
        { WORDS("get", "-H", "content-length: "), "cannot be removed" },
        { WORDS("get", "--json", "1", "-d", "2"), "exclude" },
        { WORDS("get", "-I", "-d", "x"), "exclude" },
        { WORDS("get", "-u", "name"), "USER:PASSWORD" },
        { WORDS("get", "-u", "a:b", "--bearer", "t"), "exclude" },
        { WORDS("get", "-r", "x"), "FROM-TO" },
        { WORDS("get", "-r", "5"), "FROM-TO" },
        { WORDS("get", "-4", "-6"), "exclude" },
        { WORDS("get", "--public-only", "--unix-socket", "/s"), "exclude" },
        { WORDS("get", "-o", "f", "--discard"), "exclude" },
        { WORDS("get", "--inline", "--discard"), "exclude" },
        { WORDS("get", "-X", ""), "-X takes" },
        { WORDS("get", "--interface", "eth0"), "local address" },
        { WORDS("get", "--resolve", "a:80"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:0:1.2.3.4"), "--resolve takes" },
        { WORDS("get", "--resolve", "a::1.2.3.4"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:65536:1.2.3.4"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:1k:1.2.3.4"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:80:name"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:80:"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:80:1.2.3.4,"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:80:,1.2.3.4"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:80:1.2.3.4,name"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:80:1.2.3.4 5.6.7.8"), "--resolve takes" },
        { WORDS("get", "--resolve", "a:80:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"), "--resolve takes" },
        { WORDS("get", "--resolve",
                "a:80:::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,"
                "::1,::1,::1"),
          "--resolve takes" },
        { WORDS("get", "--resolve", "-a:80"), "--resolve takes" },
        { WORDS("get", "--connect-to", ""), "--connect-to takes" },
        { WORDS("get", "--connect-to", "a"), "--connect-to takes" },
        { WORDS("get", "--connect-to", "a:80"), "--connect-to takes" },
        { WORDS("get", "--connect-to", "a:x:b:80"), "--connect-to takes" },
        { WORDS("get", "--connect-to", "a:80:b:65536"), "--connect-to takes" },
        { WORDS("get", "--connect-to", "a:80:2001:db8::1:80"), "--connect-to takes" },
        { WORDS("get", "--connect-to", "a:80:b:x"), "--connect-to takes" },
    };
    struct made made;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        user_types(&made, rows[i].words);
        if (made.is_made || !made.why || !strstr(made.why, rows[i].part))
            fail_msg("row %zu: '%s'", i, made.why ? made.why : "taken");
        user_is_done(&made);
    }
}

static void gives_each_verb_its_defaults(void **state)
{
    struct made made;

    (void)state;
    user_types(&made, WORDS("batch"));
    assert_int_equal(made.plan.concurrency, 100);
    assert_int_equal(made.plan.profile.total_timeout_ns, 300000000000ull);
    assert_int_equal(made.plan.body_mode, WIRE_BODY_DISCARD);
    user_is_done(&made);
    user_types(&made, WORDS("get"));
    assert_int_equal(made.plan.concurrency, 1);
    assert_int_equal(made.plan.profile.total_timeout_ns, 0);
    assert_int_equal(made.plan.body_mode, WIRE_BODY_DATA);
    user_is_done(&made);
    user_types(&made, WORDS("batch", "--serial", "-c", "9"));
    assert_int_equal(made.plan.concurrency, 1);
    user_is_done(&made);
    user_types(&made, WORDS("batch", "--inline", "--max-body", "1G"));
    assert_int_equal(made.plan.profile.body_bytes_max, PLAN_INLINE_BYTES_MAX);
    user_is_done(&made);
}

static void rates_are_whole_microhertz(void **state)
{
    struct made made;

    (void)state;
    user_types(&made, (const char *[]){ "batch", "--rate", "100", "--rate-per-origin=6/m",
                                        "http://a/", NULL });
    assert_true(made.is_made);
    assert_int_equal(made.plan.rate_uhz, 100000000);
    assert_int_equal(made.plan.rate_per_origin_uhz, 100000);
    assert_int_equal(made.plan.profile.total_timeout_ns, 0); /* waiting is what was asked for */
    user_is_done(&made);
    user_types(&made, (const char *[]){ "batch", "--rate", "20/h", "-m", "7", "http://a/", NULL });
    assert_int_equal(made.plan.rate_uhz, 5555);
    assert_int_equal(made.plan.rate_per_origin_uhz, 0);
    assert_int_equal(made.plan.profile.total_timeout_ns, 7000000000ull);
    user_is_done(&made);
}

static void refuses_what_is_no_rate(void **state)
{
    static const char *const bad[] = { "0",   "-1",   "",    "fast",   "6/d",       "6 /m",
                                       "1/0", "100s", "1e3", "100/s ", "0.0000001", "inf" };

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        struct made made;
        char expected[160];

        (void)snprintf(expected, sizeof(expected),
                       "--rate-per-origin takes a rate, as 100, 100/s, 6/m or 20/h, more than "
                       "zero, not '%s'",
                       bad[i]);
        user_types(&made,
                   (const char *[]){ "batch", "--rate-per-origin", bad[i], "http://a/", NULL });
        assert_false(made.is_made);
        assert_string_equal(made.why, expected);
        user_is_done(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_the_fields_curl_users_expect),
        cmocka_unit_test(continues_only_what_can_be_put_together),
        cmocka_unit_test(takes_one_hash_for_one_url),
        cmocka_unit_test(chooses_method_body_and_query),
        cmocka_unit_test(public_only_is_said_to_the_daemon),
        cmocka_unit_test(pins_say_where_to_connect),
        cmocka_unit_test(where_connect_to_leads_may_be_resolved),
        cmocka_unit_test(refuses_what_makes_no_sense),
        cmocka_unit_test(gives_each_verb_its_defaults),
        cmocka_unit_test(rates_are_whole_microhertz),
        cmocka_unit_test(refuses_what_is_no_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
