/*
 * A coded body on its way through an exchange: what it decodes to, how it pauses in the middle of
 * what was received, and every way to end meanwhile. attempts_end holds each test to leave nothing.
 */
#include "attempts.h"
#include "encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BOMB_BYTES ((size_t)1 << 20)
#define WINDOW_BYTES ((size_t)64 << 10) /* plain_attempt's */
#define SCRATCH_BYTES ((size_t)32 << 10)

static int begin(void **state)
{
    static struct attempts attempts;

    attempts_begin(&attempts, &(struct attempts_options){ 0 });
    *state = &attempts;
    return 0;
}

static int end(void **state)
{
    attempts_end(*state);
    encode_forget();
    return 0;
}

static struct attempt decoding_attempt(uint64_t id)
{
    struct attempt attempt = plain_attempt(id);

    attempt.decodes = true;
    return attempt;
}

static void front_starts_decoding(struct attempts *t, uint64_t id)
{
    struct attempt attempt = decoding_attempt(id);

    front_starts(t, &attempt);
}

/* A response with these fields, and Content-Length; lives until encode_forget. */
static struct span response_of(const char *fields, struct span body)
{
    char head[512];
    int bytes = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n",
                         fields, body.bytes);

    return encode_join(span_of(head, (size_t)bytes), body);
}

static struct span gzip_response(struct span body)
{
    return response_of("Content-Encoding: gzip\r\n", encode_as(ENCODE_GZIP, body));
}

static struct span bomb(void)
{
    return gzip_response(encode_fill('x', BOMB_BYTES));
}

static void has_fill(const struct outcome *o, size_t bytes)
{
    assert_int_equal(o->body_bytes, bytes);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(o->body[i], 'x');
}

/* The reader returns all it has, until there is an outcome. */
static unsigned front_returns_until_done(struct attempts *t, uint64_t id)
{
    unsigned times = 0;

    for (; times < 10000 && t->outcomes[id].done_count == 0; times++) {
        assert_true(t->outcomes[id].kept_bytes < WINDOW_BYTES + SCRATCH_BYTES);
        front_returns(t, id, t->outcomes[id].kept_bytes);
    }
    return times;
}

static void a_decoded_body_counts_what_came_and_what_came_out(void **state)
{
    struct attempts *t = *state;
    struct span text = encode_text(3000);
    struct span response = gzip_response(text);

    for (unsigned id = 1; id <= 2; id++) {
        front_starts_decoding(t, id);
        server_says_bytes(t, 1, response);
        front_has_response(t, id, 200, NULL);
        assert_int_equal(front_has(t, id)->body_bytes, text.bytes);
        assert_memory_equal(front_has(t, id)->body, text.data, text.bytes);
        assert_int_equal(front_has(t, id)->result.body_bytes, text.bytes);
        assert_int_equal(front_has(t, id)->result.wire_bytes, encode_as(ENCODE_GZIP, text).bytes);
        assert_true(front_has(t, id)->result.decoded);
    }
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

static void nothing_is_decoded_unless_asked(void **state)
{
    struct attempts *t = *state;
    struct span coded = encode_as(ENCODE_GZIP, SPAN_LITERAL("hello"));

    front_starts_plain(t, 1);
    server_says_bytes(t, 1, response_of("Content-Encoding: gzip\r\n", coded));
    front_has_response(t, 1, 200, NULL);
    assert_memory_equal(front_has(t, 1)->body, coded.data, coded.bytes);
    assert_int_equal(front_has(t, 1)->result.body_bytes, coded.bytes);
    assert_false(front_has(t, 1)->result.decoded);
}

static void a_response_cut_anywhere_is_the_same(void **state)
{
    struct attempts *t = *state;
    struct span coded = encode_as(ENCODE_ZSTD, SPAN_LITERAL("abcde"));
    char size[8];
    int bytes = snprintf(size, sizeof(size), "%zx\r\n", coded.bytes);
    struct span text = SPAN_LITERAL("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                                    "Content-Encoding: zstd\r\n\r\n");

    text = encode_join(text, span_of(size, (size_t)bytes));
    text = encode_join(encode_join(text, coded), SPAN_LITERAL("\r\n0\r\n\r\n"));
    for (size_t cut = 0; cut <= text.bytes; cut++) {
        front_starts_decoding(t, cut);
        server_says_bytes(t, 1, span_of(text.data, cut));
        server_says_bytes(t, 1, span_of(text.data + cut, text.bytes - cut));
        front_has_response(t, cut, 200, "abcde");
    }
    front_starts_decoding(t, 255);
    for (size_t i = 0; i < text.bytes; i++)
        server_says_bytes(t, 1, span_of(text.data + i, 1));
    front_has_response(t, 255, 200, "abcde");
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

/* ---- pauses ---- */

/* All of the message was received when the sink was full: nobody but us can go on. */
static void a_bomb_pauses_in_the_middle_of_a_piece_and_the_connection_is_kept(void **state)
{
    struct attempts *t = *state;

    t->keeps_bodies = true;
    front_starts_decoding(t, 1);
    server_says_bytes(t, 1, bomb());
    front_has_nothing(t, 1);
    assert_false(fake_is_receiving(t->ring, fake_fd(1)));
    assert_true(front_returns_until_done(t, 1) >= BOMB_BYTES / (WINDOW_BYTES + SCRATCH_BYTES));
    front_has_response(t, 1, 200, NULL);
    has_fill(front_has(t, 1), BOMB_BYTES);
    assert_int_equal(t->engine.pool.idle_count, 1);
    t->keeps_bodies = false;
    front_starts_plain(t, 2);
    server_says(t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    front_has_response(t, 2, 200, "hello");
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

static void a_bomb_in_single_bytes_is_the_same(void **state)
{
    struct attempts *t = *state;
    struct span text = bomb();

    t->keeps_bodies = true;
    front_starts_decoding(t, 1);
    for (size_t i = 0; i < text.bytes; i++) {
        while (t->outcomes[1].kept_bytes >= WINDOW_BYTES)
            front_returns(t, 1, t->outcomes[1].kept_bytes);
        assert_int_equal(t->outcomes[1].done_count, 0);
        server_says_bytes(t, 1, span_of(text.data + i, 1));
    }
    (void)front_returns_until_done(t, 1); /* how often does not matter */
    front_has_response(t, 1, 200, NULL);
    has_fill(front_has(t, 1), BOMB_BYTES);
}

static void what_follows_a_bomb_is_read_after_it(void **state)
{
    struct attempts *t = *state;
    struct span coded = encode_as(ENCODE_GZIP, encode_fill('x', BOMB_BYTES));
    struct span text = SPAN_LITERAL("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                                    "Content-Encoding: gzip\r\n\r\n");
    const size_t cuts[] = { 1, coded.bytes / 2, coded.bytes - 1 };

    t->keeps_bodies = true;
    for (unsigned id = 1; id <= 3; id++) {
        size_t cut = cuts[id - 1];
        struct span response = text;
        char size[16];

        (void)snprintf(size, sizeof(size), "%zx\r\n", cut);
        response = encode_join(response, span_of_string(size));
        response = encode_join(response, span_of(coded.data, cut));
        (void)snprintf(size, sizeof(size), "\r\n%zx\r\n", coded.bytes - cut);
        response = encode_join(response, span_of_string(size));
        response = encode_join(response, span_of(coded.data + cut, coded.bytes - cut));
        response = encode_join(response, SPAN_LITERAL("\r\n0\r\nT: r\r\n\r\n"));
        front_starts_decoding(t, id);
        server_says_bytes(t, 1, response);
        front_has_nothing(t, id);
        (void)front_returns_until_done(t, id); /* as above */
        front_has_response(t, id, 200, NULL);
        has_fill(front_has(t, id), BOMB_BYTES);
    }
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

static void surplus_behind_a_bomb_ends_the_connection(void **state)
{
    struct attempts *t = *state;

    t->keeps_bodies = true;
    front_starts_decoding(t, 1);
    server_says_bytes(t, 1, encode_join(bomb(), SPAN_LITERAL("HTTP/1.1 200 OK\r\n")));
    (void)front_returns_until_done(t, 1); /* as above */
    front_has_response(t, 1, 200, NULL);
    has_fill(front_has(t, 1), BOMB_BYTES);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
}

static void the_end_of_the_stream_waits_until_all_is_decoded(void **state)
{
    struct attempts *t = *state;
    struct span coded = encode_as(ENCODE_BROTLI, encode_fill('x', BOMB_BYTES));

    t->keeps_bodies = true;
    front_starts_decoding(t, 1);
    server_says_bytes(
        t, 1, encode_join(SPAN_LITERAL("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n"), coded));
    server_closes(t, 1);
    front_has_nothing(t, 1);
    (void)front_returns_until_done(t, 1); /* as above */
    front_has_response(t, 1, 200, NULL);
    has_fill(front_has(t, 1), BOMB_BYTES);
}

static void a_reset_is_told_when_all_before_it_is_decoded(void **state)
{
    struct attempts *t = *state;
    struct span response = bomb();

    t->keeps_bodies = true;
    front_starts_decoding(t, 1);
    server_says_bytes(t, 1, span_of(response.data, response.bytes - 100));
    server_resets(t, 1);
    front_has_nothing(t, 1);
    (void)front_returns_until_done(t, 1); /* as above */
    front_has_fault(t, 1, FAULT_IO_RECV, PHASE_RECEIVE);
    assert_true(front_has(t, 1)->body_bytes > BOMB_BYTES / 2);
}

/* Nobody reads it, so nothing is ever full; others have their turns all the same. */
static void a_bomb_that_is_only_counted_takes_turns(void **state)
{
    struct attempts *t = *state;
    struct attempt attempt = decoding_attempt(1);
    size_t bytes = (size_t)24 << 20;
    struct span response = gzip_response(encode_fill('x', bytes));

    attempt.sink = ATTEMPT_SINK_DISCARD;
    for (attempt.id = 1; attempt.id <= 2; attempt.id++)
        front_starts(t, &attempt);
    front_starts_plain(t, 3);
    fake_receive(t->ring, fake_fd(1), response);
    fake_receive(t->ring, fake_fd(2), response);
    fake_receive_text(t->ring, fake_fd(3), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(ring_turn(t->ring, 0), 0);
    front_has_response(t, 3, 200, "ok");
    front_has_nothing(t, 1);
    front_has_nothing(t, 2);
    t->mailbox.cancel(t->mailbox.ctx, 2, FAULT_CANCELLED_CLIENT);
    assert_int_equal(ring_turn(t->ring, 0), 0);
    front_has_fault(t, 2, FAULT_CANCELLED_CLIENT, PHASE_RECEIVE);
    front_has_nothing(t, 1);
    for (unsigned i = 0; i < 100 && t->outcomes[1].done_count == 0; i++)
        attempts_settle(t);
    front_has_response(t, 1, 200, NULL);
    assert_int_equal(front_has(t, 1)->result.body_bytes, bytes);
    assert_int_equal(t->engine.pool.idle_count, 2);
}

static void while_it_pauses_the_sink_has_its_time(void **state)
{
    struct attempts *t = *state;

    t->keeps_bodies = true;
    front_starts_decoding(t, 1);
    server_says_bytes(t, 1, bomb());
    for (unsigned i = 0; i < 3; i++) {
        attempts_wait(t, 29 * ATTEMPTS_S);
        front_has_nothing(t, 1);
        front_returns(t, 1, t->outcomes[1].kept_bytes);
    }
    attempts_wait(t, 30 * ATTEMPTS_S + ATTEMPTS_MS);
    front_has_fault(t, 1, FAULT_SINK_SLOW, PHASE_DELIVER);
}

static void between_two_pieces_the_idle_limit_holds(void **state)
{
    struct attempts *t = *state;
    struct attempt attempt = decoding_attempt(1);
    struct span response = bomb();

    t->keeps_bodies = true;
    attempt.idle_timeout_ns = 5 * ATTEMPTS_S;
    front_starts(t, &attempt);
    server_says_bytes(t, 1, span_of(response.data, response.bytes - 1));
    for (unsigned i = 0; i < 1000 && !fake_is_receiving(t->ring, fake_fd(1)); i++)
        front_returns(t, 1, t->outcomes[1].kept_bytes);
    attempts_wait(t, 4900 * ATTEMPTS_MS);
    front_has_nothing(t, 1);
    attempts_wait(t, 200 * ATTEMPTS_MS);
    front_has_fault(t, 1, FAULT_TIMEOUT_IDLE, PHASE_RECEIVE);
}

static void it_may_be_cancelled_in_the_middle_of_a_bomb(void **state)
{
    struct attempts *t = *state;

    t->keeps_bodies = true;
    front_starts_decoding(t, 1);
    server_says_bytes(t, 1, bomb());
    front_cancels(t, 1, FAULT_CANCELLED_CLIENT);
    front_has_fault(t, 1, FAULT_CANCELLED_CLIENT, PHASE_DELIVER);
    fake_check_quiet(t->ring);
}

/* ---- bad bodies ---- */

static void what_is_wrong_with_a_coded_body_is_named(void **state)
{
    const struct span good = encode_as(ENCODE_GZIP, SPAN_LITERAL("hello"));
    const struct {
        const char *fields;
        struct span body;
        uint64_t body_bytes_max;
        enum fault_code code; /* FAULT_NONE: it is fine */
    } rows[] = {
        { "Content-Encoding: gzip\r\n", SPAN_LITERAL("hello"), 0, FAULT_HTTP_ENCODING },
        { "Content-Encoding: gzip\r\n", span_of(good.data, good.bytes - 1), 0,
          FAULT_HTTP_ENCODING },
        { "Content-Encoding: gzip\r\n", encode_join(good, good), 0, FAULT_NONE },
        { "Content-Encoding: gzip\r\n", encode_join(good, SPAN_LITERAL("!")), 0,
          FAULT_HTTP_ENCODING },
        { "Content-Encoding: what\r\n", SPAN_LITERAL("h"), 0, FAULT_HTTP_ENCODING },
        { "Content-Encoding: what\r\n", SPAN_LITERAL(""), 0, FAULT_NONE },
        { "Content-Encoding: gzip\r\n", SPAN_LITERAL(""), 0, FAULT_NONE },
        { "Content-Encoding: br, br, br, br\r\n", SPAN_LITERAL("h"), 0, FAULT_HTTP_ENCODING },
        { "Content-Encoding: gzip\r\n", encode_as(ENCODE_GZIP, encode_fill('x', 1000)), 1000,
          FAULT_NONE },
        { "Content-Encoding: gzip\r\n", encode_as(ENCODE_GZIP, encode_fill('x', 1001)), 1000,
          FAULT_HTTP_TOO_BIG },
        { "Content-Encoding: gzip\r\n", good, 10, FAULT_HTTP_TOO_BIG }, /* on the wire */
        { "", SPAN_LITERAL("hello"), 5, FAULT_NONE },
    };
    struct attempts *t = *state;

    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct attempt attempt = decoding_attempt(i);
        unsigned nth;

        attempt.body_bytes_max = rows[i].body_bytes_max;
        attempt.close_after = true;
        front_starts(t, &attempt);
        nth = fake_sockets_made(t->ring);
        server_says_bytes(t, nth, response_of(rows[i].fields, rows[i].body));
        if (rows[i].code == FAULT_NONE)
            front_has_response(t, i, 200, NULL);
        else
            front_has_fault(t, i, rows[i].code, PHASE_RECEIVE);
        assert_int_equal(front_has(t, i)->result.complete, rows[i].code == FAULT_NONE);
        assert_false(fake_is_open(t->ring, fake_fd(nth)));
    }
}

static void a_connection_is_not_used_again_after_a_bad_body(void **state)
{
    struct attempts *t = *state;
    struct span good = encode_as(ENCODE_GZIP, SPAN_LITERAL("hello"));

    front_starts_decoding(t, 1);
    server_says_bytes(
        t, 1, response_of("Content-Encoding: gzip\r\n", span_of(good.data, good.bytes - 1)));
    front_has_fault(t, 1, FAULT_HTTP_ENCODING, PHASE_RECEIVE);
    assert_false(fake_is_open(t->ring, fake_fd(1)));
}

static void a_body_may_turn_bad_after_a_pause(void **state)
{
    struct attempts *t = *state;
    struct span coded = encode_as(ENCODE_GZIP, encode_fill('x', BOMB_BYTES));

    t->keeps_bodies = true;
    front_starts_decoding(t, 1);
    server_says_bytes(
        t, 1, response_of("Content-Encoding: gzip\r\n", encode_changed(coded, coded.bytes - 1, 1)));
    front_has_nothing(t, 1);
    (void)front_returns_until_done(t, 1); /* as above */
    front_has_fault(t, 1, FAULT_HTTP_ENCODING, PHASE_RECEIVE);
    assert_true(front_has(t, 1)->result.body_bytes > 0);
}

static void answers_without_a_body_have_nothing_to_decode(void **state)
{
    static const char *const rows[] = {
        "HTTP/1.1 200 OK\r\nContent-Encoding: what\r\nContent-Length: 9\r\n\r\n", /* to HEAD */
        "HTTP/1.1 204 N\r\nContent-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 304 N\r\nContent-Encoding: gzip, a, b, c\r\nContent-Length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    };
    struct attempts *t = *state;

    for (unsigned i = 0; i < 4; i++) {
        struct attempt attempt = decoding_attempt(i);

        attempt.is_head_request = i == 0;
        front_starts(t, &attempt);
        server_says(t, 1, rows[i]);
        front_has(t, i);
        assert_false(fault_is_set(&front_has(t, i)->result.fault));
        assert_int_equal(front_has(t, i)->body_bytes, 0);
        assert_false(front_has(t, i)->result.decoded);
    }
    assert_int_equal(fake_sockets_made(t->ring), 1);
}

/* Nobody gets the body of a redirect that is followed: it may be whatever it likes. */
static void what_is_dropped_is_not_decoded(void **state)
{
    struct attempts *t = *state;
    struct attempt attempt = decoding_attempt(1);

    attempt.follows = true;
    front_starts(t, &attempt);
    server_says(t, 1,
                "HTTP/1.1 302 F\r\nLocation: /b\r\nContent-Encoding: gzip\r\n"
                "Content-Length: 3\r\n\r\nbad");
    front_has_response(t, 1, 302, "");
    assert_int_equal(front_has(t, 1)->result.wire_bytes, 3);
    assert_false(front_has(t, 1)->result.decoded);
}

int main(void)
{
#define ATTEMPT(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        ATTEMPT(a_decoded_body_counts_what_came_and_what_came_out),
        ATTEMPT(nothing_is_decoded_unless_asked),
        ATTEMPT(a_response_cut_anywhere_is_the_same),
        ATTEMPT(a_bomb_pauses_in_the_middle_of_a_piece_and_the_connection_is_kept),
        ATTEMPT(a_bomb_in_single_bytes_is_the_same),
        ATTEMPT(what_follows_a_bomb_is_read_after_it),
        ATTEMPT(surplus_behind_a_bomb_ends_the_connection),
        ATTEMPT(the_end_of_the_stream_waits_until_all_is_decoded),
        ATTEMPT(a_reset_is_told_when_all_before_it_is_decoded),
        ATTEMPT(a_bomb_that_is_only_counted_takes_turns),
        ATTEMPT(while_it_pauses_the_sink_has_its_time),
        ATTEMPT(between_two_pieces_the_idle_limit_holds),
        ATTEMPT(it_may_be_cancelled_in_the_middle_of_a_bomb),
        ATTEMPT(what_is_wrong_with_a_coded_body_is_named),
        ATTEMPT(a_connection_is_not_used_again_after_a_bad_body),
        ATTEMPT(a_body_may_turn_bad_after_a_pause),
        ATTEMPT(answers_without_a_body_have_nothing_to_decode),
        ATTEMPT(what_is_dropped_is_not_decoded),
    };
#undef ATTEMPT

    return cmocka_run_group_tests(tests, NULL, NULL);
}
