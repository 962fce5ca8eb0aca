/*
 * PROTOCOL.md is normative, so its examples are replayed: each hex dump is cut into frames at every
 * split, every frame is checked, decoded and encoded again to the bytes on the page. What the page
 * calls refused must be refused, for the reason it names.
 */
#include "message.h"
#include "varlink.h"

#include "feed.h"
#include "protocol_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* ---- encode again what was decoded ---- */

static size_t encode_profile_again(char *out, const struct frame *frame)
{
    struct message_profile profile;

    assert_int_equal(message_decode_profile(frame, &profile), 0);
    return message_encode_profile(out, frame->header.id, &profile);
}

static size_t encode_request_again(char *out, const struct frame *frame)
{
    struct message_request request;

    assert_int_equal(message_decode_request(frame, &request), 0);
    return message_encode_request(out, frame->header.id, &request, frame->header.fd_count);
}

static size_t encode_head_again(char *out, const struct frame *frame)
{
    struct message_head head;

    assert_int_equal(message_decode_head(frame, &head), 0);
    return message_encode_head(out, frame->header.id, &head);
}

static size_t encode_data_again(char *out, const struct frame *frame)
{
    struct span body;

    assert_int_equal(message_decode_data(frame, &body), 0);
    message_encode_data_head(out, frame->header.flags, frame->header.id, (uint32_t)body.bytes);
    memcpy(out + MESSAGE_DATA_HEAD_BYTES, body.data, body.bytes);
    memset(out + MESSAGE_DATA_HEAD_BYTES + body.bytes, 0, frame_pad(body.bytes) - body.bytes);
    return MESSAGE_DATA_HEAD_BYTES + frame_pad(body.bytes);
}

static size_t encode_result_again(char *out, const struct frame *frame)
{
    struct message_result result;

    assert_int_equal(message_decode_result(frame, &result), 0);
    return message_encode_result(out, frame->header.id, &result);
}

static size_t encode_error_again(char *out, const struct frame *frame)
{
    struct message_error_text error;

    assert_int_equal(message_decode_error(frame, &error), 0);
    return message_encode_error(out, error.fixed.code, error.message);
}

static size_t encode_cookie_again(char *out, const struct frame *frame)
{
    struct cookie cookie;

    assert_int_equal(message_decode_cookie(frame, &cookie), 0);
    return message_encode_cookie(out, frame->header.type, frame->header.id, &cookie);
}

/* Those that are one fixed struct, or nothing. */
static size_t encode_fixed_again(char *out, const struct frame *frame)
{
    const struct wire_header *header = &frame->header;
    union {
        struct wire_batch_begin begin;
        struct wire_batch_end end;
        struct wire_batch_done done;
        struct wire_credit credit;
        struct wire_goaway goaway;
    } payload = { 0 };
    size_t bytes = 0;

    if (header->type == WIRE_BATCH_BEGIN) {
        assert_int_equal(message_decode_batch_begin(frame, &payload.begin), 0);
        bytes = sizeof(payload.begin);
    } else if (header->type == WIRE_BATCH_END) {
        assert_int_equal(message_decode_batch_end(frame), 0);
        bytes = sizeof(payload.end);
    } else if (header->type == WIRE_BATCH_DONE) {
        assert_int_equal(message_decode_batch_done(frame, &payload.done), 0);
        bytes = sizeof(payload.done);
    } else if (header->type == WIRE_CREDIT) {
        assert_int_equal(message_decode_credit(frame, &payload.credit), 0);
        bytes = sizeof(payload.credit);
    } else if (header->type == WIRE_GOAWAY) {
        assert_int_equal(message_decode_goaway(frame), 0);
        bytes = sizeof(payload.goaway);
    }
    return message_encode_fixed(out, header->type, header->flags, header->id,
                                bytes ? &payload : NULL, bytes);
}

static size_t encode_again(char *out, const struct frame *frame)
{
    switch ((enum wire_type)frame->header.type) {
    case WIRE_PROFILE:
        return encode_profile_again(out, frame);
    case WIRE_REQUEST:
        return encode_request_again(out, frame);
    case WIRE_HEAD:
        return encode_head_again(out, frame);
    case WIRE_DATA:
        return encode_data_again(out, frame);
    case WIRE_RESULT:
        return encode_result_again(out, frame);
    case WIRE_ERROR:
        return encode_error_again(out, frame);
    case WIRE_COOKIE:
    case WIRE_COOKIE_BACK:
        return encode_cookie_again(out, frame);
    case WIRE_BATCH_BEGIN:
    case WIRE_BATCH_END:
    case WIRE_BATCH_DONE:
    case WIRE_CREDIT:
    case WIRE_GOAWAY:
    case WIRE_CANCEL:
    case WIRE_PING:
    case WIRE_PONG:
        return encode_fixed_again(out, frame);
    }
    fail_msg("an unknown type");
    return 0;
}

/* ---- replaying ---- */

struct replay {
    const struct protocol_hex *hex;
    bool from_client;
    bool *types_seen; /* by type, of 256 */
};

static void run_good_frames(void *ctx, const struct span *pieces, size_t pieces_count)
{
    const struct replay *replay = ctx;
    struct frame_reader reader;
    struct frame frame;
    size_t replayed = 0;

    frame_reader_init(&reader);
    for (size_t i = 0; i < pieces_count; i++) {
        struct span in = pieces[i];

        while (frame_next(&reader, &in, &frame) == FRAME_READY) {
            char again[sizeof(replay->hex->bytes)];

            assert_int_equal(message_check_header(&frame.header, replay->from_client), 0);
            assert_int_equal(encode_again(again, &frame), frame.header.length);
            assert_memory_equal(again, replay->hex->bytes + replayed, frame.header.length);
            replayed += frame.header.length;
            replay->types_seen[frame.header.type] = true;
        }
        assert_int_equal(in.bytes, 0);
    }
    assert_int_equal(replayed, replay->hex->bytes_count);
    frame_reader_deinit(&reader);
}

static void replays_every_frame_to_the_same_bytes(void **state)
{
    struct protocol_doc *doc = *state;
    bool types_seen[256] = { false };
    struct protocol_hex hex;
    unsigned types_count = 0;

    protocol_doc_rewind(doc);
    while (protocol_doc_next_hex(doc, &hex)) {
        struct replay replay = { .hex = &hex, .types_seen = types_seen };

        replay.from_client = strcmp(hex.info, "client") == 0;
        if (!replay.from_client && strcmp(hex.info, "daemon") != 0)
            continue;
        print_message("line %u\n", hex.line);
        feed_every_split(span_of(hex.bytes, hex.bytes_count), run_good_frames, &replay);
    }
    for (size_t type = 0; type < 256; type++)
        types_count += types_seen[type];
    assert_int_equal(types_count, 16); /* each has an example */
}

/* The error that a session answers this frame with, 0 for none. */
static uint32_t error_of_client_bytes(struct span in)
{
    struct message_profile profile;
    struct message_request request;
    struct wire_batch_begin begin;
    struct frame_reader reader;
    struct cookie cookie;
    struct frame frame;
    uint32_t error;

    frame_reader_init(&reader);
    if (frame_next(&reader, &in, &frame) != FRAME_READY)
        return WIRE_ERROR_MALFORMED;
    error = message_check_header(&frame.header, true);
    if (!error && frame.header.type == WIRE_PROFILE)
        error = message_decode_profile(&frame, &profile);
    if (!error && frame.header.type == WIRE_REQUEST)
        error = message_decode_request(&frame, &request);
    if (!error && frame.header.type == WIRE_BATCH_BEGIN)
        error = message_decode_batch_begin(&frame, &begin);
    if (!error && frame.header.type == WIRE_BATCH_END)
        error = message_decode_batch_end(&frame);
    if (!error && frame.header.type == WIRE_COOKIE)
        error = message_decode_cookie(&frame, &cookie);
    frame_reader_deinit(&reader);
    return error;
}

static void refuses_what_the_page_refuses(void **state)
{
    static const struct {
        const char *info;
        uint32_t error;
    } kinds[] = {
        { "client refused MALFORMED", WIRE_ERROR_MALFORMED },
        { "client refused TYPE", WIRE_ERROR_TYPE },
        { "client refused RESERVED", WIRE_ERROR_RESERVED },
        { "client refused FDS", WIRE_ERROR_FDS },
    };
    struct protocol_doc *doc = *state;
    unsigned seen[ROWS(kinds)] = { 0 };
    struct protocol_hex hex;

    protocol_doc_rewind(doc);
    while (protocol_doc_next_hex(doc, &hex)) {
        for (size_t i = 0; i < ROWS(kinds); i++) {
            if (strcmp(hex.info, kinds[i].info) != 0)
                continue;
            print_message("line %u\n", hex.line);
            assert_int_equal(error_of_client_bytes(span_of(hex.bytes, hex.bytes_count)),
                             kinds[i].error);
            seen[i]++;
        }
    }
    for (size_t i = 0; i < ROWS(kinds); i++)
        assert_true(seen[i] > 0);
}

/* A message on the page is JSON as we would write it, and one NUL. */
static void run_varlink_message(void *ctx, const struct span *pieces, size_t pieces_count)
{
    const struct protocol_hex *hex = ctx;
    struct varlink_reader reader;
    struct span message = { 0 };
    size_t again_bytes = 0;
    yyjson_doc *doc;
    char *again;

    varlink_reader_init(&reader);
    for (size_t i = 0; i < pieces_count && !message.data; i++) {
        struct span in = pieces[i];

        if (varlink_next(&reader, &in, &message) == VARLINK_READY)
            assert_int_equal(in.bytes, 0);
        else
            message.data = NULL;
    }
    assert_int_equal(message.bytes, hex->bytes_count - 1);
    doc = yyjson_read(message.data, message.bytes, YYJSON_READ_NOFLAG);
    assert_non_null(doc);
    again = yyjson_write(doc, YYJSON_WRITE_NOFLAG, &again_bytes);
    assert_int_equal(again_bytes, message.bytes);
    assert_memory_equal(again, hex->bytes, again_bytes + 1);
    free(again);
    yyjson_doc_free(doc);
    varlink_reader_deinit(&reader);
}

static void replays_the_call_that_opens_a_stream(void **state)
{
    struct protocol_doc *doc = *state;
    struct protocol_hex hex;
    unsigned seen = 0;

    protocol_doc_rewind(doc);
    while (protocol_doc_next_hex(doc, &hex)) {
        if (strcmp(hex.info, "varlink") != 0)
            continue;
        feed_every_split(span_of(hex.bytes, hex.bytes_count), run_varlink_message, &hex);
        seen++;
    }
    assert_int_equal(seen, 2);
}

/* A mistyped info string would take a block out of every test above. */
static void knows_every_block_of_the_page(void **state)
{
    static const char *const infos[] = { "varlink", "client", "daemon" };
    struct protocol_doc *doc = *state;
    struct protocol_hex hex;

    protocol_doc_rewind(doc);
    while (protocol_doc_next_hex(doc, &hex)) {
        bool known = strncmp(hex.info, "client refused ", 15) == 0;

        for (size_t i = 0; i < ROWS(infos); i++)
            known = known || strcmp(hex.info, infos[i]) == 0;
        if (!known)
            fail_msg("line %u: ```hex %s", hex.line, hex.info);
    }
}

int main(int argc, char **argv)
{
    struct protocol_doc doc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(replays_every_frame_to_the_same_bytes, &doc),
        cmocka_unit_test_prestate(refuses_what_the_page_refuses, &doc),
        cmocka_unit_test_prestate(replays_the_call_that_opens_a_stream, &doc),
        cmocka_unit_test_prestate(knows_every_block_of_the_page, &doc),
    };
    int failed;

    protocol_doc_open(&doc, argc, argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    protocol_doc_close(&doc);
    return failed;
}
