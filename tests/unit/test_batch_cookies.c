/*
 * A batch and its jar, from frame to request and back: what an answer sets goes with the next one,
 * hop by hop, and to no other batch; what is left comes back within the window.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define EMPTY "Content-Length: 0\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n" EMPTY
#define ORIGIN "http://origin.test/"
#define USED (WIRE_BODY_WINDOW_BYTES - (100u << 10))
#define JAR WIRE_BATCH_COOKIES
#define JAR_BACK (WIRE_BATCH_COOKIES | WIRE_BATCH_COOKIES_BACK)

static char last_request[4096];

static int begin(void **state)
{
    static struct scene scene;

    scene_begin(&scene, &(struct scene_options){ 0 });
    last_request[0] = '\0';
    *state = &scene;
    return 0;
}

/* Sets what the path asks for: "/set/a=1" a cookie, "/go/URL" leads there with one, "/fail" too. */
static void answers_by_path(struct scene *t, int fd, struct span request)
{
    char path[512], out[1200];
    int bytes;

    (void)snprintf(last_request, sizeof(last_request), "%.*s", (int)request.bytes, request.data);
    assert_int_equal(sscanf(last_request, "%*s %511s", path), 1);
    if (strncmp(path, "/set/", 5) == 0)
        bytes = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nSet-Cookie: %s; Path=/\r\n" EMPTY,
                         path + 5);
    else if (strncmp(path, "/go/", 4) == 0)
        bytes = snprintf(
            out, sizeof(out),
            "HTTP/1.1 302 Found\r\nSet-Cookie: hop=1; Path=/\r\nLocation: %s\r\n" EMPTY, path + 4);
    else if (strncmp(path, "/fail", 5) == 0)
        bytes = snprintf(out, sizeof(out),
                         "HTTP/1.1 503 Busy\r\nSet-Cookie: failed=1; Path=/\r\n" EMPTY);
    else
        bytes = snprintf(out, sizeof(out), OK);
    fake_receive(t->ring, fd, span_of(out, (size_t)bytes));
}

/* A stream with profile 1, which follows, and batch 1. */
static void client_begins_with(struct scene *t, uint32_t flags)
{
    const struct message_profile profile = { .fixed = { .flags = WIRE_PROFILE_FOLLOW,
                                                        .redirects_max = 5 } };

    origin_answers_by(t, answers_by_path);
    client_connects(t);
    client_opens_stream(t);
    client_shares(t, 1, &profile);
    client_begins_batch_with(t, 1, flags);
}

static void fetches_in(struct scene *t, uint64_t batch, const char *url)
{
    const struct scene_request request = { .url = url, .batch_id = batch };

    client_submits_as(t, 1, &request);
    assert_int_equal(client_item(t, 1)->results_count, 1);
}

static void fetches(struct scene *t, const char *url)
{
    fetches_in(t, 1, url);
}

/* The Cookie field of the last request; NULL: it had none. */
static void expect_cookie(const char *expected)
{
    const char *at = strstr(last_request, "\r\nCookie: ");
    size_t bytes = at ? strcspn(at + 10, "\r") : 0;

    if (!expected) {
        assert_null(at);
        return;
    }
    assert_non_null(at);
    if (strlen(expected) != bytes || memcmp(at + 10, expected, bytes) != 0)
        fail_msg("sent '%.*s', not '%s'", (int)bytes, at + 10, expected);
    assert_null(strstr(at + 10, "\r\nCookie: "));
}

static void what_an_answer_sets_goes_with_the_next_request(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR);
    fetches(t, ORIGIN);
    expect_cookie(NULL);
    fetches(t, ORIGIN "set/a=1");
    fetches(t, ORIGIN "set/b=2");
    expect_cookie("a=1");
    fetches(t, ORIGIN "x?y");
    expect_cookie("a=1; b=2");
    fetches(t, "http://ORIGIN.test:8080/"); /* the port does not matter */
    expect_cookie("a=1; b=2");
    fetches(t, "http://other.test/");
    expect_cookie(NULL);
}

static void a_batch_without_a_jar_keeps_nothing(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, 0);
    fetches(t, ORIGIN "set/a=1");
    fetches(t, ORIGIN);
    expect_cookie(NULL);
    client_ends_batch(t, 1);
    (void)client_receives_batch_done(t, 1);
    assert_int_equal(t->client->cookies_count, 0);
}

static void batches_share_nothing(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR);
    client_begins_batch_with(t, 2, JAR);
    fetches_in(t, 1, ORIGIN "set/a=1");
    fetches_in(t, 2, ORIGIN);
    expect_cookie(NULL);
    fetches_in(t, 2, ORIGIN "set/b=2");
    fetches_in(t, 1, ORIGIN);
    expect_cookie("a=1");
    client_ends_batch(t, 1);
    client_begins_batch_with(t, 1, JAR); /* the same number is another batch */
    fetches_in(t, 1, ORIGIN);
    expect_cookie(NULL);
    client_connects(t);
    client_opens_stream(t);
    client_shares(t, 1, NULL);
    client_begins_batch_with(t, 2, JAR);
    fetches_in(t, 2, ORIGIN);
    expect_cookie(NULL);
}

static void what_a_redirect_sets_goes_where_it_leads(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR);
    fetches(t, ORIGIN "go//there");
    expect_cookie("hop=1");
    assert_int_equal(t->requests_count, 2);
    fetches(t, ORIGIN "go/http://other.test/");
    assert_non_null(strstr(last_request, "Host: other.test"));
    expect_cookie(NULL);
    fetches(t, "http://other.test/go/" ORIGIN "set/x=1");
    expect_cookie("hop=1"); /* its own of before, not the other's */
}

static void what_a_failed_attempt_sets_goes_with_the_next(void **state)
{
    const struct message_profile retries = {
        .fixed = { .retries_max = 1, .retry_delay_ns = SCENE_MS, .retry_statuses = { 503 } }
    };
    const struct scene_request request = { .url = ORIGIN "fail", .profile_id = 2 };
    struct scene *t = *state;

    client_begins_with(t, JAR);
    client_shares(t, 2, &retries);
    client_submits_as(t, 1, &request);
    expect_cookie(NULL);
    time_passes(t, SCENE_S);
    assert_int_equal(t->requests_count, 2);
    expect_cookie("failed=1");
}

static void the_path_is_the_one_that_is_sent(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR);
    client_gives_cookie(t, 1, "origin.test\tFALSE\t/x\tFALSE\t0\ta\t1");
    client_gives_cookie(t, 1, "origin.test\tFALSE\t/a%20b\tFALSE\t0\tb\t2");
    fetches(t, ORIGIN "y/../x/z");
    expect_cookie("a=1");
    fetches(t, ORIGIN "x?/y");
    expect_cookie("a=1");
    fetches(t, ORIGIN "a b/c");
    expect_cookie("b=2");
    fetches(t, ORIGIN "?/x");
    expect_cookie(NULL);
    fetches(t, "http://origin.test");
    expect_cookie(NULL);
}

static void the_clients_own_stays_with_its_origin_and_comes_last(void **state)
{
    char fields[64];
    struct message_profile profile = {
        .fixed = { .flags = WIRE_PROFILE_FOLLOW, .redirects_max = 5, .header_count = 1 }
    };
    const struct scene_request here = { .url = ORIGIN "go//x", .profile_id = 2 };
    const struct scene_request away = { .url = ORIGIN "go/http://other.test/", .profile_id = 2 };
    struct scene *t = *state;

    profile.headers = span_of(
        fields, message_append_field(fields, SPAN_LITERAL("Cookie"), SPAN_LITERAL("own=1")));
    client_begins_with(t, JAR);
    client_shares(t, 2, &profile);
    client_gives_cookie(t, 1, "other.test\tFALSE\t/\tFALSE\t0\tjar\t2");
    client_submits_as(t, 1, &here);
    expect_cookie("hop=1; own=1");
    client_submits_as(t, 2, &away);
    expect_cookie("jar=2");
}

static void an_address_with_a_zone_has_no_cookies(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR);
    client_gives_cookie(t, 1, "fe80::1\tFALSE\t/\tFALSE\t0\ta\t1");
    client_submits(t, 1, "http://[fe80::1%251]/set/b=2");
    expect_cookie(NULL);
    client_submits(t, 2, "http://[fe80::1]/");
    expect_cookie("a=1");
}

/* ---- back to the client ---- */

static void gives_the_jar_back_before_the_batch_is_done(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR_BACK);
    client_gives_cookie(t, 1, ".other.test\tTRUE\t/deep\tTRUE\t0\told\t0");
    client_gives_cookie(t, 1, "origin.test\tFALSE\t/\tFALSE\t1\tgone\t0");
    fetches(t, ORIGIN "set/a=1");
    fetches(t, ORIGIN "set/b=2;Max-Age=100");
    fetches(t, ORIGIN "set/c=3;Max-Age=1");
    time_passes(t, 2 * SCENE_S);
    assert_int_equal(t->client->cookies_count, 0);
    client_ends_batch(t, 1);
    (void)client_receives_batch_done(t, 1);
    assert_string_equal(t->client->cookies,
                        "other.test /deep old=0|origin.test / a=1|origin.test / b=2|");
}

static void keeps_the_jar_of_a_client_that_did_not_ask(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR);
    fetches(t, ORIGIN "set/a=1");
    client_ends_batch(t, 1);
    (void)client_receives_batch_done(t, 1);
    assert_int_equal(t->client->cookies_count, 0);
}

static void fills_the_jar(struct scene *t, unsigned count)
{
    char *line = malloc(4200);

    for (unsigned i = 0; i < count; i++) {
        int head = snprintf(line, 100, "h%u.test\tFALSE\t/\tFALSE\t0\tn\t", i);

        memset(line + head, 'v', 4000);
        line[head + 4000] = '\0';
        client_gives_cookie(t, 1, line);
    }
    free(line);
}

/* As if bodies had taken all of the window but 100 KiB: 25 of those cookies. */
static void has_used_most_of_the_window(struct scene *t)
{
    struct session *s = container_of(t->sessions.all.next, struct session, link);

    s->body_window -= USED;
    t->client->window_used += USED;
}

static void cookies_keep_to_the_window(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR_BACK);
    fills_the_jar(t, 60);
    has_used_most_of_the_window(t);
    client_ends_batch(t, 1);
    assert_int_equal(t->client->cookies_count, 25);
    assert_int_equal(t->client->batches_done[1].fixed_bytes, 0);
    client_pings(t, 1);
    assert_int_equal(t->client->batches_done[1].fixed_bytes, 0);
    client_credits(t, 10 * 4056);
    assert_int_equal(t->client->cookies_count, 35);
    client_credits(t, t->client->window_used);
    assert_int_equal(t->client->cookies_count, 60);
    (void)client_receives_batch_done(t, 1);
}

static void a_client_that_leaves_takes_its_jar_with_it(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR_BACK);
    fills_the_jar(t, 60);
    has_used_most_of_the_window(t);
    client_ends_batch(t, 1);
    client_hangs_up(t);
    assert_int_equal(t->sessions.count, 0);
}

static void a_client_that_ends_its_input_cannot_give_credit(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR_BACK);
    fills_the_jar(t, 60);
    has_used_most_of_the_window(t);
    client_ends_batch(t, 1);
    client_ends_input(t);
    assert_int_equal(t->client->batches_done[1].fixed_bytes, 0);
    assert_int_equal(t->sessions.count, 0);
}

/* ---- refused ---- */

static void a_cookie_needs_an_open_batch_with_a_jar(void **state)
{
    static const char line[] = "a.test\tFALSE\t/\tFALSE\t0\ta\t1";
    struct scene *t = *state;

    client_begins_with(t, 0);
    client_gives_cookie(t, 1, line);
    client_is_refused(t, WIRE_ERROR_UNKNOWN_ID);
    client_begins_with(t, JAR);
    client_gives_cookie(t, 2, line);
    client_is_refused(t, WIRE_ERROR_UNKNOWN_ID);
    client_begins_with(t, JAR);
    client_ends_batch(t, 1);
    client_gives_cookie(t, 1, line);
    client_is_refused(t, WIRE_ERROR_UNKNOWN_ID);
}

static void a_spoilt_cookie_ends_the_session(void **state)
{
    static const struct wire_cookie nothing = { .fixed_bytes = sizeof(nothing) };
    static const struct wire_cookie flag = { .fixed_bytes = sizeof(flag), .flags = 0x8 };
    struct scene *t = *state;

    client_begins_with(t, JAR);
    client_sends_fixed(t, WIRE_COOKIE, 0, 1, &nothing, sizeof(nothing));
    client_is_refused(t, WIRE_ERROR_MALFORMED);
    client_begins_with(t, JAR);
    client_sends_fixed(t, WIRE_COOKIE, 0, 1, &flag, sizeof(flag));
    client_is_refused(t, WIRE_ERROR_RESERVED);
    client_begins_with(t, WIRE_BATCH_COOKIES_BACK);
    client_is_refused(t, WIRE_ERROR_MALFORMED);
}

static void a_session_has_16_jars(void **state)
{
    struct scene *t = *state;

    client_begins_with(t, JAR);
    for (uint64_t id = 2; id <= WIRE_JARS_PER_SESSION; id++)
        client_begins_batch_with(t, id, JAR);
    client_begins_batch_with(t, 100, 0);
    client_ends_batch(t, 2);
    client_begins_batch_with(t, 2, JAR); /* its place is free again */
    assert_true(client_is_connected(t));
    client_begins_batch_with(t, 101, JAR);
    client_is_refused(t, WIRE_ERROR_LIMIT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_an_answer_sets_goes_with_the_next_request),
        TEST(a_batch_without_a_jar_keeps_nothing),
        TEST(batches_share_nothing),
        TEST(what_a_redirect_sets_goes_where_it_leads),
        TEST(what_a_failed_attempt_sets_goes_with_the_next),
        TEST(the_path_is_the_one_that_is_sent),
        TEST(the_clients_own_stays_with_its_origin_and_comes_last),
        TEST(an_address_with_a_zone_has_no_cookies),
        TEST(gives_the_jar_back_before_the_batch_is_done),
        TEST(keeps_the_jar_of_a_client_that_did_not_ask),
        TEST(cookies_keep_to_the_window),
        TEST(a_client_that_leaves_takes_its_jar_with_it),
        TEST(a_client_that_ends_its_input_cannot_give_credit),
        TEST(a_cookie_needs_an_open_batch_with_a_jar),
        TEST(a_spoilt_cookie_ends_the_session),
        TEST(a_session_has_16_jars),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
