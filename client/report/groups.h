/*
 * groups.h - the requests of a run, told apart by URL, host or status (--by).
 */
#ifndef HAUL_GROUPS_H
#define HAUL_GROUPS_H

#include "groups_by.h"
#include "histogram.h"
#include "outcome.h"
#include "text.h"

#define GROUPS_MAX 200u /* what comes after them is counted together, as GROUPS_OTHERS */
#define GROUPS_OTHERS "(others)"

struct group {
    char *name; /* owned */
    uint64_t requests;
    uint64_t failed;
    uint64_t bytes;
    struct histogram response;
};

struct groups {
    enum groups_by by;
    struct group *rows; /* in the order of first appearance */
    size_t count;
    uint32_t *slots; /* index + 1 into rows, by hash of the name; 0 = free */
    struct text key; /* of the last item */
    bool failed_memory;
};

void groups_init(struct groups *groups, enum groups_by by);
void groups_deinit(struct groups *groups);

/* Not by GROUPS_BY_NONE. */
void groups_add(struct groups *groups, const struct outcome *item);

/* An empty group of that name, or the one there is; NULL: no memory. The last one takes all names
 * that came too late. */
struct group *groups_at(struct groups *groups, struct span name);

/* All of them, the busiest first; returns how many. */
size_t groups_sort(const struct groups *groups, const struct group *ret_rows[GROUPS_MAX + 1]);

const char *groups_by_name(enum groups_by by); /* "url"; NULL for GROUPS_BY_NONE */

#endif
