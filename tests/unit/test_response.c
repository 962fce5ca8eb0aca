/*
 * What a response means, and what is no response. Every row is read whole, cut at every offset and
 * byte by byte, with and without keeping the fields (tests/support/reading.c).
 *
 * Framing and limits have files of their own: test_response_framing.c, test_response_limits.c.
 */
#include "reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define EMPTY "Content-Length: 0\r\n\r\n"

static void assert_readings(const struct reading *rows, size_t rows_count)
{
    for (size_t i = 0; i < rows_count; i++)
        assert_reading(&rows[i]);
}

static void reads_acceptable_heads(void **state)
{
    static const struct reading rows[] = {
        { "plain", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), .status = 200,
          .body = TEXT("hi") },
        { "no reason", TEXT("HTTP/1.1 200\r\n" EMPTY), .status = 200 },
        { "no reason, a space", TEXT("HTTP/1.1 404 \r\n" EMPTY), .status = 404 },
        { "reason of many words", TEXT("HTTP/1.1 500 a b\tc \xc3\xa9\r\n" EMPTY), .status = 500 },
        { "reason of spaces", TEXT("HTTP/1.1 200    \r\n" EMPTY), .status = 200 },
        { "no field at all", TEXT("HTTP/1.1 204 No Content\r\n\r\n"), .status = 204 },
        { "empty value", TEXT("HTTP/1.1 200 OK\r\nX:\r\nY: \t \r\n" EMPTY), .status = 200 },
        { "odd but legal name", TEXT("HTTP/1.1 200 OK\r\n!#$%&'*+-.^_`|~09aZ: v\r\n" EMPTY),
          .status = 200 },
        { "bytes above 0x7f in a value", TEXT("HTTP/1.1 200 OK\r\nX: \xff\x80\xc3\xa9\r\n" EMPTY),
          .status = 200 },
        { "names that begin like ours",
          TEXT("HTTP/1.1 200 OK\r\nContent-Lengths: 9\r\nConnections: close\r\nTransfer: gzip\r\n"
               "Content-Type-Of-Thing: a\r\n" EMPTY),
          .status = 200 },
        { "upgrade that is only announced",
          TEXT("HTTP/1.1 200 OK\r\nConnection: upgrade\r\nUpgrade: h2c\r\n" EMPTY), .status = 200 },
        { "version 1.0", TEXT("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx"), .status = 200,
          .body = TEXT("x"), .closes = true },
        { "two equal Locations",
          TEXT("HTTP/1.1 302 F\r\nLocation: /a\r\nX: y\r\nlocation:\t/a \r\n" EMPTY),
          .status = 302 },
        { "one empty Location, nothing kept before it",
          TEXT("HTTP/1.1 302 F\r\nLocation: \r\nX: y\r\nContent-Length: 0\r\n\r\n"),
          .status = 302 },
        { "three empty Locations",
          TEXT("HTTP/1.1 302 F\r\nLocation:\r\nLocation: \r\nLocation:\r\n" EMPTY), .status = 302 },
    };

    (void)state;
    assert_readings(rows, ROWS(rows));
}

static void refuses_what_is_no_http_response(void **state)
{
    static const struct reading rows[] = {
        { "HTTP/0.9", TEXT("<html>hi</html>"), .fault = FAULT_HTTP_MALFORMED },
        { "TLS alert", TEXT("\x15\x03\x01\x00\x02\x02\x46"), .fault = FAULT_HTTP_MALFORMED },
        { "TLS record in place of NUL", TEXT("\0\0\0"), .fault = FAULT_HTTP_MALFORMED },
        { "SSH banner", TEXT("SSH-2.0-OpenSSH_9.2\r\n"), .fault = FAULT_HTTP_MALFORMED },
        { "mail server", TEXT("220 mail ESMTP\r\n"), .fault = FAULT_HTTP_MALFORMED },
        { "HTTP/2 settings", TEXT("\0\0\x12\x04\0\0\0\0\0"), .fault = FAULT_HTTP_MALFORMED },
        { "a request", TEXT("GET / HTTP/1.1\r\n\r\n"), .fault = FAULT_HTTP_MALFORMED },
        { "a request of H", TEXT("HEAD / HTTP/1.1\r\n\r\n"), .fault = FAULT_HTTP_MALFORMED },
        { "ICY", TEXT("ICY 200 OK\r\n\r\n"), .fault = FAULT_HTTP_MALFORMED },
        { "lower case", TEXT("http/1.1 200 OK\r\n" EMPTY), .fault = FAULT_HTTP_MALFORMED },
        { "line break first", TEXT("\r\nHTTP/1.1 200 OK\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "LF first", TEXT("\nHTTP/1.1 200 OK\r\n" EMPTY), .fault = FAULT_HTTP_MALFORMED },
        { "space first", TEXT(" HTTP/1.1 200 OK\r\n" EMPTY), .fault = FAULT_HTTP_MALFORMED },
        { "byte order mark", TEXT("\xef\xbb\xbfHTTP/1.1 200 OK\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "HTTP/0.9 after 100", TEXT("HTTP/1.1 100 Continue\r\n\r\nhello"),
          .fault = FAULT_HTTP_MALFORMED },
        { "line break after 100",
          TEXT("HTTP/1.1 100 Continue\r\n\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "switches protocols",
          TEXT("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc"),
          .fault = FAULT_HTTP_MALFORMED },
        { "101 without a word", TEXT("HTTP/1.1 101\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "101 after 100", TEXT("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 S\r\n\r\n"),
          .fault = FAULT_HTTP_MALFORMED },
    };

    (void)state;
    assert_readings(rows, ROWS(rows));
}

static void refuses_malformed_status_lines(void **state)
{
    static const struct reading bad = { .fault = FAULT_HTTP_MALFORMED };
    static const char *const lines[] = {
        "HTTP/1.1 200OK\r\n",
        "HTTP/1.1 20\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 -20 OK\r\n",
        "HTTP/1.1 +200 OK\r\n",
        "HTTP/1.1 001 OK\r\n",
        "HTTP/1.1 000 OK\r\n",
        "HTTP/1.1 099 OK\r\n",
        "HTTP/1.1 600 OK\r\n",
        "HTTP/1.1 999 OK\r\n",
        "HTTP/1.1 2x0 OK\r\n",
        "HTTP/1.1 0x1 OK\r\n",
        "HTTP/1.1  200 OK\r\n",
        "HTTP/1.1\t200 OK\r\n",
        "HTTP/1.1 200\tOK\r\n",
        "HTTP/1.1 OK\r\n",
        "HTTP/1.1 \r\n",
        "HTTP/1.1\r\n",
        "HTTP/1.1 200.0 OK\r\n",
        "HTTP/1.2 200 OK\r\n",
        "HTTP/2.0 200 OK\r\n",
        "HTTP/0.9 200 OK\r\n",
        "HTTP/3.0 200 OK\r\n",
        "HTTP/0.0 200 OK\r\n",
        "HTTP/1 200 OK\r\n",
        "HTTP/2 200 OK\r\n",
        "HTTP/11 200 OK\r\n",
        "HTTP/1.10 200 OK\r\n",
        "HTTP/01.1 200 OK\r\n",
        "HTTP/1,1 200 OK\r\n",
        "HTTP/ 1.1 200 OK\r\n",
        "HTTP/1. 1 200 OK\r\n",
        "HTTP /1.1 200 OK\r\n",
        "HTTP/-1.1 200 OK\r\n",
        "HTTPS/1.1 200 OK\r\n",
        "HTTP1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200\n",
        "HTTP/1.1 200 \n",
        "HTTP/1.1 200 OK\r\r",
        "HTTP/1.1 200\r\r",
        "HTTP/1.1 200 OK\r\r\n",
        "HTTP/1.1 200 \r\r\n",
        "HTTP/1.1 200 OK\rX\r\n",
        "HTTP/1.1 200 O\x01K\r\n",
        "HTTP/1.1 200 OK\x7f\r\n",
        "HTTP/1.1 200 \x1b[2J\r\n",
        "HTTP/1.1 200 OK\v\r\n",
        "HTTP/1.1 200 OK\f\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++)
        assert_reading_of(&bad, "%sContent-Length: 0\r\n\r\n", lines[i]);
}

static void passes_on_every_status_of_three_digits_up_to_599(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 1000; status++) {
        struct reading reading = { .status = (uint16_t)status };
        char text[8];

        snprintf(text, sizeof(text), "%03u", status);
        if (status < 100 || status > 599 || status == 101) {
            reading.status = 0;
            reading.fault = FAULT_HTTP_MALFORMED;
        } else if (status < 200) { /* a final one must follow */
            reading.status = 0;
            reading.fault = FAULT_HTTP_EMPTY;
            reading.phase = PHASE_WAIT;
        }
        assert_reading_of(&reading, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", text);
    }
}

static void refuses_malformed_fields(void **state)
{
    static const struct reading bad = { .fault = FAULT_HTTP_MALFORMED };
    static const char *const lines[] = {
        "Name : v\r\n",
        "Name\t: v\r\n",
        " Name: v\r\n",
        "\tName: v\r\n",
        "Name v\r\n",
        "Name\r\n",
        ": v\r\n",
        ":\r\n",
        " : v\r\n",
        "N\xc3\xa4me: v\r\n",
        "N(ame: v\r\n",
        "N@me: v\r\n",
        "Na me: v\r\n",
        "\"Name\": v\r\n",
        "N\x01: v\r\n",
        "N\x7f: v\r\n",
        "Name: a\r\n b\r\n",
        "Name: a\r\n\tb\r\n",
        "Name:\r\n b\r\n",
        "Name: \r\n\t\r\n",
        "Name: a\r\n \r\n",
        "Name: a\n",
        "Name: a\nX: b\r\n",
        "Name:\n",
        "Name: a\rb\r\n",
        "Name: a\r\r\n",
        "Name:\rb\r\n",
        "Name: \r\r\n",
        "Name: a\x01z\r\n",
        "Name: \x7f\r\n",
        "Name: \x1b[0m\r\n",
        "Name: a\x08\r\n",
        "Name: a\vb\r\n",
        "Name: a\fb\r\n",
        "Na\rme: a\r\n",
        "Na\nme: a\r\n",
        "Content-Length : 0\r\n",
        "Content-Length\t: 0\r\n",
        "Connection : close\r\n",
        "Connection: cl\x02ose\r\n",
        "Connection: close\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\n",
        "Location: /a\x01\r\n",
        "Location: /a\r\n /b\r\n",
        "\nName: v\r\n",
        "\rName: v\r\n",
        "{\"a\": 1}\r\n",
        "<p>: 1\r\n",
    };
    static const struct reading rows[] = {
        { "NUL in a value", TEXT("HTTP/1.1 200 OK\r\nX: a\0b\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "NUL in a name", TEXT("HTTP/1.1 200 OK\r\nX\0: a\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "NUL in the reason", TEXT("HTTP/1.1 200 O\0K\r\n" EMPTY), .fault = FAULT_HTTP_MALFORMED },
        { "NUL in Connection", TEXT("HTTP/1.1 200 OK\r\nConnection: close\0\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "LF ends the head", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\n"),
          .fault = FAULT_HTTP_MALFORMED },
        { "CR ends the head", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\rX"),
          .fault = FAULT_HTTP_MALFORMED },
        { "LF only, all through", TEXT("HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
          .fault = FAULT_HTTP_MALFORMED },
        { "fault in an interim head", TEXT("HTTP/1.1 103 E\r\nLink : x\r\n\r\nHTTP/1.1 200 OK\r\n"),
          .fault = FAULT_HTTP_MALFORMED },
        { "two Locations", TEXT("HTTP/1.1 302 F\r\nLocation: /a\r\nLocation: /b\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "two Locations, one longer",
          TEXT("HTTP/1.1 302 F\r\nLocation: /a\r\nX: 1\r\nLocation: /ab\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "two Locations, one empty", TEXT("HTTP/1.1 200 F\r\nLocation:\r\nLocation: /\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
        { "third Location",
          TEXT("HTTP/1.1 302 F\r\nLocation: a\r\nLocation: a\r\nLocation: A\r\n" EMPTY),
          .fault = FAULT_HTTP_MALFORMED },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++)
        assert_reading_of(&bad, "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", lines[i]);
    assert_readings(rows, ROWS(rows));
}

/* Each byte, in the reason, in a name and in a value: RFC 9110 section 5.6.2 and 5.5. */
static void knows_every_byte_of_a_head(void **state)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        struct reading reason = { .name = "reason", .input = TEXT("HTTP/1.1 200 a?b\r\n" EMPTY) };
        struct reading name = { .name = "name",
                                .input = TEXT("HTTP/1.1 200 OK\r\na?b: x\r\n" EMPTY) };
        struct reading value = { .name = "value",
                                 .input = TEXT("HTTP/1.1 200 OK\r\nx: a?b\r\n" EMPTY) };
        struct reading *readings[] = { &reason, &name, &value };
        bool is_text = (c >= ' ' && c != 0x7f) || c == '\t';
        bool is_legal[] = { is_text, (c && strchr(token, (int)c)) || c == ':', is_text };

        for (size_t i = 0; i < ROWS(readings); i++) {
            char input[128];

            memcpy(input, readings[i]->input.data, readings[i]->input.bytes);
            *(char *)memchr(input, '?', sizeof(input)) = (char)c;
            readings[i]->input.data = input;
            if (is_legal[i])
                readings[i]->status = 200;
            else
                readings[i]->fault = FAULT_HTTP_MALFORMED;
            assert_reading(readings[i]);
        }
    }
}

static void passes_over_interim_responses(void **state)
{
    static const struct reading rows[] = {
        { "100, 103, 200",
          TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n"
               "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!"),
          .status = 200, .body = TEXT("!") },
        { "102 and an unknown one",
          TEXT("HTTP/1.1 102 P\r\n\r\nHTTP/1.1 199\r\n\r\n"
               "HTTP/1.1 204 N\r\n\r\n"),
          .status = 204 },
        { "its framing means nothing",
          TEXT("HTTP/1.1 150 x\r\nContent-Length: 5\r\n\r\nHTTP/1.1 104 x\r\nTransfer-Encoding: "
               "chunked\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
          .status = 200, .body = TEXT("ok") },
        { "its Location means nothing",
          TEXT("HTTP/1.1 103 x\r\nLocation: /a\r\n\r\nHTTP/1.1 302 F\r\nLocation: /b\r\n" EMPTY),
          .status = 302 },
        { "its Connection: close is believed",
          TEXT("HTTP/1.1 100 C\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY),
          .status = 200, .closes = true },
        { "an older version's", TEXT("HTTP/1.0 100 C\r\n\r\nHTTP/1.1 200 OK\r\n" EMPTY),
          .status = 200 },
        { "before the answer to HEAD",
          TEXT("HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
          .is_head_request = true, .status = 200 },
        { "and then nothing", TEXT("HTTP/1.1 100 Continue\r\n\r\n"), .fault = FAULT_HTTP_EMPTY,
          .phase = PHASE_WAIT },
        { "and then half a head", TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 2"),
          .fault = FAULT_HTTP_PARTIAL },
        { "is not the answer", TEXT("HTTP/1.1 100 Continue\r\n\r\n"), .stays_open = true,
          .is_waiting = true },
    };

    (void)state;
    assert_readings(rows, ROWS(rows));
}

/* The peer closes after each beginning of a response. */
static void tells_an_early_end_by_what_was_seen(void **state)
{
    static const char whole[] = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\n\r\nabc";
    size_t head_bytes = sizeof(whole) - 1 - 3;

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(whole) - 1; bytes++) {
        struct reading reading = { "cut off", { whole, bytes }, .fault = FAULT_HTTP_PARTIAL };

        if (bytes == 0) {
            reading.fault = FAULT_HTTP_EMPTY;
            reading.phase = PHASE_WAIT;
        }
        if (bytes >= head_bytes) {
            reading.status = 200;
            reading.body = span_of(whole + head_bytes, bytes - head_bytes);
        }
        assert_reading(&reading);
    }
}

static enum response_verdict feed_text(struct response *response, const char *text)
{
    struct span in = span_of_string(text);
    struct span body;
    enum response_verdict verdict;

    do
        verdict = response_feed(response, &in, &body);
    while (verdict == RESPONSE_HEAD || verdict == RESPONSE_BODY);
    return verdict;
}

static void tells_version_and_announced_length(void **state)
{
    struct response response;

    (void)state;
    response_init(&response, &reading_limits, true, false);
    assert_int_equal(feed_text(&response, ""), RESPONSE_NEED_MORE);
    assert_false(response.any_byte);
    assert_int_equal(response.content_bytes, UINT64_MAX);
    assert_int_equal(
        feed_text(&response, "HTTP/1.0 200 OK\r\nContent-Length: 123456789012\r\n\r\n"),
        RESPONSE_COMPLETE);
    assert_true(response.any_byte);
    assert_int_equal(response.version_major, 1);
    assert_int_equal(response.version_minor, 0);
    assert_int_equal(response.content_bytes, 123456789012);
    assert_int_equal(response.body_bytes, 0);
    response_deinit(&response);
}

static void stays_bad_and_stays_complete(void **state)
{
    struct span in = SPAN_LITERAL("HTTP/1.1 204 N\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    struct response response;
    struct span body;

    (void)state;
    response_init(&response, &reading_limits, false, false);
    assert_int_equal(feed_text(&response, "nonsense"), RESPONSE_BAD);
    assert_int_equal(feed_text(&response, "HTTP/1.1 204 N\r\n\r\n"), RESPONSE_BAD);
    assert_int_equal(response_finish(&response), RESPONSE_BAD);
    assert_int_equal(response.fault.code, FAULT_HTTP_MALFORMED);
    response_deinit(&response);

    response_init(&response, &reading_limits, false, false);
    assert_int_equal(response_feed(&response, &in, &body), RESPONSE_HEAD);
    assert_int_equal(response_feed(&response, &in, &body), RESPONSE_COMPLETE);
    assert_int_equal(response_feed(&response, &in, &body), RESPONSE_COMPLETE);
    assert_int_equal(in.bytes, 19);
    assert_false(response.keep_alive);
    assert_int_equal(response_finish(&response), RESPONSE_COMPLETE);
    response_deinit(&response);
    response_deinit(&response); /* twice is harmless */
}

/* What came whole can be used; the connection it came over cannot. */
static void does_not_reuse_what_the_peer_has_closed(void **state)
{
    struct response response;

    (void)state;
    response_init(&response, &reading_limits, false, false);
    assert_int_equal(feed_text(&response, "HTTP/1.1 204 N\r\n\r\n"), RESPONSE_COMPLETE);
    assert_true(response.keep_alive);
    assert_int_equal(response_finish(&response), RESPONSE_COMPLETE);
    assert_false(response.keep_alive);
    response_deinit(&response);
}

static void is_small_enough_to_have_one_per_exchange(void **state)
{
    (void)state;
    assert_true(sizeof(struct response) <= 576);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_acceptable_heads),
        cmocka_unit_test(refuses_what_is_no_http_response),
        cmocka_unit_test(refuses_malformed_status_lines),
        cmocka_unit_test(passes_on_every_status_of_three_digits_up_to_599),
        cmocka_unit_test(refuses_malformed_fields),
        cmocka_unit_test(knows_every_byte_of_a_head),
        cmocka_unit_test(passes_over_interim_responses),
        cmocka_unit_test(tells_an_early_end_by_what_was_seen),
        cmocka_unit_test(tells_version_and_announced_length),
        cmocka_unit_test(stays_bad_and_stays_complete),
        cmocka_unit_test(does_not_reuse_what_the_peer_has_closed),
        cmocka_unit_test(is_small_enough_to_have_one_per_exchange),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
