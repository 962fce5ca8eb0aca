/*
 * histogram.h - counts of durations, HDR-compatible: log-linear buckets, 3 significant digits.
 *
 * Range 1 ns to 1 h (values are clamped into it and counted as clamped). Bucket limits are those of
 * HdrHistogram with lowest discernible value 1 and 3 significant digits (2048 sub-buckets), so that
 * files can be exchanged. Rows of sub-buckets are allocated when first hit: an empty histogram
 * costs less than 1 KiB.
 */
#ifndef HAUL_HISTOGRAM_H
#define HAUL_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MAX_NS 3600000000000ull
#define HISTOGRAM_ROWS 32 /* powers of two above the first 2048 values */

struct histogram {
    uint64_t *rows[HISTOGRAM_ROWS + 1];
    uint64_t count;
    uint64_t min_ns; /* exact; UINT64_MAX while empty */
    uint64_t max_ns; /* exact */
    double sum_ns;
    double sum_squares;
    uint64_t clamped_count;
};

void histogram_init(struct histogram *h);
void histogram_deinit(struct histogram *h);

/* 0, or -ENOMEM when a row cannot be allocated (the value is then not counted). */
int histogram_record(struct histogram *h, uint64_t value_ns);
int histogram_record_count(struct histogram *h, uint64_t value_ns, uint64_t count);
int histogram_merge(struct histogram *into, const struct histogram *from);

/* The value at quantile 0..1: the highest value equivalent to the bucket in which it falls, never
 * above max_ns; 0 while empty. quantile 0 gives min_ns. */
uint64_t histogram_quantile(const struct histogram *h, double quantile);
double histogram_mean(const struct histogram *h);
double histogram_stdev(const struct histogram *h);

/* Walks the non-empty buckets in ascending order: start with *position = 0. */
struct histogram_bucket {
    uint64_t ge_ns;
    uint64_t lt_ns;
    uint64_t count;
};
bool histogram_next(const struct histogram *h, size_t *position, struct histogram_bucket *ret);

/* Asserts its invariants. */
void histogram_check(const struct histogram *h);

#endif
