/*
 * resolve_cache.h - names that were asked for: what is known of them, who waits.
 *
 * The resolver's own. An entry is one (name, family). While it is asked for it is pinned and does
 * not count; once known it is remembered, and the least recently used make room.
 */
#ifndef HAULD_RESOLVE_CACHE_H
#define HAULD_RESOLVE_CACHE_H

#include "resolve_dns.h"

#define RESOLVE_HOST_BYTES_MAX 254 /* RFC 1035's 253, and a last dot */

enum resolve_entry_state {
    RESOLVE_ENTRY_KNOWN,    /* remembered until expires_ns; nobody waits */
    RESOLVE_ENTRY_QUEUED,   /* to be asked, on the resolver's list */
    RESOLVE_ENTRY_ASKED,    /* DNS has the question */
    RESOLVE_ENTRY_ANSWERED, /* the waiters are being told, or will be in this turn */
};

struct resolve_entry {
    struct resolve_entry *next; /* of the same bucket */
    uint64_t hash;
    enum resolve_entry_state state;
    enum resolve_family family;
    struct list link; /* KNOWN: by use; QUEUED and ANSWERED: the resolver's lists */
    struct list waiters;
    struct resolve_dns_question question;
    uint64_t expires_ns; /* the answer serves until then; 0 = only those who wait */
    struct fault fault;
    unsigned addresses_count;
    struct resolve_address *addresses; /* owned */
    char host[];                       /* lower case */
};

struct resolve_cache {
    struct resolve_entry **buckets; /* made with the first entry */
    size_t buckets_count;           /* a power of two */
    size_t entries_count;
    size_t known_count;
    size_t known_max;
    uint64_t seed;    /* strangers choose the names */
    struct list used; /* KNOWN entries, newest use first */
};

void resolve_cache_init(struct resolve_cache *cache, size_t known_max, uint64_t seed);
/* Frees all entries; nobody may wait. */
void resolve_cache_deinit(struct resolve_cache *cache);

/* host is lower case. NULL when there is none. */
struct resolve_entry *resolve_cache_find(const struct resolve_cache *cache, const char *host,
                                         enum resolve_family family);
/* A new entry, QUEUED and on no list; NULL without memory. There must be none of that name. */
struct resolve_entry *resolve_cache_add(struct resolve_cache *cache, const char *host,
                                        enum resolve_family family);
/* Of an entry that is on no list and has no waiters. */
void resolve_cache_remove(struct resolve_cache *cache, struct resolve_entry *entry);

/* To KNOWN, as the newest; the oldest may go. From KNOWN, on no list then. Used: newest again. */
void resolve_cache_remember(struct resolve_cache *cache, struct resolve_entry *entry);
void resolve_cache_recall(struct resolve_cache *cache, struct resolve_entry *entry,
                          enum resolve_entry_state next);
void resolve_cache_touch(struct resolve_cache *cache, struct resolve_entry *entry);

/* Puts an answer into an entry; 0 or -ENOMEM. */
int resolve_entry_set(struct resolve_entry *entry, const struct resolve_address *addresses,
                      unsigned count);

/* Walks all entries: NULL begins, NULL ends. Nothing may be added or removed on the way. */
struct resolve_entry *resolve_cache_next(const struct resolve_cache *cache,
                                         const struct resolve_entry *entry);

void resolve_cache_check(const struct resolve_cache *cache);

#endif
