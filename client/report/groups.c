/*
 * groups.c - a small hash table; its rows stay in the order in which they came.
 */
#include "groups.h"

#include "fault.h"
#include "record.h"
#include "url.h"

#include <stdlib.h>

#define SLOTS 512u /* a power of two, over twice GROUPS_MAX */

void groups_init(struct groups *groups, enum groups_by by)
{
    *groups = (struct groups){ .by = by };
    text_init(&groups->key);
}

void groups_deinit(struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        free(groups->rows[i].name);
        histogram_deinit(&groups->rows[i].response);
    }
    free(groups->rows);
    free(groups->slots);
    text_deinit(&groups->key);
    groups_init(groups, groups->by);
}

/* FNV-1a. */
static uint32_t hash_of(struct span name)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < name.bytes; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    return hash;
}

static bool groups_allocate(struct groups *groups)
{
    if (!groups->rows)
        groups->rows = calloc(GROUPS_MAX + 1, sizeof(*groups->rows));
    if (!groups->slots)
        groups->slots = calloc(SLOTS, sizeof(*groups->slots));
    return groups->rows && groups->slots;
}

static struct group *groups_append(struct groups *groups, struct span name)
{
    struct group *group = &groups->rows[groups->count];

    group->name = malloc(name.bytes + 1);
    if (!group->name)
        return NULL;
    if (name.bytes)
        memcpy(group->name, name.data, name.bytes);
    group->name[name.bytes] = '\0';
    histogram_init(&group->response);
    groups->count++;
    return group;
}

struct group *groups_at(struct groups *groups, struct span name)
{
    struct group *group;
    uint32_t slot;

    if (!groups_allocate(groups))
        return NULL;
    for (slot = hash_of(name) % SLOTS; groups->slots[slot]; slot = (slot + 1) % SLOTS) {
        group = &groups->rows[groups->slots[slot] - 1];
        if (span_equals(name, span_of_string(group->name)))
            return group;
    }
    if (groups->count > GROUPS_MAX)
        return &groups->rows[GROUPS_MAX];
    group = groups_append(groups, groups->count == GROUPS_MAX ? SPAN_LITERAL(GROUPS_OTHERS) : name);
    if (group && groups->count <= GROUPS_MAX)
        groups->slots[slot] = (uint32_t)groups->count;
    return group;
}

static void put_host(struct text *out, struct span text)
{
    char authority[URL_AUTHORITY_BYTES_MAX + 1];
    struct url url;

    if (url_parse(text, &url, NULL))
        text_put(out, authority, url_write_authority(&url, authority, sizeof(authority)));
    else
        text_put_span(out, text);
}

static void groups_put_key(struct groups *groups, const struct outcome *item)
{
    struct text *key = &groups->key;

    text_clear(key, SIZE_MAX);
    switch (groups->by) {
    case GROUPS_BY_URL:
        record_put_effective_url(key, item->url);
        break;
    case GROUPS_BY_HOST:
        put_host(key, outcome_sent_url(item));
        break;
    case GROUPS_BY_STATUS:
        if (item->is_ok && item->result->status)
            text_put_u64(key, item->result->status);
        else
            text_put_format(key, "%s/%s", fault_domain(item->fault.code),
                            fault_name(item->fault.code));
        break;
    case GROUPS_BY_NONE:
        break;
    }
}

void groups_add(struct groups *groups, const struct outcome *item)
{
    struct group *group;

    groups_put_key(groups, item);
    group = text_has_failed(&groups->key) ? NULL : groups_at(groups, text_span(&groups->key));
    if (!group || histogram_record(&group->response, item->timing.response_ns) < 0) {
        groups->failed_memory = true;
        return;
    }
    group->requests++;
    group->failed += !item->is_ok;
    group->bytes += item->result->body_bytes;
}

static int by_requests(const void *a, const void *b)
{
    uint64_t left = (*(const struct group *const *)a)->requests;
    uint64_t right = (*(const struct group *const *)b)->requests;

    return left < right ? 1 : left > right ? -1 : 0;
}

size_t groups_sort(const struct groups *groups, const struct group *ret_rows[GROUPS_MAX + 1])
{
    for (size_t i = 0; i < groups->count; i++)
        ret_rows[i] = &groups->rows[i];
    qsort(ret_rows, groups->count, sizeof(ret_rows[0]), by_requests);
    return groups->count;
}

const char *groups_by_name(enum groups_by by)
{
    static const char *const names[] = { [GROUPS_BY_NONE] = NULL,
                                         [GROUPS_BY_URL] = "url",
                                         [GROUPS_BY_HOST] = "host",
                                         [GROUPS_BY_STATUS] = "status" };

    return names[by];
}
