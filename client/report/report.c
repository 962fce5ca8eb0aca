/*
 * report.c - haul-report, version 1.
 *
 * Written by hand like the records: the order of keys is fixed, units are in every key. argv is
 * part of a report so that a run can be repeated; values that carry credentials are replaced.
 */
#include "report.h"

#include "options.h"
#include "verdict.h"

#include <stdio.h>
#include <sys/utsname.h>

#define SECRET "\"***\""

#define PUT_NUMBER(out, key, value)                                                                \
    (text_put_literal(out, "\"" key "\":"), text_put_u64(out, value))

static void put_latency(struct text *out, const struct histogram *h)
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

/* The word before is a flag whose value must not be kept. -d of bench is its duration. */
static bool is_secret_flag(const struct report_run *run, const char *flag)
{
    static const char *const flags[] = {
        "-u",         "--user",        "--bearer",         "-H",    "--header", "-d", "--data",
        "--data-raw", "--data-binary", "--data-urlencode", "--json"
    };

    if (run->load != REPORT_LOAD_BATCH && strcmp(flag, "-d") == 0)
        return false;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(flag, flags[i]) == 0)
            return true;
    return false;
}

/* -uNAME:WORD and --bearer=WORD: how much of the word may be kept; 0 = all. */
static size_t secret_prefix(const struct report_run *run, const char *word)
{
    const char *equals = strchr(word, '=');

    char flag[24];
    size_t bytes;

    if (word[0] == '-' && word[1] && strchr("uHd", word[1]) && word[2]) {
        (void)snprintf(flag, sizeof(flag), "-%c", word[1]);
        return is_secret_flag(run, flag) ? 2 : 0;
    }
    if (strncmp(word, "--", 2) == 0 && equals) {
        bytes = (size_t)(equals - word);
        if (bytes < sizeof(flag)) {
            memcpy(flag, word, bytes);
            flag[bytes] = '\0';
            if (is_secret_flag(run, flag))
                return bytes + 1;
        }
    }
    return 0;
}

/* User and password of a URL become three asterisks. */
static void put_word(struct text *out, const char *word)
{
    const char *authority = strstr(word, "://");
    const char *at = NULL;
    struct text safe;

    if (authority) {
        size_t bytes = strcspn(authority + 3, "/?#");

        at = memrchr(authority + 3, '@', bytes);
    }
    if (!at) {
        text_put_json(out, span_of_string(word));
        return;
    }
    text_init(&safe);
    text_put(&safe, word, (size_t)(authority + 3 - word));
    text_put_literal(&safe, "***");
    text_put_string(&safe, at);
    text_put_json(out, text_span(&safe));
    text_deinit(&safe);
}

static void put_argv(struct text *out, const struct report_run *run)
{
    text_put_literal(out, "\"argv\":[");
    for (int i = 0; i < run->argc; i++) {
        size_t prefix = secret_prefix(run, run->argv[i]);

        if (i)
            text_put_char(out, ',');
        if (i && is_secret_flag(run, run->argv[i - 1])) {
            text_put_literal(out, SECRET);
        } else if (prefix) {
            text_put_char(out, '"');
            text_put(out, run->argv[i], prefix);
            text_put_literal(out, "***\"");
        } else {
            put_word(out, run->argv[i]);
        }
    }
    text_put_char(out, ']');
}

static void put_load(struct text *out, const struct report_run *run)
{
    static const char *const modes[] = {
        [REPORT_LOAD_BATCH] = "batch", [REPORT_LOAD_CLOSED] = "closed", [REPORT_LOAD_OPEN] = "open"
    };

    text_put_format(out, ",\"load_mode\":\"%s\",\"planned_rate_per_s\":", modes[run->load]);
    if (run->load == REPORT_LOAD_OPEN)
        text_put_double(out, run->planned_rate_per_s);
    else
        text_put_literal(out, "null");
    text_put_char(out, ',');
    if (run->name) {
        text_put_literal(out, "\"name\":");
        text_put_json(out, span_of_string(run->name));
        text_put_char(out, ',');
    }
}

static void put_run(struct text *out, const struct report_run *run)
{
    struct utsname host = { 0 };

    (void)uname(&host); /* on failure the names are empty */
    text_put_literal(out, "\"run\":{\"verb\":");
    text_put_json(out, span_of_string(run->verb));
    text_put_char(out, ',');
    put_argv(out, run);
    text_put_literal(out, ",\"started_at\":");
    text_put_json(out, run->started_at);
    text_put_literal(out, ",\"host\":");
    text_put_json(out, span_of_string(host.nodename));
    text_put_literal(out, ",\"kernel\":");
    text_put_json(out, span_of_string(host.release));
    text_put_literal(out, ",\"machine\":");
    text_put_json(out, span_of_string(host.machine));
    text_put_literal(out, ",\"versions\":{\"haul\":\"" HAUL_VERSION "\"}");
    put_load(out, run);
    PUT_NUMBER(out, "concurrency", run->concurrency);
    text_put_char(out, ',');
    PUT_NUMBER(out, "max_per_origin", run->max_per_origin);
    text_put_format(out, ",\"private_daemon\":%s,\"interrupted\":%s}",
                    run->has_private_daemon ? "true" : "false",
                    run->is_interrupted ? "true" : "false");
}

static void put_summary(struct text *out, const struct tally *tally)
{
    uint64_t duration_ns = tally->end_ns - tally->start_ns;

    text_put_literal(out, ",\"summary\":{");
    PUT_NUMBER(out, "requests", tally->requests);
    text_put_char(out, ',');
    PUT_NUMBER(out, "ok", tally->ok);
    text_put_char(out, ',');
    PUT_NUMBER(out, "failed", tally->failed);
    text_put_char(out, ',');
    PUT_NUMBER(out, "skipped", tally->skipped);
    text_put_char(out, ',');
    PUT_NUMBER(out, "duration_ns", duration_ns);
    text_put_literal(out, ",\"rate_per_s\":");
    text_put_double(out, duration_ns ? (double)tally->requests * 1e9 / (double)duration_ns : 0);
    text_put_char(out, ',');
    PUT_NUMBER(out, "bytes", tally->bytes);
    text_put_char(out, ',');
    PUT_NUMBER(out, "waits_sum_ns", tally->waits_sum_ns);
    text_put_char(out, ',');
    PUT_NUMBER(out, "longest_ns", tally->longest_ns);
    text_put_literal(out, ",\"service\":");
    put_latency(out, &tally->service);
    text_put_literal(out, ",\"response\":");
    put_latency(out, &tally->response);
    text_put_literal(out, ",\"lateness\":");
    put_latency(out, &tally->lateness);
    text_put_literal(out, ",\"connections\":{");
    PUT_NUMBER(out, "new", tally->new_conns);
    text_put_char(out, ',');
    PUT_NUMBER(out, "reused", tally->reused_conns);
    text_put_literal(out, "}}");
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

static void put_statuses(struct text *out, const struct tally *tally)
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

static void put_errors(struct text *out, const struct tally *tally)
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

static void put_verdict(struct text *out, const struct tally *tally)
{
    struct verdict verdict;

    verdict_judge(tally, &verdict);
    text_put_format(out, ",\"verdict\":{\"state\":\"%s\",\"reasons\":[",
                    verdict_name(verdict.state));
    for (unsigned i = 0; i < verdict.reasons_count; i++) {
        if (i)
            text_put_char(out, ',');
        text_put_json(out, span_of_string(verdict.reasons[i]));
    }
    text_put_literal(out, "]}");
}

void report_write(struct text *out, const struct report_run *run, const struct tally *tally)
{
    text_put_literal(out, "{\"schema\":\"haul-report\",\"schemaVersion\":1,");
    put_run(out, run);
    put_summary(out, tally);
    text_put_literal(out, ",\"phases\":{");
    for (unsigned i = 0; i < TIMING_PHASES; i++) {
        text_put_format(out, "%s\"%s\":", i ? "," : "", phase_name(PHASE_QUEUE + i));
        put_latency(out, &tally->phases[i]);
    }
    text_put_literal(out, "},\"histograms\":{\"service\":");
    put_histogram(out, &tally->service);
    text_put_literal(out, ",\"response\":");
    put_histogram(out, &tally->response);
    text_put_literal(out, ",\"lateness\":");
    put_histogram(out, &tally->lateness);
    text_put_char(out, '}');
    put_series(out, tally);
    put_statuses(out, tally);
    put_errors(out, tally);
    put_verdict(out, tally);
    text_put_literal(out, "}\n");
}
