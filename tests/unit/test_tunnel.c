/*
 * test_tunnel.c - what a proxy says to CONNECT, at every split.
 */
#include "tunnel.h"

#include "feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct expectation {
    const char *input;
    enum tunnel_verdict verdict;
    uint16_t status;
    const char *rest; /* with OPEN: what comes from behind the tunnel */
    const char *says; /* with REFUSED */
};

/* The proxy says its pieces, then nothing. */
static void expect_verdict(void *ctx, const struct span *pieces, size_t pieces_count)
{
    const struct expectation *expected = ctx;
    enum tunnel_verdict verdict = TUNNEL_NEED_MORE;
    size_t rest_bytes = 0;
    struct tunnel tunnel;

    tunnel_init(&tunnel);
    for (size_t i = 0; i < pieces_count; i++) {
        struct span in = pieces[i];

        if (verdict == TUNNEL_NEED_MORE)
            verdict = tunnel_feed(&tunnel, &in);
        if (verdict == TUNNEL_OPEN)
            rest_bytes += in.bytes;
        if (verdict == TUNNEL_NEED_MORE)
            assert_int_equal(in.bytes, 0);
    }
    if (verdict != expected->verdict)
        fail_msg("'%s': verdict %d (%s)", expected->input, (int)verdict,
                 tunnel.fault.why ? tunnel.fault.why : "no fault");
    assert_int_equal(tunnel.status, expected->status);
    if (verdict == TUNNEL_OPEN)
        assert_int_equal(rest_bytes, strlen(expected->rest));
    if (verdict == TUNNEL_REFUSED) {
        assert_int_equal(tunnel.fault.code, FAULT_CONNECT_PROXY);
        assert_int_equal(tunnel.fault.phase, PHASE_CONNECT);
        if (!strstr(tunnel.fault.why, expected->says))
            fail_msg("'%s': %s", expected->input, tunnel.fault.why);
    }
    tunnel_deinit(&tunnel);
}

static void expect_rows(const struct expectation *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct expectation row = rows[i];

        feed_every_split(span_of_string(row.input), expect_verdict, &row);
    }
}

#define OK "HTTP/1.1 200 Connection established\r\n\r\n"

static void opens_with_any_2xx(void **state)
{
    static const struct expectation rows[] = {
        { OK, TUNNEL_OPEN, 200, "", "" },
        { "HTTP/1.0 200 OK\r\n\r\n", TUNNEL_OPEN, 200, "", "" },
        { "HTTP/1.0 200 OK\r\nProxy-agent: tiny\r\n\r\n", TUNNEL_OPEN, 200, "", "" },
        { "HTTP/1.1 204 No\r\n\r\n", TUNNEL_OPEN, 204, "", "" },
        { "HTTP/1.1 299 \r\n\r\n", TUNNEL_OPEN, 299, "", "" },
        { "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", TUNNEL_OPEN, 200, "", "" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

static void leaves_what_comes_behind_the_head(void **state)
{
    static const struct expectation rows[] = {
        { OK "\x16\x03\x01", TUNNEL_OPEN, 200, "\x16\x03\x01", "" },
        { OK "HTTP/1.1 200 OK\r\n\r\n", TUNNEL_OPEN, 200, "HTTP/1.1 200 OK\r\n\r\n", "" },
        { OK "\r\n", TUNNEL_OPEN, 200, "\r\n", "" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

/* RFC 9110 section 9.3.6: framing fields of a 2xx mean nothing. */
static void takes_no_body_for_the_body_of_an_open_tunnel(void **state)
{
    static const struct expectation rows[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", TUNNEL_OPEN, 200, "", "" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", TUNNEL_OPEN, 200, "hello", "" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", TUNNEL_OPEN, 200, "5\r\n",
          "" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

static void tolerates_interim_answers(void **state)
{
    static const struct expectation rows[] = {
        { "HTTP/1.1 100 Continue\r\n\r\n" OK "x", TUNNEL_OPEN, 200, "x", "" },
        { "HTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 103 E\r\n\r\n" OK, TUNNEL_OPEN, 200, "",
          "" },
        { "HTTP/1.1 100 Continue\r\n\r\n", TUNNEL_NEED_MORE, 0, "", "" },
        { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n", TUNNEL_REFUSED, 403, "", "403" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

static void refuses_all_other_answers(void **state)
{
    static const struct expectation rows[] = {
        { "HTTP/1.1 407 A\r\nContent-Length: 4\r\n\r\nbody", TUNNEL_REFUSED, 407, "", "407" },
        { "HTTP/1.1 403 F\r\n\r\nuntil the end", TUNNEL_REFUSED, 403, "", "403" },
        { "HTTP/1.1 302 F\r\nLocation: http://evil/\r\n\r\n", TUNNEL_REFUSED, 302, "", "redirect" },
        { "HTTP/1.1 304 N\r\n\r\n", TUNNEL_REFUSED, 304, "", "redirect" },
        { "HTTP/1.1 400 B\r\n\r\n", TUNNEL_REFUSED, 400, "", "400" },
        { "HTTP/1.1 418 T\r\n\r\n", TUNNEL_REFUSED, 418, "", "4xx" },
        { "HTTP/1.0 502 B\r\n\r\n", TUNNEL_REFUSED, 502, "", "502" },
        { "HTTP/1.1 503 B\r\n\r\n", TUNNEL_REFUSED, 503, "", "503" },
        { "HTTP/1.1 599 B\r\n\r\n", TUNNEL_REFUSED, 599, "", "5xx" },
        { "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

static void refuses_what_is_no_answer(void **state)
{
    static const struct expectation rows[] = {
        { "HTTP/2 200 OK\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "HTTP/1.2 200 OK\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "ICY 200 OK\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "SSH-2.0-x\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "\x15\x03\x01\x00\x02\x02\x46", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "HTTP/1.1 200 OK\r\nbad field\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
          TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", TUNNEL_REFUSED, 200, "",
          "no acceptable" },
        { "HTTP/1.1 2000 OK\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "HTTP/1.1 700 OK\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "HTTP/1.1 OK\r\n\r\n", TUNNEL_REFUSED, 0, "", "no acceptable" },
        { "", TUNNEL_NEED_MORE, 0, "", "" },
        { "HTTP/1.1 200 OK\r\nX: y\r\n", TUNNEL_NEED_MORE, 0, "", "" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

static void expect_over_a_limit(const char *piece, size_t count)
{
    enum tunnel_verdict verdict = TUNNEL_NEED_MORE;
    struct tunnel tunnel;

    tunnel_init(&tunnel);
    for (size_t i = 0; i < count && verdict == TUNNEL_NEED_MORE; i++) {
        struct span in = span_of_string(piece);

        verdict = tunnel_feed(&tunnel, &in);
    }
    assert_int_equal(verdict, TUNNEL_REFUSED);
    assert_non_null(strstr(tunnel.fault.why, "over a limit"));
    tunnel_deinit(&tunnel);
}

static void has_limits(void **state)
{
    static const char start[] = "HTTP/1.1 200 OK\r\nX: ";
    struct span in = span_of_string(start);
    struct tunnel tunnel;

    (void)state;
    expect_over_a_limit("HTTP/1.1 100 Continue\r\n\r\n", 17);
    tunnel_init(&tunnel);
    assert_int_equal(tunnel_feed(&tunnel, &in), TUNNEL_NEED_MORE);
    for (size_t i = sizeof(start) - 1; i < TUNNEL_HEAD_BYTES_MAX; i++) {
        in = SPAN_LITERAL("a");
        assert_int_equal(tunnel_feed(&tunnel, &in), TUNNEL_NEED_MORE);
    }
    in = SPAN_LITERAL("a");
    assert_int_equal(tunnel_feed(&tunnel, &in), TUNNEL_REFUSED);
    tunnel_deinit(&tunnel);
}

static void tells_how_far_an_answer_came(void **state)
{
    struct span in = SPAN_LITERAL("HTTP/1.1 2");
    struct tunnel tunnel;

    (void)state;
    tunnel_init(&tunnel);
    tunnel_finish(&tunnel, 0);
    assert_int_equal(tunnel.fault.code, FAULT_CONNECT_PROXY);
    assert_non_null(strstr(tunnel.fault.why, "without an answer"));
    tunnel_deinit(&tunnel);

    tunnel_init(&tunnel);
    assert_int_equal(tunnel_feed(&tunnel, &in), TUNNEL_NEED_MORE);
    tunnel_finish(&tunnel, 104);
    assert_int_equal(tunnel.fault.error, 104);
    assert_non_null(strstr(tunnel.fault.why, "within its answer"));
    tunnel_deinit(&tunnel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_any_2xx),
        cmocka_unit_test(leaves_what_comes_behind_the_head),
        cmocka_unit_test(takes_no_body_for_the_body_of_an_open_tunnel),
        cmocka_unit_test(tolerates_interim_answers),
        cmocka_unit_test(refuses_all_other_answers),
        cmocka_unit_test(refuses_what_is_no_answer),
        cmocka_unit_test(has_limits),
        cmocka_unit_test(tells_how_far_an_answer_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
