/*
 * tally.c - the sums of a run.
 *
 * "Waits" are what a client that fetched one by one would have waited for: from leaving the queue
 * to the delivery, of every item, added up. The sum over-estimates the one-by-one time of a server
 * that queues by itself.
 */
#include "tally.h"

#include "hdr_code.h"
#include "record.h"

#include <stdio.h>
#include <stdlib.h>

#define NS_PER_SECOND 1000000000ull

void tally_init(struct tally *tally, uint64_t start_ns, const struct tally_options *options)
{
    static const struct tally_options none = { 0 };

    if (!options)
        options = &none;
    *tally = (struct tally){ .start_ns = start_ns,
                             .end_ns = start_ns,
                             .has_series = options->has_series };
    if (options->has_waterfall) {
        tally->waterfall = calloc(1, sizeof(*tally->waterfall));
        tally->failed_memory = !tally->waterfall;
    }
    groups_init(&tally->groups, options->by);
    histogram_init(&tally->service);
    histogram_init(&tally->response);
    histogram_init(&tally->lateness);
    histogram_init(&tally->second);
    histogram_init(&tally->rtt);
    for (size_t i = 0; i < TIMING_PHASES; i++)
        histogram_init(&tally->phases[i]);
}

void tally_deinit(struct tally *tally)
{
    histogram_deinit(&tally->service);
    histogram_deinit(&tally->response);
    histogram_deinit(&tally->lateness);
    histogram_deinit(&tally->second);
    histogram_deinit(&tally->rtt);
    for (size_t i = 0; i < TIMING_PHASES; i++)
        histogram_deinit(&tally->phases[i]);
    for (size_t i = 0; i < tally->seconds_count; i++)
        free(tally->seconds[i].response_hdr);
    free(tally->seconds);
    tally->seconds = NULL;
    tally->seconds_count = tally->seconds_capacity = 0;
    free(tally->waterfall);
    tally->waterfall = NULL;
    groups_deinit(&tally->groups);
}

static void tally_record(struct tally *tally, struct histogram *histogram, uint64_t value_ns)
{
    if (histogram_record(histogram, value_ns) < 0)
        tally->failed_memory = true;
}

static void tally_add_error(struct tally *tally, const struct outcome *item)
{
    struct tally_error *error = &tally->errors[item->fault.code % FAULT_CODE_COUNT];
    struct text url;

    if (error->count++ == 0) {
        text_init(&url);
        record_put_effective_url(&url, item->url); /* no password in a summary */
        (void)snprintf(error->example, sizeof(error->example), "%.*s%s%.*s",
                       (int)item->message.bytes, item->message.data, url.bytes ? ": " : "",
                       (int)url.bytes, url.data);
        text_deinit(&url);
    }
    if (item->fault.code == FAULT_LOCAL_NO_DESCRIPTORS ||
        item->fault.code == FAULT_LOCAL_NO_PORTS || item->fault.code == FAULT_LOCAL_NO_MEMORY)
        tally->local_faults++;
}

static void tally_keep_second(struct tally *tally, struct tally_second *row)
{
    struct text text;

    text_init(&text);
    (void)hdr_encode(&tally->second, &text); /* a failure stays in text */
    text_put_char(&text, '\0');
    if (text.failed) {
        tally->failed_memory = true;
        text_deinit(&text);
        return;
    }
    row->response_hdr = text.data;
}

static void tally_close_second(struct tally *tally)
{
    struct tally_second *row;

    if (tally->seconds_count == 0)
        return;
    row = &tally->seconds[tally->seconds_count - 1];
    row->p50_ns = histogram_quantile(&tally->second, 0.5);
    row->p99_ns = histogram_quantile(&tally->second, 0.99);
    row->max_ns = tally->second.count ? tally->second.max_ns : 0;
    if (tally->second.count && !row->response_hdr)
        tally_keep_second(tally, row);
}

/* The row of a moment; items come in the order they ended, nearly, so only the last row is open. */
static struct tally_second *tally_second_at(struct tally *tally, uint64_t now_ns)
{
    uint64_t index = now_ns > tally->start_ns ? (now_ns - tally->start_ns) / NS_PER_SECOND : 0;

    if (index >= TALLY_SECONDS_MAX)
        index = TALLY_SECONDS_MAX - 1;
    while (tally->seconds_count <= index) {
        if (tally->seconds_count == tally->seconds_capacity) {
            size_t capacity = tally->seconds_capacity ? tally->seconds_capacity * 2 : 64;
            struct tally_second *seconds =
                realloc(tally->seconds, capacity * sizeof(*tally->seconds));

            if (!seconds) {
                tally->failed_memory = true;
                return NULL;
            }
            tally->seconds = seconds;
            tally->seconds_capacity = capacity;
        }
        tally_close_second(tally);
        histogram_deinit(&tally->second);
        histogram_init(&tally->second);
        tally->seconds[tally->seconds_count++] = (struct tally_second){ 0 };
    }
    return &tally->seconds[tally->seconds_count - 1];
}

/* A status that -f made a fault of is an answer all the same. */
static bool is_whole(const struct outcome *item)
{
    return item->is_ok || item->fault.code == FAULT_HTTP_STATUS;
}

static bool is_good(const struct outcome *item)
{
    return item->is_ok && item->result->status < 400;
}

static void tally_add_series(struct tally *tally, const struct outcome *item, uint64_t end_ns)
{
    struct tally_second *row = tally_second_at(tally, end_ns);

    if (!row)
        return;
    row->requests++;
    row->failed += !item->is_ok;
    row->good += is_good(item);
    row->bytes += item->result->body_bytes;
    tally_record(tally, &tally->second, item->timing.response_ns);
}

static void tally_add_times(struct tally *tally, const struct outcome *item)
{
    const struct timing *t = &item->timing;
    uint64_t wait_ns = t->response_ns - t->phase_ns[PHASE_QUEUE - PHASE_QUEUE];

    if (t->service_ns)
        tally_record(tally, &tally->service, t->service_ns);
    tally_record(tally, &tally->response, t->response_ns);
    for (size_t i = 0; i < TIMING_PHASES; i++)
        tally_record(tally, &tally->phases[i], t->phase_ns[i]);
    tally->waits_sum_ns += wait_ns;
    if (wait_ns > tally->longest_ns)
        tally->longest_ns = wait_ns;
}

void tally_add(struct tally *tally, const struct outcome *item)
{
    const struct wire_result *result = item->result;
    uint64_t end_ns = result->t0_ns + item->timing.response_ns;

    tally->requests++;
    tally->ok += item->is_ok;
    tally->failed += !item->is_ok;
    tally->skipped += item->is_skipped;
    tally->bytes += result->body_bytes;
    tally->good += is_good(item);
    if (is_whole(item) && result->status && result->status < TALLY_STATUS_MAX)
        tally->status[result->status]++;
    if (result->held_by && result->held_by < WIRE_CAP_COUNT)
        tally->held[result->held_by]++;
    if (result->rtt_us)
        tally_record(tally, &tally->rtt, (uint64_t)result->rtt_us * 1000);
    tally->retransmits += result->retransmits;
    if (result->flags & WIRE_RESULT_REUSED)
        tally->reused_conns++;
    else if (result->remote_family && result->sent_ns != WIRE_NOT_REACHED)
        tally->new_conns++;
    if (!item->is_ok)
        tally_add_error(tally, item);
    if (item->fault.phase != PHASE_INPUT && !item->is_skipped)
        tally_add_times(tally, item);
    if (end_ns > tally->end_ns)
        tally->end_ns = end_ns;
    if (item->is_skipped)
        return;
    if (tally->has_series)
        tally_add_series(tally, item, end_ns);
    if (tally->waterfall)
        waterfall_add(tally->waterfall, item);
    if (tally->groups.by != GROUPS_BY_NONE)
        groups_add(&tally->groups, item);
}

void tally_add_batch(struct tally *tally, const struct wire_batch_done *done)
{
    tally->daemon.receives += done->receives;
    tally->daemon.starved += done->starved;
    tally->daemon.cq_overflows += done->cq_overflows;
    tally->daemon.lost_completions += done->lost_completions;
}

void tally_finish(struct tally *tally)
{
    tally_close_second(tally);
}

const char *tally_cap_name(enum wire_cap cap)
{
    static const char *const names[WIRE_CAP_COUNT] = {
        [WIRE_CAP_CONCURRENCY] = "concurrency",
        [WIRE_CAP_PER_ORIGIN] = "per_origin",
        [WIRE_CAP_PER_ORIGIN_TOTAL] = "per_origin_total",
        [WIRE_CAP_CONNECTIONS] = "connections",
        [WIRE_CAP_RATE] = "rate",
        [WIRE_CAP_RATE_PER_ORIGIN] = "rate_per_origin",
        [WIRE_CAP_COOLING] = "cooling",
        [WIRE_CAP_RATE_PER_ORIGIN_TOTAL] = "rate_per_origin_total",
    };

    return names[cap];
}
