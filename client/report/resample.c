/*
 * resample.c - a table of blocks by buckets, and weighted sums of its rows.
 */
#include "resample.h"

#include "hdr_code.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define BLOCKS_MAX 60u
#define ROUNDS 1000u
#define TAIL 25u                   /* 2.5 % of the rounds */
#define WHOLE_SECOND_NS 900000000u /* the last second of a run is seldom whole */
#define NS_PER_SECOND 1000000000u

static const double quantiles[] = { [FIGURE_P50] = 0.5,
                                    [FIGURE_P90] = 0.9,
                                    [FIGURE_P95] = 0.95,
                                    [FIGURE_P99] = 0.99,
                                    [FIGURE_P99_9] = 0.999 };

struct block {
    struct histogram histogram; /* only while the table is made */
    double seconds;
    double requests;
    double failed;
};

struct table {
    struct block blocks[BLOCKS_MAX];
    unsigned blocks_count;
    double *values;   /* of the used buckets, ascending: ns */
    uint32_t *counts; /* blocks_count rows of buckets_count */
    size_t buckets_count;
    double *sums; /* of one round */
    uint64_t random;
};

const char *figure_name(enum figure figure)
{
    static const char *const names[FIGURE_COUNT] = {
        [FIGURE_MEAN] = "mean", [FIGURE_P50] = "p50",      [FIGURE_P90] = "p90",
        [FIGURE_P95] = "p95",   [FIGURE_P99] = "p99",      [FIGURE_P99_9] = "p99.9",
        [FIGURE_RATE] = "rate", [FIGURE_ERRORS] = "errors"
    };

    return names[figure];
}

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
    unsigned size = (seconds + BLOCKS_MAX - 1) / BLOCKS_MAX;
    int r;

    table->blocks_count = seconds / size;
    for (unsigned i = 0; i < seconds; i++) {
        const struct tally_second *second = &tally->seconds[i];
        unsigned index = i / size < table->blocks_count ? i / size : table->blocks_count - 1;
        struct block *block = &table->blocks[index];

        block->seconds++;
        block->requests += (double)second->requests;
        block->failed += (double)(second->requests - second->good);
        r = second->response_hdr
                ? hdr_decode(span_of_string(second->response_hdr), &block->histogram)
                : 0;
        if (r < 0)
            return r;
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
    table->sums = calloc(table->buckets_count + 1, sizeof(*table->sums));
    table->counts = calloc(table->buckets_count * table->blocks_count + 1, sizeof(*table->counts));
    return table->values && table->sums && table->counts ? 0 : -ENOMEM;
}

static int table_fill(struct table *table)
{
    size_t *columns = calloc(histogram_positions(), sizeof(*columns));
    struct histogram_bucket bucket;
    int r = columns ? table_find_buckets(table, columns) : -ENOMEM;

    for (unsigned i = 0; r == 0 && i < table->blocks_count; i++)
        for (size_t at = 0; histogram_next(&table->blocks[i].histogram, &at, &bucket);) {
            size_t column = columns[at - 1];

            table->values[column] = (double)(bucket.lt_ns - 1);
            table->counts[i * table->buckets_count + column] = (uint32_t)bucket.count;
        }
    free(columns);
    return r;
}

static void table_deinit(struct table *table)
{
    for (unsigned i = 0; i < BLOCKS_MAX; i++)
        histogram_deinit(&table->blocks[i].histogram);
    free(table->values);
    free(table->counts);
    free(table->sums);
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
    for (size_t i = 0; i < table->buckets_count; i++)
        table->sums[i] = 0;
    for (unsigned drawn = 0; drawn < table->blocks_count; drawn++) {
        unsigned row = (unsigned)(next_random(table) % table->blocks_count);
        const uint32_t *counts = table->counts + row * table->buckets_count;

        for (size_t i = 0; i < table->buckets_count; i++)
            table->sums[i] += counts[i];
        ret_all->seconds += table->blocks[row].seconds;
        ret_all->requests += table->blocks[row].requests;
        ret_all->failed += table->blocks[row].failed;
    }
}

static void table_measure(const struct table *table, const struct block *all,
                          double ret_figures[FIGURE_COUNT])
{
    double total = 0, below = 0, sum = 0;
    enum figure next = FIGURE_P50;

    for (size_t i = 0; i < table->buckets_count; i++) {
        total += table->sums[i];
        sum += table->sums[i] * table->values[i];
    }
    for (unsigned i = 0; i < FIGURE_COUNT; i++)
        ret_figures[i] = 0;
    for (size_t i = 0; i < table->buckets_count && total > 0; i++) {
        below += table->sums[i];
        for (; next <= FIGURE_P99_9 && below >= quantiles[next] * total; next++)
            ret_figures[next] = table->values[i];
    }
    ret_figures[FIGURE_MEAN] = total > 0 ? sum / total : 0;
    ret_figures[FIGURE_RATE] = all->seconds > 0 ? all->requests / all->seconds : 0;
    ret_figures[FIGURE_ERRORS] = all->requests > 0 ? all->failed / all->requests : 0;
}

/* ---- the intervals ---- */

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right ? 1 : 0;
}

static int table_estimate(struct table *table, struct resample *ret)
{
    double *rounds = calloc((size_t)ROUNDS * FIGURE_COUNT, sizeof(*rounds));

    if (!rounds)
        return -ENOMEM;
    for (unsigned round = 0; round < ROUNDS; round++) {
        double figures[FIGURE_COUNT];
        struct block all;

        table_draw(table, &all);
        table_measure(table, &all, figures);
        for (unsigned i = 0; i < FIGURE_COUNT; i++)
            rounds[i * ROUNDS + round] = figures[i];
    }
    for (unsigned i = 0; i < FIGURE_COUNT; i++) {
        struct estimate *estimate = &ret->figures[i];

        qsort(rounds + (size_t)i * ROUNDS, ROUNDS, sizeof(*rounds), by_value);
        estimate->low = fmin(estimate->value, rounds[i * ROUNDS + TAIL]);
        estimate->high = fmax(estimate->value, rounds[i * ROUNDS + ROUNDS - 1 - TAIL]);
    }
    free(rounds);
    return 0;
}

static void set_values(const struct report *report, struct resample *ret)
{
    const struct tally *tally = report->tally;
    const struct histogram *h = &tally->response;
    double seconds = report_seconds(report);
    double values[FIGURE_COUNT] = {
        [FIGURE_MEAN] = histogram_mean(h),
        [FIGURE_RATE] = seconds > 0 ? (double)tally->requests / seconds : 0,
        [FIGURE_ERRORS] =
            tally->requests ? (double)(tally->requests - tally->good) / (double)tally->requests : 0,
    };

    for (unsigned i = FIGURE_P50; i <= FIGURE_P99_9; i++)
        values[i] = (double)histogram_quantile(h, quantiles[i]);
    for (unsigned i = 0; i < FIGURE_COUNT; i++)
        ret->figures[i] =
            (struct estimate){ .value = values[i], .low = values[i], .high = values[i] };
}

int resample_run(const struct report *report, struct resample *ret)
{
    struct table table = { .random = 1 };
    int r;

    *ret = (struct resample){ .seconds = seconds_of(report->tally) };
    set_values(report, ret);
    ret->can_tell = ret->seconds >= RESAMPLE_SECONDS_MIN;
    if (!ret->can_tell)
        return 0;
    for (unsigned i = 0; i < BLOCKS_MAX; i++)
        histogram_init(&table.blocks[i].histogram);
    r = table_fill_blocks(&table, report->tally, ret->seconds);
    if (r == 0)
        r = table_fill(&table);
    if (r == 0)
        r = table_estimate(&table, ret);
    table_deinit(&table);
    return r;
}
