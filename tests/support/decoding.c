/*
 * decoding.c - drives decode_step as an exchange does, and compares.
 */
#include "decoding.h"

#include "feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define GUARD_BYTES 32
#define GUARD 0x5a

struct context {
    const struct decoding *decoding;
    size_t room;
};

struct decode *decoding_start(const char *encoding)
{
    struct decode_list list = { 0 };
    struct decode *decode = NULL;
    const char *why = NULL;

    decode_list_feed(&list, span_of_string(encoding));
    decode_list_end_value(&list);
    assert_int_equal(decode_list_judge(&list, &why), DECODE_LIST_CODED);
    assert_int_equal(decode_new(&decode, &list), 0);
    decode_check(decode);
    return decode;
}

static void decoded_add(struct decoded *decoded, const char *bytes, size_t count)
{
    if (decoded->body_bytes + count > decoded->body_capacity) {
        decoded->body_capacity = 2 * (decoded->body_bytes + count);
        decoded->body = realloc(decoded->body, decoded->body_capacity);
        assert_non_null(decoded->body);
    }
    if (count > 0)
        memcpy(decoded->body + decoded->body_bytes, bytes, count);
    decoded->body_bytes += count;
}

/* All that one piece brings; out has a guard behind its room. */
static enum decode_verdict feed_piece(struct decode *decode, struct span in, char *out, size_t room,
                                      struct decoded *decoded)
{
    enum decode_verdict verdict;

    do {
        struct span before = in;
        size_t bytes = SIZE_MAX;

        verdict = decode_step(decode, &in, out, room, &bytes);
        decode_check(decode);
        assert_true(bytes <= room);
        assert_true(in.bytes <= before.bytes);
        assert_ptr_equal(in.data + in.bytes, before.data + before.bytes);
        for (size_t i = 0; i < GUARD_BYTES; i++)
            assert_int_equal(out[room + i], GUARD);
        decoded_add(decoded, out, bytes);
        if (verdict == DECODE_NEED_MORE)
            assert_int_equal(in.bytes, 0);
    } while (verdict == DECODE_AGAIN);
    return verdict;
}

struct decoded decoding_run(const char *encoding, const struct span *pieces, size_t pieces_count,
                            size_t room)
{
    struct decode *decode = decoding_start(encoding);
    struct decoded decoded = { 0 };
    char *out = malloc(room + GUARD_BYTES);

    assert_non_null(out);
    memset(out, GUARD, room + GUARD_BYTES);
    for (size_t i = 0; i < pieces_count; i++) {
        if (feed_piece(decode, pieces[i], out, room, &decoded) == DECODE_BAD)
            assert_int_equal(feed_piece(decode, pieces[i], out, room, &decoded), DECODE_BAD);
    }
    if (!decode_finish(decode)) {
        assert_int_equal(decode_fault(decode)->code, FAULT_HTTP_ENCODING);
        assert_int_equal(decode_fault(decode)->phase, PHASE_RECEIVE);
        decoded.why = decode_fault(decode)->why;
        assert_non_null(decoded.why);
    }
    assert_int_equal(fault_is_set(decode_fault(decode)), decoded.why != NULL);
    decode_check(decode);
    decode_free(decode);
    free(out);
    return decoded;
}

static const char *difference(const struct decoding *decoding, const struct decoded *decoded)
{
    if (!decoding->why && decoded->why)
        return decoded->why;
    if (decoding->why && !decoded->why)
        return "it should not be whole";
    if (decoding->why && strcmp(decoding->why, decoded->why) != 0)
        return decoded->why;
    if (decoded->body_bytes > decoding->body.bytes)
        return "more than the body";
    if (!decoding->why && decoded->body_bytes < decoding->body.bytes)
        return "less than the body";
    if (decoded->body_bytes > 0 &&
        memcmp(decoded->body, decoding->body.data, decoded->body_bytes) != 0)
        return "another body";
    return NULL;
}

static void run(void *ctx, const struct span *pieces, size_t pieces_count)
{
    struct context *context = ctx;
    const struct decoding *decoding = context->decoding;
    struct decoded decoded = decoding_run(decoding->encoding, pieces, pieces_count, context->room);
    const char *wrong = difference(decoding, &decoded);

    if (wrong)
        print_error("%s (%s), %zu pieces, the first of %zu bytes, room for %zu: %s\n",
                    decoding->name, decoding->encoding, pieces_count,
                    pieces_count > 0 ? pieces[0].bytes : 0, context->room, wrong);
    free(decoded.body);
    assert_null(wrong);
}

void assert_decoding(const struct decoding *decoding)
{
    static const size_t rooms[] = { 1, 7, 64 << 10 };

    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        struct context context = { decoding, rooms[i] };

        feed_every_split(decoding->input, run, &context);
    }
}

void assert_decoding_in(const struct decoding *decoding, size_t piece_bytes, size_t room)
{
    size_t pieces_count = (decoding->input.bytes + piece_bytes - 1) / piece_bytes;
    struct span *pieces = calloc(pieces_count + 1, sizeof(*pieces));
    struct context context = { decoding, room };
    struct span left = decoding->input;

    assert_non_null(pieces);
    for (size_t i = 0; i < pieces_count; i++) {
        size_t bytes = left.bytes < piece_bytes ? left.bytes : piece_bytes;

        assert_true(span_take(&left, bytes, &pieces[i]));
    }
    run(&context, pieces, pieces_count);
    free(pieces);
}
