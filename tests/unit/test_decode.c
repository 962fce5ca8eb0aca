/*
 * What decode makes of good bodies: the same at every cut and with any room, see
 * tests/support/decoding.c.
 */
#include "decode.h"

#include "decoding.h"
#include "encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define BYTES(text) SPAN_LITERAL(text)

static int forget(void **state)
{
    (void)state;
    encode_forget();
    return 0;
}

static void assert_good(const char *encoding, struct span input, struct span body)
{
    struct decoding decoding = { encoding, encoding, input, body, NULL };

    assert_decoding(&decoding);
}

static void assert_good_in(const char *encoding, struct span input, struct span body,
                           size_t piece_bytes, size_t room)
{
    struct decoding decoding = { encoding, encoding, input, body, NULL };

    assert_decoding_in(&decoding, piece_bytes, room);
}

static void undoes_every_coding(void **state)
{
    (void)state;
    for (enum encode_format format = 0; format < ENCODE_FORMAT_COUNT; format++) {
        const struct span bodies[] = { BYTES(""), BYTES("a"), encode_text(300),
                                       encode_fill('x', 3000) };

        for (size_t i = 0; i < ROWS(bodies); i++)
            assert_good(encode_names[format], encode_as(format, bodies[i]), bodies[i]);
    }
}

static void undoes_large_bodies(void **state)
{
    struct span body = encode_join(encode_text(300000), encode_fill('x', 700000));

    (void)state;
    for (enum encode_format format = 0; format < ENCODE_FORMAT_COUNT; format++) {
        struct span input = encode_as(format, body);

        assert_good_in(encode_names[format], input, body, input.bytes, 64 << 10);
        assert_good_in(encode_names[format], input, body, input.bytes, 2 << 20);
        assert_good_in(encode_names[format], input, body, 16 << 10, 1000);
        assert_good_in(encode_names[format], input, body, 1000, 16 << 10);
        assert_good_in(encode_names[format], input, body, 1, 64 << 10);
    }
}

/* The body of a bomb comes in portions as small as the room; decoding_run asserts that. */
static void gives_a_bomb_in_portions(void **state)
{
    struct span body = encode_fill('\0', 16 << 20);

    (void)state;
    for (enum encode_format format = 0; format < ENCODE_FORMAT_COUNT; format++) {
        struct span input = encode_as(format, body);

        assert_true(input.bytes < body.bytes / 1000);
        assert_good_in(encode_names[format], input, body, input.bytes, 4096);
        assert_good_in(encode_names[format], input, body, 100, 64 << 10);
    }
}

/* A server that sends a line now and then must be heard at once: what the bytes so far bring is
 * written before more are wanted. */
static void holds_nothing_back(void **state)
{
    static const size_t rooms[] = { 1, 7, 64 << 10 };
    const struct span bodies[] = { encode_text(300), encode_fill('x', 3000),
                                   encode_text(300 << 10) };

    (void)state;
    for (enum encode_format format = 0; format < ENCODE_FORMAT_COUNT; format++) {
        for (size_t i = 0; i < ROWS(bodies) * ROWS(rooms); i++) {
            struct span body = bodies[i / ROWS(rooms)];
            struct span front = encode_front(format, body);
            struct decoded decoded =
                decoding_run(encode_names[format], &front, 1, rooms[i % ROWS(rooms)]);

            assert_non_null(decoded.why);
            assert_true(span_equals(span_of(decoded.body, decoded.body_bytes), body));
            free(decoded.body);
        }
    }
}

static void accepts_a_body_of_no_bytes(void **state)
{
    static const char *const encodings[] = { "gzip", "deflate", "br", "zstd", "gzip, br, zstd" };

    (void)state;
    for (size_t i = 0; i < ROWS(encodings); i++) {
        struct decode *decode = decoding_start(encodings[i]);

        assert_true(decode_finish(decode)); /* not even a step */
        assert_false(fault_is_set(decode_fault(decode)));
        decode_free(decode);
        assert_good(encodings[i], span_of(NULL, 0), BYTES(""));
    }
    for (enum encode_format format = 0; format < ENCODE_FORMAT_COUNT; format++)
        assert_good("br, gzip", encode_as(ENCODE_GZIP, BYTES("")), BYTES(""));
    decode_free(NULL);
}

static void reads_both_deflates(void **state)
{
    static const struct decoding rows[] = {
        { "bare, empty, fixed codes", "deflate", BYTES("\x03\x00"), BYTES(""), NULL },
        { "bare, empty, stored", "deflate", BYTES("\x01\x00\x00\xff\xff"), BYTES(""), NULL },
        { "bare, stored", "deflate",
          BYTES("\x01\x01\x00\xfe\xff"
                "a"),
          BYTES("a"), NULL },
        { "bare, two blocks", "deflate",
          BYTES("\x00\x01\x00\xfe\xff"
                "a\x03\x00"),
          BYTES("a"), NULL },
        { "bare, a first byte like RFC 1950's", "deflate",
          BYTES("\x08\x01\x00\xfe\xff"
                "a\x03\x00"),
          BYTES("a"), NULL },
        { "bare, likewise, and a second one", "deflate",
          BYTES("\x78\x01\x00\xfe\xff"
                "a\x03\x00"),
          BYTES("a"), "corrupt deflate data" }, /* 78 01 is RFC 1950's, and so is the rest read */
        { "wrapped, empty", "deflate", BYTES("\x78\x9c\x03\x00\x00\x00\x00\x01"), BYTES(""), NULL },
        { "wrapped, the smallest window", "deflate", BYTES("\x08\x1d\x4b\x04\x00\x00\x62\x00\x62"),
          BYTES("a"), NULL },
        { "wrapped, stored", "deflate",
          BYTES("\x78\x01\x01\x01\x00\xfe\xff"
                "a\x00\x62\x00\x62"),
          BYTES("a"), NULL },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        assert_decoding(&rows[i]);
}

static void joins_gzip_members(void **state)
{
    struct span one = encode_as(ENCODE_GZIP, BYTES("one"));
    struct span two = encode_as(ENCODE_GZIP, BYTES("two"));
    struct span nothing = encode_as(ENCODE_GZIP, BYTES(""));
    struct span many_input = one;
    struct span many_body = BYTES("one");
    struct span nothings = nothing;

    (void)state;
    assert_good("gzip", encode_join(one, two), BYTES("onetwo"));
    assert_good("x-gzip", encode_join(two, encode_join(one, two)), BYTES("twoonetwo"));
    assert_good("gzip", encode_join(one, encode_join(nothing, two)), BYTES("onetwo"));
    assert_good("gzip", encode_join(nothing, nothing), BYTES(""));
    for (unsigned i = 0; i < 7; i++) {
        many_input = encode_join(many_input, many_input);
        many_body = encode_join(many_body, many_body);
        nothings = encode_join(nothings, nothings);
    }
    assert_good_in("gzip", many_input, many_body, many_input.bytes, 64 << 10);
    assert_good_in("gzip", many_input, many_body, 11, 5);
    assert_good_in("gzip", encode_join(nothings, one), BYTES("one"), nothings.bytes, 1);
}

static void passes_over_zeros_behind_gzip(void **state)
{
    struct span one = encode_as(ENCODE_GZIP, BYTES("one"));
    struct span two = encode_as(ENCODE_GZIP, BYTES("two"));

    (void)state;
    assert_good("gzip", encode_join(one, BYTES("\0")), BYTES("one"));
    assert_good("gzip", encode_join(encode_join(one, two), encode_fill('\0', 600)),
                BYTES("onetwo"));
}

static void reads_long_gzip_heads(void **state)
{
    struct span body = BYTES("body");
    struct span input = encode_gzip_head(body, encode_fill('x', 50), encode_fill('c', 51));

    (void)state;
    assert_good("gzip", input, body);
    assert_good("gzip", encode_join(input, input), BYTES("bodybody"));
    input = encode_gzip_head(body, encode_fill('x', 60 << 10), encode_fill('c', 60 << 10));
    assert_good_in("gzip", input, body, input.bytes, 64 << 10);
    assert_good_in("gzip", input, body, 1, 1);
    assert_good_in("gzip, br", encode_as(ENCODE_BROTLI, input), body, 7, 7);
}

static void joins_zstd_frames(void **state)
{
    struct span one = encode_as(ENCODE_ZSTD, BYTES("one"));
    struct span two = encode_zstd_window(BYTES("two"), 10);
    struct span nothing = encode_as(ENCODE_ZSTD, BYTES(""));
    struct span skipped = BYTES("\x50\x2a\x4d\x18\x05\x00\x00\x00skip!");
    struct span skipped_empty = BYTES("\x5f\x2a\x4d\x18\x00\x00\x00\x00");
    struct span large = encode_zstd_window(encode_text(200000), 10);

    (void)state;
    assert_good("zstd", encode_join(one, two), BYTES("onetwo"));
    assert_good("zstd", encode_join(two, encode_join(nothing, one)), BYTES("twoone"));
    assert_good("zstd", skipped, BYTES(""));
    assert_good("zstd", skipped_empty, BYTES(""));
    assert_good("zstd", encode_join(skipped, one), BYTES("one"));
    assert_good("zstd", encode_join(one, skipped), BYTES("one"));
    assert_good("zstd", encode_join(one, encode_join(skipped_empty, two)), BYTES("onetwo"));
    assert_good_in("zstd", encode_join(large, one), encode_join(encode_text(200000), BYTES("one")),
                   1000, 100);
}

/* 256 bytes, all in one block of one kind: the window is what the frame says, not what it needs. */
#define ZSTD_256_A(window)                                                                         \
    "\x28\xb5\x2f\xfd\x40" window "\x00\x00\x03\x08\x00"                                           \
    "a"

static void takes_windows_up_to_the_limit(void **state)
{
    struct span body = encode_text(100);

    (void)state;
    assert_good("zstd", encode_zstd_window(body, 23), body);
    assert_good("zstd", BYTES(ZSTD_256_A("\x68")), encode_fill('a', 256));
    assert_good("br", encode_brotli_window(body, 24), body);
}

static void undoes_chains(void **state)
{
    struct span body = encode_text(60);
    char encoding[64];

    (void)state;
    for (enum encode_format inner = 0; inner < ENCODE_FORMAT_COUNT; inner++) {
        for (enum encode_format outer = 0; outer < ENCODE_FORMAT_COUNT; outer++) {
            struct span input = encode_as(outer, encode_as(inner, body));

            snprintf(encoding, sizeof(encoding), "%s, identity, %s", encode_names[inner],
                     encode_names[outer]);
            assert_good(encoding, input, body);
        }
    }
    assert_good("zstd, br, gzip",
                encode_as(ENCODE_GZIP, encode_as(ENCODE_BROTLI, encode_as(ENCODE_ZSTD, body))),
                body);
}

/* Each link is filled and emptied many times; within the outer coding the inner one is a bomb. */
static void undoes_chains_of_large_bodies(void **state)
{
    const struct span bodies[] = { encode_text(1 << 20), encode_fill('\0', 16 << 20) };

    (void)state;
    for (size_t i = 0; i < ROWS(bodies); i++) {
        struct span inner = encode_as(ENCODE_ZSTD, encode_as(ENCODE_BARE, bodies[i]));
        struct span input = encode_as(ENCODE_BROTLI, inner);

        assert_good_in("deflate, zstd, br", input, bodies[i], input.bytes, 64 << 10);
        assert_good_in("deflate, zstd, br", input, bodies[i], 999, 16 << 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(undoes_every_coding, forget),
        cmocka_unit_test_teardown(undoes_large_bodies, forget),
        cmocka_unit_test_teardown(gives_a_bomb_in_portions, forget),
        cmocka_unit_test_teardown(holds_nothing_back, forget),
        cmocka_unit_test_teardown(accepts_a_body_of_no_bytes, forget),
        cmocka_unit_test_teardown(reads_both_deflates, forget),
        cmocka_unit_test_teardown(joins_gzip_members, forget),
        cmocka_unit_test_teardown(passes_over_zeros_behind_gzip, forget),
        cmocka_unit_test_teardown(reads_long_gzip_heads, forget),
        cmocka_unit_test_teardown(joins_zstd_frames, forget),
        cmocka_unit_test_teardown(takes_windows_up_to_the_limit, forget),
        cmocka_unit_test_teardown(undoes_chains, forget),
        cmocka_unit_test_teardown(undoes_chains_of_large_bodies, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
