/*
 * The inside of a chunked body: sizes, extensions, line breaks, trailers (RFC 9112 section 7.1).
 * Rows are read at every cut, see tests/support/reading.c.
 */
#include "reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

static void reads_chunk_sizes_of_hex_digits_only(void **state)
{
    static const struct reading good = { .status = 200, .body = TEXT("0123456789") };
    static const struct reading bad = { .status = 200, .fault = FAULT_HTTP_MALFORMED };
    static const struct reading later = { .status = 200,
                                          .body = TEXT("x"),
                                          .fault = FAULT_HTTP_MALFORMED };
    static const char *const tens[] = {
        "a",
        "A",
        "0a",
        "00A",
        "000000000000000a",
        "a;x",
        "a;name=value",
        "a;a=b;c;d=\"e\"",
        "a;q=\"a; \\\" \t,b\"",
        "a;q=\"\"",
        "a;e1=v1;e2=v2;e3",
    };
    static const char *const bads[] = {
        "0xa",
        " a",
        "a ",
        "\ta",
        "a\t",
        "+a",
        "-a",
        "-1",
        "a_0",
        "g",
        "",
        "a.0",
        "a,",
        "a:",
        "\"a\"",
        "0000000000000000a",
        "00000000000000000000000000a",
        "11111111111111111",
        "fffffffffffffffff",
        "10000000000000000",
        "ffffffffffffffff",
        "8000000000000000",
        "a\r",
        "a ;x",
        "a; x",
        "a;",
        "a;x y",
        "a;x=y z",
        "a;x=\"y",
        "a;x=\"y\" ",
        "a;x\x01",
        "a;x=\"\x01\"",
        "a;x=\"\\\x01\"",
        "a;\xc3=1",
        "a;x=\xc3",
        "\n",
        ";x",
        "x",
        "a\v",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(tens); i++)
        assert_reading_of(&good, CHUNKED "%s\r\n0123456789\r\n0\r\n\r\n", tens[i]);
    for (size_t i = 0; i < ROWS(bads); i++) {
        assert_reading_of(&bad, CHUNKED "%s\r\n0123456789\r\n0\r\n\r\n", bads[i]);
        assert_reading_of(&later, CHUNKED "1\r\nx\r\n%s\r\n0123456789\r\n0\r\n\r\n", bads[i]);
    }
}

static void refuses_broken_chunks(void **state)
{
    static const struct reading rows[] = {
        { "LF after the size", TEXT(CHUNKED "1\na\r\n0\r\n\r\n"), .status = 200 },
        { "LF after an extension", TEXT(CHUNKED "1;x\na\r\n0\r\n\r\n"), .status = 200 },
        { "LF after a value", TEXT(CHUNKED "1;x=y\na\r\n0\r\n\r\n"), .status = 200 },
        { "LF after a quoted value", TEXT(CHUNKED "1;x=\"y\"\na\r\n0\r\n\r\n"), .status = 200 },
        { "CR only after the size", TEXT(CHUNKED "1\ra\r\n0\r\n\r\n"), .status = 200 },
        { "LF after the data", TEXT(CHUNKED "1\r\na\n0\r\n\r\n"), .status = 200,
          .body = TEXT("a") },
        { "CR only after the data", TEXT(CHUNKED "1\r\na\r0\r\n\r\n"), .status = 200,
          .body = TEXT("a") },
        { "longer than its size", TEXT(CHUNKED "1\r\nab\r\n0\r\n\r\n"), .status = 200,
          .body = TEXT("a") },
        { "shorter than its size", TEXT(CHUNKED "3\r\na\r\n0\r\n\r\n"), .status = 200,
          .body = TEXT("a\r\n") },
        { "no break after the data", TEXT(CHUNKED "1\r\na1\r\nb\r\n0\r\n\r\n"), .status = 200,
          .body = TEXT("a") },
        { "two breaks after the data", TEXT(CHUNKED "1\r\na\r\n\r\n0\r\n\r\n"), .status = 200,
          .body = TEXT("a") },
        { "a break first", TEXT(CHUNKED "\r\n1\r\na\r\n0\r\n\r\n"), .status = 200 },
        { "NUL in the size", TEXT(CHUNKED "1\0\r\na\r\n0\r\n\r\n"), .status = 200 },
        { "NUL in an extension", TEXT(CHUNKED "1;a\0\r\na\r\n0\r\n\r\n"), .status = 200 },
        { "not chunked at all", TEXT(CHUNKED "hello"), .status = 200 },
        { "LF ends the trailers", TEXT(CHUNKED "0\r\n\n"), .status = 200 },
        { "LF after the last size", TEXT(CHUNKED "0\n\r\n"), .status = 200 },
        { "CR ends the trailers", TEXT(CHUNKED "0\r\n\rX"), .status = 200 },
        { "trailer without a colon", TEXT(CHUNKED "0\r\nabc\r\n\r\n"), .status = 200 },
        { "trailer with a space before the colon", TEXT(CHUNKED "0\r\na : b\r\n\r\n"),
          .status = 200 },
        { "folded trailer", TEXT(CHUNKED "0\r\na: b\r\n c\r\n\r\n"), .status = 200 },
        { "NUL in a trailer", TEXT(CHUNKED "0\r\na: \0\r\n\r\n"), .status = 200 },
        { "trailer ended by LF", TEXT(CHUNKED "0\r\na: b\n\r\n"), .status = 200 },
        { "a chunk after the last", TEXT(CHUNKED "0\r\n1\r\na\r\n0\r\n\r\n"), .status = 200 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct reading row = rows[i];

        row.fault = FAULT_HTTP_MALFORMED;
        assert_reading(&row);
    }
}

static void passes_over_trailers(void **state)
{
    static const struct reading good = { .status = 200, .body = TEXT("a") };
    static const char *const trailers[] = {
        "A: b\r\n",
        "A: b\r\nC:\r\nD: \t e \r\n",
        "Server-Timing: x;dur=1\r\n",
        /* forbidden ones are passed over too (RFC 9110 section 6.5.1) */
        "Content-Length: 5\r\n",
        "Content-Length: x\r\nContent-Length: 7\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Connection: upgrade\r\nUpgrade: x\r\n",
        "Location: /a\r\nLocation: /b\r\n",
        "Content-Type: text/evil\r\n",
        "Host: x\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(trailers); i++)
        assert_reading_of(&good, CHUNKED "1\r\na\r\n0\r\n%s\r\n", trailers[i]);
    for (size_t i = 0; i < ROWS(trailers); i++)
        assert_reading_of(&good, CHUNKED "1\r\na\r\n0000;x=y\r\n%s\r\n", trailers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_chunk_sizes_of_hex_digits_only),
        cmocka_unit_test(refuses_broken_chunks),
        cmocka_unit_test(passes_over_trailers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
