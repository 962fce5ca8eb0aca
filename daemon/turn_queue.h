/*
 * turn_queue.h - a queue whose clients take turns.
 *
 * Pure, intrusive: queueing never allocates. What one client has put in comes out in the order in
 * which it was put in; clients come out one after the other, however much each has put in.
 */
#ifndef HAULD_TURN_QUEUE_H
#define HAULD_TURN_QUEUE_H

#include "list.h"

#include <stdbool.h>
#include <stdint.h>

struct turn_queue {
    struct list fronts; /* the first entry of every client, in the order of their turns */
};

/* Embedded in what waits; zeroed, it waits nowhere. */
struct turn_entry {
    struct list link;   /* in fronts, or behind the first of its client */
    struct list behind; /* of a first one: the others of its client */
    uint64_t client_key;
    bool is_queued;
    bool is_front;
};

void turn_queue_init(struct turn_queue *queue);

/* Takes time in proportion to the clients that wait, not to the entries. */
void turn_queue_push(struct turn_queue *queue, struct turn_entry *entry, uint64_t client_key);

/* Whose turn it is, or NULL. */
struct turn_entry *turn_queue_first(const struct turn_queue *queue);

/* Takes it off: its client's next turn comes after one of every other client. */
struct turn_entry *turn_queue_pop(struct turn_queue *queue);

/* Takes off one that got what it waits for otherwise: as if it had been its client's turn. */
void turn_queue_take(struct turn_queue *queue, struct turn_entry *entry);

/* Gives up waiting; the turn of its client stays where it is. */
void turn_queue_remove(struct turn_entry *entry);

void turn_queue_check(const struct turn_queue *queue);

#endif
