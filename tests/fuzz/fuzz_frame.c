/*
 * fuzz_frame.c - the stream from both sides: framing, then every decoder on every frame.
 *
 * The first byte chooses a size of pieces. The frames of the input must be the same whole and in
 * pieces; what a decoder takes, its encoder must write so that it is taken again with the same
 * meaning. Reads past a frame are the sanitizer's to find.
 */
#include "message.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum frame_verdict verdict;
    uint64_t digest; /* FNV-1a over all frames */
    size_t frames_count;
};

static uint64_t digest_span(uint64_t digest, struct span span)
{
    for (size_t i = 0; i < span.bytes; i++)
        digest = (digest ^ (uint8_t)span.data[i]) * 0x100000001b3;
    return digest;
}

static void check_lists(struct span headers, uint16_t header_count, struct span pins)
{
    struct message_field field;
    struct message_pin pin;
    size_t fields_count = 0;

    while (message_next_field(&headers, &field))
        fields_count++;
    assert(fields_count == header_count && span_is_empty(headers));
    while (message_next_pin(&pins, &pin))
        ;
    assert(span_is_empty(pins));
}

static void check_profile(const struct frame *frame, char *out)
{
    struct message_profile profile;
    struct message_profile again;
    struct frame copy = *frame;

    if (message_decode_profile(frame, &profile))
        return;
    check_lists(profile.headers, profile.fixed.header_count, profile.pins);
    copy.payload.bytes = message_encode_profile(out, frame->header.id, &profile) - 16;
    copy.payload.data = out + 16;
    assert(message_decode_profile(&copy, &again) == 0);
    assert(span_equals(profile.headers, again.headers) && span_equals(profile.pins, again.pins));
    assert(span_equals(profile.unix_path, again.unix_path));
    assert(span_equals(profile.interface, again.interface));
}

static void check_request(const struct frame *frame, char *out)
{
    struct message_request request;
    struct message_request again;
    struct frame copy = *frame;

    if (message_decode_request(frame, &request))
        return;
    check_lists(request.headers, request.fixed.header_count, SPAN_LITERAL(""));
    copy.payload.bytes = message_encode_request(out, frame->header.id, &request, 0) - 16;
    copy.payload.data = out + 16;
    assert(message_decode_request(&copy, &again) == 0);
    assert(span_equals(request.method, again.method) && span_equals(request.url, again.url));
    assert(span_equals(request.headers, again.headers) && span_equals(request.body, again.body));
}

static void check_head(const struct frame *frame, char *out)
{
    struct message_head head;
    struct message_head again;
    struct frame copy = *frame;

    if (message_decode_head(frame, &head))
        return;
    check_lists(head.headers, head.fixed.header_count, SPAN_LITERAL(""));
    copy.payload.bytes = message_encode_head(out, frame->header.id, &head) - 16;
    copy.payload.data = out + 16;
    assert(message_decode_head(&copy, &again) == 0);
    assert(span_equals(head.reason, again.reason) && span_equals(head.headers, again.headers));
}

static void check_result(const struct frame *frame, char *out)
{
    struct message_result result;
    struct message_result again;
    struct frame copy = *frame;

    if (message_decode_result(frame, &result))
        return;
    copy.payload.bytes = message_encode_result(out, frame->header.id, &result) - 16;
    copy.payload.data = out + 16;
    assert(message_decode_result(&copy, &again) == 0);
    assert(span_equals(result.message, again.message));
    assert(span_equals(result.content_type, again.content_type));
}

static void check_cookie(const struct frame *frame, char *out)
{
    struct cookie cookie;
    struct cookie again;
    struct frame copy = *frame;

    if (message_decode_cookie(frame, &cookie))
        return;
    copy.payload.bytes = message_encode_cookie(out, WIRE_COOKIE, frame->header.id, &cookie) - 16;
    copy.payload.data = out + 16;
    assert(message_decode_cookie(&copy, &again) == 0);
    assert(span_equals(cookie.domain, again.domain) && span_equals(cookie.path, again.path));
    assert(span_equals(cookie.name, again.name) && span_equals(cookie.value, again.value));
    assert(cookie.expires_s == again.expires_s && cookie.same_site == again.same_site);
}

/* The type is not asked: every decoder must stand every payload. */
static void check_frame(const struct frame *frame)
{
    char *out = malloc(frame->header.length);
    struct message_error_text error;
    struct wire_batch_begin begin;
    struct wire_batch_done done;
    struct wire_credit credit;
    struct span body;

    assert(out);
    assert(frame->payload.bytes == frame->header.length - 16);
    (void)message_check_header(&frame->header, true); /* any verdict will do, below too */
    (void)message_check_header(&frame->header, false);
    check_profile(frame, out);
    check_request(frame, out);
    check_head(frame, out);
    check_result(frame, out);
    check_cookie(frame, out);
    (void)message_decode_batch_begin(frame, &begin);
    (void)message_decode_batch_end(frame);
    (void)message_decode_batch_done(frame, &done);
    (void)message_decode_credit(frame, &credit);
    (void)message_decode_goaway(frame);
    (void)message_decode_error(frame, &error);
    if (message_decode_data(frame, &body) == 0)
        assert(body.bytes <= frame->payload.bytes);
    free(out);
}

static struct outcome run(struct span input, size_t piece_bytes)
{
    struct outcome outcome = { .verdict = FRAME_NEED_MORE, .digest = 0xcbf29ce484222325 };
    struct frame_reader reader;
    struct frame frame;

    frame_reader_init(&reader);
    while (!span_is_empty(input) && outcome.verdict == FRAME_NEED_MORE) {
        struct span in = input;

        if (in.bytes > piece_bytes)
            in.bytes = piece_bytes;
        span_advance(&input, in.bytes);
        while ((outcome.verdict = frame_next(&reader, &in, &frame)) == FRAME_READY) {
            struct span header = span_of(&frame.header, sizeof(frame.header));

            outcome.frames_count++;
            outcome.digest = digest_span(digest_span(outcome.digest, header), frame.payload);
            check_frame(&frame);
        }
    }
    assert(reader.buffer_capacity <= 256 || reader.buffer_capacity <= 2 * reader.buffer_bytes ||
           reader.buffer_capacity <= (64u << 10));
    frame_reader_deinit(&reader);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole;
    struct outcome pieces;

    if (size == 0)
        return 0;
    whole = run(span_of(data + 1, size - 1), SIZE_MAX);
    pieces = run(span_of(data + 1, size - 1), (size_t)data[0] % 64 + 1);
    assert(whole.verdict == pieces.verdict);
    assert(whole.frames_count == pieces.frames_count);
    assert(whole.digest == pieces.digest);
    return 0;
}
