/*
 * report_text.c - the tables of a latency run.
 */
#include "report_text.h"

#include "slo.h"
#include "summary.h"
#include "timeline.h"
#include "units.h"

#include <math.h>
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

static void put_target(struct text *out, const struct report *report)
{
    char rate[UNITS_TEXT_BYTES], time[UNITS_TEXT_BYTES];

    text_put_literal(out, "target    ");
    text_put_span(out, report->target);
    if (report->targets_count > 1)
        text_put_format(out, " and %zu more", report->targets_count - 1);
    text_put_format(out, "\nload      %u connections", report->concurrency);
    if (report->load == REPORT_LOAD_OPEN)
        text_put_format(out, ", open loop at %s/s (%s arrivals)",
                        units_format_count(report->planned_rate_per_s, rate, sizeof(rate)),
                        report->is_poisson ? "poisson" : "fixed");
    else
        text_put_literal(out, ", closed loop");
    if (report->is_fresh_conn)
        text_put_literal(out, ", each request on a new one");
    if (report->duration_ns)
        text_put_format(out, ", %s",
                        units_format_duration(report->duration_ns, time, sizeof(time)));
    if (report->requests_max)
        text_put_format(out, ", %llu requests", (unsigned long long)report->requests_max);
    text_put_char(out, '\n');
}

static void put_summary(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;
    const struct histogram *h = report_clock(report);
    double seconds = report_seconds(report);
    char text[UNITS_TEXT_BYTES];

    text_put_literal(out, "\nSummary\n");
    text_put_format(out, "  success rate  %.2f %%\n",
                    tally->requests ? 100.0 * (double)tally->good / (double)tally->requests : 0);
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
    unsigned rows = 0;
    uint64_t step = (high - low) / (BARS - 1) + 1;
    struct histogram_bucket bucket;
    size_t position = 0;

    while (histogram_next(h, &position, &bucket)) {
        uint64_t index = bucket.ge_ns > low ? (bucket.ge_ns - low) / step : 0;

        counts[index < BARS - 1 ? index : BARS - 1] += bucket.count;
    }
    for (unsigned i = 0; i < BARS; i++) {
        most = counts[i] > most ? counts[i] : most;
        rows = counts[i] ? i + 1 : rows;
    }
    for (unsigned i = 0; i < rows; i++) {
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

static void put_percentiles(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;
    bool is_open = report->load == REPORT_LOAD_OPEN;

    text_put_format(out, "\nPercentile    service%s\n", is_open ? "   response" : "");
    for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        char text[UNITS_TEXT_BYTES];

        text_put_format(out, "  %8s  %9s", percentiles[i].name,
                        latency(&tally->service, percentiles[i].quantile, text, sizeof(text)));
        if (is_open)
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

static void put_lead_in(struct text *out, const struct report *report)
{
    char text[UNITS_TEXT_BYTES];

    if (report->lead_in.requests)
        text_put_format(out,
                        "before    %llu requests of ramp and warm-up, %llu failed, p50 %s: in "
                        "none of the figures\n",
                        (unsigned long long)report->lead_in.requests,
                        (unsigned long long)report->lead_in.failed,
                        units_format_latency(report->lead_in.p50_ns, text, sizeof(text)));
    if (report->not_begun)
        text_put_format(out,
                        "not begun %llu requests when the time was up: in none of the "
                        "figures\n",
                        (unsigned long long)report->not_begun);
}

static void put_verdict(struct text *out, const struct verdict *verdict)
{
    text_put_format(out, "verdict   %s", verdict_name(verdict->state));
    for (unsigned i = 0; i < verdict->reasons_count; i++)
        text_put_format(out, "%s %s", i ? ";" : ":", verdict->reasons[i]);
    text_put_char(out, '\n');
}

static void put_slo(struct text *out, const struct tally *tally, const char *given)
{
    char text[UNITS_TEXT_BYTES];
    struct slo slo;
    double value;

    if (!slo_parse(given, &slo))
        return; /* of a file; those of the command line were checked */
    value = slo_measure(&slo, tally);
    if (isinf(value))
        (void)snprintf(text, sizeof(text), "so many have failed");
    else if (slo.figure == SLO_ERRORS)
        (void)snprintf(text, sizeof(text), "%.3f %%", value * 100);
    else
        (void)units_format_latency((uint64_t)value, text, sizeof(text));
    text_put_format(out, "slo       %s: %s, %s\n", given,
                    slo_is_kept(&slo, tally) ? "kept" : "MISSED", text);
}

static void put_groups(struct text *out, const struct groups *groups)
{
    if (groups->count == 0)
        return;
    text_put_char(out, '\n');
    summary_write_groups(out, groups);
    text_put_char(out, '\n');
}

static void put_bench(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;

    put_target(out, report);
    put_summary(out, report);
    if (tally->requests) {
        if (tally->service.count) {
            text_put_char(out, '\n');
            put_bars(out, report_clock(report));
        }
        put_percentiles(out, report);
        text_put_char(out, '\n');
        summary_write_phases(out, tally);
    }
    put_groups(out, &tally->groups);
    put_lateness(out, tally);
    summary_write_kernel(out, tally);
    summary_write_counts(out, report);
    put_lead_in(out, report);
    for (size_t i = 0; i < report->slo_count; i++)
        put_slo(out, tally, report->slo[i]);
    put_verdict(out, &report->verdict);
}

void report_write_text(struct text *out, const struct report *report)
{
    if (report->load != REPORT_LOAD_BATCH) {
        put_bench(out, report);
        return;
    }
    summary_write(out, report);
    if (report->tally->waterfall && report->tally->requests <= TIMELINE_ROWS_MAX)
        timeline_write(out, report->tally->waterfall);
}
