/*
 * batch.h - what a client submits together: order, concurrency, counts.
 */
#ifndef HAULD_BATCH_H
#define HAULD_BATCH_H

#include "bucket.h"
#include "item.h"

struct batch {
    struct list link; /* in its session */
    struct front *front;
    const struct item_events *events; /* the session */
    void *ctx;
    uint64_t id;                   /* the client's */
    uint64_t client_key;           /* of its user */
    uint64_t key;                  /* of all batches ever, where ids come again */
    struct heap planned;           /* items held until their time */
    struct list waiting;           /* in order of submission */
    struct list held;              /* active, but they wait for the rate to ask once more */
    struct list active;            /* started, until released; those in held aside */
    unsigned concurrency;          /* > 0 */
    unsigned per_origin_max;       /* > 0 */
    unsigned active_count;         /* of held too */
    struct bucket bucket;          /* requests begun, over all origins */
    struct timer timer;            /* asks for a pump when the bucket brings one */
    uint64_t origin_rate_uhz;      /* the lower of both rates: what one origin gets at most */
    enum wire_cap origin_rate_cap; /* and which of them that is */
    uint64_t asked_rate_uhz;       /* per origin, as the client named it */
    enum wire_cap stopped_by;      /* why the last pump left some waiting */
    uint64_t items_count;          /* accepted */
    uint64_t released_count;
    struct wire_batch_done counts;  /* of its items */
    struct ring_counters ring_then; /* when it was begun */
    struct retry_budget retry_budget;
    struct cookies *cookies; /* its jar, or NULL */
    bool is_counted;         /* among its user's; else it was one too many */
    bool sends_cookies_back; /* when it is done */
    bool ended;              /* no item follows */
};

struct batch_options {
    struct front *front;
    const struct item_events *events;
    void *ctx;
    uint64_t id;
    uint64_t client_key; /* for turns among those who wait for the same */
    const struct wire_batch_begin *begin;
};

struct batch *batch_new(const struct batch_options *options); /* NULL: out of memory */
void batch_free(struct batch *batch);                         /* no item left */

/* Admits an item: it waits for its turn, or for its planned time. */
void batch_admit(struct batch *batch, struct item *item);

/* Starts what may start; at most count_max items, so that no client keeps the loop. Returns false
 * when more could start right away. */
bool batch_pump(struct batch *batch, unsigned count_max);

/* Whether an item that has started may ask once more (a redirect, a retry, a replay) now. If not,
 * it is held: in order, and before all that have not started. item_resume follows. */
bool batch_may_ask(struct batch *batch);
void batch_hold(struct batch *batch, struct item *item);
void batch_unhold(struct batch *batch, struct item *item); /* it has given up waiting */

/* Moves items whose time has come to the waiting ones; true if any. */
bool batch_release_planned(struct batch *batch, uint64_t now_ns);
uint64_t batch_next_planned_ns(const struct batch *batch); /* UINT64_MAX: none */

/* The item's RESULT is on its way: counts it and frees it. */
void batch_release(struct batch *batch, struct item *item);

void batch_cancel(struct batch *batch, enum fault_code code);
void batch_cancel_waiting(struct batch *batch, enum fault_code code); /* those not begun */

/* Ended and every item released: BATCH_DONE is due. */
bool batch_is_done(const struct batch *batch);

/* What BATCH_DONE says: the counts of its items, and what the ring has counted since it was begun.
 * The ring's are of all batches. */
struct wire_batch_done batch_sum_up(const struct batch *batch);

void batch_check(const struct batch *batch);

#endif
