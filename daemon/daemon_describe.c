/*
 * daemon_describe.c - what io.haul.Manager.Describe tells of the daemon.
 */
#include "daemon_internal.h"

#include <unistd.h>

static void describe_ring(const struct daemon *d, yyjson_mut_doc *doc, yyjson_mut_val *out)
{
    const struct ring_counters *c = ring_counters(d->ring);
    yyjson_mut_val *ring = yyjson_mut_obj_add_obj(doc, out, "ring");

    yyjson_mut_obj_add_strcpy(doc, ring, "tier", ring_tier(d->ring));
    yyjson_mut_obj_add_uint(doc, ring, "turns", c->turns);
    yyjson_mut_obj_add_uint(doc, ring, "enters", c->enters);
    yyjson_mut_obj_add_uint(doc, ring, "sqes", c->sqes);
    yyjson_mut_obj_add_uint(doc, ring, "cqes", c->cqes);
    yyjson_mut_obj_add_uint(doc, ring, "receives", c->receives);
    yyjson_mut_obj_add_uint(doc, ring, "starved", c->starved);
    yyjson_mut_obj_add_uint(doc, ring, "cq_overflows", c->cq_overflows);
    yyjson_mut_obj_add_uint(doc, ring, "lost_completions", c->lost_completions);
}

static void describe_counters(const struct daemon *d, yyjson_mut_doc *doc, yyjson_mut_val *out)
{
    const struct resolve_counters *dns = resolve_counters(d->resolve);
    yyjson_mut_val *counters = yyjson_mut_obj_add_obj(doc, out, "counters");

    yyjson_mut_obj_add_uint(doc, counters, "sessions", d->sessions.count);
    yyjson_mut_obj_add_uint(doc, counters, "items_accepted", d->front.counters.items_accepted);
    yyjson_mut_obj_add_uint(doc, counters, "items_ok", d->front.counters.items_ok);
    yyjson_mut_obj_add_uint(doc, counters, "items_failed", d->front.counters.items_failed);
    yyjson_mut_obj_add_uint(doc, counters, "attempts", d->engine.counters.started);
    yyjson_mut_obj_add_uint(doc, counters, "conns_open", d->engine.pool.conns.open_count);
    yyjson_mut_obj_add_uint(doc, counters, "conns_idle", d->engine.pool.idle_count);
    yyjson_mut_obj_add_uint(doc, counters, "dns_lookups", dns->lookups);
    yyjson_mut_obj_add_uint(doc, counters, "dns_cache_hits", dns->cache_hits);
    yyjson_mut_obj_add_uint(doc, counters, "dns_questions", dns->questions);
}

void daemon_describe(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *out)
{
    struct daemon *d = ctx;
    yyjson_mut_val *limits;

    yyjson_mut_obj_add_str(doc, out, "version", HAUL_VERSION);
    yyjson_mut_obj_add_int(doc, out, "pid", getpid());
    yyjson_mut_obj_add_uint(doc, out, "uptime_ns", ring_clock_ns(d->ring) - d->started_ns);
    describe_ring(d, doc, out);
    limits = yyjson_mut_obj_add_obj(doc, out, "limits");
    yyjson_mut_obj_add_uint(doc, limits, "connections_max", d->conns_max);
    yyjson_mut_obj_add_uint(doc, limits, "per_origin_default", d->config.per_origin_default);
    yyjson_mut_obj_add_uint(doc, limits, "per_origin_total_max",
                            d->config.per_origin_total_max ? d->config.per_origin_total_max
                                                           : d->conns_max);
    yyjson_mut_obj_add_uint(doc, limits, "origin_rate_uhz", d->config.origin_rate_uhz);
    yyjson_mut_obj_add_uint(doc, limits, "sessions_max", d->config.sessions_max);
    describe_counters(d, doc, out);
}
