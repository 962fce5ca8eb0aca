/*
 * The reader must give the same frames however the bytes arrive, and must not believe a length.
 * Each input is fed whole, cut at every offset and byte by byte; every piece is an allocation of
 * its own, so a frame that reaches over a piece's end is found by the sanitizer.
 */
#include "frame.h"

#include "feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Writes a frame whose payload counts up from the id. */
static size_t put_frame(char *out, uint8_t type, uint64_t id, size_t payload_bytes)
{
    struct wire_header header = {
        .length = (uint32_t)(sizeof(header) + payload_bytes),
        .type = type,
        .id = id,
    };

    memcpy(out, &header, sizeof(header));
    for (size_t i = 0; i < payload_bytes; i++)
        out[sizeof(header) + i] = (char)(id + i);
    return sizeof(header) + payload_bytes;
}

static void assert_frame(const struct frame *frame, uint8_t type, uint64_t id, size_t payload_bytes)
{
    assert_int_equal(frame->header.type, type);
    assert_int_equal(frame->header.id, id);
    assert_int_equal(frame->header.length, 16 + payload_bytes);
    assert_int_equal(frame->payload.bytes, payload_bytes);
    for (size_t i = 0; i < payload_bytes; i++)
        assert_int_equal((unsigned char)frame->payload.data[i], (unsigned char)(id + i));
}

/* What a run over an input must see: frames with ids 1, 2, ... and these payloads, then this. */
struct expected {
    size_t payload_bytes[8];
    size_t frames_count;
    enum frame_verdict last;
    bool is_mid_frame;
};

static void run_frames(void *ctx, const struct span *pieces, size_t pieces_count)
{
    const struct expected *expected = ctx;
    enum frame_verdict verdict = FRAME_NEED_MORE;
    struct frame_reader reader;
    struct frame frame;
    size_t seen = 0;

    frame_reader_init(&reader);
    for (size_t i = 0; i < pieces_count && verdict != FRAME_BAD; i++) {
        struct span in = pieces[i];

        while ((verdict = frame_next(&reader, &in, &frame)) == FRAME_READY) {
            assert_true(seen < expected->frames_count);
            assert_frame(&frame, WIRE_PING, seen + 1, expected->payload_bytes[seen]);
            seen++;
        }
        if (verdict == FRAME_NEED_MORE)
            assert_int_equal(in.bytes, 0);
    }
    assert_int_equal(verdict, expected->last);
    assert_int_equal(seen, expected->frames_count);
    if (verdict == FRAME_NEED_MORE)
        assert_int_equal(frame_reader_is_mid_frame(&reader), expected->is_mid_frame);
    frame_reader_deinit(&reader);
}

static void gives_the_same_frames_at_every_split(void **state)
{
    struct expected expected = {
        .payload_bytes = { 0, 8, 64, 0, 304, 16 },
        .frames_count = 6,
        .last = FRAME_NEED_MORE,
    };
    char bytes[1024];
    size_t used = 0;

    (void)state;
    for (size_t i = 0; i < expected.frames_count; i++)
        used += put_frame(bytes + used, WIRE_PING, i + 1, expected.payload_bytes[i]);
    feed_every_split(span_of(bytes, used), run_frames, &expected);
}

static void keeps_the_beginning_of_a_frame_at_every_split(void **state)
{
    static const size_t tails[] = { 1, 4, 15, 16, 17, 39 };
    struct expected expected = {
        .payload_bytes = { 8 },
        .frames_count = 1,
        .last = FRAME_NEED_MORE,
        .is_mid_frame = true,
    };
    char bytes[128];
    size_t used = put_frame(bytes, WIRE_PING, 1, 8);

    (void)state;
    (void)put_frame(bytes + used, WIRE_PING, 2, 24);
    for (size_t i = 0; i < ROWS(tails); i++)
        feed_every_split(span_of(bytes, used + tails[i]), run_frames, &expected);
}

static const struct {
    const char *name;
    uint32_t length;
    uint16_t fd_count;
} bad_headers[] = {
    { "length 0", 0, 0 },
    { "length 1", 1, 0 },
    { "length 8: shorter than a header", 8, 0 },
    { "length 15", 15, 0 },
    { "length 17: not a multiple of 8", 17, 0 },
    { "length 20", 20, 0 },
    { "length 23", 23, 0 },
    { "the limit and 8 more", WIRE_FRAME_BYTES_MAX + 8, 0 },
    { "the limit and 1 more", WIRE_FRAME_BYTES_MAX + 1, 0 },
    { "the sign bit", 0x80000000u, 0 },
    { "the largest multiple of 8", 0xfffffff8u, 0 },
    { "all ones", 0xffffffffu, 0 },
    { "more descriptors than one frame takes", 16, WIRE_FRAME_FDS_MAX + 1 },
    { "as many as the kernel passes", 16, 253 },
    { "all ones of descriptors", 16, 0xffff },
};

/* The verdict needs the 16 bytes of the header and no more. */
static void refuses_bad_headers_at_every_split(void **state)
{
    struct expected expected = { .payload_bytes = { 8 }, .frames_count = 1, .last = FRAME_BAD };

    (void)state;
    for (size_t i = 0; i < ROWS(bad_headers); i++) {
        struct wire_header bad = {
            .length = bad_headers[i].length,
            .type = WIRE_PING,
            .fd_count = bad_headers[i].fd_count,
        };
        char bytes[24 + sizeof(bad)];

        printf("%s\n", bad_headers[i].name);
        assert_int_equal(put_frame(bytes, WIRE_PING, 1, 8), 24);
        memcpy(bytes + 24, &bad, sizeof(bad));
        feed_every_split(span_of(bytes, sizeof(bytes)), run_frames, &expected);
    }
}

static void stays_bad_once_it_is_bad(void **state)
{
    struct wire_header bad = { .length = 8 };
    struct span first = span_of(&bad, 10);
    struct span rest = span_of((char *)&bad + 10, 6);
    struct frame_reader reader;
    struct frame frame;

    (void)state;
    frame_reader_init(&reader);
    assert_int_equal(frame_next(&reader, &first, &frame), FRAME_NEED_MORE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(frame_next(&reader, &rest, &frame), FRAME_BAD);
    frame_reader_deinit(&reader);
}

static void hands_out_whole_frames_in_place_without_memory(void **state)
{
    struct frame_reader reader;
    struct frame frame;
    char bytes[2 * 16 + 8] = { 0 };
    struct span in = span_of(bytes, sizeof(bytes));

    (void)state;
    (void)put_frame(bytes, WIRE_PING, 1, 8);
    (void)put_frame(bytes + 24, WIRE_PING, 2, 0);
    frame_reader_init(&reader);
    assert_int_equal(frame_next(&reader, &in, &frame), FRAME_READY);
    assert_ptr_equal(frame.payload.data, bytes + 16);
    assert_int_equal(in.bytes, 16);
    assert_int_equal(frame_next(&reader, &in, &frame), FRAME_READY);
    assert_ptr_equal(frame.payload.data, bytes + 40);
    assert_int_equal(frame_next(&reader, &in, &frame), FRAME_NEED_MORE);
    assert_null(reader.buffer);
    frame_reader_deinit(&reader);
}

static void goes_back_to_in_place_after_a_buffered_frame(void **state)
{
    struct frame_reader reader;
    struct frame frame;
    char bytes[24 + 24] = { 0 };
    struct span half = span_of(bytes, 20);
    struct span rest = span_of(bytes + 20, 28);

    (void)state;
    (void)put_frame(bytes, WIRE_PING, 1, 8);
    (void)put_frame(bytes + 24, WIRE_PING, 2, 8);
    frame_reader_init(&reader);
    assert_false(frame_reader_is_mid_frame(&reader));
    assert_int_equal(frame_next(&reader, &half, &frame), FRAME_NEED_MORE);
    assert_true(frame_reader_is_mid_frame(&reader));
    assert_int_equal(frame_next(&reader, &rest, &frame), FRAME_READY);
    assert_false(frame_reader_is_mid_frame(&reader));
    assert_frame(&frame, WIRE_PING, 1, 8);
    assert_int_equal(frame_next(&reader, &rest, &frame), FRAME_READY);
    assert_ptr_equal(frame.payload.data, bytes + 24 + 16);
    frame_reader_deinit(&reader);
}

/* A megabyte announced and sent slowly: at each step the memory is in proportion to what came. */
static void grows_with_the_bytes_and_not_with_the_claim(void **state)
{
    size_t payload_bytes = WIRE_FRAME_BYTES_MAX - 16;
    char *bytes = malloc(WIRE_FRAME_BYTES_MAX);
    struct frame_reader reader;
    struct frame frame;
    size_t fed = 0;

    (void)state;
    assert_non_null(bytes);
    (void)put_frame(bytes, WIRE_REQUEST, 3, payload_bytes);
    frame_reader_init(&reader);
    for (size_t step = 1; fed < WIRE_FRAME_BYTES_MAX - 1; step = step < 4096 ? step + 1 : step) {
        size_t left = WIRE_FRAME_BYTES_MAX - 1 - fed;
        struct span in = span_of(bytes + fed, step < left ? step : left);

        fed += in.bytes;
        assert_int_equal(frame_next(&reader, &in, &frame), FRAME_NEED_MORE);
        assert_int_equal(reader.buffer_bytes, fed);
        assert_true(reader.buffer_capacity <= (fed < 128 ? 256 : 2 * fed));
    }
    fed = WIRE_FRAME_BYTES_MAX - 1;
    {
        struct span last = span_of(bytes + fed, 1);

        assert_int_equal(frame_next(&reader, &last, &frame), FRAME_READY);
    }
    assert_frame(&frame, WIRE_REQUEST, 3, payload_bytes);
    frame_reader_deinit(&reader);
    free(bytes);
}

static void gives_a_large_buffer_back_after_its_frame(void **state)
{
    size_t length = 512u << 10;
    char *bytes = malloc(length);
    struct span first;
    struct span rest;
    struct frame_reader reader;
    struct frame frame;

    (void)state;
    assert_non_null(bytes);
    first = span_of(bytes, 100);
    rest = span_of(bytes + 100, length - 100);
    (void)put_frame(bytes, WIRE_REQUEST, 3, length - 16);
    frame_reader_init(&reader);
    assert_int_equal(frame_next(&reader, &first, &frame), FRAME_NEED_MORE);
    assert_int_equal(frame_next(&reader, &rest, &frame), FRAME_READY);
    assert_true(reader.buffer_capacity >= length);
    assert_int_equal(frame_next(&reader, &rest, &frame), FRAME_NEED_MORE);
    assert_int_equal(reader.buffer_capacity, 0);
    frame_reader_deinit(&reader);
    free(bytes);
}

static void reads_a_thousand_frames_of_one_write(void **state)
{
    char *bytes = calloc(1000, 24);
    struct frame_reader reader;
    struct frame frame;
    struct span in = span_of(bytes, (size_t)1000 * 24);

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < 1000; i++)
        (void)put_frame(bytes + i * 24, WIRE_PING, i, 8);
    frame_reader_init(&reader);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(frame_next(&reader, &in, &frame), FRAME_READY);
        assert_frame(&frame, WIRE_PING, i, 8);
    }
    assert_int_equal(frame_next(&reader, &in, &frame), FRAME_NEED_MORE);
    assert_false(frame_reader_is_mid_frame(&reader));
    frame_reader_deinit(&reader);
    free(bytes);
}

static void leaves_types_and_flags_to_the_next_level(void **state)
{
    struct wire_header header = { .length = 16, .type = 200, .flags = 0xff, .fd_count = 1 };
    struct span in = span_of(&header, sizeof(header));
    struct frame_reader reader;
    struct frame frame;

    (void)state;
    frame_reader_init(&reader);
    assert_int_equal(frame_next(&reader, &in, &frame), FRAME_READY);
    assert_int_equal(frame.header.type, 200);
    assert_int_equal(frame.header.fd_count, 1);
    frame_reader_deinit(&reader);
    frame_reader_deinit(&reader);
}

static void pads_to_the_next_multiple_of_eight(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 100; bytes++) {
        assert_int_equal(frame_pad(bytes) % 8, 0);
        assert_in_range(frame_pad(bytes), bytes, bytes + 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_frames_at_every_split),
        cmocka_unit_test(keeps_the_beginning_of_a_frame_at_every_split),
        cmocka_unit_test(refuses_bad_headers_at_every_split),
        cmocka_unit_test(stays_bad_once_it_is_bad),
        cmocka_unit_test(hands_out_whole_frames_in_place_without_memory),
        cmocka_unit_test(goes_back_to_in_place_after_a_buffered_frame),
        cmocka_unit_test(grows_with_the_bytes_and_not_with_the_claim),
        cmocka_unit_test(gives_a_large_buffer_back_after_its_frame),
        cmocka_unit_test(reads_a_thousand_frames_of_one_write),
        cmocka_unit_test(leaves_types_and_flags_to_the_next_level),
        cmocka_unit_test(pads_to_the_next_multiple_of_eight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
