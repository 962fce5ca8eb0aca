/*
 * dial_scene.c - who holds what was dialled takes no interest in it.
 */
#include "dial_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

static void on_open(struct dial *dial, struct conn *conn)
{
    struct dial_scene *t = container_of(dial, struct dial_scene, dial);

    t->open_count++;
    t->conn = conn;
    conn_adopt(conn, &holder_events, t);
}

static void on_failed(struct dial *dial, const struct fault *fault)
{
    struct dial_scene *t = container_of(dial, struct dial_scene, dial);

    t->failed_count++;
    t->fault = *fault;
}

const struct dial_events dial_scene_events = { .open = on_open, .failed = on_failed };

static void on_gone(void *ctx)
{
    (void)ctx;
}

int dial_scene_begin(void **state)
{
    static const char hosts[] = "192.0.2.1 three.test\n192.0.2.2 three.test\n2001:db8::3 "
                                "three.test\n192.0.2.9 one.test\n"
                                "10.0.0.1 mixed.test\n9.9.9.1 mixed.test\n127.0.0.1 "
                                "mixed.test\n9.9.9.2 mixed.test\n10.0.0.2 inside.test\n"
                                "fd00::2 inside.test\n::ffff:169.254.169.254 inside.test\n";
    static struct dial_scene scene;
    struct dial_scene *t = &scene;
    struct resolve_options options = { 0 };
    int fd;

    *t = (struct dial_scene){ .ring = fake_new() };
    timers_init(&t->timers, ring_now_ns(t->ring));
    (void)snprintf(t->hosts_path, sizeof(t->hosts_path), "/tmp/hauld-test-hosts-XXXXXX");
    fd = mkstemp(t->hosts_path);
    assert_int_equal(write(fd, hosts, sizeof(hosts) - 1), sizeof(hosts) - 1);
    (void)close(fd);
    silent_dns_open(&t->dns);
    options.servers = t->dns.address;
    options.hosts_path = t->hosts_path;
    assert_int_equal(resolve_new(&t->resolve, t->ring, &t->timers, &options), 0);
    assert_int_equal(conns_init(&t->conns, t->ring, 4, on_gone, t), 0);
    t->dialer = (struct dialer){
        .ring = t->ring, .timers = &t->timers, .resolve = t->resolve, .conns = &t->conns
    };
    *state = t;
    return 0;
}

void dial_settles(struct dial_scene *t)
{
    for (unsigned i = 0; i < 4; i++) {
        fake_run(t->ring);
        timers_advance(&t->timers, ring_now_ns(t->ring));
    }
}

int dial_scene_end(void **state)
{
    struct dial_scene *t = *state;

    assert_true(t->open_count + t->failed_count <= 1);
    assert_false(t->dial.active);
    if (t->conn)
        conn_close(t->conn);
    resolve_shutdown(t->resolve);
    dial_settles(t);
    fake_check_quiet(t->ring);
    conns_deinit(&t->conns);
    resolve_free(t->resolve);
    silent_dns_close(&t->dns);
    assert_int_equal(t->timers.count, 0);
    ring_free(t->ring);
    return unlink(t->hosts_path);
}

void dial_waits(struct dial_scene *t, uint64_t ns)
{
    uint64_t end_ns = ring_now_ns(t->ring) + ns;

    while (ring_now_ns(t->ring) < end_ns) {
        fake_advance(t->ring, MS);
        dial_settles(t);
    }
}

void dials_route(struct dial_scene *t, const struct dial_route *route)
{
    const struct dial_options options = { .dns_timeout_ns = 5 * S, .connect_timeout_ns = 10 * S };

    dial_start(&t->dial, &t->dialer, route, &options, NULL, &dial_scene_events);
    assert_int_equal(t->open_count + t->failed_count, 0); /* never inside */
    dial_settles(t);
}

void fails_with(const struct dial_scene *t, enum fault_code code, enum phase phase)
{
    assert_int_equal(t->failed_count, 1);
    assert_string_equal(fault_name(t->fault.code), fault_name(code));
    assert_int_equal(t->fault.code, code);
    assert_string_equal(phase_name(t->fault.phase), phase_name(phase));
}

void went_to(const struct dial_scene *t, unsigned nth, uint32_t address)
{
    const struct sockaddr_in *to = (const void *)fake_connected_to(t->ring, fake_fd(nth));

    assert_non_null(to);
    assert_int_equal(to->sin_family, AF_INET);
    assert_int_equal(ntohs(to->sin_port), 8080);
    assert_int_equal(ntohl(to->sin_addr.s_addr), address);
}
