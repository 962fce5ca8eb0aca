/*
 * From a route to a connection: addresses race, shortages are waited out, one outcome.
 */
#include "dial_scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void dials(struct dial_scene *t, const char *host, enum resolve_family family)
{
    const struct dial_route route = { .host = host, .port = 8080, .family = family };

    dials_route(t, &route);
}

static void opens_a_literal_without_asking(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "192.0.2.7", RESOLVE_ANY);
    assert_int_equal(t->open_count, 1);
    went_to(t, 1, 0xc0000207);
    assert_int_equal(resolve_counters(t->resolve)->lookups, 0);
    assert_true(t->dial.resolved_ns > 0 && t->dial.connected_ns >= t->dial.resolved_ns);
}

static void opens_an_ipv6_literal(void **state)
{
    struct dial_scene *t = *state;
    const struct sockaddr_in6 *to;

    dials(t, "2001:db8::1", RESOLVE_ANY);
    to = (const void *)fake_connected_to(t->ring, fake_fd(1));
    assert_int_equal(to->sin6_family, AF_INET6);
    assert_int_equal(t->conn->remote_family, 6);
}

static void several_literals_race_in_their_order(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, -ECONNREFUSED);
    fake_connect_result(t->ring, -ECONNREFUSED);
    dials(t, "192.0.2.9,2001:db8::1,192.0.2.7", RESOLVE_ANY);
    assert_int_equal(t->open_count, 1);
    went_to(t, 1, 0xc0000209);
    assert_int_equal(fake_connected_to(t->ring, fake_fd(2))->sa_family, AF_INET6);
    went_to(t, 3, 0xc0000207);
    assert_int_equal(resolve_counters(t->resolve)->lookups, 0);
}

static void of_several_literals_the_wanted_version_counts(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "2001:db8::1,192.0.2.7", RESOLVE_IPV4);
    assert_int_equal(t->open_count, 1);
    went_to(t, 1, 0xc0000207);
}

static void what_is_no_list_of_literals_is_a_name(void **state)
{
    static const char *const rows[] = { "192.0.2.1,",          ",192.0.2.1",
                                        "192.0.2.1,,::1",      "192.0.2.1,one.test",
                                        "192.0.2.1 192.0.2.2", "[::1]" };
    struct dial_scene *t = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        dials(t, rows[i], RESOLVE_ANY);
        if (t->failed_count > 0) /* c-ares 1.34 asks no server for a name with such characters */
            fails_with(t, FAULT_DNS_NOT_FOUND, PHASE_DNS);
        dial_cancel(&t->dial);
        assert_int_equal(resolve_counters(t->resolve)->lookups, i + 1);
        t->failed_count = 0;
    }
    dial_settles(t);
    assert_int_equal(fake_sockets_made(t->ring), 0);
}

static void a_literal_of_the_other_family_is_not_found(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "192.0.2.7", RESOLVE_IPV6);
    fails_with(t, FAULT_DNS_NOT_FOUND, PHASE_DNS);
    assert_int_equal(fake_sockets_made(t->ring), 0);
}

static void tries_several_addresses_in_turn(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, -ECONNREFUSED);
    fake_connect_result(t->ring, -ENETUNREACH);
    dials(t, "three.test", RESOLVE_ANY);
    assert_int_equal(t->open_count, 1);
    assert_int_equal(fake_sockets_made(t->ring), 3);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
    assert_false(fake_is_open(t->ring, fake_fd(2)));
}

static void tells_why_the_last_address_failed(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, -ECONNREFUSED);
    fake_connect_result(t->ring, -ECONNREFUSED);
    fake_connect_result(t->ring, -ENETUNREACH);
    dials(t, "three.test", RESOLVE_ANY);
    fails_with(t, FAULT_CONNECT_UNREACHABLE, PHASE_CONNECT);
    assert_int_equal(t->fault.error, ENETUNREACH);
}

static void one_timeout_covers_all_addresses(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    fake_connect_result(t->ring, FAKE_NEVER);
    fake_connect_result(t->ring, FAKE_NEVER);
    dials(t, "three.test", RESOLVE_ANY);
    dial_waits(t, 6 * S);
    fake_connect_finish(t->ring, fake_fd(1), -ECONNREFUSED);
    dial_waits(t, 3900 * MS);
    assert_int_equal(t->failed_count, 0);
    dial_waits(t, 200 * MS);
    fails_with(t, FAULT_TIMEOUT_CONNECT, PHASE_CONNECT);
    assert_int_equal(fake_open_sockets(t->ring), 0);
}

/* ---- Happy Eyeballs: three.test is 2001:db8::3, 192.0.2.1, 192.0.2.2 ---- */

static void ipv6_begins_and_the_next_follows_after_a_quarter_of_a_second(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    dials(t, "three.test", RESOLVE_ANY);
    assert_int_equal(fake_connected_to(t->ring, fake_fd(1))->sa_family, AF_INET6);
    dial_waits(t, 249 * MS);
    assert_int_equal(fake_sockets_made(t->ring), 1);
    dial_waits(t, 2 * MS);
    assert_int_equal(t->open_count, 1);
    went_to(t, 2, 0xc0000201);
    assert_int_equal(t->conn->remote_family, 4);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
    dial_waits(t, S);
    assert_int_equal(fake_sockets_made(t->ring), 2);
}

static void who_connects_first_wins_and_the_others_are_closed(void **state)
{
    struct dial_scene *t = *state;

    for (unsigned i = 0; i < 3; i++)
        fake_connect_result(t->ring, FAKE_NEVER);
    dials(t, "three.test", RESOLVE_ANY);
    dial_waits(t, 600 * MS);
    assert_int_equal(fake_sockets_made(t->ring), 3);
    assert_int_equal(fake_open_sockets(t->ring), 3);
    fake_connect_finish(t->ring, fake_fd(1), 0);
    dial_settles(t);
    assert_int_equal(t->open_count, 1);
    assert_int_equal(t->conn->remote_family, 6);
    assert_int_equal(fake_open_sockets(t->ring), 1);
    assert_true(fake_is_open(t->ring, fake_fd(1)));
}

static void a_failure_begins_the_next_at_once(void **state)
{
    struct dial_scene *t = *state;

    for (unsigned i = 0; i < 3; i++)
        fake_connect_result(t->ring, FAKE_NEVER);
    dials(t, "three.test", RESOLVE_ANY);
    dial_waits(t, 300 * MS);
    assert_int_equal(fake_sockets_made(t->ring), 2);
    fake_connect_finish(t->ring, fake_fd(1), -EHOSTUNREACH);
    dial_settles(t);
    assert_int_equal(fake_sockets_made(t->ring), 3);
    fake_connect_finish(t->ring, fake_fd(3), -ECONNREFUSED);
    dial_settles(t);
    assert_int_equal(t->failed_count, 0); /* one is still trying */
    fake_connect_finish(t->ring, fake_fd(2), 0);
    dial_settles(t);
    assert_int_equal(t->open_count, 1);
    went_to(t, 2, 0xc0000201);
}

static void when_all_have_failed_it_is_over(void **state)
{
    struct dial_scene *t = *state;

    for (unsigned i = 0; i < 3; i++)
        fake_connect_result(t->ring, FAKE_NEVER);
    dials(t, "three.test", RESOLVE_ANY);
    dial_waits(t, 600 * MS);
    fake_connect_finish(t->ring, fake_fd(2), -ECONNREFUSED);
    fake_connect_finish(t->ring, fake_fd(1), -ENETUNREACH);
    dial_settles(t);
    assert_int_equal(t->failed_count, 0);
    fake_connect_finish(t->ring, fake_fd(3), -ECONNREFUSED);
    dial_settles(t);
    fails_with(t, FAULT_CONNECT_REFUSED, PHASE_CONNECT);
}

static void a_shortage_in_the_race_gives_the_address_another_try(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    fake_connect_result(t->ring, -EADDRNOTAVAIL);
    dials(t, "three.test", RESOLVE_ANY);
    dial_waits(t, 255 * MS);
    assert_int_equal(fake_sockets_made(t->ring), 2);
    dial_waits(t, 30 * MS);
    assert_int_equal(fake_sockets_made(t->ring), 3);
    went_to(t, 3, 0xc0000201);
    assert_int_equal(t->open_count, 1);
}

static void without_a_socket_for_the_next_the_oldest_gives_way(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    dials(t, "three.test", RESOLVE_ANY);
    dial_waits(t, 245 * MS);
    fake_socket_result(t->ring, -EMFILE);
    dial_waits(t, 10 * MS);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
    assert_int_equal(t->open_count + t->failed_count, 0);
    dial_waits(t, 30 * MS);
    assert_int_equal(t->open_count, 1);
    went_to(t, 2, 0xc0000201);
}

static void one_attempt_gives_way_to_one_address(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, FAKE_NEVER);
    fake_connect_result(t->ring, FAKE_NEVER);
    dials(t, "three.test", RESOLVE_ANY);
    dial_waits(t, 495 * MS);
    assert_int_equal(fake_open_sockets(t->ring), 2);
    for (unsigned i = 0; i < 5; i++)
        fake_socket_result(t->ring, -EMFILE);
    dial_waits(t, 80 * MS);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
    assert_true(fake_is_open(t->ring, fake_fd(2)));
    fake_connect_finish(t->ring, fake_fd(2), 0);
    dial_settles(t);
    assert_int_equal(t->open_count, 1);
}

static void cancelled_in_the_race_it_leaves_nothing(void **state)
{
    struct dial_scene *t = *state;

    for (unsigned i = 0; i < 3; i++)
        fake_connect_result(t->ring, FAKE_NEVER);
    dials(t, "three.test", RESOLVE_ANY);
    dial_waits(t, 600 * MS);
    dial_cancel(&t->dial);
    dial_waits(t, 20 * S);
    assert_int_equal(t->open_count + t->failed_count, 0);
    assert_int_equal(fake_open_sockets(t->ring), 0);
}

static void a_name_that_nobody_answers_for_times_out(void **state)
{
    struct dial_scene *t = *state;

    dials(t, "never.test", RESOLVE_ANY);
    assert_int_equal(dial_phase(&t->dial), PHASE_DNS);
    dial_waits(t, 4900 * MS);
    assert_int_equal(t->failed_count, 0);
    dial_waits(t, 200 * MS);
    fails_with(t, FAULT_TIMEOUT_DNS, PHASE_DNS);
}

/* ---- our own shortages ---- */

static void a_shortage_that_passes_is_not_noticed(void **state)
{
    struct dial_scene *t = *state;

    fake_socket_result(t->ring, -EMFILE);
    fake_socket_result(t->ring, -ENFILE);
    fake_connect_result(t->ring, -EADDRNOTAVAIL);
    dials(t, "three.test", RESOLVE_IPV4);
    assert_int_equal(t->open_count, 0);
    dial_waits(t, 100 * MS);
    assert_int_equal(t->open_count, 1);
    went_to(t, 2,
            ntohl(((const struct sockaddr_in *)(const void *)fake_connected_to(t->ring, fake_fd(1)))
                      ->sin_addr.s_addr)); /* the same address again */
}

static void fails_for_ever(struct dial_scene *t, void (*next)(struct ring *ring, int error),
                           int error)
{
    for (unsigned i = 0; i < 2000; i++)
        next(t->ring, error);
    dials(t, "one.test", RESOLVE_ANY);
    dial_waits(t, 9900 * MS);
    assert_int_equal(t->failed_count, 0);
    dial_waits(t, 200 * MS);
}

static void a_lack_of_descriptors_is_ours_not_the_origins(void **state)
{
    struct dial_scene *t = *state;

    fails_for_ever(t, fake_socket_result, -EMFILE);
    fails_with(t, FAULT_LOCAL_NO_DESCRIPTORS, PHASE_CONNECT);
}

static void connect_fails(struct ring *ring, int error)
{
    fake_connect_result(ring, error);
}

static void a_lack_of_ports_is_ours_not_the_origins(void **state)
{
    struct dial_scene *t = *state;

    fails_for_ever(t, connect_fails, -EADDRNOTAVAIL);
    fails_with(t, FAULT_LOCAL_NO_PORTS, PHASE_CONNECT);
}

/* The loop was busy and looks at its timers only after the limit. */
static void a_shortage_is_named_also_when_time_has_run_out(void **state)
{
    struct dial_scene *t = *state;

    for (unsigned i = 0; i < 10; i++)
        fake_socket_result(t->ring, -EMFILE);
    dials(t, "one.test", RESOLVE_ANY);
    fake_advance(t->ring, 11 * S);
    dial_settles(t);
    fails_with(t, FAULT_LOCAL_NO_DESCRIPTORS, PHASE_CONNECT);
}

/* ---- cancelling ---- */

static void cancelled_it_says_nothing_and_leaves_nothing(void **state)
{
    static const char *const hosts[] = { "never.test", "192.0.2.7", "three.test" };
    const struct dial_route route = { .host = "one.test", .port = 1 };
    const struct dial_options options = { .dns_timeout_ns = S, .connect_timeout_ns = S };
    struct dial_scene *t = *state;

    dial_start(&t->dial, &t->dialer, &route, &options, NULL, &dial_scene_events);
    dial_cancel(&t->dial); /* before its first step */
    dial_cancel(&t->dial); /* fine when it is over */
    for (unsigned i = 0; i < 3; i++) {
        if (i > 0) /* the name gets nowhere */
            fake_connect_result(t->ring, FAKE_NEVER);
        dials(t, hosts[i], RESOLVE_ANY);
        dial_cancel(&t->dial);
        dial_settles(t);
        assert_int_equal(t->conns.open_count, 0);
    }
    fake_socket_result(t->ring, -EMFILE);
    dials(t, "one.test", RESOLVE_ANY); /* waits for a descriptor */
    dial_cancel(&t->dial);
    dial_waits(t, 20 * S);
    assert_int_equal(t->open_count + t->failed_count, 0);
}

static void dials_from(struct dial_scene *t, const char *interface)
{
    const struct dial_route route = { .host = "192.0.2.7", .port = 1, .interface = interface };
    const struct dial_options options = { .dns_timeout_ns = S, .connect_timeout_ns = S };

    dial_start(&t->dial, &t->dialer, &route, &options, NULL, &dial_scene_events);
    dial_settles(t);
}

static void an_interface_that_is_no_address_is_refused(void **state)
{
    struct dial_scene *t = *state;

    dials_from(t, "eth0");
    fails_with(t, FAULT_INPUT_ARGUMENT, PHASE_CONNECT);
}

/* Its port is chosen at connect, so a bind that fails has nothing to do with a lack of ports. */
static void an_interface_of_another_machine_is_refused_at_once(void **state)
{
    struct dial_scene *t = *state;

    fake_bind_result(t->ring, -EADDRNOTAVAIL);
    dials_from(t, "192.0.2.200");
    fails_with(t, FAULT_INPUT_ARGUMENT, PHASE_CONNECT);
}

static void a_unix_path_that_does_not_fit_is_refused_not_cut(void **state)
{
    struct dial_scene *t = *state;
    char path[200];
    const struct dial_route route = { .host = "x.test", .port = 1, .unix_path = path };
    const struct dial_options options = { .dns_timeout_ns = S, .connect_timeout_ns = S };

    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    dial_start(&t->dial, &t->dialer, &route, &options, NULL, &dial_scene_events);
    dial_settles(t);
    assert_int_equal(t->open_count, 0);
    fails_with(t, FAULT_INPUT_ARGUMENT, PHASE_CONNECT);
}

static void opens_a_unix_socket(void **state)
{
    struct dial_scene *t = *state;
    const struct dial_route route = { .host = "x.test", .port = 1, .unix_path = "/run/x.sock" };
    const struct dial_options options = { .dns_timeout_ns = S, .connect_timeout_ns = S };
    const struct sockaddr_un *to;

    dial_start(&t->dial, &t->dialer, &route, &options, NULL, &dial_scene_events);
    dial_settles(t);
    assert_int_equal(t->open_count, 1);
    to = (const void *)fake_connected_to(t->ring, fake_fd(1));
    assert_int_equal(to->sun_family, AF_UNIX);
    assert_string_equal(to->sun_path, "/run/x.sock");
    assert_int_equal(t->conn->remote_family, 1);
}

/* ---- the policy ---- */

static void dials_by(struct dial_scene *t, enum policy policy, const char *host)
{
    const struct dial_route route = { .host = host, .port = 8080, .policy = policy };
    const struct dial_options options = { .dns_timeout_ns = 5 * S, .connect_timeout_ns = 10 * S };

    dial_start(&t->dial, &t->dialer, &route, &options, NULL, &dial_scene_events);
    assert_int_equal(t->open_count + t->failed_count, 0); /* never inside */
    dial_settles(t);
}

/* No socket was so much as made, and the words name the address. */
static void is_denied(const struct dial_scene *t, const char *address)
{
    fails_with(t, FAULT_POLICY_DENIED, PHASE_CONNECT);
    assert_non_null(t->fault.why);
    assert_memory_equal(t->fault.why, address, strlen(address));
    assert_int_equal(fake_sockets_made(t->ring), 0);
}

static void a_public_address_is_allowed(void **state)
{
    struct dial_scene *t = *state;

    dials_by(t, POLICY_PUBLIC_ONLY, "9.9.9.9");
    assert_int_equal(t->open_count, 1);
    went_to(t, 1, 0x09090909);
}

static void a_literal_that_is_not_public_is_denied(void **state)
{
    static const char *const hosts[] = { "127.0.0.1", "::1", "10.1.2.3", "169.254.169.254",
                                         "0.0.0.0",   "::",  "fe80::1",  "::ffff:127.0.0.1" };
    struct dial_scene *t = *state;

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        t->failed_count = 0;
        dials_by(t, i % 2 ? POLICY_DENY_PRIVATE : POLICY_PUBLIC_ONLY, hosts[i]);
        is_denied(t, hosts[i]);
    }
}

static void without_a_policy_it_is_not(void **state)
{
    struct dial_scene *t = *state;

    dials_by(t, POLICY_ANY, "127.0.0.1");
    assert_int_equal(t->open_count, 1);
    went_to(t, 1, INADDR_LOOPBACK);
}

/* mixed.test has four addresses, two of them public. */
static void only_public_addresses_of_several_are_tried(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, -ECONNREFUSED);
    dials_by(t, POLICY_PUBLIC_ONLY, "mixed.test");
    assert_int_equal(t->open_count, 1);
    assert_int_equal(fake_sockets_made(t->ring), 2);
    for (unsigned nth = 1; nth <= 2; nth++) {
        const struct sockaddr_in *to = (const void *)fake_connected_to(t->ring, fake_fd(nth));

        assert_int_equal(ntohl(to->sin_addr.s_addr) & 0xffffff00, 0x09090900);
    }
}

/* What the user can act on is that nobody listens there, not that haul kept away elsewhere. */
static void what_a_public_address_said_is_told_and_no_other_follows(void **state)
{
    struct dial_scene *t = *state;

    fake_connect_result(t->ring, -ECONNREFUSED);
    fake_connect_result(t->ring, -ECONNREFUSED);
    dials_by(t, POLICY_PUBLIC_ONLY, "mixed.test");
    fails_with(t, FAULT_CONNECT_REFUSED, PHASE_CONNECT);
    assert_int_equal(fake_sockets_made(t->ring), 2);
}

static void a_shortage_is_waited_out_for_a_public_address(void **state)
{
    struct dial_scene *t = *state;

    fake_socket_result(t->ring, -EMFILE);
    dials_by(t, POLICY_PUBLIC_ONLY, "mixed.test");
    assert_int_equal(t->open_count, 0);
    dial_waits(t, 100 * MS);
    assert_int_equal(t->open_count, 1);
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

static void a_name_with_no_public_address_is_denied_at_once(void **state)
{
    struct dial_scene *t = *state;

    dials_by(t, POLICY_PUBLIC_ONLY, "inside.test");
    is_denied(t, ""); /* one of three */
    assert_non_null(strstr(t->fault.why, "--public-only"));
}

static void a_unix_socket_is_not_public(void **state)
{
    struct dial_scene *t = *state;
    struct dial_route route = {
        .host = "x.test", .port = 1, .unix_path = "/run/x.sock", .policy = POLICY_PUBLIC_ONLY
    };
    const struct dial_options options = { .dns_timeout_ns = S, .connect_timeout_ns = S };

    dial_start(&t->dial, &t->dialer, &route, &options, NULL, &dial_scene_events);
    dial_settles(t);
    is_denied(t, "--public-only");

    t->failed_count = 0;
    route.policy = POLICY_DENY_PRIVATE; /* its key is UnixUpstreams= */
    dial_start(&t->dial, &t->dialer, &route, &options, NULL, &dial_scene_events);
    dial_settles(t);
    assert_int_equal(t->open_count, 1);
}

int main(void)
{
#define DIAL(test) cmocka_unit_test_setup_teardown(test, dial_scene_begin, dial_scene_end)
    const struct CMUnitTest tests[] = {
        DIAL(opens_a_literal_without_asking),
        DIAL(opens_an_ipv6_literal),
        DIAL(several_literals_race_in_their_order),
        DIAL(of_several_literals_the_wanted_version_counts),
        DIAL(what_is_no_list_of_literals_is_a_name),
        DIAL(a_literal_of_the_other_family_is_not_found),
        DIAL(tries_several_addresses_in_turn),
        DIAL(tells_why_the_last_address_failed),
        DIAL(one_timeout_covers_all_addresses),
        DIAL(ipv6_begins_and_the_next_follows_after_a_quarter_of_a_second),
        DIAL(who_connects_first_wins_and_the_others_are_closed),
        DIAL(a_failure_begins_the_next_at_once),
        DIAL(when_all_have_failed_it_is_over),
        DIAL(a_shortage_in_the_race_gives_the_address_another_try),
        DIAL(without_a_socket_for_the_next_the_oldest_gives_way),
        DIAL(one_attempt_gives_way_to_one_address),
        DIAL(cancelled_in_the_race_it_leaves_nothing),
        DIAL(a_name_that_nobody_answers_for_times_out),
        DIAL(a_shortage_that_passes_is_not_noticed),
        DIAL(a_lack_of_descriptors_is_ours_not_the_origins),
        DIAL(a_lack_of_ports_is_ours_not_the_origins),
        DIAL(a_shortage_is_named_also_when_time_has_run_out),
        DIAL(cancelled_it_says_nothing_and_leaves_nothing),
        DIAL(an_interface_that_is_no_address_is_refused),
        DIAL(an_interface_of_another_machine_is_refused_at_once),
        DIAL(a_unix_path_that_does_not_fit_is_refused_not_cut),
        DIAL(opens_a_unix_socket),
        DIAL(a_public_address_is_allowed),
        DIAL(a_literal_that_is_not_public_is_denied),
        DIAL(without_a_policy_it_is_not),
        DIAL(only_public_addresses_of_several_are_tried),
        DIAL(what_a_public_address_said_is_told_and_no_other_follows),
        DIAL(a_shortage_is_waited_out_for_a_public_address),
        DIAL(a_name_with_no_public_address_is_denied_at_once),
        DIAL(a_unix_socket_is_not_public),
    };
#undef DIAL

    return cmocka_run_group_tests(tests, NULL, NULL);
}
