/*
 * governor.h - what an origin may bear: how many exchanges run there at once, how many start in a
 * second, and whether it has asked to be left alone.
 *
 * Pure. Bounds of one batch at one origin (the batch asked for them), bounds of all batches
 * together at one origin (the host's ceiling), and the origin's own word (cooldown.h). Users that
 * wait for the same origin take turns, and so do the batches of one user.
 */
#ifndef HAULD_GOVERNOR_H
#define HAULD_GOVERNOR_H

#include "cooldown.h"
#include "heap.h"
#include "list.h"
#include "span.h"
#include "wire.h"

struct governor_origin;
struct governor_lane;

/* What one origin may bear, in the place of what any may. */
struct governor_rule {
    struct span host;
    uint16_t port;
    uint8_t scheme;
    unsigned active_max; /* 0 = none */
    uint64_t rate_uhz;   /* 0 = none */
};

struct governor_options {
    unsigned origin_active_max;        /* over all batches; 0 = none */
    uint64_t origin_rate_uhz;          /* starts, over all batches; 0 = none */
    unsigned origin_burst;             /* 0 = bucket_burst of the rate */
    const struct governor_rule *rules; /* they outlive the governor, or the next change */
    unsigned rules_count;
    unsigned idle_origins_max; /* remembered for their rate or their cool-down; > 0 */
    uint64_t hash_seed;
};

struct governor {
    struct governor_origin **buckets;
    unsigned buckets_count;
    unsigned origins_count;
    struct governor_options options;
    struct heap waiting; /* origins that go on when their time has come */
    struct heap idle;    /* origins that nobody uses, by when they may be forgotten */
};

/* Embedded in what wants to start. */
struct governor_ticket {
    struct list link;           /* linked: waiting in its lane */
    struct governor_lane *lane; /* NULL: neither waiting nor active */
    enum wire_cap held_by;      /* what made it wait last */
    uint32_t epoch;             /* of the origin's cool-down, when it became active */
    uint64_t cools_until_ns; /* after leave: its origin is left alone until then; 0 = it is not */
    bool began_pause;        /* after leave: by the answer to this one */
};

int governor_init(struct governor *governor, const struct governor_options *options);
void governor_deinit(struct governor *governor); /* asserts that no ticket is left */

/* Other bounds for all origins from now on: rates, connections and rules of options, the rest of
 * which stays as it was. What is active goes on; governor_wake returns what may start now. */
void governor_change(struct governor *governor, const struct governor_options *options,
                     uint64_t now_ns);

struct governor_demand {
    struct span host;
    uint16_t port;
    uint8_t scheme;
    uint64_t client_key;          /* who asks: the user */
    uint64_t batch_key;           /* and for which batch; never that of an earlier one */
    unsigned batch_active_max;    /* of this batch at this origin; > 0 */
    uint64_t batch_rate_uhz;      /* the same of its starts; 0 = none. Of a batch always the same */
    enum wire_cap batch_rate_cap; /* what held_by calls that */
    uint64_t asked_rate_uhz; /* what the batch says this origin may bear; 0 = nothing. Those who say
                              * so share the origin at the highest of their rates */
};

enum governor_verdict {
    GOVERNOR_GO,   /* the ticket is active until governor_leave */
    GOVERNOR_WAIT, /* queued; a later governor_leave or governor_wake returns it */
    GOVERNOR_NO_MEMORY,
};

enum governor_verdict governor_enter(struct governor *governor, struct governor_ticket *ticket,
                                     const struct governor_demand *demand, uint64_t now_ns);

/* What the origin said to an attempt. */
struct governor_answer {
    enum cooldown_answer kind;
    uint64_t after_ns; /* of Retry-After; 0 = nothing */
};

/* Gives up a ticket, waiting or active; answer is NULL when none came. Returns a ticket that has
 * become active by it, or NULL; more may have, which governor_wake returns. */
struct governor_ticket *governor_leave(struct governor *governor, struct governor_ticket *ticket,
                                       const struct governor_answer *answer, uint64_t now_ns);

/* The next ticket that has become active by time, or NULL: to be called until then. */
struct governor_ticket *governor_wake(struct governor *governor, uint64_t now_ns);

/* When to call governor_wake; UINT64_MAX: not before something else has been called. */
uint64_t governor_next_ns(const struct governor *governor);

/* An origin that is in use, or remembered for its rate or its pause. */
struct governor_view {
    struct span host; /* during the call */
    uint16_t port;
    uint8_t scheme;
    unsigned active;
    unsigned waiting;
    unsigned active_max;     /* 0 = none */
    uint64_t rate_uhz;       /* 0 = none */
    uint64_t cools_until_ns; /* 0 = it does not */
};

/* In no order. */
void governor_for_each(const struct governor *governor, uint64_t now_ns,
                       void (*each)(void *ctx, const struct governor_view *view), void *ctx);

void governor_check(const struct governor *governor);

#endif
