/*
 * pool_route.h - the pool's routes: what makes two connections interchangeable, and who uses it.
 *
 * The pool's own; a route lives as long as someone uses it.
 */
#ifndef HAULD_POOL_ROUTE_H
#define HAULD_POOL_ROUTE_H

#include "pool.h"

#define POOL_BUCKETS 1024u

struct pool_route {
    struct pool_route *next; /* in its bucket */
    uint64_t hash;
    struct list idle;    /* newest first */
    struct list waiting; /* leases with a dial, first in first out */
    unsigned users;      /* leases, waits, dials and idle conns */
    struct pool_key key; /* its spans point into text */
    struct dial_route dial_route;
    char text[];
};

/* The route of this key, made if need be; NULL when out of memory. */
struct pool_route *pool_route_get(struct pool *pool, const struct pool_key *key);

/* After its users have become fewer. */
void pool_route_drop_if_unused(struct pool *pool, struct pool_route *route);

#endif
