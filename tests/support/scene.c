/*
 * scene.c - the graph of the daemon on the fake ring, its time and its origins.
 *
 * Turns are the loop's: ring, then timers, then planned items. A random world needs a few turns in
 * which nothing seems to happen before one can be sure that nothing will.
 */
#include "scene.h"

#include "writer_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define QUIET_TURNS 3
#define QUIET_TURNS_RANDOM 30
#define TURNS_MAX 200000

static const char hosts[] = "192.0.2.1 origin.test\n"
                            "192.0.2.1 two.test\n"
                            "192.0.2.2 two.test\n"
                            "192.0.2.9 other.test\n";

/* ---- the graph ---- */

static void scene_on_session_gone(void *ctx)
{
    struct scene *t = ctx;

    t->sessions_gone++;
    if (t->listener)
        listener_on_room(t->listener);
}

static void scene_describe(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *out)
{
    const struct scene *t = ctx;

    yyjson_mut_obj_add_uint(doc, out, "uptime_ns", ring_now_ns(t->ring));
}

static void scene_on_sent(void *context, struct ring *ring, int fd, struct span bytes)
{
    struct scene *t = context;

    if (!fake_connected_to(ring, fd))
        return; /* a client's */
    t->requests_count++;
    if (t->answer_by)
        t->answer_by(t, fd, bytes);
    else if (t->answer)
        fake_receive_text(ring, fd, t->answer);
}

static void write_hosts(struct scene *t)
{
    int fd;

    (void)snprintf(t->hosts_path, sizeof(t->hosts_path), "/tmp/hauld-test-hosts-XXXXXX");
    fd = mkstemp(t->hosts_path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, hosts, sizeof(hosts) - 1), sizeof(hosts) - 1);
    assert_int_equal(close(fd), 0);
}

static void scene_begin_engine(struct scene *t, const struct scene_options *options)
{
    const struct mailbox_front mailbox = item_mailbox(&t->front);
    const struct engine_options engine = {
        .pool = { .conns_max = options->conns_max ? options->conns_max : SCENE_CONNS_MAX,
                  .idle_timeout_ns = t->config.pool_idle_timeout_ns },
        .limits = { .head_bytes_max = 256u << 10,
                    .fields_max = 1000,
                    .interim_max = 16,
                    .trailer_bytes_max = 16u << 10 },
        .exchanges_max = 4096,
        .per_origin_total_max = options->per_origin_total_max,
        .rate_per_origin_uhz = options->rate_per_origin_uhz,
        .idle_origins_max = 64,
        .sink_timeout_ns = t->config.sink_timeout_ns,
    };

    assert_int_equal(
        engine_init(&t->engine, t->ring, &t->timers, t->resolve, t->writer, &engine, &mailbox), 0);
    t->front = (struct front){ .ring = t->ring,
                               .timers = &t->timers,
                               .writer = t->writer,
                               .config = &t->config,
                               .engine = engine_mailbox(&t->engine),
                               .conns_max = engine.pool.conns_max };
    slab_init(&t->front.items, sizeof(struct item), 4096);
}

void scene_begin(struct scene *t, const struct scene_options *options)
{
    const struct control_ops ops = { .describe = scene_describe, .ctx = t };
    struct resolve_options resolve;

    *t = (struct scene){ .is_random = options->seed != 0 };
    t->ring = options->seed ? fake_new_random(options->seed) : fake_new();
    config_init_defaults(&t->config);
    timers_init(&t->timers, ring_now_ns(t->ring));
    write_hosts(t);
    silent_dns_open(&t->dns);
    resolve = (struct resolve_options){ .servers = t->dns.address, .hosts_path = t->hosts_path };
    assert_int_equal(resolve_new(&t->resolve, t->ring, &t->timers, &resolve), 0);
    assert_int_equal(writer_new(&t->writer, t->ring, NULL), 0);
    scene_begin_engine(t, options);
    control_init(&t->control, &ops);
    t->sessions = (struct sessions){ .front = &t->front,
                                     .service = &t->control.service,
                                     .on_gone = scene_on_session_gone,
                                     .ctx = t };
    list_init(&t->sessions.all);
    users_init(&t->sessions.users);
    fake_origin(t->ring, scene_on_sent, t);
}

void scene_end(struct scene *t)
{
    for (unsigned i = 0; i < t->clients_count; i++) {
        client_is(t, i + 1);
        if (client_is_connected(t))
            client_hangs_up(t);
    }
    scene_settle(t);
    assert_int_equal(t->sessions.count, 0);
    assert_int_equal(t->engine.by_id.count, 0);
    assert_int_equal(t->engine.pool.leased_count, 0);
    engine_close(&t->engine);
    resolve_shutdown(t->resolve);
    writer_shutdown(t->writer);
    scene_settle(t);
    assert_true(engine_is_closed(&t->engine));
    assert_true(resolve_is_idle(t->resolve));
    assert_true(writer_is_idle(t->writer));
    fake_check_quiet(t->ring);
    engine_deinit(&t->engine);
    slab_deinit(&t->front.items);
    users_deinit(&t->sessions.users);
    public_suffixes_deinit(&t->front.suffixes);
    resolve_free(t->resolve);
    silent_dns_close(&t->dns);
    writer_free(t->writer);
    for (unsigned i = 0; i < t->clients_count; i++)
        scene_client_free(t->clients[i]);
    ring_free(t->ring);
    assert_int_equal(unlink(t->hosts_path), 0);
}

int scene_setup(void **state)
{
    static struct scene scene;

    scene_begin(&scene, &(struct scene_options){ 0 });
    *state = &scene;
    return 0;
}

int scene_teardown(void **state)
{
    scene_end(*state);
    return 0;
}

/* ---- turns and time ---- */

static void scene_check(const struct scene *t)
{
    engine_check(&t->engine);
    timers_check(&t->timers);
    slab_check(&t->front.items);
    resolve_check(t->resolve);
    writer_check(t->writer);
    for (struct list *at = t->sessions.all.next; at != &t->sessions.all; at = at->next)
        session_check(container_of(at, struct session, link));
}

static uint64_t scene_next_planned_ns(const struct scene *t)
{
    uint64_t next_ns = UINT64_MAX;

    for (struct list *at = t->sessions.all.next; at != &t->sessions.all; at = at->next) {
        uint64_t ns = session_next_planned_ns(container_of(at, struct session, link));

        next_ns = ns < next_ns ? ns : next_ns;
    }
    return next_ns;
}

static void scene_turn(struct scene *t)
{
    assert_int_equal(ring_turn(t->ring, 0), 0);
    timers_advance(&t->timers, ring_now_ns(t->ring));
    for (struct list *at = t->sessions.all.next; at != &t->sessions.all; at = at->next)
        session_release_planned(container_of(at, struct session, link), ring_now_ns(t->ring));
    scene_check(t);
    for (unsigned i = 0; i < t->clients_count; i++)
        scene_client_reads(t, t->clients[i]);
}

void scene_settle(struct scene *t)
{
    unsigned quiet_max = t->is_random ? QUIET_TURNS_RANDOM : QUIET_TURNS;

    for (unsigned turns = 0, quiet = 0; quiet < quiet_max; turns++) {
        uint64_t cqes = ring_counters(t->ring)->cqes;

        assert_true(turns < TURNS_MAX);
        scene_turn(t);
        quiet = ring_counters(t->ring)->cqes == cqes ? quiet + 1 : 0;
    }
}

void time_passes(struct scene *t, uint64_t ns)
{
    uint64_t end_ns = ring_now_ns(t->ring) + ns;

    for (;;) {
        uint64_t now_ns = ring_now_ns(t->ring);
        uint64_t next_ns = timers_next_ns(&t->timers);
        uint64_t planned_ns = scene_next_planned_ns(t);

        next_ns = planned_ns < next_ns ? planned_ns : next_ns;
        next_ns = next_ns > now_ns ? next_ns : now_ns + SCENE_MS;
        if (next_ns >= end_ns)
            break;
        fake_advance(t->ring, next_ns - now_ns);
        scene_settle(t);
    }
    if (end_ns > ring_now_ns(t->ring))
        fake_advance(t->ring, end_ns - ring_now_ns(t->ring));
    scene_settle(t);
}

void daemon_stops(struct scene *t)
{
    struct list *at, *next;

    for (at = t->sessions.all.next; at != &t->sessions.all; at = next) {
        next = at->next;
        session_stop(container_of(at, struct session, link));
    }
    engine_close(&t->engine);
    scene_settle(t);
}

/* ---- origins ---- */

void origin_answers(struct scene *t, const char *text)
{
    t->answer = text;
    t->answer_by = NULL;
}

void origin_answers_by(struct scene *t, scene_answer answer_by)
{
    t->answer_by = answer_by;
}

static bool is_origin(const struct scene *t, unsigned nth_socket)
{
    return fake_connected_to(t->ring, fake_fd(nth_socket)) != NULL;
}

int origin_fd(const struct scene *t, unsigned nth)
{
    for (unsigned i = 1; i <= fake_sockets_made(t->ring); i++)
        if (is_origin(t, i) && --nth == 0)
            return fake_fd(i);
    fail_msg("the origin has not seen so many connections");
    return -1;
}

unsigned origin_conns_seen(const struct scene *t)
{
    unsigned count = 0;

    for (unsigned i = 1; i <= fake_sockets_made(t->ring); i++)
        count += is_origin(t, i);
    return count;
}

unsigned origin_conns_open(const struct scene *t)
{
    unsigned count = 0;

    for (unsigned i = 1; i <= fake_sockets_made(t->ring); i++)
        count += is_origin(t, i) && fake_is_open(t->ring, fake_fd(i));
    return count;
}

void origin_replies_bytes(struct scene *t, unsigned nth, struct span bytes)
{
    fake_receive(t->ring, origin_fd(t, nth), bytes);
    scene_settle(t);
}

void origin_replies(struct scene *t, unsigned nth, const char *text)
{
    origin_replies_bytes(t, nth, span_of_string(text));
}

void origin_hangs_up(struct scene *t, unsigned nth)
{
    fake_receive_eof(t->ring, origin_fd(t, nth));
    scene_settle(t);
}

void origin_resets(struct scene *t, unsigned nth)
{
    fake_receive_error(t->ring, origin_fd(t, nth), -ECONNRESET);
    scene_settle(t);
}

struct span origin_got(const struct scene *t, unsigned nth)
{
    return fake_sent(t->ring, origin_fd(t, nth));
}

bool origin_is_hung_up_on(const struct scene *t, unsigned nth)
{
    return !fake_is_open(t->ring, origin_fd(t, nth));
}
