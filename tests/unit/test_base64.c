/*
 * Base64: the examples of RFC 4648, all bytes there and back, and what is none.
 */
#include "base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
    const char *bytes;
    const char *text;
} rows[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
    { "\xfb\xff\xfe", "+//+" },
};

/* Allocations of the exact size: nothing may be written behind them. */
static void writes_and_reads_the_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct span bytes = span_of_string(rows[i].bytes);
        struct span text = span_of_string(rows[i].text);
        char *out = malloc(BASE64_BYTES(bytes.bytes) + 1);
        char *back = malloc(text.bytes / 4 * 3 + 1);
        size_t back_bytes = 0;

        assert_int_equal(base64_encode(bytes, out), text.bytes);
        assert_true(span_equals(span_of(out, text.bytes), text));
        assert_true(base64_decode(text, back, &back_bytes));
        assert_true(span_equals(span_of(back, back_bytes), bytes));
        free(out);
        free(back);
    }
}

static void every_byte_comes_back(void **state)
{
    char bytes[256], text[BASE64_BYTES(sizeof(bytes))], back[sizeof(text)];
    size_t back_bytes;

    (void)state;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        size_t text_bytes = base64_encode(span_of(bytes, n), text);

        assert_int_equal(text_bytes, BASE64_BYTES(n));
        assert_true(base64_decode(span_of(text, text_bytes), back, &back_bytes));
        assert_true(span_equals(span_of(back, back_bytes), span_of(bytes, n)));
    }
}

static void refuses_what_is_no_base64(void **state)
{
    static const char *const bad[] = {
        "A",
        "AA",
        "AAA",
        "AAAAA",
        "A===",
        "====",
        "=AAA",
        "A=AA",
        "AA=A",
        "AAAA ",
        " AAAA",
        "AA A",
        "AAAA\n\n",
        "AAAA----",
        "AAA_BBBB",
        "AA==AA==",
        "\xff\xff\xff\xff",
    };
    char out[16];
    size_t bytes = 77;

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++)
        if (base64_decode(span_of_string(bad[i]), out, &bytes))
            fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(bytes, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_the_examples),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(refuses_what_is_no_base64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
