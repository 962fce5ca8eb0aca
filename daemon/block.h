/*
 * block.h - a piece of memory with one owner at a time.
 *
 * Requests and bodies cross the mailbox as blocks: who posts one gives it away.
 */
#ifndef HAULD_BLOCK_H
#define HAULD_BLOCK_H

#include "list.h"
#include "span.h"

struct block {
    struct list link;
    void *ctx;         /* the present owner's own */
    bool is_frame;     /* likewise */
    uint64_t since_ns; /* likewise */
    size_t bytes;      /* used */
    size_t capacity;
    char data[];
};

struct block *block_new(size_t capacity); /* NULL when out of memory */
void block_free(struct block *block);
void block_free_all(struct list *blocks);

/* A block that holds a copy, with spare_bytes of room behind it. */
struct block *block_copy(struct span bytes, size_t spare_bytes);

static inline struct span block_span(const struct block *block)
{
    return span_of(block->data, block->bytes);
}

static inline size_t block_room(const struct block *block)
{
    return block->capacity - block->bytes;
}

/* Appends what the caller has seen to fit. */
static inline void block_append(struct block *block, struct span bytes)
{
    if (bytes.bytes) /* no bytes may have no address */
        memcpy(block->data + block->bytes, bytes.data, bytes.bytes);
    block->bytes += bytes.bytes;
}

#endif
