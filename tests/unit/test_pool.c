/*
 * Connections kept warm, leases that wait, and the cap on sockets.
 */
#include "pool_scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void waits(struct pool_scene *t, uint64_t ns)
{
    fake_advance(t->ring, ns);
    pool_settles(t);
}

static struct pool_key key_of(const char *host)
{
    return (struct pool_key){
        .host = span_of_string(host), .port = 80, .dial_host = span_of_string(host), .dial_port = 80
    };
}

static void acquires_fresh(struct pool_scene *t, unsigned nth, const char *host, bool fresh)
{
    const struct pool_key key = key_of(host);

    acquires_by(t, nth, &key, fresh);
}

static void acquires(struct pool_scene *t, unsigned nth, const char *host)
{
    acquires_fresh(t, nth, host, false);
}

static bool waits_still(struct pool_scene *t, unsigned nth)
{
    struct lessee *l = lessee_is(t, nth);

    return !l->conn && l->ready_count + l->failed_count == 0;
}

static void reuses_the_newest_idle_conn(void **state)
{
    struct pool_scene *t = *state;

    for (unsigned i = 1; i <= 3; i++)
        acquires(t, i, "192.0.2.1");
    releases(t, 2, true);
    releases(t, 3, true);
    releases(t, 1, true);
    acquires(t, 4, "192.0.2.1");
    assert_true(has_socket(t, 4, 1));
    assert_true(lessee_is(t, 4)->lease.reused);
    acquires(t, 5, "192.0.2.1");
    assert_true(has_socket(t, 5, 3));
    assert_int_equal(fake_sockets_made(t->ring), 3);
}

static void routes_do_not_share(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    releases(t, 1, true);
    acquires(t, 2, "192.0.2.2");
    assert_true(has_socket(t, 2, 2));
    assert_false(lessee_is(t, 2)->lease.reused);
}

/* One that was opened without the policy is kept, but not for those with it; and the other way. */
static void a_difference_of_policy_is_a_difference_of_route(void **state)
{
    struct pool_key key = key_of("9.9.9.9");
    struct pool_scene *t = *state;

    for (unsigned nth = 1; nth <= 3; nth++) {
        key.policy =
            (enum policy[]){ POLICY_ANY, POLICY_PUBLIC_ONLY, POLICY_DENY_PRIVATE }[nth - 1];
        acquires_by(t, nth, &key, false);
        assert_true(has_socket(t, nth, nth));
        assert_false(lessee_is(t, nth)->lease.reused);
        releases(t, nth, true);
    }
    key.policy = POLICY_PUBLIC_ONLY;
    acquires_by(t, 4, &key, false);
    assert_true(has_socket(t, 4, 2));
    assert_true(lessee_is(t, 4)->lease.reused);
}

/* The conn that is there must not serve the waiter whose policy denies its address. */
static void a_policy_denies_what_was_opened_without_it(void **state)
{
    struct pool_key key = key_of("127.0.0.1");
    struct pool_scene *t = *state;

    acquires_by(t, 1, &key, false);
    releases(t, 1, true);
    key.policy = POLICY_PUBLIC_ONLY;
    acquires_by(t, 2, &key, false);
    assert_int_equal(lessee_is(t, 2)->failed_count, 1);
    assert_int_equal(lessee_is(t, 2)->fault.code, FAULT_POLICY_DENIED);
    assert_non_null(strstr(lessee_is(t, 2)->why, "127.0.0.1 is a loopback address"));
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

static void a_fresh_conn_is_fresh(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    releases(t, 1, true);
    acquires_fresh(t, 2, "192.0.2.1", true);
    assert_true(has_socket(t, 2, 2));
    assert_false(lessee_is(t, 2)->lease.reused);
}

static void keeps_nothing_it_must_not(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    releases(t, 1, false);
    assert_int_equal(t->pool.idle_count, 0);
    acquires(t, 1, "192.0.2.1");
    fake_receive_eof(t->ring, fake_fd(2));
    pool_settles(t);
    releases(t, 1, true); /* its holder did not notice; the pool does */
    assert_int_equal(t->pool.idle_count, 0);
    assert_int_equal(fake_open_sockets(t->ring), 0);
}

static void an_idle_conn_that_ends_is_dropped(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    acquires(t, 2, "192.0.2.1");
    acquires(t, 3, "192.0.2.1");
    releases(t, 1, true);
    releases(t, 2, true);
    releases(t, 3, true);
    fake_receive_eof(t->ring, fake_fd(1));
    fake_receive_error(t->ring, fake_fd(2), -ECONNRESET);
    pool_settles(t);
    assert_int_equal(t->pool.idle_count, 1);
    assert_true(fake_is_open(t->ring, fake_fd(3)));
}

static void an_idle_conn_that_speaks_is_closed(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    releases(t, 1, true);
    fake_receive_text(t->ring, fake_fd(1), "HTTP/1.1 408 Request Timeout\r\n\r\n");
    pool_settles(t);
    assert_int_equal(t->pool.idle_count, 0);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
}

static void an_idle_conn_is_closed_after_its_time(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    acquires(t, 2, "192.0.2.1");
    releases(t, 1, true);
    waits(t, 20 * S);
    releases(t, 2, true);
    waits(t, 9 * S);
    assert_int_equal(t->pool.idle_count, 2);
    waits(t, 2 * S);
    assert_int_equal(t->pool.idle_count, 1);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
    waits(t, 20 * S);
    assert_int_equal(t->pool.idle_count, 0);
    assert_int_equal(t->pool.routes_count, 0);
}

/* ---- waiting ---- */

static void a_release_serves_a_waiter_whose_dial_goes_on(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    fake_connect_result(t->ring, FAKE_NEVER);
    acquires(t, 2, "192.0.2.1");
    assert_true(waits_still(t, 2));
    releases(t, 1, true);
    assert_true(has_socket(t, 2, 1));
    assert_true(lessee_is(t, 2)->lease.reused);
    fake_connect_finish(t->ring, fake_fd(2), 0);
    pool_settles(t);
    assert_int_equal(t->pool.idle_count, 1); /* the next one will want it */
    assert_int_equal(lessee_is(t, 2)->ready_count, 1);
    acquires(t, 3, "192.0.2.1");
    assert_true(has_socket(t, 3, 2));
    assert_false(lessee_is(t, 3)->lease.reused); /* it has not served */
}

static void the_failure_of_a_dial_that_nobody_waits_for_is_nobodys(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    fake_connect_result(t->ring, FAKE_NEVER);
    acquires(t, 2, "192.0.2.1");
    releases(t, 1, true);
    fake_connect_finish(t->ring, fake_fd(2), -ECONNREFUSED);
    pool_settles(t);
    assert_int_equal(lessee_is(t, 2)->failed_count, 0);
    assert_int_equal(t->pool.dialing_count, 0);
}

static void a_waiter_for_a_fresh_conn_takes_no_used_one(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    fake_connect_result(t->ring, FAKE_NEVER);
    acquires_fresh(t, 2, "192.0.2.1", true);
    releases(t, 1, true);
    assert_true(waits_still(t, 2));
    fake_connect_finish(t->ring, fake_fd(2), 0);
    pool_settles(t);
    assert_true(has_socket(t, 2, 2));
}

static void a_dial_that_fails_is_told_to_its_lease(void **state)
{
    struct pool_scene *t = *state;

    fake_connect_result(t->ring, -ECONNREFUSED);
    acquires(t, 1, "192.0.2.1");
    assert_int_equal(lessee_is(t, 1)->failed_count, 1);
    assert_int_equal(lessee_is(t, 1)->fault.code, FAULT_CONNECT_REFUSED);
    assert_int_equal(t->pool.routes_count, 0);
}

static void tells_what_a_lease_waits_for(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "never.test");
    assert_int_equal(pool_waiting_phase(&lessee_is(t, 1)->lease), PHASE_DNS);
    fake_connect_result(t->ring, FAKE_NEVER);
    acquires(t, 2, "192.0.2.1");
    assert_int_equal(pool_waiting_phase(&lessee_is(t, 2)->lease), PHASE_CONNECT);
    acquires(t, 3, "192.0.2.2");
    acquires(t, 4, "192.0.2.2");
    acquires(t, 5, "192.0.2.2");
    assert_int_equal(pool_waiting_phase(&lessee_is(t, 5)->lease), PHASE_QUEUE);
}

/* ---- the cap ---- */

static void evicts_the_oldest_idle_conn_at_the_cap(void **state)
{
    struct pool_scene *t = *state;

    for (unsigned i = 1; i <= 4; i++)
        acquires(t, i, i < 3 ? "192.0.2.1" : "192.0.2.2");
    releases(t, 3, true);
    waits(t, S);
    releases(t, 1, true);
    acquires(t, 5, "192.0.2.9");
    assert_non_null(lessee_is(t, 5)->conn);
    assert_false(fake_is_open(t->ring, fake_fd(3))); /* the oldest, whatever its route */
    assert_true(fake_is_open(t->ring, fake_fd(1)));
    assert_int_equal(fake_open_sockets(t->ring), 4);
}

static void at_the_cap_a_lease_waits_for_a_socket(void **state)
{
    struct pool_scene *t = *state;

    for (unsigned i = 1; i <= 4; i++)
        acquires(t, i, "192.0.2.1");
    acquires(t, 5, "192.0.2.2");
    assert_true(waits_still(t, 5));
    assert_int_equal(lessee_is(t, 5)->lease.held_by, WIRE_CAP_CONNECTIONS);
    releases(t, 1, true); /* of another route, but it is not kept */
    assert_non_null(lessee_is(t, 5)->conn);
    assert_int_equal(fake_open_sockets(t->ring), 4);
}

static void at_the_cap_a_release_serves_a_lease_of_its_route(void **state)
{
    struct pool_scene *t = *state;

    for (unsigned i = 1; i <= 4; i++)
        acquires(t, i, "192.0.2.1");
    acquires(t, 5, "192.0.2.1");
    assert_true(waits_still(t, 5));
    releases(t, 2, true);
    assert_true(has_socket(t, 5, 2));
    assert_int_equal(fake_sockets_made(t->ring), 4);
}

static void leases_that_wait_at_the_cap_are_served_in_order(void **state)
{
    struct pool_scene *t = *state;

    for (unsigned i = 1; i <= 4; i++)
        acquires(t, i, "192.0.2.1");
    acquires(t, 5, "192.0.2.2");
    acquires(t, 6, "192.0.2.3");
    pool_cancel(&t->pool, &lessee_is(t, 5)->lease); /* it has lost patience */
    acquires(t, 7, "192.0.2.4");
    releases(t, 1, false);
    assert_non_null(lessee_is(t, 6)->conn);
    assert_true(waits_still(t, 7));
}

/* Two sockets come free: one of them is for the user who has asked for one thing only. */
static void users_that_wait_at_the_cap_take_turns(void **state)
{
    struct pool_scene *t = *state;

    t->client_key = 1000;
    for (unsigned i = 1; i <= 4; i++)
        acquires(t, i, "192.0.2.1");
    acquires(t, 5, "192.0.2.2");
    acquires(t, 6, "192.0.2.3");
    acquires(t, 7, "192.0.2.4");
    t->client_key = 1001;
    acquires(t, 8, "192.0.2.5");
    releases(t, 1, false);
    releases(t, 2, false);
    assert_non_null(lessee_is(t, 5)->conn);
    assert_non_null(lessee_is(t, 8)->conn);
    assert_true(waits_still(t, 6));
    assert_true(waits_still(t, 7));
}

/* Also when each conn that comes free fits the one who has just had his turn. */
static void a_user_busy_with_one_origin_does_not_keep_all_sockets(void **state)
{
    struct pool_scene *t = *state;

    t->client_key = 1000;
    for (unsigned i = 1; i <= 4; i++)
        acquires(t, i, "192.0.2.1");
    acquires(t, 5, "192.0.2.1");
    acquires(t, 6, "192.0.2.1");
    t->client_key = 1001;
    acquires(t, 7, "192.0.2.5");
    releases(t, 1, true);
    assert_non_null(lessee_is(t, 5)->conn);
    releases(t, 2, true);
    assert_true(waits_still(t, 6));
    assert_non_null(lessee_is(t, 7)->conn);
}

/* The dial of a lease that was served otherwise ends up idle; while others wait for a socket it
 * must not sit there until its idle time is over. */
static void a_conn_that_nobody_needs_makes_room_at_the_cap(void **state)
{
    struct pool_scene *t = *state;

    for (unsigned i = 1; i <= 3; i++)
        acquires(t, i, "192.0.2.1");
    fake_connect_result(t->ring, FAKE_NEVER);
    acquires(t, 4, "192.0.2.1"); /* dials: the cap is reached */
    acquires(t, 5, "192.0.2.2");
    assert_true(waits_still(t, 5));
    releases(t, 1, true); /* serves the fourth; its dial goes on */
    assert_true(has_socket(t, 4, 1));
    fake_connect_finish(t->ring, fake_fd(4), 0);
    pool_settles(t);
    assert_non_null(lessee_is(t, 5)->conn);
}

static void a_conn_that_nobody_needs_serves_its_route_at_the_cap(void **state)
{
    struct pool_scene *t = *state;

    for (unsigned i = 1; i <= 3; i++)
        acquires(t, i, "192.0.2.1");
    fake_connect_result(t->ring, FAKE_NEVER);
    acquires(t, 4, "192.0.2.1");
    acquires(t, 5, "192.0.2.1");
    releases(t, 1, true);
    fake_connect_finish(t->ring, fake_fd(4), 0);
    pool_settles(t);
    assert_true(has_socket(t, 5, 4));
}

/* ---- closing ---- */

static void closed_it_keeps_nothing_and_waits_for_no_dial(void **state)
{
    struct pool_scene *t = *state;

    acquires(t, 1, "192.0.2.1");
    fake_connect_result(t->ring, FAKE_NEVER);
    acquires(t, 2, "192.0.2.1");
    acquires(t, 3, "192.0.2.1");
    releases(t, 3, true); /* serves the second; its dial goes on alone */
    pool_close(&t->pool);
    pool_settles(t);
    assert_int_equal(t->pool.dialing_count, 0);
    assert_false(pool_is_closed(&t->pool));
    releases(t, 1, true);
    releases(t, 2, true);
    assert_true(pool_is_closed(&t->pool));
    assert_int_equal(fake_open_sockets(t->ring), 0);
}

int main(void)
{
#define POOL(test) cmocka_unit_test_setup_teardown(test, pool_scene_begin, pool_scene_end)
    const struct CMUnitTest tests[] = {
        POOL(reuses_the_newest_idle_conn),
        POOL(routes_do_not_share),
        POOL(a_difference_of_policy_is_a_difference_of_route),
        POOL(a_policy_denies_what_was_opened_without_it),
        POOL(a_fresh_conn_is_fresh),
        POOL(keeps_nothing_it_must_not),
        POOL(an_idle_conn_that_ends_is_dropped),
        POOL(an_idle_conn_that_speaks_is_closed),
        POOL(an_idle_conn_is_closed_after_its_time),
        POOL(a_release_serves_a_waiter_whose_dial_goes_on),
        POOL(the_failure_of_a_dial_that_nobody_waits_for_is_nobodys),
        POOL(a_waiter_for_a_fresh_conn_takes_no_used_one),
        POOL(a_dial_that_fails_is_told_to_its_lease),
        POOL(tells_what_a_lease_waits_for),
        POOL(evicts_the_oldest_idle_conn_at_the_cap),
        POOL(at_the_cap_a_lease_waits_for_a_socket),
        POOL(at_the_cap_a_release_serves_a_lease_of_its_route),
        POOL(leases_that_wait_at_the_cap_are_served_in_order),
        POOL(users_that_wait_at_the_cap_take_turns),
        POOL(a_user_busy_with_one_origin_does_not_keep_all_sockets),
        POOL(a_conn_that_nobody_needs_makes_room_at_the_cap),
        POOL(a_conn_that_nobody_needs_serves_its_route_at_the_cap),
        POOL(closed_it_keeps_nothing_and_waits_for_no_dial),
    };
#undef POOL

    return cmocka_run_group_tests(tests, NULL, NULL);
}
