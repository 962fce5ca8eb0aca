/*
 * daemon_metrics.c - the figures of a daemon in the text format of Prometheus (0.0.4) or
 * OpenMetrics (1.0): one renderer, as they differ in the names of counters and in the last line.
 *
 * No label names a host: a host is data of users, and there may be a million of them.
 */
#include "daemon_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct metrics {
    FILE *out;
    bool is_open; /* OpenMetrics */
};

static void family(const struct metrics *m, const char *name, const char *type, const char *help)
{
    const char *suffix = strcmp(type, "counter") == 0 && !m->is_open ? "_total" : "";

    fprintf(m->out, "# HELP hauld_%s%s %s\n# TYPE hauld_%s%s %s\n", name, suffix, help, name,
            suffix, type);
}

static void counter(const struct metrics *m, const char *name, const char *help, uint64_t value)
{
    family(m, name, "counter", help);
    fprintf(m->out, "hauld_%s_total %" PRIu64 "\n", name, value);
}

static void gauge(const struct metrics *m, const char *name, const char *help, uint64_t value)
{
    family(m, name, "gauge", help);
    fprintf(m->out, "hauld_%s %" PRIu64 "\n", name, value);
}

static void seconds(const struct metrics *m, uint64_t ns)
{
    fprintf(m->out, "%" PRIu64 ".%09u", ns / 1000000000, (unsigned)(ns % 1000000000));
}

static void histogram(const struct metrics *m, const char *name, const char *help,
                      const struct stats_histogram *h)
{
    uint64_t count = 0;

    family(m, name, "histogram", help);
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        count += h->counts[i];
        if (i < STATS_BUCKETS - 1)
            fprintf(m->out, "hauld_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                    (double)stats_bucket_le_ns(i) / 1e9, count);
        else
            fprintf(m->out, "hauld_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    }
    fprintf(m->out, "hauld_%s_sum ", name);
    seconds(m, h->sum_ns);
    fprintf(m->out, "\nhauld_%s_count %" PRIu64 "\n", name, count);
}

static void put_items(const struct metrics *m, const struct daemon *d)
{
    const struct stats *s = &d->front.stats;

    counter(m, "items_accepted", "Items that clients submitted.", s->items_accepted);
    family(m, "items", "counter",
           "Items that ended, by how: error is empty for those that did well.");
    for (unsigned i = 0; i < FAULT_CODE_COUNT; i++)
        if (i == FAULT_NONE)
            fprintf(m->out, "hauld_items_total{error=\"\"} %" PRIu64 "\n", s->items_ended[i]);
        else if (s->items_ended[i])
            fprintf(m->out, "hauld_items_total{error=\"%s/%s\"} %" PRIu64 "\n",
                    fault_domain((enum fault_code)i), fault_name((enum fault_code)i),
                    s->items_ended[i]);
    family(m, "responses", "counter", "Last answers of items, by class of their status.");
    for (unsigned i = 1; i < 6; i++)
        fprintf(m->out, "hauld_responses_total{class=\"%uxx\"} %" PRIu64 "\n", i, s->statuses[i]);
    counter(m, "redirects", "Redirects that were followed.", s->redirects);
    counter(m, "retries", "Attempts made because of how the one before ended.", s->retries);
    counter(m, "attempts",
            "Attempts of items, those that wait for their turn at an origin included.",
            d->engine.counters.started);
    counter(m, "received_body_bytes", "Bytes of bodies, as received, of items that ended.",
            s->wire_bytes);
    counter(m, "incoming_body_bytes", "Bytes of bodies of all attempts, counted as they come.",
            d->engine.env.body_bytes);
    histogram(m, "item_duration_seconds",
              "From the planned time of an item, or its acceptance, to its result.", &s->item_time);
}

static void put_state(const struct metrics *m, const struct daemon *d)
{
    const struct pool *pool = &d->engine.pool;

    gauge(m, "clients", "Connected clients.", d->sessions.count);
    gauge(m, "items_in_flight", "Items that were accepted and have not ended.",
          d->front.items.count);
    gauge(m, "origins", "Origins in use, or remembered for a rate or a pause.",
          d->engine.governor.origins_count);
    family(m, "connections", "gauge", "Outbound connections.");
    fprintf(m->out, "hauld_connections{state=\"busy\"} %u\n", pool->leased_count);
    fprintf(m->out, "hauld_connections{state=\"idle\"} %u\n", pool->idle_count);
    fprintf(m->out, "hauld_connections{state=\"dialing\"} %u\n", pool->dialing_count);
    gauge(m, "connections_max", "Outbound connections there may be.", d->conns_max);
    gauge(m, "draining", "1: nothing new is accepted.", d->draining);
}

static void put_engine_room(const struct metrics *m, const struct daemon *d)
{
    const struct resolve_counters *dns = resolve_counters(d->resolve);
    const struct ring_counters *ring = ring_counters(d->ring);

    counter(m, "dns_lookups", "Names looked up.", dns->lookups);
    counter(m, "dns_cache_hits", "Of these, answered by the cache.", dns->cache_hits);
    counter(m, "dns_questions", "Questions put to DNS servers.", dns->questions);
    counter(m, "dns_failures", "Of these, ended by no answer.", dns->failures);
    counter(m, "ring_turns", "Turns of the event loop.", ring->turns);
    counter(m, "ring_enters", "Calls of io_uring_enter.", ring->enters);
    counter(m, "ring_sqes", "Operations submitted to the kernel.", ring->sqes);
    counter(m, "ring_cqes", "Completions that came back.", ring->cqes);
    counter(m, "ring_starved_receives", "Receives that had to wait for a buffer.", ring->starved);
    counter(m, "ring_cq_overflows", "Completions that came late, for want of room.",
            ring->cq_overflows);
    counter(m, "ring_lost_completions", "Completions that never came.", ring->lost_completions);
}

char *daemon_metrics(void *ctx, bool is_open, size_t *ret_bytes)
{
    const struct daemon *d = ctx;
    char *text = NULL;
    struct metrics m = { .out = open_memstream(&text, ret_bytes), .is_open = is_open };

    if (!m.out)
        return NULL;
    family(&m, "build_info", "gauge", "Which hauld this is.");
    fprintf(m.out, "hauld_build_info{version=\"%s\"} 1\n", HAUL_VERSION);
    family(&m, "uptime_seconds", "gauge", "Since it began.");
    fprintf(m.out, "hauld_uptime_seconds ");
    seconds(&m, ring_clock_ns(d->ring) - d->started_ns);
    fprintf(m.out, "\n");
    put_state(&m, d);
    put_items(&m, d);
    put_engine_room(&m, d);
    if (is_open)
        fprintf(m.out, "# EOF\n");
    if (fclose(m.out) != 0) { /* out of memory */
        free(text);
        text = NULL;
    }
    return text;
}
