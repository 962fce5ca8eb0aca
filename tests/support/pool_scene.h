/*
 * pool_scene.h - a pool on a fake ring, and those who lease from it, numbered from 1.
 */
#ifndef HAUL_POOL_SCENE_H
#define HAUL_POOL_SCENE_H

#include "pool.h"
#include "ring_fake.h"
#include "silent_dns.h"

#define S UINT64_C(1000000000)
#define LEASES 8

struct lessee {
    struct pool_lease lease;
    struct conn *conn;
    unsigned ready_count, failed_count;
    struct fault fault;
    char why[200]; /* its words, which are the pool's */
};

struct pool_scene {
    struct ring *ring;
    struct timers timers;
    struct silent_dns dns;
    struct resolve *resolve;
    struct pool pool;
    struct lessee lessees[LEASES];
    uint64_t client_key; /* who acquires next */
};

void pool_scene_begin_with(struct pool_scene *t, unsigned conns_max);

/* cmocka's setup, with four sockets at most, and teardown, which checks that nothing is left. */
int pool_scene_begin(void **state);
int pool_scene_end(void **state);

void pool_settles(struct pool_scene *t);

struct lessee *lessee_is(struct pool_scene *t, unsigned nth);
void acquires_by(struct pool_scene *t, unsigned nth, const struct pool_key *key, bool fresh);
void releases(struct pool_scene *t, unsigned nth, bool reuse);
bool has_socket(struct pool_scene *t, unsigned nth, unsigned socket);

#endif
