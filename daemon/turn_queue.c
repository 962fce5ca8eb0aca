/*
 * turn_queue.c - a list of clients, each of them standing behind its own first entry.
 *
 *   fronts:   a1 -- b1 -- c1          out come a1 b1 c1 a2 b2 a3
 *             |     |
 *             a2    b2
 *             |
 *             a3
 *
 * There is no object for a client: its first entry stands for it, and hands that on when it leaves.
 */
#include "turn_queue.h"

#include <assert.h>

void turn_queue_init(struct turn_queue *queue)
{
    list_init(&queue->fronts);
}

static struct turn_entry *front_of(struct list *link)
{
    return container_of(link, struct turn_entry, link);
}

static struct turn_entry *front_of_client(const struct turn_queue *queue, uint64_t client_key)
{
    for (struct list *at = queue->fronts.next; at != &queue->fronts; at = at->next)
        if (front_of(at)->client_key == client_key)
            return front_of(at);
    return NULL;
}

void turn_queue_push(struct turn_queue *queue, struct turn_entry *entry, uint64_t client_key)
{
    struct turn_entry *front = front_of_client(queue, client_key);

    assert(!entry->is_queued);
    *entry = (struct turn_entry){ .client_key = client_key, .is_queued = true };
    list_init(&entry->behind);
    entry->is_front = front == NULL;
    list_link_back(front ? &front->behind : &queue->fronts, &entry->link);
}

struct turn_entry *turn_queue_first(const struct turn_queue *queue)
{
    struct list *first = list_first(&queue->fronts);

    return first ? front_of(first) : NULL;
}

/* The next of its client stands where old does, with all that are behind. */
static void hand_on(struct turn_entry *old)
{
    struct list *link = list_pop(&old->behind);
    struct turn_entry *next;

    if (!link)
        return;
    next = front_of(link);
    next->is_front = true;
    list_link_back(&old->link, &next->link);
    if (list_is_empty(&old->behind))
        return;
    list_link_back(&old->behind, &next->behind); /* a list without its old head is one of the new */
    list_unlink(&old->behind);
}

void turn_queue_remove(struct turn_entry *entry)
{
    assert(entry->is_queued);
    if (entry->is_front)
        hand_on(entry);
    list_unlink(&entry->link);
    entry->is_queued = entry->is_front = false;
}

void turn_queue_take(struct turn_queue *queue, struct turn_entry *entry)
{
    struct turn_entry *front;

    turn_queue_remove(entry);
    front = front_of_client(queue, entry->client_key);
    if (!front)
        return;
    list_unlink(&front->link);
    list_link_back(&queue->fronts, &front->link);
}

struct turn_entry *turn_queue_pop(struct turn_queue *queue)
{
    struct turn_entry *first = turn_queue_first(queue);

    if (first)
        turn_queue_take(queue, first);
    return first;
}

void turn_queue_check(const struct turn_queue *queue)
{
    for (const struct list *at = queue->fronts.next; at != &queue->fronts; at = at->next) {
        const struct turn_entry *front = front_of((struct list *)(uintptr_t)at);

        assert(front->is_queued && front->is_front);
        for (const struct list *b = front->behind.next; b != &front->behind; b = b->next) {
            const struct turn_entry *entry = front_of((struct list *)(uintptr_t)b);

            assert(entry->is_queued && !entry->is_front);
            assert(entry->client_key == front->client_key && list_is_empty(&entry->behind));
        }
        for (const struct list *b = at->next; b != &queue->fronts; b = b->next)
            assert(front_of((struct list *)(uintptr_t)b)->client_key != front->client_key);
    }
}
