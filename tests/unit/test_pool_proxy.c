/*
 * test_pool_proxy.c - connections through a proxy are kept apart by what the proxy was told.
 */
#include "pool.h"
#include "ring_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)
#define LEASES 8

struct scene;

struct lessee {
    struct pool_lease lease;
    struct scene *scene;
    struct conn *conn;
    unsigned ready_count, failed_count;
    struct fault fault;
};

struct scene {
    struct ring *ring;
    struct timers timers;
    struct resolve *resolve;
    struct pool pool;
    struct lessee lessees[LEASES];
};

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
}

static void begins(struct scene *t, unsigned conns_max)
{
    static const struct resolve_options resolve = { .servers = "127.0.0.1:9" };
    const struct pool_options options = { .conns_max = conns_max, .idle_timeout_ns = 30 * S };

    *t = (struct scene){ .ring = fake_new() };
    timers_init(&t->timers, ring_now_ns(t->ring));
    assert_int_equal(resolve_new(&t->resolve, t->ring, &t->timers, &resolve), 0);
    assert_int_equal(pool_init(&t->pool, t->ring, &t->timers, t->resolve, &options), 0);
}

static int begin(void **state)
{
    static struct scene scene;

    begins(&scene, 4);
    *state = &scene;
    return 0;
}

static void settles(struct scene *t)
{
    for (unsigned i = 0; i < 4; i++) {
        fake_run(t->ring);
        timers_advance(&t->timers, ring_now_ns(t->ring));
        pool_check(&t->pool);
    }
}

static struct lessee *lessee_is(struct scene *t, unsigned nth)
{
    return &t->lessees[nth - 1];
}

static void acquires_by(struct scene *t, unsigned nth, struct pool_key key)
{
    struct lessee *l = lessee_is(t, nth);
    struct fault fault = { 0 };
    struct conn *conn;

    *l = (struct lessee){ .scene = t };
    l->lease.ready = on_ready;
    l->lease.failed = on_failed;
    l->lease.options =
        (struct dial_options){ .dns_timeout_ns = 5 * S, .connect_timeout_ns = 10 * S };
    conn = pool_acquire(&t->pool, &l->lease, &key, false, &fault);
    assert_false(fault_is_set(&fault));
    assert_int_equal(l->ready_count + l->failed_count, 0); /* never inside */
    if (conn) {
        l->conn = conn;
        conn_adopt(conn, &holder_events, l);
    }
    settles(t);
}

static void releases(struct scene *t, unsigned nth, bool reuse)
{
    struct lessee *l = lessee_is(t, nth);
    struct conn *conn = l->conn;

    assert_non_null(conn);
    l->conn = NULL;
    pool_release(&t->pool, &l->lease, conn, reuse);
    settles(t);
}

static bool has_socket(struct scene *t, unsigned nth, unsigned socket)
{
    return lessee_is(t, nth)->conn && lessee_is(t, nth)->conn->fd == fake_fd(socket);
}

static int end(void **state)
{
    struct scene *t = *state;

    for (unsigned i = 1; i <= LEASES; i++) {
        struct lessee *l = lessee_is(t, i);

        if (l->conn)
            releases(t, i, false);
        else if (l->lease.route)
            pool_cancel(&t->pool, &l->lease);
    }
    pool_close(&t->pool);
    settles(t);
    assert_true(pool_is_closed(&t->pool));
    resolve_shutdown(t->resolve);
    settles(t);
    fake_check_quiet(t->ring);
    pool_deinit(&t->pool);
    resolve_free(t->resolve);
    assert_int_equal(t->timers.count, 0);
    ring_free(t->ring);
    return 0;
}

/* The same origin over the same address: only how the proxy is used differs. */
static void a_login_at_a_proxy_is_part_of_the_route(void **state)
{
    struct scene *t = *state;
    struct pool_key keys[] = {
        { .way = PROXY_NONE },
        { .way = PROXY_FORWARD },
        { .way = PROXY_FORWARD, .to_proxy = SPAN_LITERAL("Proxy-Authorization: Basic dTpw\r\n") },
        { .way = PROXY_FORWARD, .to_proxy = SPAN_LITERAL("Proxy-Authorization: Basic dTpx\r\n") },
    };

    for (unsigned i = 0; i < 4; i++) {
        keys[i].host = SPAN_LITERAL("a.test");
        keys[i].port = 80;
        keys[i].dial_host = SPAN_LITERAL("192.0.2.1");
        keys[i].dial_port = 3128;
        acquires_by(t, 1, keys[i]);
        assert_true(has_socket(t, 1, i + 1));
        releases(t, 1, true);
    }
    for (unsigned i = 0; i < 4; i++) {
        acquires_by(t, 1, keys[i]);
        assert_true(has_socket(t, 1, i + 1));
        releases(t, 1, true);
    }
    assert_int_equal(fake_sockets_made(t->ring), 4);
}

static void a_tunnel_is_kept_by_its_head(void **state)
{
    struct scene *t = *state;
    struct pool_key key = { .host = SPAN_LITERAL("a.test"),
                            .port = 80,
                            .dial_host = SPAN_LITERAL("192.0.2.1"),
                            .dial_port = 3128,
                            .way = PROXY_TUNNEL,
                            .to_proxy = SPAN_LITERAL("CONNECT a.test:80 HTTP/1.1\r\n\r\n") };

    fake_reply(t->ring, "HTTP/1.1 200 OK\r\n\r\n");
    acquires_by(t, 1, key);
    assert_true(has_socket(t, 1, 1));
    assert_int_equal(lessee_is(t, 1)->lease.connect_status, 200);
    releases(t, 1, true);
    acquires_by(t, 1, key);
    assert_true(has_socket(t, 1, 1));
    assert_int_equal(lessee_is(t, 1)->lease.connect_status, 0); /* nothing was asked for it */
    fake_reply(t->ring, "HTTP/1.1 403 No\r\n\r\n");
    key.to_proxy = SPAN_LITERAL("CONNECT b.test:80 HTTP/1.1\r\n\r\n");
    acquires_by(t, 2, key);
    assert_int_equal(lessee_is(t, 2)->failed_count, 1);
    assert_int_equal(lessee_is(t, 2)->fault.code, FAULT_CONNECT_PROXY);
    assert_int_equal(lessee_is(t, 2)->lease.connect_status, 403);
}

#define POOL(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL(a_login_at_a_proxy_is_part_of_the_route),
        POOL(a_tunnel_is_kept_by_its_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
