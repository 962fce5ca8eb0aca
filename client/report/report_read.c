/*
 * report_read.c - JSON to sums.
 *
 * Histograms come back from their buckets, so a quantile is the same as before; the exact least,
 * greatest, mean and deviation from the figures beside them.
 */
#include "report_read.h"

#include "hdr_code.h"
#include "slurp.h"
#include "why.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <yyjson.h>

#define FILE_BYTES_MAX (256u << 20)

/* ---- values, missing ones as nothing ---- */

static uint64_t number(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);

    return yyjson_is_uint(value) ? yyjson_get_uint(value) : 0;
}

static double real(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);

    return yyjson_is_num(value) ? yyjson_get_num(value) : 0;
}

static const char *string(yyjson_val *object, const char *key, const char *otherwise)
{
    const char *value = yyjson_get_str(yyjson_obj_get(object, key));

    return value ? value : otherwise;
}

static bool truth(yyjson_val *object, const char *key)
{
    return yyjson_get_bool(yyjson_obj_get(object, key));
}

/* ---- histograms ---- */

static bool restore(struct histogram *h, yyjson_val *latency)
{
    const struct histogram_exact exact = { .min_ns = number(latency, "min_ns"),
                                           .max_ns = number(latency, "max_ns"),
                                           .mean_ns = real(latency, "mean_ns"),
                                           .stdev_ns = real(latency, "stdev_ns") };

    return h->count == number(latency, "count") &&
           (h->count == 0 || histogram_set_exact(h, &exact));
}

static bool read_buckets(struct histogram *h, yyjson_val *buckets, yyjson_val *latency)
{
    yyjson_val *bucket;
    yyjson_arr_iter all;

    yyjson_arr_iter_init(buckets, &all);
    while ((bucket = yyjson_arr_iter_next(&all)))
        if (histogram_record_count(h, number(bucket, "ge_ns"), number(bucket, "count")) < 0)
            return false;
    return restore(h, latency);
}

/* One that has its values with it; a file of before has not, and is left empty. */
static bool read_whole(struct histogram *h, yyjson_val *latency)
{
    const char *hdr = string(latency, "hdr", NULL);

    if (!hdr)
        return true;
    return hdr_decode(span_of_string(hdr), h) == 0 && restore(h, latency);
}

/* ---- the parts ---- */

static enum report_load load_of(const char *name)
{
    for (unsigned load = 0; load < REPORT_LOAD_COUNT; load++)
        if (strcmp(name, report_load_name(load)) == 0)
            return load;
    return REPORT_LOAD_BATCH;
}

static bool state_of(const char *name, enum verdict_state *ret_state)
{
    for (unsigned state = VERDICT_VALID; state <= VERDICT_INVALID; state++)
        if (strcmp(name, verdict_name(state)) == 0) {
            *ret_state = state;
            return true;
        }
    return false;
}

static double seconds_of(const char *time)
{
    struct tm tm = { 0 };
    const char *rest = strptime(time, "%Y-%m-%dT%H:%M:%S", &tm);

    return rest ? (double)timegm(&tm) + (*rest == '.' ? strtod(rest, NULL) : 0) : 0;
}

static size_t read_words(const char **words, yyjson_val *array)
{
    yyjson_arr_iter all;
    yyjson_val *word;
    size_t count = 0;

    yyjson_arr_iter_init(array, &all);
    while ((word = yyjson_arr_iter_next(&all)))
        if (yyjson_is_str(word))
            words[count++] = yyjson_get_str(word);
    return count;
}

static bool read_run(struct report_file *file, yyjson_val *run)
{
    yyjson_val *argv = yyjson_obj_get(run, "argv"), *slo = yyjson_obj_get(run, "slo");
    struct report *report = &file->report;

    file->words = calloc(yyjson_arr_size(argv) + yyjson_arr_size(slo) + 1, sizeof(*file->words));
    if (!file->words)
        return false;
    *report = (struct report){
        .verb = string(run, "verb", ""),
        .name = string(run, "name", NULL),
        .started_at = string(run, "started_at", ""),
        .host = string(run, "host", ""),
        .kernel = string(run, "kernel", ""),
        .machine = string(run, "machine", ""),
        .version = string(yyjson_obj_get(run, "versions"), "haul", ""),
        .target = span_of_string(string(run, "target", "")),
        .targets_count = (size_t)number(run, "targets"),
        .load = load_of(string(run, "load_mode", "")),
        .is_poisson = strcmp(string(run, "arrival", ""), "poisson") == 0,
        .is_fresh_conn = truth(run, "fresh_conn"),
        .planned_rate_per_s = real(run, "planned_rate_per_s"),
        .duration_ns = number(run, "duration_ns"),
        .requests_max = number(run, "requests_max"),
        .concurrency = (uint32_t)number(run, "concurrency"),
        .max_per_origin = (uint32_t)number(run, "max_per_origin"),
        .rate = string(run, "rate", NULL),
        .rate_per_origin = string(run, "rate_per_origin", NULL),
        .has_private_daemon = truth(run, "private_daemon"),
        .is_interrupted = truth(run, "interrupted"),
    };
    report->started_s = seconds_of(report->started_at);
    report->argv = file->words;
    report->argc = read_words(file->words, argv);
    report->slo = file->words + report->argc;
    report->slo_count = read_words(file->words + report->argc, slo);
    return true;
}

static void read_reached(struct report_file *file, yyjson_val *load)
{
    yyjson_val *before = yyjson_obj_get(load, "before");

    file->tally.cpu_share_max = real(load, "cpu_share_max");
    file->tally.cpu_waited = real(load, "cpu_waited");
    file->tally.load = (struct tally_load){ .asked_per_s = real(load, "asked_per_s"),
                                            .reached_per_s = real(load, "reached_per_s"),
                                            .slots_exhausted = truth(load, "slots_exhausted") };
    file->report.not_begun = number(load, "not_begun");
    file->report.lead_in.requests = number(before, "requests");
    file->report.lead_in.failed = number(before, "failed");
    file->report.lead_in.p50_ns = number(before, "service_p50_ns");
}

static void read_summary(struct report_file *file, yyjson_val *summary)
{
    yyjson_val *connections = yyjson_obj_get(summary, "connections");
    yyjson_val *held = yyjson_obj_get(summary, "held_by");
    struct tally *tally = &file->tally;

    tally->end_ns = tally->start_ns + number(summary, "duration_ns");
    tally->requests = number(summary, "requests");
    tally->ok = number(summary, "ok");
    tally->failed = number(summary, "failed");
    tally->good = number(summary, "good");
    tally->skipped = number(summary, "skipped");
    tally->bytes = number(summary, "bytes");
    tally->waits_sum_ns = number(summary, "waits_sum_ns");
    tally->longest_ns = number(summary, "longest_ns");
    tally->new_conns = number(connections, "new");
    tally->reused_conns = number(connections, "reused");
    for (unsigned cap = 1; cap < WIRE_CAP_COUNT; cap++)
        tally->held[cap] = number(held, tally_cap_name(cap));
    read_reached(file, yyjson_obj_get(summary, "load"));
}

/* Of a file that does not count good answers: what its statuses say. */
static void infer_good(struct tally *tally)
{
    uint64_t bad = 0;

    for (unsigned status = 400; status < TALLY_STATUS_MAX; status++)
        bad += tally->status[status];
    tally->good = tally->ok > bad ? tally->ok - bad : 0;
    for (size_t i = 0; i < tally->seconds_count; i++)
        tally->seconds[i].good = tally->seconds[i].requests - tally->seconds[i].failed;
}

static bool read_histograms(struct tally *tally, yyjson_val *root)
{
    yyjson_val *summary = yyjson_obj_get(root, "summary");
    yyjson_val *histograms = yyjson_obj_get(root, "histograms");
    yyjson_val *phases = yyjson_obj_get(root, "phases");
    yyjson_val *kernel = yyjson_obj_get(root, "kernel");

    tally->retransmits = number(kernel, "retransmits");
    if (!read_whole(&tally->rtt, yyjson_obj_get(kernel, "rtt")))
        return false;
    for (unsigned i = 0; i < TIMING_PHASES; i++)
        if (!read_whole(&tally->phases[i], yyjson_obj_get(phases, phase_name(PHASE_QUEUE + i))))
            return false;
    return read_buckets(&tally->service, yyjson_obj_get(histograms, "service"),
                        yyjson_obj_get(summary, "service")) &&
           read_buckets(&tally->response, yyjson_obj_get(histograms, "response"),
                        yyjson_obj_get(summary, "response")) &&
           read_buckets(&tally->lateness, yyjson_obj_get(histograms, "lateness"),
                        yyjson_obj_get(summary, "lateness"));
}

static bool read_series(struct tally *tally, yyjson_val *series)
{
    size_t count = yyjson_arr_size(series);
    yyjson_arr_iter all;
    yyjson_val *row;

    if (count == 0)
        return true;
    tally->seconds = calloc(count, sizeof(*tally->seconds));
    if (!tally->seconds)
        return false;
    tally->seconds_capacity = count;
    yyjson_arr_iter_init(series, &all);
    while ((row = yyjson_arr_iter_next(&all))) {
        const char *hdr = string(row, "response_hdr", NULL);
        struct tally_second *second = &tally->seconds[tally->seconds_count++];

        *second = (struct tally_second){ .requests = number(row, "requests"),
                                         .failed = number(row, "failed"),
                                         .good = number(row, "good"),
                                         .bytes = number(row, "bytes"),
                                         .p50_ns = number(row, "response_p50_ns"),
                                         .p99_ns = number(row, "response_p99_ns"),
                                         .max_ns = number(row, "response_max_ns"),
                                         .response_hdr = hdr ? strdup(hdr) : NULL };
        if (hdr && !second->response_hdr)
            return false;
    }
    return true;
}

static void read_counts(struct tally *tally, yyjson_val *root)
{
    yyjson_val *errors = yyjson_obj_get(root, "errors"), *error;
    yyjson_val *statuses = yyjson_obj_get(root, "status");
    yyjson_arr_iter all;

    for (unsigned status = 1; status < TALLY_STATUS_MAX; status++) {
        char key[] = { (char)('0' + status / 100), (char)('0' + status / 10 % 10),
                       (char)('0' + status % 10), '\0' };

        tally->status[status] = number(statuses, key);
    }
    yyjson_arr_iter_init(errors, &all);
    while ((error = yyjson_arr_iter_next(&all))) {
        unsigned code = fault_of_name(string(error, "domain", ""), string(error, "code", ""));
        struct tally_error *row = &tally->errors[code];

        row->count += number(error, "count");
        (void)strncpy(row->example, string(error, "example", ""), sizeof(row->example) - 1);
    }
}

static void read_row(struct waterfall_row *row, yyjson_val *json, uint64_t start_ns)
{
    const char *error = string(json, "error", NULL);
    const char *slash = error ? strchr(error, '/') : NULL;
    yyjson_val *phases = yyjson_obj_get(json, "phases_ns");
    char domain[16] = "";

    *row = (struct waterfall_row){ .number = number(json, "number"),
                                   .start_ns = start_ns + number(json, "start_ns"),
                                   .response_ns = number(json, "response_ns"),
                                   .status = (uint16_t)number(json, "status") };
    (void)strncpy(row->name, string(json, "url", ""), sizeof(row->name) - 1);
    for (unsigned i = 0; i < TIMING_PHASES; i++)
        row->phase_ns[i] = yyjson_get_uint(yyjson_arr_get(phases, i));
    if (slash && (size_t)(slash - error) < sizeof(domain)) {
        memcpy(domain, error, (size_t)(slash - error));
        row->fault = (uint16_t)fault_of_name(domain, slash + 1);
    }
}

static bool read_waterfall(struct tally *tally, yyjson_val *waterfall)
{
    yyjson_arr_iter all;
    yyjson_val *json;

    if (!waterfall)
        return true;
    tally->waterfall = calloc(1, sizeof(*tally->waterfall));
    if (!tally->waterfall)
        return false;
    yyjson_arr_iter_init(yyjson_obj_get(waterfall, "first"), &all);
    while ((json = yyjson_arr_iter_next(&all)) &&
           tally->waterfall->first_count < WATERFALL_FIRST_MAX)
        read_row(&tally->waterfall->first[tally->waterfall->first_count++], json, tally->start_ns);
    yyjson_arr_iter_init(yyjson_obj_get(waterfall, "slowest"), &all);
    while ((json = yyjson_arr_iter_next(&all)) &&
           tally->waterfall->slowest_count < WATERFALL_SLOWEST_MAX)
        read_row(&tally->waterfall->slowest[tally->waterfall->slowest_count++], json,
                 tally->start_ns);
    return true;
}

static enum groups_by by_of(const char *name)
{
    for (unsigned by = GROUPS_BY_URL; by <= GROUPS_BY_STATUS; by++)
        if (strcmp(name, groups_by_name(by)) == 0)
            return by;
    return GROUPS_BY_NONE;
}

static bool read_groups(struct tally *tally, yyjson_val *groups)
{
    yyjson_arr_iter all;
    yyjson_val *row;

    tally->groups.by = by_of(string(groups, "by", ""));
    if (tally->groups.by == GROUPS_BY_NONE)
        return true;
    yyjson_arr_iter_init(yyjson_obj_get(groups, "rows"), &all);
    while ((row = yyjson_arr_iter_next(&all))) {
        struct group *group = groups_at(&tally->groups, span_of_string(string(row, "name", "")));

        if (!group || group->requests ||
            !read_whole(&group->response, yyjson_obj_get(row, "response")))
            return false;
        group->requests = number(row, "requests");
        group->failed = number(row, "failed");
        group->bytes = number(row, "bytes");
    }
    return true;
}

static bool read_verdict(struct verdict *verdict, yyjson_val *json)
{
    yyjson_val *reason;
    yyjson_arr_iter all;

    if (!state_of(string(json, "state", ""), &verdict->state))
        return false;
    yyjson_arr_iter_init(yyjson_obj_get(json, "reasons"), &all);
    while ((reason = yyjson_arr_iter_next(&all)) && verdict->reasons_count < VERDICT_REASONS_MAX)
        if (yyjson_is_str(reason))
            (void)strncpy(verdict->reasons[verdict->reasons_count++], yyjson_get_str(reason),
                          VERDICT_REASON_BYTES - 1);
    return true;
}

/* ---- the whole ---- */

static bool counts_agree(const struct tally *tally)
{
    uint64_t answers = 0, errors = 0;

    for (unsigned status = 1; status < TALLY_STATUS_MAX; status++)
        answers += tally->status[status];
    for (unsigned code = 0; code < FAULT_CODE_COUNT; code++)
        errors += tally->errors[code].count;
    return tally->requests == tally->ok + tally->failed && errors == tally->failed &&
           tally->good <= tally->ok && answers <= tally->requests &&
           tally->response.count <= tally->requests;
}

static const char *read_root(struct report_file *file, yyjson_val *root)
{
    if (strcmp(string(root, "schema", ""), "haul-report") != 0)
        return "this is no report of haul: --report FILE.json and `haul bench --save` write them";
    if (number(root, "schemaVersion") != 1)
        return "it was written by a newer haul, in a form that this one does not know";
    if (!yyjson_is_obj(yyjson_obj_get(root, "summary")) ||
        !read_run(file, yyjson_obj_get(root, "run")))
        return "a part of it is missing";
    file->report.tally = &file->tally;
    read_summary(file, yyjson_obj_get(root, "summary"));
    read_counts(&file->tally, root);
    if (!read_verdict(&file->report.verdict, yyjson_obj_get(root, "verdict")))
        return "it has no verdict that this haul knows";
    if (!read_histograms(&file->tally, root) ||
        !read_series(&file->tally, yyjson_obj_get(root, "timeseries")) ||
        !read_waterfall(&file->tally, yyjson_obj_get(root, "waterfall")) ||
        !read_groups(&file->tally, yyjson_obj_get(root, "groups")))
        return "its histograms do not agree with its figures: it was changed, or is not whole";
    if (!yyjson_obj_get(yyjson_obj_get(root, "summary"), "good"))
        infer_good(&file->tally);
    if (!counts_agree(&file->tally))
        return "its counts contradict each other: it was changed, or is not whole";
    return NULL;
}

bool report_read(struct report_file *file, const char *path, char **ret_why)
{
    yyjson_read_err error = { 0 };
    const char *why;
    struct text text;
    int r;

    *file = (struct report_file){ 0 };
    tally_init(&file->tally, 0, NULL);
    text_init(&text);
    r = slurp(path, FILE_BYTES_MAX, &text);
    if (r == 0)
        file->document = yyjson_read_opts(text.data, text.bytes, 0, NULL, &error);
    text_deinit(&text);
    if (r < 0)
        return why_fail(ret_why, "%s: %s", path, strerror(-r));
    if (!file->document)
        return why_fail(ret_why, "%s: not JSON: %s, at byte %zu", path, error.msg, error.pos);
    why = read_root(file, yyjson_doc_get_root(file->document));
    return !why || why_fail(ret_why, "%s: %s", path, why);
}

void report_read_deinit(struct report_file *file)
{
    tally_deinit(&file->tally);
    free((void *)file->words);
    yyjson_doc_free(file->document);
}
