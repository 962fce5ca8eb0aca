/*
 * stats.h - what a daemon has done since it began: numbers that only grow.
 *
 * Pure. Rates, and times over a while, are for those who look twice.
 */
#ifndef HAULD_STATS_H
#define HAULD_STATS_H

#include "fault.h"

#include <stdint.h>

#define STATS_BUCKETS 20u /* 50 us to 60 s in steps of 1, 2, 5, and what took longer */

struct stats_histogram {
    uint64_t counts[STATS_BUCKETS]; /* each of its bucket alone */
    uint64_t sum_ns;
};

struct stats {
    uint64_t items_accepted;
    uint64_t items_ended[FAULT_CODE_COUNT]; /* by what ended them; FAULT_NONE: all is well */
    uint64_t statuses[6];                   /* of the last answers, by class; 0: none came */
    uint64_t redirects;
    uint64_t retries;
    uint64_t wire_bytes;              /* of bodies, as received, of the last attempts */
    struct stats_histogram item_time; /* from the planned time, or acceptance, to the result */
};

/* The most that still lies in it; UINT64_MAX for the last one. */
uint64_t stats_bucket_le_ns(unsigned bucket);

void stats_histogram_record(struct stats_histogram *histogram, uint64_t ns);

uint64_t stats_items_ok(const struct stats *stats);
uint64_t stats_items_failed(const struct stats *stats);

#endif
