/*
 * top_sample.c - the lines of OpenMetrics and the objects of JSON that haul top knows; all others
 * are passed over, so that a newer daemon can be looked at too.
 */
#include "top_sample.h"

#include <stdio.h>
#include <stdlib.h>

#define NUMBER_BYTES_MAX 32u

static const struct {
    const char *series;
    size_t offset;
} figures[] = {
#define FIGURE(name, member)                                                                       \
    {                                                                                              \
        name, offsetof(struct top_sample, member)                                                  \
    }
    FIGURE("hauld_attempts_total", attempts),
    FIGURE("hauld_redirects_total", redirects),
    FIGURE("hauld_retries_total", retries),
    FIGURE("hauld_incoming_body_bytes_total", body_bytes),
    FIGURE("hauld_items_total{error=\"\"}", items_ok),
    FIGURE("hauld_responses_total{class=\"1xx\"}", statuses[0]),
    FIGURE("hauld_responses_total{class=\"2xx\"}", statuses[1]),
    FIGURE("hauld_responses_total{class=\"3xx\"}", statuses[2]),
    FIGURE("hauld_responses_total{class=\"4xx\"}", statuses[3]),
    FIGURE("hauld_responses_total{class=\"5xx\"}", statuses[4]),
    FIGURE("hauld_clients", clients),
    FIGURE("hauld_items_in_flight", items_in_flight),
    FIGURE("hauld_connections{state=\"busy\"}", conns_busy),
    FIGURE("hauld_connections{state=\"idle\"}", conns_idle),
    FIGURE("hauld_connections{state=\"dialing\"}", conns_dialing),
    FIGURE("hauld_connections_max", conns_max),
    FIGURE("hauld_origins", origins_known),
    FIGURE("hauld_draining", draining),
};

/* What lies between prefix and suffix. */
static bool cut(struct span text, const char *prefix, const char *suffix, struct span *ret_middle)
{
    size_t before = strlen(prefix), after = strlen(suffix);

    if (text.bytes < before + after || memcmp(text.data, prefix, before) != 0 ||
        memcmp(text.data + text.bytes - after, suffix, after) != 0)
        return false;
    *ret_middle = span_of(text.data + before, text.bytes - before - after);
    return true;
}

static double number_of(struct span text)
{
    char number[NUMBER_BYTES_MAX] = "";

    if (text.bytes < sizeof(number))
        memcpy(number, text.data, text.bytes);
    return strtod(number, NULL);
}

static void take_error(struct top_sample *sample, struct span name, uint64_t count)
{
    struct top_error *error = &sample->errors[sample->errors_count];

    if (sample->errors_count == TOP_ERRORS_MAX)
        return;
    (void)snprintf(error->name, sizeof(error->name), "%.*s", (int)name.bytes, name.data);
    error->count = count;
    sample->errors_count++;
}

static void take_bucket(struct top_sample *sample, struct span le, uint64_t count)
{
    if (sample->buckets_count < TOP_BUCKETS_MAX)
        sample->buckets[sample->buckets_count++] =
            (struct top_bucket){ .le_s = number_of(le), .count = count };
}

/* A counter is a whole number; what is none is none of ours. */
static uint64_t count_of(struct span text)
{
    double number = number_of(text);

    return number >= 0 && number < 0x1p63 ? (uint64_t)number : 0;
}

static void take_series(struct top_sample *sample, struct span series, struct span value)
{
    struct span label;

    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        if (!span_equals(series, span_of_string(figures[i].series)))
            continue;
        *(uint64_t *)(void *)((char *)sample + figures[i].offset) = count_of(value);
        return;
    }
    if (cut(series, "hauld_items_total{error=\"", "\"}", &label))
        take_error(sample, label, count_of(value));
    else if (cut(series, "hauld_item_duration_seconds_bucket{le=\"", "\"}", &label))
        take_bucket(sample, label, count_of(value));
}

static void take_metrics(struct top_sample *sample, struct span text)
{
    while (text.bytes) {
        const char *end = memchr(text.data, '\n', text.bytes);
        struct span line = span_of(text.data, end ? (size_t)(end - text.data) : text.bytes);
        const char *blank = memrchr(line.data, ' ', line.bytes);

        span_advance(&text, line.bytes + (end ? 1 : 0));
        if (line.bytes && line.data[0] != '#' && blank)
            take_series(sample, span_of(line.data, (size_t)(blank - line.data)),
                        span_of(blank + 1, line.bytes - (size_t)(blank - line.data) - 1));
    }
}

static uint64_t number(yyjson_val *object, const char *key)
{
    return yyjson_get_uint(yyjson_obj_get(object, key));
}

static void copy(char *out, size_t room, yyjson_val *object, const char *key)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, key));

    (void)snprintf(out, room, "%s", text ? text : "");
}

static int busier_first(const void *a, const void *b)
{
    const struct top_origin *one = a, *other = b;

    if (one->active + one->waiting != other->active + other->waiting)
        return one->active + one->waiting > other->active + other->waiting ? -1 : 1;
    return strcmp(one->name, other->name);
}

static bool take_origins(struct top_sample *sample, yyjson_val *list)
{
    yyjson_arr_iter all;
    yyjson_val *row;

    sample->origins = calloc(yyjson_arr_size(list) + 1, sizeof(*sample->origins));
    if (!sample->origins)
        return false;
    yyjson_arr_iter_init(list, &all);
    while ((row = yyjson_arr_iter_next(&all))) {
        struct top_origin *origin = &sample->origins[sample->origins_count++];

        copy(origin->name, sizeof(origin->name), row, "origin");
        origin->active = number(row, "active");
        origin->waiting = number(row, "waiting");
        origin->active_max = number(row, "active_max");
        origin->rate_per_s = yyjson_get_real(yyjson_obj_get(row, "rate_per_s"));
        origin->cooling_ns = number(row, "cooling_ns");
    }
    if (sample->origins_count)
        qsort(sample->origins, sample->origins_count, sizeof(*sample->origins), busier_first);
    return true;
}

bool top_sample_read(struct top_sample *sample, yyjson_val *describe, struct span metrics,
                     yyjson_val *origins, enum top_origins origins_are)
{
    *sample = (struct top_sample){
        .pid = number(describe, "pid"),
        .uptime_ns = number(describe, "uptime_ns"),
        .origins_are = origins ? TOP_ORIGINS_SHOWN : origins_are,
    };
    copy(sample->version, sizeof(sample->version), describe, "version");
    take_metrics(sample, metrics);
    sample->origins_cut = yyjson_is_false(yyjson_obj_get(origins, "complete"));
    if (sample->uptime_ns && sample->buckets_count &&
        (!origins || take_origins(sample, yyjson_obj_get(origins, "origins"))))
        return true;
    top_sample_deinit(sample);
    return false;
}

void top_sample_deinit(struct top_sample *sample)
{
    free(sample->origins);
    *sample = (struct top_sample){ 0 };
}

uint64_t top_sample_failed(const struct top_sample *sample)
{
    uint64_t failed = 0;

    for (unsigned i = 0; i < sample->errors_count; i++)
        failed += sample->errors[i].count;
    return failed;
}
