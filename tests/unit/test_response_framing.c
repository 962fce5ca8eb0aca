/*
 * Where a body ends, and whether the connection may be used again: RFC 9112 section 6.3 and 9.3,
 * with every doubt an error. The inside of chunks: test_response_chunks.c. Rows are read at every
 * cut, see tests/support/reading.c.
 */
#include "reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static void assert_readings(const struct reading *rows, size_t rows_count)
{
    for (size_t i = 0; i < rows_count; i++)
        assert_reading(&rows[i]);
}

static void ends_a_body_where_its_framing_ends(void **state)
{
    static const struct reading rows[] = {
        { "length", TEXT(OK "Content-Length: 10\r\n\r\n0123456789"), .status = 200,
          .body = TEXT("0123456789") },
        { "length 0", TEXT(OK "Content-Length: 0\r\n\r\n"), .status = 200, .stays_open = true },
        { "length, more to come", TEXT(OK "Content-Length: 10\r\n\r\n012"), .status = 200,
          .stays_open = true, .is_waiting = true, .body = TEXT("012") },
        { "length, surplus", TEXT(OK "Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n"),
          .status = 200, .body = TEXT("hi"), .surplus = 19 },
        { "length, one byte too many", TEXT(OK "Content-Length: 2\r\n\r\nhi\n"), .status = 200,
          .body = TEXT("hi"), .surplus = 1 },
        { "close and surplus", TEXT(OK "Connection: close\r\nContent-Length: 1\r\n\r\nabc"),
          .status = 200, .body = TEXT("a"), .surplus = 2, .closes = true },
        { "binary body", TEXT(OK "Content-Length: 6\r\n\r\n\0\t\r\n\xff\t"), .status = 200,
          .body = TEXT("\0\t\r\n\xff\t") },
        { "until close", TEXT(OK "\r\nsome\tbody"), .status = 200, .body = TEXT("some\tbody"),
          .by_close = true },
        { "until close, nothing", TEXT(OK "\r\n"), .status = 200, .by_close = true },
        { "until close, keep-alive said", TEXT(OK "Connection: keep-alive\r\n\r\nx"), .status = 200,
          .body = TEXT("x"), .by_close = true },
        { "until close, 1.0", TEXT("HTTP/1.0 200 OK\r\n\r\nold"), .status = 200,
          .body = TEXT("old"), .by_close = true },
        { "until close, still open", TEXT(OK "\r\nx"), .status = 200, .stays_open = true,
          .is_waiting = true, .body = TEXT("x") },
        { "chunks", TEXT(CHUNKED "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), .status = 200,
          .body = TEXT("hello!") },
        { "no chunk", TEXT(CHUNKED "0\r\n\r\n"), .status = 200 },
        { "chunks, surplus", TEXT(CHUNKED "1\r\na\r\n0\r\n\r\n\r\n"), .status = 200,
          .body = TEXT("a"), .surplus = 2 },
        { "chunks and close",
          TEXT(OK "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "1\r\na\r\n0\r\n\r\nbcd"),
          .status = 200, .body = TEXT("a"), .surplus = 3, .closes = true },
        { "chunk that looks like the end", TEXT(CHUNKED "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
          .status = 200, .body = TEXT("\r\n0\r\n\r\n") },
    };

    (void)state;
    assert_readings(rows, ROWS(rows));
}

static void gives_no_body_to_a_response_without_one(void **state)
{
    static const struct reading rows[] = {
        { "204", TEXT("HTTP/1.1 204 N\r\n\r\n"), .status = 204, .stays_open = true },
        { "204 with length 0", TEXT("HTTP/1.1 204 N\r\nContent-Length: 0\r\n\r\n"), .status = 204 },
        { "204 with a length", TEXT("HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\n"), .status = 204,
          .closes = true },
        { "204 with a body", TEXT("HTTP/1.1 204 N\r\nContent-Length: 5\r\n\r\nhello"),
          .status = 204, .surplus = 5, .closes = true },
        { "204 with a coding", TEXT("HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n"),
          .status = 204, .closes = true },
        { "304", TEXT("HTTP/1.1 304 N\r\n\r\n"), .status = 304, .stays_open = true },
        { "304 with a length", TEXT("HTTP/1.1 304 N\r\nContent-Length: 1234\r\n\r\n"),
          .status = 304, .stays_open = true },
        { "304 with a coding", TEXT("HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n"),
          .status = 304, .stays_open = true },
        { "304 with a body", TEXT("HTTP/1.1 304 N\r\nContent-Length: 2\r\n\r\nhi"), .status = 304,
          .surplus = 2 },
        { "HEAD", TEXT(OK "Content-Length: 1000\r\n\r\n"), .is_head_request = true, .status = 200,
          .stays_open = true },
        { "HEAD, chunked", TEXT(CHUNKED), .is_head_request = true, .status = 200,
          .stays_open = true },
        { "HEAD, no length", TEXT(OK "\r\n"), .is_head_request = true, .status = 200,
          .stays_open = true },
        { "HEAD, a coding", TEXT(OK "Transfer-Encoding: gzip, chunked\r\n\r\n"),
          .is_head_request = true, .status = 200, .stays_open = true },
        { "HEAD, a body all the same", TEXT(OK "Content-Length: 4\r\n\r\nbody"),
          .is_head_request = true, .status = 200, .surplus = 4 },
        { "HEAD, 404", TEXT("HTTP/1.1 404 N\r\nContent-Length: 9\r\n\r\n"), .is_head_request = true,
          .status = 404, .stays_open = true },
    };

    (void)state;
    assert_readings(rows, ROWS(rows));
}

static void takes_a_content_length_of_digits_only(void **state)
{
    static const struct reading five = { .status = 200, .body = TEXT("12345") };
    static const struct reading bad = { .fault = FAULT_HTTP_MALFORMED };
    static const struct reading late = { .status = 200, .fault = FAULT_HTTP_MALFORMED };
    static const char *const giants[] = { "9223372036854775808", "18446744073709551615" };
    static const char *const fives[] = {
        "5",       "05",     "00005",  "0000000000000000000000000000000000000005",
        " 5",      "5 ",     "\t5",    "5\t",
        "\t 5 \t", "  5   ", "5\t \t",
    };
    static const char *const bads[] = {
        "-1",
        "+5",
        "-0",
        "0x5",
        "5a",
        "a5",
        "5.0",
        "5e0",
        "",
        " ",
        "\t",
        "5 5",
        "5\t5",
        "5, 5",
        "5,5",
        "5,",
        ",5",
        ",",
        "5;",
        "5, 6",
        "\"5\"",
        "5_0",
        "5'0",
        "\xd9\xa5",
        "5\v",
        "five",
        "18446744073709551621",
        "18446744073709551616",

        "36893488147419103237",
        "5555555555555555555555555555555555555555",
        "99999999999999999999",
        "5\x01",
        "5\x7f",
        "5 chunked",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(fives); i++)
        assert_reading_of(&five, OK "Content-Length:%s\r\n\r\n12345", fives[i]);
    for (size_t i = 0; i < ROWS(bads); i++)
        assert_reading_of(&bad, OK "Content-Length: %s\r\n\r\n12345", bads[i]);
    for (size_t i = 0; i < ROWS(giants); i++)
        assert_reading_of(&late, OK "Content-Length: %s\r\n\r\n12345", giants[i]);
}

/* The fault is found in the head, so the status is not taken from it. */
static void refuses_two_lengths(void **state)
{
    static const struct reading rows[] = {
        { "equal", TEXT(OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n12345"),
          .fault = FAULT_HTTP_MALFORMED },
        { "different", TEXT(OK "Content-Length: 5\r\nX: y\r\ncontent-length: 6\r\n\r\n12345"),
          .fault = FAULT_HTTP_MALFORMED },
        { "the second empty", TEXT(OK "Content-Length: 5\r\nContent-Length:\r\n\r\n12345"),
          .fault = FAULT_HTTP_MALFORMED },
        { "zeros", TEXT(OK "Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
          .fault = FAULT_HTTP_MALFORMED },
        { "to HEAD", TEXT(OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
          .is_head_request = true, .fault = FAULT_HTTP_MALFORMED },
        { "in 304", TEXT("HTTP/1.1 304 N\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
          .fault = FAULT_HTTP_MALFORMED },
    };

    (void)state;
    assert_readings(rows, ROWS(rows));
}

static void refuses_length_beside_coding(void **state)
{
    static const struct reading bad = { .fault = FAULT_HTTP_MALFORMED };
    static const struct reading late = { .status = 200, .fault = FAULT_HTTP_MALFORMED };
    static const char *const heads[] = {
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 0\r\nX: y\r\ntransfer-encoding: CHUNKED\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: gzip, chunked\r\n",
        "Content-Length: 5\r\nTransfer-Encoding:\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(heads); i++)
        assert_reading_of(&bad, OK "%s\r\n0\r\n\r\n", heads[i]);
    assert_reading_of(&late, OK "%s\r\n0\r\n\r\n", "Transfer-Encoding:\r\nContent-Length: 5\r\n");
}

static void takes_chunked_alone_as_coding(void **state)
{
    static const struct reading chunked = { .status = 200, .body = TEXT("a") };
    static const struct reading coded = { .status = 200, .fault = FAULT_HTTP_ENCODING };
    static const struct reading old = { .status = 200, .fault = FAULT_HTTP_MALFORMED };
    static const char *const good[] = {
        "chunked", "Chunked", "CHUNKED", "chunked ", "\tchunked", "chunked\t", "  chunked \t ",
    };
    static const char *const others[] = {
        "gzip",
        "gzip, chunked",
        "gzip,chunked",
        "chunked, gzip",
        "chunked, chunked",
        "identity",
        "identity, chunked",
        "chunked;q=1",
        "chunked ;",
        "chunked,",
        ",chunked",
        ", chunked",
        "",
        "xchunked",
        "chunkedx",
        "chunke",
        "\"chunked\"",
        "chunked chunked",
        "chunked\tx",
        "compres",
        "deflate",
        "trailers",
        "chunked\r\nTransfer-Encoding: chunked",
        "gzip\r\nTransfer-Encoding: chunked",
        "chunked\r\nTransfer-Encoding: gzip",
        "chunked\r\nTransfer-Encoding:",
        "\r\nTransfer-Encoding: chunked",
        "chunked\r\nX: y\r\nTransfer-Encoding: identity",
        "gzip\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(good); i++) {
        assert_reading_of(&chunked, OK "Transfer-Encoding:%s\r\n\r\n1\r\na\r\n0\r\n\r\n", good[i]);
        assert_reading_of(&old, "HTTP/1.0 200 OK\r\nTransfer-Encoding: %s\r\n\r\n0\r\n\r\n",
                          good[i]);
    }
    for (size_t i = 0; i < ROWS(others); i++)
        assert_reading_of(&coded, OK "Transfer-Encoding: %s\r\n\r\n1\r\na\r\n0\r\n\r\n", others[i]);
    assert_reading_of(&old, "HTTP/1.0 200 OK\r\nTransfer-Encoding: %s\r\n\r\n", "gzip");
    assert_reading_of(&old,
                      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: %s\r\n"
                      "\r\n0\r\n\r\n",
                      "chunked");
}

static void calls_a_body_cut_short_partial(void **state)
{
    static const struct reading rows[] = {
        { "length", TEXT(OK "Content-Length: 100\r\n\r\n0123456789"), .status = 200,
          .body = TEXT("0123456789") },
        { "length, nothing came", TEXT(OK "Content-Length: 1\r\n\r\n"), .status = 200 },
        { "length and close", TEXT(OK "Connection: close\r\nContent-Length: 2\r\n\r\na"),
          .status = 200, .body = TEXT("a") },
        { "1.0", TEXT("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\na"), .status = 200,
          .body = TEXT("a") },
        { "before the first chunk", TEXT(CHUNKED), .status = 200 },
        { "inside a size", TEXT(CHUNKED "1"), .status = 200 },
        { "inside a size line", TEXT(CHUNKED "1\r"), .status = 200 },
        { "inside an extension", TEXT(CHUNKED "1;abc"), .status = 200 },
        { "before the data", TEXT(CHUNKED "1\r\n"), .status = 200 },
        { "inside the data", TEXT(CHUNKED "5\r\nhel"), .status = 200, .body = TEXT("hel") },
        { "after the data", TEXT(CHUNKED "5\r\nhello"), .status = 200, .body = TEXT("hello") },
        { "after a chunk", TEXT(CHUNKED "5\r\nhello\r\n"), .status = 200, .body = TEXT("hello") },
        { "after the last size digit", TEXT(CHUNKED "1\r\na\r\n0"), .status = 200,
          .body = TEXT("a") },
        { "after the last chunk", TEXT(CHUNKED "1\r\na\r\n0\r\n"), .status = 200,
          .body = TEXT("a") },
        { "inside the last break", TEXT(CHUNKED "0\r\n\r"), .status = 200 },
        { "inside a trailer", TEXT(CHUNKED "0\r\nA: b"), .status = 200 },
        { "after a trailer", TEXT(CHUNKED "0\r\nA: b\r\n"), .status = 200 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reading row = rows[i];

        row.fault = FAULT_HTTP_PARTIAL;
        assert_reading(&row);
        row.fault = FAULT_NONE;
        row.stays_open = true;
        row.is_waiting = true;
        assert_reading(&row);
    }
}

static void reuses_a_connection_only_when_the_server_means_it(void **state)
{
    static const struct {
        const char *fields;
        bool new_reuses; /* HTTP/1.1 */
        bool old_reuses; /* HTTP/1.0 */
    } rows[] = {
        { "X: y\r\n", true, false },
        { "Connection: keep-alive\r\n", true, true },
        { "Connection: Keep-Alive\r\n", true, true },
        { "connection:keep-alive\t\r\n", true, true },
        { "Connection: foo, KEEP-ALIVE , bar\r\n", true, true },
        { "Connection: foo\r\nConnection: keep-alive\r\n", true, true },
        { "Connection: close\r\n", false, false },
        { "Connection: Close, foo\r\n", false, false },
        { "Connection: foo,cLoSe\r\n", false, false },
        { "Connection: foo,\tclose\r\n", false, false },
        { "Connection: close\t\r\n", false, false },
        { "Connection: close\t, foo\r\n", false, false },
        { "Connection: ,,close,,\r\n", false, false },
        { "Connection: keep-alive, close\r\n", false, false },
        { "Connection: close, keep-alive\r\n", false, false },
        { "Connection: close\r\nConnection: keep-alive\r\n", false, false },
        { "Connection: keep-alive\r\nX: y\r\nConnection: close\r\n", false, false },
        { "Connection: upgrade, close\r\nUpgrade: h2c\r\n", false, false },
        { "Connection: closed\r\n", true, false },
        { "Connection: enclose\r\n", true, false },
        { "Connection: close-not\r\n", true, false },
        { "Connection: close foo\r\n", true, false },
        { "Connection: keep-alives\r\n", true, false },
        { "Connection: keep alive\r\n", true, false },
        { "Connection:\r\n", true, false },
        { "Connection: ,\r\n", true, false },
        { "Keep-Alive: timeout=5, max=100\r\n", true, false },
        { "Proxy-Connection: close\r\n", true, false },
        { "Proxy-Connection: keep-alive\r\n", true, false },
        { "X-Connection: close\r\n", true, false },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reading row = { .status = 200, .body = TEXT("a") };

        row.closes = !rows[i].new_reuses;
        assert_reading_of(&row, "HTTP/1.1 200 OK\r\n%sContent-Length: 1\r\n\r\na", rows[i].fields);
        assert_reading_of(&row,
                          "HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
                          "\r\n",
                          rows[i].fields);
        row.closes = !rows[i].old_reuses;
        assert_reading_of(&row, "HTTP/1.0 200 OK\r\n%sContent-Length: 1\r\n\r\na", rows[i].fields);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_a_body_where_its_framing_ends),
        cmocka_unit_test(gives_no_body_to_a_response_without_one),
        cmocka_unit_test(takes_a_content_length_of_digits_only),
        cmocka_unit_test(refuses_two_lengths),
        cmocka_unit_test(refuses_length_beside_coding),
        cmocka_unit_test(takes_chunked_alone_as_coding),
        cmocka_unit_test(calls_a_body_cut_short_partial),
        cmocka_unit_test(reuses_a_connection_only_when_the_server_means_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
