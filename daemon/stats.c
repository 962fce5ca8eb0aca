/*
 * stats.c - buckets by a table, because their bounds are round numbers and not powers.
 */
#include "stats.h"

#include <assert.h>

#define US 1000ull
#define MS 1000000ull
#define S 1000000000ull

static const uint64_t bounds_ns[STATS_BUCKETS - 1] = {
    50 * US,  100 * US, 200 * US, 500 * US, 1 * MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS,
    100 * MS, 200 * MS, 500 * MS, 1 * S,    2 * S,  5 * S,  10 * S, 20 * S,  60 * S,
};

uint64_t stats_bucket_le_ns(unsigned bucket)
{
    assert(bucket < STATS_BUCKETS);
    return bucket < STATS_BUCKETS - 1 ? bounds_ns[bucket] : UINT64_MAX;
}

void stats_histogram_record(struct stats_histogram *histogram, uint64_t ns)
{
    unsigned bucket = 0;

    while (ns > stats_bucket_le_ns(bucket))
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum_ns += ns;
}

uint64_t stats_items_ok(const struct stats *stats)
{
    return stats->items_ended[FAULT_NONE];
}

uint64_t stats_items_failed(const struct stats *stats)
{
    uint64_t failed = 0;

    for (unsigned i = FAULT_NONE + 1; i < FAULT_CODE_COUNT; i++)
        failed += stats->items_ended[i];
    return failed;
}
