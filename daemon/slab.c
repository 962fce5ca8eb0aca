/*
 * slab.c - chunks of objects, found again by the address of any of them.
 *
 * A chunk is aligned to its size, so the chunk of an object is its address with the low bits
 * cleared. The free slots of a chunk are a stack of indices in its header and not a list threaded
 * through the objects: a released object is never written to, and under the address sanitizer it is
 * poisoned as a whole, so that touching it after its release is reported at the line that does it.
 *
 * Chunks with room are taken from the front of `partial`, where a chunk goes that was full: new
 * objects fill the holes of used chunks, and the chunk that became empty, kept at the back, is
 * touched last.
 */
#include "slab.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

#define CHUNK_BYTES_MIN 65536
#define CHUNK_OBJECTS_MIN 8

struct chunk {
    struct list link;
    unsigned free_count;
    uint16_t free[]; /* a stack of the indices of free slots */
};

static size_t round_up(size_t bytes)
{
    return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static size_t header_bytes(unsigned objects)
{
    return round_up(sizeof(struct chunk) + objects * sizeof(uint16_t));
}

static char *chunk_object(const struct slab *slab, struct chunk *chunk, unsigned index)
{
    return (char *)chunk + header_bytes(slab->chunk_objects) + index * slab->object_bytes;
}

static struct chunk *chunk_of(const struct slab *slab, void *object)
{
    return (void *)((uintptr_t)object & ~(uintptr_t)(slab->chunk_bytes - 1));
}

void slab_init(struct slab *slab, size_t object_bytes, size_t count_max)
{
    size_t room;

    assert(object_bytes > 0);
    *slab = (struct slab){
        .object_bytes = round_up(object_bytes),
        .count_max = count_max,
        .chunk_bytes = CHUNK_BYTES_MIN,
    };
    list_init(&slab->partial);
    list_init(&slab->full);

    while (slab->chunk_bytes < CHUNK_OBJECTS_MIN * (slab->object_bytes + sizeof(struct chunk)))
        slab->chunk_bytes *= 2;
    room = slab->chunk_bytes - round_up(sizeof(struct chunk)) - alignof(max_align_t);
    slab->chunk_objects = (unsigned)(room / (slab->object_bytes + sizeof(uint16_t)));
    assert(slab->chunk_objects > 0 && slab->chunk_objects <= UINT16_MAX);
}

static struct chunk *slab_add_chunk(struct slab *slab)
{
    struct chunk *chunk = aligned_alloc(slab->chunk_bytes, slab->chunk_bytes);

    if (!chunk)
        return NULL;
    chunk->free_count = slab->chunk_objects;
    for (unsigned i = 0; i < slab->chunk_objects; i++)
        chunk->free[i] = (uint16_t)(slab->chunk_objects - 1 - i);
    ASAN_POISON_MEMORY_REGION(chunk_object(slab, chunk, 0),
                              slab->chunk_objects * slab->object_bytes);
    list_link_front(&slab->partial, &chunk->link);
    slab->chunks_count++;
    slab->empty_chunks++;
    return chunk;
}

static void slab_drop_chunk(struct slab *slab, struct chunk *chunk)
{
    assert(chunk->free_count == slab->chunk_objects);
    list_unlink(&chunk->link);
    ASAN_UNPOISON_MEMORY_REGION(chunk_object(slab, chunk, 0),
                                slab->chunk_objects * slab->object_bytes);
    free(chunk);
    slab->chunks_count--;
    slab->empty_chunks--;
}

void slab_deinit(struct slab *slab)
{
    struct list *link;

    assert(slab->count == 0);
    if (slab->object_bytes == 0) /* never initialised, or done already */
        return;
    while ((link = list_first(&slab->partial)))
        slab_drop_chunk(slab, container_of(link, struct chunk, link));
    assert(list_is_empty(&slab->full));
    *slab = (struct slab){ 0 };
}

void *slab_acquire(struct slab *slab)
{
    struct list *first = list_first(&slab->partial);
    struct chunk *chunk;
    char *object;

    if (slab->count >= slab->count_max)
        return NULL;
    chunk = first ? container_of(first, struct chunk, link) : slab_add_chunk(slab);
    if (!chunk)
        return NULL;

    if (chunk->free_count == slab->chunk_objects)
        slab->empty_chunks--;
    chunk->free_count--;
    object = chunk_object(slab, chunk, chunk->free[chunk->free_count]);
    if (chunk->free_count == 0) {
        list_unlink(&chunk->link);
        list_link_back(&slab->full, &chunk->link);
    }
    slab->count++;

    ASAN_UNPOISON_MEMORY_REGION(object, slab->object_bytes);
    memset(object, 0, slab->object_bytes);
    return object;
}

void slab_release(struct slab *slab, void *object)
{
    struct chunk *chunk = chunk_of(slab, object);
    size_t offset = (size_t)((char *)object - chunk_object(slab, chunk, 0));

    assert(slab->count > 0);
    assert(offset % slab->object_bytes == 0);
    assert(offset / slab->object_bytes < slab->chunk_objects);
    assert(chunk->free_count < slab->chunk_objects);

    ASAN_POISON_MEMORY_REGION(object, slab->object_bytes);
    chunk->free[chunk->free_count++] = (uint16_t)(offset / slab->object_bytes);
    slab->count--;

    if (chunk->free_count == 1) {
        list_unlink(&chunk->link);
        list_link_front(&slab->partial, &chunk->link);
    }
    if (chunk->free_count < slab->chunk_objects)
        return;
    slab->empty_chunks++;
    if (slab->empty_chunks > 1) {
        slab_drop_chunk(slab, chunk);
        return;
    }
    list_unlink(&chunk->link);
    list_link_back(&slab->partial, &chunk->link);
}

void slab_check(const struct slab *slab)
{
    const struct list *heads[] = { &slab->partial, &slab->full };
    size_t count = 0;
    size_t chunks = 0;
    unsigned empty = 0;

    for (unsigned i = 0; i < 2; i++) {
        for (const struct list *link = heads[i]->next; link != heads[i]; link = link->next) {
            const struct chunk *chunk = container_of(link, struct chunk, link);

            assert((chunk->free_count == 0) == (heads[i] == &slab->full));
            assert(chunk->free_count <= slab->chunk_objects);
            count += slab->chunk_objects - chunk->free_count;
            empty += chunk->free_count == slab->chunk_objects;
            chunks++;
        }
    }
    assert(count == slab->count);
    assert(count <= slab->count_max);
    assert(chunks == slab->chunks_count);
    assert(empty == slab->empty_chunks && empty <= 1);
}
