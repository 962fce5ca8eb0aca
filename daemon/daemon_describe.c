/*
 * daemon_describe.c - what clients may know of the daemon: io.haul.Manager's answers.
 */
#include "daemon_internal.h"

#include "url.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Of a list: a message has its bounds. */
#define ROWS_MAX 1000u
#define ROW_BYTES 200u       /* besides its text, at most */
#define URL_SHOWN_BYTES 2048 /* of one; each may be escaped */
#define LIST_BYTES_MAX (WIRE_VARLINK_BYTES_MAX - 4096u)

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
    yyjson_mut_obj_add_uint(doc, counters, "items_accepted", d->front.stats.items_accepted);
    yyjson_mut_obj_add_uint(doc, counters, "items_ok", stats_items_ok(&d->front.stats));
    yyjson_mut_obj_add_uint(doc, counters, "items_failed", stats_items_failed(&d->front.stats));
    yyjson_mut_obj_add_uint(doc, counters, "attempts", d->engine.counters.started);
    yyjson_mut_obj_add_uint(doc, counters, "conns_open", d->engine.pool.conns.open_count);
    yyjson_mut_obj_add_uint(doc, counters, "conns_idle", d->engine.pool.idle_count);
    yyjson_mut_obj_add_uint(doc, counters, "dns_lookups", dns->lookups);
    yyjson_mut_obj_add_uint(doc, counters, "dns_cache_hits", dns->cache_hits);
    yyjson_mut_obj_add_uint(doc, counters, "dns_questions", dns->questions);
}

static void describe_isolation(const struct daemon *d, yyjson_mut_doc *doc, yyjson_mut_val *out)
{
    yyjson_mut_val *isolation = yyjson_mut_obj_add_obj(doc, out, "isolation");

    yyjson_mut_obj_add_uint(doc, isolation, "landlock_abi", d->confinement->landlock_abi);
    yyjson_mut_obj_add_bool(doc, isolation, "ring_restricted", ring_is_restricted(d->ring));
    yyjson_mut_obj_add_bool(doc, isolation, "seccomp", d->confinement->has_seccomp);
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
    describe_isolation(d, doc, out);
}

/* ---- origins ---- */

struct rows {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    uint64_t now_ns;
    const struct engine *engine;           /* with items */
    const struct control_inflight *wanted; /* likewise */
    size_t bytes;                          /* as they may be at most */
    unsigned count;
    bool is_cut;
};

static yyjson_mut_val *add_row(struct rows *rows, size_t text_bytes)
{
    rows->bytes += ROW_BYTES + 2 * text_bytes;
    rows->is_cut |= rows->count == ROWS_MAX || rows->bytes > LIST_BYTES_MAX;
    if (rows->is_cut)
        return NULL;
    rows->count++;
    return yyjson_mut_arr_add_obj(rows->doc, rows->list);
}

static void add_origin(void *ctx, const struct governor_view *view)
{
    struct rows *rows = ctx;
    yyjson_mut_val *row = add_row(rows, view->host.bytes);
    bool is_v6 = memchr(view->host.data, ':', view->host.bytes);
    char name[URL_HOST_BYTES_MAX + 32];

    if (!row)
        return;
    (void)snprintf(name, sizeof(name), "%s://%s%.*s%s:%u",
                   view->scheme == URL_HTTPS ? "https" : "http", is_v6 ? "[" : "",
                   (int)view->host.bytes, view->host.data, is_v6 ? "]" : "", view->port);
    yyjson_mut_obj_add_strcpy(rows->doc, row, "origin", name);
    yyjson_mut_obj_add_uint(rows->doc, row, "active", view->active);
    yyjson_mut_obj_add_uint(rows->doc, row, "waiting", view->waiting);
    yyjson_mut_obj_add_uint(rows->doc, row, "active_max", view->active_max);
    yyjson_mut_obj_add_real(rows->doc, row, "rate_per_s", (double)view->rate_uhz / 1e6);
    yyjson_mut_obj_add_uint(
        rows->doc, row, "cooling_ns",
        view->cools_until_ns > rows->now_ns ? view->cools_until_ns - rows->now_ns : 0);
}

void daemon_describe_origins(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *out)
{
    struct daemon *d = ctx;
    struct rows rows = { .doc = doc,
                         .list = yyjson_mut_obj_add_arr(doc, out, "origins"),
                         .now_ns = ring_now_ns(d->ring) };

    governor_for_each(&d->engine.governor, rows.now_ns, add_origin, &rows);
    yyjson_mut_obj_add_bool(doc, out, "complete", !rows.is_cut);
}

/* ---- items ---- */

/* Without a login that it may have, and cut; empty when it is no URL. */
static void add_url(const struct rows *rows, yyjson_mut_val *row, const struct item *item)
{
    struct url_fault fault;
    struct url url;
    char *text = NULL;
    size_t bytes = 0;

    if (url_parse(item->url, &url, &fault))
        text = malloc(URL_BYTES_MAX(&url));
    if (text)
        bytes = url_write(&url, text);
    if (bytes > URL_SHOWN_BYTES) {
        bytes = URL_SHOWN_BYTES;
        memcpy(text + bytes - 3, "...", 3);
    }
    yyjson_mut_obj_add_strncpy(rows->doc, row, "url", text ? text : "", bytes);
    free(text);
}

/* Of one whose attempt is under way: its phase, as in records. */
static const char *state_of(const struct rows *rows, const struct item *item)
{
    static const char *const states[] = {
        [ITEM_WAITING] = "waiting", [ITEM_ACTIVE] = "active",   [ITEM_PAUSED] = "paused",
        [ITEM_HELD] = "held",       [ITEM_CLOSING] = "closing", [ITEM_FINISHED] = "finished",
    };
    enum phase phase = PHASE_NONE;

    if (item->state == ITEM_ACTIVE)
        phase = engine_phase(rows->engine, item_attempt_id(item));
    return phase == PHASE_NONE ? states[item->state] : phase_name(phase);
}

static void add_item(struct rows *rows, const struct item *item, uint32_t uid)
{
    uint64_t age_ns = rows->now_ns > item->t0_ns ? rows->now_ns - item->t0_ns : 0;
    yyjson_mut_val *row;

    if (age_ns < rows->wanted->slower_ns)
        return;
    row = add_row(rows, item->url.bytes < URL_SHOWN_BYTES ? item->url.bytes : URL_SHOWN_BYTES);
    if (!row)
        return;
    yyjson_mut_obj_add_uint(rows->doc, row, "id", item->id);
    add_url(rows, row, item);
    yyjson_mut_obj_add_uint(rows->doc, row, "uid", uid);
    yyjson_mut_obj_add_str(rows->doc, row, "state", state_of(rows, item));
    yyjson_mut_obj_add_uint(rows->doc, row, "age_ns", age_ns);
    yyjson_mut_obj_add_uint(rows->doc, row, "attempts", item->attempts);
    yyjson_mut_obj_add_uint(rows->doc, row, "redirects", item->hops);
}

static void add_batch(struct rows *rows, const struct batch *batch, uint32_t uid)
{
    for (struct list *at = batch->active.next; at != &batch->active; at = at->next)
        add_item(rows, container_of(at, struct item, link), uid);
    for (struct list *at = batch->held.next; at != &batch->held; at = at->next)
        add_item(rows, container_of(at, struct item, link), uid);
}

void daemon_describe_inflight(void *ctx, const struct control_inflight *wanted, yyjson_mut_doc *doc,
                              yyjson_mut_val *out)
{
    struct daemon *d = ctx;
    struct rows rows = { .doc = doc,
                         .list = yyjson_mut_obj_add_arr(doc, out, "items"),
                         .now_ns = ring_now_ns(d->ring),
                         .engine = &d->engine,
                         .wanted = wanted };

    for (struct list *at = d->sessions.all.next; at != &d->sessions.all; at = at->next) {
        const struct session *s = container_of(at, struct session, link);

        if (!wanted->all_users && s->peer.uid != wanted->uid)
            continue;
        for (struct list *b = s->batches.next; b != &s->batches; b = b->next)
            add_batch(&rows, container_of(b, struct batch, link), s->peer.uid);
    }
    yyjson_mut_obj_add_bool(doc, out, "complete", !rows.is_cut);
}
