/*
 * report_formats.c - layouts that others have set.
 *
 * The percentile distribution has five steps for each halving of the distance to 100 %, so that the
 * tail has as many points as the middle; plotters draw it over 1/(1 - percentile).
 */
#include "report_formats.h"

#include "page.h"
#include "report_text.h"
#include "report_write.h"

#include <math.h>

#define STEPS_PER_HALVING 5
#define NS_PER_MS 1e6

static void put_percentile(struct text *out, uint64_t value_ns, double share, uint64_t total)
{
    text_put_format(out, "%12.3f %2.12f %10llu", (double)value_ns / NS_PER_MS, share,
                    (unsigned long long)total);
    if (share < 1)
        text_put_format(out, " %14.2f", 1 / (1 - share));
    text_put_char(out, '\n');
}

/* The percentile after the one at share. */
static double next_share(double share)
{
    double halvings = floor(log2(1 / (1 - share))) + 1;

    return share + 1 / (STEPS_PER_HALVING * exp2(halvings));
}

static void put_distribution(struct text *out, const struct histogram *h)
{
    struct histogram_bucket bucket;
    uint64_t total = 0;
    size_t position = 0;
    double share = 0;

    while (histogram_next(h, &position, &bucket)) {
        uint64_t value_ns = bucket.lt_ns - 1 < h->max_ns ? bucket.lt_ns - 1 : h->max_ns;

        total += bucket.count;
        while (total < h->count && (double)total / (double)h->count >= share) {
            put_percentile(out, value_ns, share, total);
            share = next_share(share);
        }
    }
    put_percentile(out, h->max_ns, 1, h->count);
}

static void put_hgrm(struct text *out, const struct tally *tally)
{
    const struct histogram *h = &tally->response;

    text_put_literal(out, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    if (h->count)
        put_distribution(out, h);
    text_put_format(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n",
                    histogram_mean(h) / NS_PER_MS, histogram_stdev(h) / NS_PER_MS);
    text_put_format(out, "#[Max     = %12.3f, Total count    = %12llu]\n",
                    h->count ? (double)h->max_ns / NS_PER_MS : 0, (unsigned long long)h->count);
    text_put_literal(out, "#[Buckets =           32, SubBuckets     =         2048]\n");
}

static void put_hlog(struct text *out, const struct tally *tally, double started_s)
{
    text_put_literal(out, "#[Logged with haul " HAUL_VERSION "]\n"
                          "#[Histogram log format version 1.3]\n");
    text_put_format(out, "#[StartTime: %.3f (seconds since epoch)]\n", started_s);
    text_put_literal(out, "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
                          "\"Interval_Compressed_Histogram\"\n");
    for (size_t i = 0; i < tally->seconds_count; i++) {
        const struct tally_second *second = &tally->seconds[i];

        if (second->response_hdr)
            text_put_format(out, "%zu.000,1.000,%.3f,%s\n", i, (double)second->max_ns / NS_PER_MS,
                            second->response_hdr);
    }
}

static void put_csv(struct text *out, const struct tally *tally)
{
    text_put_literal(out, "second,requests,failed,bytes,response_p50_ns,response_p99_ns,"
                          "response_max_ns\n");
    for (size_t i = 0; i < tally->seconds_count; i++) {
        const struct tally_second *row = &tally->seconds[i];

        text_put_format(out, "%zu,%llu,%llu,%llu,%llu,%llu,%llu\n", i,
                        (unsigned long long)row->requests, (unsigned long long)row->failed,
                        (unsigned long long)row->bytes, (unsigned long long)row->p50_ns,
                        (unsigned long long)row->p99_ns, (unsigned long long)row->max_ns);
    }
}

void report_put(struct text *out, enum report_format format, const struct report *report)
{
    switch (format) {
    case REPORT_FORMAT_TEXT:
        report_write_text(out, report);
        break;
    case REPORT_FORMAT_JSON:
        report_write(out, report);
        break;
    case REPORT_FORMAT_CSV:
        put_csv(out, report->tally);
        break;
    case REPORT_FORMAT_HGRM:
        put_hgrm(out, report->tally);
        break;
    case REPORT_FORMAT_HLOG:
        put_hlog(out, report->tally, report->started_s);
        break;
    case REPORT_FORMAT_HTML:
        page_write(out, report, NULL);
        break;
    case REPORT_FORMAT_UNKNOWN:
        break;
    }
}
