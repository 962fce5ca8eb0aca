/*
 * governor.h - what an origin may bear: how many exchanges run there at once.
 *
 * Pure. Two bounds: of one batch at one origin (the batch asked for it), of all batches together at
 * one origin (the host's ceiling). Batches that wait for the same origin take turns.
 */
#ifndef HAULD_GOVERNOR_H
#define HAULD_GOVERNOR_H

#include "list.h"
#include "span.h"
#include "wire.h"

struct governor_origin;
struct governor_lane;

struct governor {
    struct governor_origin **buckets;
    unsigned buckets_count;
    unsigned origins_count;
    unsigned origin_active_max; /* over all batches; 0 = none */
    uint64_t hash_seed;
};

/* Embedded in what wants to start. */
struct governor_ticket {
    struct list link;           /* linked: waiting in its lane */
    struct governor_lane *lane; /* NULL: neither waiting nor active */
    enum wire_cap held_by;      /* what made it wait last */
};

int governor_init(struct governor *governor, unsigned origin_active_max, uint64_t hash_seed);
void governor_deinit(struct governor *governor); /* asserts that no ticket is left */

struct governor_demand {
    struct span host;
    uint16_t port;
    uint8_t scheme;
    uint64_t batch_key;        /* who asks; batches are told apart by it */
    unsigned batch_active_max; /* of this batch at this origin; > 0 */
};

enum governor_verdict {
    GOVERNOR_GO,   /* the ticket is active until governor_leave */
    GOVERNOR_WAIT, /* queued; a later governor_leave returns it */
    GOVERNOR_NO_MEMORY,
};

enum governor_verdict governor_enter(struct governor *governor, struct governor_ticket *ticket,
                                     const struct governor_demand *demand);

/* Gives up a ticket, waiting or active. Returns a ticket that has become active by it, or NULL. */
struct governor_ticket *governor_leave(struct governor *governor, struct governor_ticket *ticket);

void governor_check(const struct governor *governor);

#endif
