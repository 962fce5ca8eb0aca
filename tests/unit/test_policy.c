/*
 * test_policy.c - every range by its first and last address, and by those just outside.
 */
#include "policy.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define THIS_NETWORK "an address of this network"
#define PRIVATE "a private address"
#define LOOPBACK "a loopback address"
#define LINK_LOCAL "a link-local address"
#define IETF "an address of IETF protocols"
#define DOCUMENTATION "an address for documentation"
#define BENCHMARKS "an address for benchmarks"
#define MULTICAST "a multicast address"
#define RESERVED "a reserved address"
#define BROADCAST "the broadcast address"

struct range {
    const char *first;
    const char *last;
    const char *what;
    const char *before; /* what the address before first is; NULL = public */
    const char *after;  /* likewise the one after last */
};

static void expect(unsigned family, const uint8_t *address, const char *what, const char *where)
{
    const char *got = policy_denies_private(family, address);

    if ((got != NULL) != (what != NULL) || (got && strcmp(got, what) != 0))
        fail_msg("%s: %s, expected %s", where, got ? got : "public", what ? what : "public");
}

static void expect_text(const char *text, const char *what)
{
    uint8_t address[16];
    bool is_ipv6 = strchr(text, ':') != NULL;

    if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, address) != 1)
        fail_msg("%s: no address", text);
    expect(is_ipv6 ? 6 : 4, address, what, text);
}

/* Adds 1 or -1; false past the end. */
static bool step(uint8_t *address, unsigned bytes, int by)
{
    for (unsigned i = bytes; i-- > 0;) {
        address[i] = (uint8_t)(address[i] + by);
        if (address[i] != (by > 0 ? 0 : 255))
            return true;
    }
    return false;
}

static void expect_range(unsigned family, const struct range *range)
{
    int af = family == 4 ? AF_INET : AF_INET6;
    unsigned bytes = family == 4 ? 4 : 16;
    uint8_t address[16];

    assert_int_equal(inet_pton(af, range->first, address), 1);
    expect(family, address, range->what, range->first);
    if (step(address, bytes, -1))
        expect(family, address, range->before, range->first);
    assert_int_equal(inet_pton(af, range->last, address), 1);
    expect(family, address, range->what, range->last);
    if (step(address, bytes, 1))
        expect(family, address, range->after, range->last);
}

static const struct range ranges4[] = {
    { "0.0.0.0", "0.255.255.255", THIS_NETWORK, NULL, NULL },
    { "10.0.0.0", "10.255.255.255", PRIVATE, NULL, NULL },
    { "100.64.0.0", "100.127.255.255", "an address shared by a carrier", NULL, NULL },
    { "127.0.0.0", "127.255.255.255", LOOPBACK, NULL, NULL },
    { "168.63.129.16", "168.63.129.16", "an address of the cloud's host", NULL, NULL },
    { "169.254.0.0", "169.254.255.255", LINK_LOCAL, NULL, NULL },
    { "172.16.0.0", "172.31.255.255", PRIVATE, NULL, NULL },
    { "192.0.0.0", "192.0.0.255", IETF, NULL, NULL },
    { "192.0.2.0", "192.0.2.255", DOCUMENTATION, NULL, NULL },
    { "192.88.99.0", "192.88.99.255", "an address of 6to4 relays", NULL, NULL },
    { "192.168.0.0", "192.168.255.255", PRIVATE, NULL, NULL },
    { "198.18.0.0", "198.19.255.255", BENCHMARKS, NULL, NULL },
    { "198.51.100.0", "198.51.100.255", DOCUMENTATION, NULL, NULL },
    { "203.0.113.0", "203.0.113.255", DOCUMENTATION, NULL, NULL },
    { "224.0.0.0", "239.255.255.255", MULTICAST, NULL, RESERVED },
    { "240.0.0.0", "255.255.255.254", RESERVED, MULTICAST, BROADCAST },
    { "255.255.255.255", "255.255.255.255", BROADCAST, RESERVED, NULL },
};

static void knows_ipv4_ranges_to_the_edge(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ranges4); i++)
        expect_range(4, &ranges4[i]);
}

static uint32_t number_of(const char *text)
{
    uint32_t address;

    assert_int_equal(inet_pton(AF_INET, text, &address), 1);
    return ntohl(address);
}

/* A walk over all of IPv4 with a stride that is prime: between the ranges all is public. */
static void knows_no_other_ipv4_ranges(void **state)
{
    size_t row = 0;

    (void)state;
    for (uint64_t number = 0; number <= UINT32_MAX; number += 997) {
        uint32_t address = htonl((uint32_t)number);
        bool is_inside;

        while (row < ROWS(ranges4) && number > number_of(ranges4[row].last))
            row++;
        is_inside = row < ROWS(ranges4) && number >= number_of(ranges4[row].first);
        expect(4, (const uint8_t *)&address, is_inside ? ranges4[row].what : NULL, "the walk");
    }
}

static void knows_ipv6_ranges_to_the_edge(void **state)
{
    static const struct range rows[] = {
        { "::", "::", "the unspecified address", NULL, LOOPBACK },
        { "::1", "::1", LOOPBACK, "the unspecified address", THIS_NETWORK },
        { "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "an address of local NAT64",
          RESERVED, RESERVED },
        { "::1:0:0", "::fffe:ffff:ffff", RESERVED, BROADCAST, THIS_NETWORK },
        { "65::", "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", RESERVED, RESERVED,
          "an address for discarding" },
        { "100::", "100::ffff:ffff:ffff:ffff", "an address for discarding", RESERVED,
          "a dummy address" },
        { "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "a dummy address",
          "an address for discarding", NULL },
        { "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "an address of Teredo", NULL, IETF },
        { "2001:1::", "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", IETF, "an address of Teredo",
          BENCHMARKS },
        { "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", BENCHMARKS, IETF, IETF },
        { "2001:2:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", IETF, BENCHMARKS, NULL },
        { "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", DOCUMENTATION, NULL, NULL },
        { "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", DOCUMENTATION, NULL, NULL },
        { "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "an address of segment routing",
          NULL, NULL },
        { "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "a unique-local address", NULL,
          NULL },
        { "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", LINK_LOCAL, NULL,
          "a site-local address" },
        { "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "a site-local address", LINK_LOCAL,
          MULTICAST },
        { "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", MULTICAST, "a site-local address",
          NULL },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_range(6, &rows[i]);
}

/* Each way to write an IPv4 address as an IPv6 one, with each edge of each IPv4 range. */
static void judges_an_ipv4_address_inside_an_ipv6_one(void **state)
{
    static const struct {
        const char *prefix;
        unsigned offset;
    } forms[] = {
        { "::ffff:0:0", 12 }, { "::", 12 },    { "::ffff:0:0:0", 12 },
        { "64:ff9b::", 12 },  { "2002::", 2 },
    };

    (void)state;
    for (size_t form = 0; form < ROWS(forms); form++) {
        for (size_t i = 0; i < ROWS(ranges4); i++) {
            const char *texts[2] = { ranges4[i].first, ranges4[i].last };

            for (unsigned edge = 0; edge < 2; edge++) {
                uint8_t address[16];
                uint8_t *ipv4 = address + forms[form].offset;

                assert_int_equal(inet_pton(AF_INET6, forms[form].prefix, address), 1);
                assert_int_equal(inet_pton(AF_INET, texts[edge], ipv4), 1);
                if (forms[form].offset == 2)
                    address[15] = 1; /* a host of that 6to4 site */
                if (strcmp(forms[form].prefix, "::") == 0 && i == 0 && edge == 0)
                    continue; /* :: itself has a name of its own */
                expect(6, address, ranges4[i].what, forms[form].prefix);
                if (step(ipv4, 4, edge == 0 ? -1 : 1))
                    expect(6, address, edge == 0 ? ranges4[i].before : ranges4[i].after,
                           forms[form].prefix);
            }
        }
    }
}

static void knows_the_edges_of_what_holds_an_ipv4_address(void **state)
{
    static const struct {
        const char *text;
        const char *what;
    } rows[] = {
        { "::ffff:127.0.0.1", LOOPBACK },
        { "::ffff:8.8.8.8", NULL },
        { "::fffe:8.8.8.8", RESERVED },
        { "::1:0:8.8.8.8", RESERVED },
        { "::1:ffff:8.8.8.8", RESERVED },
        { "1::ffff:8.8.8.8", RESERVED },
        { "::127.0.0.1", LOOPBACK },
        { "::8.8.8.8", NULL },
        { "::2", THIS_NETWORK },
        { "::ffff:0:10.0.0.1", PRIVATE },
        { "::ffff:0:8.8.8.8", NULL },
        { "64:ff9b::169.254.169.254", LINK_LOCAL },
        { "64:ff9b::8.8.8.8", NULL },
        { "64:ff9b::1:8.8.8.8", RESERVED },
        { "64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff", RESERVED },
        { "64:ff9b:1::8.8.8.8", "an address of local NAT64" },
        { "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
        { "2002:7f00:1::", LOOPBACK },
        { "2002:a00:1::1", PRIVATE },
        { "2002:808:808::7f00:1", NULL },
        { "2003::", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_text(rows[i].text, rows[i].what);
}

static void denies_where_clouds_keep_their_secrets(void **state)
{
    (void)state;
    expect_text("169.254.169.254", LINK_LOCAL);
    expect_text("169.254.170.2", LINK_LOCAL);
    expect_text("100.100.100.200", "an address shared by a carrier");
    expect_text("192.0.0.192", IETF);
    expect_text("fd00:ec2::254", "a unique-local address");
    expect_text("fd20:ce::254", "a unique-local address");
    expect_text("168.63.129.16", "an address of the cloud's host");
}

static void lets_the_public_through(void **state)
{
    static const char *const texts[] = {
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "192.0.1.0",
        "192.31.196.1", /* AS112: globally reachable */
        "192.52.193.1", /* AMT: the same */
        "192.175.48.1", /* AS112 */
        "223.255.255.255",
        "2000::",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2620:4f:8000::1", /* AS112 */
        "2a00:1450:4001:82a::200e",
        "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3fff:1000::",
        "4000::", /* not allocated */
        "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "fe00::",
        "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++)
        expect_text(texts[i], NULL);
}

/* Four bytes are four bytes: the array ends there, and the sanitizer looks. */
static void reads_no_more_than_the_family_has(void **state)
{
    uint8_t *address = malloc(4);

    (void)state;
    assert_non_null(address);
    memcpy(address, (uint8_t[]){ 127, 0, 0, 1 }, 4);
    expect(4, address, LOOPBACK, "127.0.0.1");
    free(address);
}

/* ---- refusals ---- */

static void a_refusal_names_the_address_and_the_rule(void **state)
{
    static const struct {
        enum policy policy;
        const char *address; /* NULL: a unix socket */
        const char *words;   /* NULL: let through */
    } rows[] = {
        { POLICY_ANY, "127.0.0.1", NULL },
        { POLICY_ANY, NULL, NULL },
        { POLICY_PUBLIC_ONLY, "9.9.9.9", NULL },
        { POLICY_PUBLIC_ONLY, "2620:fe::fe", NULL },
        { POLICY_PUBLIC_ONLY, "127.0.0.1",
          "127.0.0.1 is a loopback address, and only public ones are wanted (--public-only)" },
        { POLICY_PUBLIC_ONLY, "::ffff:10.0.0.1",
          "::ffff:10.0.0.1 is a private address, and only public ones are wanted (--public-only)" },
        { POLICY_PUBLIC_ONLY, NULL, "--public-only refuses unix sockets" },
        { POLICY_DENY_PRIVATE, "9.9.9.9", NULL },
        { POLICY_DENY_PRIVATE, "fe80::1",
          "fe80::1 is a link-local address, and the daemon is set to refuse those "
          "(DenyAddresses=private)" },
        { POLICY_DENY_PRIVATE, NULL, NULL }, /* UnixUpstreams= says which */
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *text = rows[i].address;
        unsigned family = !text ? 1 : strchr(text, ':') ? 6 : 4;
        char words[POLICY_WORDS_ROOM] = "untouched";
        uint8_t address[16] = { 0 };
        bool denied;

        if (text)
            assert_int_equal(inet_pton(family == 6 ? AF_INET6 : AF_INET, text, address), 1);
        denied = policy_denies(rows[i].policy, family, address, words);
        if (denied != (rows[i].words != NULL))
            fail_msg("row %zu: %s", i, denied ? words : "let through");
        assert_string_equal(words, rows[i].words ? rows[i].words : "untouched");
    }
}

/* The longest of all: no word of it is cut. */
static void the_longest_refusal_fits(void **state)
{
    static const char *const texts[] = { "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                                         "::ffff:100.127.255.255", "::ffff:0:100.127.255.255" };
    static const enum policy policies[] = { POLICY_PUBLIC_ONLY, POLICY_DENY_PRIVATE };
    char words[POLICY_WORDS_ROOM];
    uint8_t address[16];

    (void)state;
    for (size_t i = 0; i < ROWS(texts); i++) {
        for (size_t j = 0; j < ROWS(policies); j++) {
            const char *end = j == 0 ? "(--public-only)" : "(DenyAddresses=private)";

            assert_int_equal(inet_pton(AF_INET6, texts[i], address), 1);
            assert_true(policy_denies(policies[j], 6, address, words));
            assert_string_equal(words + strlen(words) - strlen(end), end);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_ipv4_ranges_to_the_edge),
        cmocka_unit_test(knows_no_other_ipv4_ranges),
        cmocka_unit_test(knows_ipv6_ranges_to_the_edge),
        cmocka_unit_test(judges_an_ipv4_address_inside_an_ipv6_one),
        cmocka_unit_test(knows_the_edges_of_what_holds_an_ipv4_address),
        cmocka_unit_test(denies_where_clouds_keep_their_secrets),
        cmocka_unit_test(lets_the_public_through),
        cmocka_unit_test(reads_no_more_than_the_family_has),
        cmocka_unit_test(a_refusal_names_the_address_and_the_rule),
        cmocka_unit_test(the_longest_refusal_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
