/*
 * summary.c - CLI contract, "Summary of batch".
 */
#include "summary.h"

#include "units.h"

#include <stdio.h>

#define NAME_WIDTH 8
#define CELL_WIDTH 9
#define FIRST_CELL_WIDTH 7
#define ERROR_ROWS_MAX 20u
#define STATUS_ROWS_MAX 8u
#define GROUP_ROWS_MAX 40u

static void put_name(struct text *out, const char *name)
{
    text_put_format(out, "%-*s", NAME_WIDTH, name);
}

static void put_cell(struct text *out, size_t column, const char *cell)
{
    text_put_format(out, "%*s", column ? CELL_WIDTH : FIRST_CELL_WIDTH, cell);
}

static void put_latency(struct text *out, size_t column, uint64_t ns)
{
    char cell[UNITS_TEXT_BYTES];

    put_cell(out, column, ns <= 1 ? "0" : units_format_latency(ns, cell, sizeof(cell)));
}

static void put_totals(struct text *out, const struct tally *tally)
{
    char run[UNITS_TEXT_BYTES], waits[UNITS_TEXT_BYTES], longest[UNITS_TEXT_BYTES];
    char rate[UNITS_TEXT_BYTES], bytes[UNITS_TEXT_BYTES];
    uint64_t run_ns = tally->end_ns - tally->start_ns;
    double seconds = (double)run_ns / 1e9;
    char skipped[48] = "";

    (void)units_format_duration(run_ns, run, sizeof(run));
    if (tally->skipped)
        (void)snprintf(skipped, sizeof(skipped), " (%llu skipped)",
                       (unsigned long long)tally->skipped);
    text_put_format(
        out, "%llu item%s in %s: %llu ok%s, %llu failed   %s/s   %s\n",
        (unsigned long long)tally->requests, tally->requests == 1 ? "" : "s", run,
        (unsigned long long)tally->ok, skipped, (unsigned long long)tally->failed,
        units_format_count(seconds > 0 ? (double)tally->requests / seconds : 0, rate, sizeof(rate)),
        units_format_bytes(tally->bytes, bytes, sizeof(bytes)));
    text_put_format(out, "sum of all waits %s \302\267 this run %s \302\267 longest %s\n",
                    units_format_duration(tally->waits_sum_ns, waits, sizeof(waits)), run,
                    units_format_duration(tally->longest_ns, longest, sizeof(longest)));
}

static void put_clock(struct text *out, const char *name, const struct histogram *histogram)
{
    static const double quantiles[] = { 0, 0.5, 0.9, 0.99, 0.999, 1 };

    put_name(out, name);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        if (histogram->count)
            put_latency(out, i, histogram_quantile(histogram, quantiles[i]));
        else
            put_cell(out, i, "-");
    }
    text_put_char(out, '\n');
}

static void put_latencies(struct text *out, const struct tally *tally)
{
    static const char *const heads[] = { "min", "p50", "p90", "p99", "p99.9", "max" };

    put_name(out, "");
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        put_cell(out, i, heads[i]);
    text_put_char(out, '\n');
    put_clock(out, "service", &tally->service);
    put_clock(out, "response", &tally->response);
}

void summary_write_phases(struct text *out, const struct tally *tally)
{
    static const struct {
        const char *name;
        double quantile;
    } rows[] = { { "p50", 0.5 }, { "p99", 0.99 }, { "max", 1 } };

    put_name(out, "phase");
    for (unsigned i = 0; i < TIMING_PHASES; i++)
        put_cell(out, i, phase_name(PHASE_QUEUE + i));
    text_put_char(out, '\n');
    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        put_name(out, rows[row].name);
        for (unsigned i = 0; i < TIMING_PHASES; i++)
            put_latency(out, i, histogram_quantile(&tally->phases[i], rows[row].quantile));
        text_put_char(out, '\n');
    }
}

void summary_write_kernel(struct text *out, const struct tally *tally)
{
    const struct histogram *rtt = &tally->rtt;
    char p50[UNITS_TEXT_BYTES], p99[UNITS_TEXT_BYTES];

    if (rtt->count)
        text_put_format(
            out, "kernel    rtt p50 %s  p99 %s   %llu retransmit%s   (TCP_INFO, %llu sample%s)\n",
            units_format_latency(histogram_quantile(rtt, 0.5), p50, sizeof(p50)),
            units_format_latency(histogram_quantile(rtt, 0.99), p99, sizeof(p99)),
            (unsigned long long)tally->retransmits, tally->retransmits == 1 ? "" : "s",
            (unsigned long long)rtt->count, rtt->count == 1 ? "" : "s");
}

static void put_statuses(struct text *out, const struct tally *tally)
{
    unsigned rows = 0;

    text_put_literal(out, "status ");
    for (unsigned status = 0; status < TALLY_STATUS_MAX; status++) {
        if (!tally->status[status])
            continue;
        if (rows == STATUS_ROWS_MAX) {
            text_put_literal(out, ", ...");
            break;
        }
        text_put_format(out, "%s%u: %llu", rows++ ? ", " : "", status,
                        (unsigned long long)tally->status[status]);
    }
    if (rows == 0)
        text_put_literal(out, "none");
    if (tally->failed)
        text_put_format(out, "      errors: %llu", (unsigned long long)tally->failed);
    else
        text_put_literal(out, "      errors: none");
    text_put_format(out, "      connections: %llu new, %llu reused\n",
                    (unsigned long long)tally->new_conns, (unsigned long long)tally->reused_conns);
}

static void put_errors(struct text *out, const struct tally *tally)
{
    unsigned rows = 0;

    for (unsigned code = 1; code < FAULT_CODE_COUNT && rows < ERROR_ROWS_MAX; code++) {
        char name[48];

        if (!tally->errors[code].count)
            continue;
        rows++;
        (void)snprintf(name, sizeof(name), "%s/%s", fault_domain(code), fault_name(code));
        text_put_format(out, "  %-22s %9llu  ", name,
                        (unsigned long long)tally->errors[code].count);
        text_put_visible(out, span_of_string(tally->errors[code].example));
        text_put_char(out, '\n');
    }
}

static void put_caps(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;
    unsigned most = 0;
    char flag[96] = "";

    for (unsigned cap = 1; cap < WIRE_CAP_COUNT; cap++)
        if (tally->held[cap] > tally->held[most])
            most = cap;
    if (tally->held[most] == 0)
        return;
    switch ((enum wire_cap)most) {
    case WIRE_CAP_CONCURRENCY:
        (void)snprintf(flag, sizeof(flag), "-c %u", report->concurrency);
        break;
    case WIRE_CAP_PER_ORIGIN:
        (void)snprintf(flag, sizeof(flag),
                       report->max_per_origin ? "--max-per-origin %u"
                                              : "MaxPerOrigin= (see "
                                                "--max-per-origin)",
                       report->max_per_origin);
        break;
    case WIRE_CAP_PER_ORIGIN_TOTAL:
        (void)snprintf(flag, sizeof(flag), "the daemon's MaxPerOriginTotal=");
        break;
    case WIRE_CAP_CONNECTIONS:
        (void)snprintf(flag, sizeof(flag), "the daemon's MaxConnections=");
        break;
    case WIRE_CAP_RATE:
        (void)snprintf(flag, sizeof(flag), "--rate %s", report->rate ? report->rate : "");
        break;
    case WIRE_CAP_RATE_PER_ORIGIN:
        (void)snprintf(flag, sizeof(flag), "--rate-per-origin %s",
                       report->rate_per_origin ? report->rate_per_origin : "");
        break;
    case WIRE_CAP_RATE_PER_ORIGIN_TOTAL:
        (void)snprintf(flag, sizeof(flag), "the daemon's RatePerOrigin=");
        break;
    case WIRE_CAP_COOLING:
        (void)snprintf(flag, sizeof(flag), "an origin that asked for a pause (429, Retry-After)");
        break;
    case WIRE_CAP_NONE:
    case WIRE_CAP_COUNT:
        return;
    }
    text_put_format(out, "held back by %s: %llu item%s waited for it\n", flag,
                    (unsigned long long)tally->held[most], tally->held[most] == 1 ? "" : "s");
}

static void put_verdict(struct text *out, const struct verdict *verdict)
{
    if (verdict->state == VERDICT_VALID)
        return;
    text_put_format(out, "verdict %s:", verdict_name(verdict->state));
    for (unsigned i = 0; i < verdict->reasons_count; i++)
        text_put_format(out, "%s %s", i ? ";" : "", verdict->reasons[i]);
    text_put_char(out, '\n');
}

void summary_write_counts(struct text *out, const struct report *report)
{
    put_statuses(out, report->tally);
    put_errors(out, report->tally);
    put_caps(out, report);
}

void summary_write_groups(struct text *out, const struct groups *groups)
{
    const struct group *rows[GROUPS_MAX + 1];

    if (groups->count == 0)
        return;
    (void)groups_sort(groups, rows);
    text_put_format(out, "%9s %8s", "requests", "failed");
    for (size_t i = 0; i < 3; i++)
        text_put_format(out, "%*s", CELL_WIDTH, (const char *[]){ "p50", "p99", "max" }[i]);
    text_put_format(out, "  by %s\n", groups_by_name(groups->by));
    for (size_t i = 0; i < groups->count && i < GROUP_ROWS_MAX; i++) {
        text_put_format(out, "%9llu %8llu", (unsigned long long)rows[i]->requests,
                        (unsigned long long)rows[i]->failed);
        put_latency(out, 1, histogram_quantile(&rows[i]->response, 0.5));
        put_latency(out, 1, histogram_quantile(&rows[i]->response, 0.99));
        put_latency(out, 1, histogram_quantile(&rows[i]->response, 1));
        text_put_literal(out, "  ");
        text_put_visible(out, span_of_string(rows[i]->name));
        text_put_char(out, '\n');
    }
    if (groups->count > GROUP_ROWS_MAX)
        text_put_format(out, "  and %zu more: --report FILE.json has them\n",
                        groups->count - GROUP_ROWS_MAX);
}

void summary_write(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;

    put_totals(out, tally);
    if (tally->response.count) {
        put_latencies(out, tally);
        summary_write_phases(out, tally);
    }
    summary_write_kernel(out, tally);
    summary_write_counts(out, report);
    summary_write_groups(out, &tally->groups);
    put_verdict(out, &report->verdict);
}
