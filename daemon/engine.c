/*
 * engine.c - attempts in, results out.
 *
 *   attempt -> governor (may it start?) -> exchange (pool, conn, response, sink) -> result
 *
 * The engine owns what its exchanges share and wires them up; the decisions are theirs. What an
 * attempt needs to find its connection is kept beside the exchange while the governor holds it.
 */
#include "engine.h"

#include "retry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Answers of which the kernel is asked about the connection: all of a run of a few or of a slow
 * one, and never so many that it could be felt (0.06 % of a core). */
#define SAMPLES_PER_S_UHZ UINT64_C(1000000000)
#define SAMPLES_BURST 16u

/* An exchange with what it needs to start later. */
struct engine_attempt {
    struct exchange exchange;
    struct pool_key key; /* its spans point into text */
    char *text;          /* NULL when it was let go at once */
    bool fresh_conn;
};

static void engine_on_exchange_done(void *ctx, struct exchange *x);
static void engine_on_governor_timer(struct timer *timer, uint64_t now_ns);

static struct governor_options governor_options_of(const struct engine_options *options)
{
    return (struct governor_options){ .origin_active_max = options->per_origin_total_max,
                                      .origin_rate_uhz = options->rate_per_origin_uhz,
                                      .origin_burst = options->rate_burst,
                                      .rules = options->rules,
                                      .rules_count = options->rules_count,
                                      .idle_origins_max = options->idle_origins_max };
}

int engine_init(struct engine *engine, struct ring *ring, struct timers *timers,
                struct resolve *resolve, struct writer *writer,
                const struct engine_options *options, const struct mailbox_front *front)
{
    struct governor_options governor;
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
    bucket_init(&engine->env.samples, SAMPLES_PER_S_UHZ, SAMPLES_BURST, ring_now_ns(ring));
    slab_init(&engine->exchanges, sizeof(struct engine_attempt), options->exchanges_max);
    table_init(&engine->by_id);
    timer_init(&engine->governor_timer, engine_on_governor_timer);
    governor = governor_options_of(options);
    governor.hash_seed = ring_random(ring);
    r = governor_init(&engine->governor, &governor);
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
    timers_disarm(engine->env.timers, &engine->governor_timer);
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
                              .policy = attempt->policy,
                              .interface = attempt->interface,
                              .unix_path = attempt->unix_path,
                              .tls = attempt->tls,
                              .way = attempt->way,
                              .to_proxy = attempt->to_proxy };
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
                      key->unix_path.bytes + key->to_proxy.bytes + 1);

    if (!at)
        return -ENOMEM;
    ea->text = at;
    ea->key = *key;
    ea->key.host = keep_span(&at, key->host);
    ea->key.dial_host = keep_span(&at, key->dial_host);
    ea->key.interface = keep_span(&at, key->interface);
    ea->key.unix_path = keep_span(&at, key->unix_path);
    ea->key.to_proxy = keep_span(&at, key->to_proxy);
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

/* ---- the governor ---- */

/* One timer for all origins, at the earliest of what they wait for. */
static void engine_watch_governor(struct engine *engine)
{
    uint64_t next_ns = governor_next_ns(&engine->governor);
    struct timer *timer = &engine->governor_timer;

    if (next_ns == UINT64_MAX)
        timers_disarm(engine->env.timers, timer);
    else if (!timer_is_armed(timer) || timer->deadline_ns != next_ns)
        timers_arm(engine->env.timers, timer, next_ns);
}

static void engine_begin(struct governor_ticket *ticket)
{
    struct exchange *x = container_of(ticket, struct exchange, ticket);
    struct engine_attempt *ea = container_of(x, struct engine_attempt, exchange);

    exchange_begin(x, &ea->key, ea->fresh_conn);
}

static void engine_on_governor_timer(struct timer *timer, uint64_t now_ns)
{
    struct engine *engine = container_of(timer, struct engine, governor_timer);
    struct governor_ticket *ticket;

    while ((ticket = governor_wake(&engine->governor, now_ns)))
        engine_begin(ticket);
    engine_watch_governor(engine);
}

/* Only what the origin itself has said counts; without a status nobody knows whose fault it was. */
static struct governor_answer engine_answer_of(struct engine *engine, const struct exchange *x)
{
    uint16_t status = x->result.status;
    struct governor_answer answer = { .kind = COOLDOWN_ANSWER_NONE };

    if (status == 0)
        return answer;
    if (status != 429 && status != 503) {
        answer.kind = COOLDOWN_ANSWER_GOOD;
        return answer;
    }
    if (!span_is_empty(x->result.retry_after) &&
        !retry_parse_after(x->result.retry_after, ring_wall_ns(engine->ring), &answer.after_ns))
        answer.after_ns = 0; /* rubbish is as if it were not there */
    if (status == 429 || answer.after_ns)
        answer.kind = COOLDOWN_ANSWER_PAUSE;
    return answer;
}

static void engine_leave_governor(struct engine *engine, struct exchange *x)
{
    const struct governor_answer answer = engine_answer_of(engine, x);
    struct governor_ticket *next =
        governor_leave(&engine->governor, &x->ticket, &answer, ring_now_ns(engine->ring));

    x->result.cools_until_ns = x->ticket.cools_until_ns;
    x->result.began_pause = x->ticket.began_pause;
    if (next)
        engine_begin(next);
    engine_watch_governor(engine);
}

/* It waits, so it frees no place. */
static void engine_quit_governor(struct engine *engine, struct exchange *x)
{
    (void)governor_leave(&engine->governor, &x->ticket, NULL, ring_now_ns(engine->ring));
    engine_watch_governor(engine);
}

void engine_change(struct engine *engine, const struct engine_options *options)
{
    const struct governor_options governor = governor_options_of(options);
    uint64_t now_ns = ring_now_ns(engine->ring);

    governor_change(&engine->governor, &governor, now_ns);
    pool_change_idle_timeout(&engine->pool, options->pool.idle_timeout_ns);
    engine->env.sink_timeout_ns = options->sink_timeout_ns;
    engine_watch_governor(engine); /* what may go now goes by its timer */
}

/* ---- attempts ---- */

static void engine_start(void *ctx, const struct attempt *attempt)
{
    struct engine *engine = ctx;
    struct engine_attempt *ea = slab_acquire(&engine->exchanges);
    struct pool_key key = pool_key_of(attempt);
    struct governor_demand demand = { .host = attempt->host,
                                      .port = attempt->port,
                                      .scheme = attempt->tls ? 1 : 0,
                                      .client_key = attempt->client_key,
                                      .batch_key = attempt->batch_key,
                                      .batch_active_max = attempt->per_origin_max,
                                      .batch_rate_uhz = attempt->rate_uhz,
                                      .batch_rate_cap = attempt->rate_cap,
                                      .asked_rate_uhz = attempt->asked_rate_uhz };

    if (!ea || table_insert(&engine->by_id, attempt->id, ea) < 0) {
        if (ea)
            slab_release(&engine->exchanges, ea);
        engine_refuse(engine, attempt);
        return;
    }
    engine->counters.started++;
    exchange_init(&ea->exchange, &engine->env, attempt);
    ea->fresh_conn = attempt->fresh_conn;
    switch (governor_enter(&engine->governor, &ea->exchange.ticket, &demand,
                           ring_now_ns(engine->ring))) {
    case GOVERNOR_GO:
        exchange_begin(&ea->exchange, &key, ea->fresh_conn);
        return;
    case GOVERNOR_WAIT:
        if (engine_keep_key(ea, &key) == 0) {
            engine_watch_governor(engine);
            return;
        }
        engine_quit_governor(engine, &ea->exchange);
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
        engine_quit_governor(engine, &ea->exchange);
    exchange_cancel(&ea->exchange, code);
}

enum phase engine_phase(const struct engine *engine, uint64_t id)
{
    const struct engine_attempt *ea = table_find(&engine->by_id, id);

    return ea ? exchange_phase(&ea->exchange) : PHASE_NONE;
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

    table_remove(&engine->by_id, x->id);
    if (x->ticket.lane)
        engine_leave_governor(engine, x);
    engine->counters.finished++;
    engine->front.done(engine->front.ctx, x->id, &x->result);
    exchange_deinit(x);
    if (ea->text)
        explicit_bzero((char *)(uintptr_t)ea->key.to_proxy.data, ea->key.to_proxy.bytes);
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
