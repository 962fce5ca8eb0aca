/*
 * slab.h - objects of one size from chunks, up to a bound.
 *
 * Chunks are made as needed and an empty chunk is given back (one empty chunk is kept). Objects
 * come zeroed. Memory is stable: an object does not move while it lives.
 */
#ifndef HAULD_SLAB_H
#define HAULD_SLAB_H

#include "list.h"

#include <stddef.h>

struct slab {
    struct list partial; /* chunks with room; an empty one is last */
    struct list full;
    size_t object_bytes;
    size_t slot_bytes; /* an object and what stands in front of it */
    size_t count;      /* objects in use */
    size_t count_max;
    size_t chunks_count;
    size_t chunks_bytes;
    unsigned empty_chunks; /* 0 or 1 */
};

void slab_init(struct slab *slab, size_t object_bytes, size_t count_max);
void slab_deinit(struct slab *slab);   /* asserts that nothing is in use */
void *slab_acquire(struct slab *slab); /* NULL at the bound or out of memory */
void slab_release(struct slab *slab, void *object);
void slab_check(const struct slab *slab);

#endif
