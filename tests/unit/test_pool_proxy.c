/*
 * test_pool_proxy.c - connections through a proxy are kept apart by what the proxy was told.
 */
#include "pool_scene.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The same origin over the same address: only how the proxy is used differs. */
static void a_login_at_a_proxy_is_part_of_the_route(void **state)
{
    struct pool_scene *t = *state;
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
        acquires_by(t, 1, &keys[i], false);
        assert_true(has_socket(t, 1, i + 1));
        releases(t, 1, true);
    }
    for (unsigned i = 0; i < 4; i++) {
        acquires_by(t, 1, &keys[i], false);
        assert_true(has_socket(t, 1, i + 1));
        releases(t, 1, true);
    }
    assert_int_equal(fake_sockets_made(t->ring), 4);
}

static void a_tunnel_is_kept_by_its_head(void **state)
{
    struct pool_scene *t = *state;
    struct pool_key key = { .host = SPAN_LITERAL("a.test"),
                            .port = 80,
                            .dial_host = SPAN_LITERAL("192.0.2.1"),
                            .dial_port = 3128,
                            .way = PROXY_TUNNEL,
                            .to_proxy = SPAN_LITERAL("CONNECT a.test:80 HTTP/1.1\r\n\r\n") };

    fake_reply(t->ring, "HTTP/1.1 200 OK\r\n\r\n");
    acquires_by(t, 1, &key, false);
    assert_true(has_socket(t, 1, 1));
    assert_int_equal(lessee_is(t, 1)->lease.connect_status, 200);
    releases(t, 1, true);
    acquires_by(t, 1, &key, false);
    assert_true(has_socket(t, 1, 1));
    assert_int_equal(lessee_is(t, 1)->lease.connect_status, 0); /* nothing was asked for it */
    fake_reply(t->ring, "HTTP/1.1 403 No\r\n\r\n");
    key.to_proxy = SPAN_LITERAL("CONNECT b.test:80 HTTP/1.1\r\n\r\n");
    acquires_by(t, 2, &key, false);
    assert_int_equal(lessee_is(t, 2)->failed_count, 1);
    assert_int_equal(lessee_is(t, 2)->fault.code, FAULT_CONNECT_PROXY);
    assert_int_equal(lessee_is(t, 2)->lease.connect_status, 403);
}

#define POOL(test) cmocka_unit_test_setup_teardown(test, pool_scene_begin, pool_scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL(a_login_at_a_proxy_is_part_of_the_route),
        POOL(a_tunnel_is_kept_by_its_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
