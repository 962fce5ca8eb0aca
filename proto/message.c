/*
 * message.c - what the bytes of a frame mean.
 *
 * Every decoder has the same three steps: copy the fixed struct (its own first field says how long
 * the sender's is; a surplus is skipped, and what an older one lacks is 0), refuse what this
 * version does not know, then cut the variable parts off the rest one by one. Cutting instead of
 * adding up lengths is what makes an overflow impossible: each length is compared with the bytes
 * that are left, and nothing else. What is left at the end is padding, or a newer peer's addition:
 * ignored.
 *
 * Decided here: the shape of a message. Not decided here: whether a method, a URL or a field can
 * be sent (request, url), and whether a REQUEST is over a limit: that ends one item and not the
 * session, so it is the session's to answer. The other direction is message_encode.c.
 */
#include "message.h"

#include <string.h>

#define PROFILE_FLAGS_KNOWN                                                                        \
    (WIRE_PROFILE_HEAD | WIRE_PROFILE_FRESH_CONN | WIRE_PROFILE_NO_REUSE | WIRE_PROFILE_FOLLOW |   \
     WIRE_PROFILE_RETRY_ALL | WIRE_PROFILE_INSECURE | WIRE_PROFILE_DECODE |                        \
     WIRE_PROFILE_PUBLIC_ONLY)
#define BATCH_FLAGS_KNOWN (WIRE_BATCH_COOKIES | WIRE_BATCH_COOKIES_BACK)
#define COOKIE_FLAGS_KNOWN (WIRE_COOKIE_HOST_ONLY | WIRE_COOKIE_SECURE | WIRE_COOKIE_HTTP_ONLY)
#define REQUEST_FLAGS_KNOWN                                                                        \
    (WIRE_REQUEST_HAS_BODY | WIRE_REQUEST_REPLAYABLE | WIRE_REQUEST_KEPT | WIRE_REQUEST_BODY_FD |  \
     WIRE_REQUEST_EXPECT)
#define RESULT_FLAGS_KNOWN                                                                         \
    (WIRE_RESULT_REUSED | WIRE_RESULT_RESUMED | WIRE_RESULT_TRUNCATED | WIRE_RESULT_DECODED |      \
     WIRE_RESULT_COMPLETE | WIRE_RESULT_PROXIED)

struct type_rule {
    bool from_client;
    bool from_daemon;
    uint8_t flags_known;
};

static const struct type_rule type_rules[] = {
    [WIRE_PROFILE] = { .from_client = true },
    [WIRE_BATCH_BEGIN] = { .from_client = true },
    [WIRE_BATCH_END] = { .from_client = true },
    [WIRE_REQUEST] = { .from_client = true },
    [WIRE_CANCEL] = { .from_client = true, .flags_known = WIRE_CANCEL_BATCH | WIRE_CANCEL_WAITING },
    [WIRE_PING] = { .from_client = true },
    [WIRE_COOKIE] = { .from_client = true },
    [WIRE_CREDIT] = { .from_client = true, .from_daemon = true },
    [WIRE_HEAD] = { .from_daemon = true },
    [WIRE_DATA] = { .from_daemon = true, .flags_known = WIRE_DATA_LAST | WIRE_DATA_RESTART },
    [WIRE_RESULT] = { .from_daemon = true },
    [WIRE_BATCH_DONE] = { .from_daemon = true },
    [WIRE_PONG] = { .from_daemon = true },
    [WIRE_GOAWAY] = { .from_daemon = true },
    [WIRE_ERROR] = { .from_daemon = true },
    [WIRE_COOKIE_BACK] = { .from_daemon = true },
};

message_error message_check_header(const struct wire_header *header, bool from_client)
{
    const struct type_rule *rule;

    if (header->type >= sizeof(type_rules) / sizeof(type_rules[0]))
        return WIRE_ERROR_TYPE;
    rule = &type_rules[header->type];
    if (!(from_client ? rule->from_client : rule->from_daemon))
        return WIRE_ERROR_TYPE;
    if (header->flags & ~rule->flags_known)
        return WIRE_ERROR_RESERVED;
    if (header->fd_count > 0 && header->type != WIRE_REQUEST)
        return WIRE_ERROR_FDS;
    return 0;
}

/* Copies a fixed struct off the front of *rest, as much of it as both know: it has grown to bytes
 * since it had bytes_min, and an older sender's ends before ours. */
static bool take_grown(struct span *rest, void *ret_fixed, size_t bytes, size_t bytes_min)
{
    struct span peek = *rest;
    uint32_t fixed_bytes;
    size_t known_bytes;

    if (!span_take_u32(&peek, &fixed_bytes))
        return false;
    if (fixed_bytes < bytes_min || fixed_bytes > rest->bytes)
        return false;
    known_bytes = fixed_bytes < bytes ? fixed_bytes : bytes;
    memcpy(ret_fixed, rest->data, known_bytes);
    memset((char *)ret_fixed + known_bytes, 0, bytes - known_bytes);
    span_advance(rest, fixed_bytes);
    return true;
}

static bool take_fixed(struct span *rest, void *ret_fixed, size_t bytes)
{
    return take_grown(rest, ret_fixed, bytes, bytes);
}

bool message_next_field(struct span *headers, struct message_field *ret)
{
    struct span rest = *headers;
    struct wire_field field;
    struct span name;
    struct span value;

    if (!span_take_copy(&rest, &field, sizeof(field)))
        return false;
    if (!span_take(&rest, field.name_bytes, &name) || !span_take(&rest, field.value_bytes, &value))
        return false;
    *ret = (struct message_field){ .name = name, .value = value };
    *headers = rest;
    return true;
}

/* Exactly count fields, and not a byte more. */
static bool fields_are_whole(struct span headers, uint16_t count)
{
    struct message_field field;

    for (unsigned i = 0; i < count; i++) {
        if (!message_next_field(&headers, &field))
            return false;
    }
    return span_is_empty(headers);
}

/* Takes one pin; its flags and reserved bytes are the caller's to judge. */
static bool take_pin(struct span *pins, struct wire_pin *ret_fixed, struct message_pin *ret)
{
    struct span rest = *pins;
    struct wire_pin fixed;
    struct span host;
    struct span to_host;

    if (!span_take_copy(&rest, &fixed, sizeof(fixed)))
        return false;
    if (!span_take(&rest, fixed.host_bytes, &host) ||
        !span_take(&rest, fixed.to_host_bytes, &to_host))
        return false;
    *ret_fixed = fixed;
    *ret = (struct message_pin){
        .host = host,
        .port = fixed.port,
        .to_host = to_host,
        .to_port = fixed.to_port,
        .to_is_address = fixed.to_is_address != 0,
    };
    *pins = rest;
    return true;
}

bool message_next_pin(struct span *pins, struct message_pin *ret)
{
    struct wire_pin fixed;

    return take_pin(pins, &fixed, ret);
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    while (count > 0 && bytes[count - 1] == 0)
        count--;
    return count == 0;
}

/* Takes count pins off the front of *rest. */
static message_error take_pins(struct span *rest, uint16_t count, struct span *ret_pins)
{
    struct span start = *rest;
    struct message_pin pin;
    struct wire_pin fixed;

    for (unsigned i = 0; i < count; i++) {
        if (!take_pin(rest, &fixed, &pin))
            return WIRE_ERROR_MALFORMED;
        if (!is_zero(fixed.reserved, sizeof(fixed.reserved)))
            return WIRE_ERROR_RESERVED;
        if (fixed.to_is_address > 1 || (fixed.to_is_address && span_is_empty(pin.to_host)))
            return WIRE_ERROR_MALFORMED;
    }
    *ret_pins = span_of(start.data, start.bytes - rest->bytes);
    return 0;
}

static bool body_mode_is_known(uint8_t mode)
{
    return mode == WIRE_BODY_DISCARD || mode == WIRE_BODY_DATA || mode == WIRE_BODY_FD;
}

void message_profile_retry_on(const struct wire_profile *fixed, struct retry_on *ret_on)
{
    static_assert(sizeof(ret_on->statuses) == sizeof(fixed->retry_statuses), "the same list");
    ret_on->faults = fixed->retry_faults;
    memcpy(ret_on->statuses, fixed->retry_statuses, sizeof(ret_on->statuses));
}

static bool retries_are_valid(const struct wire_profile *fixed)
{
    struct retry_on on;

    message_profile_retry_on(fixed, &on);
    return fixed->retries_max <= WIRE_RETRIES_MAX && retry_on_is_valid(&on);
}

static bool tls_version_is_known(uint8_t version)
{
    return version == 0 || version == 12 || version == 13;
}

static message_error profile_check_fixed(const struct wire_profile *fixed)
{
    if ((fixed->flags & ~PROFILE_FLAGS_KNOWN) ||
        !is_zero(fixed->reserved, sizeof(fixed->reserved)) ||
        !is_zero(fixed->reserved2, sizeof(fixed->reserved2)))
        return WIRE_ERROR_RESERVED;
    if (fixed->redirect_schemes & ~(WIRE_SCHEME_HTTP | WIRE_SCHEME_HTTPS))
        return WIRE_ERROR_RESERVED;
    if (!body_mode_is_known(fixed->body_mode))
        return WIRE_ERROR_MALFORMED;
    if (fixed->address_family != 0 && fixed->address_family != 4 && fixed->address_family != 6)
        return WIRE_ERROR_MALFORMED;
    if (!retries_are_valid(fixed) || !tls_version_is_known(fixed->tls_min) ||
        !tls_version_is_known(fixed->tls_max))
        return WIRE_ERROR_MALFORMED;
    if ((uint64_t)fixed->ca_bytes + fixed->cert_bytes + fixed->key_bytes > WIRE_PEM_BYTES_MAX)
        return WIRE_ERROR_LIMIT;
    if (fixed->proxy_http_bytes > WIRE_PROXY_BYTES_MAX ||
        fixed->proxy_https_bytes > WIRE_PROXY_BYTES_MAX ||
        fixed->no_proxy_bytes > WIRE_NO_PROXY_BYTES_MAX)
        return WIRE_ERROR_LIMIT;
    if (fixed->header_count > WIRE_HEADERS_MAX || fixed->header_bytes > WIRE_HEADER_BYTES_MAX ||
        fixed->pin_count > WIRE_PINS_MAX)
        return WIRE_ERROR_LIMIT;
    return 0;
}

message_error message_decode_profile(const struct frame *frame, struct message_profile *ret)
{
    struct span rest = frame->payload;
    struct message_profile profile;
    message_error error;

    if (!take_fixed(&rest, &profile.fixed, sizeof(profile.fixed)))
        return WIRE_ERROR_MALFORMED;
    error = profile_check_fixed(&profile.fixed);
    if (error)
        return error;
    if (!span_take(&rest, profile.fixed.header_bytes, &profile.headers) ||
        !fields_are_whole(profile.headers, profile.fixed.header_count))
        return WIRE_ERROR_MALFORMED;
    error = take_pins(&rest, profile.fixed.pin_count, &profile.pins);
    if (error)
        return error;
    if (!span_take(&rest, profile.fixed.unix_path_bytes, &profile.unix_path) ||
        !span_take(&rest, profile.fixed.interface_bytes, &profile.interface) ||
        !span_take(&rest, profile.fixed.ca_bytes, &profile.ca_pem) ||
        !span_take(&rest, profile.fixed.cert_bytes, &profile.cert_pem) ||
        !span_take(&rest, profile.fixed.key_bytes, &profile.key_pem) ||
        !span_take(&rest, profile.fixed.proxy_http_bytes, &profile.proxy_http) ||
        !span_take(&rest, profile.fixed.proxy_https_bytes, &profile.proxy_https) ||
        !span_take(&rest, profile.fixed.no_proxy_bytes, &profile.no_proxy))
        return WIRE_ERROR_MALFORMED;
    *ret = profile;
    return 0;
}

message_error message_decode_batch_begin(const struct frame *frame, struct wire_batch_begin *ret)
{
    struct span rest = frame->payload;
    struct wire_batch_begin fixed;

    if (!take_fixed(&rest, &fixed, sizeof(fixed)))
        return WIRE_ERROR_MALFORMED;
    if ((fixed.flags & ~BATCH_FLAGS_KNOWN) || !is_zero(fixed.reserved, sizeof(fixed.reserved)))
        return WIRE_ERROR_RESERVED;
    if (fixed.flags & WIRE_BATCH_COOKIES_BACK && !(fixed.flags & WIRE_BATCH_COOKIES))
        return WIRE_ERROR_MALFORMED;
    *ret = fixed;
    return 0;
}

message_error message_decode_batch_end(const struct frame *frame)
{
    struct span rest = frame->payload;
    struct wire_batch_end fixed;

    if (!take_fixed(&rest, &fixed, sizeof(fixed)))
        return WIRE_ERROR_MALFORMED;
    return fixed.reserved != 0 ? WIRE_ERROR_RESERVED : 0;
}

/* At most one body, and what is said of it is said of one that is there. */
static bool request_body_is_one(const struct wire_request *fixed)
{
    if (!(fixed->flags & WIRE_REQUEST_HAS_BODY))
        return fixed->body_bytes == 0 &&
               !(fixed->flags & (WIRE_REQUEST_BODY_FD | WIRE_REQUEST_EXPECT));
    if (fixed->flags & WIRE_REQUEST_BODY_FD)
        return fixed->body_bytes == 0;
    return !(fixed->flags & WIRE_REQUEST_EXPECT);
}

message_error message_decode_request(const struct frame *frame, struct message_request *ret)
{
    struct span rest = frame->payload;
    struct message_request request;
    struct wire_request *fixed = &request.fixed;

    if (!take_fixed(&rest, fixed, sizeof(*fixed)))
        return WIRE_ERROR_MALFORMED;
    if (fixed->flags & ~REQUEST_FLAGS_KNOWN)
        return WIRE_ERROR_RESERVED;
    if (!body_mode_is_known(fixed->body_mode) && fixed->body_mode != WIRE_BODY_OF_PROFILE)
        return WIRE_ERROR_MALFORMED;
    if (!request_body_is_one(fixed))
        return WIRE_ERROR_MALFORMED;
    if (!span_take(&rest, fixed->method_bytes, &request.method) ||
        !span_take(&rest, fixed->url_bytes, &request.url) ||
        !span_take(&rest, fixed->header_bytes, &request.headers) ||
        !span_take(&rest, fixed->body_bytes, &request.body))
        return WIRE_ERROR_MALFORMED;
    if (!fields_are_whole(request.headers, fixed->header_count))
        return WIRE_ERROR_MALFORMED;
    *ret = request;
    return 0;
}

message_error message_decode_cookie(const struct frame *frame, struct cookie *ret)
{
    struct span rest = frame->payload;
    struct wire_cookie fixed;
    struct cookie cookie;

    if (!take_fixed(&rest, &fixed, sizeof(fixed)))
        return WIRE_ERROR_MALFORMED;
    if ((fixed.flags & ~COOKIE_FLAGS_KNOWN) || fixed.reserved != 0)
        return WIRE_ERROR_RESERVED;
    cookie = (struct cookie){
        .expires_s = fixed.expires_s,
        .same_site = fixed.same_site,
        .is_host_only = fixed.flags & WIRE_COOKIE_HOST_ONLY,
        .is_secure = fixed.flags & WIRE_COOKIE_SECURE,
        .is_http_only = fixed.flags & WIRE_COOKIE_HTTP_ONLY,
    };
    if (!span_take(&rest, fixed.domain_bytes, &cookie.domain) ||
        !span_take(&rest, fixed.path_bytes, &cookie.path) ||
        !span_take(&rest, fixed.name_bytes, &cookie.name) ||
        !span_take(&rest, fixed.value_bytes, &cookie.value) || !cookie_is_valid(&cookie))
        return WIRE_ERROR_MALFORMED;
    *ret = cookie;
    return 0;
}

message_error message_decode_credit(const struct frame *frame, struct wire_credit *ret)
{
    struct span rest = frame->payload;

    return take_fixed(&rest, ret, sizeof(*ret)) ? 0 : WIRE_ERROR_MALFORMED;
}

message_error message_decode_head(const struct frame *frame, struct message_head *ret)
{
    struct span rest = frame->payload;
    struct message_head head;

    if (!take_fixed(&rest, &head.fixed, sizeof(head.fixed)) ||
        !span_take(&rest, head.fixed.reason_bytes, &head.reason) ||
        !span_take(&rest, head.fixed.header_bytes, &head.headers) ||
        !fields_are_whole(head.headers, head.fixed.header_count))
        return WIRE_ERROR_MALFORMED;
    *ret = head;
    return 0;
}

static bool remote_family_is_known(uint8_t family)
{
    return family == 0 || family == 1 || family == 4 || family == 6;
}

message_error message_decode_result(const struct frame *frame, struct message_result *ret)
{
    struct span rest = frame->payload;
    struct message_result result;

    if (!take_grown(&rest, &result.fixed, sizeof(result.fixed), WIRE_RESULT_BYTES_MIN))
        return WIRE_ERROR_MALFORMED;
    if ((result.fixed.flags & ~RESULT_FLAGS_KNOWN) || result.fixed.reserved != 0 ||
        !is_zero(result.fixed.reserved2, sizeof(result.fixed.reserved2)))
        return WIRE_ERROR_RESERVED;
    if (!remote_family_is_known(result.fixed.remote_family) ||
        !span_take(&rest, result.fixed.message_bytes, &result.message) ||
        !span_take(&rest, result.fixed.content_type_bytes, &result.content_type) ||
        !span_take(&rest, result.fixed.url_bytes, &result.url) ||
        !span_take(&rest, result.fixed.tls_version_bytes, &result.tls_version) ||
        !span_take(&rest, result.fixed.tls_cipher_bytes, &result.tls_cipher))
        return WIRE_ERROR_MALFORMED;
    *ret = result;
    return 0;
}

message_error message_decode_batch_done(const struct frame *frame, struct wire_batch_done *ret)
{
    struct span rest = frame->payload;
    struct wire_batch_done fixed;

    if (!take_grown(&rest, &fixed, sizeof(fixed), WIRE_BATCH_DONE_BYTES_MIN))
        return WIRE_ERROR_MALFORMED;
    if (fixed.reserved != 0)
        return WIRE_ERROR_RESERVED;
    *ret = fixed;
    return 0;
}

message_error message_decode_goaway(const struct frame *frame)
{
    struct span rest = frame->payload;
    struct wire_goaway fixed;

    if (!take_fixed(&rest, &fixed, sizeof(fixed)))
        return WIRE_ERROR_MALFORMED;
    return fixed.reserved != 0 ? WIRE_ERROR_RESERVED : 0;
}

message_error message_decode_error(const struct frame *frame, struct message_error_text *ret)
{
    struct span rest = frame->payload;
    struct message_error_text error;

    if (!take_fixed(&rest, &error.fixed, sizeof(error.fixed)))
        return WIRE_ERROR_MALFORMED;
    if (error.fixed.reserved != 0)
        return WIRE_ERROR_RESERVED;
    if (!span_take(&rest, error.fixed.message_bytes, &error.message))
        return WIRE_ERROR_MALFORMED;
    *ret = error;
    return 0;
}

message_error message_decode_data(const struct frame *frame, struct span *ret_body)
{
    struct span rest = frame->payload;
    uint64_t body_bytes;

    if (!span_take_copy(&rest, &body_bytes, sizeof(body_bytes)) || body_bytes > rest.bytes)
        return WIRE_ERROR_MALFORMED;
    *ret_body = span_of(rest.data, body_bytes);
    return 0;
}
