/*
 * test_dial_proxy.c - dialing the origin through a proxy: whose fault it is, and in which time.
 */
#include "dial_scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define CONNECT "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"

static void dials(struct dial_scene *t, const char *proxy, bool for_tunnel)
{
    const struct dial_route route = { .host = proxy,
                                      .port = 8080,
                                      .is_proxy = true,
                                      .connect_head =
                                          for_tunnel ? SPAN_LITERAL(CONNECT) : SPAN_LITERAL("") };

    dials_route(t, &route);
}

static void proxy_says(struct dial_scene *t, const char *text)
{
    fake_receive_text(t->ring, fake_last_fd(t->ring), text);
    dial_settles(t);
}

static void a_proxy_for_plain_requests_is_just_connected_to(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "one.test", false);
    assert_int_equal(t->open_count, 1);
    went_to(t, 1, 0xc0000209);
    assert_int_equal(fake_sent(t->ring, fake_fd(1)).bytes, 0);
    assert_int_equal(t->dial.connect_status, 0);
}

static void a_tunnel_is_asked_for_before_it_is_open(void **state)
{
    struct dial_scene *t = *state;
    uint64_t connected_ns;

    dials(t, "one.test", true);
    assert_int_equal(t->open_count, 0);
    assert_int_equal(dial_phase(&t->dial), PHASE_CONNECT);
    assert_true(span_equals(fake_sent(t->ring, fake_fd(1)), SPAN_LITERAL(CONNECT)));
    connected_ns = t->dial.connected_ns;
    assert_true(connected_ns > 0);
    dial_waits(t, 20 * MS);
    proxy_says(t, "HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(t->open_count, 1);
    assert_int_equal(t->dial.connect_status, 200);
    assert_true(t->dial.connected_ns == connected_ns); /* the TCP connection's time */
}

static void a_refused_tunnel_is_no_reason_to_try_another_address(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "three.test", true);
    proxy_says(t, "HTTP/1.1 403 No\r\n\r\n");
    fails_with(t, FAULT_CONNECT_PROXY, PHASE_CONNECT);
    assert_int_equal(t->dial.connect_status, 403);
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

static void the_connect_timeout_covers_the_tunnel(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "one.test", true);
    dial_waits(t, 10 * S - 10 * MS);
    assert_int_equal(t->failed_count, 0);
    dial_waits(t, 20 * MS);
    fails_with(t, FAULT_TIMEOUT_CONNECT, PHASE_CONNECT);
    assert_non_null(strstr(t->fault.why, "CONNECT"));
}

static void a_name_without_an_address_is_the_proxys(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "x..invalid", true);
    fails_with(t, FAULT_DNS_PROXY, PHASE_DNS);
    assert_true(!t->fault.why || strstr(t->fault.why, "proxy"));
}

static void the_words_name_the_proxy(void **state)
{
    static const struct {
        int error;
        enum fault_code code;
    } rows[] = {
        { ECONNREFUSED, FAULT_CONNECT_REFUSED },
        { EHOSTUNREACH, FAULT_CONNECT_UNREACHABLE },
        { ECONNRESET, FAULT_CONNECT_RESET },
        { ETIMEDOUT, FAULT_TIMEOUT_CONNECT },
    };
    struct dial_scene *t = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        t->failed_count = 0;
        fake_connect_result(t->ring, -rows[i].error);
        dials(t, "one.test", true);
        fails_with(t, rows[i].code, PHASE_CONNECT);
        assert_non_null(strstr(t->fault.why, "proxy"));
    }
}

static void cancelled_while_it_asks_it_leaves_nothing(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "one.test", true);
    dial_cancel(&t->dial);
    dial_settles(t);
    assert_int_equal(t->open_count + t->failed_count, 0);
    assert_int_equal(fake_open_sockets(t->ring), 0);
}

#define DIAL(test) cmocka_unit_test_setup_teardown(test, dial_scene_begin, dial_scene_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DIAL(a_proxy_for_plain_requests_is_just_connected_to),
        DIAL(a_tunnel_is_asked_for_before_it_is_open),
        DIAL(a_refused_tunnel_is_no_reason_to_try_another_address),
        DIAL(the_connect_timeout_covers_the_tunnel),
        DIAL(a_name_without_an_address_is_the_proxys),
        DIAL(the_words_name_the_proxy),
        DIAL(cancelled_while_it_asks_it_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
