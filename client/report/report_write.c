/*
 * report_write.c - haul-report, version 1.
 *
 * Written by hand like the records: the order of keys is fixed, units are in every key.
 */
#include "report_write.h"

#include "hdr_code.h"
#include "report_argv.h"

#include <stdio.h>

#define PUT_NUMBER(out, key, value)                                                                \
    (text_put_literal(out, "\"" key "\":"), text_put_u64(out, value))

/* Without the closing brace. */
static void open_latency(struct text *out, const struct histogram *h)
{
    static const struct {
        const char *key;
        double quantile;
    } quantiles[] = {
        { "p50_ns", 0.5 },  { "p75_ns", 0.75 },    { "p90_ns", 0.9 },       { "p95_ns", 0.95 },
        { "p99_ns", 0.99 }, { "p99_9_ns", 0.999 }, { "p99_99_ns", 0.9999 },
    };

    text_put_char(out, '{');
    PUT_NUMBER(out, "min_ns", h->count ? h->min_ns : 0);
    text_put_literal(out, ",\"mean_ns\":");
    text_put_double(out, h->count ? histogram_mean(h) : 0);
    text_put_literal(out, ",\"stdev_ns\":");
    text_put_double(out, h->count ? histogram_stdev(h) : 0);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
        text_put_format(out, ",\"%s\":%llu", quantiles[i].key,
                        (unsigned long long)histogram_quantile(h, quantiles[i].quantile));
    text_put_char(out, ',');
    PUT_NUMBER(out, "max_ns", h->count ? h->max_ns : 0);
    text_put_char(out, ',');
    PUT_NUMBER(out, "count", h->count);
}

static void put_latency(struct text *out, const struct histogram *h)
{
    open_latency(out, h);
    text_put_char(out, '}');
}

/* With all values, for what is not among the histograms. */
static void put_latency_whole(struct text *out, const struct histogram *h)
{
    open_latency(out, h);
    if (h->count) {
        text_put_literal(out, ",\"hdr\":\"");
        if (hdr_encode(h, out) < 0)
            out->failed = true;
        text_put_char(out, '"');
    }
    text_put_char(out, '}');
}

static void put_histogram(struct text *out, const struct histogram *h)
{
    struct histogram_bucket bucket;
    size_t position = 0;
    bool is_first = true;

    text_put_char(out, '[');
    while (histogram_next(h, &position, &bucket)) {
        text_put_format(out, "%s{\"ge_ns\":%llu,\"lt_ns\":%llu,\"count\":%llu}",
                        is_first ? "" : ",", (unsigned long long)bucket.ge_ns,
                        (unsigned long long)bucket.lt_ns, (unsigned long long)bucket.count);
        is_first = false;
    }
    text_put_char(out, ']');
}

static void put_bool(struct text *out, bool value)
{
    text_put_string(out, value ? "true" : "false");
}

static void put_pair(struct text *out, const char *key, struct span value)
{
    text_put_format(out, ",\"%s\":", key);
    text_put_json(out, value);
}

static void put_number(struct text *out, const char *key, uint64_t value)
{
    text_put_format(out, ",\"%s\":", key);
    text_put_u64(out, value);
}

static void put_double(struct text *out, const char *key, double value)
{
    text_put_format(out, ",\"%s\":", key);
    text_put_double(out, value);
}

static void put_load(struct text *out, const struct report *report)
{
    text_put_format(
        out, ",\"load_mode\":\"%s\",\"planned_rate_per_s\":", report_load_name(report->load));
    if (report->load == REPORT_LOAD_OPEN)
        text_put_double(out, report->planned_rate_per_s);
    else
        text_put_literal(out, "null");
    if (report->load == REPORT_LOAD_OPEN)
        put_pair(out, "arrival", span_of_string(report->is_poisson ? "poisson" : "fixed"));
    text_put_literal(out, ",\"fresh_conn\":");
    put_bool(out, report->is_fresh_conn);
    if (report->duration_ns)
        put_number(out, "duration_ns", report->duration_ns);
    if (report->requests_max)
        put_number(out, "requests_max", report->requests_max);
    put_number(out, "concurrency", report->concurrency);
    put_number(out, "max_per_origin", report->max_per_origin);
    if (report->rate)
        put_pair(out, "rate", span_of_string(report->rate));
    if (report->rate_per_origin)
        put_pair(out, "rate_per_origin", span_of_string(report->rate_per_origin));
    text_put_literal(out, ",\"slo\":[");
    for (size_t i = 0; i < report->slo_count; i++) {
        if (i)
            text_put_char(out, ',');
        text_put_json(out, span_of_string(report->slo[i]));
    }
    text_put_char(out, ']');
}

static void put_run(struct text *out, const struct report *report)
{
    text_put_literal(out, "\"run\":{\"verb\":");
    text_put_json(out, span_of_string(report->verb));
    if (report->name)
        put_pair(out, "name", span_of_string(report->name));
    text_put_literal(out, ",\"argv\":");
    report_put_argv(out, report);
    put_pair(out, "started_at", span_of_string(report->started_at));
    put_pair(out, "host", span_of_string(report->host));
    put_pair(out, "kernel", span_of_string(report->kernel));
    put_pair(out, "machine", span_of_string(report->machine));
    text_put_literal(out, ",\"versions\":{\"haul\":");
    text_put_json(out, span_of_string(report->version));
    text_put_char(out, '}');
    if (report->target.bytes) {
        put_pair(out, "target", report->target);
        put_number(out, "targets", report->targets_count);
    }
    put_load(out, report);
    text_put_literal(out, ",\"private_daemon\":");
    put_bool(out, report->has_private_daemon);
    text_put_literal(out, ",\"interrupted\":");
    put_bool(out, report->is_interrupted);
    text_put_char(out, '}');
}

static void put_held(struct text *out, const struct tally *tally)
{
    bool is_first = true;

    text_put_literal(out, ",\"held_by\":{");
    for (unsigned cap = 1; cap < WIRE_CAP_COUNT; cap++) {
        if (!tally->held[cap])
            continue;
        text_put_format(out, "%s\"%s\":%llu", is_first ? "" : ",", tally_cap_name(cap),
                        (unsigned long long)tally->held[cap]);
        is_first = false;
    }
    text_put_char(out, '}');
}

static void put_reached(struct text *out, const struct report *report)
{
    const struct tally_load *load = &report->tally->load;

    text_put_literal(out, ",\"load\":{\"cpu_share_max\":");
    text_put_double(out, report->tally->cpu_share_max);
    put_double(out, "cpu_waited", report->tally->cpu_waited);
    if (report->load == REPORT_LOAD_OPEN) {
        put_double(out, "asked_per_s", load->asked_per_s);
        put_double(out, "reached_per_s", load->reached_per_s);
        text_put_literal(out, ",\"slots_exhausted\":");
        put_bool(out, load->slots_exhausted);
    }
    put_number(out, "not_begun", report->not_begun);
    text_put_literal(out, ",\"before\":{");
    PUT_NUMBER(out, "requests", report->lead_in.requests);
    put_number(out, "failed", report->lead_in.failed);
    put_number(out, "service_p50_ns", report->lead_in.p50_ns);
    text_put_literal(out, "}}");
}

static void put_summary(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;
    uint64_t duration_ns = tally->end_ns - tally->start_ns;

    text_put_literal(out, ",\"summary\":{");
    PUT_NUMBER(out, "requests", tally->requests);
    put_number(out, "ok", tally->ok);
    put_number(out, "failed", tally->failed);
    put_number(out, "good", tally->good);
    put_number(out, "skipped", tally->skipped);
    put_number(out, "duration_ns", duration_ns);
    put_double(out, "rate_per_s",
               duration_ns ? (double)tally->requests * 1e9 / (double)duration_ns : 0);
    put_number(out, "bytes", tally->bytes);
    put_number(out, "waits_sum_ns", tally->waits_sum_ns);
    put_number(out, "longest_ns", tally->longest_ns);
    text_put_literal(out, ",\"service\":");
    put_latency(out, &tally->service);
    text_put_literal(out, ",\"response\":");
    put_latency(out, &tally->response);
    text_put_literal(out, ",\"lateness\":");
    put_latency(out, &tally->lateness);
    text_put_literal(out, ",\"connections\":{");
    PUT_NUMBER(out, "new", tally->new_conns);
    put_number(out, "reused", tally->reused_conns);
    text_put_char(out, '}');
    put_held(out, tally);
    put_reached(out, report);
    text_put_char(out, '}');
}

static void put_kernel(struct text *out, const struct tally *tally)
{
    text_put_literal(out, ",\"kernel\":{");
    PUT_NUMBER(out, "samples", tally->rtt.count);
    text_put_literal(out, ",\"rtt\":");
    put_latency_whole(out, &tally->rtt);
    put_number(out, "retransmits", tally->retransmits);
    text_put_char(out, '}');
}

static void put_series(struct text *out, const struct tally *tally)
{
    text_put_literal(out, ",\"timeseries\":[");
    for (size_t i = 0; i < tally->seconds_count; i++) {
        const struct tally_second *row = &tally->seconds[i];

        text_put_format(out, "%s{\"second\":%zu,", i ? "," : "", i);
        PUT_NUMBER(out, "requests", row->requests);
        text_put_char(out, ',');
        PUT_NUMBER(out, "failed", row->failed);
        put_number(out, "good", row->good);
        text_put_char(out, ',');
        PUT_NUMBER(out, "bytes", row->bytes);
        text_put_literal(out, ",\"response_p50_ns\":");
        text_put_u64(out, row->p50_ns);
        text_put_literal(out, ",\"response_p99_ns\":");
        text_put_u64(out, row->p99_ns);
        text_put_literal(out, ",\"response_max_ns\":");
        text_put_u64(out, row->max_ns);
        if (row->response_hdr)
            text_put_format(out, ",\"response_hdr\":\"%s\"", row->response_hdr);
        text_put_char(out, '}');
    }
    text_put_char(out, ']');
}

void report_put_statuses(struct text *out, const struct tally *tally)
{
    bool is_first = true;

    text_put_literal(out, ",\"status\":{");
    for (unsigned status = 0; status < TALLY_STATUS_MAX; status++) {
        if (!tally->status[status])
            continue;
        text_put_format(out, "%s\"%u\":%llu", is_first ? "" : ",", status,
                        (unsigned long long)tally->status[status]);
        is_first = false;
    }
    text_put_char(out, '}');
}

void report_put_errors(struct text *out, const struct tally *tally)
{
    bool is_first = true;

    text_put_literal(out, ",\"errors\":[");
    for (unsigned code = 0; code < FAULT_CODE_COUNT; code++) {
        if (!tally->errors[code].count)
            continue;
        text_put_format(out, "%s{\"domain\":\"%s\",\"code\":\"%s\",", is_first ? "" : ",",
                        fault_domain(code), fault_name(code));
        PUT_NUMBER(out, "count", tally->errors[code].count);
        text_put_literal(out, ",\"example\":");
        text_put_json(out, span_of_string(tally->errors[code].example));
        text_put_char(out, '}');
        is_first = false;
    }
    text_put_char(out, ']');
}

static void put_row(struct text *out, const struct tally *tally, const struct waterfall_row *row)
{
    text_put_char(out, '{');
    PUT_NUMBER(out, "number", row->number);
    put_pair(out, "url", span_of_string(row->name));
    put_number(out, "status", row->status);
    text_put_literal(out, ",\"error\":");
    if (row->fault)
        text_put_format(out, "\"%s/%s\"", fault_domain(row->fault), fault_name(row->fault));
    else
        text_put_literal(out, "null");
    put_number(out, "start_ns",
               row->start_ns > tally->start_ns ? row->start_ns - tally->start_ns : 0);
    put_number(out, "response_ns", row->response_ns);
    text_put_literal(out, ",\"phases_ns\":[");
    for (unsigned i = 0; i < TIMING_PHASES; i++) {
        if (i)
            text_put_char(out, ',');
        text_put_u64(out, row->phase_ns[i]);
    }
    text_put_literal(out, "]}");
}

void report_put_waterfall(struct text *out, const struct tally *tally)
{
    const struct waterfall_row *slowest[WATERFALL_SLOWEST_MAX];
    const struct waterfall *waterfall = tally->waterfall;
    size_t count;

    if (!waterfall)
        return;
    text_put_literal(out, ",\"waterfall\":{\"first\":[");
    for (size_t i = 0; i < waterfall->first_count; i++) {
        if (i)
            text_put_char(out, ',');
        put_row(out, tally, &waterfall->first[i]);
    }
    text_put_literal(out, "],\"slowest\":[");
    count = waterfall_sort_slowest(waterfall, slowest);
    for (size_t i = 0; i < count; i++) {
        if (i)
            text_put_char(out, ',');
        put_row(out, tally, slowest[i]);
    }
    text_put_literal(out, "]}");
}

static void put_groups(struct text *out, const struct groups *groups)
{
    if (groups->by == GROUPS_BY_NONE)
        return;
    text_put_format(out, ",\"groups\":{\"by\":\"%s\",\"rows\":[", groups_by_name(groups->by));
    for (size_t i = 0; i < groups->count; i++) {
        const struct group *group = &groups->rows[i];

        if (i)
            text_put_char(out, ',');
        text_put_literal(out, "{\"name\":");
        text_put_json(out, span_of_string(group->name));
        put_number(out, "requests", group->requests);
        put_number(out, "failed", group->failed);
        put_number(out, "bytes", group->bytes);
        text_put_literal(out, ",\"response\":");
        put_latency_whole(out, &group->response);
        text_put_char(out, '}');
    }
    text_put_literal(out, "]}");
}

void report_put_verdict(struct text *out, const struct verdict *verdict)
{
    text_put_format(out, ",\"verdict\":{\"state\":\"%s\",\"reasons\":[",
                    verdict_name(verdict->state));
    for (unsigned i = 0; i < verdict->reasons_count; i++) {
        if (i)
            text_put_char(out, ',');
        text_put_json(out, span_of_string(verdict->reasons[i]));
    }
    text_put_literal(out, "]}");
}

void report_write(struct text *out, const struct report *report)
{
    const struct tally *tally = report->tally;

    text_put_literal(out, "{\"schema\":\"haul-report\",\"schemaVersion\":1,");
    put_run(out, report);
    put_summary(out, report);
    text_put_literal(out, ",\"phases\":{");
    for (unsigned i = 0; i < TIMING_PHASES; i++) {
        text_put_format(out, "%s\"%s\":", i ? "," : "", phase_name(PHASE_QUEUE + i));
        put_latency_whole(out, &tally->phases[i]);
    }
    text_put_literal(out, "},\"histograms\":{\"service\":");
    put_histogram(out, &tally->service);
    text_put_literal(out, ",\"response\":");
    put_histogram(out, &tally->response);
    text_put_literal(out, ",\"lateness\":");
    put_histogram(out, &tally->lateness);
    text_put_char(out, '}');
    put_kernel(out, tally);
    put_series(out, tally);
    report_put_statuses(out, tally);
    report_put_errors(out, tally);
    report_put_waterfall(out, tally);
    put_groups(out, &tally->groups);
    report_put_verdict(out, &report->verdict);
    text_put_literal(out, "}\n");
}
