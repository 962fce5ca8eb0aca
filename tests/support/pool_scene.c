/*
 * pool_scene.c - lessees hold what they get, and take no interest in it.
 */
#include "pool_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void on_bytes(void *ctx, struct conn *conn, struct span bytes, uint64_t now_ns)
{
    (void)ctx, (void)conn, (void)bytes, (void)now_ns;
}

static void on_closed(void *ctx, struct conn *conn, int error, bool while_sending)
{
    (void)ctx, (void)conn, (void)error, (void)while_sending;
}

static const struct conn_events holder_events = { .bytes = on_bytes, .closed = on_closed };

static void on_ready(struct pool_lease *lease, struct conn *conn)
{
    struct lessee *l = container_of(lease, struct lessee, lease);

    l->ready_count++;
    l->conn = conn;
    conn_adopt(conn, &holder_events, l);
}

static void on_failed(struct pool_lease *lease, const struct fault *fault)
{
    struct lessee *l = container_of(lease, struct lessee, lease);

    l->failed_count++;
    l->fault = *fault;
    (void)snprintf(l->why, sizeof(l->why), "%s", fault->why ? fault->why : "");
}

void pool_scene_begin_with(struct pool_scene *t, unsigned conns_max)
{
    const struct resolve_options resolve = { .servers = t->dns.address };
    const struct pool_options options = { .conns_max = conns_max, .idle_timeout_ns = 30 * S };

    *t = (struct pool_scene){ .ring = fake_new() };
    timers_init(&t->timers, ring_now_ns(t->ring));
    silent_dns_open(&t->dns);
    assert_int_equal(resolve_new(&t->resolve, t->ring, &t->timers, &resolve), 0);
    assert_int_equal(pool_init(&t->pool, t->ring, &t->timers, t->resolve, &options), 0);
}

int pool_scene_begin(void **state)
{
    static struct pool_scene scene;

    pool_scene_begin_with(&scene, 4);
    *state = &scene;
    return 0;
}

void pool_settles(struct pool_scene *t)
{
    for (unsigned i = 0; i < 4; i++) {
        fake_run(t->ring);
        timers_advance(&t->timers, ring_now_ns(t->ring));
        pool_check(&t->pool);
    }
}

struct lessee *lessee_is(struct pool_scene *t, unsigned nth)
{
    return &t->lessees[nth - 1];
}

void acquires_by(struct pool_scene *t, unsigned nth, const struct pool_key *key, bool fresh)
{
    struct lessee *l = lessee_is(t, nth);
    struct fault fault = { 0 };
    struct conn *conn;

    *l = (struct lessee){ 0 };
    l->lease.ready = on_ready;
    l->lease.failed = on_failed;
    l->lease.client_key = t->client_key;
    l->lease.options =
        (struct dial_options){ .dns_timeout_ns = 5 * S, .connect_timeout_ns = 10 * S };
    conn = pool_acquire(&t->pool, &l->lease, key, fresh, &fault);
    assert_false(fault_is_set(&fault));
    assert_int_equal(l->ready_count + l->failed_count, 0); /* never inside */
    if (conn) {
        l->conn = conn;
        conn_adopt(conn, &holder_events, l);
    }
    pool_settles(t);
}

void releases(struct pool_scene *t, unsigned nth, bool reuse)
{
    struct lessee *l = lessee_is(t, nth);
    struct conn *conn = l->conn;

    assert_non_null(conn);
    l->conn = NULL;
    pool_release(&t->pool, &l->lease, conn, reuse);
    pool_settles(t);
}

bool has_socket(struct pool_scene *t, unsigned nth, unsigned socket)
{
    return lessee_is(t, nth)->conn && lessee_is(t, nth)->conn->fd == fake_fd(socket);
}

int pool_scene_end(void **state)
{
    struct pool_scene *t = *state;

    for (unsigned i = 1; i <= LEASES; i++) {
        struct lessee *l = lessee_is(t, i);

        if (l->conn)
            releases(t, i, false);
        else if (l->lease.route)
            pool_cancel(&t->pool, &l->lease);
    }
    pool_close(&t->pool);
    pool_settles(t);
    assert_true(pool_is_closed(&t->pool));
    resolve_shutdown(t->resolve);
    pool_settles(t);
    fake_check_quiet(t->ring);
    pool_deinit(&t->pool);
    resolve_free(t->resolve);
    silent_dns_close(&t->dns);
    assert_int_equal(t->timers.count, 0);
    ring_free(t->ring);
    return 0;
}
