/*
 * daemon.c - builds the graph of objects, runs the loop, drains on stop.
 *
 *   sessions -> batches -> items ==mailbox==> engine -> exchanges -> conns
 *                            \_______________ ring, timers __________/
 *
 * One turn: the ring submits, waits and dispatches; then the wheel fires; then planned items are
 * let go. Everything else happens inside those.
 */
#include "daemon_internal.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define DAEMON_ITEMS_MAX (1u << 20)
#define DAEMON_IDLE_ORIGINS_MAX (1u << 18) /* some 80 MB, if ever so many have a rate */
#define DAEMON_HEAD_BYTES_MAX (256u << 10)
#define DAEMON_FIELDS_MAX 1000u
#define DAEMON_INTERIM_MAX 16u
#define DAEMON_TRAILER_BYTES_MAX (16u << 10)

/* From main's signal handler: the number of the signal. */
static void daemon_on_signal(struct ring_op *op, const struct ring_event *event)
{
    struct daemon *d = container_of(op, struct daemon, signal_op);
    struct config_trouble trouble;

    if (event->result == 1 && d->signal_byte == SIGHUP)
        (void)daemon_reload(d, &trouble); /* it is in the log */
    else if (event->result == 1)
        daemon_ask_to_stop(d);
    else if (event->result != -EINTR && event->result != -EAGAIN && event->result != -ENOMEM)
        daemon_stop(d); /* the end of the pipe */
    if (!d->stopping)
        ring_read(d->ring, &d->signal_op, d->signal_fd, &d->signal_byte, 1);
}

static void daemon_on_session_gone(void *ctx)
{
    struct daemon *d = ctx;

    if (d->private_session || (d->draining && d->sessions.count == 0))
        daemon_stop(d);
    else if (d->listener.ring)
        listener_on_room(&d->listener);
    daemon_watch_idle(d);
}

/* The loop's own services. */
static int daemon_init_services(struct daemon *d)
{
    const struct config *c = &d->config;
    const struct writer_options writer = { .queue_bytes_max = c->writer_queue_bytes_max };
    int r;

    timers_init(&d->timers, ring_clock_ns(d->ring));
    d->resolve_options = (struct resolve_options){
        .servers = c->dns_servers[0] ? c->dns_servers : NULL,
        .hosts_path = c->hosts_path[0] ? c->hosts_path : NULL,
        .cache_entries_max = c->dns_cache_entries_max,
    };
    r = resolve_new(&d->resolve, d->ring, &d->timers, &d->resolve_options);
    if (r < 0)
        return r;
    return writer_new(&d->writer, d->ring, &writer);
}

struct engine_options daemon_engine_options(struct daemon *d)
{
    const struct config *c = &d->config;

    for (unsigned i = 0; i < c->origins_count; i++) {
        const struct config_origin *origin = &c->origins[i];
        const struct config_place *places = origin->places;

        d->rules[i] = (struct governor_rule){
            .host = span_of_string(origin->host),
            .port = origin->port,
            .scheme = origin->scheme,
            .active_max = places[CONFIG_ORIGIN_CONNECTIONS].source ? origin->active_max
                                                                   : c->per_origin_total_max,
            .rate_uhz = places[CONFIG_ORIGIN_RATE].source ? origin->rate_uhz : c->origin_rate_uhz,
        };
    }
    return (struct engine_options){
        .pool = { .conns_max = d->conns_max,
                  .ports = d->ports,
                  .idle_timeout_ns = c->pool_idle_timeout_ns },
        .limits = { .head_bytes_max = DAEMON_HEAD_BYTES_MAX,
                    .fields_max = DAEMON_FIELDS_MAX,
                    .interim_max = DAEMON_INTERIM_MAX,
                    .trailer_bytes_max = DAEMON_TRAILER_BYTES_MAX },
        .exchanges_max = DAEMON_ITEMS_MAX,
        .per_origin_total_max = c->per_origin_total_max,
        .rate_per_origin_uhz = c->origin_rate_uhz,
        .rules = d->rules,
        .rules_count = c->origins_count,
        .idle_origins_max = DAEMON_IDLE_ORIGINS_MAX,
        .sink_timeout_ns = c->sink_timeout_ns,
    };
}

static int daemon_init_engine(struct daemon *d)
{
    const struct mailbox_front mailbox = item_mailbox(&d->front);
    const struct engine_options options = daemon_engine_options(d);

    return engine_init(&d->engine, d->ring, &d->timers, d->resolve, d->writer, &options, &mailbox);
}

static bool control_reload(void *ctx, char ret_reason[static CONTROL_REASON_BYTES])
{
    struct config_trouble trouble;
    bool is_good = daemon_reload(ctx, &trouble);

    static_assert(sizeof(trouble.text) <= CONTROL_REASON_BYTES, "a reason is told whole");
    memcpy(ret_reason, trouble.text, sizeof(trouble.text));
    for (char *c = ret_reason; *c; c++) /* names of files need not be UTF-8, JSON must */
        if (*c < ' ' || *c > '~')
            *c = '?';
    return is_good;
}

/* The caller is among the clients; it goes when it has its answer. */
static void control_drain(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *out)
{
    struct daemon *d = ctx;

    yyjson_mut_obj_add_uint(doc, out, "clients", d->sessions.count - 1);
    yyjson_mut_obj_add_uint(doc, out, "items", d->front.items.count);
    yyjson_mut_obj_add_uint(doc, out, "time_ns", d->config.drain_time_ns);
    if (!d->draining)
        daemon_ask_to_stop(d);
}

static void daemon_init_front(struct daemon *d)
{
    const struct control_ops ops = { .describe = daemon_describe,
                                     .origins = daemon_describe_origins,
                                     .inflight = daemon_describe_inflight,
                                     .metrics = daemon_metrics,
                                     .reload = control_reload,
                                     .drain = control_drain,
                                     .ctx = d,
                                     .uid = geteuid() };

    d->front = (struct front){ .ring = d->ring,
                               .timers = &d->timers,
                               .writer = d->writer,
                               .config = &d->config,
                               .engine = engine_mailbox(&d->engine),
                               .conns_max = d->conns_max };
    slab_init(&d->front.items, sizeof(struct item), DAEMON_ITEMS_MAX);
    control_init(&d->control, &ops);
    d->sessions.front = &d->front;
    d->sessions.service = &d->control.service;
    d->sessions.on_gone = daemon_on_session_gone;
    d->sessions.ctx = d;
}

int daemon_init(struct daemon *d, const struct config *config, const struct daemon_options *options,
                struct ring_trouble *ret_trouble)
{
    int r;

    *d = (struct daemon){ .config = *config,
                          .signal_fd = options->signal_fd,
                          .source = options->source,
                          .service = options->service,
                          .confinement = options->confinement,
                          .ports = options->ports,
                          .conns_max = options->conns_max };
    list_init(&d->sessions.all);
    users_init(&d->sessions.users);
    r = ring_new(&d->ring, NULL, ret_trouble);
    if (r < 0)
        goto fail;
    d->started_ns = ring_clock_ns(d->ring);
    r = daemon_init_services(d);
    if (r < 0)
        goto fail;
    r = daemon_init_engine(d);
    if (r < 0)
        goto fail;
    daemon_init_front(d);
    d->is_activated = options->is_activated;
    d->listen_path = options->listen_path;
    daemon_init_service(d);
    daemon_init_stop(d);
    d->signal_op.done = daemon_on_signal;
    ring_read(d->ring, &d->signal_op, d->signal_fd, &d->signal_byte, 1);
    if (options->serve_fd >= 0) {
        d->private_session = true;
        r = session_open(&d->sessions, options->serve_fd);
        if (r < 0)
            goto fail;
    }
    if (options->listen_fd >= 0)
        listener_open(&d->listener, &d->sessions, &d->timers, options->listen_fd,
                      config->sessions_max);
    return 0;

fail:
    daemon_deinit(d);
    return r;
}

static uint64_t daemon_next_planned_ns(const struct daemon *d)
{
    uint64_t next_ns = UINT64_MAX;

    for (struct list *at = d->sessions.all.next; at != &d->sessions.all; at = at->next) {
        uint64_t ns = session_next_planned_ns(container_of(at, struct session, link));

        if (ns < next_ns)
            next_ns = ns;
    }
    return next_ns;
}

static void daemon_release_planned(struct daemon *d)
{
    uint64_t now_ns = ring_now_ns(d->ring);

    for (struct list *at = d->sessions.all.next; at != &d->sessions.all; at = at->next)
        session_release_planned(container_of(at, struct session, link), now_ns);
}

static bool daemon_is_over(const struct daemon *d)
{
    if (!d->stopping)
        return false;
    if (ring_now_ns(d->ring) >= d->stop_deadline_ns)
        return true;
    /* Nobody will use a private daemon's connections again: the kernel closes them faster. */
    if (d->private_session && d->sessions.count == 0 && writer_is_idle(d->writer))
        return true;
    return d->sessions.count == 0 && engine_is_closed(&d->engine) && resolve_is_idle(d->resolve) &&
           writer_is_idle(d->writer) && (!d->listener.ring || listener_is_closed(&d->listener));
}

static void daemon_check(const struct daemon *d)
{
#ifdef HAUL_WITH_PARANOIA
    engine_check(&d->engine);
    timers_check(&d->timers);
    for (struct list *at = d->sessions.all.next; at != &d->sessions.all; at = at->next)
        session_check(container_of(at, struct session, link));
#else
    (void)d; /* the checks walk everything: for test builds only */
#endif
}

int daemon_run(struct daemon *d)
{
    daemon_tell_ready(d);
    while (!daemon_is_over(d)) {
        uint64_t deadline_ns = timers_next_ns(&d->timers);
        uint64_t planned_ns = daemon_next_planned_ns(d);
        int r;

        if (planned_ns < deadline_ns)
            deadline_ns = planned_ns;
        if (d->stopping && d->stop_deadline_ns < deadline_ns)
            deadline_ns = d->stop_deadline_ns;
        ring_set_load(d->ring, d->engine.pool.leased_count + d->engine.pool.dialing_count);
        r = ring_turn(d->ring, deadline_ns);
        if (r < 0)
            return r;
        timers_advance(&d->timers, ring_now_ns(d->ring));
        daemon_release_planned(d);
        daemon_check(d);
    }
    return 0;
}

/* Only what is drained is taken apart; after a drain that took too long the process ends here and
 * the kernel takes the rest. */
void daemon_deinit(struct daemon *d)
{
    bool drained = d->sessions.count == 0 &&
                   (!d->stopping || (engine_is_closed(&d->engine) && resolve_is_idle(d->resolve) &&
                                     writer_is_idle(d->writer)));

    if (d->ring && d->listener.ring && !listener_is_closed(&d->listener))
        ring_close(d->ring, d->listener.fd);
    if (d->ring && drained) {
        engine_deinit(&d->engine);
        if (d->front.ring)
            slab_deinit(&d->front.items);
        users_deinit(&d->sessions.users);
        public_suffixes_deinit(&d->front.suffixes);
        resolve_free(d->resolve);
        writer_free(d->writer);
        ring_free(d->ring);
    }
    d->ring = NULL;
}
