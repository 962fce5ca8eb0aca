/*
 * One request as the user means it: replayed where that is safe, refused before it can do harm,
 * cancelled in each of its states, ended by its deadline.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define NOTHING "HTTP/1.1 204 No Content\r\n\r\n"
#define ORIGIN "http://origin.test/"

/* An idle conn can be dead without our knowing. The next exchange finds out, and the client must
 * not notice. */
static void first_item_is_answered(struct scene *t)
{
    client_begins(t, 2);
    client_submits(t, 1, ORIGIN "first");
    origin_replies(t, 1, NOTHING);
    client_receives(t, 1, 204, "");
}

static void a_get_over_a_dead_connection_is_replayed_once(void **state)
{
    struct scene *t = *state;

    first_item_is_answered(t);
    client_submits(t, 2, ORIGIN "second");
    origin_hangs_up(t, 1);
    assert_int_equal(origin_conns_seen(t), 2);
    origin_replies(t, 2, HELLO);
    client_receives(t, 2, 200, "hello");
    assert_int_equal(client_item(t, 2)->result.attempts, 2);
    assert_false(client_item(t, 2)->result.flags & WIRE_RESULT_REUSED);
}

static void a_replay_is_not_replayed(void **state)
{
    struct scene *t = *state;

    first_item_is_answered(t);
    client_submits(t, 2, ORIGIN "second");
    origin_resets(t, 1);
    origin_hangs_up(t, 2);
    client_receives_fault(t, 2, FAULT_HTTP_EMPTY, PHASE_WAIT);
    assert_int_equal(origin_conns_seen(t), 2);
}

static void a_post_is_not_sent_twice_unless_the_user_says_so(void **state)
{
    static const struct scene_request once = { .url = ORIGIN, .method = "POST", .body = "x=1" };
    static const struct scene_request twice = {
        .url = ORIGIN, .method = "POST", .body = "x=1", .is_replayable = true
    };
    struct scene *t = *state;

    first_item_is_answered(t);
    client_submits_as(t, 2, &once);
    origin_hangs_up(t, 1);
    client_receives_fault(t, 2, FAULT_IO_RECV, PHASE_WAIT);
    assert_int_equal(origin_conns_seen(t), 1);
    client_submits(t, 3, ORIGIN);
    origin_replies(t, 2, NOTHING);
    client_submits_as(t, 4, &twice);
    origin_hangs_up(t, 2);
    origin_replies(t, 3, HELLO);
    client_receives(t, 4, 200, "hello");
}

static void a_byte_of_an_answer_forbids_a_replay(void **state)
{
    struct scene *t = *state;

    first_item_is_answered(t);
    client_submits(t, 2, ORIGIN);
    origin_replies(t, 1, "H");
    origin_hangs_up(t, 1);
    client_receives_fault(t, 2, FAULT_HTTP_PARTIAL, PHASE_RECEIVE);
    assert_int_equal(origin_conns_seen(t), 1);
}

static void a_new_connection_that_dies_is_not_replayed(void **state)
{
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits(t, 1, ORIGIN);
    origin_hangs_up(t, 1);
    client_receives_fault(t, 1, FAULT_HTTP_EMPTY, PHASE_WAIT);
    assert_int_equal(origin_conns_seen(t), 1);
}

/* The connection dies and the client cancels in one turn: the cancel must not be lost in between.
 */
static void a_cancel_that_meets_a_replay_wins(void **state)
{
    struct scene *t = *state;
    char cancel[16];

    first_item_is_answered(t);
    client_submits(t, 2, ORIGIN "second");
    message_encode_fixed(cancel, WIRE_CANCEL, 0, 2, NULL, 0);
    fake_receive_eof(t->ring, origin_fd(t, 1));
    fake_receive(t->ring, t->client->fd, span_of(cancel, sizeof(cancel)));
    scene_settle(t);
    client_receives_fault(t, 2, FAULT_CANCELLED_CLIENT, PHASE_WAIT);
    assert_int_equal(origin_conns_seen(t), 1);
}

static void a_client_that_leaves_as_a_connection_dies_leaves_nothing(void **state)
{
    struct scene *t = *state;

    first_item_is_answered(t);
    client_submits(t, 2, ORIGIN "second");
    fake_receive_eof(t->ring, origin_fd(t, 1));
    client_hangs_up(t);
    assert_int_equal(t->sessions.count, 0);
    assert_int_equal(origin_conns_open(t), 0);
}

/* ---- what cannot be sent ---- */

static void what_cannot_be_sent_ends_its_item_not_the_session(void **state)
{
    static const struct {
        struct scene_request request;
        enum fault_code code;
    } rows[] = {
        { { .url = "" }, FAULT_INPUT_URL },
        { { .url = "http://" }, FAULT_INPUT_URL },
        { { .url = "http://a b/" }, FAULT_INPUT_URL },
        { { .url = "ftp://origin.test/" }, FAULT_INPUT_SCHEME },
        { { .url = ORIGIN, .method = "G T" }, FAULT_INPUT_ARGUMENT },
        { { .url = ORIGIN, .method = "GET\r\nX: y" }, FAULT_INPUT_ARGUMENT },
    };
    struct scene *t = *state;

    client_begins(t, 1);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_submits_as(t, i, &rows[i].request);
        client_receives_fault(t, i, rows[i].code, PHASE_INPUT);
    }
    assert_int_equal(origin_conns_seen(t), 0);
    origin_answers(t, HELLO);
    client_submits(t, 99, ORIGIN);
    client_receives(t, 99, 200, "hello");
}

static void a_url_over_its_limit_is_too_big(void **state)
{
    struct scene *t = *state;
    char *url = malloc(WIRE_URL_BYTES_MAX + 2);

    client_begins(t, 1);
    memset(url, 'a', WIRE_URL_BYTES_MAX + 1);
    memcpy(url, ORIGIN, sizeof(ORIGIN) - 1);
    url[WIRE_URL_BYTES_MAX + 1] = '\0';
    client_submits(t, 1, url);
    client_receives_fault(t, 1, FAULT_INPUT_TOO_BIG, PHASE_INPUT);
    url[WIRE_URL_BYTES_MAX] = '\0';
    client_submits(t, 2, url);
    origin_replies(t, 1, HELLO);
    client_receives(t, 2, 200, "hello");
    free(url);
}

static void unix_sockets_are_the_daemons_own_users_affair(void **state)
{
    static const struct message_profile profile = { .fixed = { .body_mode = WIRE_BODY_DATA },
                                                    .unix_path = { "/run/a.sock", 11 } };
    static const struct scene_request request = { .url = ORIGIN, .profile_id = 2 };
    struct scene *t = *state;

    client_begins(t, 1);
    client_shares(t, 2, &profile);
    client_submits_as(t, 1, &request);
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, "hello");
    assert_int_equal(client_item(t, 1)->result.remote_family, 1);
    client_connects_as(t, (struct ucred){ .pid = 1, .uid = geteuid() + 1, .gid = 1 });
    client_opens_stream(t);
    client_begins_batch(t, 1, 1, 0);
    client_shares(t, 2, &profile);
    client_submits_as(t, 1, &request);
    client_receives_fault(t, 1, FAULT_POLICY_DENIED, PHASE_INPUT);
    assert_int_equal(origin_conns_seen(t), 1);
}

static void a_redirect_leads_nowhere_that_the_policy_denies(void **state)
{
    static const char *const targets[] = {
        "http://127.0.0.1:8080/secret",
        "http://[::ffff:127.0.0.1]:8080/",
        "http://origin.test:8080/secret",
        "http://pinned.test:8080/",
        "//169.254.169.254/",
        "http://localhost:8080/",
    };
    static const struct scene_request plain = { .url = "http://127.0.0.1:8080/open" };
    const struct message_pin pin = { .host = SPAN_LITERAL("pinned.test"),
                                     .to_host = SPAN_LITERAL("127.0.0.1"),
                                     .to_is_address = true };
    char pins[64], answer[200];
    const struct message_profile guarded = {
        .fixed = { .flags = WIRE_PROFILE_FOLLOW | WIRE_PROFILE_PUBLIC_ONLY,
                   .redirects_max = 5,
                   .pin_count = 1 },
        .pins = span_of(pins, message_append_pin(pins, &pin)),
    };
    struct scene_request request = { .url = "http://9.9.9.9/", .profile_id = 2 };
    struct scene *t = *state;

    client_begins(t, 1);
    client_shares(t, 2, &guarded);
    client_submits_as(t, 1, &plain);
    origin_replies(t, 1, HELLO); /* and is kept: it must not serve the others */
    for (uint64_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        (void)snprintf(answer, sizeof(answer),
                       "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
                       targets[i]);
        client_submits_as(t, 2 + i, &request);
        origin_replies(t, 2, answer);
        client_receives_fault(t, 2 + i, FAULT_POLICY_DENIED, PHASE_CONNECT);
        assert_int_equal(client_item(t, 2 + i)->result.hops, 1);
        assert_non_null(strstr(client_item(t, 2 + i)->message, "--public-only"));
    }
    assert_int_equal(origin_conns_seen(t), 2);
    assert_null(memmem(origin_got(t, 1).data, origin_got(t, 1).bytes, "/secret", 7));
}

/* ---- cancelling and deadlines ---- */

static void cancelled_in_each_state_it_has_one_result(void **state)
{
    struct scene *t = *state;
    const struct scene_request planned = { .url = ORIGIN,
                                           .planned_ns = ring_now_ns(t->ring) + 60 * SCENE_S };

    client_begins(t, 3);
    client_submits_as(t, 1, &planned);
    client_submits(t, 2, "http://never.test/");
    fake_connect_result(t->ring, FAKE_NEVER);
    client_submits(t, 3, "http://192.0.2.77/");
    client_submits(t, 4, ORIGIN "sent");
    client_submits(t, 5, ORIGIN "waiting");
    for (uint64_t id = 1; id <= 5; id++) {
        client_cancels(t, id);
        client_cancels(t, id); /* twice is once */
    }
    client_receives_fault(t, 1, FAULT_CANCELLED_CLIENT, PHASE_QUEUE);
    client_receives_fault(t, 2, FAULT_CANCELLED_CLIENT, PHASE_DNS);
    client_receives_fault(t, 3, FAULT_CANCELLED_CLIENT, PHASE_CONNECT);
    client_receives_fault(t, 4, FAULT_CANCELLED_CLIENT, PHASE_WAIT);
    assert_int_equal(client_item(t, 5)->result.fault, FAULT_CANCELLED_CLIENT);
    assert_int_equal(origin_conns_open(t), 0);
}

static void its_total_time_ends_it_wherever_it_is(void **state)
{
    static const struct scene_request queued = { .url = ORIGIN "q", .timeout_ns = 2 * SCENE_S };
    static const struct scene_request sent = { .url = ORIGIN "s", .timeout_ns = 3 * SCENE_S };
    struct scene *t = *state;

    client_begins(t, 1);
    client_submits_as(t, 1, &sent);
    client_submits_as(t, 2, &queued);
    time_passes(t, 1990 * SCENE_MS);
    client_receives_nothing(t, 2);
    time_passes(t, 20 * SCENE_MS);
    client_receives_fault(t, 2, FAULT_TIMEOUT_TOTAL, PHASE_QUEUE);
    client_receives_nothing(t, 1);
    time_passes(t, SCENE_S);
    client_receives_fault(t, 1, FAULT_TIMEOUT_TOTAL, PHASE_WAIT);
    assert_int_equal(origin_conns_open(t), 0);
}

static void a_plan_moves_the_deadline(void **state)
{
    struct scene *t = *state;
    const struct scene_request planned = { .url = ORIGIN,
                                           .planned_ns = ring_now_ns(t->ring) + 10 * SCENE_S,
                                           .timeout_ns = SCENE_S };

    client_begins(t, 1);
    client_submits_as(t, 1, &planned);
    time_passes(t, 10900 * SCENE_MS);
    client_receives_nothing(t, 1);
    time_passes(t, 200 * SCENE_MS);
    client_receives_fault(t, 1, FAULT_TIMEOUT_TOTAL, PHASE_WAIT);
}

/* ---- what is asked ---- */

static void asks_as_the_client_wants_it(void **state)
{
    static const struct scene_request post = { .url = "http://origin.test:8080/a?b#c",
                                               .method = "POST",
                                               .body = "x=1" };
    struct scene *t = *state;
    struct span got;

    client_begins(t, 1);
    client_submits_as(t, 1, &post);
    got = origin_got(t, 1);
    assert_true(span_starts_with(got, SPAN_LITERAL("POST /a?b HTTP/1.1\r\n")));
    assert_non_null(memmem(got.data, got.bytes, "Host: origin.test:8080\r\n", 24));
    assert_non_null(memmem(got.data, got.bytes, "Content-Length: 3\r\n", 19));
    assert_memory_equal(got.data + got.bytes - 7, "\r\n\r\nx=1", 7);
    assert_null(memmem(got.data, got.bytes, "#c", 2));
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, "hello");
    assert_int_equal(client_item(t, 1)->result.request_bytes, got.bytes);
    assert_int_equal(client_item(t, 1)->result.remote_port, 8080);
}

static void a_profile_may_want_new_connections_or_none_kept(void **state)
{
    static const struct message_profile fresh = { .fixed = { .body_mode = WIRE_BODY_DATA,
                                                             .flags = WIRE_PROFILE_FRESH_CONN } };
    static const struct message_profile alone = { .fixed = { .body_mode = WIRE_BODY_DATA,
                                                             .flags = WIRE_PROFILE_NO_REUSE } };
    static const struct scene_request as_fresh = { .url = ORIGIN, .profile_id = 2 };
    static const struct scene_request as_alone = { .url = ORIGIN, .profile_id = 3 };
    struct scene *t = *state;
    struct span got;

    origin_answers(t, HELLO);
    client_begins(t, 1);
    client_shares(t, 2, &fresh);
    client_shares(t, 3, &alone);
    client_submits(t, 1, ORIGIN);
    client_submits_as(t, 2, &as_fresh);
    assert_int_equal(origin_conns_seen(t), 2);
    client_submits_as(t, 3, &as_alone);
    client_receives(t, 3, 200, "hello");
    got = origin_got(t, 2);
    assert_non_null(memmem(got.data, got.bytes, "Connection: close\r\n", 19));
    assert_int_equal(origin_conns_open(t), 1);
}

static void pins_lead_elsewhere_but_ask_for_the_same(void **state)
{
    static const struct scene_request request = { .url = "http://never.test/x", .profile_id = 2 };
    const struct message_pin pin = { .host = SPAN_LITERAL("never.test"),
                                     .port = 80,
                                     .to_host = SPAN_LITERAL("192.0.2.200"),
                                     .to_port = 8080,
                                     .to_is_address = true };
    char pins[64];
    const struct message_profile profile = {
        .fixed = { .body_mode = WIRE_BODY_DATA, .pin_count = 1 },
        .pins = span_of(pins, message_append_pin(pins, &pin)),
    };
    struct scene *t = *state;

    client_begins(t, 1);
    client_shares(t, 2, &profile);
    client_submits_as(t, 1, &request);
    assert_non_null(
        memmem(origin_got(t, 1).data, origin_got(t, 1).bytes, "Host: never.test\r\n", 18));
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, "hello");
    assert_int_equal(client_item(t, 1)->result.remote_port, 8080);
    assert_memory_equal(client_item(t, 1)->result.remote_address, "\xc0\x00\x02\xc8", 4);
}

static void tells_what_the_kernel_knows_of_its_connections(void **state)
{
    static const struct message_profile profile = {
        .fixed = { .flags = WIRE_PROFILE_FOLLOW, .redirects_max = 1, .body_mode = WIRE_BODY_DATA },
    };
    const struct scene_request request = { .url = ORIGIN, .profile_id = 2 };
    struct scene *t = *state;

    client_begins(t, 1);
    client_shares(t, 2, &profile);
    client_submits_as(t, 1, &request);
    fake_tcp_info(t->ring, origin_fd(t, 1), 100, 2);
    origin_replies(t, 1,
                   "HTTP/1.1 302 Found\r\nLocation: http://other.test/\r\n"
                   "Content-Length: 0\r\n\r\n");
    fake_tcp_info(t->ring, origin_fd(t, 2), 300, 3);
    origin_replies(t, 2, HELLO);
    client_receives(t, 1, 200, "hello");
    assert_int_equal(client_item(t, 1)->result.rtt_us, 300); /* of where the answer is from */
    assert_int_equal(client_item(t, 1)->result.retransmits, 5);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(a_get_over_a_dead_connection_is_replayed_once),
        SCENE(a_replay_is_not_replayed),
        SCENE(a_post_is_not_sent_twice_unless_the_user_says_so),
        SCENE(a_byte_of_an_answer_forbids_a_replay),
        SCENE(a_new_connection_that_dies_is_not_replayed),
        SCENE(a_cancel_that_meets_a_replay_wins),
        SCENE(a_client_that_leaves_as_a_connection_dies_leaves_nothing),
        SCENE(what_cannot_be_sent_ends_its_item_not_the_session),
        SCENE(a_url_over_its_limit_is_too_big),
        SCENE(unix_sockets_are_the_daemons_own_users_affair),
        SCENE(a_redirect_leads_nowhere_that_the_policy_denies),
        SCENE(cancelled_in_each_state_it_has_one_result),
        SCENE(its_total_time_ends_it_wherever_it_is),
        SCENE(a_plan_moves_the_deadline),
        SCENE(asks_as_the_client_wants_it),
        SCENE(a_profile_may_want_new_connections_or_none_kept),
        SCENE(pins_lead_elsewhere_but_ask_for_the_same),
        SCENE(tells_what_the_kernel_knows_of_its_connections),
    };
#undef SCENE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
