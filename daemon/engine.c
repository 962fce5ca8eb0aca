/*
 * engine.c - attempts in, results out.
 *
 *   attempt -> governor (may it start?) -> exchange (pool, conn, response, sink) -> result
 *
 * The engine owns what its exchanges share and wires them up; the decisions are theirs. What an
 * attempt needs to find its connection is kept beside the exchange while the governor holds it.
 */
#include "engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* An exchange with what it needs to start later. */
struct engine_attempt {
    struct exchange exchange;
    struct pool_key key; /* its spans point into text */
    char *text;          /* NULL when it was let go at once */
    bool fresh_conn;
};

static void engine_on_exchange_done(void *ctx, struct exchange *x);

int engine_init(struct engine *engine, struct ring *ring, struct timers *timers,
                struct resolve *resolve, struct writer *writer,
                const struct engine_options *options, const struct mailbox_front *front)
{
    int r;

    *engine = (struct engine){ .ring = ring, .limits = options->limits, .front = *front };
    engine->env = (struct exchange_env){ .ring = ring,
                                         .timers = timers,
                                         .pool = &engine->pool,
                                         .writer = writer,
                                         .front = &engine->front,
                                         .limits = &engine->limits,
                                         .sink_timeout_ns = options->sink_timeout_ns,
                                         .on_done = engine_on_exchange_done,
                                         .ctx = engine };
    slab_init(&engine->exchanges, sizeof(struct engine_attempt), options->exchanges_max);
    table_init(&engine->by_id);
    r = governor_init(&engine->governor, options->per_origin_total_max, ring_random(ring));
    if (r < 0)
        goto fail;
    r = pool_init(&engine->pool, ring, timers, resolve, &options->pool);
    if (r < 0)
        goto fail;
    return 0;

fail:
    engine_deinit(engine);
    return r;
}

void engine_deinit(struct engine *engine)
{
    if (!engine->ring)
        return;
    pool_deinit(&engine->pool);
    if (engine->governor.buckets)
        governor_deinit(&engine->governor);
    table_deinit(&engine->by_id);
    slab_deinit(&engine->exchanges);
    engine->ring = NULL;
}

static struct pool_key pool_key_of(const struct attempt *attempt)
{
    return (struct pool_key){ .host = attempt->host,
                              .port = attempt->port,
                              .dial_host = attempt->dial_host,
                              .dial_port = attempt->dial_port,
                              .family = attempt->address_family == 4   ? RESOLVE_IPV4
                                        : attempt->address_family == 6 ? RESOLVE_IPV6
                                                                       : RESOLVE_ANY,
                              .interface = attempt->interface,
                              .unix_path = attempt->unix_path,
                              .tls = attempt->tls };
}

static struct span keep_span(char **at, struct span text)
{
    struct span kept = span_of(*at, text.bytes);

    if (text.bytes)
        memcpy(*at, text.data, text.bytes);
    *at += text.bytes;
    return kept;
}

/* The attempt's own strings are gone when the governor lets it start. */
static int engine_keep_key(struct engine_attempt *ea, const struct pool_key *key)
{
    char *at = malloc(key->host.bytes + key->dial_host.bytes + key->interface.bytes +
                      key->unix_path.bytes + 1);

    if (!at)
        return -ENOMEM;
    ea->text = at;
    ea->key = *key;
    ea->key.host = keep_span(&at, key->host);
    ea->key.dial_host = keep_span(&at, key->dial_host);
    ea->key.interface = keep_span(&at, key->interface);
    ea->key.unix_path = keep_span(&at, key->unix_path);
    return 0;
}

/* No memory even for the exchange: the answer is given from here. The front's done may start the
 * next attempt, so it must not come inside start; but without memory there is no place to put it
 * off to. The front copes: it starts attempts from its own deferred work. */
static void engine_refuse(struct engine *engine, const struct attempt *attempt)
{
    struct attempt_result result = { 0 };

    fault_set(&result.fault, FAULT_LOCAL_NO_MEMORY, PHASE_QUEUE, ENOMEM, NULL);
    block_free(attempt->request);
    engine->front.done(engine->front.ctx, attempt->id, &result);
}

static void engine_start(void *ctx, const struct attempt *attempt)
{
    struct engine *engine = ctx;
    struct engine_attempt *ea = slab_acquire(&engine->exchanges);
    struct pool_key key = pool_key_of(attempt);
    struct governor_demand demand = { .host = attempt->host,
                                      .port = attempt->port,
                                      .scheme = attempt->tls ? 1 : 0,
                                      .batch_key = attempt->batch_key,
                                      .batch_active_max = attempt->per_origin_max };

    if (!ea || table_insert(&engine->by_id, attempt->id, ea) < 0) {
        if (ea)
            slab_release(&engine->exchanges, ea);
        engine_refuse(engine, attempt);
        return;
    }
    engine->counters.started++;
    exchange_init(&ea->exchange, &engine->env, attempt);
    ea->fresh_conn = attempt->fresh_conn;
    switch (governor_enter(&engine->governor, &ea->exchange.ticket, &demand)) {
    case GOVERNOR_GO:
        exchange_begin(&ea->exchange, &key, ea->fresh_conn);
        return;
    case GOVERNOR_WAIT:
        if (engine_keep_key(ea, &key) == 0)
            return;
        (void)governor_leave(&engine->governor, &ea->exchange.ticket); /* frees no place */
        break;
    case GOVERNOR_NO_MEMORY:
        break;
    }
    exchange_cancel(&ea->exchange, FAULT_LOCAL_NO_MEMORY);
}

static void engine_cancel(void *ctx, uint64_t id, enum fault_code code)
{
    struct engine *engine = ctx;
    struct engine_attempt *ea = table_find(&engine->by_id, id);

    if (!ea)
        return;
    if (ea->exchange.state == EXCHANGE_QUEUED && ea->exchange.ticket.lane)
        (void)governor_leave(&engine->governor, &ea->exchange.ticket); /* frees no place */
    exchange_cancel(&ea->exchange, code);
}

static void engine_sink_ready(void *ctx, uint64_t id, size_t bytes, int error)
{
    struct engine *engine = ctx;
    struct engine_attempt *ea = table_find(&engine->by_id, id);

    if (ea)
        exchange_sink_returned(&ea->exchange, bytes, error);
}

struct mailbox_engine engine_mailbox(struct engine *engine)
{
    return (struct mailbox_engine){ .start = engine_start,
                                    .cancel = engine_cancel,
                                    .sink_ready = engine_sink_ready,
                                    .ctx = engine };
}

static void engine_on_exchange_done(void *ctx, struct exchange *x)
{
    struct engine *engine = ctx;
    struct engine_attempt *ea = container_of(x, struct engine_attempt, exchange);
    struct governor_ticket *next = NULL;

    table_remove(&engine->by_id, x->id);
    if (x->ticket.lane)
        next = governor_leave(&engine->governor, &x->ticket);
    if (next) {
        struct exchange *y = container_of(next, struct exchange, ticket);
        struct engine_attempt *eb = container_of(y, struct engine_attempt, exchange);

        exchange_begin(y, &eb->key, eb->fresh_conn);
    }
    engine->counters.finished++;
    engine->front.done(engine->front.ctx, x->id, &x->result);
    exchange_deinit(x);
    free(ea->text);
    slab_release(&engine->exchanges, ea);
}

void engine_close(struct engine *engine)
{
    pool_close(&engine->pool);
}

bool engine_is_closed(const struct engine *engine)
{
    return engine->by_id.count == 0 && pool_is_closed(&engine->pool);
}

void engine_check(const struct engine *engine)
{
    size_t position = 0;
    const struct engine_attempt *ea;

    table_check(&engine->by_id);
    governor_check(&engine->governor);
    pool_check(&engine->pool);
    while ((ea = table_next(&engine->by_id, &position)))
        exchange_check(&ea->exchange);
    assert(engine->exchanges.count == engine->by_id.count);
}
