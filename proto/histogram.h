/*
 * histogram.h - counts of durations, HDR-compatible: log-linear buckets, 3 significant digits.
 *
 * Range 0 ns to 1 h (values above are clamped to it and counted as clamped). Bucket limits are
 * those of HdrHistogram with lowest discernible value 1 and 3 significant digits (2048
 * sub-buckets), so that files can be exchanged. Rows of sub-buckets are allocated when first hit:
 * an empty histogram costs less than 1 KiB, a full one less than 300 KiB.
 */
#ifndef HAUL_HISTOGRAM_H
#define HAUL_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MAX_NS 3600000000000ull
#define HISTOGRAM_ROWS 32 /* row 0: below 2048 ns; row k: from 2^(10 + k) to below 2^(11 + k) */

struct histogram {
    uint64_t *rows[HISTOGRAM_ROWS]; /* NULL until hit; row 0 has 2048 buckets, the others 1024 */
    uint64_t count;
    uint64_t min_ns; /* exact; UINT64_MAX while empty */
    uint64_t max_ns; /* exact; 0 while empty */
    double sum_ns;
    double pivot_ns;    /* the first value */
    double sum_squares; /* of the distances from pivot_ns */
    uint64_t clamped_count;
};

void histogram_init(struct histogram *h);
void histogram_deinit(struct histogram *h);

/* Record value_ns once, or count times. 0, or -ENOMEM when a row cannot be allocated; nothing is
 * counted then. */
int histogram_record(struct histogram *h, uint64_t value_ns);
int histogram_record_count(struct histogram *h, uint64_t value_ns, uint64_t count);

/* Adds all that from has seen; as if into had recorded it. 0, or -ENOMEM and into is unchanged. */
int histogram_merge(struct histogram *into, const struct histogram *from);

/* The value at quantile 0..1, by nearest rank: the least bucket that has at least that share of all
 * values at or below it. Returns the highest value equivalent to that bucket, never above max_ns,
 * as HdrHistogram's getValueAtPercentile; 0 while empty. quantile 0 gives min_ns, 1 max_ns. */
uint64_t histogram_quantile(const struct histogram *h, double quantile);

/* Of the values themselves, not of their buckets; of the population; 0 while empty. */
double histogram_mean(const struct histogram *h);
double histogram_stdev(const struct histogram *h);

/* Figures finer than the buckets, for a histogram that was put together again from its buckets.
 * False, and nothing is set, when they cannot be those of these buckets. */
struct histogram_exact {
    uint64_t min_ns;
    uint64_t max_ns;
    double mean_ns;
    double stdev_ns;
};
bool histogram_set_exact(struct histogram *h, const struct histogram_exact *exact);

/* Walks the non-empty buckets in ascending order: start with *position = 0; false at the end. */
struct histogram_bucket {
    uint64_t ge_ns;
    uint64_t lt_ns;
    uint64_t count;
};
bool histogram_next(const struct histogram *h, size_t *position, struct histogram_bucket *ret);

/* Buckets there are, empty ones too, and the lowest value of one of them: histogram_next's
 * positions less one, HdrHistogram's index. */
size_t histogram_positions(void);
uint64_t histogram_value_at(size_t position);

/* Asserts its invariants. */
void histogram_check(const struct histogram *h);

#endif
