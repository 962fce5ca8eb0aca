/*
 * histogram.c - a log-linear histogram with HdrHistogram's bucket limits.
 *
 * The first 2048 values have a bucket each. From there on every power of two is a row of 1024
 * buckets, each twice as wide as in the row before, so a bucket is never wider than 1/1024 of the
 * values in it:
 *
 *      row 0   0 .. 2047            2048 buckets, 1 ns each
 *      row 1   2048 .. 4095         1024 buckets, 2 ns each
 *      row k   2^(10+k) .. 2^(11+k) 1024 buckets, 2^k ns each
 *
 * The place of a value is a count of leading zeros and a shift. HdrHistogram keeps a row 0 of 2048
 * in one flat array with the others; the flat index (histogram_next's position) is the same here.
 *
 * Mean and deviation are kept from the values themselves. Squares are summed around the first
 * value: around zero, the deviation of values near 1 s would drown in rounding below 1 us.
 *
 * Rejected: HdrHistogram's rounding of the rank (percentile * count + 0.5). It lets p75 of three
 * values be the second of them; nearest rank, as its newer versions have it, cannot say less
 * than it must.
 */
#include "histogram.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define ROW_BUCKETS 1024u
#define ROW_ZERO_BUCKETS 2048u
#define ROW_ZERO_BITS 11
#define POSITIONS (ROW_ZERO_BUCKETS + (HISTOGRAM_ROWS - 1) * ROW_BUCKETS)

static_assert(HISTOGRAM_MAX_NS >> (ROW_ZERO_BITS + HISTOGRAM_ROWS - 1) == 0,
              "the last row holds the greatest value");

/* Where a value is counted. */
struct place {
    unsigned row;
    unsigned index; /* in the row */
};

static unsigned row_buckets(unsigned row)
{
    return row == 0 ? ROW_ZERO_BUCKETS : ROW_BUCKETS;
}

static struct place place_of(uint64_t value_ns)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value_ns | (ROW_ZERO_BUCKETS - 1));
    unsigned row = bits - ROW_ZERO_BITS;
    unsigned index = (unsigned)(value_ns >> row);

    return (struct place){ .row = row, .index = row == 0 ? index : index - ROW_BUCKETS };
}

static uint64_t lowest_of(struct place place)
{
    return place.row == 0 ? place.index : (uint64_t)(place.index + ROW_BUCKETS) << place.row;
}

static uint64_t width_of(struct place place)
{
    return 1ull << place.row;
}

static size_t position_of(struct place place)
{
    return place.row == 0 ? place.index
                          : ROW_ZERO_BUCKETS + (place.row - 1) * ROW_BUCKETS + place.index;
}

static struct place place_at(size_t position)
{
    size_t beyond = position - ROW_ZERO_BUCKETS;

    if (position < ROW_ZERO_BUCKETS)
        return (struct place){ .row = 0, .index = (unsigned)position };
    return (struct place){ .row = 1 + (unsigned)(beyond / ROW_BUCKETS),
                           .index = (unsigned)(beyond % ROW_BUCKETS) };
}

static double square(double x)
{
    return x * x;
}

void histogram_init(struct histogram *h)
{
    *h = (struct histogram){ .min_ns = UINT64_MAX };
}

void histogram_deinit(struct histogram *h)
{
    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++)
        free(h->rows[row]);
    histogram_init(h);
}

static int histogram_allocate_row(struct histogram *h, unsigned row)
{
    if (!h->rows[row])
        h->rows[row] = calloc(row_buckets(row), sizeof(*h->rows[row]));
    return h->rows[row] ? 0 : -ENOMEM;
}

/* Inline, so that a count of one costs no multiplication. */
static inline int histogram_add(struct histogram *h, uint64_t value_ns, uint64_t count)
{
    bool is_clamped = value_ns > HISTOGRAM_MAX_NS;
    struct place place;
    double value;

    if (is_clamped)
        value_ns = HISTOGRAM_MAX_NS;
    place = place_of(value_ns);
    if (!h->rows[place.row] && histogram_allocate_row(h, place.row) < 0)
        return -ENOMEM;

    value = (double)(int64_t)value_ns; /* one instruction; an unsigned conversion is many */
    if (h->count == 0)
        h->pivot_ns = value;
    h->rows[place.row][place.index] += count;
    h->count += count;
    h->sum_ns += value * (double)count;
    h->sum_squares += square(value - h->pivot_ns) * (double)count;
    if (value_ns < h->min_ns)
        h->min_ns = value_ns;
    if (value_ns > h->max_ns)
        h->max_ns = value_ns;
    if (is_clamped)
        h->clamped_count += count;
    return 0;
}

int histogram_record(struct histogram *h, uint64_t value_ns)
{
    return histogram_add(h, value_ns, 1);
}

int histogram_record_count(struct histogram *h, uint64_t value_ns, uint64_t count)
{
    return count == 0 ? 0 : histogram_add(h, value_ns, count);
}

int histogram_merge(struct histogram *into, const struct histogram *from)
{
    double shift;

    if (from->count == 0)
        return 0;
    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++) {
        if (from->rows[row] && histogram_allocate_row(into, row) < 0)
            return -ENOMEM;
    }
    for (unsigned row = 0; row < HISTOGRAM_ROWS; row++) {
        for (unsigned i = 0; from->rows[row] && i < row_buckets(row); i++)
            into->rows[row][i] += from->rows[row][i];
    }

    if (into->count == 0)
        into->pivot_ns = from->pivot_ns;
    shift = from->pivot_ns - into->pivot_ns;
    /* the sum of (d + shift)^2 over from's distances d */
    into->sum_squares += from->sum_squares +
                         2 * shift * (from->sum_ns - (double)from->count * from->pivot_ns) +
                         (double)from->count * square(shift);
    if (into->sum_squares < 0) /* by rounding */
        into->sum_squares = 0;
    into->sum_ns += from->sum_ns;
    into->count += from->count;
    into->clamped_count += from->clamped_count;
    if (from->min_ns < into->min_ns)
        into->min_ns = from->min_ns;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
    return 0;
}

/* quantile * count, rounded up; but not for what floating point alone has put above a whole
 * number: 0.07 * 100 is 7.000000000000001. */
static uint64_t rank_of(const struct histogram *h, double quantile)
{
    double exact = quantile * (1 - DBL_EPSILON) * (double)h->count;
    uint64_t rank = (uint64_t)exact;

    if ((double)rank < exact)
        rank++;
    return rank > 0 ? rank : 1;
}

uint64_t histogram_quantile(const struct histogram *h, double quantile)
{
    struct histogram_bucket bucket;
    uint64_t rank, seen = 0;
    size_t position = 0;

    if (h->count == 0)
        return 0;
    if (!(quantile > 0)) /* a NaN lands here */
        return h->min_ns;
    if (quantile >= 1)
        return h->max_ns;
    rank = rank_of(h, quantile);
    while (histogram_next(h, &position, &bucket)) {
        seen += bucket.count;
        if (seen >= rank)
            return bucket.lt_ns - 1 < h->max_ns ? bucket.lt_ns - 1 : h->max_ns;
    }
    return h->max_ns;
}

double histogram_mean(const struct histogram *h)
{
    return h->count == 0 ? 0 : h->sum_ns / (double)h->count;
}

double histogram_stdev(const struct histogram *h)
{
    double variance;

    if (h->count == 0)
        return 0;
    variance = h->sum_squares / (double)h->count - square(histogram_mean(h) - h->pivot_ns);
    return variance > 0 ? sqrt(variance) : 0; /* rounding can leave it just below zero */
}

bool histogram_next(const struct histogram *h, size_t *position, struct histogram_bucket *ret)
{
    while (*position < POSITIONS) {
        struct place place = place_at(*position);
        const uint64_t *row = h->rows[place.row];

        if (!row) {
            *position += row_buckets(place.row) - place.index;
            continue;
        }
        ++*position;
        if (row[place.index] == 0)
            continue;
        ret->ge_ns = lowest_of(place);
        ret->lt_ns = lowest_of(place) + width_of(place);
        ret->count = row[place.index];
        return true;
    }
    return false;
}

bool histogram_set_exact(struct histogram *h, const struct histogram_exact *exact)
{
    size_t low, high;

    if (h->count == 0 || exact->min_ns > exact->max_ns || exact->max_ns > HISTOGRAM_MAX_NS)
        return false;
    low = position_of(place_of(exact->min_ns));
    high = position_of(place_of(exact->max_ns));
    if (low != position_of(place_of(h->min_ns)) || high != position_of(place_of(h->max_ns)))
        return false;
    if (!(exact->mean_ns >= (double)exact->min_ns * (1 - 1e-6) && /* it was rounded */
          exact->mean_ns <= (double)exact->max_ns * (1 + 1e-6)) ||
        !(exact->stdev_ns >= 0 && exact->stdev_ns <= (double)HISTOGRAM_MAX_NS))
        return false;
    h->min_ns = exact->min_ns;
    h->max_ns = exact->max_ns;
    h->sum_ns = exact->mean_ns * (double)h->count;
    h->pivot_ns = exact->mean_ns;
    h->sum_squares = square(exact->stdev_ns) * (double)h->count;
    return true;
}

size_t histogram_positions(void)
{
    return POSITIONS;
}

uint64_t histogram_value_at(size_t position)
{
    assert(position < POSITIONS);
    return lowest_of(place_at(position));
}

void histogram_check(const struct histogram *h)
{
    struct histogram_bucket bucket;
    size_t position = 0, first = POSITIONS, last = POSITIONS;
    uint64_t count = 0;

    while (histogram_next(h, &position, &bucket)) {
        assert(position_of(place_of(bucket.ge_ns)) == position - 1);
        if (first == POSITIONS)
            first = position - 1;
        last = position - 1;
        count += bucket.count;
    }
    assert(count == h->count);
    assert(h->clamped_count <= h->count);
    assert(h->sum_squares >= 0);
    if (h->count == 0) {
        assert(h->min_ns == UINT64_MAX);
        assert(h->max_ns == 0);
        return;
    }
    assert(h->min_ns <= h->max_ns);
    assert(h->max_ns <= HISTOGRAM_MAX_NS);
    assert(position_of(place_of(h->min_ns)) == first);
    assert(position_of(place_of(h->max_ns)) == last);
}
