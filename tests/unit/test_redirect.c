/*
 * test_redirect.c - the table of RFC 9110 section 15.4, and where secrets may go.
 */
#include "redirect.h"

#include "url_expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void follows_five_statuses(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 1000; status++) {
        bool expected =
            status == 301 || status == 302 || status == 303 || status == 307 || status == 308;

        assert_int_equal(redirect_is_followed((uint16_t)status), expected);
    }
}

static void makes_a_get_where_the_table_says(void **state)
{
    static const struct {
        uint16_t status;
        const char *method;
        bool makes_get;
    } rows[] = {
        { 301, "", false },      { 301, "GET", false },    { 301, "HEAD", false },
        { 301, "POST", true },   { 301, "PUT", false },    { 301, "DELETE", false },
        { 302, "POST", true },   { 302, "PUT", false },    { 302, "HEAD", false },
        { 302, "post", false },  { 303, "POST", true },    { 303, "PUT", true },
        { 303, "DELETE", true }, { 303, "PATCH", true },   { 303, "HEAD", false },
        { 303, "GET", true },    { 307, "POST", false },   { 307, "PUT", false },
        { 308, "POST", false },  { 308, "DELETE", false }, { 200, "POST", false },
        { 300, "POST", false },  { 304, "POST", false },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (redirect_makes_get(rows[i].status, span_of_string(rows[i].method)) != rows[i].makes_get)
            fail_msg("%u %s", rows[i].status, rows[i].method);
}

static bool keeps(const char *from_text, const char *to_text)
{
    struct url from = parse_good(from_text);
    char zone[URL_ZONE_BYTES_MAX];
    struct url to;

    if (from.zone.bytes) { /* the text it points into is gone with the next parse */
        memcpy(zone, from.zone.data, from.zone.bytes);
        from.zone.data = zone;
    }
    to = parse_good(to_text);
    return redirect_keeps_origin(&from, &to);
}

static void knows_an_origin_in_every_spelling(void **state)
{
    (void)state;
    assert_true(keeps("http://a/x", "http://A:80/y?z#f"));
    assert_true(keeps("https://a/x", "https://a:443/"));
    assert_true(keeps("http://127.0.0.1/", "http://0x7f.1/"));
    assert_true(keeps("http://[::1]/", "http://[0:0:0:0:0:0:0:1]/"));
    assert_true(keeps("http://u:p@a/", "http://a/"));
    assert_true(keeps("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/x"));
}

static void tells_origins_apart(void **state)
{
    (void)state;
    assert_false(keeps("http://a/", "https://a/"));
    assert_false(keeps("https://a/", "http://a/"));
    assert_false(keeps("http://a/", "http://a:81/"));
    assert_false(keeps("http://a:443/", "https://a/"));
    assert_false(keeps("http://a/", "http://b/"));
    assert_false(keeps("http://a/", "http://a./"));
    assert_false(keeps("http://a/", "http://x.a/"));
    assert_false(keeps("http://x.a/", "http://a/"));
    assert_false(keeps("http://a.test/", "http://a.test.evil.test/"));
    assert_false(keeps("http://127.0.0.1/", "http://localhost/"));
    assert_false(keeps("http://127.0.0.1/", "http://[::ffff:127.0.0.1]/"));
    assert_false(keeps("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth1]/"));
    assert_false(keeps("http://[fe80::1]/", "http://[fe80::1%25eth1]/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_five_statuses),
        cmocka_unit_test(makes_a_get_where_the_table_says),
        cmocka_unit_test(knows_an_origin_in_every_spelling),
        cmocka_unit_test(tells_origins_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
