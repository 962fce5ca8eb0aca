/*
 * bucket.h - a token bucket: whether a rate allows one more, and if not, when.
 *
 * Pure. In any span of time at most burst + rate * span are taken, to the nanosecond: a rate is a
 * whole number of microhertz (requests per 10^6 s), and no rest is lost or made up.
 */
#ifndef HAULD_BUCKET_H
#define HAULD_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_BURST_MAX 10000u

struct bucket {
    uint64_t rate_uhz; /* 0: no limit, always ready */
    uint64_t full;     /* both in 10^-15 of a request: 1 uHz brings 1 of them in 1 ns */
    uint64_t level;    /* at since_ns */
    uint64_t since_ns;
};

/* A tenth of a second's worth, from 1 to BUCKET_BURST_MAX. */
unsigned bucket_burst(uint64_t rate_uhz);

/* Full. burst 0: bucket_burst(rate_uhz); more than BUCKET_BURST_MAX counts as that. */
void bucket_init(struct bucket *bucket, uint64_t rate_uhz, unsigned burst, uint64_t now_ns);

/* From now on at this rate, with its burst, and what is there as far as that has room; full when
 * there was no rate before. */
void bucket_change_rate(struct bucket *bucket, uint64_t rate_uhz, uint64_t now_ns);

/* Takes one, or returns false. */
bool bucket_take(struct bucket *bucket, uint64_t now_ns);

/* The first time at which one can be taken, if none is until then: now_ns at the earliest. */
uint64_t bucket_ready_ns(const struct bucket *bucket, uint64_t now_ns);

/* When it will be as good as new; 0 when it is already. */
uint64_t bucket_full_ns(const struct bucket *bucket, uint64_t now_ns);

void bucket_check(const struct bucket *bucket);

#endif
