/*
 * item.h - one request as the user means it.
 *
 * It owns the attempts, the deadline over all of them and the result; an attempt in an engine is
 * known by the item's id there. (Hops and retries come with redirects.)
 */
#ifndef HAULD_ITEM_H
#define HAULD_ITEM_H

#include "cookies.h"
#include "heap.h"
#include "mailbox.h"
#include "profile.h"
#include "slab.h"
#include "stats.h"
#include "timer.h"
#include "writer.h"

struct item;
struct batch;

/* What sessions, batches and items share. */
struct front {
    struct ring *ring;
    struct timers *timers;
    struct writer *writer;
    const struct config *config;
    struct mailbox_engine engine;
    struct slab items;
    struct public_suffixes suffixes; /* of jars; loaded for the first one */
    bool has_tried_suffixes;         /* so that what is missing is told once */
    unsigned conns_max;              /* what MaxConnections= came to */
    uint64_t batches_count;          /* ever begun: the key of the latest */
    struct stats stats;
};

/* Whoever speaks for the client. */
struct item_events {
    void (*head)(void *ctx, struct item *item, const struct attempt_head *head);
    /* The block is the callee's; item_returned follows when it is with the client. */
    void (*body)(void *ctx, struct item *item, struct block *block);
    /* The result is complete; the callee ends the item by batch_release. Comes again when a cancel
     * finds blocks that the callee still holds: it returns them first, unsent. */
    void (*finished)(void *ctx, struct item *item);
    /* What body has handed over is void: the client is to forget it before it gets more. */
    void (*restart)(void *ctx, struct item *item);
    /* The batch may start more: it is to be pumped soon, outside this call. */
    void (*wake)(void *ctx);
};

enum item_state {
    ITEM_WAITING, /* in its batch, not yet started */
    ITEM_ACTIVE,  /* an attempt is with the engine */
    ITEM_PAUSED,  /* waits to be tried again */
    ITEM_HELD,    /* wants to ask once more, and waits for its batch's rate */
    ITEM_CLOSING, /* the attempt is over; its file is being written out */
    ITEM_FINISHED,
};

struct item {
    struct list link;       /* in its batch: waiting, active or held */
    struct heap_entry plan; /* in its batch: planned */
    struct front *front;
    struct batch *batch;
    const struct profile *profile;
    struct block *request; /* the REQUEST frame's payload */
    struct block *hop_url; /* where redirects led, in one spelling; NULL = none was followed */
    struct wire_request fixed;
    const char *first_url;     /* into request; fixed.url_bytes */
    struct span headers, body; /* into request */
    struct span method, url;   /* of the next attempt */
    uint64_t id;               /* the client's */
    uint64_t t0_ns;            /* planned time, or acceptance */
    struct timer deadline;
    struct timer pause;        /* armed iff PAUSED */
    uint64_t first_attempt_ns; /* when the first attempt was begun */
    struct writer_file *file;
    struct upload *upload;        /* NULL: the request's body, if any, is in body */
    struct attempt_result result; /* of the last attempt; content_type points into content_type[] */
    enum wire_cap held_by;
    uint16_t cancelled; /* enum fault_code, once asked to end: no further attempt is made */
    uint16_t attempts;
    uint16_t hops;        /* redirects followed */
    uint16_t retries;     /* attempts made because of how the one before ended */
    uint32_t head_bytes;  /* of all heads so far */
    uint32_t retransmits; /* of all attempts */
    uint64_t attempt_ns;  /* the last attempt was begun; 0 = it is the first */
    uint8_t state;        /* enum item_state */
    uint8_t content_type_bytes;
    uint8_t fds_count;     /* passed with it */
    bool is_counted;       /* among what its user holds */
    bool started;          /* its batch counts it as active */
    bool is_proxied;       /* the last attempt goes through a proxy */
    bool fresh_conn;       /* the next attempt wants a new connection */
    bool is_led_away;      /* a redirect left the first origin: its secrets stay behind, for good */
    bool has_lost_body;    /* a redirect made it a GET */
    bool given_up;         /* what its client has not got of its body is not to be sent any more */
    unsigned blocks_count; /* body blocks that the client's side still holds */
    char content_type[255];
    char *words; /* owned: result.fault.why of TLS or policy */
};

struct item_options {
    const struct profile *profile;
    struct batch *batch;
    const struct frame *frame;             /* REQUEST */
    const struct message_request *message; /* decoded from it */
};

/* NULL when out of memory or at the bound of items. WAITING, not linked. */
struct item *item_new(struct front *front, const struct item_options *options);
void item_free(struct item *item); /* FINISHED */

/* Gives it the file its body goes to; fd is taken over in every case. A descriptor that cannot
 * serve is remembered and fails the item when it starts. */
void item_take_file(struct item *item, int fd);

/* Gives it the file or pipe its request's body comes from; likewise. */
void item_take_upload(struct item *item, int fd);

/* Starts the first attempt, or finishes it when the request cannot be sent. */
void item_start(struct item *item);

/* HELD: its batch's rate allows one more. */
void item_resume(struct item *item);

/* WAITING: it is not begun at all, for this reason (static, or NULL for the fault's own words). */
void item_refuse_admission(struct item *item, enum fault_code code, const char *why);

/* Its result will be this fault, unless it has one. Finishes at once when WAITING. When FINISHED
 * with body blocks at the client's side: those are not wanted any more, see item_events.finished.
 */
void item_cancel(struct item *item, enum fault_code code);

/* Its client has not taken its body in time: sink/slow, also when it is FINISHED. */
void item_give_up(struct item *item);

/* The client's side is through with bytes of a body block. */
void item_returned(struct item *item, size_t bytes);

/* The RESULT of a FINISHED item, with offsets from t0. delivered_ns is the caller's stamp. message
 * and content type are spans valid as long as the item. */
struct message_result item_result(const struct item *item, uint64_t delivered_ns);

/* Bytes it counts for against its session's bound. */
size_t item_request_bytes(const struct item *item);

/* The front's side of the mailbox; ids are items. */
struct mailbox_front item_mailbox(struct front *front);

/* Attempts are known to the engine by their item. */
static inline uint64_t item_attempt_id(const struct item *item)
{
    return (uint64_t)(uintptr_t)item;
}

/* Its client will get an error: one line, at debug. */
void item_log_failure(const struct item *item);

void item_check(const struct item *item);

#endif
