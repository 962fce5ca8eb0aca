/*
 * table.c - open addressing, at most three quarters full.
 *
 * Rejected: chaining. It would need a link in every owner or an allocation per entry; the ids here
 * live for one request.
 */
#include "table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_SLOTS_MIN 64u

void table_init(struct table *table)
{
    *table = (struct table){ 0 };
}

void table_deinit(struct table *table)
{
    free(table->slots);
    table_init(table);
}

uint64_t table_hash(uint64_t id)
{
    id ^= id >> 30;
    id *= 0xbf58476d1ce4e5b9ull;
    id ^= id >> 27;
    id *= 0x94d049bb133111ebull;
    return id ^ (id >> 31);
}

uint64_t table_hash_bytes(uint64_t seed, const void *bytes, size_t count)
{
    const char *at = bytes;
    uint64_t hash = table_hash(seed ^ count);
    uint64_t word;

    for (; count >= sizeof(word); at += sizeof(word), count -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        hash = table_hash(hash ^ word);
    }
    word = 0;
    memcpy(&word, at, count);
    return table_hash(hash ^ word);
}

/* Where id is, or the free slot where it would go. */
static size_t table_locate(const struct table *table, uint64_t id)
{
    size_t mask = table->slots_count - 1;
    size_t at = table_hash(id) & mask;

    while (table->slots[at].value && table->slots[at].id != id)
        at = (at + 1) & mask;
    return at;
}

static int table_grow(struct table *table)
{
    struct table bigger = { .slots_count =
                                table->slots_count ? table->slots_count * 2 : TABLE_SLOTS_MIN,
                            .count = table->count };

    bigger.slots = calloc(bigger.slots_count, sizeof(*bigger.slots));
    if (!bigger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < table->slots_count; i++)
        if (table->slots[i].value)
            bigger.slots[table_locate(&bigger, table->slots[i].id)] = table->slots[i];
    free(table->slots);
    *table = bigger;
    return 0;
}

int table_insert(struct table *table, uint64_t id, void *value)
{
    size_t at;

    assert(value);
    if ((table->count + 1) * 4 > table->slots_count * 3) {
        int r = table_grow(table);

        if (r < 0)
            return r;
    }
    at = table_locate(table, id);
    if (table->slots[at].value)
        return -EEXIST;
    table->slots[at] = (struct table_slot){ .id = id, .value = value };
    table->count++;
    return 0;
}

void *table_find(const struct table *table, uint64_t id)
{
    return table->slots_count ? table->slots[table_locate(table, id)].value : NULL;
}

void *table_remove(struct table *table, uint64_t id)
{
    size_t mask = table->slots_count - 1;
    size_t hole, at;
    void *value;

    if (!table->slots_count)
        return NULL;
    hole = table_locate(table, id);
    value = table->slots[hole].value;
    if (!value)
        return NULL;
    for (at = (hole + 1) & mask; table->slots[at].value; at = (at + 1) & mask) {
        size_t home = table_hash(table->slots[at].id) & mask;

        /* An entry may move into the hole when its home is not between the hole and itself. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = (struct table_slot){ 0 };
    table->count--;
    return value;
}

void *table_next(const struct table *table, size_t *position)
{
    while (*position < table->slots_count) {
        void *value = table->slots[(*position)++].value;

        if (value)
            return value;
    }
    return NULL;
}

void table_check(const struct table *table)
{
    size_t count = 0;

    for (size_t i = 0; i < table->slots_count; i++) {
        if (!table->slots[i].value)
            continue;
        assert(table_locate(table, table->slots[i].id) == i);
        count++;
    }
    assert(count == table->count);
}
