/*
 * list.h - an intrusive doubly linked list.
 *
 * The link lives in its owner, so that linking never allocates and unlinking needs only the link.
 * A list is a link that points at itself when empty; an unlinked link does too, so unlinking twice
 * is harmless.
 */
#ifndef HAUL_LIST_H
#define HAUL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define LIST_INIT(name)                                                                            \
    {                                                                                              \
        &(name), &(name)                                                                           \
    }

/* The struct that embeds this link. */
#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_link_front(struct list *list, struct list *link)
{
    link->next = list->next;
    link->prev = list;
    list->next->prev = link;
    list->next = link;
}

static inline void list_link_back(struct list *list, struct list *link)
{
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static inline void list_unlink(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* The first link, or NULL. */
static inline struct list *list_first(const struct list *list)
{
    return list->next == list ? NULL : list->next;
}

static inline struct list *list_last(const struct list *list)
{
    return list->prev == list ? NULL : list->prev;
}

/* Takes the first link off the list, or NULL. */
static inline struct list *list_pop(struct list *list)
{
    struct list *first = list_first(list);

    if (first)
        list_unlink(first);
    return first;
}

#endif
