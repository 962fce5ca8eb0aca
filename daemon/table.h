/*
 * table.h - a map from 64-bit ids to pointers.
 *
 * Open addressing with linear probing; deletion shifts back, so there are no tombstones. It grows
 * by doubling and never shrinks while in use.
 */
#ifndef HAULD_TABLE_H
#define HAULD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
    uint64_t id;
    void *value; /* NULL: the slot is free */
};

struct table {
    struct table_slot *slots;
    size_t slots_count; /* a power of two, or 0 */
    size_t count;
};

void table_init(struct table *table);
void table_deinit(struct table *table);

/* 0, -EEXIST when the id is there already, -ENOMEM. value is not NULL. */
int table_insert(struct table *table, uint64_t id, void *value);
void *table_find(const struct table *table, uint64_t id); /* NULL if absent */
void *table_remove(struct table *table, uint64_t id);     /* what was there, or NULL */

/* Walks in no order; start with *position = 0. Not while inserting or removing. */
void *table_next(const struct table *table, size_t *position);

void table_check(const struct table *table);

/* Mixes the bits of an id or of a sum of bytes (splitmix64's finalizer). */
uint64_t table_hash(uint64_t id);
/* Of bytes; seeded, for keys that strangers choose. */
uint64_t table_hash_bytes(uint64_t seed, const void *bytes, size_t count);

#endif
