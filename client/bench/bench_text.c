/*
 * bench_text.c - CLI contract, "bench": the order of the text is fixed.
 */
#include "bench.h"

#include "slo.h"
#include "summary.h"
#include "units.h"
#include "verdict.h"

#include <stdio.h>

#define BARS 11u
#define BAR_WIDTH 40u

static const struct {
    const char *name;
    double quantile;
} percentiles[] = {
    { "50", 0.5 },  { "75", 0.75 },    { "90", 0.9 },       { "95", 0.95 },
    { "99", 0.99 }, { "99.9", 0.999 }, { "99.99", 0.9999 }, { "max", 1 },
};

static const char *latency(const struct histogram *h, double quantile, char *text, size_t room)
{
    return h->count ? units_format_latency(histogram_quantile(h, quantile), text, room) : "-";
}

static void put_target(struct text *out, const struct bench *bench)
{
    const struct options *options = bench->options;
    char rate[UNITS_TEXT_BYTES], time[UNITS_TEXT_BYTES];

    text_put_literal(out, "target    ");
    text_put_span(out, bench->list.requests[0].url);
    if (bench->list.count > 1)
        text_put_format(out, " and %zu more", bench->list.count - 1);
    text_put_format(out, "\nload      %u connections", bench->plan.concurrency);
    if (bench->is_open_loop)
        text_put_format(out, ", open loop at %s/s (%s arrivals)",
                        units_format_count(bench->rate_per_s, rate, sizeof(rate)),
                        options->arrival == ARRIVAL_POISSON ? "poisson" : "fixed");
    else
        text_put_literal(out, ", closed loop");
    if (options->fresh_conn)
        text_put_literal(out, ", each request on a new one");
    if (bench->duration_ns != UINT64_MAX)
        text_put_format(out, ", %s", units_format_duration(bench->duration_ns, time, sizeof(time)));
    if (bench->requests_max != UINT64_MAX)
        text_put_format(out, ", %llu requests", (unsigned long long)bench->requests_max);
    text_put_char(out, '\n');
}

static double seconds_of(const struct bench *bench)
{
    const struct tally *tally = &bench->tally;

    return tally->end_ns > tally->start_ns ? (double)(tally->end_ns - tally->start_ns) / 1e9 : 0;
}

static void put_summary(struct text *out, const struct bench *bench)
{
    const struct tally *tally = &bench->tally;
    const struct histogram *h = bench->is_open_loop ? &tally->response : &tally->service;
    double seconds = seconds_of(bench);
    uint64_t good = tally_good_answers(tally);
    char text[UNITS_TEXT_BYTES];

    text_put_literal(out, "\nSummary\n");
    text_put_format(out, "  success rate  %.2f %%\n",
                    tally->requests ? 100.0 * (double)good / (double)tally->requests : 0);
    text_put_format(out, "  total         %s\n",
                    units_format_duration((uint64_t)(seconds * 1e9), text, sizeof(text)));
    text_put_format(out, "  slowest       %s\n", latency(h, 1, text, sizeof(text)));
    text_put_format(out, "  fastest       %s\n", latency(h, 0, text, sizeof(text)));
    text_put_format(out, "  average       %s\n",
                    h->count ? units_format_latency((uint64_t)histogram_mean(h), text, sizeof(text))
                             : "-");
    text_put_format(out, "  requests/sec  %.2f\n",
                    seconds > 0 ? (double)tally->requests / seconds : 0);
    text_put_format(out, "  bytes/sec     %s\n",
                    units_format_bytes(seconds > 0 ? (uint64_t)((double)tally->bytes / seconds) : 0,
                                       text, sizeof(text)));
}

/* Equal steps from the fastest to p99.9: the few beyond it would flatten all bars. */
static void put_bars(struct text *out, const struct histogram *h)
{
    uint64_t counts[BARS] = { 0 };
    uint64_t low = histogram_quantile(h, 0), high = histogram_quantile(h, 0.999), most = 1;
    uint64_t step = (high - low) / (BARS - 1) + 1;
    struct histogram_bucket bucket;
    size_t position = 0;

    while (histogram_next(h, &position, &bucket)) {
        uint64_t middle = bucket.ge_ns + (bucket.lt_ns - bucket.ge_ns) / 2;
        uint64_t index = middle > low ? (middle - low) / step : 0;

        counts[index < BARS - 1 ? index : BARS - 1] += bucket.count;
    }
    for (unsigned i = 0; i < BARS; i++)
        most = counts[i] > most ? counts[i] : most;
    for (unsigned i = 0; i < BARS; i++) {
        unsigned width = (unsigned)(counts[i] * BAR_WIDTH / most);
        char text[UNITS_TEXT_BYTES];

        text_put_format(out, "  %s%7s [%9llu] ", i == BARS - 1 ? ">" : " ",
                        units_format_latency(low + i * step, text, sizeof(text)),
                        (unsigned long long)counts[i]);
        for (unsigned j = 0; j < width || (j == 0 && counts[i]); j++)
            text_put_literal(out, "\342\226\240");
        text_put_char(out, '\n');
    }
}

static void put_percentiles(struct text *out, const struct bench *bench)
{
    const struct tally *tally = &bench->tally;

    text_put_format(out, "\nPercentile    service%s\n", bench->is_open_loop ? "   response" : "");
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        char text[UNITS_TEXT_BYTES];

        text_put_format(out, "  %8s  %9s", percentiles[i].name,
                        latency(&tally->service, percentiles[i].quantile, text, sizeof(text)));
        if (bench->is_open_loop)
            text_put_format(out, "  %9s",
                            latency(&tally->response, percentiles[i].quantile, text, sizeof(text)));
        text_put_char(out, '\n');
    }
}

static void put_lateness(struct text *out, const struct tally *tally)
{
    char p50[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES], most[UNITS_TEXT_BYTES];

    if (tally->lateness.count)
        text_put_format(out,
                        "lateness  p50 %s  p99 %s  max %s   (of requests with a connection "
                        "free)\n",
                        latency(&tally->lateness, 0.5, p50, sizeof(p50)),
                        latency(&tally->lateness, 0.99, p99, sizeof(p99)),
                        latency(&tally->lateness, 1, most, sizeof(most)));
}

static void put_lead_in(struct text *out, const struct bench *bench)
{
    const struct tally *lead_in = &bench->lead_in;
    char text[UNITS_TEXT_BYTES];

    if (lead_in->requests)
        text_put_format(out,
                        "before    %llu requests of ramp and warm-up, %llu failed, p50 %s: in "
                        "none of the figures\n",
                        (unsigned long long)lead_in->requests, (unsigned long long)lead_in->failed,
                        latency(&lead_in->service, 0.5, text, sizeof(text)));
    if (bench->not_begun)
        text_put_format(out,
                        "not begun %llu requests when the time was up: in none of the "
                        "figures\n",
                        (unsigned long long)bench->not_begun);
}

static void put_verdict(struct text *out, const struct tally *tally)
{
    struct verdict verdict;

    verdict_judge(tally, &verdict);
    text_put_format(out, "verdict   %s", verdict_name(verdict.state));
    for (unsigned i = 0; i < verdict.reasons_count; i++)
        text_put_format(out, "%s %s", i ? ";" : ":", verdict.reasons[i]);
    text_put_char(out, '\n');
}

static void put_slo(struct text *out, const struct tally *tally, const char *given)
{
    char text[UNITS_TEXT_BYTES];
    struct slo slo;
    double value;

    (void)slo_parse(given, &slo); /* it was checked before the run */
    value = slo_measure(&slo, tally);
    if (slo.figure == SLO_ERRORS)
        (void)snprintf(text, sizeof(text), "%.3f %%", value * 100);
    else
        (void)units_format_latency((uint64_t)value, text, sizeof(text));
    text_put_format(out, "slo       %s: %s, %s\n", given,
                    slo_is_kept(&slo, tally) ? "kept" : "MISSED", text);
}

void bench_write_text(const struct bench *bench, struct text *out)
{
    const struct tally *tally = &bench->tally;
    const struct summary_limits limits = { .concurrency = bench->plan.concurrency,
                                           .max_per_origin = bench->plan.max_per_origin };

    put_target(out, bench);
    put_summary(out, bench);
    if (tally->requests) {
        text_put_char(out, '\n');
        put_bars(out, bench->is_open_loop ? &tally->response : &tally->service);
        put_percentiles(out, bench);
        text_put_char(out, '\n');
        summary_write_phases(out, tally);
    }
    put_lateness(out, tally);
    summary_write_counts(out, tally, &limits);
    put_lead_in(out, bench);
    for (size_t i = 0; i < bench->options->slo.count; i++)
        put_slo(out, tally, bench->options->slo.values[i]);
    put_verdict(out, tally);
}
