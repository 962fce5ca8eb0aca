/*
 * The codings that a response names are those of its final head, however it is cut.
 */
#include "feed.h"
#include "reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const char *const names[DECODE_CODING_COUNT] = {
    [DECODE_UNKNOWN] = "unknown", [DECODE_IDENTITY] = "identity", [DECODE_GZIP] = "gzip",
    [DECODE_DEFLATE] = "deflate", [DECODE_BROTLI] = "br",         [DECODE_ZSTD] = "zstd",
};

/* "gzip br", or "many". */
static void write_codings(const struct decode_list *list, char *out, size_t room)
{
    out[0] = '\0';
    if (list->count > DECODE_CODINGS_MAX)
        (void)snprintf(out, room, "many");
    for (unsigned i = 0; i < list->count && i < DECODE_CODINGS_MAX; i++) {
        size_t bytes = strlen(out);

        if (list->count <= DECODE_CODINGS_MAX)
            (void)snprintf(out + bytes, room - bytes, "%s%s", i ? " " : "",
                           names[list->codings[i]]);
    }
}

/* The codings after the head has come in these two parts. */
static void expect_codings(const char *head, size_t cut, const char *expected)
{
    struct span parts[] = { { head, cut }, { head + cut, strlen(head) - cut } };
    enum response_verdict verdict = RESPONSE_NEED_MORE;
    struct response response;
    struct decode_list list;
    struct span body;
    char got[64];

    response_init(&response, &reading_limits, false, cut % 2);
    for (unsigned i = 0; i < 2 && verdict == RESPONSE_NEED_MORE; i++) {
        list = response_codings(&response);
        assert_int_equal(list.count, 0); /* not while the head is being read */
        verdict = response_feed(&response, &parts[i], &body);
        response_check(&response);
    }
    assert_int_equal(verdict, RESPONSE_HEAD);
    list = response_codings(&response);
    decode_list_check(&list);
    write_codings(&list, got, sizeof(got));
    assert_string_equal(got, expected);
    response_deinit(&response);
}

static void are_those_of_the_final_head(void **state)
{
    static const struct {
        const char *fields;
        const char *codings;
    } rows[] = {
        { "", "" },
        { "Content-Encoding: gzip\r\n", "gzip" },
        { "CONTENT-encoding:\tBR \t\r\n", "br" },
        { "Content-Encoding: gzip,\tbr ,zstd\r\n", "gzip br zstd" },
        { "Content-Encoding: gzip\r\nA: b\r\nContent-Encoding: br\r\n", "gzip br" },
        { "Content-Encoding:\r\n", "" },
        { "Content-Encoding: identity\r\n", "" },
        { "Content-Encoding: what\r\n", "unknown" },
        { "Content-Encoding: gzip, gzip, gzip, gzip\r\n", "many" },
        { "Content-Encodings: gzip\r\n", "" },
        { "Content-Encodinh: gzip\r\n", "" },
        { "Transfer-Encoding: chunked\r\n", "" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char head[512];
        int bytes = snprintf(head, sizeof(head),
                             "HTTP/1.1 103 Early\r\nContent-Encoding: zstd\r\n\r\n"
                             "HTTP/1.1 200 OK\r\n%s\r\n",
                             rows[i].fields);

        for (size_t cut = 0; cut <= (size_t)bytes; cut++)
            expect_codings(head, cut, rows[i].codings);
    }
}

static void are_not_changed_by_a_trailer(void **state)
{
    struct span in = SPAN_LITERAL("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "0\r\nContent-Encoding: gzip\r\n\r\n");
    struct response response;
    struct span body;

    (void)state;
    response_init(&response, &reading_limits, false, false);
    assert_int_equal(response_feed(&response, &in, &body), RESPONSE_HEAD);
    assert_int_equal(response_feed(&response, &in, &body), RESPONSE_COMPLETE);
    assert_int_equal(response_codings(&response).count, 0);
    response_deinit(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_those_of_the_final_head),
        cmocka_unit_test(are_not_changed_by_a_trailer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
