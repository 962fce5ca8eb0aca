/*
 * pool_route.h - the pool's routes: what makes two connections interchangeable, and who uses it.
 *
 * The pool's own; a route lives as long as someone uses it.
 */
#ifndef HAULD_POOL_ROUTE_H
#define HAULD_POOL_ROUTE_H

#include "pool.h"

#define POOL_BUCKETS 1024u
#define POOL_SESSIONS_MAX 4u  /* of a route: a session serves one connection (RFC 8446, C.4) */
#define POOL_ASLEEP_MAX 1024u /* routes kept for their sessions alone */

struct pool_route {
    struct pool_route *next; /* in its bucket */
    uint64_t hash;
    struct list idle;    /* newest first */
    struct list waiting; /* leases with a dial, first in first out */
    unsigned users;      /* leases, waits, dials and idle conns */
    struct pool_key key; /* its spans point into text */
    struct dial_route dial_route;
    struct tls_options tls;                          /* key.tls: its id alone is kept */
    struct list asleep_link;                         /* linked: no users, but sessions */
    struct tls_session *sessions[POOL_SESSIONS_MAX]; /* owned, the newest last */
    unsigned sessions_count;
    char text[];
};

/* The route of this key, made if need be; else NULL and *ret_fault: out of memory, or TLS options
 * that make no sense. */
struct pool_route *pool_route_get(struct pool *pool, const struct pool_key *key,
                                  struct fault *ret_fault);

/* What the conn has learnt for the next one. */
void pool_route_keep_session(struct pool_route *route, struct conn *conn);
/* The newest, or NULL; the caller's. */
struct tls_session *pool_route_take_session(struct pool_route *route);
/* Drops routes that sleep, the oldest first, until so many are left. */
void pool_route_drop_asleep(struct pool *pool, unsigned count);

/* After its users have become fewer. A route with sessions goes to sleep instead. */
void pool_route_drop_if_unused(struct pool *pool, struct pool_route *route);

#endif
