/*
 * resample.c - a table of blocks by buckets, and weighted sums of its rows.
 *
 * A row of the table says how many requests of its block are at or below each bucket. A run that is
 * put together has so many times each row, and a quantile of it is found by bisection.
 *
 * The percentile interval of a bootstrap is too narrow in two ways.
 *
 * Of few blocks: its spread is that of a population, sqrt((n - 1) / n) of what a sample says, and
 * its ends are those of a normal distribution, not of Student's t. So the ends are taken where a
 * normal distribution would have them at t * sqrt(n / (n - 1)) (Hesterberg, "What Teachers Should
 * Know About the Bootstrap", 2015).
 *
 * Of short blocks: a slow second is followed by a slow one, across the border of two blocks too,
 * and too few blocks follow each other in a run of 10 s to say how much. We take a correlation of
 * one third from second to second, with which the mean of many blocks of L seconds varies 1 + 1/L
 * times as much (variance) as blocks that are drawn say. That holds for what whole seconds have in
 * common, not for what single requests do by chance.
 *
 * Rejected: to measure that correlation in the run. The measure of 10 seconds is noise, and the
 * intervals that were made with it found less at the same rate of false alarms; so did fewer,
 * longer blocks.
 */
#include "resample.h"

#include "hdr_code.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define BLOCKS_MAX 20u
#define ROUNDS 4000u
#define WHOLE_SECOND_NS 900000000u /* the last second of a run is seldom whole */
#define NS_PER_SECOND 1000000000u

struct block {
    struct histogram histogram; /* only while the table is made */
    double seconds;
    double requests;
    double failed;
    double times; /* of how many requests there is a time */
    double sum;   /* of the times */
};

struct table {
    struct block blocks[BLOCKS_MAX];
    unsigned blocks_count;
    double *values;  /* of the used buckets, ascending: ns */
    double *at_most; /* blocks_count rows of buckets_count: requests up to that bucket */
    size_t buckets_count;
    unsigned drawn[BLOCKS_MAX]; /* how often each block is in this round's run */
    uint64_t random;
};

/* ---- the table ---- */

/* Those that are whole; the last one hardly ever is. */
static unsigned seconds_of(const struct tally *tally)
{
    size_t count = tally->seconds_count;
    uint64_t length_ns = tally->end_ns - tally->start_ns;

    if (count && length_ns < (count - 1) * (uint64_t)NS_PER_SECOND + WHOLE_SECOND_NS)
        count--;
    return (unsigned)count;
}

static int table_fill_blocks(struct table *table, const struct tally *tally, unsigned seconds)
{
    table->blocks_count = seconds < BLOCKS_MAX ? seconds : BLOCKS_MAX;
    for (unsigned i = 0; i < seconds; i++) {
        const struct tally_second *second = &tally->seconds[i];
        struct block *block = &table->blocks[(uint64_t)i * table->blocks_count / seconds];
        int r = second->response_hdr
                    ? hdr_decode(span_of_string(second->response_hdr), &block->histogram)
                    : 0;

        if (r < 0)
            return r;
        block->seconds++;
        block->requests += (double)second->requests;
        block->failed += (double)(second->requests - second->good);
    }
    return 0;
}

/* Which buckets any block uses. */
static int table_find_buckets(struct table *table, size_t *columns)
{
    struct histogram_bucket bucket;

    for (unsigned i = 0; i < table->blocks_count; i++)
        for (size_t at = 0; histogram_next(&table->blocks[i].histogram, &at, &bucket);)
            columns[at - 1] = 1;
    for (size_t i = 0; i < histogram_positions(); i++)
        if (columns[i])
            columns[i] = table->buckets_count++;
    table->values = calloc(table->buckets_count + 1, sizeof(*table->values));
    table->at_most =
        calloc(table->buckets_count * table->blocks_count + 1, sizeof(*table->at_most));
    return table->values && table->at_most ? 0 : -ENOMEM;
}

static void table_fill_row(struct table *table, unsigned row, const size_t *columns)
{
    struct block *block = &table->blocks[row];
    double *at_most = table->at_most + row * table->buckets_count;
    struct histogram_bucket bucket;

    for (size_t at = 0; histogram_next(&block->histogram, &at, &bucket);) {
        size_t column = columns[at - 1];

        table->values[column] = (double)(bucket.lt_ns - 1);
        at_most[column] = (double)bucket.count;
        block->sum += (double)bucket.count * (double)(bucket.ge_ns + bucket.lt_ns - 1) / 2;
    }
    for (size_t i = 1; i < table->buckets_count; i++)
        at_most[i] += at_most[i - 1];
    block->times = (double)block->histogram.count;
}

static int table_fill(struct table *table)
{
    size_t *columns = calloc(histogram_positions(), sizeof(*columns));
    int r = columns ? table_find_buckets(table, columns) : -ENOMEM;

    for (unsigned i = 0; r == 0 && i < table->blocks_count; i++)
        table_fill_row(table, i, columns);
    free(columns);
    return r;
}

static void table_deinit(struct table *table)
{
    for (unsigned i = 0; i < BLOCKS_MAX; i++)
        histogram_deinit(&table->blocks[i].histogram);
    free(table->values);
    free(table->at_most);
}

/* ---- one round ---- */

/* splitmix64 */
static uint64_t next_random(struct table *table)
{
    uint64_t z = table->random += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void table_draw(struct table *table, struct block *ret_all)
{
    *ret_all = (struct block){ 0 };
    memset(table->drawn, 0, sizeof(table->drawn));
    for (unsigned i = 0; i < table->blocks_count; i++) {
        unsigned row = (unsigned)(next_random(table) % table->blocks_count);
        const struct block *block = &table->blocks[row];

        table->drawn[row]++;
        ret_all->seconds += block->seconds;
        ret_all->requests += block->requests;
        ret_all->failed += block->failed;
        ret_all->times += block->times;
        ret_all->sum += block->sum;
    }
}

static double drawn_at_most(const struct table *table, size_t bucket)
{
    double count = 0;

    for (unsigned i = 0; i < table->blocks_count; i++)
        count += table->drawn[i] * table->at_most[i * table->buckets_count + bucket];
    return count;
}

/* By nearest rank: the least bucket that has that share of all at or below it. */
static double drawn_quantile(const struct table *table, double rank)
{
    size_t low = 0, high = table->buckets_count - 1;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (drawn_at_most(table, middle) >= rank)
            high = middle;
        else
            low = middle + 1;
    }
    return table->values[low];
}

static double drawn_figure(const struct table *table, const struct block *all,
                           const struct figure *figure)
{
    switch (figure->kind) {
    case FIGURE_MEAN:
        return all->times > 0 ? all->sum / all->times : 0;
    case FIGURE_QUANTILE:
        return all->times > 0 ? drawn_quantile(table, figure->quantile * all->times) : 0;
    case FIGURE_RATE:
        return all->requests / all->seconds;
    case FIGURE_ERRORS:
        break;
    }
    return all->requests > 0 ? all->failed / all->requests : 0;
}

/* ---- the intervals ---- */

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right ? 1 : 0;
}

/* The share of the rounds that is beyond an end of the interval. */
static double tail_of(unsigned blocks)
{
    /* of Student's t, where 2.5 % are beyond it */
    static const double t[BLOCKS_MAX + 1] = {
        [6] = 2.571,  [7] = 2.447,  [8] = 2.365,  [9] = 2.306,  [10] = 2.262,
        [11] = 2.228, [12] = 2.201, [13] = 2.179, [14] = 2.160, [15] = 2.145,
        [16] = 2.131, [17] = 2.120, [18] = 2.110, [19] = 2.101, [20] = 2.093,
    };

    return erfc(t[blocks] * sqrt(blocks / (blocks - 1.0)) / sqrt(2)) / 2;
}

/* From a figure to an end of its interval. What the blocks vary more than requests do by chance is
 * the seconds' own, and alike in neighbours. */
static double reach_of(double drawn, double by_chance, double alike)
{
    double own = fmax(drawn, 0) * fmax(drawn, 0) - by_chance * by_chance;

    return own > 0 ? sqrt(by_chance * by_chance + alike * own) : by_chance;
}

/* Rounds are of the estimate's figure; tail of them are beyond either end. */
static void widen(struct estimate *estimate, double *rounds, double tail, double alike)
{
    unsigned beyond = (unsigned)(tail * ROUNDS);
    double value = estimate->value;

    qsort(rounds, ROUNDS, sizeof(*rounds), by_value);
    estimate->low = value - reach_of(value - rounds[beyond], value - estimate->low, alike);
    estimate->low = fmax(estimate->low, 0);
    estimate->high =
        value + reach_of(rounds[ROUNDS - 1 - beyond] - value, estimate->high - value, alike);
}

static int table_estimate(struct table *table, const struct figures *figures, struct resample *ret)
{
    double *rounds = calloc((size_t)ROUNDS * FIGURES_MAX, sizeof(*rounds));
    double tail = tail_of(table->blocks_count);
    double alike = 1 + (double)table->blocks_count / ret->seconds;

    if (!rounds)
        return -ENOMEM;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct block all;

        table_draw(table, &all);
        for (size_t i = 0; i < figures->count; i++)
            rounds[i * ROUNDS + round] = drawn_figure(table, &all, &figures->rows[i]);
    }
    for (size_t i = 0; i < figures->count; i++) {
        widen(&ret->estimates[i], rounds + i * ROUNDS, tail, alike);
        if (figures->rows[i].kind == FIGURE_ERRORS)
            ret->estimates[i].high = fmin(ret->estimates[i].high, 1);
    }
    free(rounds);
    return 0;
}

static int estimate_blocks(const struct report *report, const struct figures *figures,
                           struct resample *ret)
{
    struct table table = { .random = 1 };
    int r;

    for (unsigned i = 0; i < BLOCKS_MAX; i++)
        histogram_init(&table.blocks[i].histogram);
    r = table_fill_blocks(&table, report->tally, ret->seconds);
    if (r == 0)
        r = table_fill(&table);
    if (r == 0)
        r = table_estimate(&table, figures, ret);
    table_deinit(&table);
    return r;
}

int resample_run(const struct report *report, const struct figures *figures, struct resample *ret)
{
    *ret = (struct resample){ .seconds = seconds_of(report->tally) };
    ret->can_tell = ret->seconds >= RESAMPLE_SECONDS_MIN;
    for (size_t i = 0; i < figures->count; i++) {
        struct estimate *estimate = &ret->estimates[i];

        *estimate = chance_estimate(&figures->rows[i], report);
        if (!ret->can_tell) {
            estimate->low = estimate->high = estimate->value;
            estimate->is_open = false;
        }
    }
    return ret->can_tell ? estimate_blocks(report, figures, ret) : 0;
}
