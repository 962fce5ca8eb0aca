/*
 * heap.h - entries by time, earliest first; embedded, so that putting one in cannot fail.
 *
 * Pure. Entries of one time come out in the order in which they were put in.
 */
#ifndef HAULD_HEAP_H
#define HAULD_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: in no heap. */
struct heap_entry {
    uint64_t at_ns;
    uint64_t turn;             /* > 0 iff in a heap: the how-manyth to be put in */
    struct heap_entry *child;  /* the first of those that come later */
    struct heap_entry *next;   /* sibling */
    struct heap_entry *before; /* sibling, or the parent for the first child */
};

/* Zeroed: empty. */
struct heap {
    struct heap_entry *first;
    uint64_t turns;
    size_t count;
};

void heap_push(struct heap *heap, struct heap_entry *entry, uint64_t at_ns);
void heap_remove(struct heap *heap, struct heap_entry *entry); /* any that is in it */

static inline struct heap_entry *heap_first(const struct heap *heap)
{
    return heap->first;
}

static inline bool heap_has(const struct heap_entry *entry)
{
    return entry->turn > 0;
}

void heap_check(const struct heap *heap);

#endif
