/*
 * message.h - typed frames to bytes and back (PROTOCOL.md, "Messages").
 *
 * Decoding is a pure function of the frame's bytes: it allocates nothing, checks every count and
 * inner length against the payload, and returns spans into it. Encoding writes header, payload and
 * zero padding into the caller's buffer.
 */
#ifndef HAUL_MESSAGE_H
#define HAUL_MESSAGE_H

#include "cookie.h"
#include "frame.h"
#include "retry_on.h"

/* 0 when the frame is well formed, else the enum wire_error_code to answer with. */
typedef uint32_t message_error;

struct message_profile {
    struct wire_profile fixed;
    struct span headers; /* header_count times wire_field + name + value */
    struct span pins;    /* pin_count times wire_pin + texts */
    struct span unix_path;
    struct span interface;
    struct span ca_pem;
    struct span cert_pem;
    struct span key_pem;
    struct span proxy_http; /* URLs; empty = none */
    struct span proxy_https;
    struct span no_proxy;
};

struct message_request {
    struct wire_request fixed;
    struct span method; /* empty = GET */
    struct span url;
    struct span headers;
    struct span body;
};

struct message_head {
    struct wire_head fixed;
    struct span reason;
    struct span headers;
};

struct message_result {
    struct wire_result fixed;
    struct span message;
    struct span content_type;
    struct span url;         /* where redirects led; empty = none were followed */
    struct span tls_version; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384"; empty = not over TLS */
    struct span tls_cipher;
};

struct message_error_text {
    struct wire_error fixed;
    struct span message;
};

struct message_field {
    struct span name;
    struct span value;
};

struct message_pin {
    struct span host;
    uint16_t port;
    struct span to_host;
    uint16_t to_port;
    bool to_is_address;
};

/* Each checks lengths, reserved fields, enum values and, for PROFILE, the limits of wire.h, and
 * writes *ret only on success. The spans lie in the frame. A REQUEST is taken with any url and any
 * fields that fit its frame: over a limit is input/too_big of that item, which the session says. */
message_error message_decode_profile(const struct frame *frame, struct message_profile *ret);
message_error message_decode_batch_begin(const struct frame *frame, struct wire_batch_begin *ret);
message_error message_decode_batch_end(const struct frame *frame);
message_error message_decode_request(const struct frame *frame, struct message_request *ret);
/* COOKIE and COOKIE_BACK: a cookie that is not valid (cookie.h) is MALFORMED. */
message_error message_decode_cookie(const struct frame *frame, struct cookie *ret);
message_error message_decode_credit(const struct frame *frame, struct wire_credit *ret);
message_error message_decode_head(const struct frame *frame, struct message_head *ret);
message_error message_decode_result(const struct frame *frame, struct message_result *ret);
message_error message_decode_batch_done(const struct frame *frame, struct wire_batch_done *ret);
message_error message_decode_goaway(const struct frame *frame);
message_error message_decode_error(const struct frame *frame, struct message_error_text *ret);

/* Checks what every frame must satisfy before its own decoder runs: the type is one the receiver
 * takes (from_client: the client-to-daemon ones), no unknown flag bit, and descriptors only with
 * REQUEST. */
message_error message_check_header(const struct wire_header *header, bool from_client);

/* Which outcomes the profile names; a decoder has accepted it. */
void message_profile_retry_on(const struct wire_profile *fixed, struct retry_on *ret_on);

/* Walks fields and pins that a decoder accepted; false at the end. */
bool message_next_field(struct span *headers, struct message_field *ret);
bool message_next_pin(struct span *pins, struct message_pin *ret);

/* Bytes that the encoder below will write, a multiple of 8. */
size_t message_profile_bytes(const struct message_profile *message);
size_t message_request_bytes(const struct message_request *message);
size_t message_head_bytes(const struct message_head *message);
size_t message_cookie_bytes(const struct cookie *cookie);
size_t message_result_bytes(const struct message_result *message);

/* Encoders (message_encode.c): out has room for the bytes above; *_bytes and fixed_bytes of the
 * fixed part are filled in from the spans, header_count and pin_count are the caller's. Each span
 * fits its *_bytes field and the whole its frame (asserted). Return the bytes written. */
size_t message_encode_profile(char *out, uint64_t id, const struct message_profile *message);
size_t message_encode_request(char *out, uint64_t id, const struct message_request *message,
                              uint16_t fd_count);
/* type: WIRE_COOKIE or WIRE_COOKIE_BACK. The cookie is valid. */
size_t message_encode_cookie(char *out, enum wire_type type, uint64_t id,
                             const struct cookie *cookie);
size_t message_encode_head(char *out, uint64_t id, const struct message_head *message);
size_t message_encode_result(char *out, uint64_t id, const struct message_result *message);

/* A frame whose payload is one fixed struct (or nothing: payload NULL, 0 bytes). fixed_bytes is
 * set from payload_bytes. Room needed: 16 + frame_pad(payload_bytes). */
size_t message_encode_fixed(char *out, enum wire_type type, uint8_t flags, uint64_t id,
                            const void *payload, size_t payload_bytes);

/* ERROR with its text, cut to 200 bytes. Room needed: MESSAGE_ERROR_BYTES_MAX. */
#define MESSAGE_ERROR_BYTES_MAX 256u
size_t message_encode_error(char *out, enum wire_error_code code, struct span text);

/* Only the header of a DATA frame of body_bytes; the body follows, then frame_pad(body_bytes) -
 * body_bytes zero bytes. The real size is first in the payload, as a u64. Writes 24 bytes. */
#define MESSAGE_DATA_HEAD_BYTES 24u
void message_encode_data_head(char *out, uint8_t flags, uint64_t id, uint32_t body_bytes);
message_error message_decode_data(const struct frame *frame, struct span *ret_body);

/* Appends one field to a list under construction; out has room for 8 + name + value bytes. */
size_t message_append_field(char *out, struct span name, struct span value);
/* Likewise one pin, 16 bytes + both hosts. */
size_t message_append_pin(char *out, const struct message_pin *pin);

#endif
