/*
 * test_dial_proxy.c - dialing the origin through a proxy: whose fault it is, and in which time.
 */
#include "dial.h"
#include "ring_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

struct scene {
    struct ring *ring;
    struct timers timers;
    struct resolve *resolve;
    struct conns conns;
    struct dialer dialer;
    struct dial dial;
    struct conn *conn;
    unsigned open_count, failed_count;
    struct fault fault;
    char hosts_path[64];
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

static void on_open(struct dial *dial, struct conn *conn)
{
    struct scene *t = container_of(dial, struct scene, dial);

    t->open_count++;
    t->conn = conn;
    conn_adopt(conn, &holder_events, t);
}

static void on_failed(struct dial *dial, const struct fault *fault)
{
    struct scene *t = container_of(dial, struct scene, dial);

    t->failed_count++;
    t->fault = *fault;
}

static const struct dial_events events = { .open = on_open, .failed = on_failed };

static void on_gone(void *ctx)
{
    (void)ctx;
}

static int begin(void **state)
{
    static const char hosts[] = "192.0.2.1 three.test\n192.0.2.2 three.test\n2001:db8::3 "
                                "three.test\n192.0.2.9 one.test\n";
    static struct scene scene;
    struct scene *t = &scene;
    struct resolve_options options = { .servers = "127.0.0.1:9" };
    int fd;

    *t = (struct scene){ .ring = fake_new() };
    timers_init(&t->timers, ring_now_ns(t->ring));
    (void)snprintf(t->hosts_path, sizeof(t->hosts_path), "/tmp/hauld-test-hosts-XXXXXX");
    fd = mkstemp(t->hosts_path);
    assert_int_equal(write(fd, hosts, sizeof(hosts) - 1), sizeof(hosts) - 1);
    (void)close(fd);
    options.hosts_path = t->hosts_path;
    assert_int_equal(resolve_new(&t->resolve, t->ring, &t->timers, &options), 0);
    assert_int_equal(conns_init(&t->conns, t->ring, 4, on_gone, t), 0);
    t->dialer = (struct dialer){
        .ring = t->ring, .timers = &t->timers, .resolve = t->resolve, .conns = &t->conns
    };
    *state = t;
    return 0;
}

static void settles(struct scene *t)
{
    for (unsigned i = 0; i < 4; i++) {
        fake_run(t->ring);
        timers_advance(&t->timers, ring_now_ns(t->ring));
    }
}

static int end(void **state)
{
    struct scene *t = *state;

    assert_true(t->open_count + t->failed_count <= 1);
    assert_false(t->dial.active);
    if (t->conn)
        conn_close(t->conn);
    resolve_shutdown(t->resolve);
    settles(t);
    fake_check_quiet(t->ring);
    conns_deinit(&t->conns);
    resolve_free(t->resolve);
    assert_int_equal(t->timers.count, 0);
    ring_free(t->ring);
    return unlink(t->hosts_path);
}

static void waits(struct scene *t, uint64_t ns)
{
    uint64_t end_ns = ring_now_ns(t->ring) + ns;

    while (ring_now_ns(t->ring) < end_ns) {
        fake_advance(t->ring, MS);
        settles(t);
    }
}

#define CONNECT "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"

static void dials(struct scene *t, const char *proxy, bool for_tunnel)
{
    const struct dial_route route = { .host = proxy,
                                      .port = 8080,
                                      .is_proxy = true,
                                      .connect_head =
                                          for_tunnel ? SPAN_LITERAL(CONNECT) : SPAN_LITERAL("") };
    const struct dial_options options = { .dns_timeout_ns = 5 * S, .connect_timeout_ns = 10 * S };

    dial_start(&t->dial, &t->dialer, &route, &options, NULL, &events);
    settles(t);
}

static void fails_with(const struct scene *t, enum fault_code code, enum phase phase)
{
    assert_int_equal(t->failed_count, 1);
    assert_string_equal(fault_name(t->fault.code), fault_name(code));
    assert_int_equal(t->fault.code, code);
    assert_string_equal(phase_name(t->fault.phase), phase_name(phase));
}

/* The nth socket was told to go to this IPv4 address. */
static void went_to(const struct scene *t, unsigned nth, uint32_t address)
{
    const struct sockaddr_in *to = (const void *)fake_connected_to(t->ring, fake_fd(nth));

    assert_non_null(to);
    assert_int_equal(to->sin_family, AF_INET);
    assert_int_equal(ntohs(to->sin_port), 8080);
    assert_int_equal(ntohl(to->sin_addr.s_addr), address);
}

static void proxy_says(struct scene *t, const char *text)
{
    fake_receive_text(t->ring, fake_last_fd(t->ring), text);
    settles(t);
}

static void a_proxy_for_plain_requests_is_just_connected_to(void **state)
{
    struct scene *t = *state;

    dials(t, "one.test", false);
    assert_int_equal(t->open_count, 1);
    went_to(t, 1, 0xc0000209);
    assert_int_equal(fake_sent(t->ring, fake_fd(1)).bytes, 0);
    assert_int_equal(t->dial.connect_status, 0);
}

static void a_tunnel_is_asked_for_before_it_is_open(void **state)
{
    struct scene *t = *state;
    uint64_t connected_ns;

    dials(t, "one.test", true);
    assert_int_equal(t->open_count, 0);
    assert_int_equal(dial_phase(&t->dial), PHASE_CONNECT);
    assert_true(span_equals(fake_sent(t->ring, fake_fd(1)), SPAN_LITERAL(CONNECT)));
    connected_ns = t->dial.connected_ns;
    assert_true(connected_ns > 0);
    waits(t, 20 * MS);
    proxy_says(t, "HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(t->open_count, 1);
    assert_int_equal(t->dial.connect_status, 200);
    assert_true(t->dial.connected_ns == connected_ns); /* the TCP connection's time */
}

static void a_refused_tunnel_is_no_reason_to_try_another_address(void **state)
{
    struct scene *t = *state;

    dials(t, "three.test", true);
    proxy_says(t, "HTTP/1.1 403 No\r\n\r\n");
    fails_with(t, FAULT_CONNECT_PROXY, PHASE_CONNECT);
    assert_int_equal(t->dial.connect_status, 403);
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

static void the_connect_timeout_covers_the_tunnel(void **state)
{
    struct scene *t = *state;

    dials(t, "one.test", true);
    waits(t, 10 * S - 10 * MS);
    assert_int_equal(t->failed_count, 0);
    waits(t, 20 * MS);
    fails_with(t, FAULT_TIMEOUT_CONNECT, PHASE_CONNECT);
    assert_non_null(strstr(t->fault.why, "CONNECT"));
}

static void a_name_without_an_address_is_the_proxys(void **state)
{
    struct scene *t = *state;

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
    struct scene *t = *state;

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
    struct scene *t = *state;

    dials(t, "one.test", true);
    dial_cancel(&t->dial);
    settles(t);
    assert_int_equal(t->open_count + t->failed_count, 0);
    assert_int_equal(fake_open_sockets(t->ring), 0);
}

#define DIAL(test) cmocka_unit_test_setup_teardown(test, begin, end)

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
