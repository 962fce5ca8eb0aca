/*
 * What decode makes of bad bodies: never a short or another body that looks whole, whatever the
 * cut.
 */
#include "decode.h"

#include "decoding.h"
#include "encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define BYTES(text) SPAN_LITERAL(text)

struct reasons {
    const char *corrupt;
    const char *followed;
    const char *cut_short;
};

static const struct reasons reasons[ENCODE_FORMAT_COUNT] = {
    [ENCODE_GZIP] = { DECODED_GZIP_CORRUPT, DECODED_GZIP_FOLLOWED, DECODED_GZIP_SHORT },
    [ENCODE_ZLIB] = { DECODED_DEFLATE_CORRUPT, DECODED_DEFLATE_FOLLOWED, DECODED_DEFLATE_SHORT },
    [ENCODE_BARE] = { DECODED_DEFLATE_CORRUPT, DECODED_DEFLATE_FOLLOWED, DECODED_DEFLATE_SHORT },
    [ENCODE_BROTLI] = { DECODED_BROTLI_CORRUPT, DECODED_BROTLI_FOLLOWED, DECODED_BROTLI_SHORT },
    [ENCODE_ZSTD] = { DECODED_ZSTD_CORRUPT, DECODED_ZSTD_FOLLOWED, DECODED_ZSTD_SHORT },
};

static int forget(void **state)
{
    (void)state;
    encode_forget();
    return 0;
}

static void assert_bad(const char *name, const char *encoding, struct span input, struct span body,
                       const char *why)
{
    struct decoding decoding = { name, encoding, input, body, why };

    assert_decoding(&decoding);
}

/* At every length but none and all of it. */
static void refuses_what_is_cut_short(void **state)
{
    struct span body = encode_text(40);

    (void)state;
    for (enum encode_format format = 0; format < ENCODE_FORMAT_COUNT; format++) {
        struct span whole = encode_as(format, body);

        for (size_t bytes = 1; bytes < whole.bytes; bytes++)
            assert_bad("cut short", encode_names[format], span_of(whole.data, bytes), body,
                       reasons[format].cut_short);
    }
}

static void refuses_a_second_stream_that_is_cut_short(void **state)
{
    static const enum encode_format formats[] = { ENCODE_GZIP, ENCODE_ZSTD };
    struct span skipped = BYTES("\x51\x2a\x4d\x18\x03\x00\x00\x00skip");

    (void)state;
    for (size_t i = 0; i < ROWS(formats); i++) {
        struct span one = encode_as(formats[i], BYTES("one"));
        struct span both = encode_join(one, one);

        for (size_t bytes = one.bytes + 1; bytes < both.bytes; bytes++)
            assert_bad("second one cut short", encode_names[formats[i]], span_of(both.data, bytes),
                       BYTES("oneone"), reasons[formats[i]].cut_short);
    }
    for (size_t bytes = 1; bytes < skipped.bytes - 1; bytes++)
        assert_bad("skippable frame cut short", "zstd", span_of(skipped.data, bytes), BYTES(""),
                   DECODED_ZSTD_SHORT);
}

static void refuses_a_chain_that_is_cut_short(void **state)
{
    struct span body = encode_text(40);
    struct span inner = encode_as(ENCODE_BROTLI, body);

    (void)state;
    for (size_t bytes = 1; bytes < inner.bytes; bytes++)
        assert_bad("inner one cut short", "br, gzip",
                   encode_as(ENCODE_GZIP, span_of(inner.data, bytes)), body, DECODED_BROTLI_SHORT);
    inner = encode_as(ENCODE_GZIP, inner);
    for (size_t bytes = 1; bytes < inner.bytes; bytes++)
        assert_bad("outer one cut short", "br, gzip", span_of(inner.data, bytes), body,
                   DECODED_GZIP_SHORT);
}

static void refuses_bytes_behind_the_end(void **state)
{
    static const struct span tails[] = {
        { "x", 1 },
        { "\x1e", 1 },
        { "\r\n", 2 },
        { "\xff\xff\xff\xff\xff", 5 },
    };
    struct span body = BYTES("body");

    (void)state;
    for (enum encode_format format = 0; format < ENCODE_FORMAT_COUNT; format++) {
        struct span whole = encode_as(format, body);
        const char *why = reasons[format].followed;

        for (size_t i = 0; i < ROWS(tails); i++) {
            assert_bad("followed", encode_names[format], encode_join(whole, tails[i]), body, why);
            assert_bad("inner one followed",
                       format == ENCODE_ZLIB || format == ENCODE_BARE ? "deflate, br"
                       : format == ENCODE_GZIP                        ? "gzip, br"
                       : format == ENCODE_BROTLI                      ? "br, br"
                                                                      : "zstd, br",
                       encode_as(ENCODE_BROTLI, encode_join(whole, tails[i])), body, why);
        }
        if (format != ENCODE_GZIP)
            assert_bad("a zero behind", encode_names[format], encode_join(whole, BYTES("\0")), body,
                       why);
        if (format != ENCODE_GZIP && format != ENCODE_ZSTD)
            assert_bad("twice", encode_names[format], encode_join(whole, whole), body, why);
    }
}

static void refuses_rubbish_between_gzip_members(void **state)
{
    struct span one = encode_as(ENCODE_GZIP, BYTES("one"));
    struct span zeros = encode_join(one, BYTES("\0\0\0"));

    (void)state;
    assert_bad("rubbish behind zeros", "gzip", encode_join(zeros, BYTES("x")), BYTES("one"),
               DECODED_GZIP_FOLLOWED);
    assert_bad("member behind zeros", "gzip", encode_join(zeros, one), BYTES("one"),
               DECODED_GZIP_FOLLOWED);
    assert_bad("another first byte", "gzip", encode_join(one, BYTES("\x1f\x8c\x08")), BYTES("one"),
               DECODED_GZIP_CORRUPT);
    assert_bad("a frame that is none", "zstd",
               encode_join(encode_as(ENCODE_ZSTD, BYTES("one")), BYTES("\x28\xb5\x2f\xfe")),
               BYTES("one"), DECODED_ZSTD_CORRUPT);
}

static void refuses_other_formats(void **state)
{
    struct span body = BYTES("body");
    struct span text = BYTES("<!doctype html>\n<title>not coded at all</title>\n");
    struct span gzip = encode_as(ENCODE_GZIP, body);
    struct span zlib = encode_as(ENCODE_ZLIB, body);
    struct span zstd = encode_as(ENCODE_ZSTD, body);

    (void)state;
    assert_bad("text", "gzip", text, BYTES(""), DECODED_GZIP_CORRUPT);
    assert_bad("text", "deflate", text, BYTES(""), DECODED_DEFLATE_CORRUPT);
    assert_bad("text", "br", text, encode_fill('\0', 0), DECODED_BROTLI_CORRUPT);
    assert_bad("text", "zstd", text, BYTES(""), DECODED_ZSTD_CORRUPT);
    assert_bad("zlib", "gzip", zlib, BYTES(""), DECODED_GZIP_CORRUPT);
    assert_bad("bare", "gzip", encode_as(ENCODE_BARE, body), BYTES(""), DECODED_GZIP_CORRUPT);
    assert_bad("zstd", "gzip", zstd, BYTES(""), DECODED_GZIP_CORRUPT);
    assert_bad("gzip", "deflate", gzip, BYTES(""), DECODED_DEFLATE_CORRUPT);
    assert_bad("gzip", "zstd", gzip, BYTES(""), DECODED_ZSTD_CORRUPT);
    assert_bad("twice coded, named once", "gzip, br", encode_as(ENCODE_BROTLI, body), BYTES(""),
               DECODED_GZIP_CORRUPT);
    assert_bad("the other order", "gzip, zstd", encode_as(ENCODE_GZIP, zstd), BYTES(""),
               DECODED_ZSTD_CORRUPT);
}

/* The byte at an offset from the end (if negative) or from the front is another. */
static void refuses_wrong_checksums_and_heads(void **state)
{
    static const struct {
        const char *name;
        enum encode_format format;
        int at;
        unsigned char flip;
    } rows[] = {
        { "gzip length", ENCODE_GZIP, -1, 0x01 },
        { "gzip length", ENCODE_GZIP, -4, 0x01 },
        { "gzip checksum", ENCODE_GZIP, -5, 0x01 },
        { "gzip checksum", ENCODE_GZIP, -8, 0x80 },
        { "gzip magic", ENCODE_GZIP, 0, 0x01 },
        { "gzip magic", ENCODE_GZIP, 1, 0x01 },
        { "gzip method", ENCODE_GZIP, 2, 0x01 },
        { "gzip reserved flag", ENCODE_GZIP, 3, 0x20 },
        { "gzip reserved flag", ENCODE_GZIP, 3, 0x80 },
        { "gzip block type", ENCODE_GZIP, 10, 0x04 },
        { "zlib checksum", ENCODE_ZLIB, -1, 0x01 },
        { "zlib checksum", ENCODE_ZLIB, -4, 0x80 },
        { "zlib block type", ENCODE_ZLIB, 2, 0x04 },
        { "bare block type", ENCODE_BARE, 0, 0x04 },
        { "zstd checksum", ENCODE_ZSTD, -1, 0x01 },
        { "zstd checksum", ENCODE_ZSTD, -4, 0x80 },
        { "zstd magic", ENCODE_ZSTD, 3, 0x01 },
        { "zstd reserved bit", ENCODE_ZSTD, 4, 0x08 },
        { "zstd dictionary", ENCODE_ZSTD, 4, 0x01 },
        { "zstd block type", ENCODE_ZSTD, 6, 0x06 },
    };
    struct span body = BYTES("body");

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        enum encode_format format = rows[i].format;
        struct span whole = encode_as(format, body);
        size_t at = rows[i].at < 0 ? whole.bytes - (size_t)-rows[i].at : (size_t)rows[i].at;

        assert_bad(rows[i].name, encode_names[format], encode_changed(whole, at, rows[i].flip),
                   body, reasons[format].corrupt);
    }
}

static bool has_checksum(enum encode_format format)
{
    return format == ENCODE_GZIP || format == ENCODE_ZLIB || format == ENCODE_ZSTD;
}

static void assert_same_verdict(enum encode_format format, struct span input, const char *why)
{
    struct decoded again = decoding_run(encode_names[format], &input, 1, 7);

    assert_true(again.why == why);
    free(again.body);
}

/* Any change: the same verdict at any cut, and never another body where there is a checksum. */
static void finds_any_changed_byte(void **state)
{
    static const unsigned char flips[] = { 0x01, 0x10, 0x80, 0xff };
    struct span body = encode_text(200);

    (void)state;
    for (enum encode_format format = 0; format < ENCODE_FORMAT_COUNT; format++) {
        struct span whole = encode_as(format, body);

        for (size_t i = 0; i < whole.bytes * ROWS(flips); i++) {
            struct span changed = encode_changed(whole, i / ROWS(flips), flips[i % ROWS(flips)]);
            struct decoded first = decoding_run(encode_names[format], &changed, 1, 64 << 10);
            struct decoding again = { "changed byte", encode_names[format], changed,
                                      span_of(first.body, first.body_bytes), NULL };

            if (!first.why && has_checksum(format))
                assert_true(span_equals(again.body, body));
            if (!first.why)
                assert_decoding_in(&again, 1, 1);
            assert_same_verdict(format, changed, first.why);
            free(first.body);
        }
    }
}

static void refuses_dictionaries(void **state)
{
    struct span words = BYTES("the words that both sides know");

    (void)state;
    assert_bad("zlib dictionary", "deflate", encode_zlib_dictionary(words, words), BYTES(""),
               DECODED_DEFLATE_CORRUPT);
    assert_bad("zstd dictionary", "zstd", BYTES("\x28\xb5\x2f\xfd\x01\x58\x05\x01\x00\x00"),
               BYTES(""), DECODED_ZSTD_CORRUPT);
    assert_bad("zstd dictionary, four bytes", "zstd",
               BYTES("\x28\xb5\x2f\xfd\x03\x58\x05\x00\x00\x80\x01\x00\x00"), BYTES(""),
               DECODED_ZSTD_CORRUPT);
}

/* 256 bytes in one block, in a frame that says their number: a decoder that is given it whole needs
 * no window for it. */
#define ZSTD_256_A(window)                                                                         \
    "\x28\xb5\x2f\xfd\x40" window "\x00\x00\x03\x08\x00"                                           \
    "a"

/* A frame of one segment: the window is the size of the body. */
#define ZSTD_SEGMENT(size) "\x28\xb5\x2f\xfd\xe0" size "\x01\x00\x00"

static void refuses_windows_above_the_limit(void **state)
{
    static const struct decoding rows[] = {
        { "zstd, 9 MiB", "zstd", BYTES(ZSTD_256_A("\x69")), BYTES(""), NULL },
        { "zstd, 16 MiB", "zstd", BYTES(ZSTD_256_A("\x70")), BYTES(""), NULL },
        { "zstd, 2 GiB", "zstd", BYTES(ZSTD_256_A("\xa8")), BYTES(""), NULL },
        { "zstd, 3.75 TiB", "zstd", BYTES(ZSTD_256_A("\xff")), BYTES(""), NULL },
        { "zstd, a segment of 8 MiB and 1", "zstd",
          BYTES(ZSTD_SEGMENT("\x01\x00\x80\x00\x00\x00\x00\x00")), BYTES(""), NULL },
        { "zstd, a segment of 16 EiB", "zstd",
          BYTES(ZSTD_SEGMENT("\xfe\xff\xff\xff\xff\xff\xff\xff")), BYTES(""), NULL },
    };
    struct span good = encode_as(ENCODE_ZSTD, BYTES("good"));
    struct span body = encode_text(100);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct decoding row = rows[i];

        row.why = DECODED_ZSTD_WINDOW;
        assert_decoding(&row);
        row.input = encode_join(good, rows[i].input); /* the second frame is under the same law */
        row.body = BYTES("good");
        assert_decoding(&row);
    }
    assert_bad("zstd, as a stream", "zstd", encode_zstd_window(body, 24), BYTES(""),
               DECODED_ZSTD_WINDOW);
    assert_bad("large br", "br", encode_brotli_window(body, 25), BYTES(""), DECODED_BROTLI_CORRUPT);
    assert_bad("large br", "br", encode_brotli_window(body, 30), BYTES(""), DECODED_BROTLI_CORRUPT);
}

static void refuses_old_zstd_formats(void **state)
{
    static const struct span magics[] = {
        { "\xfd\x2f\xb5\x1e", 4 }, { "\x22\xb5\x2f\xfd", 4 }, { "\x23\xb5\x2f\xfd", 4 },
        { "\x24\xb5\x2f\xfd", 4 }, { "\x25\xb5\x2f\xfd", 4 }, { "\x26\xb5\x2f\xfd", 4 },
        { "\x27\xb5\x2f\xfd", 4 }, { "\x37\xa4\x30\xec", 4 },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(magics); i++)
        assert_bad("old zstd", "zstd", encode_join(magics[i], encode_fill('\0', 20)), BYTES(""),
                   DECODED_ZSTD_CORRUPT);
}

/* Eight MiB that pass between two codings and make next to nothing. */
static struct span hollow_padding(struct span body)
{
    return encode_join(encode_as(ENCODE_GZIP, body), encode_fill('\0', 8 << 20));
}

static struct span hollow_skipping(void)
{
    struct span filling = encode_fill('\0', 8 << 20);

    return encode_join(BYTES("\x50\x2a\x4d\x18\x00\x00\x80\x00"), filling);
}

static void refuses_a_chain_that_hides_work(void **state)
{
    const struct decoding rows[] = {
        { "padding", "gzip, gzip", encode_as(ENCODE_GZIP, hollow_padding(BYTES(""))), BYTES(""),
          DECODED_HOLLOW },
        { "padding behind a body", "gzip, gzip", encode_as(ENCODE_GZIP, hollow_padding(BYTES("a"))),
          BYTES("a"), DECODED_HOLLOW },
        { "padding in the middle", "br, gzip, zstd",
          encode_as(ENCODE_ZSTD, hollow_padding(BYTES(""))), BYTES(""), DECODED_HOLLOW },
        { "skipped frames", "zstd, br", encode_as(ENCODE_BROTLI, hollow_skipping()), BYTES(""),
          DECODED_HOLLOW },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_decoding_in(&rows[i], rows[i].input.bytes, 64 << 10);
        assert_decoding_in(&rows[i], 1, 1);
    }
}

static void returns_in_the_midst_of_hidden_work(void **state)
{
    struct decode *decode = decoding_start("gzip, gzip");
    struct span in = encode_as(ENCODE_GZIP, hollow_padding(BYTES("")));
    unsigned steps = 0;
    enum decode_verdict verdict;
    char out[100];
    size_t bytes;

    (void)state;
    do {
        verdict = decode_step(decode, &in, out, sizeof(out), &bytes);
        decode_check(decode);
        assert_int_equal(bytes, 0);
        steps++;
    } while (verdict == DECODE_AGAIN);
    assert_int_equal(verdict, DECODE_BAD);
    assert_in_range(steps, 4, 8); /* 256 KiB each, of the first 1 MiB */
    decode_free(decode);
}

static void stays_bad(void **state)
{
    struct decode *decode = decoding_start("gzip");
    struct span in = BYTES("no gzip");
    struct span before;
    char out[10];
    size_t bytes = 1;

    (void)state;
    assert_int_equal(decode_step(decode, &in, out, sizeof(out), &bytes), DECODE_BAD);
    assert_int_equal(bytes, 0);
    before = in;
    assert_int_equal(decode_step(decode, &in, out, sizeof(out), &bytes), DECODE_BAD);
    assert_int_equal(bytes, 0);
    assert_ptr_equal(in.data, before.data);
    assert_false(decode_finish(decode));
    assert_string_equal(decode_fault(decode)->why, DECODED_GZIP_CORRUPT);
    decode_check(decode);
    decode_free(decode);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(refuses_what_is_cut_short, forget),
        cmocka_unit_test_teardown(refuses_a_second_stream_that_is_cut_short, forget),
        cmocka_unit_test_teardown(refuses_a_chain_that_is_cut_short, forget),
        cmocka_unit_test_teardown(refuses_bytes_behind_the_end, forget),
        cmocka_unit_test_teardown(refuses_rubbish_between_gzip_members, forget),
        cmocka_unit_test_teardown(refuses_other_formats, forget),
        cmocka_unit_test_teardown(refuses_wrong_checksums_and_heads, forget),
        cmocka_unit_test_teardown(finds_any_changed_byte, forget),
        cmocka_unit_test_teardown(refuses_dictionaries, forget),
        cmocka_unit_test_teardown(refuses_windows_above_the_limit, forget),
        cmocka_unit_test_teardown(refuses_old_zstd_formats, forget),
        cmocka_unit_test_teardown(refuses_a_chain_that_hides_work, forget),
        cmocka_unit_test_teardown(returns_in_the_midst_of_hidden_work, forget),
        cmocka_unit_test_teardown(stays_bad, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
