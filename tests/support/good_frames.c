/*
 * good_frames.c - frames as a client and a daemon would send them, small and with every part used.
 */
#include "good_frames.h"

#include <stdlib.h>

struct frame frame_of_bytes(const char *bytes, size_t payload_bytes)
{
    struct frame frame;

    memcpy(&frame.header, bytes, sizeof(frame.header));
    frame.payload = span_of(bytes + sizeof(frame.header), payload_bytes);
    return frame;
}

static struct span two_fields(char *out)
{
    size_t bytes = message_append_field(out, SPAN_LITERAL("Accept"), SPAN_LITERAL("*/*"));

    bytes += message_append_field(out + bytes, SPAN_LITERAL("X-Empty"), SPAN_LITERAL(""));
    return span_of(out, bytes);
}

static struct span two_pins(char *out)
{
    const struct message_pin address = {
        .host = SPAN_LITERAL("a.test"),
        .port = 80,
        .to_host = SPAN_LITERAL("127.0.0.1"),
        .to_port = 8080,
        .to_is_address = true,
    };
    const struct message_pin any = { .to_port = 81 };
    size_t bytes = message_append_pin(out, &address);

    bytes += message_append_pin(out + bytes, &any);
    return span_of(out, bytes);
}

static size_t put_profile(char *out)
{
    char fields[64];
    char pins[64];
    struct message_profile profile = {
        .fixed = { .flags = WIRE_PROFILE_HEAD | WIRE_PROFILE_NO_REUSE | WIRE_PROFILE_PUBLIC_ONLY,
                   .connect_timeout_ns = 5000000000,
                   .body_bytes_max = 1 << 20,
                   .body_mode = WIRE_BODY_DATA,
                   .address_family = 4,
                   .redirects_max = 10,
                   .redirect_schemes = WIRE_SCHEME_HTTPS,
                   .retries_max = 3,
                   .tls_min = 13,
                   .retry_faults = 1u << FAULT_CONNECT_REFUSED,
                   .retry_statuses = { 429, 5 },
                   .header_count = 2,
                   .pin_count = 2 },
        .headers = two_fields(fields),
        .pins = two_pins(pins),
        .unix_path = SPAN_LITERAL("/run/up.sock"),
        .interface = SPAN_LITERAL("127.0.0.2"),
        .ca_pem = SPAN_LITERAL("ca"),
        .cert_pem = SPAN_LITERAL("cert"),
        .key_pem = SPAN_LITERAL("key"),
        .proxy_http = SPAN_LITERAL("http://p:3128"),
        .proxy_https = SPAN_LITERAL("http://q"),
        .no_proxy = SPAN_LITERAL("*"),
    };

    return message_encode_profile(out, 7, &profile);
}

static size_t put_request(char *out)
{
    char fields[64];
    struct message_request request = {
        .fixed = { .flags = WIRE_REQUEST_HAS_BODY | WIRE_REQUEST_REPLAYABLE,
                   .batch_id = 3,
                   .profile_id = 7,
                   .planned_ns = 99,
                   .timeout_ns = 1000,
                   .header_count = 2,
                   .body_mode = WIRE_BODY_OF_PROFILE },
        .method = SPAN_LITERAL("POST"),
        .url = SPAN_LITERAL("http://a.test/"),
        .headers = two_fields(fields),
        .body = SPAN_LITERAL("hello"),
    };

    return message_encode_request(out, 11, &request, 1);
}

static size_t put_head(char *out)
{
    char fields[64];
    struct message_head head = {
        .fixed = { .status = 200,
                   .version_major = 1,
                   .version_minor = 1,
                   .content_bytes = 5,
                   .header_count = 2 },
        .reason = SPAN_LITERAL("OK"),
        .headers = two_fields(fields),
    };

    return message_encode_head(out, 11, &head);
}

static size_t put_result(char *out)
{
    struct message_result result = {
        .fixed = { .fault = 27,
                   .fault_phase = 8,
                   .flags = WIRE_RESULT_REUSED | WIRE_RESULT_TRUNCATED,
                   .fault_errno = 104,
                   .status = 200,
                   .attempts = 1,
                   .remote_port = 80,
                   .remote_family = 4,
                   .remote_address = { 127, 0, 0, 1 },
                   .batch_id = 3,
                   .last_byte_ns = WIRE_NOT_REACHED,
                   .held_by = WIRE_CAP_PER_ORIGIN,
                   .rtt_us = 45,
                   .retransmits = 2 },
        .message = SPAN_LITERAL("closed after 10 of 100 bytes"),
        .content_type = SPAN_LITERAL("text/plain"),
        .url = SPAN_LITERAL("http://a.test/b"),
        .tls_version = SPAN_LITERAL("TLSv1.3"),
        .tls_cipher = SPAN_LITERAL("TLS_AES_128_GCM_SHA256"),
    };

    return message_encode_result(out, 11, &result);
}

static size_t put_batch_begin(char *out)
{
    const struct wire_batch_begin begin = { .concurrency = 100,
                                            .max_per_origin = 6,
                                            .flags = WIRE_BATCH_COOKIES | WIRE_BATCH_COOKIES_BACK,
                                            .rate_uhz = 100000000,
                                            .rate_per_origin_uhz = UINT64_MAX };

    return message_encode_fixed(out, WIRE_BATCH_BEGIN, 0, 3, &begin, sizeof(begin));
}

static size_t put_batch_end(char *out)
{
    const struct wire_batch_end end = { 0 };

    return message_encode_fixed(out, WIRE_BATCH_END, 0, 3, &end, sizeof(end));
}

static size_t put_credit(char *out)
{
    const struct wire_credit credit = { .slots = 65536, .body_bytes = 1 << 20 };

    return message_encode_fixed(out, WIRE_CREDIT, 0, 0, &credit, sizeof(credit));
}

static size_t put_batch_done(char *out)
{
    const struct wire_batch_done done = { .items = 10,
                                          .ok = 9,
                                          .failed = 1,
                                          .new_conns = 4,
                                          .reused_conns = 6,
                                          .receives = 12,
                                          .starved = 3,
                                          .cq_overflows = 2,
                                          .lost_completions = 1 };

    return message_encode_fixed(out, WIRE_BATCH_DONE, 0, 3, &done, sizeof(done));
}

static size_t put_goaway(char *out)
{
    const struct wire_goaway goaway = { 0 };

    return message_encode_fixed(out, WIRE_GOAWAY, 0, 0, &goaway, sizeof(goaway));
}

static size_t put_error(char *out)
{
    return message_encode_error(out, WIRE_ERROR_SLOTS, SPAN_LITERAL("no slot left"));
}

static size_t put_data(char *out)
{
    message_encode_data_head(out, WIRE_DATA_LAST, 11, 5);
    memcpy(out + MESSAGE_DATA_HEAD_BYTES, "hello\0\0\0", 8);
    return MESSAGE_DATA_HEAD_BYTES + 8;
}

static const struct cookie good_cookie = {
    .name = SPAN_LITERAL("sid"),
    .value = SPAN_LITERAL("31d4"),
    .domain = SPAN_LITERAL("a.test"),
    .path = SPAN_LITERAL("/app"),
    .expires_s = 1798761600,
    .same_site = WIRE_SAME_SITE_STRICT,
    .is_host_only = true,
    .is_secure = true,
    .is_http_only = true,
};

static size_t put_cookie(char *out)
{
    return message_encode_cookie(out, WIRE_COOKIE, 3, &good_cookie);
}

static size_t put_cookie_back(char *out)
{
    return message_encode_cookie(out, WIRE_COOKIE_BACK, 3, &good_cookie);
}

static size_t (*const put_of_kind[GOOD_FRAME_COUNT])(char *out) = {
    [GOOD_PROFILE] = put_profile,
    [GOOD_BATCH_BEGIN] = put_batch_begin,
    [GOOD_BATCH_END] = put_batch_end,
    [GOOD_REQUEST] = put_request,
    [GOOD_CREDIT] = put_credit,
    [GOOD_HEAD] = put_head,
    [GOOD_DATA] = put_data,
    [GOOD_RESULT] = put_result,
    [GOOD_BATCH_DONE] = put_batch_done,
    [GOOD_GOAWAY] = put_goaway,
    [GOOD_ERROR] = put_error,
    [GOOD_COOKIE] = put_cookie,
    [GOOD_COOKIE_BACK] = put_cookie_back,
};

static const size_t used_bytes[GOOD_FRAME_COUNT] = {
    [GOOD_PROFILE] = 16 + 224 + 32 + 47 + 12 + 9 + 2 + 4 + 3 + 13 + 8 + 1,
    [GOOD_BATCH_BEGIN] = 64,
    [GOOD_BATCH_END] = 24,
    [GOOD_REQUEST] = 16 + 56 + 4 + 14 + 32 + 5,
    [GOOD_CREDIT] = 32,
    [GOOD_HEAD] = 16 + 24 + 2 + 32,
    [GOOD_DATA] = 24 + 5,
    [GOOD_RESULT] = 16 + 200 + 28 + 10 + 15 + 7 + 22,
    [GOOD_BATCH_DONE] = 16 + 88,
    [GOOD_GOAWAY] = 24,
    [GOOD_ERROR] = 16 + 16 + 12,
    [GOOD_COOKIE] = 16 + 24 + 6 + 4 + 3 + 4,
    [GOOD_COOKIE_BACK] = 16 + 24 + 6 + 4 + 3 + 4,
};

size_t good_frame_put(enum good_frame kind, char *out)
{
    return put_of_kind[kind](out);
}

size_t good_frame_used_bytes(enum good_frame kind)
{
    return used_bytes[kind];
}

message_error good_frame_decode(enum good_frame kind, const struct frame *frame)
{
    union {
        struct message_profile profile;
        struct message_request request;
        struct message_head head;
        struct message_result result;
        struct message_error_text error;
        struct wire_batch_begin begin;
        struct wire_batch_done done;
        struct wire_credit credit;
        struct span body;
        struct cookie cookie;
    } ret;

    switch (kind) {
    case GOOD_PROFILE:
        return message_decode_profile(frame, &ret.profile);
    case GOOD_BATCH_BEGIN:
        return message_decode_batch_begin(frame, &ret.begin);
    case GOOD_BATCH_END:
        return message_decode_batch_end(frame);
    case GOOD_REQUEST:
        return message_decode_request(frame, &ret.request);
    case GOOD_CREDIT:
        return message_decode_credit(frame, &ret.credit);
    case GOOD_HEAD:
        return message_decode_head(frame, &ret.head);
    case GOOD_DATA:
        return message_decode_data(frame, &ret.body);
    case GOOD_RESULT:
        return message_decode_result(frame, &ret.result);
    case GOOD_BATCH_DONE:
        return message_decode_batch_done(frame, &ret.done);
    case GOOD_GOAWAY:
        return message_decode_goaway(frame);
    case GOOD_ERROR:
        return message_decode_error(frame, &ret.error);
    case GOOD_COOKIE:
    case GOOD_COOKIE_BACK:
        return message_decode_cookie(frame, &ret.cookie);
    case GOOD_FRAME_COUNT:
        break;
    }
    abort();
}
