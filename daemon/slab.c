/*
 * slab.c - chunks of objects; in front of every object stands its chunk.
 *
 * The free slots of a chunk are a stack of indices in its header and not a list threaded through
 * the objects: a released object is never written to, and under the address sanitizer it is
 * poisoned as a whole, so that touching it after its release is reported at the line that does it.
 *
 * Chunks with room are taken from the front of `partial`, where a chunk goes that was full: new
 * objects fill the holes of used chunks, and the chunk that became empty, kept at the back, is
 * touched last.
 *
 * Every chunk is as large as all before it together, up to a huge page: a few objects cost a few
 * pages, ten thousand cost a dozen page faults (a fault per 4 KiB was a tenth of the time in which
 * ten thousand connections open), and giving a chunk back flushes the processors' tables as many
 * times.
 */
#include "slab.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* What lies in mappings the leak sanitizer does not look into, unless told. */
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define __lsan_register_root_region(address, bytes) ((void)(address), (void)(bytes))
#define __lsan_unregister_root_region(address, bytes) ((void)(address), (void)(bytes))
#endif

#define CHUNK_BYTES_MIN 65536
#define CHUNK_BYTES_MAX (2u << 20) /* a huge page, on the machines that have them */
#define CHUNK_OBJECTS_MIN 8

struct chunk {
    struct list link;
    size_t bytes;
    char *slots;
    unsigned objects;
    unsigned free_count;
    uint16_t free[]; /* a stack of the indices of free slots */
};

struct slot {
    struct chunk *chunk;
    alignas(max_align_t) char object[];
};

static size_t round_up(size_t bytes)
{
    return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static struct slot *chunk_slot(const struct slab *slab, struct chunk *chunk, unsigned index)
{
    return (void *)(chunk->slots + index * slab->slot_bytes);
}

static struct slot *slot_of(void *object)
{
    return (void *)((char *)object - offsetof(struct slot, object));
}

void slab_init(struct slab *slab, size_t object_bytes, size_t count_max)
{
    assert(object_bytes > 0);
    *slab = (struct slab){
        .object_bytes = round_up(object_bytes),
        .slot_bytes = sizeof(struct slot) + round_up(object_bytes),
        .count_max = count_max,
    };
    list_init(&slab->partial);
    list_init(&slab->full);
}

static size_t slab_next_chunk_bytes(const struct slab *slab)
{
    size_t least = sizeof(struct chunk) + alignof(max_align_t) +
                   CHUNK_OBJECTS_MIN * (slab->slot_bytes + sizeof(uint16_t));
    size_t bytes = CHUNK_BYTES_MIN;

    while (bytes < least || (bytes < slab->chunks_bytes && bytes < CHUNK_BYTES_MAX))
        bytes *= 2;
    return bytes;
}

static struct chunk *slab_add_chunk(struct slab *slab)
{
    size_t bytes = slab_next_chunk_bytes(slab);
    struct chunk *chunk =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t objects;

    if (chunk == MAP_FAILED)
        return NULL;
    if (bytes >= CHUNK_BYTES_MAX)
        (void)madvise(chunk, bytes, MADV_HUGEPAGE); /* a hint */
    objects = (bytes - sizeof(*chunk) - alignof(max_align_t)) /
              (slab->slot_bytes + sizeof(chunk->free[0]));
    assert(objects > 0 && objects <= UINT16_MAX);
    chunk->bytes = bytes;
    chunk->objects = chunk->free_count = (unsigned)objects;
    chunk->slots = (char *)chunk + round_up(sizeof(*chunk) + objects * sizeof(chunk->free[0]));
    for (unsigned i = 0; i < chunk->objects; i++)
        chunk->free[i] = (uint16_t)(chunk->objects - 1 - i);
    __lsan_register_root_region(chunk, bytes);
    ASAN_POISON_MEMORY_REGION(chunk->slots, chunk->objects * slab->slot_bytes);
    list_link_front(&slab->partial, &chunk->link);
    slab->chunks_count++;
    slab->chunks_bytes += bytes;
    slab->empty_chunks++;
    return chunk;
}

static void slab_drop_chunk(struct slab *slab, struct chunk *chunk)
{
    assert(chunk->free_count == chunk->objects);
    list_unlink(&chunk->link);
    ASAN_UNPOISON_MEMORY_REGION(chunk->slots, chunk->objects * slab->slot_bytes);
    __lsan_unregister_root_region(chunk, chunk->bytes);
    slab->chunks_count--;
    slab->chunks_bytes -= chunk->bytes;
    slab->empty_chunks--;
    (void)munmap(chunk, chunk->bytes);
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
    struct slot *slot;

    if (slab->count >= slab->count_max)
        return NULL;
    chunk = first ? container_of(first, struct chunk, link) : slab_add_chunk(slab);
    if (!chunk)
        return NULL;

    if (chunk->free_count == chunk->objects)
        slab->empty_chunks--;
    chunk->free_count--;
    slot = chunk_slot(slab, chunk, chunk->free[chunk->free_count]);
    if (chunk->free_count == 0) {
        list_unlink(&chunk->link);
        list_link_back(&slab->full, &chunk->link);
    }
    slab->count++;

    ASAN_UNPOISON_MEMORY_REGION(slot, slab->slot_bytes);
    slot->chunk = chunk;
    memset(slot->object, 0, slab->object_bytes);
    return slot->object;
}

void slab_release(struct slab *slab, void *object)
{
    struct slot *slot = slot_of(object);
    struct chunk *chunk = slot->chunk;
    size_t offset = (size_t)((char *)slot - chunk->slots);

    assert(slab->count > 0);
    assert(offset % slab->slot_bytes == 0);
    assert(offset / slab->slot_bytes < chunk->objects);
    assert(chunk->free_count < chunk->objects);

    ASAN_POISON_MEMORY_REGION(slot, slab->slot_bytes);
    chunk->free[chunk->free_count++] = (uint16_t)(offset / slab->slot_bytes);
    slab->count--;

    if (chunk->free_count == 1) {
        list_unlink(&chunk->link);
        list_link_front(&slab->partial, &chunk->link);
    }
    if (chunk->free_count < chunk->objects)
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
    size_t bytes = 0;
    unsigned empty = 0;

    for (unsigned i = 0; i < 2; i++) {
        for (const struct list *link = heads[i]->next; link != heads[i]; link = link->next) {
            const struct chunk *chunk = container_of(link, struct chunk, link);

            assert((chunk->free_count == 0) == (heads[i] == &slab->full));
            assert(chunk->free_count <= chunk->objects);
            count += chunk->objects - chunk->free_count;
            empty += chunk->free_count == chunk->objects;
            bytes += chunk->bytes;
            chunks++;
        }
    }
    assert(count == slab->count);
    assert(count <= slab->count_max);
    assert(chunks == slab->chunks_count);
    assert(bytes == slab->chunks_bytes);
    assert(empty == slab->empty_chunks && empty <= 1);
}
