/*
 * message_encode.c - messages to bytes.
 *
 * The mirror of message.c: header, fixed struct, variable parts in the order of PROTOCOL.md, zeros
 * up to the next multiple of 8. An encoder trusts its caller, who has checked the user's input and
 * asked for the size first; what does not fit a length field is a bug and asserted.
 */
#include "message.h"

#include <assert.h>
#include <string.h>

#define FRAME_HEADER_BYTES sizeof(struct wire_header)
#define ERROR_TEXT_BYTES_MAX 200u

static_assert(MESSAGE_ERROR_BYTES_MAX >=
                  FRAME_HEADER_BYTES + sizeof(struct wire_error) + ERROR_TEXT_BYTES_MAX,
              "an ERROR frame fits its buffer");
static_assert(MESSAGE_DATA_HEAD_BYTES == FRAME_HEADER_BYTES + sizeof(uint64_t), "DATA layout");

static size_t frame_bytes(size_t payload_bytes)
{
    return FRAME_HEADER_BYTES + frame_pad(payload_bytes);
}

/* Writes at a position in the frame; returns the next one. */
static char *put_bytes(char *out, const void *bytes, size_t bytes_count)
{
    if (bytes_count > 0)
        memcpy(out, bytes, bytes_count);
    return out + bytes_count;
}

static char *put_span(char *out, struct span span)
{
    return put_bytes(out, span.data, span.bytes);
}

static char *put_header(char *out, struct wire_header header, size_t length)
{
    assert(length <= WIRE_FRAME_BYTES_MAX);
    header.length = (uint32_t)length;
    return put_bytes(out, &header, sizeof(header));
}

/* Zeros from where the parts ended to the end of the frame. */
static size_t put_padding(char *start, char *end, size_t length)
{
    size_t used = (size_t)(end - start);

    assert(used <= length && length - used < 8);
    memset(end, 0, length - used);
    return length;
}

size_t message_profile_bytes(const struct message_profile *message)
{
    return frame_bytes(sizeof(message->fixed) + message->headers.bytes + message->pins.bytes +
                       message->unix_path.bytes + message->interface.bytes + message->ca_pem.bytes +
                       message->cert_pem.bytes + message->key_pem.bytes +
                       message->proxy_http.bytes + message->proxy_https.bytes +
                       message->no_proxy.bytes);
}

size_t message_request_bytes(const struct message_request *message)
{
    return frame_bytes(sizeof(message->fixed) + message->method.bytes + message->url.bytes +
                       message->headers.bytes + message->body.bytes);
}

size_t message_head_bytes(const struct message_head *message)
{
    return frame_bytes(sizeof(message->fixed) + message->reason.bytes + message->headers.bytes);
}

size_t message_cookie_bytes(const struct cookie *cookie)
{
    return frame_bytes(sizeof(struct wire_cookie) + cookie->domain.bytes + cookie->path.bytes +
                       cookie->name.bytes + cookie->value.bytes);
}

size_t message_result_bytes(const struct message_result *message)
{
    return frame_bytes(sizeof(message->fixed) + message->message.bytes +
                       message->content_type.bytes + message->url.bytes +
                       message->tls_version.bytes + message->tls_cipher.bytes);
}

size_t message_encode_profile(char *out, uint64_t id, const struct message_profile *message)
{
    size_t length = message_profile_bytes(message);
    struct wire_profile fixed = message->fixed;
    char *at = put_header(out, (struct wire_header){ .type = WIRE_PROFILE, .id = id }, length);

    assert(message->unix_path.bytes <= UINT16_MAX && message->interface.bytes <= UINT16_MAX);
    fixed.fixed_bytes = sizeof(fixed);
    fixed.header_bytes = (uint32_t)message->headers.bytes;
    fixed.unix_path_bytes = (uint16_t)message->unix_path.bytes;
    fixed.interface_bytes = (uint16_t)message->interface.bytes;
    fixed.ca_bytes = (uint32_t)message->ca_pem.bytes;
    fixed.cert_bytes = (uint32_t)message->cert_pem.bytes;
    fixed.key_bytes = (uint32_t)message->key_pem.bytes;
    fixed.proxy_http_bytes = (uint16_t)message->proxy_http.bytes;
    fixed.proxy_https_bytes = (uint16_t)message->proxy_https.bytes;
    fixed.no_proxy_bytes = (uint16_t)message->no_proxy.bytes;
    at = put_bytes(at, &fixed, sizeof(fixed));
    at = put_span(at, message->headers);
    at = put_span(at, message->pins);
    at = put_span(at, message->unix_path);
    at = put_span(at, message->interface);
    at = put_span(at, message->ca_pem);
    at = put_span(at, message->cert_pem);
    at = put_span(at, message->key_pem);
    at = put_span(at, message->proxy_http);
    at = put_span(at, message->proxy_https);
    at = put_span(at, message->no_proxy);
    return put_padding(out, at, length);
}

size_t message_encode_request(char *out, uint64_t id, const struct message_request *message,
                              uint16_t fd_count)
{
    size_t length = message_request_bytes(message);
    struct wire_request fixed = message->fixed;
    struct wire_header header = { .type = WIRE_REQUEST, .fd_count = fd_count, .id = id };
    char *at = put_header(out, header, length);

    assert(message->method.bytes <= UINT8_MAX);
    fixed.fixed_bytes = sizeof(fixed);
    fixed.method_bytes = (uint8_t)message->method.bytes;
    fixed.url_bytes = (uint32_t)message->url.bytes;
    fixed.header_bytes = (uint32_t)message->headers.bytes;
    fixed.body_bytes = (uint32_t)message->body.bytes;
    at = put_bytes(at, &fixed, sizeof(fixed));
    at = put_span(at, message->method);
    at = put_span(at, message->url);
    at = put_span(at, message->headers);
    at = put_span(at, message->body);
    return put_padding(out, at, length);
}

size_t message_encode_cookie(char *out, enum wire_type type, uint64_t id,
                             const struct cookie *cookie)
{
    size_t length = message_cookie_bytes(cookie);
    struct wire_cookie fixed = {
        .fixed_bytes = sizeof(fixed),
        .same_site = (uint8_t)cookie->same_site,
        .expires_s = cookie->expires_s,
        .domain_bytes = (uint16_t)cookie->domain.bytes,
        .path_bytes = (uint16_t)cookie->path.bytes,
        .name_bytes = (uint16_t)cookie->name.bytes,
        .value_bytes = (uint16_t)cookie->value.bytes,
    };
    char *at = put_header(out, (struct wire_header){ .type = (uint8_t)type, .id = id }, length);

    assert(cookie_is_valid(cookie));
    if (cookie->is_host_only)
        fixed.flags |= WIRE_COOKIE_HOST_ONLY;
    if (cookie->is_secure)
        fixed.flags |= WIRE_COOKIE_SECURE;
    if (cookie->is_http_only)
        fixed.flags |= WIRE_COOKIE_HTTP_ONLY;
    at = put_bytes(at, &fixed, sizeof(fixed));
    at = put_span(at, cookie->domain);
    at = put_span(at, cookie->path);
    at = put_span(at, cookie->name);
    at = put_span(at, cookie->value);
    return put_padding(out, at, length);
}

size_t message_encode_head(char *out, uint64_t id, const struct message_head *message)
{
    size_t length = message_head_bytes(message);
    struct wire_head fixed = message->fixed;
    char *at = put_header(out, (struct wire_header){ .type = WIRE_HEAD, .id = id }, length);

    assert(message->reason.bytes <= UINT16_MAX);
    fixed.fixed_bytes = sizeof(fixed);
    fixed.header_bytes = (uint32_t)message->headers.bytes;
    fixed.reason_bytes = (uint16_t)message->reason.bytes;
    at = put_bytes(at, &fixed, sizeof(fixed));
    at = put_span(at, message->reason);
    at = put_span(at, message->headers);
    return put_padding(out, at, length);
}

size_t message_encode_result(char *out, uint64_t id, const struct message_result *message)
{
    size_t length = message_result_bytes(message);
    struct wire_result fixed = message->fixed;
    char *at = put_header(out, (struct wire_header){ .type = WIRE_RESULT, .id = id }, length);

    assert(message->message.bytes <= UINT16_MAX && message->content_type.bytes <= UINT16_MAX);
    assert(message->tls_version.bytes <= UINT8_MAX && message->tls_cipher.bytes <= UINT8_MAX);
    fixed.fixed_bytes = sizeof(fixed);
    fixed.message_bytes = (uint16_t)message->message.bytes;
    fixed.content_type_bytes = (uint16_t)message->content_type.bytes;
    fixed.url_bytes = (uint32_t)message->url.bytes;
    fixed.tls_version_bytes = (uint8_t)message->tls_version.bytes;
    fixed.tls_cipher_bytes = (uint8_t)message->tls_cipher.bytes;
    at = put_bytes(at, &fixed, sizeof(fixed));
    at = put_span(at, message->message);
    at = put_span(at, message->content_type);
    at = put_span(at, message->url);
    at = put_span(at, message->tls_version);
    at = put_span(at, message->tls_cipher);
    return put_padding(out, at, length);
}

size_t message_encode_fixed(char *out, enum wire_type type, uint8_t flags, uint64_t id,
                            const void *payload, size_t payload_bytes)
{
    size_t length = frame_bytes(payload_bytes);
    uint32_t fixed_bytes = (uint32_t)payload_bytes;
    char *payload_at;
    char *at;

    payload_at = put_header(
        out, (struct wire_header){ .type = (uint8_t)type, .flags = flags, .id = id }, length);
    at = put_bytes(payload_at, payload, payload_bytes);
    if (payload_bytes >= sizeof(fixed_bytes))
        (void)put_bytes(payload_at, &fixed_bytes, sizeof(fixed_bytes)); /* at is behind it */
    return put_padding(out, at, length);
}

size_t message_encode_error(char *out, enum wire_error_code code, struct span text)
{
    size_t text_bytes = text.bytes < ERROR_TEXT_BYTES_MAX ? text.bytes : ERROR_TEXT_BYTES_MAX;
    size_t length = frame_bytes(sizeof(struct wire_error) + text_bytes);
    struct wire_error fixed = {
        .fixed_bytes = sizeof(fixed),
        .code = (uint32_t)code,
        .message_bytes = (uint32_t)text_bytes,
    };
    char *at = put_header(out, (struct wire_header){ .type = WIRE_ERROR }, length);

    at = put_bytes(at, &fixed, sizeof(fixed));
    at = put_bytes(at, text.data, text_bytes);
    return put_padding(out, at, length);
}

void message_encode_data_head(char *out, uint8_t flags, uint64_t id, uint32_t body_bytes)
{
    struct wire_header header = { .type = WIRE_DATA, .flags = flags, .id = id };
    uint64_t bytes = body_bytes;

    out = put_header(out, header, MESSAGE_DATA_HEAD_BYTES + frame_pad(body_bytes));
    (void)put_bytes(out, &bytes, sizeof(bytes)); /* the body is the caller's to send */
}

size_t message_append_field(char *out, struct span name, struct span value)
{
    struct wire_field fixed = {
        .name_bytes = (uint32_t)name.bytes,
        .value_bytes = (uint32_t)value.bytes,
    };
    char *at = put_bytes(out, &fixed, sizeof(fixed));

    at = put_span(at, name);
    at = put_span(at, value);
    return (size_t)(at - out);
}

size_t message_append_pin(char *out, const struct message_pin *pin)
{
    struct wire_pin fixed = {
        .host_bytes = (uint16_t)pin->host.bytes,
        .port = pin->port,
        .to_host_bytes = (uint16_t)pin->to_host.bytes,
        .to_port = pin->to_port,
        .to_is_address = pin->to_is_address,
    };
    char *at;

    assert(pin->host.bytes <= UINT16_MAX && pin->to_host.bytes <= UINT16_MAX);
    at = put_bytes(out, &fixed, sizeof(fixed));
    at = put_span(at, pin->host);
    at = put_span(at, pin->to_host);
    return (size_t)(at - out);
}
