/*
 * test_proxy.c - which proxy an origin is reached through, and what it is told.
 */
#include "proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

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

/* The list lies in memory of its own, so that a step beyond its end is seen. */
static bool list_has(const char *list, const char *host)
{
    struct url url = url_of(host);
    size_t bytes = strlen(list);
    char *copy = malloc(bytes + !bytes);
    bool has;

    memcpy(copy, list, bytes);
    has = proxy_list_has(span_of(copy, bytes), &url);
    free(copy);
    return has;
}

static void a_list_has_what_it_names(void **state)
{
    static const struct {
        const char *list;
        const char *host;
    } rows[] = {
        { "*", "a.test" },
        { "*", "[::1]" },
        { "a.test", "a.test" },
        { "A.Test", "a.test" },
        { "a.test", "https://A.TEST:8443/x" },
        { "a.test", "www.a.test" },
        { "a.test", "x.y.a.test" },
        { ".a.test", "www.a.test" },
        { ".a.test", "a.test" },
        { "a.test.", "a.test" },
        { "a.test", "a.test." },
        { ".a.test.", "www.a.test." },
        { "test", "a.test" },
        { "b.test,a.test", "a.test" },
        { "b.test, a.test", "a.test" },
        { "b.test a.test", "a.test" },
        { "  ,, ,a.test,", "a.test" },
        { "\ta.test\t", "a.test" },
        { "localhost", "localhost" },
        { "127.0.0.1", "127.0.0.1" },
        { "127.0.0.1", "127.1" },
        { "192.168.0.0/16", "192.168.255.1" },
        { "10.0.0.0/8,192.168.0.0/16", "192.168.0.1" },
        { "10.1.2.3/32", "10.1.2.3" },
        { "10.1.2.2/31", "10.1.2.3" },
        { "0.0.0.0/0", "8.8.8.8" },
        { "10.9.9.9/9", "10.0.0.1" },
        { "::1", "[::1]" },
        { "[::1]", "[::1]" },
        { "0:0::1", "[::1]" },
        { "fd00::/8", "[fdff::1]" },
        { "[fd00::]/8", "[fd12::1]" },
        { "2001:db8::/33", "[2001:db8:7fff::1]" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (!list_has(rows[i].list, rows[i].host))
            fail_msg("'%s' has not %s", rows[i].list, rows[i].host);
}

static void a_list_has_nothing_else(void **state)
{
    static const struct {
        const char *list;
        const char *host;
    } rows[] = {
        { "", "a.test" },
        { ",", "a.test" },
        { " ", "a.test" },
        { ".", "a.test" },
        { "..", "a.test" },
        { "a.test", "nota.test" }, /* a border of labels */
        { ".a.test", "nota.test" },
        { "www.a.test", "a.test" },
        { "a.test", "a.test.evil" },
        { "a.tes", "a.test" },
        { "*.test", "a.test" },
        { "*,b.test", "a.test" }, /* alone, or it means nothing */
        { "a.test:80", "a.test:80" },
        { "b.test;a.test", "a.test" },
        { "127.0.0.1", "127.0.0.2" },
        { "127.0.0.1", "1.127.0.0.1.nip.test" },
        { "0.0.1", "127.0.0.1" }, /* an address has no labels */
        { "127.0.0.1:80", "127.0.0.1:80" },
        { "192.168.0.0/16", "192.169.0.1" },
        { "10.1.2.2/31", "10.1.2.4" },
        { "10.0.0.0/33", "10.0.0.0" },
        { "10.0.0.0/", "10.0.0.0" },
        { "10.0.0.0/x", "10.0.0.0" },
        { "10.0.0.0/-1", "10.0.0.0" },
        { "10.0.0.0/08x", "10.0.0.0" },
        { "10.0.0.0/4294967304", "10.0.0.0" },
        { "10.0/8", "10.0.0.1" },
        { "/8", "10.0.0.1" },
        { "/", "10.0.0.1" },
        { "0.0.0.0/0", "[::1]" },
        { "::/0", "127.0.0.1" },
        { "0.0.0.0/0", "a.test" },
        { "::1", "[::2]" },
        { "::1/129", "[::1]" },
        { "fd00::/8", "[fe00::1]" },
        { "[::1", "[::1]" },
        { "::ffff:127.0.0.1", "127.0.0.1" },
        { "00000000000000000000000000000000000000000000000001.2.3.4", "1.2.3.4" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (list_has(rows[i].list, rows[i].host))
            fail_msg("'%s' has %s", rows[i].list, rows[i].host);
}

static struct proxies proxies_of(const char *http, const char *https, const char *no_proxy)
{
    struct message_profile message = { .proxy_http = span_of_string(http),
                                       .proxy_https = span_of_string(https),
                                       .no_proxy = span_of_string(no_proxy) };
    struct proxies proxies;

    assert_int_equal(proxies_init(&proxies, &message), 0);
    return proxies;
}

static void expect_choice(const struct proxies *proxies, const char *url, const char *host)
{
    struct url origin = url_of(url);
    const struct proxy *proxy = proxies_choose(proxies, &origin);

    if (!proxy != !host)
        fail_msg("%s goes %s", url, proxy ? "through a proxy" : "straight");
    if (proxy)
        assert_string_equal(proxy->url.host, host);
}

static void each_scheme_has_its_proxy(void **state)
{
    struct proxies proxies = proxies_of("http://p:1", "http://q:2", ".direct,10.0.0.0/8");

    (void)state;
    expect_choice(&proxies, "http://a.test", "p");
    expect_choice(&proxies, "https://a.test", "q");
    expect_choice(&proxies, "http://x.direct", NULL);
    expect_choice(&proxies, "https://10.1.1.1", NULL);
    proxies_deinit(&proxies);

    proxies = proxies_of("", "http://q:2", "");
    expect_choice(&proxies, "http://a.test", NULL);
    expect_choice(&proxies, "https://a.test", "q");
    proxies_deinit(&proxies);
}

static void a_login_becomes_a_field(void **state)
{
    struct proxies proxies = proxies_of("http://u:p@p", "http://a%40b:c%3a@q:1/", "");

    (void)state;
    assert_true(
        span_equals(proxies.http.fields, SPAN_LITERAL("Proxy-Authorization: Basic dTpw\r\n")));
    assert_true(
        span_equals(proxies.https.fields, SPAN_LITERAL("Proxy-Authorization: Basic YUBiOmM6\r\n")));
    assert_null(proxies.http.why);
    proxies_deinit(&proxies);
    proxies = proxies_of("http://p", "http://@q", "");
    assert_int_equal(proxies.http.fields.bytes + proxies.https.fields.bytes, 0);
    assert_null(proxies.text);
    proxies_deinit(&proxies);
}

/* The one that is good serves. */
static void a_proxy_that_is_none_says_why(void **state)
{
    static const char *const texts[] = {
        "proxy:3128", "socks5://p", "https://p", "http://", "http://p:0", "http://a%3ab:c@p", "x",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        struct proxies proxies = proxies_of(texts[i], "http://u:p@q", "");
        struct url origin = url_of("http://a.test");
        const struct proxy *proxy = proxies_choose(&proxies, &origin);

        assert_non_null(proxy);
        assert_non_null(proxy->why);
        assert_int_equal(proxy->fields.bytes, 0);
        assert_null(proxies.https.why);
        assert_true(proxies.https.fields.bytes > 0);
        proxies_deinit(&proxies);
    }
}

static void expect_connect(const char *url, const char *fields, const char *expected)
{
    char out[PROXY_CONNECT_BYTES_MAX];
    struct url target = url_of(url);
    size_t bytes = proxy_write_connect(&target, span_of_string(fields), NULL, 0);

    assert_int_equal(bytes, strlen(expected));
    out[0] = '-';
    assert_int_equal(proxy_write_connect(&target, span_of_string(fields), out, bytes - 1), bytes);
    assert_int_equal(out[0], '-');
    assert_int_equal(proxy_write_connect(&target, span_of_string(fields), out, bytes), bytes);
    if (!span_equals(span_of(out, bytes), span_of_string(expected)))
        fail_msg("%.*s", (int)bytes, out);
}

static void a_fault_on_the_way_to_a_proxy_names_it(void **state)
{
    static const struct {
        enum fault_code code;
        bool is_of_lookup;
        enum fault_code expected;
    } rows[] = {
        { FAULT_DNS_NOT_FOUND, true, FAULT_DNS_PROXY },
        { FAULT_DNS_FAILED, true, FAULT_DNS_PROXY },
        { FAULT_CONNECT_REFUSED, false, FAULT_CONNECT_REFUSED },
        { FAULT_CONNECT_UNREACHABLE, false, FAULT_CONNECT_UNREACHABLE },
        { FAULT_CONNECT_RESET, false, FAULT_CONNECT_RESET },
        { FAULT_TIMEOUT_DNS, true, FAULT_TIMEOUT_DNS },
        { FAULT_TIMEOUT_CONNECT, false, FAULT_TIMEOUT_CONNECT },
    };
    struct fault fault;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        fault = (struct fault){ .code = rows[i].code };
        proxy_blame(&fault, rows[i].is_of_lookup);
        assert_int_equal(fault.code, rows[i].expected);
        assert_non_null(strstr(fault.why ? fault.why : fault_message(fault.code), "proxy"));
    }
    fault = (struct fault){ .code = FAULT_TLS_VERIFY, .why = "words" };
    proxy_blame(&fault, false);
    assert_int_equal(fault.code, FAULT_TLS_VERIFY);
    assert_string_equal(fault.why, "words");
    fault = (struct fault){ .code = FAULT_DNS_NOT_FOUND, .why = "of the other IP version" };
    proxy_blame(&fault, false); /* a literal: nothing was looked up */
    assert_int_equal(fault.code, FAULT_DNS_PROXY);
    assert_string_equal(fault.why, "of the other IP version");
}

static void connect_names_the_port_always(void **state)
{
    (void)state;
    expect_connect("https://a.test/secret?x", "",
                   "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n");
    expect_connect("http://a.test:8080", "X: y\r\n",
                   "CONNECT a.test:8080 HTTP/1.1\r\nHost: a.test:8080\r\nX: y\r\n\r\n");
    expect_connect("https://u:p@[::1]", "",
                   "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n");
    expect_connect("https://127.1:1", "",
                   "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
}

static void the_longest_head_fits(void **state)
{
    static const char label[] = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz.";
    char text[WIRE_PROXY_BYTES_MAX], host[300] = "https://";
    char out[PROXY_CONNECT_BYTES_MAX];
    struct message_profile message = { .proxy_https = span_of(text, sizeof(text)) };
    struct proxies proxies;
    struct url target;

    (void)state;
    memset(text, 'u', sizeof(text));
    memcpy(text, "http://", 7);
    memcpy(text + sizeof(text) - 2, "@p", 2);
    assert_int_equal(proxies_init(&proxies, &message), 0);
    assert_null(proxies.https.why);
    for (unsigned i = 0; i < 4; i++)
        strcat(host, label);
    strcat(host, ":65535");
    target = url_of(host);
    assert_true(proxies.https.fields.bytes > 4096);
    assert_true(proxy_write_connect(&target, proxies.https.fields, out, sizeof(out)) <=
                sizeof(out));
    proxies_deinit(&proxies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_has_what_it_names),
        cmocka_unit_test(a_list_has_nothing_else),
        cmocka_unit_test(each_scheme_has_its_proxy),
        cmocka_unit_test(a_login_becomes_a_field),
        cmocka_unit_test(a_proxy_that_is_none_says_why),
        cmocka_unit_test(a_fault_on_the_way_to_a_proxy_names_it),
        cmocka_unit_test(connect_names_the_port_always),
        cmocka_unit_test(the_longest_head_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
