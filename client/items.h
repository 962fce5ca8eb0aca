/*
 * items.h - the items that the daemon has and the ones about to go: a pool of fixed size.
 *
 * The wire id of an item names its place in the pool and a generation, so a result finds its item
 * without a search and a stray one finds nothing. Texts of an item live in one buffer that the
 * place keeps for the next item.
 */
#ifndef HAUL_ITEMS_H
#define HAUL_ITEMS_H

#include "body.h"
#include "input.h"
#include "resume.h"

struct item {
    uint64_t id;     /* on the wire; 0 while free */
    uint64_t number; /* 1 is the first of the command */
    uint64_t line;   /* of the input; 0 = from the command line */
    struct text store;
    uint32_t url_bytes; /* in store: url, then label, then method */
    uint32_t label_bytes;
    uint32_t method_bytes;
    const struct plan_upload *upload; /* of -T; NULL = none */
    uint32_t sent_url_bytes; /* behind them: the URL with its host in ASCII; 0 = url is that */
    uint32_t request_bytes;  /* of its frame, for the limit per session */
    uint32_t implied_bytes;  /* of the URL: the "http://" that nobody wrote */
    bool is_skipped;         /* its file is there already */
    struct body body;
    enum resume_verdict resume; /* of the response; only if body.offset is not 0 */
    char *head;                 /* owned: the fields of the response in wire form, when kept */
    size_t head_bytes;
    uint16_t head_status;
    uint32_t next_free;
};

struct items {
    struct item *places;
    uint32_t places_count; /* grows up to limit */
    uint32_t limit;
    uint32_t first_free;
    uint32_t used;
    uint32_t generation;
};

void items_init(struct items *items, uint32_t limit);
void items_deinit(struct items *items);

/* NULL when all are in use or out of memory. Pointers to items move with an acquire. */
struct item *items_acquire(struct items *items);
void items_release(struct items *items, struct item *item);

/* NULL when no live item has this id. */
struct item *items_find(struct items *items, uint64_t id);

/* The next live item at or after *position, which moves on; NULL at the end. */
struct item *items_next(struct items *items, uint32_t *position);

static inline struct span item_url(const struct item *item)
{
    return span_of(item->store.data, item->url_bytes);
}

static inline struct span item_label(const struct item *item)
{
    return span_of(item->store.data + item->url_bytes, item->label_bytes);
}

static inline struct span item_method(const struct item *item)
{
    return span_of(item->store.data + item->url_bytes + item->label_bytes, item->method_bytes);
}

static inline struct span item_sent_url(const struct item *item)
{
    size_t before = (size_t)item->url_bytes + item->label_bytes + item->method_bytes;

    return item->sent_url_bytes ? span_of(item->store.data + before, item->sent_url_bytes)
                                : item_url(item);
}

#endif
