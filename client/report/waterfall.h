/*
 * waterfall.h - the few requests of a run that are drawn one by one: the first and the slowest.
 */
#ifndef HAUL_WATERFALL_H
#define HAUL_WATERFALL_H

#include "outcome.h"

#define WATERFALL_FIRST_MAX 200u
#define WATERFALL_SLOWEST_MAX 40u
#define WATERFALL_NAME_BYTES 120u

struct waterfall_row {
    uint64_t number;
    uint64_t start_ns; /* monotonic: planned, or accepted */
    uint64_t response_ns;
    uint64_t phase_ns[TIMING_PHASES];
    uint16_t status;
    uint16_t fault;                  /* enum fault_code */
    char name[WATERFALL_NAME_BYTES]; /* the URL, without login; cut */
};

struct waterfall {
    struct waterfall_row first[WATERFALL_FIRST_MAX]; /* those of the lowest numbers, ascending */
    size_t first_count;
    struct waterfall_row slowest[WATERFALL_SLOWEST_MAX];
    size_t slowest_count; /* a heap: the quickest of them comes first */
};

/* In any order; what has no number is left out. */
void waterfall_add(struct waterfall *waterfall, const struct outcome *item);

/* The slowest, by time from the longest; the pointers are into waterfall. Returns how many. */
size_t waterfall_sort_slowest(const struct waterfall *waterfall,
                              const struct waterfall_row *ret_rows[WATERFALL_SLOWEST_MAX]);

#endif
