/*
 * policy.h - which addresses are not of the public internet.
 *
 * Pure: the address is judged, never the name it came from; so ask at each connect, after the
 * lookup and for each hop, and of a pooled connection's peer.
 */
#ifndef HAULD_POLICY_H
#define HAULD_POLICY_H

#include <stdint.h>

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

#endif
