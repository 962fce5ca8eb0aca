/*
 * waterfall.c - a short list by number, a bounded heap by time.
 */
#include "waterfall.h"

#include "record.h"

#include <stdlib.h>

static void fill(struct waterfall_row *row, const struct outcome *item)
{
    struct text url;
    size_t bytes;

    *row = (struct waterfall_row){ .number = item->number,
                                   .start_ns = item->result->t0_ns,
                                   .response_ns = item->timing.response_ns,
                                   .status = item->result->status,
                                   .fault = (uint16_t)item->fault.code };
    memcpy(row->phase_ns, item->timing.phase_ns, sizeof(row->phase_ns));
    text_init(&url);
    record_put_effective_url(&url, item->url);
    bytes = url.bytes < sizeof(row->name) ? url.bytes : sizeof(row->name) - 1;
    while (bytes < url.bytes && bytes > 0 && ((unsigned char)url.data[bytes] & 0xc0) == 0x80)
        bytes--; /* not in the middle of a character */
    if (bytes)
        memcpy(row->name, url.data, bytes);
    text_deinit(&url);
}

static void sink_down(struct waterfall *waterfall, size_t at)
{
    struct waterfall_row *rows = waterfall->slowest;

    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++)
            if (child < waterfall->slowest_count &&
                rows[child].response_ns < rows[least].response_ns)
                least = child;
        if (least == at)
            return;
        struct waterfall_row row = rows[at];

        rows[at] = rows[least];
        rows[least] = row;
        at = least;
    }
}

static void rise(struct waterfall *waterfall, size_t at)
{
    struct waterfall_row *rows = waterfall->slowest;

    while (at > 0 && rows[at].response_ns < rows[(at - 1) / 2].response_ns) {
        struct waterfall_row row = rows[at];

        rows[at] = rows[(at - 1) / 2];
        rows[(at - 1) / 2] = row;
        at = (at - 1) / 2;
    }
}

/* They end in about the order in which they began: the place is near the end. */
static void add_first(struct waterfall *waterfall, const struct outcome *item)
{
    struct waterfall_row *rows = waterfall->first;
    size_t count = waterfall->first_count, at;

    if (count == WATERFALL_FIRST_MAX && item->number > rows[count - 1].number)
        return;
    if (count == WATERFALL_FIRST_MAX)
        count--;
    for (at = count; at > 0 && rows[at - 1].number > item->number; at--)
        continue;
    memmove(&rows[at + 1], &rows[at], (count - at) * sizeof(*rows));
    fill(&rows[at], item);
    waterfall->first_count = count + 1;
}

void waterfall_add(struct waterfall *waterfall, const struct outcome *item)
{
    if (item->number == 0)
        return;
    add_first(waterfall, item);
    if (waterfall->slowest_count < WATERFALL_SLOWEST_MAX) {
        fill(&waterfall->slowest[waterfall->slowest_count++], item);
        rise(waterfall, waterfall->slowest_count - 1);
    } else if (item->timing.response_ns > waterfall->slowest[0].response_ns) {
        fill(&waterfall->slowest[0], item);
        sink_down(waterfall, 0);
    }
}

static int by_time(const void *a, const void *b)
{
    uint64_t left = (*(const struct waterfall_row *const *)a)->response_ns;
    uint64_t right = (*(const struct waterfall_row *const *)b)->response_ns;

    if (left != right)
        return left < right ? 1 : -1;
    left = (*(const struct waterfall_row *const *)a)->number;
    right = (*(const struct waterfall_row *const *)b)->number;
    return left < right ? -1 : left > right ? 1 : 0;
}

size_t waterfall_sort_slowest(const struct waterfall *waterfall,
                              const struct waterfall_row *ret_rows[WATERFALL_SLOWEST_MAX])
{
    for (size_t i = 0; i < waterfall->slowest_count; i++)
        ret_rows[i] = &waterfall->slowest[i];
    qsort(ret_rows, waterfall->slowest_count, sizeof(ret_rows[0]), by_time);
    return waterfall->slowest_count;
}
