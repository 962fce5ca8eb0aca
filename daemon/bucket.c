/*
 * bucket.c - tokens in 10^-15 of a request.
 *
 * In that unit a rate in microhertz is what a nanosecond brings, so time times rate is the level,
 * with no division and no rest that could add up to a drift. Only "when" divides, and rounds up to
 * the next nanosecond; what that brings beyond a full bucket is kept, so that whoever comes on time
 * reaches the rate. Whatever overflows is more than a full bucket.
 *
 * The burst is what lets a loop that wakes a little late keep up with its rate: with one token a
 * rate of 1000/s would lose a request for every millisecond of delay. Below 10/s it is one request,
 * and so the requests come evenly.
 *
 * Rejected: to hand out times in advance ("this one at 12:00:03"), which needs no queue. Those who
 * are late together, after a stall, would all start at once, beyond the burst.
 */
#include "bucket.h"

#include <assert.h>

#define ONE UINT64_C(1000000000000000)

static_assert(BUCKET_BURST_MAX <= UINT64_MAX / ONE, "a full bucket fits 64 bits");

unsigned bucket_burst(uint64_t rate_uhz)
{
    uint64_t burst = rate_uhz / 10000000;

    if (burst < 1)
        return 1;
    return burst < BUCKET_BURST_MAX ? (unsigned)burst : BUCKET_BURST_MAX;
}

void bucket_init(struct bucket *bucket, uint64_t rate_uhz, unsigned burst, uint64_t now_ns)
{
    if (burst == 0)
        burst = bucket_burst(rate_uhz);
    if (burst > BUCKET_BURST_MAX)
        burst = BUCKET_BURST_MAX;
    *bucket = (struct bucket){
        .rate_uhz = rate_uhz, .full = burst * ONE, .level = burst * ONE, .since_ns = now_ns
    };
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Less than a nanosecond's worth above full. */
static uint64_t bucket_level_max(const struct bucket *bucket)
{
    return bucket->rate_uhz ? add_saturating(bucket->full, bucket->rate_uhz - 1) : bucket->full;
}

static uint64_t bucket_level(const struct bucket *bucket, uint64_t now_ns)
{
    uint64_t most = bucket_level_max(bucket);
    uint64_t gain, level;

    if (now_ns <= bucket->since_ns)
        return bucket->level;
    if (__builtin_mul_overflow(now_ns - bucket->since_ns, bucket->rate_uhz, &gain))
        return most;
    level = add_saturating(bucket->level, gain);
    return level < most ? level : most;
}

void bucket_change_rate(struct bucket *bucket, uint64_t rate_uhz, uint64_t now_ns)
{
    uint64_t since_ns = now_ns > bucket->since_ns ? now_ns : bucket->since_ns;
    uint64_t level = bucket_level(bucket, now_ns);
    bool had_rate = bucket->rate_uhz > 0;

    bucket_init(bucket, rate_uhz, 0, since_ns);
    if (had_rate && level < bucket->level)
        bucket->level = level;
}

bool bucket_take(struct bucket *bucket, uint64_t now_ns)
{
    uint64_t level;

    if (bucket->rate_uhz == 0)
        return true;
    level = bucket_level(bucket, now_ns);
    if (level < ONE)
        return false;
    bucket->level = level - ONE;
    if (now_ns > bucket->since_ns)
        bucket->since_ns = now_ns;
    return true;
}

/* The first time at which the level is that high. */
static uint64_t bucket_reaches_ns(const struct bucket *bucket, uint64_t level, uint64_t now_ns)
{
    uint64_t have;

    if (bucket->rate_uhz == 0)
        return now_ns;
    have = bucket_level(bucket, now_ns);
    if (have >= level)
        return now_ns;
    return add_saturating(now_ns > bucket->since_ns ? now_ns : bucket->since_ns,
                          (level - have - 1) / bucket->rate_uhz + 1);
}

uint64_t bucket_ready_ns(const struct bucket *bucket, uint64_t now_ns)
{
    return bucket_reaches_ns(bucket, ONE, now_ns);
}

uint64_t bucket_full_ns(const struct bucket *bucket, uint64_t now_ns)
{
    uint64_t at_ns = bucket_reaches_ns(bucket, bucket->full, now_ns);

    return at_ns > now_ns ? at_ns : 0;
}

void bucket_check(const struct bucket *bucket)
{
    assert(bucket->level <= bucket_level_max(bucket));
    assert(bucket->full >= ONE);
}
