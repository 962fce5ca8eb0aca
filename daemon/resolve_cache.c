/*
 * resolve_cache.c - a hash table of chains, and one list by use.
 *
 * The table has as many buckets as entries may be remembered and does not grow: what is asked for
 * at one time beyond that makes some chains longer, and is bounded by the connections that wait.
 * It is made with the first entry, so that a daemon that never asks pays nothing.
 */
#include "resolve_cache.h"

#include "table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void resolve_cache_init(struct resolve_cache *cache, size_t known_max, uint64_t seed)
{
    *cache = (struct resolve_cache){ .known_max = known_max, .seed = seed, .buckets_count = 1 };
    while (cache->buckets_count < known_max)
        cache->buckets_count *= 2;
    list_init(&cache->used);
}

static void entry_free(struct resolve_entry *entry)
{
    free(entry->addresses);
    free(entry);
}

void resolve_cache_deinit(struct resolve_cache *cache)
{
    for (size_t i = 0; cache->buckets && i < cache->buckets_count; i++) {
        while (cache->buckets[i]) {
            struct resolve_entry *entry = cache->buckets[i];

            assert(list_is_empty(&entry->waiters));
            cache->buckets[i] = entry->next;
            entry_free(entry);
        }
    }
    free(cache->buckets);
    cache->buckets = NULL;
    cache->entries_count = cache->known_count = 0;
    list_init(&cache->used);
}

static uint64_t cache_hash(const struct resolve_cache *cache, const char *host,
                           enum resolve_family family)
{
    return table_hash_bytes(cache->seed + (uint64_t)family, host, strlen(host));
}

struct resolve_entry *resolve_cache_find(const struct resolve_cache *cache, const char *host,
                                         enum resolve_family family)
{
    uint64_t hash = cache_hash(cache, host, family);
    struct resolve_entry *entry;

    if (!cache->buckets)
        return NULL;
    for (entry = cache->buckets[hash & (cache->buckets_count - 1)]; entry; entry = entry->next) {
        if (entry->hash == hash && entry->family == family && strcmp(entry->host, host) == 0)
            break;
    }
    return entry;
}

struct resolve_entry *resolve_cache_add(struct resolve_cache *cache, const char *host,
                                        enum resolve_family family)
{
    size_t host_bytes = strlen(host) + 1;
    struct resolve_entry *entry, **bucket;

    if (!cache->buckets)
        cache->buckets = calloc(cache->buckets_count, sizeof(struct resolve_entry *));
    if (!cache->buckets)
        return NULL;
    entry = calloc(1, sizeof(*entry) + host_bytes);
    if (!entry)
        return NULL;
    entry->hash = cache_hash(cache, host, family);
    entry->state = RESOLVE_ENTRY_QUEUED;
    entry->family = family;
    list_init(&entry->link);
    list_init(&entry->waiters);
    memcpy(entry->host, host, host_bytes);
    bucket = &cache->buckets[entry->hash & (cache->buckets_count - 1)];
    entry->next = *bucket;
    *bucket = entry;
    cache->entries_count++;
    return entry;
}

void resolve_cache_remove(struct resolve_cache *cache, struct resolve_entry *entry)
{
    struct resolve_entry **at = &cache->buckets[entry->hash & (cache->buckets_count - 1)];

    assert(!list_is_linked(&entry->link) && list_is_empty(&entry->waiters));
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    cache->entries_count--;
    entry_free(entry);
}

void resolve_cache_remember(struct resolve_cache *cache, struct resolve_entry *entry)
{
    assert(!list_is_linked(&entry->link) && list_is_empty(&entry->waiters));
    entry->state = RESOLVE_ENTRY_KNOWN;
    list_link_front(&cache->used, &entry->link);
    cache->known_count++;
    if (cache->known_count > cache->known_max) {
        struct resolve_entry *oldest =
            container_of(list_last(&cache->used), struct resolve_entry, link);

        resolve_cache_recall(cache, oldest, RESOLVE_ENTRY_QUEUED);
        resolve_cache_remove(cache, oldest);
    }
}

void resolve_cache_recall(struct resolve_cache *cache, struct resolve_entry *entry,
                          enum resolve_entry_state next)
{
    assert(entry->state == RESOLVE_ENTRY_KNOWN && next != RESOLVE_ENTRY_KNOWN);
    list_unlink(&entry->link);
    cache->known_count--;
    entry->state = next;
}

void resolve_cache_touch(struct resolve_cache *cache, struct resolve_entry *entry)
{
    assert(entry->state == RESOLVE_ENTRY_KNOWN);
    list_unlink(&entry->link);
    list_link_front(&cache->used, &entry->link);
}

int resolve_entry_set(struct resolve_entry *entry, const struct resolve_address *addresses,
                      unsigned count)
{
    struct resolve_address *copy = NULL;

    if (count > 0) {
        copy = malloc(count * sizeof(*copy));
        if (!copy)
            return -ENOMEM;
        memcpy(copy, addresses, count * sizeof(*copy));
    }
    free(entry->addresses);
    entry->addresses = copy;
    entry->addresses_count = count;
    return 0;
}

struct resolve_entry *resolve_cache_next(const struct resolve_cache *cache,
                                         const struct resolve_entry *entry)
{
    size_t bucket = 0;

    if (!cache->buckets)
        return NULL;
    if (entry) {
        if (entry->next)
            return entry->next;
        bucket = (entry->hash & (cache->buckets_count - 1)) + 1;
    }
    while (bucket < cache->buckets_count && !cache->buckets[bucket])
        bucket++;
    return bucket < cache->buckets_count ? cache->buckets[bucket] : NULL;
}

void resolve_cache_check(const struct resolve_cache *cache)
{
    const struct resolve_entry *entry = NULL;
    size_t entries_count = 0, known_count = 0;

    while ((entry = resolve_cache_next(cache, entry))) {
        entries_count++;
        if (entry->state == RESOLVE_ENTRY_KNOWN) {
            known_count++;
            assert(list_is_linked(&entry->link) && list_is_empty(&entry->waiters));
            assert(fault_is_set(&entry->fault) == (entry->addresses_count == 0));
        }
        assert(entry->state != RESOLVE_ENTRY_ASKED || !list_is_linked(&entry->link));
    }
    assert(entries_count == cache->entries_count);
    assert(known_count == cache->known_count && known_count <= cache->known_max);
}
