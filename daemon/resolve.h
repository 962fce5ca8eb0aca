/*
 * resolve.h - names to addresses: literals, localhost, the hosts file, then DNS through c-ares.
 *
 * One resolver per loop, on its ring: c-ares' sockets are polled there. Answers are cached for
 * their TTL (bounded below and above), names that do not exist for a shorter while, failures
 * (SERVFAIL, timeouts) not at all. Lookups of one name at one time share one question (single
 * flight).
 */
#ifndef HAULD_RESOLVE_H
#define HAULD_RESOLVE_H

#include "fault.h"
#include "ring.h"
#include "timer.h"

#include <netinet/in.h>

#define RESOLVE_ADDRESSES_MAX 16

struct resolve_address {
    uint8_t family;    /* 4 or 6 */
    uint8_t bytes[16]; /* network order */
    uint32_t scope;    /* of a link-local IPv6 address, else 0 */
};

enum resolve_family {
    RESOLVE_ANY,
    RESOLVE_IPV4,
    RESOLVE_IPV6,
};

/* The texts are copied. */
struct resolve_options {
    const char *servers;        /* "127.0.0.1:5353,[::1]:53"; NULL or "": /etc/resolv.conf */
    const char *hosts_path;     /* NULL or "": /etc/hosts */
    uint64_t timeout_ns;        /* of one try of one server; 0 = 2 s */
    unsigned tries;             /* 0 = 2 */
    unsigned cache_entries_max; /* 0 = 4096 */
    uint64_t ttl_min_ns;        /* 0 = 1 s */
    uint64_t ttl_max_ns;        /* 0 = 5 min */
    uint64_t negative_ttl_ns;   /* 0 = 5 s: of "no such host" and of an empty answer */
};

struct resolve_counters {
    uint64_t lookups;    /* calls of resolve_lookup */
    uint64_t cache_hits; /* of these, answered by the cache, also with "no such host" */
    uint64_t questions;  /* put to DNS */
    uint64_t failures;   /* of these, ended by neither an address nor "no such host" */
};

struct resolve;
struct resolve_query;

/* Either fault is unset and addresses_count > 0, or fault says why not. The addresses are valid
 * during the call, in the order in which to try them: the families in turn. The
 * callback may start and cancel any query, itself included. */
typedef void (*resolve_done)(struct resolve_query *query, const struct fault *fault,
                             const struct resolve_address *addresses, unsigned addresses_count);

/* Embedded in its owner. done runs once, never inside resolve_start, unless cancelled. */
struct resolve_query {
    resolve_done done;
    struct list link; /* the resolver's own, as what follows */
    void *entry;
};

int resolve_new(struct resolve **ret_resolve, struct ring *ring, struct timers *timers,
                const struct resolve_options *options);
/* Queries that are still open are dropped without a call. After resolve_shutdown and idleness when
 * a question may be open. NULL is fine. */
void resolve_free(struct resolve *resolve);

/* Without asking anybody (literals are not its business): localhost and *.localhost, which are the
 * loopback addresses whatever the hosts file says (RFC 6761), hosts file, cache. Returns the number
 * of addresses, written to ret_addresses[RESOLVE_ADDRESSES_MAX]; 0 when a question is needed; or
 * < 0 when it is known that there is no such name (then *ret_fault says so). */
int resolve_lookup(struct resolve *resolve, const char *host, enum resolve_family family,
                   struct resolve_address *ret_addresses, struct fault *ret_fault);

/* Asks; call resolve_lookup first. Always answers through query->done, also on failure. */
void resolve_start(struct resolve *resolve, struct resolve_query *query, const char *host,
                   enum resolve_family family);
/* done will not run. Fine when the query is not open. */
void resolve_cancel(struct resolve *resolve, struct resolve_query *query);

/* Ends polls and sockets so that the ring can be freed: call, then turn the ring until
 * resolve_is_idle. Open queries are dropped without a call; what is started after it
 * is answered with cancelled/daemon. */
void resolve_shutdown(struct resolve *resolve);
bool resolve_is_idle(const struct resolve *resolve);

const struct resolve_counters *resolve_counters(const struct resolve *resolve);
void resolve_check(const struct resolve *resolve);

#endif
