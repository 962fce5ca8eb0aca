/*
 * policy.c - two tables of prefixes; the first that matches decides.
 *
 * The guard is for services that fetch what strangers name: the classes here hold what a stranger
 * cannot reach but we can. Clouds keep their metadata in link-local (169.254.169.254), shared
 * (100.100.100.200), unique-local (fd00:ec2::254) and IETF (192.0.0.192) space, so they need no
 * list of their own but for one.
 *
 * 192.0.0.0/24 and 2001::/23 are denied whole, though the registries mark some anycast addresses
 * in them as reachable: relays and the like, nothing to fetch. Public on purpose: AS112 and AMT
 * (192.31.196.0/24, 192.52.193.0/24, 192.175.48.0/24, 2620:4f:8000::/48).
 */
#include "policy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include <stdio.h>

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

struct prefix4 {
    uint8_t address[4];
    uint8_t bits;
    const char *what;
};

struct prefix6 {
    uint16_t groups[8];
    uint8_t bits;
    uint8_t ipv4_offset; /* > 0: an IPv4 address stands at this byte and is judged instead */
    const char *what;
};

static const struct prefix4 prefixes4[] = {
    { { 0 }, 8, "an address of this network" },            /* RFC 791: and 0.0.0.0 is ourselves */
    { { 10 }, 8, "a private address" },                    /* RFC 1918 */
    { { 100, 64 }, 10, "an address shared by a carrier" }, /* RFC 6598 */
    { { 127 }, 8, "a loopback address" },                  /* RFC 1122 */
    { { 168, 63, 129, 16 }, 32, "an address of the cloud's host" },
    { { 169, 254 }, 16, "a link-local address" },             /* RFC 3927 */
    { { 172, 16 }, 12, "a private address" },                 /* RFC 1918 */
    { { 192, 0, 0 }, 24, "an address of IETF protocols" },    /* RFC 6890 */
    { { 192, 0, 2 }, 24, "an address for documentation" },    /* RFC 5737 */
    { { 192, 88, 99 }, 24, "an address of 6to4 relays" },     /* RFC 7526 */
    { { 192, 168 }, 16, "a private address" },                /* RFC 1918 */
    { { 198, 18 }, 15, "an address for benchmarks" },         /* RFC 2544 */
    { { 198, 51, 100 }, 24, "an address for documentation" }, /* RFC 5737 */
    { { 203, 0, 113 }, 24, "an address for documentation" },  /* RFC 5737 */
    { { 224 }, 4, "a multicast address" },                    /* RFC 5771 */
    { { 255, 255, 255, 255 }, 32, "the broadcast address" },  /* RFC 919 */
    { { 240 }, 4, "a reserved address" },                     /* RFC 1112 */
};

static const struct prefix6 prefixes6[] = {
    { { 0 }, 128, 0, "the unspecified address" },                 /* RFC 4291 */
    { { [7] = 1 }, 128, 0, "a loopback address" },                /* RFC 4291 */
    { { 0 }, 96, 12, NULL },                                      /* IPv4-compatible */
    { { [5] = 0xffff }, 96, 12, NULL },                           /* IPv4-mapped, RFC 4291 */
    { { [4] = 0xffff }, 96, 12, NULL },                           /* IPv4-translated, RFC 2765 */
    { { 0x64, 0xff9b }, 96, 12, NULL },                           /* NAT64, RFC 6052 */
    { { 0x64, 0xff9b, 1 }, 48, 0, "an address of local NAT64" },  /* RFC 8215 */
    { { 0 }, 8, 0, "a reserved address" },                        /* RFC 4291 */
    { { 0x100 }, 64, 0, "an address for discarding" },            /* RFC 6666 */
    { { 0x100, 0, 0, 1 }, 64, 0, "a dummy address" },             /* RFC 9780 */
    { { 0x2001 }, 32, 0, "an address of Teredo" },                /* RFC 4380 */
    { { 0x2001, 2 }, 48, 0, "an address for benchmarks" },        /* RFC 5180 */
    { { 0x2001 }, 23, 0, "an address of IETF protocols" },        /* RFC 2928 */
    { { 0x2001, 0xdb8 }, 32, 0, "an address for documentation" }, /* RFC 3849 */
    { { 0x2002 }, 16, 2, NULL },                                  /* 6to4, RFC 3056 */
    { { 0x3fff }, 20, 0, "an address for documentation" },        /* RFC 9637 */
    { { 0x5f00 }, 16, 0, "an address of segment routing" },       /* RFC 9602 */
    { { 0xfc00 }, 7, 0, "a unique-local address" },               /* RFC 4193 */
    { { 0xfe80 }, 10, 0, "a link-local address" },                /* RFC 4291 */
    { { 0xfec0 }, 10, 0, "a site-local address" },                /* RFC 3879 */
    { { 0xff00 }, 8, 0, "a multicast address" },                  /* RFC 4291 */
};

static uint32_t load32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool prefix4_has(const struct prefix4 *prefix, const uint8_t address[4])
{
    return (load32(prefix->address) ^ load32(address)) >> (32 - prefix->bits) == 0;
}

static bool prefix6_has(const struct prefix6 *prefix, const uint8_t address[16])
{
    for (unsigned i = 0; 16 * i < prefix->bits; i++) {
        unsigned group = (unsigned)address[2 * i] << 8 | address[2 * i + 1];
        unsigned left = prefix->bits - 16 * i;

        if ((group ^ prefix->groups[i]) >> (left < 16 ? 16 - left : 0) != 0)
            return false;
    }
    return true;
}

static const char *judge4(const uint8_t address[4])
{
    for (size_t i = 0; i < COUNT_OF(prefixes4); i++) {
        if (prefix4_has(&prefixes4[i], address))
            return prefixes4[i].what;
    }
    return NULL;
}

static const char *judge6(const uint8_t address[16])
{
    for (size_t i = 0; i < COUNT_OF(prefixes6); i++) {
        const struct prefix6 *prefix = &prefixes6[i];

        if (prefix6_has(prefix, address))
            return prefix->ipv4_offset > 0 ? judge4(address + prefix->ipv4_offset) : prefix->what;
    }
    return NULL;
}

const char *policy_denies_private(unsigned family, const uint8_t *address)
{
    assert(family == 4 || family == 6);
    return family == 4 ? judge4(address) : judge6(address);
}

bool policy_denies(enum policy policy, unsigned family, const uint8_t *address,
                   char words[static POLICY_WORDS_ROOM])
{
    char shown[INET6_ADDRSTRLEN] = "";
    const char *what;

    if (policy == POLICY_ANY || (family == 1 && policy == POLICY_DENY_PRIVATE))
        return false;
    if (family == 1) {
        (void)snprintf(words, POLICY_WORDS_ROOM, "--public-only refuses unix sockets");
        return true;
    }
    what = policy_denies_private(family, address);
    if (!what)
        return false;
    (void)inet_ntop(family == 4 ? AF_INET : AF_INET6, address, shown, sizeof(shown));
    (void)snprintf(words, POLICY_WORDS_ROOM,
                   policy == POLICY_PUBLIC_ONLY
                       ? "%s is %s, and only public ones are wanted (--public-only)"
                       : "%s is %s, and the daemon is set to refuse those (DenyAddresses=private)",
                   shown, what);
    return true;
}
