/*
 * block.c - a header in front of malloc'd bytes; malloc's own caches are the pool.
 */
#include "block.h"

#include <stdlib.h>

struct block *block_new(size_t capacity)
{
    struct block *block = malloc(sizeof(*block) + capacity);

    if (!block)
        return NULL;
    list_init(&block->link);
    block->ctx = NULL;
    block->is_frame = false;
    block->since_ns = 0;
    block->bytes = 0;
    block->capacity = capacity;
    return block;
}

void block_free(struct block *block)
{
    free(block);
}

void block_free_all(struct list *blocks)
{
    struct list *link;

    while ((link = list_pop(blocks)))
        block_free(container_of(link, struct block, link));
}

struct block *block_copy(struct span bytes, size_t spare_bytes)
{
    struct block *block = block_new(bytes.bytes + spare_bytes);

    if (block)
        block_append(block, bytes);
    return block;
}
