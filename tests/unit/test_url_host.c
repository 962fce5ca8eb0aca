/*
 * test_url_host.c - which hosts there are, in which one form, and what is no host at all.
 */
#include "url_expect.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct authority_row {
    const char *text;
    const char *host;
    unsigned port;
    enum url_scheme scheme;
};

static void finds_host_and_port(void **state)
{
    static const struct authority_row rows[] = {
        { "http://a/", "a", 80, URL_HTTP },
        { "https://a/", "a", 443, URL_HTTPS },
        { "hTTp://A.b/", "a.b", 80, URL_HTTP },
        { "a", "a", 80, URL_HTTP },
        { "a.b:81/x", "a.b", 81, URL_HTTP },
        { "localhost:8080/x", "localhost", 8080, URL_HTTP },
        { "a:80", "a", 80, URL_HTTP },
        { "a/x://y", "a", 80, URL_HTTP },
        { "a?u=http://b:1/", "a", 80, URL_HTTP },
        { "http:80/x", "http", 80, URL_HTTP }, /* a host called http */
        { "http://a:/", "a", 80, URL_HTTP },
        { "https://a:", "a", 443, URL_HTTPS },
        { "https://a:80", "a", 80, URL_HTTPS },
        { "http://a:65535?", "a", 65535, URL_HTTP },
        { "http://a:1#", "a", 1, URL_HTTP },
        { "http://a:00000000080/", "a", 80, URL_HTTP },
        { "http://a:80@b/", "b", 80, URL_HTTP },
        { "http://a:1;x=y@b:2/", "b", 2, URL_HTTP },
        { "http://a%40b:c%40d@e/", "e", 80, URL_HTTP },
        { "http://a#@b/", "a", 80, URL_HTTP },
        { "http://a?@b/", "a", 80, URL_HTTP },
        { "http://a/@b/", "a", 80, URL_HTTP },
        { "http://a?x@b#y@c", "a", 80, URL_HTTP },
        { "http://x_y.z-/", "x_y.z-", 80, URL_HTTP },
        { "http://_x/", "_x", 80, URL_HTTP },
        { "http://-a.b/", "-a.b", 80, URL_HTTP },
        { "http://a.b./", "a.b.", 80, URL_HTTP },
        { "http://1.2.3.a/", "1.2.3.a", 80, URL_HTTP },
        { "http://1a/", "1a", 80, URL_HTTP },
        { "http://0xg/", "0xg", 80, URL_HTTP },
        { "http://a.0x1z/", "a.0x1z", 80, URL_HTTP },
        { "http://XN--Bcher-KVA.example/", "xn--bcher-kva.example", 80, URL_HTTP },
        { "http://" LABEL_63 "/", LABEL_63, 80, URL_HTTP },
        { "http://" NAME_253 "/", NAME_253, 80, URL_HTTP },
        { "http://" NAME_253 ".:81/", NAME_253 ".", 81, URL_HTTP },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct url url = parse_good(rows[i].text);

        if (strcmp(url.host, rows[i].host) != 0 || url.port != rows[i].port)
            fail_msg("%s: got %s port %u", rows[i].text, url.host, url.port);
        assert_int_equal(url.host_kind, URL_HOST_NAME);
        assert_int_equal(url.host_bytes, strlen(rows[i].host));
        assert_int_equal(url.scheme, rows[i].scheme);
        assert_int_equal(url.port_is_default,
                         rows[i].port == (rows[i].scheme == URL_HTTPS ? 443 : 80));
    }
}

struct literal_row {
    const char *host;
    const char *canonical;
};

static void writes_ipv4_in_its_one_form(void **state)
{
    static const struct literal_row rows[] = {
        { "1.2.3.4", "1.2.3.4" },
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "127.1", "127.0.0.1" },
        { "127.0.1", "127.0.0.1" },
        { "1.2.65535", "1.2.255.255" },
        { "1.16777215", "1.255.255.255" },
        { "2130706433", "127.0.0.1" },
        { "4294967295", "255.255.255.255" },
        { "0", "0.0.0.0" },
        { "00", "0.0.0.0" },
        { "0x7f.1", "127.0.0.1" },
        { "0X7F.0x0.0.1", "127.0.0.1" },
        { "0x7f000001", "127.0.0.1" },
        { "0xFFFFFFFF", "255.255.255.255" },
        { "0x000000000000000000007f000001", "127.0.0.1" },
        { "017700000001", "127.0.0.1" },
        { "0177.0.0.01", "127.0.0.1" },
        { "010.010.010.010", "8.8.8.8" },
        { "169.254.43518", "169.254.169.254" },
        { "0251.254.169.254", "169.254.169.254" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[64];
        struct in_addr expected;
        struct url url;

        (void)snprintf(text, sizeof(text), "http://%s:8/", rows[i].host);
        url = parse_good(text);
        if (strcmp(url.host, rows[i].canonical) != 0)
            fail_msg("%s: got %s", text, url.host);
        assert_int_equal(url.host_kind, URL_HOST_IPV4);
        assert_int_equal(url.host_bytes, strlen(rows[i].canonical));
        assert_int_equal(inet_aton(rows[i].host, &expected), 1); /* the second opinion */
        assert_memory_equal(url.address, &expected, 4);
    }
}

static void writes_ipv6_in_its_one_form(void **state)
{
    static const struct literal_row rows[] = {
        { "::", "::" },
        { "::1", "::1" },
        { "1::", "1::" },
        { "0:0:0:0:0:0:0:0", "::" },
        { "0:0:0:0:0:0:0:1", "::1" },
        { "2001:DB8::AbCd", "2001:db8::abcd" },
        { "2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1" },
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
        { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
        { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
        { "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
        { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
        { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
        { "1:0:0:2::3", "1:0:0:2::3" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
        { "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
        { "::FFFF:0102:0304", "::ffff:1.2.3.4" },
        { "0:0:0:0:0:ffff:127.0.0.1", "::ffff:127.0.0.1" },
        { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
        { "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
        { "fe80::1", "fe80::1" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[80], shown[80];
        struct in6_addr expected;
        struct url url;

        (void)snprintf(text, sizeof(text), "http://[%s]:8/", rows[i].host);
        url = parse_good(text);
        if (strcmp(url.host, rows[i].canonical) != 0)
            fail_msg("%s: got %s", text, url.host);
        assert_int_equal(url.host_kind, URL_HOST_IPV6);
        assert_int_equal(url.host_bytes, strlen(rows[i].canonical));
        assert_int_equal(inet_pton(AF_INET6, rows[i].host, &expected), 1);
        assert_memory_equal(url.address, &expected, 16);
        (void)snprintf(shown, sizeof(shown), "[%s]:8", rows[i].canonical);
        expect_authority(text, shown);
    }
}

/* Every combination of zero and non-zero groups, against the C library's reader. */
static void ipv6_text_reads_back_as_the_same_address(void **state)
{
    (void)state;
    for (unsigned mask = 0; mask < 256; mask++) {
        unsigned g[8];
        char text[URL_AUTHORITY_BYTES_MAX];
        struct in6_addr expected;
        struct url url;

        for (unsigned i = 0; i < 8; i++)
            g[i] = mask & 1u << i ? 0xa0u + i * 0x1111u : 0;
        (void)snprintf(text, sizeof(text), "[%x:%x:%x:%x:%x:%x:%x:%x]", g[0], g[1], g[2], g[3],
                       g[4], g[5], g[6], g[7]);
        url = parse_good(text);
        assert_int_equal(inet_pton(AF_INET6, url.host, &expected), 1);
        assert_memory_equal(url.address, &expected, 16);
        (void)snprintf(text, sizeof(text), "[%s]", url.host);
        assert_string_equal(parse_good(text).host, url.host);
    }
}

static void takes_a_zone_apart_from_the_address(void **state)
{
    struct url url = parse_good("http://[FE80::1%25eth0.1-a_b~c]:81/");

    (void)state;
    assert_string_equal(url.host, "fe80::1");
    expect_span("zone", url.zone, "eth0.1-a_b~c");
    expect_authority("http://[fe80::1%25eth0]:81/", "[fe80::1]:81");
    expect_span("15", parse_good("[::%25123456789012345]").zone, "123456789012345");
}

/* clang-format off */
static const char *const refused_hosts[] = {
    /* a host that is not what it seems */
    "http://a\\@b/", "http://a\\b/", "http://a\\", "http://a:80\\@b/", "http://u\\:p@b/",
    "http://a%2Fb/", "http://a%00b/", "http://%61/", "http://a%/", "http://a%2eb/", "http://a@b@c/",
    "http://a@@b/", "http://a:p@b@c:80/", "http://@@/", "http://a b/", "http://a /", "http:// a/",
    "http://a\tb/", "http://a\rb/", "http://a\nb/", "http://\x01/", "http://a\x7f/", "http://a!b/",
    "http://a$/", "http://a&b/", "http://a'/", "http://(a)/", "http://a*/", "http://*.a/",
    "http://a+b/", "http://a,b/", "http://a;b/", "http://a=b/", "http://a~b/", "http://<a>/",
    "http://a\"/", "http://a^/", "http://a`/", "http://{a}/", "http://a|b/", "http://a[::1]/",
    "http://a]/",
    /* labels */
    "http://./", "http://../", "http://a../", "http://.a/", "http://a..b/", "http://" LABEL_63 "a/",
    "http://a." LABEL_63 "a.b/", "http://a." LABEL_63 "a", "http://" NAME_253 "a/",
    "http://" NAME_253 "a./", "http://" NAME_253 ".a/", "http://" NAME_253 "../",
    /* IPv4 */
    "http://1.2.3.4./", "http://1.2.3.4../", "http://1.2.3.256/", "http://256.1.1.1/",
    "http://1.2.3.4.5/", "http://1.2.3./", "http://1..2/", "http://1.2.65536/",
    "http://1.16777216/", "http://4294967296/", "http://99999999999999999999/", "http://0x/",
    "http://1.0x/", "http://0x100000000/", "http://08/", "http://1.2.3.09/", "http://a.1/",
    "http://a.0x1/", "http://a.1./", "http://0xg.1/", "http://1_1.1/",
    "http://1e3.1/", "http://0b1.0/", "http://0o7.0/",
    /* IPv6 */
    "http://[", "http://[]/", "http://[::1", "http://[::1/", "http://::1/", "http://::1]/",
    "http://1:2:3:4:5:6:7:8/", "http://[:]/", "http://[:::]/", "http://[1]/", "http://[1:2]/",
    "http://[1:2:3:4:5:6:7]/", "http://[1:2:3:4:5:6:7:8:9]/", "http://[1:2:3:4:5:6:7:]/",
    "http://[:1:2:3:4:5:6:7:8]/", "http://[1::2::3]/", "http://[1:2:3:4:5:6:7::8]/",
    "http://[::1:2:3:4:5:6:7:8]/", "http://[1:2:3:4:5:6:7:8::]/", "http://[::12345]/",
    "http://[::g]/", "http://[::1:]/", "http://[:1::]/", "http://[1.2.3.4]/", "http://[::1.2.3]/",
    "http://[::1.2.3.4.5]/", "http://[::1.2.3.256]/", "http://[::01.2.3.4]/",
    "http://[::1.2.3.4:5]/", "http://[::0x1.2.3.4]/", "http://[::a.2.3.4]/", "http://[::1.2.3.]/",
    "http://[1:2:3:4:5:6:7:1.2.3.4]/", "http://[::2130706433]/", "http://[::1.2]/",
    "http://[ ::1]/", "http://[::1 ]/", "http://[v1.x]/", "http://[V1.fe80::a]/", "http://[a]/",
    "http://[fe80::1%eth0]/", "http://[fe80::1%]/", "http://[fe80::1%25]/", "http://[fe80::1%2]/",
    "http://[fe80::1%25a/b]/", "http://[fe80::1%25a%20]/", "http://[fe80::1%25a b]/",
    "http://[fe80::1%251234567890123456]/", "http://[%25eth0]/", "http://[::1]]/",
    "http://[[::1]]/",
    /* international names */
    "http://stra\xc3\x9f" "e.example/", "http://a\xe3\x80\x82" "b/", "http://\xef\xbc\x91.1/",
    "http://\xff/", "http://a\xc2\xad" "b/", "b\xc3\xbc" "cher.example",
};
/* clang-format on */

static void refuses_what_is_no_clear_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(refused_hosts); i++)
        expect_refused(span_of_string(refused_hosts[i]), FAULT_INPUT_URL);
}

static void says_what_to_do_about_an_international_name(void **state)
{
    struct url url;
    struct url_fault fault;

    (void)state;
    assert_false(parse(SPAN_LITERAL("http://b\xc3\xbc"
                                    "cher.example/"),
                       &url, &fault));
    assert_string_equal(fault.why, "the host is not ASCII: write its xn-- form");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_host_and_port),
        cmocka_unit_test(writes_ipv4_in_its_one_form),
        cmocka_unit_test(writes_ipv6_in_its_one_form),
        cmocka_unit_test(ipv6_text_reads_back_as_the_same_address),
        cmocka_unit_test(takes_a_zone_apart_from_the_address),
        cmocka_unit_test(refuses_what_is_no_clear_host),
        cmocka_unit_test(says_what_to_do_about_an_international_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
