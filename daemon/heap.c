/*
 * heap.c - a pairing heap.
 *
 *      first            a tree whose parents come before their children; siblings are a list.
 *      /                To put in: one comparison with the first. To take out: its children are
 *     a -- b -- c       joined two by two, and then into one. That is log n on average over any
 *         / \           sequence, in whatever order the times come.
 *        d   e
 *
 * Rejected: a sorted list. Plans mostly come in order, but a client that sends 65 536 of them
 * backwards kept the loop busy for minutes. A heap in an array: it has to grow, and can then fail.
 */
#include "heap.h"

#include <assert.h>

static bool comes_before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->turn < b->turn;
}

/* Two trees become one. Neither has siblings. */
static struct heap_entry *join(struct heap_entry *a, struct heap_entry *b)
{
    struct heap_entry *parent = a, *child = b;

    if (!a || !b)
        return a ? a : b;
    if (comes_before(b, a)) {
        parent = b;
        child = a;
    }
    child->before = parent;
    child->next = parent->child;
    if (child->next)
        child->next->before = child;
    parent->child = child;
    return parent;
}

static struct heap_entry *detach(struct heap_entry *entry)
{
    struct heap_entry *next = entry->next;

    entry->next = entry->before = NULL;
    return next;
}

/* The siblings become one tree: joined by twos from the left, then those from the right. */
static struct heap_entry *join_siblings(struct heap_entry *siblings)
{
    struct heap_entry *pairs = NULL, *whole = NULL;

    while (siblings) {
        struct heap_entry *a = siblings;
        struct heap_entry *b = detach(a);
        struct heap_entry *pair;

        siblings = b ? detach(b) : NULL;
        pair = join(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct heap_entry *pair = pairs;

        pairs = detach(pair);
        whole = join(whole, pair);
    }
    return whole;
}

void heap_push(struct heap *heap, struct heap_entry *entry, uint64_t at_ns)
{
    assert(!heap_has(entry));
    *entry = (struct heap_entry){ .at_ns = at_ns, .turn = ++heap->turns };
    heap->first = join(heap->first, entry);
    heap->count++;
}

void heap_remove(struct heap *heap, struct heap_entry *entry)
{
    struct heap_entry *rest;

    assert(heap_has(entry) && heap->count > 0);
    rest = join_siblings(entry->child);
    if (entry == heap->first) {
        heap->first = rest;
    } else {
        if (entry->before->child == entry)
            entry->before->child = entry->next;
        else
            entry->before->next = entry->next;
        if (entry->next)
            entry->next->before = entry->before;
        heap->first = join(heap->first, rest);
    }
    *entry = (struct heap_entry){ 0 };
    heap->count--;
}

/* Without recursion: a tree may be as deep as it has entries. */
void heap_check(const struct heap *heap)
{
    const struct heap_entry *at = heap->first;
    size_t count = 0;

    assert(!at || (!at->next && !at->before));
    while (at) {
        const struct heap_entry *parent = at;

        count++;
        assert(heap_has(at));
        assert(!at->child || (at->child->before == at && !comes_before(at->child, at)));
        assert(!at->next || at->next->before == at);
        if (at->child) {
            at = at->child;
            continue;
        }
        while (parent && !parent->next) {
            while (parent->before && parent->before->child != parent)
                parent = parent->before;
            parent = parent->before;
        }
        at = parent ? parent->next : NULL;
    }
    assert(count == heap->count);
}
