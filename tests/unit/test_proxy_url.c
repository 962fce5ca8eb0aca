/*
 * test_proxy_url.c - what names a proxy, and what does not.
 */
#include "proxy_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* In a block of its own without a NUL, so that a step beyond its end is seen. */
static bool parse(const char *text, struct url *url, struct url_fault *fault, char **ret_copy)
{
    size_t bytes = strlen(text);

    *ret_copy = malloc(bytes + !bytes);
    memcpy(*ret_copy, text, bytes);
    return proxy_url_parse(span_of(*ret_copy, bytes), url, fault);
}

static void takes_what_curl_users_write(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
        const char *user;
        const char *password;
    } rows[] = {
        { "http://proxy", "proxy", 1080, "", "" },
        { "http://proxy:3128", "proxy", 3128, "", "" },
        { "http://proxy:80", "proxy", 80, "", "" },
        { "http://proxy:", "proxy", 1080, "", "" },
        { "HTTP://Proxy:8080/", "proxy", 8080, "", "" },
        { "http://proxy/a:b/c?d:1#e", "proxy", 1080, "", "" },
        { "http://proxy?x:1", "proxy", 1080, "", "" },
        { "http://u:p@proxy", "proxy", 1080, "u", "p" },
        { "http://u:80@proxy", "proxy", 1080, "u", "80" },
        { "http://u:p%40@proxy:1", "proxy", 1, "u", "p%40" },
        { "http://u@proxy:65535", "proxy", 65535, "u", "" },
        { "http://127.0.0.1", "127.0.0.1", 1080, "", "" },
        { "http://[::1]", "::1", 1080, "", "" },
        { "http://[::1]:80", "::1", 80, "", "" },
        { "http://[fe80::1%25lo]:3128", "fe80::1", 3128, "", "" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url_fault fault = { 0 };
        struct url url;
        char *copy;

        if (!parse(rows[i].text, &url, &fault, &copy))
            fail_msg("%s: %s", rows[i].text, fault.why);
        assert_string_equal(url.host, rows[i].host);
        if (url.port != rows[i].port)
            fail_msg("%s: port %u", rows[i].text, url.port);
        assert_true(span_equals(url.user, span_of_string(rows[i].user)));
        assert_true(span_equals(url.password, span_of_string(rows[i].password)));
        free(copy);
    }
}

static void refuses_what_is_no_http_proxy_and_says_which(void **state)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "", "http://HOST:PORT" },
        { "proxy:3128", "http://HOST:PORT" },
        { "://proxy", "http://HOST:PORT" },
        { "ftp://proxy", "http://HOST:PORT" },
        { "httpx://proxy", "http://HOST:PORT" },
        { "socks4://proxy", "SOCKS" },
        { "socks4a://proxy", "SOCKS" },
        { "socks5://proxy", "SOCKS" },
        { "socks5h://proxy:9050", "SOCKS" },
        { "SOCKS5://proxy", "SOCKS" },
        { "https://proxy:443", "TLS" },
        { "http://", "" },
        { "http://:3128", "" },
        { "http:///", "" },
        { "http://proxy:0", "port" },
        { "http://proxy:65536", "port" },
        { "http://proxy:x", "port" },
        { "http://pro xy", "" },
        { "http://pro\nxy", "" },
        { "http://proxy\r\nX: y", "" },
        { "http://u:p@q@proxy", "" },
        { "http://u:p@", "" },
        { "http://[::1", "" },
        { "http://[::1]x", "" },
        { "http://1.2.3.4.5", "" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url_fault fault = { 0 };
        struct url url;
        char *copy;

        if (parse(rows[i].text, &url, &fault, &copy))
            fail_msg("'%s' is taken", rows[i].text);
        assert_int_equal(fault.code, FAULT_INPUT_ARGUMENT);
        if (!strstr(fault.why, rows[i].says))
            fail_msg("'%s': %s", rows[i].text, fault.why);
        free(copy);
    }
}

static void tells_the_scheme(void **state)
{
    (void)state;
    assert_true(span_equals(proxy_url_scheme(SPAN_LITERAL("http://a")), SPAN_LITERAL("http")));
    assert_true(span_equals(proxy_url_scheme(SPAN_LITERAL("://a")), SPAN_LITERAL("")));
    assert_null(proxy_url_scheme(SPAN_LITERAL("a:1")).data);
    assert_null(proxy_url_scheme(SPAN_LITERAL("a:/")).data);
    assert_null(proxy_url_scheme(SPAN_LITERAL("")).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_curl_users_write),
        cmocka_unit_test(refuses_what_is_no_http_proxy_and_says_which),
        cmocka_unit_test(tells_the_scheme),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
