/*
 * governor_internal.h - what the files of the governor share.
 *
 * governor.c keeps the origins, governor_turns.c the lanes of one and whose turn it is. Nobody else
 * includes this.
 */
#ifndef HAULD_GOVERNOR_INTERNAL_H
#define HAULD_GOVERNOR_INTERNAL_H

#include "governor.h"

#include "bucket.h"

/* A batch at an origin. */
struct governor_lane {
    struct list link; /* in its share, in order of turns; unlinked: not in use */
    struct governor_share *share;
    struct list waiting;
    uint64_t batch_key;
    struct bucket bucket;
    uint64_t asked_rate_uhz;
    unsigned active;
    unsigned active_max;
    enum wire_cap rate_cap;
    enum wire_cap held_by; /* what stopped it when it was last looked at */
};

/* A client at an origin. */
struct governor_share {
    struct list link; /* in its origin, in order of turns */
    struct governor_origin *origin;
    struct list lanes;
    uint64_t client_key;
    unsigned waiting;
    struct governor_lane first; /* most clients have one batch: one allocation for both */
};

struct governor_origin {
    struct governor_origin *next; /* in its bucket of the table */
    struct heap_entry timing;     /* in governor.idle, or in governor.waiting */
    struct list shares;
    struct bucket bucket;
    struct bucket asked; /* of the lanes that ask for a rate, together */
    struct cooldown cooldown;
    uint64_t hash;
    unsigned active;
    unsigned active_max; /* 0 = none */
    unsigned waiting;
    unsigned rated_lanes;  /* those with a rate of their own */
    bool is_stirred;       /* its bounds have changed: more than one may start at once */
    enum wire_cap held_by; /* what stopped all of it when it was last looked at */
    uint16_t port;
    uint8_t scheme;
    uint8_t host_bytes;
    char host[];
};

/* What keeps this lane from starting one, its origin aside. */
enum wire_cap lane_stopped_by(const struct governor_lane *lane, uint64_t now_ns);

/* The lane of a demand, made if need be; NULL: no memory. */
struct governor_lane *turns_lane_get(struct governor_origin *origin,
                                     const struct governor_demand *demand, uint64_t now_ns);

/* Frees lanes and shares that nobody uses and whose rate is as good as new. */
void turns_sweep(struct governor_origin *origin, uint64_t now_ns);
void turns_free(struct governor_origin *origin); /* all of them; no ticket is left */

/* The lane has lost a ticket: frees it if nobody uses it, like turns_sweep. */
void turns_lane_left(struct governor_lane *lane, uint64_t now_ns);

/* Takes the waiting ticket whose turn it is off its lane; NULL: no lane may start one. */
struct governor_ticket *turns_pop(struct governor_origin *origin, uint64_t now_ns);

/* When turns_pop will have one, as far as time decides that; notes what stops each lane. */
uint64_t turns_next_ns(struct governor_origin *origin, uint64_t now_ns);

/* When the last lane is as good as new; 0: all are. */
uint64_t turns_full_ns(const struct governor_origin *origin, uint64_t now_ns);

void turns_check(const struct governor_origin *origin);

#endif
