/*
 * Messages must be cut the same however the bytes arrive, never past a NUL, and within their limit.
 */
#include "varlink.h"

#include "feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct cut {
    const char *messages[6];
    size_t messages_count;
    bool is_mid_message;
};

static void run_messages(void *ctx, const struct span *pieces, size_t pieces_count)
{
    const struct cut *cut = ctx;
    struct varlink_reader reader;
    struct span message;
    size_t seen = 0;

    varlink_reader_init(&reader);
    for (size_t i = 0; i < pieces_count; i++) {
        struct span in = pieces[i];

        while (varlink_next(&reader, &in, &message) == VARLINK_READY) {
            assert_true(seen < cut->messages_count);
            assert_true(span_equals(message, span_of_string(cut->messages[seen])));
            seen++;
        }
        assert_int_equal(in.bytes, 0);
    }
    assert_int_equal(seen, cut->messages_count);
    assert_int_equal(varlink_reader_is_mid_message(&reader), cut->is_mid_message);
    varlink_reader_deinit(&reader);
}

static void cuts_the_same_messages_at_every_split(void **state)
{
    static const struct {
        struct span input;
        struct cut cut;
    } rows[] = {
        { SPAN_LITERAL("{}\0"), { { "{}" }, 1, false } },
        { SPAN_LITERAL("{\"a\":1}\0{\"b\":2}\0"), { { "{\"a\":1}", "{\"b\":2}" }, 2, false } },
        { SPAN_LITERAL("\0"), { { "" }, 1, false } },
        { SPAN_LITERAL("\0\0{}\0\0"), { { "", "", "{}", "" }, 4, false } },
        { SPAN_LITERAL("{}\0{\"half"), { { "{}" }, 1, true } },
        { SPAN_LITERAL("{"), { { NULL }, 0, true } },
        { SPAN_LITERAL(""), { { NULL }, 0, false } },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        feed_every_split(rows[i].input, run_messages, (void *)(uintptr_t)&rows[i].cut);
}

static void hands_out_a_whole_message_in_place(void **state)
{
    struct span in = SPAN_LITERAL("{\"a\":1}\0rest");
    const char *start = in.data;
    struct varlink_reader reader;
    struct span message;

    (void)state;
    varlink_reader_init(&reader);
    assert_int_equal(varlink_next(&reader, &in, &message), VARLINK_READY);
    assert_ptr_equal(message.data, start);
    assert_null(reader.buffer);
    varlink_reader_deinit(&reader);
}

/* The bytes after an upgrading call are frames: they stay in *in, zeros included. */
static void takes_nothing_past_the_nul(void **state)
{
    static const char input[] = "{\"method\":\"x\"}\0\x10\0\0\0\x07\0\0\0";
    struct varlink_reader reader;
    struct span message;

    (void)state;
    for (size_t split = 0; split <= 14; split++) {
        struct span first = span_of(input, split);
        struct span rest = span_of(input + split, sizeof(input) - 1 - split);

        varlink_reader_init(&reader);
        if (split > 0)
            assert_int_equal(varlink_next(&reader, &first, &message), VARLINK_NEED_MORE);
        assert_int_equal(varlink_next(&reader, &rest, &message), VARLINK_READY);
        assert_true(span_equals(message, SPAN_LITERAL("{\"method\":\"x\"}")));
        assert_int_equal(rest.bytes, 8);
        assert_int_equal(rest.data[0], 0x10);
        varlink_reader_deinit(&reader);
    }
}

/* Feeds a message of this many bytes, its NUL included, in pieces of this size. */
static enum varlink_verdict feed_large(size_t bytes, size_t piece_bytes)
{
    enum varlink_verdict verdict = VARLINK_NEED_MORE;
    char *input = malloc(bytes);
    struct varlink_reader reader;
    struct span message;

    assert_non_null(input);
    memset(input, ' ', bytes);
    input[bytes - 1] = 0;
    varlink_reader_init(&reader);
    for (size_t fed = 0; fed < bytes && verdict == VARLINK_NEED_MORE; fed += piece_bytes) {
        size_t left = bytes - fed;
        struct span in = span_of(input + fed, piece_bytes < left ? piece_bytes : left);

        verdict = varlink_next(&reader, &in, &message);
        assert_true(reader.buffer_capacity <= WIRE_VARLINK_BYTES_MAX);
    }
    if (verdict == VARLINK_READY)
        assert_int_equal(message.bytes, bytes - 1);
    varlink_reader_deinit(&reader);
    free(input);
    return verdict;
}

static void bounds_a_message_however_it_comes(void **state)
{
    static const size_t pieces[] = { 4095, 65536, WIRE_VARLINK_BYTES_MAX - 1,
                                     WIRE_VARLINK_BYTES_MAX, WIRE_VARLINK_BYTES_MAX + 1 };

    (void)state;
    for (size_t i = 0; i < ROWS(pieces); i++) {
        assert_int_equal(feed_large(WIRE_VARLINK_BYTES_MAX, pieces[i]), VARLINK_READY);
        assert_int_equal(feed_large(WIRE_VARLINK_BYTES_MAX + 1, pieces[i]), VARLINK_TOO_BIG);
        assert_int_equal(feed_large(2 * WIRE_VARLINK_BYTES_MAX, pieces[i]), VARLINK_TOO_BIG);
    }
}

static void gives_a_large_buffer_back_after_its_message(void **state)
{
    static const size_t bytes = 100000;
    char *input = calloc(1, bytes + 1);
    struct varlink_reader reader;
    struct span message;
    struct span first;
    struct span rest;

    (void)state;
    assert_non_null(input);
    memset(input, ' ', bytes);
    first = span_of(input, 1);
    rest = span_of(input + 1, bytes);
    varlink_reader_init(&reader);
    assert_int_equal(varlink_next(&reader, &first, &message), VARLINK_NEED_MORE);
    assert_int_equal(varlink_next(&reader, &rest, &message), VARLINK_READY);
    assert_int_equal(message.bytes, bytes);
    assert_int_equal(varlink_next(&reader, &rest, &message), VARLINK_NEED_MORE);
    assert_int_equal(reader.buffer_capacity, 0);
    varlink_reader_deinit(&reader);
    free(input);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_the_same_messages_at_every_split),
        cmocka_unit_test(hands_out_a_whole_message_in_place),
        cmocka_unit_test(takes_nothing_past_the_nul),
        cmocka_unit_test(bounds_a_message_however_it_comes),
        cmocka_unit_test(gives_a_large_buffer_back_after_its_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
