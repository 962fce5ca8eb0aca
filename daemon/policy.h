/*
 * policy.h - which addresses are not of the public internet, and whom that concerns.
 *
 * Pure: the address is judged, never the name it came from; so ask at each connect, after the
 * lookup and for each hop. A pooled connection was judged when it was made: the policy is part of
 * its route.
 */
#ifndef HAULD_POLICY_H
#define HAULD_POLICY_H

#include <stdbool.h>
#include <stdint.h>

enum policy {
    POLICY_ANY,          /* whatever we can reach */
    POLICY_PUBLIC_ONLY,  /* the client wants no other address, and no unix socket: --public-only */
    POLICY_DENY_PRIVATE, /* we are told not to: DenyAddresses=private; unix sockets have their own
                            key */
};

#define POLICY_WORDS_ROOM 160 /* of the longest refusal, NUL included */

/* NULL for a public address, or what it is instead, for the error's text ("a loopback address"):
 * static, one noun phrase. family is 4 (4 bytes are read) or 6 (16 bytes); network order.
 *
 * What is not public is what IANA's special-purpose address registries (RFC 6890, their state of
 * 2025) do not call globally reachable, multicast, and 168.63.129.16, which to a machine in Azure
 * is the host it runs on. An IPv6 address that stands for an IPv4 one is judged as that:
 * ::ffff:0:0/96 (mapped), ::/96 and ::ffff:0:0:0/96 (its obsolete kin), 64:ff9b::/96 (NAT64, RFC
 * 6052), 2002::/16 (6to4). A translator with a prefix of the site's own cannot be known here.
 * Unallocated IPv6 space is public but for ::/8: nothing answers there. */
const char *policy_denies_private(unsigned family, const uint8_t *address);

/* Whether such a connection is refused; then words names the address, what it is and the rule.
 * family is 4, 6, or 1 for a unix socket, whose address is not read. */
bool policy_denies(enum policy policy, unsigned family, const uint8_t *address,
                   char words[static POLICY_WORDS_ROOM]);

#endif
