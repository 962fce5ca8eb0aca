/*
 * Every limit of a response is reached here, with small limits at every cut, and with the daemon's
 * own against a flood; and what is kept of a head, which is bounded by them.
 */
#include "reading.h"

#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static const struct response_limits small_limits = {
    .head_bytes_max = 60,
    .fields_max = 3,
    .interim_max = 2,
    .trailer_bytes_max = 20,
    .body_bytes_max = 8,
};

static void stops_at_small_limits_at_every_split(void **state)
{
    static const struct reading rows[] = {
        { "head of the limit", /* 17 + 19 + 22 + 2 */
          TEXT(OK "Content-Length: 1\r\nX: 45678901234567890\r\n\r\na"), .status = 200,
          .body = TEXT("a") },
        { "head over it by one", TEXT(OK "Content-Length: 1\r\nX: 456789012345678901\r\n\r\na"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "a fault on the limit", TEXT(OK "Content-Length: 1\r\nX: 45678901234567890\r\n\rX"),
          .fault = FAULT_HTTP_MALFORMED },
        { "a fault beyond the limit", TEXT(OK "Content-Length: 1\r\nX: 45678901234567890\r\n\1\1"),
          .fault = FAULT_HTTP_MALFORMED },
        { "a fault behind the limit", TEXT(OK "Content-Length: 1\r\nX: 456789012345678901\r\n\r\1"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "endless value",
          TEXT(OK "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "endless name", TEXT(OK "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "endless reason",
          TEXT("HTTP/1.1 200 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "endless tabs",
          TEXT(OK "Content-Length:\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t"
                  "\t\t\t\t\t\t"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "three fields", TEXT(OK "A:\r\nB:\r\nContent-Length: 0\r\n\r\n"), .status = 200 },
        { "four fields", TEXT(OK "A:\r\nB:\r\nC:\r\nContent-Length: 0\r\n\r\n"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "a malformed name after three fields", TEXT(OK "A:\r\nB:\r\nC:\r\nD\r\n"),
          .fault = FAULT_HTTP_MALFORMED },
        { "four fields, one of an interim response",
          TEXT("HTTP/1.1 100\r\nA:\r\n\r\nHTTP/1.1 200\r\nB:\r\nC:\r\nD:\r\n\r\n"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "two interim responses",
          TEXT("HTTP/1.1 100\r\n\r\nHTTP/1.1 103\r\n\r\nHTTP/1.1 204\r\n"
               "\r\n"),
          .status = 204 },
        { "three interim responses",
          TEXT("HTTP/1.1 100\r\n\r\nHTTP/1.1 103\r\n\r\nHTTP/1.1 102\r\n\r\n"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "interim heads count together",
          TEXT("HTTP/1.1 103 abcdefgh\r\nA: bcdefgh\r\n\r\nHTTP/1.1 200 abcdefgh\r\nC: d\r\n\r\n"),
          .fault = FAULT_HTTP_TOO_BIG },
        { "announced body of the limit", TEXT(OK "Content-Length: 8\r\n\r\n12345678"),
          .status = 200, .body = TEXT("12345678") },
        { "announced body over it", TEXT(OK "Content-Length: 9\r\n\r\n"), .stays_open = true,
          .status = 200, .fault = FAULT_HTTP_TOO_BIG },
        { "announced, but there is none", TEXT(OK "Content-Length: 9\r\n\r\n"),
          .is_head_request = true, .status = 200 },
        { "announced by 304", TEXT("HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n"), .status = 304 },
        { "body until close of the limit", TEXT(OK "\r\n12345678"), .status = 200,
          .body = TEXT("12345678"), .by_close = true },
        { "body until close over it", TEXT(OK "\r\n123456789"), .status = 200,
          .body = TEXT("12345678"), .fault = FAULT_HTTP_TOO_BIG },
        { "chunks of the limit", TEXT(CHUNKED "5\r\n12345\r\n3\r\n678\r\n0\r\n\r\n"), .status = 200,
          .body = TEXT("12345678") },
        { "a chunk over it", TEXT(CHUNKED "9\r\n"), .stays_open = true, .status = 200,
          .fault = FAULT_HTTP_TOO_BIG },
        { "chunks over it", TEXT(CHUNKED "5\r\n12345\r\n4\r\n6789\r\n0\r\n\r\n"), .status = 200,
          .body = TEXT("12345"), .fault = FAULT_HTTP_TOO_BIG },
        { "a giant chunk after some", TEXT(CHUNKED "1\r\n1\r\n7fffffffffffffff\r\n"), .status = 200,
          .body = TEXT("1"), .fault = FAULT_HTTP_TOO_BIG },
        { "trailers of the limit", TEXT(CHUNKED "0\r\nA: 4567890123456\r\n\r\n"), .status = 200 },
        { "trailers over it", TEXT(CHUNKED "0\r\nA: 45678901234567\r\n\r\n"), .status = 200,
          .fault = FAULT_HTTP_TOO_BIG },
        { "fields of head and trailers", TEXT(CHUNKED "0\r\nA:\r\nB:\r\n\r\n"), .status = 200 },
        { "too many fields in the trailers", TEXT(CHUNKED "0\r\nA:\r\nB:\r\nC:\r\n\r\n"),
          .status = 200, .fault = FAULT_HTTP_TOO_BIG },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reading row = rows[i];

        row.limits = &small_limits;
        assert_reading(&row);
    }
}

/* Feeds text again and again until a verdict, and says after how many bytes. */
static enum response_verdict flood(struct response *response, const char *begin, const char *text,
                                   size_t bytes_max, size_t *ret_bytes)
{
    struct span in = span_of_string(begin);
    enum response_verdict verdict;
    struct span body;
    size_t bytes = 0;

    do {
        while (response_feed(response, &in, &body) == RESPONSE_HEAD)
            ;
        do
            verdict = response_feed(response, &in, &body);
        while (verdict == RESPONSE_HEAD || verdict == RESPONSE_BODY);
        response_check(response);
        in = span_of_string(text);
        bytes += in.bytes;
    } while (verdict == RESPONSE_NEED_MORE && bytes < bytes_max);
    *ret_bytes = bytes;
    return verdict;
}

static void ends_every_flood_early(void **state)
{
    static char filler[4097];
    static char extension[4200];
    static char many_extensions[4200];
    const struct {
        const char *name, *begin, *text;
        size_t bytes_max;
    } rows[] = {
        { "one long field", OK "X: ", filler, 300 << 10 },
        { "one long name", OK, filler, 300 << 10 },
        { "small fields", OK, "A: b\r\n", 8 << 10 },
        { "large fields", OK, "A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n",
          80 << 10 },
        { "100s", "", "HTTP/1.1 100 Continue\r\n\r\n", 600 },
        { "103s", "HTTP/1.1 103 E\r\nLink: ", filler, 300 << 10 },
        { "one long extension", CHUNKED "1;x=", filler, 80 << 10 },
        { "one-byte chunks with extensions", CHUNKED, extension, 80 << 10 },
        { "one-byte chunks with many extensions", CHUNKED, many_extensions, 80 << 10 },
        { "trailer", CHUNKED "0\r\nA: ", filler, 24 << 10 },
        { "trailers", CHUNKED "0\r\n", "A: b\r\n", 8 << 10 },
    };

    (void)state;
    memset(filler, 'a', sizeof(filler) - 1);
    snprintf(extension, sizeof(extension), "1;x=\"%s\"\r\na\r\n", filler);
    memset(many_extensions, ';', 4096);
    for (size_t i = 1; i < 4096; i += 2)
        many_extensions[i] = 'e';
    many_extensions[0] = '1';
    memmove(many_extensions + 1, ";e", 2);
    snprintf(many_extensions + 4096, 64, "\r\na\r\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (int wants_head = 0; wants_head < 2; wants_head++) {
            struct response response;
            size_t bytes;

            response_init(&response, &reading_limits, false, wants_head);
            if (flood(&response, rows[i].begin, rows[i].text, 1 << 20, &bytes) != RESPONSE_BAD ||
                response.fault.code != FAULT_HTTP_TOO_BIG || bytes > rows[i].bytes_max)
                fail_msg("%s: %zu bytes, %s", rows[i].name, bytes,
                         response.fault.why ? response.fault.why : "no fault");
            assert_in_range(response.kept_capacity, 0, 1 << 19);
            response_deinit(&response);
        }
    }
}

/* An honest chunked body never meets the bound on framing: 1-byte chunks have 5 bytes of it. */
static void bears_a_long_body_of_one_byte_chunks(void **state)
{
    struct response response;
    size_t bytes;

    (void)state;
    response_init(&response, &reading_limits, false, false);
    assert_int_equal(flood(&response, CHUNKED, "1\r\na\r\n1;x=y\r\nb\r\n", 1 << 20, &bytes),
                     RESPONSE_NEED_MORE);
    assert_true(response.body_bytes > 100000);
    response_deinit(&response);
}

/* The bound itself, to the byte: 64 KiB + 16 x body. */
static void bounds_chunk_framing_by_the_body(void **state)
{
    static const size_t line_bytes[] = { 100, 65535, 65536, 65537, 70000 };

    (void)state;
    for (size_t i = 0; i < ROWS(line_bytes); i++) {
        char *input = malloc(80000);
        size_t head_bytes = strlen(CHUNKED);
        struct span in = { input, head_bytes + line_bytes[i] + 1 };
        struct response response;
        struct span body;

        memset(input, 'x', in.bytes);
        memcpy(input, CHUNKED "1;", head_bytes + 2);
        memcpy(input + in.bytes - 3, "\r\n!", 3);
        response_init(&response, &reading_limits, false, false);
        assert_int_equal(response_feed(&response, &in, &body), RESPONSE_HEAD);
        assert_int_equal(response_feed(&response, &in, &body),
                         line_bytes[i] <= 65536 ? RESPONSE_BODY : RESPONSE_BAD);
        response_deinit(&response);
        free(input);
    }
}

static void read_head(struct response *response, const char *text, size_t piece_bytes,
                      bool wants_head)
{
    struct span rest = span_of_string(text);
    enum response_verdict verdict = RESPONSE_NEED_MORE;
    struct span body;

    response_init(response, &reading_limits, true, wants_head);
    while (verdict == RESPONSE_NEED_MORE && rest.bytes > 0) {
        struct span in = { rest.data, piece_bytes < rest.bytes ? piece_bytes : rest.bytes };

        span_advance(&rest, in.bytes);
        verdict = response_feed(response, &in, &body);
    }
    assert_int_equal(verdict, RESPONSE_HEAD);
}

static void assert_span(struct span span, const char *text)
{
    assert_int_equal(span.bytes, strlen(text));
    assert_memory_equal(span.data, text, span.bytes);
}

static void keeps_reason_and_fields_as_they_came(void **state)
{
    static const char head[] = "HTTP/1.1 103 Hint\r\nLink: x\r\nLocation: /no\r\n\r\n"
                               "HTTP/1.1 302 Found it\r\nSERVER: a  b \t\r\nEmpty:\r\n"
                               "Set-Cookie: a=1\r\nlocation: /x\r\nset-cookie:\tb=2\r\n"
                               "Location: /x\r\nA-Name-Much-Longer-Than-Any-Of-Ours: v\r\n\r\n";
    static const char *const fields[][2] = {
        { "SERVER", "a  b" },
        { "Empty", "" },
        { "Set-Cookie", "a=1" },
        { "location", "/x" },
        { "set-cookie", "b=2" },
        { "Location", "/x" },
        { "A-Name-Much-Longer-Than-Any-Of-Ours", "v" },
    };

    (void)state;
    for (size_t piece_bytes = 1; piece_bytes <= sizeof(head); piece_bytes++) {
        struct message_field field;
        struct response response;
        struct span list;
        uint16_t count;

        read_head(&response, head, piece_bytes, true);
        assert_span(response_reason(&response), "Found it");
        list = response_fields(&response, &count);
        assert_int_equal(count, ROWS(fields));
        for (size_t i = 0; i < ROWS(fields); i++) {
            assert_true(message_next_field(&list, &field));
            assert_span(field.name, fields[i][0]);
            assert_span(field.value, fields[i][1]);
        }
        assert_int_equal(list.bytes, 0);
        response_deinit(&response);
    }
}

static void keeps_no_fields_unless_asked(void **state)
{
    struct response response;
    uint16_t count = 7;

    (void)state;
    read_head(&response, OK "A: b\r\n\r\n", 999, false);
    assert_null(response.head);
    assert_int_equal(response_reason(&response).bytes, 0);
    assert_int_equal(response_fields(&response, &count).bytes, 0);
    assert_int_equal(count, 0);
    response_deinit(&response);

    read_head(&response, OK "Location: /a\r\n\r\n", 999, false);
    assert_int_equal(response_fields(&response, &count).bytes, 0);
    assert_int_equal(count, 0);
    response_deinit(&response);

    read_head(&response, "HTTP/1.1 200\r\n\r\n", 999, true);
    assert_int_equal(response_reason(&response).bytes, 0);
    assert_int_equal(response_fields(&response, &count).bytes, 0);
    assert_int_equal(count, 0);
    response_deinit(&response);
}

static void shows_nothing_of_half_a_head(void **state)
{
    static const char head[] = OK "Content-Type: a/b\r\nX: y\r\nZ: incomplete\r\n";
    struct span in = { head, sizeof(head) - 1 };
    struct response response;
    uint16_t count = 7;
    struct span body;

    (void)state;
    response_init(&response, &reading_limits, false, true);
    assert_int_equal(response_feed(&response, &in, &body), RESPONSE_NEED_MORE);
    assert_int_equal(response_content_type(&response).bytes, 0);
    assert_int_equal(response_reason(&response).bytes, 0);
    assert_int_equal(response_fields(&response, &count).bytes, 0);
    assert_int_equal(count, 0);
    response_deinit(&response);
}

static void keeps_no_trailers(void **state)
{
    static const char text[] = CHUNKED "0\r\nA: b\r\nContent-Type: c/d\r\n\r\n";
    struct span in = { text, sizeof(text) - 1 };
    struct response response;
    uint16_t count;
    struct span body;

    (void)state;
    response_init(&response, &reading_limits, false, true);
    assert_int_equal(response_feed(&response, &in, &body), RESPONSE_HEAD);
    assert_int_equal(response_feed(&response, &in, &body), RESPONSE_COMPLETE);
    assert_int_equal(response_fields(&response, &count).bytes,
                     sizeof(struct wire_field) + strlen("Transfer-Encoding"
                                                        "chunked"));
    assert_int_equal(count, 1);
    assert_int_equal(response_content_type(&response).bytes, 0);
    response_deinit(&response);
}

static void knows_the_content_type(void **state)
{
    static const char *const rows[][2] = {
        { "X: y\r\n", "" },
        { "Content-Type:\r\n", "" },
        { "Content-Type: text/html\r\n", "text/html" },
        { "CONTENT-TYPE:\ttext/html; charset=utf-8 \t\r\n", "text/html; charset=utf-8" },
        { "Content-Type: a/b\r\nContent-Type: c/d\r\n", "c/d" },
        { "Content-Type: text/html\r\nContent-Type:\r\n", "" },
        { "Content-Types: a/b\r\nX-Content-Type: c/d\r\n", "" },
    };
    struct response response;
    char head[1024];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        snprintf(head, sizeof(head), "HTTP/1.1 103\r\nContent-Type: no/no\r\n\r\n" OK "%s\r\n",
                 rows[i][0]);
        for (size_t piece_bytes = 1; piece_bytes <= strlen(head); piece_bytes++) {
            read_head(&response, head, piece_bytes, piece_bytes % 2);
            assert_span(response_content_type(&response), rows[i][1]);
            response_deinit(&response);
        }
    }
}

static void cuts_a_long_content_type(void **state)
{
    (void)state;
    for (size_t bytes = 250; bytes <= 300; bytes++) {
        struct response response;
        char value[301];
        char head[512];

        memset(value, 'a', bytes);
        value[bytes] = '\0';
        snprintf(head, sizeof(head), OK "Content-Type: %s  \r\n\r\n", value);
        for (size_t piece_bytes = 1; piece_bytes <= 400; piece_bytes += 7) {
            read_head(&response, head, piece_bytes, false);
            value[bytes < 255 ? bytes : 255] = '\0';
            assert_span(response_content_type(&response), value);
            response_deinit(&response);
        }
    }
}

static void cuts_a_reason_longer_than_a_frame_can_say(void **state)
{
    struct response response;
    char *head = malloc(80000);
    uint16_t count;

    (void)state;
    memset(head, 'r', 80000);
    memcpy(head, "HTTP/1.1 200 ", 13);
    memcpy(head + 79900, "\r\nA: b\r\n\r\n", 11);
    read_head(&response, head, 1000, true);
    assert_int_equal(response_reason(&response).bytes, 65535);
    assert_int_equal(response_fields(&response, &count).bytes, sizeof(struct wire_field) + 2);
    assert_int_equal(count, 1);
    response_deinit(&response);
    free(head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_at_small_limits_at_every_split),
        cmocka_unit_test(ends_every_flood_early),
        cmocka_unit_test(bears_a_long_body_of_one_byte_chunks),
        cmocka_unit_test(bounds_chunk_framing_by_the_body),
        cmocka_unit_test(keeps_reason_and_fields_as_they_came),
        cmocka_unit_test(keeps_no_fields_unless_asked),
        cmocka_unit_test(shows_nothing_of_half_a_head),
        cmocka_unit_test(keeps_no_trailers),
        cmocka_unit_test(knows_the_content_type),
        cmocka_unit_test(cuts_a_long_content_type),
        cmocka_unit_test(cuts_a_reason_longer_than_a_frame_can_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
