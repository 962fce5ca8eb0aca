/*
 * io.haul.Fetch.Get in a session: one call after the other, on the way that a stream's request
 * takes; and what becomes of it when the client or the daemon leaves.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ORIGIN "http://origin.test/"
#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define CALL(parameters) "{\"method\":\"io.haul.Fetch.Get\",\"parameters\":{" parameters "}}\0"
#define GET(url) CALL("\"url\":\"" url "\"")
#define DESCRIBE "{\"method\":\"io.haul.Manager.Describe\"}\0"
#define FAILED(domain, code, phase)                                                                \
    "{\"error\":\"io.haul.Fetch.Failed\",\"parameters\":{\"domain\":\"" domain                     \
    "\",\"code\":\"" code "\",\"phase\":\"" phase "\","

/* A literal with its NULs, the last of which the compiler adds once more. */
#define client_asks(t, calls) client_says((t), span_of("" calls, sizeof(calls) - 1))

static unsigned answers_count(const struct scene *t)
{
    struct span sent = fake_sent(t->ring, t->client->fd);
    unsigned count = 0;

    for (size_t i = 0; i < sent.bytes; i++)
        count += sent.data[i] == '\0';
    return count;
}

/* The nth of them, from 1, which must be JSON. */
static const char *answer(const struct scene *t, unsigned nth)
{
    struct span sent = fake_sent(t->ring, t->client->fd);
    const char *text = sent.data;
    yyjson_doc *doc;

    if (answers_count(t) < nth)
        fail_msg("there are %u answers", answers_count(t));
    while (--nth > 0)
        text += strlen(text) + 1;
    doc = yyjson_read(text, strlen(text), YYJSON_READ_NOFLAG);
    assert_non_null(doc);
    yyjson_doc_free(doc);
    return text;
}

static void is_told(const struct scene *t, unsigned nth, const char *part)
{
    if (!strstr(answer(t, nth), part))
        fail_msg("%s is not in %s", part, answer(t, nth));
}

static struct session *session_of(const struct scene *t)
{
    return container_of(t->sessions.all.next, struct session, link);
}

/* ---- what comes of a fetch ---- */

static void answers_with_the_response_and_takes_the_next_call(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_connects(t);
    client_asks(t, GET(ORIGIN "a"));
    assert_int_equal(answers_count(t), 1);
    is_told(t, 1, "{\"parameters\":{\"status\":200,\"http_version\":\"1.1\",");
    is_told(t, 1, "\"headers\":{\"content-length\":\"5\"},\"body\":\"hello\",");
    is_told(t, 1, "\"effective_url\":\"http://origin.test/a\",\"remote_ip\":\"192.0.2.1\"");
    is_told(t, 1, "\"attempts\":1,\"redirects\":0,\"reused\":false,\"decoded\":false");
    client_asks(t, GET(ORIGIN "b"));
    is_told(t, 2, "/b\"");
    is_told(t, 2, "\"reused\":true");
    client_asks(t, DESCRIBE);
    is_told(t, 3, "uptime_ns");
    assert_int_equal(t->front.stats.items_accepted, 2);
    assert_int_equal(stats_items_ok(&t->front.stats), 2);
    client_opens_stream(t); /* and it can still become one */
    client_shares(t, 1, NULL);
    client_begins_batch(t, 1, 1, 0);
    client_submits(t, 1, ORIGIN);
    client_receives(t, 1, 200, "hello");
}

static void sends_what_was_asked_for(void **state)
{
    static const char expected[] = "POST /p?q HTTP/1.1\r\nHost: origin.test\r\nAccept: */*\r\n"
                                   "User-Agent: mine\r\nX-A: 1\r\nX-A: 2\r\n"
                                   "Authorization: Basic dTpw\r\nContent-Length: 3\r\n\r\na\nb";
    struct scene *t = *state;

    client_connects(t);
    client_asks(t,
                CALL("\"url\":\"http://u:p@origin.test/p?q\",\"headers\":{\"User-Agent\":\"mine\","
                     "\"X-A\":[\"1\",\"2\"]},\"body\":\"a\\nb\""));
    assert_true(span_equals(origin_got(t, 1), span_of_string(expected)));
    origin_replies(t, 1, "HTTP/1.1 204 No Content\r\n\r\n");
    is_told(t, 1, "\"status\":204");
    is_told(t, 1, "\"body\":\"\"");
    assert_null(strstr(answer(t, 1), "u:p"));
}

static void a_404_is_an_answer_and_so_is_a_redirect_if_asked_for(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    origin_answers(t, "HTTP/1.1 404 Nothing\r\nContent-Length: 4\r\n\r\nnone");
    client_asks(t, GET(ORIGIN));
    is_told(t, 1, "\"status\":404");
    is_told(t, 1, "\"body\":\"none\"");
    origin_answers(t, "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 4\r\n\r\ngone");
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"redirects_max\":0"));
    is_told(t, 2, "\"status\":302");
    is_told(t, 2, "\"location\":\"/b\"");
    is_told(t, 2, "\"body\":\"gone\"");
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"redirects_max\":3"));
    is_told(t, 3, FAILED("http", "redirects", "receive"));
    is_told(t, 3, "\"status\":302,\"attempts\":4,\"redirects\":3");
}

static void redirects_are_followed_and_only_the_last_answer_counts(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET("http://u:secret@origin.test/a"));
    origin_replies(t, 1,
                   "HTTP/1.1 302 Found\r\nLocation: http://other.test/b\r\nX-First: 1\r\n"
                   "Content-Length: 4\r\n\r\ngone");
    assert_int_equal(answers_count(t), 0);
    origin_replies(t, 2, HELLO);
    is_told(t, 1, "\"headers\":{\"content-length\":\"5\"},\"body\":\"hello\"");
    is_told(t, 1, "\"effective_url\":\"http://other.test/b\"");
    is_told(t, 1, "\"attempts\":2,\"redirects\":1");
    assert_null(strstr(answer(t, 1), "secret"));
}

static void what_an_attempt_brought_is_forgotten_by_the_next(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"retries_max\":2"));
    origin_replies(t, 1, "HTTP/1.1 200 OK\r\nX-First: 1\r\nContent-Length: 9\r\n\r\nhalf");
    origin_hangs_up(t, 1);
    assert_int_equal(answers_count(t), 0);
    time_passes(t, 2 * SCENE_S);
    origin_replies(t, 2, HELLO);
    is_told(t, 1, "\"headers\":{\"content-length\":\"5\"},\"body\":\"hello\"");
    is_told(t, 1, "\"attempts\":2");
}

static void a_coded_body_is_decoded_when_asked_for(void **state)
{
    static const char gzip[] =
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 29\r\n\r\n"
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\xd7\x51\xc8\x40\xa2\x00"
        "\x9f\xa1\xca\x09\x13\x00\x00\x00";
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"decode\":true"));
    assert_non_null(strstr(origin_got(t, 1).data, "\r\nAccept-Encoding: gzip"));
    origin_replies_bytes(t, 1, span_of(gzip, sizeof(gzip) - 1));
    is_told(t, 1, "\"body\":\"hello, hello, hello\"");
    is_told(t, 1, "\"decoded\":true");
    client_asks(t, GET(ORIGIN));
    origin_replies_bytes(t, 1, span_of(gzip, sizeof(gzip) - 1));
    is_told(t, 2, "\"body_base64\":\"H4sI");
    is_told(t, 2, "\"decoded\":false");
}

static void origin_sends_body(struct scene *t, const char *length, size_t bytes)
{
    char *text = malloc(bytes + 100);
    int head = snprintf(text, 100, "HTTP/1.1 200 OK\r\n%s\r\n", length);

    memset(text + head, 'x', bytes);
    origin_replies_bytes(t, 1, span_of(text, (size_t)head + bytes));
    free(text);
}

static void the_largest_body_is_taken_and_one_byte_more_is_not(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN));
    origin_sends_body(t, "Content-Length: 737280\r\n", 737280);
    assert_true(strlen(answer(t, 1)) > 737280);
    is_told(t, 1, "\"status\":200");
    client_asks(t, GET(ORIGIN));
    origin_sends_body(t, "Content-Length: 737281\r\n", 0);
    is_told(t, 2, FAILED("http", "too_big", "receive"));
    is_told(t, 2, "haul get takes larger ones\"");
    assert_null(strstr(answer(t, 2), "xxx"));
}

static void the_limit_of_a_call_is_its_own(void **state)
{
    struct scene *t = *state;

    origin_answers(t, "HTTP/1.0 200 OK\r\n\r\nhello");
    client_connects(t);
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"body_bytes_max\":5"));
    origin_hangs_up(t, 1);
    is_told(t, 1, "\"http_version\":\"1.0\"");
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"body_bytes_max\":4"));
    is_told(t, 2, FAILED("http", "too_big", "receive"));
}

/* ---- what fails ---- */

static void what_cannot_be_sent_fails_with_its_reason(void **state)
{
    static const struct {
        struct span call;
        const char *error;
        const char *message;
    } rows[] = {
        { SPAN_LITERAL(GET("http://origin.test:0/")), FAILED("input", "url", "input"), "port" },
        { SPAN_LITERAL(GET("")), FAILED("input", "url", "input"), "" },
        { SPAN_LITERAL(GET("http://a b/")), FAILED("input", "url", "input"), "" },
        { SPAN_LITERAL(GET("http://origin.test/\\r\\nX: y")), FAILED("input", "url", "input"), "" },
        { SPAN_LITERAL(GET("ftp://origin.test/")), FAILED("input", "scheme", "input"), "" },
        { SPAN_LITERAL(CALL("\"url\":\"" ORIGIN "\",\"method\":\"G T\"")),
          FAILED("input", "argument", "input"), "the method is not a token" },
        { SPAN_LITERAL(CALL("\"url\":\"" ORIGIN "\",\"method\":\"GET\\u0000\"")),
          FAILED("input", "argument", "input"), "the method is not a token" },
        { SPAN_LITERAL(CALL("\"url\":\"" ORIGIN "\",\"method\":\"CONNECT\"")),
          FAILED("input", "argument", "input"), "CONNECT is for proxies" },
        { SPAN_LITERAL(CALL("\"url\":\"" ORIGIN "\",\"headers\":{\"A\":\"b\\r\\nC: d\"}")),
          FAILED("input", "argument", "input"), "a control character in a header value" },
        { SPAN_LITERAL(CALL("\"url\":\"" ORIGIN "\",\"headers\":{\"A:\":\"b\"}")),
          FAILED("input", "argument", "input"), "a header name is not a token" },
        { SPAN_LITERAL(CALL("\"url\":\"" ORIGIN "\",\"headers\":{\"\":\"\"}")),
          FAILED("input", "argument", "input"), "a header name is not a token" },
        { SPAN_LITERAL(CALL("\"url\":\"" ORIGIN "\",\"headers\":{\"Content-Length\":\"5\"}")),
          FAILED("input", "argument", "input"), "Content-Length is set from the body" },
        { SPAN_LITERAL(CALL("\"url\":\"" ORIGIN "\",\"headers\":{\"Host\":[\"a\",\"b\"]}")),
          FAILED("input", "argument", "input"), "Host is given twice" },
        { SPAN_LITERAL(CALL("\"url\":\"http://127.0.0.1/\",\"public_only\":true")),
          FAILED("policy", "denied", "connect"), "127.0.0.1" },
    };
    struct scene *t = *state;

    client_connects(t);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_says(t, rows[i].call);
        assert_int_equal(answers_count(t), i + 1);
        is_told(t, i + 1, rows[i].error);
        is_told(t, i + 1, rows[i].message);
    }
    assert_int_equal(t->requests_count, 0);
}

static void wrong_parameters_are_refused_and_no_item_is_made(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"heders\":{}"));
    is_told(t, 1, "InvalidParameter\",\"parameters\":{\"parameter\":\"heders\"}");
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"timeout_ns\":-5"));
    is_told(t, 2, "{\"parameter\":\"timeout_ns\"}");
    client_asks(t, CALL(""));
    is_told(t, 3, "{\"parameter\":\"url\"}");
    assert_int_equal(t->front.stats.items_accepted, 0);
}

static void failures_of_the_network_have_their_names(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, CALL("\"url\":\"http://nobody.test/\",\"timeout_ns\":1000000000"));
    time_passes(t, 2 * SCENE_S);
    is_told(t, 1, FAILED("timeout", "total", "dns"));
    client_asks(t, GET("http://other.test/"));
    origin_hangs_up(t, 1);
    is_told(t, 2, FAILED("http", "empty", "wait"));
    client_asks(t, GET("http://other.test/"));
    origin_replies(t, 2, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    origin_hangs_up(t, 2);
    is_told(t, 3, FAILED("http", "partial", "receive"));
    is_told(t, 3, "\"status\":200");
    client_asks(t, GET("http://other.test/"));
    time_passes(t, 61 * SCENE_S);
    is_told(t, 4, FAILED("timeout", "first_byte", "wait"));
    fake_connect_result(t->ring, -111);
    client_asks(t, GET(ORIGIN));
    is_told(t, 5, FAILED("connect", "refused", "connect"));
    is_told(t, 5, "\"errno\":111");
}

static void a_call_without_a_limit_has_five_minutes(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN));
    for (unsigned i = 0; i < 9; i++) { /* it is never silent for long */
        origin_replies(t, 1, i ? "x" : "HTTP/1.1 200 OK\r\n\r\n");
        time_passes(t, 33 * SCENE_S);
    }
    assert_int_equal(answers_count(t), 0);
    time_passes(t, 4 * SCENE_S);
    is_told(t, 1, FAILED("timeout", "total", "receive"));
}

static void unix_sockets_are_for_the_user_of_the_daemon(void **state)
{
    struct scene *t = *state;

    client_connects_as(t, (struct ucred){ .pid = 1, .uid = geteuid() + 1, .gid = 1 });
    client_asks(t, CALL("\"url\":\"" ORIGIN "\",\"unix_socket\":\"/run/other\""));
    is_told(t, 1, FAILED("policy", "denied", "input"));
    client_asks(t, GET(ORIGIN)); /* the profile of that call is gone with it */
    origin_replies(t, 1, HELLO);
    is_told(t, 2, "\"status\":200");
}

static void as_many_items_as_there_may_be_is_busy(void **state)
{
    struct scene *t = *state;

    slab_deinit(&t->front.items);
    slab_init(&t->front.items, sizeof(struct item), 1);
    client_connects(t);
    client_asks(t, GET(ORIGIN));
    client_connects(t);
    client_asks(t, GET(ORIGIN));
    is_told(t, 1, FAILED("admission", "busy", "input"));
    client_is(t, 1);
    origin_replies(t, 1, HELLO);
    is_told(t, 1, "\"status\":200");
    client_is(t, 2);
    origin_answers(t, HELLO);
    client_asks(t, GET(ORIGIN));
    is_told(t, 2, "\"status\":200");
}

/* ---- order ---- */

static void calls_that_came_together_are_answered_in_order(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN "slow") GET("http:///bad") DESCRIBE GET(ORIGIN "next") DESCRIBE);
    assert_int_equal(answers_count(t), 0);
    assert_int_equal(t->requests_count, 1);
    client_asks(t, GET(ORIGIN "last")); /* stays in its socket */
    origin_replies(t, 1, HELLO);
    assert_int_equal(answers_count(t), 3);
    assert_int_equal(t->requests_count, 2);
    origin_replies(t, 1, HELLO);
    assert_int_equal(answers_count(t), 5);
    assert_int_equal(t->requests_count, 3);
    origin_replies(t, 1, HELLO);
    is_told(t, 1, "/slow\"");
    is_told(t, 2, "\"code\":\"url\"");
    is_told(t, 3, "uptime_ns");
    is_told(t, 4, "/next\"");
    is_told(t, 5, "uptime_ns");
    is_told(t, 6, "/last\"");
}

static void however_the_calls_are_cut_it_is_the_same(void **state)
{
    static const char calls[] = GET(ORIGIN "a") DESCRIBE GET(ORIGIN "b");
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_connects(t);
    for (size_t i = 0; i < sizeof(calls) - 1; i++)
        client_says(t, span_of(calls + i, 1));
    assert_int_equal(answers_count(t), 3);
    is_told(t, 1, "/a\"");
    is_told(t, 2, "uptime_ns");
    is_told(t, 3, "/b\"");
}

/* In a call half a message may wait: it is the daemon that does not read the other half. */
static void half_a_call_behind_a_fetch_has_its_time_from_then_on(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN) "{\"method\":\"io.haul");
    time_passes(t, 30 * SCENE_S);
    assert_true(client_is_connected(t));
    fake_poll_ready(t->ring, t->client->fd, 0x2000); /* POLLRDHUP: we are to look again soon */
    scene_settle(t);
    origin_replies(t, 1, HELLO);
    time_passes(t, 9 * SCENE_S);
    assert_true(client_is_connected(t));
    time_passes(t, 2 * SCENE_S);
    assert_false(client_is_connected(t));
}

static void an_oneway_call_fetches_and_is_not_answered(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, "{\"method\":\"io.haul.Fetch.Get\",\"parameters\":{\"url\":\"" ORIGIN "\"},"
                   "\"oneway\":true}\0" DESCRIBE);
    assert_int_equal(t->requests_count, 1);
    assert_int_equal(answers_count(t), 0); /* the next call waits all the same */
    origin_replies(t, 1, HELLO);
    assert_int_equal(answers_count(t), 1);
    is_told(t, 1, "uptime_ns");
    assert_int_equal(stats_items_ok(&t->front.stats), 1);
}

static void more_gets_one_answer(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_connects(t);
    client_asks(t, "{\"method\":\"io.haul.Fetch.Get\",\"parameters\":{\"url\":\"" ORIGIN "\"},"
                   "\"more\":true}\0");
    assert_int_equal(answers_count(t), 1);
    assert_null(strstr(answer(t, 1), "continues"));
}

static void a_stream_may_begin_behind_a_fetch(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN) "{\"method\":\"io.haul.Stream.Open\",\"parameters\":{\"version\":1},"
                               "\"upgrade\":true}\0"
                               "\x10\0\0\0\x07\0\0\0\x2a\0\0\0\0\0\0\0");
    origin_replies(t, 1, HELLO);
    assert_true(t->client->is_stream);
    assert_int_equal(t->client->last_pong_id, 42);
}

/* ---- a client that does not read, or leaves ---- */

static void who_does_not_read_the_answer_is_cut_off(void **state)
{
    struct scene *t = *state;

    origin_answers(t, HELLO);
    client_connects(t);
    client_stops_reading(t);
    client_asks(t, GET(ORIGIN));
    assert_int_equal(t->requests_count, 1);
    time_passes(t, 29 * SCENE_S);
    assert_true(client_is_connected(t));
    time_passes(t, 2 * SCENE_S);
    assert_false(client_is_connected(t));
}

/* Answers wait up to a bound; then no further call is made, until they are read. */
static void answers_that_are_not_read_hold_up_the_calls_behind(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_stops_reading(t);
    client_asks(t, GET(ORIGIN "1") GET(ORIGIN "2") GET(ORIGIN "3") GET(ORIGIN "4"));
    origin_sends_body(t, "Content-Length: 737280\r\n", 737280);
    origin_sends_body(t, "Content-Length: 737280\r\n", 737280);
    assert_int_equal(t->requests_count, 2);
    assert_true(client_is_connected(t));
    client_reads_again(t);
    assert_int_equal(t->requests_count, 3);
    origin_replies(t, 1, HELLO);
    origin_replies(t, 1, HELLO);
    assert_int_equal(answers_count(t), 4);
    is_told(t, 4, "/4\"");
}

static void a_client_that_hangs_up_takes_its_fetch_along(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN) GET(ORIGIN "next"));
    assert_int_equal(origin_conns_open(t), 1);
    client_hangs_up(t);
    assert_int_equal(origin_conns_open(t), 0);
    assert_int_equal(t->sessions.count, 0);
    assert_int_equal(t->requests_count, 1);
    assert_int_equal(t->front.items.count, 0);
    assert_int_equal(t->front.stats.items_ended[FAULT_CANCELLED_CLIENT], 1);
}

static void one_that_leaves_in_the_middle_of_the_body_too(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN));
    origin_replies(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    client_hangs_up(t);
    assert_int_equal(t->sessions.count, 0);
    assert_int_equal(origin_conns_open(t), 0);
}

/* What it says last may be a call, as of "printf ... | nc -N". */
static void a_client_that_only_stops_writing_gets_its_answers(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN "1") GET(ORIGIN "2"));
    fake_poll_ready(t->ring, t->client->fd, 0x2000); /* POLLRDHUP: one half only */
    client_ends_input(t);
    time_passes(t, SCENE_S);
    assert_true(client_is_connected(t));
    origin_replies(t, 1, HELLO);
    assert_true(client_is_connected(t));
    time_passes(t, SCENE_S);
    origin_replies(t, 1, HELLO);
    is_told(t, 2, "/2\"");
    assert_false(client_is_connected(t));
}

static void and_is_looked_after_again_later(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN));
    fake_poll_ready(t->ring, t->client->fd, 0x2000);
    scene_settle(t);
    time_passes(t, SCENE_S / 10);
    assert_int_equal(origin_conns_open(t), 1);
    client_hangs_up(t);
    time_passes(t, SCENE_S / 2);
    assert_false(client_is_connected(t));
    assert_int_equal(origin_conns_open(t), 0);
}

/* The look-out of one call must not end the next, nor the quiet between them. */
static void a_hang_up_is_looked_for_in_calls_only(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN "1"));
    fake_poll_ready(t->ring, t->client->fd, 0x2000);
    scene_settle(t);
    origin_replies(t, 1, HELLO);
    time_passes(t, 10 * SCENE_S);
    client_asks(t, GET(ORIGIN "2"));
    origin_replies(t, 1, HELLO);
    fake_poll_ready(t->ring, t->client->fd, 0x10);
    scene_settle(t);
    client_asks(t, DESCRIBE); /* reading would have told of the end */
    is_told(t, 3, "uptime_ns");
    client_asks(t, GET(ORIGIN "3"));
    origin_replies(t, 1, HELLO);
    is_told(t, 4, "/3\"");
}

/* ---- a daemon that leaves ---- */

static void a_draining_daemon_finishes_what_it_has_begun(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN "1") GET(ORIGIN "2") DESCRIBE);
    session_drain(session_of(t));
    scene_settle(t);
    assert_true(client_is_connected(t));
    origin_replies(t, 1, HELLO);
    assert_int_equal(answers_count(t), 3);
    is_told(t, 1, "\"body\":\"hello\"");
    is_told(t, 2, FAILED("admission", "draining", "queue"));
    is_told(t, 3, "uptime_ns");
    assert_int_equal(t->requests_count, 1);
    assert_false(client_is_connected(t));
}

static void a_draining_daemon_answers_behind_a_oneway_call_too(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN "1") "{\"method\":\"io.haul.Fetch.Get\",\"parameters\":{\"url\":"
                                   "\"" ORIGIN "\"},\"oneway\":true}\0" DESCRIBE);
    session_drain(session_of(t));
    fake_send_result(t->ring, t->client->fd, FAKE_NEVER);
    scene_settle(t);
    origin_replies(t, 1, HELLO);
    client_reads_again(t);
    assert_int_equal(answers_count(t), 2);
    is_told(t, 2, "uptime_ns");
    assert_int_equal(t->front.stats.items_ended[FAULT_ADMISSION_DRAINING], 1);
    assert_false(client_is_connected(t));
}

static void a_stopping_daemon_says_so(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    client_asks(t, GET(ORIGIN));
    session_drain(session_of(t));
    session_leave(session_of(t));
    scene_settle(t);
    assert_true(client_is_connected(t));
    daemon_stops(t);
    is_told(t, 1, FAILED("cancelled", "daemon", "wait"));
    assert_false(client_is_connected(t));
}

/* In random worlds nothing is left behind, however things meet. */
static void leaves_nothing_behind_in_any_order(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct scene t;

        scene_begin(&t, &(struct scene_options){ .seed = seed });
        if (seed % 3)
            origin_answers(&t, HELLO);
        client_connects(&t);
        fake_receive(t.ring, t.client->fd,
                     SPAN_LITERAL(GET(ORIGIN "1") DESCRIBE GET(ORIGIN "2") GET("http:///")));
        for (unsigned i = 0; i < seed % 17; i++)
            assert_int_equal(ring_turn(t.ring, 0), 0);
        if (seed % 5 == 0)
            daemon_stops(&t);
        else if (seed % 7 == 0)
            client_hangs_up(&t);
        scene_settle(&t);
        if (seed % 3 && seed % 5 && seed % 7)
            assert_int_equal(answers_count(&t), 4);
        scene_end(&t);
    }
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(answers_with_the_response_and_takes_the_next_call),
        SCENE(sends_what_was_asked_for),
        SCENE(a_404_is_an_answer_and_so_is_a_redirect_if_asked_for),
        SCENE(redirects_are_followed_and_only_the_last_answer_counts),
        SCENE(what_an_attempt_brought_is_forgotten_by_the_next),
        SCENE(a_coded_body_is_decoded_when_asked_for),
        SCENE(the_largest_body_is_taken_and_one_byte_more_is_not),
        SCENE(the_limit_of_a_call_is_its_own),
        SCENE(what_cannot_be_sent_fails_with_its_reason),
        SCENE(wrong_parameters_are_refused_and_no_item_is_made),
        SCENE(failures_of_the_network_have_their_names),
        SCENE(a_call_without_a_limit_has_five_minutes),
        SCENE(unix_sockets_are_for_the_user_of_the_daemon),
        SCENE(as_many_items_as_there_may_be_is_busy),
        SCENE(calls_that_came_together_are_answered_in_order),
        SCENE(however_the_calls_are_cut_it_is_the_same),
        SCENE(half_a_call_behind_a_fetch_has_its_time_from_then_on),
        SCENE(an_oneway_call_fetches_and_is_not_answered),
        SCENE(more_gets_one_answer),
        SCENE(a_stream_may_begin_behind_a_fetch),
        SCENE(who_does_not_read_the_answer_is_cut_off),
        SCENE(answers_that_are_not_read_hold_up_the_calls_behind),
        SCENE(a_client_that_hangs_up_takes_its_fetch_along),
        SCENE(one_that_leaves_in_the_middle_of_the_body_too),
        SCENE(a_client_that_only_stops_writing_gets_its_answers),
        SCENE(and_is_looked_after_again_later),
        SCENE(a_hang_up_is_looked_for_in_calls_only),
        SCENE(a_draining_daemon_finishes_what_it_has_begun),
        SCENE(a_draining_daemon_answers_behind_a_oneway_call_too),
        SCENE(a_stopping_daemon_says_so),
        cmocka_unit_test(leaves_nothing_behind_in_any_order),
    };
#undef SCENE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
