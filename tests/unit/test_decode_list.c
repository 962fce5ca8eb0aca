/*
 * Which codings a Content-Encoding names, whatever its punctuation.
 */
#include "decode_list.h"

#include "feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct list_row {
    const char *values[5]; /* one field each, up to the first NULL */
    enum decode_list_verdict verdict;
    uint8_t codings[DECODE_CODINGS_MAX];
};

struct context {
    const struct list_row *row;
    unsigned index; /* of the value that is cut */
};

static void read_value(struct decode_list *list, const struct span *pieces, size_t pieces_count)
{
    for (size_t i = 0; i < pieces_count; i++) {
        decode_list_feed(list, pieces[i]);
        decode_list_check(list);
    }
    decode_list_end_value(list);
    decode_list_check(list);
}

static void run(void *ctx, const struct span *pieces, size_t pieces_count)
{
    const struct context *context = ctx;
    const struct list_row *row = context->row;
    struct decode_list list = { 0 };
    const char *why = NULL;
    enum decode_list_verdict verdict;

    for (unsigned i = 0; row->values[i]; i++) {
        struct span whole = span_of_string(row->values[i]);

        if (i == context->index)
            read_value(&list, pieces, pieces_count);
        else
            read_value(&list, &whole, 1);
    }
    verdict = decode_list_judge(&list, &why);
    if (verdict != row->verdict)
        print_error("\"%s\": verdict %d\n", row->values[0], (int)verdict);
    assert_int_equal(verdict, row->verdict);
    assert_int_equal(why != NULL,
                     verdict == DECODE_LIST_UNKNOWN || verdict == DECODE_LIST_TOO_MANY);
    for (unsigned i = 0; i < DECODE_CODINGS_MAX && verdict == DECODE_LIST_CODED; i++) {
        if (i < list.count)
            assert_int_equal(list.codings[i], row->codings[i]);
        else
            assert_int_equal(row->codings[i], 0);
    }
}

static void assert_rows(const struct list_row *rows, size_t rows_count)
{
    for (size_t i = 0; i < rows_count; i++) {
        struct context context = { &rows[i], 0 };

        for (; rows[i].values[context.index]; context.index++)
            feed_every_split(span_of_string(rows[i].values[context.index]), run, &context);
    }
}

static void knows_codings_by_all_their_names(void **state)
{
    static const struct list_row rows[] = {
        { { "gzip" }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { "x-gzip" }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { "GZIP" }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { "X-GZip" }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { "deflate" }, DECODE_LIST_CODED, { DECODE_DEFLATE } },
        { { "br" }, DECODE_LIST_CODED, { DECODE_BROTLI } },
        { { "BR" }, DECODE_LIST_CODED, { DECODE_BROTLI } },
        { { "zstd" }, DECODE_LIST_CODED, { DECODE_ZSTD } },
    };

    (void)state;
    assert_rows(rows, ROWS(rows));
}

static void keeps_the_order_in_which_they_were_applied(void **state)
{
    static const struct list_row rows[] = {
        { { "gzip, br" }, DECODE_LIST_CODED, { DECODE_GZIP, DECODE_BROTLI } },
        { { "br,gzip" }, DECODE_LIST_CODED, { DECODE_BROTLI, DECODE_GZIP } },
        { { "br", "gzip" }, DECODE_LIST_CODED, { DECODE_BROTLI, DECODE_GZIP } },
        { { "gzip,gzip", "gzip" }, DECODE_LIST_CODED, { DECODE_GZIP, DECODE_GZIP, DECODE_GZIP } },
        { { "zstd\t ,\t deflate", "br" },
          DECODE_LIST_CODED,
          { DECODE_ZSTD, DECODE_DEFLATE, DECODE_BROTLI } },
    };

    (void)state;
    assert_rows(rows, ROWS(rows));
}

static void passes_over_what_means_nothing(void **state)
{
    static const struct list_row rows[] = {
        { { "" }, DECODE_LIST_PLAIN, { 0 } },
        { { " \t" }, DECODE_LIST_PLAIN, { 0 } },
        { { "," }, DECODE_LIST_PLAIN, { 0 } },
        { { " ,, ,\t," }, DECODE_LIST_PLAIN, { 0 } },
        { { "identity" }, DECODE_LIST_PLAIN, { 0 } },
        { { "Identity, IDENTITY" }, DECODE_LIST_PLAIN, { 0 } },
        { { "none" }, DECODE_LIST_PLAIN, { 0 } },
        { { "identity,identity", "identity,identity" }, DECODE_LIST_PLAIN, { 0 } },
        { { ",gzip" }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { "gzip," }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { " gzip " }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { "\tgzip\t" }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { "", "gzip", "" }, DECODE_LIST_CODED, { DECODE_GZIP } },
        { { " , ,gzip, ,,br, " }, DECODE_LIST_CODED, { DECODE_GZIP, DECODE_BROTLI } },
        { { "identity, gzip, identity, br, identity, zstd, identity" },
          DECODE_LIST_CODED,
          { DECODE_GZIP, DECODE_BROTLI, DECODE_ZSTD } },
    };

    (void)state;
    assert_rows(rows, ROWS(rows));
}

static void tells_unknown_codings(void **state)
{
    static const char *const names[] = {
        "compress",
        "x-compress",
        "aws-chunked",
        "utf-8",
        "gzi",
        "gzipp",
        "xgzip",
        "x-gzip-",
        "x-deflate",
        "b",
        "brr",
        "dcb",
        "dcz",
        "chunked",
        "identit",
        "identity2",
        "identityidentity",
        "*",
        "gz ip",
        "gzip br",
        "gzip gzip",
        "gzip\tx",
        "gzip;q=1",
        "gzip ;q=1",
        "\"gzip\"",
        "gzip;",
        "gzip.",
        "g\xc3\xa9zip",
        "gzip\x01",
        "\x7fgzip",
        "a-very-long-name-of-a-coding-that-nobody-has-ever-used-anywhere-at-all",
        "i d e n t i t y",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        const struct list_row rows[] = {
            { { names[i] }, DECODE_LIST_UNKNOWN, { 0 } },
            { { "gzip", names[i] }, DECODE_LIST_UNKNOWN, { 0 } },
            { { names[i], "gzip", "gzip" }, DECODE_LIST_UNKNOWN, { 0 } },
            { { "br,gzip", names[i], "identity" }, DECODE_LIST_UNKNOWN, { 0 } },
            { { "br,gzip", names[i], "zstd" }, DECODE_LIST_TOO_MANY, { 0 } },
        };

        assert_rows(rows, ROWS(rows));
    }
}

static void refuses_more_than_three(void **state)
{
    static const struct list_row rows[] = {
        { { "gzip,gzip,gzip,gzip" }, DECODE_LIST_TOO_MANY, { 0 } },
        { { "gzip", "gzip", "gzip", "gzip" }, DECODE_LIST_TOO_MANY, { 0 } },
        { { "gzip,br", "deflate,zstd" }, DECODE_LIST_TOO_MANY, { 0 } },
        { { "gzip,br,deflate", "identity", "zstd" }, DECODE_LIST_TOO_MANY, { 0 } },
        { { "gzip,gzip,gzip,gzip,gzip,gzip" }, DECODE_LIST_TOO_MANY, { 0 } },
        { { "a,b,c,d" }, DECODE_LIST_TOO_MANY, { 0 } },
        { { "a,b,c" }, DECODE_LIST_UNKNOWN, { 0 } },
    };
    struct decode_list list = { 0 };
    const char *why = NULL;

    (void)state;
    assert_rows(rows, ROWS(rows));
    for (unsigned i = 0; i < 1000; i++) {
        decode_list_feed(&list, SPAN_LITERAL("gzip"));
        decode_list_end_value(&list);
        decode_list_check(&list);
    }
    assert_int_equal(decode_list_judge(&list, &why), DECODE_LIST_TOO_MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_codings_by_all_their_names),
        cmocka_unit_test(keeps_the_order_in_which_they_were_applied),
        cmocka_unit_test(passes_over_what_means_nothing),
        cmocka_unit_test(tells_unknown_codings),
        cmocka_unit_test(refuses_more_than_three),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
