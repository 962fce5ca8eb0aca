/*
 * A body is decoded no faster than its sink takes it, and no byte is lost or doubled on the way.
 */
#include "body.h"
#include "encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define WINDOW_BYTES ((size_t)64 << 10)
#define SCRATCH_BYTES ((size_t)32 << 10) /* as much comes at once */

struct scene {
    struct mailbox_front front;
    struct sink sink;
    struct body body;
    unsigned ready_count;
    char *got;
    size_t got_bytes;
    size_t on_way;
};

static void on_body(void *ctx, uint64_t id, struct block *block)
{
    struct scene *t = ctx;

    (void)id;
    t->got = realloc(t->got, t->got_bytes + block->bytes);
    assert_non_null(t->got);
    memcpy(t->got + t->got_bytes, block->data, block->bytes);
    t->got_bytes += block->bytes;
    t->on_way += block->bytes;
    block_free(block);
}

static void on_ready(struct sink *sink)
{
    container_of(sink, struct scene, sink)->ready_count++;
}

static struct decode_list list_of(const char *encoding)
{
    struct decode_list list = { 0 };

    decode_list_feed(&list, span_of_string(encoding));
    decode_list_end_value(&list);
    return list;
}

/* A body in this Content-Encoding begins. */
static void begins_to(struct scene *t, enum attempt_sink kind, const char *encoding,
                      uint64_t bytes_max)
{
    struct decode_list list = list_of(encoding);

    t->front = (struct mailbox_front){ .body = on_body, .ctx = t };
    sink_init(
        &t->sink,
        &(struct sink_options){ .kind = kind, .front = &t->front, .window_bytes = WINDOW_BYTES },
        on_ready);
    body_init(&t->body,
              &(struct body_options){ .sink = &t->sink, .decodes = true, .bytes_max = bytes_max });
    body_set_codings(&t->body, &list);
}

static void begins(struct scene *t, const char *encoding)
{
    begins_to(t, ATTEMPT_SINK_DATA, encoding, 0);
}

static int begin(void **state)
{
    static struct scene scene;

    scene = (struct scene){ 0 };
    *state = &scene;
    return 0;
}

static int end(void **state)
{
    struct scene *t = *state;

    body_deinit(&t->body);
    body_deinit(&t->body); /* twice is harmless */
    sink_deinit(&t->sink);
    free(t->got);
    encode_forget();
    return 0;
}

static enum body_verdict writes(struct scene *t, struct span piece)
{
    enum body_verdict verdict;
    char *copy = malloc(piece.bytes);

    memcpy(copy, piece.data, piece.bytes);
    verdict = body_write(&t->body, span_of(copy, piece.bytes));
    free(copy); /* a piece is valid during the call */
    body_check(&t->body);
    return verdict;
}

static enum body_verdict goes_on(struct scene *t)
{
    enum body_verdict verdict = body_go_on(&t->body);

    body_check(&t->body);
    return verdict;
}

static void reader_takes_all(struct scene *t)
{
    size_t bytes = t->on_way;

    t->on_way = 0;
    sink_returned(&t->sink, bytes, 0);
}

static void has_got(const struct scene *t, struct span body)
{
    assert_int_equal(t->got_bytes, body.bytes);
    assert_memory_equal(t->got, body.data, body.bytes);
    assert_int_equal(t->body.bytes, body.bytes);
}

static void a_plain_body_passes_as_it_is(void **state)
{
    struct scene *t = *state;

    begins(t, "identity");
    assert_int_equal(writes(t, SPAN_LITERAL("hello ")), BODY_TAKEN);
    assert_int_equal(writes(t, SPAN_LITERAL("world")), BODY_TAKEN);
    assert_true(body_finish(&t->body));
    assert_false(body_is_decoded(&t->body));
    has_got(t, SPAN_LITERAL("hello world"));
}

static void is_not_decoded_unless_asked(void **state)
{
    struct scene *t = *state;

    begins(t, "gzip, what, gzip, gzip");
    t->body.decodes = false;
    assert_int_equal(writes(t, SPAN_LITERAL("raw")), BODY_TAKEN);
    assert_true(body_finish(&t->body));
    has_got(t, SPAN_LITERAL("raw"));
}

static void every_coding_is_undone_byte_by_byte(void **state)
{
    const struct span text = encode_text(5000);

    (void)state;
    for (unsigned format = 0; format < ENCODE_FORMAT_COUNT; format++) {
        struct span coded = encode_as((enum encode_format)format, text);
        struct scene t = { 0 };

        begins(&t, encode_names[format]);
        for (size_t i = 0; i < coded.bytes; i++)
            assert_int_equal(writes(&t, span_of(coded.data + i, 1)), BODY_TAKEN);
        assert_true(body_finish(&t.body));
        assert_true(body_is_decoded(&t.body));
        has_got(&t, text);
        body_deinit(&t.body);
        sink_deinit(&t.sink);
        free(t.got);
    }
    encode_forget();
}

/* One piece of a few kilobytes is megabytes: never more than a window and a scratchful is out. */
static void stops_in_the_middle_of_a_piece_while_the_sink_is_full(void **state)
{
    static const char *const encodings[] = { "gzip", "br", "zstd", "gzip, zstd" };
    static const enum encode_format formats[] = { ENCODE_GZIP, ENCODE_BROTLI, ENCODE_ZSTD,
                                                  ENCODE_GZIP };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct span fill = encode_fill('x', (size_t)4 << 20);
        struct span coded = encode_as(formats[i], fill);
        enum body_verdict verdict;
        struct scene t = { 0 };
        unsigned pauses = 0;

        if (i == 3)
            coded = encode_as(ENCODE_ZSTD, coded);
        begins(&t, encodings[i]);
        verdict = writes(&t, coded);
        for (; verdict != BODY_TAKEN; pauses++) {
            assert_true(verdict == BODY_FULL || verdict == BODY_BUSY);
            assert_true(t.on_way < WINDOW_BYTES + SCRATCH_BYTES);
            reader_takes_all(&t);
            if (!body_has_more(&t.body))
                break;
            verdict = goes_on(&t);
        }
        assert_true(pauses >= (4u << 20) / (WINDOW_BYTES + SCRATCH_BYTES));
        assert_null(t.body.held);
        assert_true(body_finish(&t.body));
        has_got(&t, fill);
        body_deinit(&t.body);
        sink_deinit(&t.sink);
        free(t.got);
        encode_forget();
    }
}

static void the_rest_of_a_piece_is_copied_once(void **state)
{
    struct scene *t = *state;
    struct span text = encode_text((size_t)1 << 20);
    const struct block *held;

    begins(t, "gzip");
    assert_int_equal(writes(t, encode_as(ENCODE_GZIP, text)), BODY_FULL);
    held = t->body.held;
    assert_non_null(held);
    while (body_has_more(&t->body)) {
        reader_takes_all(t);
        (void)goes_on(t); /* whatever comes of it */
        assert_true(t->body.held == held || !t->body.held);
    }
    assert_null(t->body.held);
    assert_true(body_finish(&t->body));
    has_got(t, text);
}

/* A sink that is never full does not mean that one piece may have the loop for itself. */
static void a_bomb_that_nobody_holds_up_gives_way_to_others(void **state)
{
    struct scene *t = *state;
    size_t before = 0;

    begins_to(t, ATTEMPT_SINK_DISCARD, "gzip", 0);
    assert_int_equal(writes(t, encode_as(ENCODE_GZIP, encode_fill('x', (size_t)8 << 20))),
                     BODY_BUSY);
    while (body_has_more(&t->body)) {
        assert_true(t->body.bytes - before <= (size_t)1 << 20);
        before = t->body.bytes;
        (void)goes_on(t); /* whatever comes of it */
    }
    assert_true(body_finish(&t->body));
    assert_int_equal(t->body.bytes, (size_t)8 << 20);
    assert_int_equal(t->ready_count, 0);
}

static void the_limit_is_on_what_comes_out(void **state)
{
    static const size_t sizes[] = { 1000, (size_t)32 << 10, 100000 };

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        size_t bytes = sizes[i / 2];
        bool is_over = i % 2;
        struct scene t = { 0 };

        begins_to(&t, ATTEMPT_SINK_DISCARD, "gzip", bytes - is_over);
        assert_int_equal(writes(&t, encode_as(ENCODE_GZIP, encode_fill('x', bytes))),
                         is_over ? BODY_FAILED : BODY_TAKEN);
        assert_true(t.body.bytes <= bytes - is_over);
        if (is_over) {
            assert_int_equal(t.body.fault.code, FAULT_HTTP_TOO_BIG);
            assert_int_equal(t.body.fault.phase, PHASE_RECEIVE);
        }
        body_deinit(&t.body);
        encode_forget();
    }
}

static void what_cannot_be_decoded_is_an_encoding_fault(void **state)
{
    const struct span good = encode_as(ENCODE_GZIP, SPAN_LITERAL("hello"));
    const struct {
        const char *encoding;
        struct span body;
        bool at_the_end; /* it is found out only there */
    } rows[] = {
        { "gzip", SPAN_LITERAL("hello"), false },
        { "gzip", encode_changed(good, good.bytes - 1, 1), false },
        { "gzip", encode_join(good, SPAN_LITERAL("!")), false },
        { "gzip", span_of(good.data, good.bytes - 1), true },
        { "gzip", span_of(good.data, 1), true },
        { "what", SPAN_LITERAL("h"), false },
        { "gzip, what", SPAN_LITERAL("h"), false },
        { "gzip, gzip, gzip, gzip", SPAN_LITERAL("h"), false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene t = { 0 };

        begins_to(&t, ATTEMPT_SINK_DISCARD, rows[i].encoding, 0);
        assert_int_equal(writes(&t, rows[i].body), rows[i].at_the_end ? BODY_TAKEN : BODY_FAILED);
        if (rows[i].at_the_end)
            assert_false(body_finish(&t.body));
        assert_int_equal(t.body.fault.code, FAULT_HTTP_ENCODING);
        assert_int_equal(t.body.fault.phase, PHASE_RECEIVE);
        assert_non_null(t.body.fault.why);
        body_check(&t.body);
        body_deinit(&t.body);
    }
    encode_forget();
}

static void an_empty_body_is_whole_in_any_coding(void **state)
{
    static const char *const encodings[] = { "", "gzip", "what", "gzip, gzip, gzip, gzip" };

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct scene t = { 0 };

        begins(&t, encodings[i]);
        assert_true(body_finish(&t.body));
        assert_false(body_is_decoded(&t.body));
        body_check(&t.body);
        body_deinit(&t.body);
    }
}

/* The reader's trouble comes between two scratchfuls, and is told as the sink tells it. */
static void a_sink_that_fails_ends_it(void **state)
{
    struct scene *t = *state;

    begins(t, "gzip");
    assert_int_equal(writes(t, encode_as(ENCODE_GZIP, encode_fill('x', (size_t)1 << 20))),
                     BODY_FULL);
    sink_returned(&t->sink, 1, 28);
    assert_int_equal(goes_on(t), BODY_FAILED);
    assert_int_equal(t->body.fault.code, FAULT_SINK_WRITE);
    assert_int_equal(t->body.fault.phase, PHASE_DELIVER);
}

int main(void)
{
#define BODY(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        BODY(a_plain_body_passes_as_it_is),
        BODY(is_not_decoded_unless_asked),
        cmocka_unit_test(every_coding_is_undone_byte_by_byte),
        cmocka_unit_test(stops_in_the_middle_of_a_piece_while_the_sink_is_full),
        BODY(the_rest_of_a_piece_is_copied_once),
        BODY(a_bomb_that_nobody_holds_up_gives_way_to_others),
        cmocka_unit_test(the_limit_is_on_what_comes_out),
        cmocka_unit_test(what_cannot_be_decoded_is_an_encoding_fault),
        cmocka_unit_test(an_empty_body_is_whole_in_any_coding),
        BODY(a_sink_that_fails_ends_it),
    };
#undef BODY

    return cmocka_run_group_tests(tests, NULL, NULL);
}
