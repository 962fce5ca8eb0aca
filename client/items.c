/*
 * items.c - a pool of items.
 *
 * Places are one array, grown by doubling to its limit, free ones linked by index. A URL's buffer
 * stays with its place, so a million items of usual length allocate as often as the pool is long.
 */
#include "items.h"

#include <assert.h>
#include <stdlib.h>

#define ITEMS_FIRST 64u
#define ITEM_STORE_KEEP_BYTES 1024u
#define NO_PLACE UINT32_MAX

void items_init(struct items *items, uint32_t limit)
{
    *items = (struct items){ .limit = limit, .first_free = NO_PLACE };
}

void items_deinit(struct items *items)
{
    for (uint32_t i = 0; i < items->places_count; i++) {
        text_deinit(&items->places[i].store);
        body_deinit(&items->places[i].body);
        free(items->places[i].head);
    }
    free(items->places);
    *items = (struct items){ .first_free = NO_PLACE };
}

static bool items_grow(struct items *items)
{
    uint32_t count = items->places_count ? items->places_count * 2 : ITEMS_FIRST;
    struct item *places;

    if (items->places_count >= items->limit)
        return false;
    count = count > items->limit ? items->limit : count;
    places = realloc(items->places, count * sizeof(*places));
    if (!places)
        return false;
    memset(places + items->places_count, 0, (count - items->places_count) * sizeof(*places));
    for (uint32_t i = count; i > items->places_count; i--) {
        places[i - 1].body = BODY_INIT;
        places[i - 1].next_free = items->first_free;
        items->first_free = i - 1;
    }
    items->places = places;
    items->places_count = count;
    return true;
}

struct item *items_acquire(struct items *items)
{
    struct item *item;
    uint32_t place;

    if (items->first_free == NO_PLACE && !items_grow(items))
        return NULL;
    place = items->first_free;
    item = &items->places[place];
    assert(item->id == 0);
    items->first_free = item->next_free;
    items->used++;
    items->generation++;
    item->id = (uint64_t)(items->generation & INT32_MAX) << 32 | (place + 1u);
    text_clear(&item->store, ITEM_STORE_KEEP_BYTES);
    return item;
}

void items_release(struct items *items, struct item *item)
{
    assert(item->id != 0);
    body_deinit(&item->body);
    free(item->head);
    item->head = NULL;
    item->head_bytes = 0;
    item->head_status = 0;
    item->is_skipped = false;
    item->resume = RESUME_APPEND;
    item->id = 0;
    item->next_free = items->first_free;
    items->first_free = (uint32_t)(item - items->places);
    items->used--;
}

struct item *items_find(struct items *items, uint64_t id)
{
    uint64_t place = (id & UINT32_MAX) - 1;

    if (id == 0 || place >= items->places_count || items->places[place].id != id)
        return NULL;
    return &items->places[place];
}

struct item *items_next(struct items *items, uint32_t *position)
{
    while (*position < items->places_count) {
        struct item *item = &items->places[(*position)++];

        if (item->id)
            return item;
    }
    return NULL;
}
