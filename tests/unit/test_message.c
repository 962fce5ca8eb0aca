/*
 * What an encoder writes the decoder brings back; and the rules of the frame header. What hostile
 * peers send is in test_message_hostile.c.
 */
#include "message.h"

#include "good_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OK 0u

static void assert_span(struct span span, const char *text)
{
    assert_true(span_equals(span, span_of_string(text)));
}

static void assert_two_fields(struct span fields)
{
    struct message_field field;

    assert_true(message_next_field(&fields, &field));
    assert_span(field.name, "Accept");
    assert_span(field.value, "*/*");
    assert_true(message_next_field(&fields, &field));
    assert_span(field.name, "X-Empty");
    assert_span(field.value, "");
    assert_false(message_next_field(&fields, &field));
}

static void brings_a_profile_back(void **state)
{
    struct message_profile profile;
    struct message_pin pin;
    struct frame frame;
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_PROFILE, bytes) - 16);
    assert_int_equal(message_decode_profile(&frame, &profile), OK);
    assert_int_equal(frame.header.id, 7);
    assert_int_equal(profile.fixed.flags,
                     WIRE_PROFILE_HEAD | WIRE_PROFILE_NO_REUSE | WIRE_PROFILE_PUBLIC_ONLY);
    assert_int_equal(profile.fixed.connect_timeout_ns, 5000000000);
    assert_int_equal(profile.fixed.body_mode, WIRE_BODY_DATA);
    assert_two_fields(profile.headers);
    assert_span(profile.unix_path, "/run/up.sock");
    assert_span(profile.interface, "127.0.0.2");
    assert_true(message_next_pin(&profile.pins, &pin));
    assert_span(pin.host, "a.test");
    assert_int_equal(pin.port, 80);
    assert_span(pin.to_host, "127.0.0.1");
    assert_int_equal(pin.to_port, 8080);
    assert_true(pin.to_is_address);
    assert_true(message_next_pin(&profile.pins, &pin));
    assert_span(pin.host, "");
    assert_int_equal(pin.to_port, 81);
    assert_false(pin.to_is_address);
    assert_false(message_next_pin(&profile.pins, &pin));
}

static void brings_a_request_back(void **state)
{
    struct message_request request;
    struct frame frame;
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_REQUEST, bytes) - 16);
    assert_int_equal(message_decode_request(&frame, &request), OK);
    assert_int_equal(frame.header.id, 11);
    assert_int_equal(frame.header.fd_count, 1);
    assert_int_equal(request.fixed.batch_id, 3);
    assert_int_equal(request.fixed.profile_id, 7);
    assert_int_equal(request.fixed.planned_ns, 99);
    assert_span(request.method, "POST");
    assert_span(request.url, "http://a.test/");
    assert_two_fields(request.headers);
    assert_span(request.body, "hello");
}

static void brings_a_response_back(void **state)
{
    struct message_result result;
    struct message_head head;
    struct frame frame;
    struct span body;
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_HEAD, bytes) - 16);
    assert_int_equal(message_decode_head(&frame, &head), OK);
    assert_int_equal(head.fixed.status, 200);
    assert_int_equal(head.fixed.content_bytes, 5);
    assert_span(head.reason, "OK");
    assert_two_fields(head.headers);

    frame = frame_of_bytes(bytes, good_frame_put(GOOD_DATA, bytes) - 16);
    assert_int_equal(message_decode_data(&frame, &body), OK);
    assert_int_equal(frame.header.flags, WIRE_DATA_LAST);
    assert_span(body, "hello");

    frame = frame_of_bytes(bytes, good_frame_put(GOOD_RESULT, bytes) - 16);
    assert_int_equal(message_decode_result(&frame, &result), OK);
    assert_int_equal(result.fixed.fault, 27);
    assert_int_equal(result.fixed.fault_errno, 104);
    assert_int_equal(result.fixed.batch_id, 3);
    assert_true(result.fixed.last_byte_ns == WIRE_NOT_REACHED);
    assert_int_equal(result.fixed.held_by, WIRE_CAP_PER_ORIGIN);
    assert_int_equal(result.fixed.rtt_us, 45);
    assert_int_equal(result.fixed.retransmits, 2);
    assert_span(result.message, "closed after 10 of 100 bytes");
    assert_span(result.content_type, "text/plain");
}

static void brings_the_fixed_ones_back(void **state)
{
    struct message_error_text error;
    struct wire_batch_begin begin;
    struct wire_batch_done done;
    struct wire_credit credit;
    struct frame frame;
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_BATCH_BEGIN, bytes) - 16);
    assert_int_equal(message_decode_batch_begin(&frame, &begin), OK);
    assert_int_equal(begin.fixed_bytes, sizeof(begin));
    assert_int_equal(begin.concurrency, 100);
    assert_int_equal(begin.max_per_origin, 6);
    assert_int_equal(begin.rate_uhz, 100000000);
    assert_true(begin.rate_per_origin_uhz == UINT64_MAX);
    assert_int_equal(begin.flags, WIRE_BATCH_COOKIES | WIRE_BATCH_COOKIES_BACK);
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_CREDIT, bytes) - 16);
    assert_int_equal(message_decode_credit(&frame, &credit), OK);
    assert_int_equal(credit.slots, 65536);
    assert_int_equal(credit.body_bytes, 1 << 20);
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_BATCH_DONE, bytes) - 16);
    assert_int_equal(message_decode_batch_done(&frame, &done), OK);
    assert_int_equal(done.items, 10);
    assert_int_equal(done.new_conns, 4);
    assert_int_equal(done.receives, 12);
    assert_int_equal(done.lost_completions, 1);
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_ERROR, bytes) - 16);
    assert_int_equal(message_decode_error(&frame, &error), OK);
    assert_int_equal(error.fixed.code, WIRE_ERROR_SLOTS);
    assert_span(error.message, "no slot left");
}

static void brings_a_cookie_back(void **state)
{
    struct cookie cookie;
    struct frame frame;
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_COOKIE_BACK, bytes) - 16);
    assert_int_equal(frame.header.type, WIRE_COOKIE_BACK);
    assert_int_equal(frame.header.id, 3);
    assert_int_equal(message_decode_cookie(&frame, &cookie), OK);
    assert_span(cookie.domain, "a.test");
    assert_span(cookie.path, "/app");
    assert_span(cookie.name, "sid");
    assert_span(cookie.value, "31d4");
    assert_int_equal(cookie.expires_s, 1798761600);
    assert_int_equal(cookie.same_site, WIRE_SAME_SITE_STRICT);
    assert_true(cookie.is_host_only && cookie.is_secure && cookie.is_http_only);
}

static void writes_whole_frames_padded_with_zeros(void **state)
{
    (void)state;
    for (int kind = 0; kind < GOOD_FRAME_COUNT; kind++) {
        struct frame frame;
        char bytes[GOOD_FRAME_BYTES_MAX];
        size_t length;

        memset(bytes, 0x55, sizeof(bytes));
        length = good_frame_put(kind, bytes);
        frame = frame_of_bytes(bytes, length - 16);
        assert_int_equal(frame.header.length, length);
        assert_int_equal(length, frame_pad(good_frame_used_bytes(kind)));
        for (size_t i = good_frame_used_bytes(kind); i < length; i++)
            assert_int_equal(bytes[i], 0);
        assert_int_equal(bytes[length], 0x55);
    }
}

static void sizes_are_those_that_encoders_write(void **state)
{
    const struct message_request request = { .url = SPAN_LITERAL("http://a/") };
    const struct message_profile profile = { .interface = SPAN_LITERAL("::1") };
    const struct message_result result = { .content_type = SPAN_LITERAL("a/b") };
    const struct message_head head = { .reason = SPAN_LITERAL("Not Found") };
    const struct cookie cookie = { .name = SPAN_LITERAL("a"),
                                   .domain = SPAN_LITERAL("b"),
                                   .path = SPAN_LITERAL("/") };
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    assert_int_equal(message_encode_request(bytes, 1, &request, 0),
                     message_request_bytes(&request));
    assert_int_equal(message_encode_profile(bytes, 1, &profile), message_profile_bytes(&profile));
    assert_int_equal(message_encode_result(bytes, 1, &result), message_result_bytes(&result));
    assert_int_equal(message_encode_head(bytes, 1, &head), message_head_bytes(&head));
    assert_int_equal(message_encode_cookie(bytes, WIRE_COOKIE, 1, &cookie),
                     message_cookie_bytes(&cookie));
    assert_int_equal(message_encode_fixed(bytes, WIRE_PING, 0, 5, NULL, 0), 16);
}

/* Takes bytes out of a frame, as if its fixed struct had not grown to them. */
static struct frame frame_of_older(enum good_frame kind, char *bytes, uint32_t fixed_bytes,
                                   size_t cut_bytes)
{
    size_t length = good_frame_put(kind, bytes);
    size_t end = sizeof(struct wire_header) + fixed_bytes;

    memmove(bytes + end, bytes + end + cut_bytes, length - end - cut_bytes);
    memcpy(bytes + sizeof(struct wire_header), &fixed_bytes, sizeof(fixed_bytes));
    return frame_of_bytes(bytes, length - cut_bytes - sizeof(struct wire_header));
}

static void takes_a_result_of_before_it_grew(void **state)
{
    struct message_result result;
    struct frame frame;
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    memset(&result, 0x77, sizeof(result));
    frame = frame_of_older(GOOD_RESULT, bytes, WIRE_RESULT_BYTES_MIN, 8);
    assert_int_equal(message_decode_result(&frame, &result), OK);
    assert_int_equal(result.fixed.batch_id, 3);
    assert_int_equal(result.fixed.rtt_us, 0);
    assert_int_equal(result.fixed.retransmits, 0);
    assert_span(result.message, "closed after 10 of 100 bytes");
    assert_span(result.tls_cipher, "TLS_AES_128_GCM_SHA256");
    frame = frame_of_older(GOOD_RESULT, bytes, WIRE_RESULT_BYTES_MIN + 4, 4);
    assert_int_equal(message_decode_result(&frame, &result), OK);
    assert_int_equal(result.fixed.rtt_us, 45);
    assert_int_equal(result.fixed.retransmits, 0);
    frame = frame_of_older(GOOD_RESULT, bytes, WIRE_RESULT_BYTES_MIN - 8, 16);
    assert_int_equal(message_decode_result(&frame, &result), WIRE_ERROR_MALFORMED);
}

static void takes_a_batch_done_of_before_it_grew(void **state)
{
    struct wire_batch_done done;
    struct frame frame;
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    memset(&done, 0x77, sizeof(done));
    frame = frame_of_older(GOOD_BATCH_DONE, bytes, WIRE_BATCH_DONE_BYTES_MIN, 32);
    assert_int_equal(message_decode_batch_done(&frame, &done), OK);
    assert_int_equal(done.reused_conns, 6);
    assert_int_equal(done.receives, 0);
    assert_int_equal(done.starved, 0);
    assert_int_equal(done.cq_overflows, 0);
    assert_int_equal(done.lost_completions, 0);
    frame = frame_of_older(GOOD_BATCH_DONE, bytes, WIRE_BATCH_DONE_BYTES_MIN - 8, 40);
    assert_int_equal(message_decode_batch_done(&frame, &done), WIRE_ERROR_MALFORMED);
}

static void cuts_the_text_of_an_error(void **state)
{
    struct message_error_text error;
    char bytes[MESSAGE_ERROR_BYTES_MAX];
    struct frame frame;
    char text[300];

    (void)state;
    memset(text, 'x', sizeof(text));
    frame = frame_of_bytes(
        bytes, message_encode_error(bytes, WIRE_ERROR_FDS, span_of(text, sizeof(text))) - 16);
    assert_int_equal(message_decode_error(&frame, &error), OK);
    assert_int_equal(error.message.bytes, 200);
}

/* Over a limit of wire.h and still whole: that is its item's trouble, not the session's. */
static void takes_a_request_over_the_limits(void **state)
{
    size_t url_bytes = WIRE_URL_BYTES_MAX + 1;
    size_t fields_count = WIRE_HEADERS_MAX + 1;
    char *url = malloc(url_bytes);
    char *fields = malloc(fields_count * 16);
    char *bytes = malloc(WIRE_FRAME_BYTES_MAX);
    struct message_request request = { .fixed.header_count = (uint16_t)fields_count };
    struct message_request back;
    struct frame frame;

    (void)state;
    assert_true(url && fields && bytes);
    memset(url, 'u', url_bytes);
    for (size_t i = 0; i < fields_count; i++)
        (void)message_append_field(fields + i * 16, SPAN_LITERAL("name"), SPAN_LITERAL("text"));
    request.url = span_of(url, url_bytes);
    request.headers = span_of(fields, fields_count * 16);
    frame = frame_of_bytes(bytes, message_encode_request(bytes, 1, &request, 0) - 16);
    assert_int_equal(message_decode_request(&frame, &back), OK);
    assert_int_equal(back.url.bytes, url_bytes);
    assert_int_equal(back.fixed.header_count, fields_count);
    free(url);
    free(fields);
    free(bytes);
}

static void writes_nothing_when_it_refuses(void **state)
{
    struct message_request request;
    struct message_request before;
    struct frame frame;
    char bytes[GOOD_FRAME_BYTES_MAX];

    (void)state;
    memset(&request, 0x77, sizeof(request));
    memcpy(&before, &request, sizeof(before));
    frame = frame_of_bytes(bytes, good_frame_put(GOOD_REQUEST, bytes) - 16 - 8);
    assert_int_equal(message_decode_request(&frame, &request), WIRE_ERROR_MALFORMED);
    assert_memory_equal(&request, &before, sizeof(before));
}

/* ---- the frame header's own rules ---- */

static const struct {
    uint8_t type;
    bool from_client;
    bool from_daemon;
    uint8_t flags;
} directions[] = {
    { WIRE_PROFILE, true, false, 0 },    { WIRE_BATCH_BEGIN, true, false, 0 },
    { WIRE_BATCH_END, true, false, 0 },  { WIRE_REQUEST, true, false, 0 },
    { WIRE_CANCEL, true, false, 3 },     { WIRE_PING, true, false, 0 },
    { WIRE_CREDIT, true, true, 0 },      { WIRE_HEAD, false, true, 0 },
    { WIRE_DATA, false, true, 3 },       { WIRE_RESULT, false, true, 0 },
    { WIRE_BATCH_DONE, false, true, 0 }, { WIRE_PONG, false, true, 0 },
    { WIRE_GOAWAY, false, true, 0 },     { WIRE_ERROR, false, true, 0 },
    { WIRE_COOKIE, true, false, 0 },     { WIRE_COOKIE_BACK, false, true, 0 },
};

/* All 256 types, both ways, each flag bit. */
static void knows_the_direction_and_the_flags_of_every_type(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        bool from[2] = { false, false };
        uint8_t flags = 0;

        for (size_t i = 0; i < ROWS(directions); i++) {
            if (directions[i].type == type) {
                from[0] = directions[i].from_daemon;
                from[1] = directions[i].from_client;
                flags = directions[i].flags;
            }
        }
        for (int from_client = 0; from_client < 2; from_client++) {
            struct wire_header header = { .length = 16, .type = (uint8_t)type };

            for (unsigned bits = 0; bits < 256; bits++) {
                message_error wanted = bits & ~(unsigned)flags ? WIRE_ERROR_RESERVED : OK;

                header.flags = (uint8_t)bits;
                assert_int_equal(message_check_header(&header, from_client),
                                 from[from_client] ? wanted : WIRE_ERROR_TYPE);
            }
        }
    }
}

static void takes_descriptors_only_with_a_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(directions); i++) {
        struct wire_header header = { .length = 16, .type = directions[i].type, .fd_count = 1 };

        assert_int_equal(message_check_header(&header, directions[i].from_client),
                         header.type == WIRE_REQUEST ? OK : WIRE_ERROR_FDS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_a_profile_back),
        cmocka_unit_test(brings_a_request_back),
        cmocka_unit_test(brings_a_response_back),
        cmocka_unit_test(brings_the_fixed_ones_back),
        cmocka_unit_test(brings_a_cookie_back),
        cmocka_unit_test(writes_whole_frames_padded_with_zeros),
        cmocka_unit_test(sizes_are_those_that_encoders_write),
        cmocka_unit_test(takes_a_result_of_before_it_grew),
        cmocka_unit_test(takes_a_batch_done_of_before_it_grew),
        cmocka_unit_test(cuts_the_text_of_an_error),
        cmocka_unit_test(takes_a_request_over_the_limits),
        cmocka_unit_test(writes_nothing_when_it_refuses),
        cmocka_unit_test(knows_the_direction_and_the_flags_of_every_type),
        cmocka_unit_test(takes_descriptors_only_with_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
