/*
 * response.h - one HTTP/1.x response as a client must read it: llhttp plus our policy.
 *
 * Pure: bytes in, verdicts out. llhttp tokenizes in strict mode; this module adds what a client
 * owes (RFC 9112 section 6.3, RFC 9110 section 15.2): which responses have a body, framing without
 * guesses, limits, interim responses, and what the end of the connection means. The result is the
 * same however the bytes are cut.
 */
#ifndef HAULD_RESPONSE_H
#define HAULD_RESPONSE_H

#include "decode_list.h"
#include "fault.h"
#include "span.h"

#include <llhttp.h>

struct response_limits {
    uint32_t head_bytes_max;    /* status line and fields of one response: 256 KiB */
    uint32_t fields_max;        /* 1000 */
    uint16_t interim_max;       /* 1xx responses before the final one: 16; their heads count
                                   against head_bytes_max together */
    uint32_t trailer_bytes_max; /* 16 KiB */
    uint64_t body_bytes_max;    /* 0 = none */
};

enum response_verdict {
    RESPONSE_NEED_MORE, /* all bytes were consumed */
    RESPONSE_HEAD,      /* the final head is complete (once): status, version, content_bytes, fields
                           can be read; call again with the rest of *in */
    RESPONSE_BODY,      /* *ret_body holds the next piece of the body, inside *in's bytes; call
                           again with the rest */
    RESPONSE_COMPLETE,  /* the message has ended; what is left in *in does not belong to it */
    RESPONSE_BAD,       /* see fault; the connection is unusable */
};

#define RESPONSE_CONTENT_TYPE_BYTES_MAX 255u
#define RESPONSE_RETRY_AFTER_BYTES_MAX 40u /* an HTTP-date has at most 33 */
#define RESPONSE_COOKIES_BYTES_MAX (64u << 10)

/* What the next byte belongs to; drawn in response.c. */
enum response_state {
    RESPONSE_IN_HEAD,     /* status line and fields, of an interim response or of the final one */
    RESPONSE_IN_LENGTH,   /* a body of Content-Length bytes */
    RESPONSE_IN_CHUNKS,   /* a chunked body */
    RESPONSE_IN_TRAILERS, /* after the last chunk */
    RESPONSE_IN_REST,     /* a body that ends with the connection */
    RESPONSE_ENDED,       /* the message is whole */
    RESPONSE_BROKEN,      /* fault is set; nothing more is read */
    RESPONSE_STATE_COUNT
};

struct response {
    llhttp_t parser;
    const struct response_limits *limits;
    struct fault fault; /* set with RESPONSE_BAD */
    uint16_t status;    /* of the final response, 0 before its head; kept when it is refused */
    uint8_t version_major;
    uint8_t version_minor;
    bool is_head_request;
    bool wants_head;        /* keep all fields for a HEAD frame */
    bool wants_cookies;     /* keep all Set-Cookie fields; set it after init */
    bool keep_alive;        /* after COMPLETE: the connection may serve again */
    bool any_byte;          /* at least one byte of a response was seen */
    bool continues;         /* a 100 (Continue) was */
    uint64_t content_bytes; /* Content-Length of the final head, or UINT64_MAX */
    uint64_t body_bytes;    /* delivered so far, without framing */
    char *head;             /* owned: reason and fields with wants_head, else a Location, or NULL */
    struct response_cookies *cookies; /* owned: with wants_cookies, once there is one */

    /* The module's own. */
    uint8_t state;           /* enum response_state */
    uint8_t field;           /* which field's value is being read, see response_tokens.c */
    bool head_began;         /* a byte of the current head was seen */
    bool has_status_line;    /* the current head's is complete */
    bool has_location;       /* location_* are set */
    bool closes;             /* an interim response said Connection: close */
    bool is_coded;           /* a Transfer-Encoding was seen */
    bool is_coded_otherwise; /* one that cannot be chunked alone */
    uint8_t chunk_digits;    /* of the chunk size being read */
    uint8_t content_type_bytes;
    uint8_t retry_after_bytes;
    uint16_t kept_count;   /* fields in head */
    uint16_t reason_bytes; /* at the front of head */
    uint16_t interim_count;
    uint32_t fields_count;  /* interim responses' and trailers included */
    uint32_t section_bytes; /* received of heads, interim ones included; then of trailers */
    uint32_t name_bytes;    /* of the field being read */
    uint32_t value_bytes;   /* likewise; of these, value_trimmed end with no white space */
    uint32_t value_trimmed;
    uint32_t kept_bytes; /* used of head */
    uint32_t kept_capacity;
    uint32_t location_at; /* in head */
    uint32_t location_bytes;
    uint64_t body_left;         /* of the body, or of the chunk */
    uint64_t overhead_bytes;    /* chunked framing so far */
    size_t piece_bytes;         /* of a chunk, where the last run stopped */
    struct decode_list codings; /* what Content-Encoding says */
    char name[18];              /* the front of the field name being read */
    char content_type[RESPONSE_CONTENT_TYPE_BYTES_MAX];
    char retry_after[RESPONSE_RETRY_AFTER_BYTES_MAX];
};

/* limits must outlive the response. is_head_request: the request was HEAD. */
void response_init(struct response *response, const struct response_limits *limits,
                   bool is_head_request, bool wants_head);
void response_deinit(struct response *response);

/* Takes bytes from the front of *in and says what they brought. Call it until it says NEED_MORE,
 * COMPLETE or BAD, also when *in has become empty: the end of a message can be known by then.
 * COMPLETE and BAD are final; keep_alive is false when bytes are left in *in with COMPLETE. */
enum response_verdict response_feed(struct response *response, struct span *in,
                                    struct span *ret_body);

/* The peer has closed in order: COMPLETE when that ends the body legally, else BAD with
 * http/empty (no byte), http/partial (message begun). */
enum response_verdict response_finish(struct response *response);

/* Of the final head: the value of Content-Type, cut to 255 bytes (empty if none). This and those
 * below are empty before the final head is complete, and valid until deinit. */
struct span response_content_type(const struct response *response);

/* Of the final head: the value of Retry-After, empty if there is none or if it is far too long. */
struct span response_retry_after(const struct response *response);

/* Of the final head: the value of Location; data NULL = none. Two that differ are refused. */
struct span response_location(const struct response *response);

/* With wants_cookies: the values of the Set-Cookie fields of the final head, as fields in wire form
 * without a name (message_next_field). Those that pass 64 KiB together are left out. */
struct span response_cookies(const struct response *response);

/* Of the final head: the codings its Content-Encoding names. Nothing is decoded here. */
struct decode_list response_codings(const struct response *response);

/* With wants_head: reason phrase, and the fields in wire form (message.h, wire_field). */
struct span response_reason(const struct response *response);
struct span response_fields(const struct response *response, uint16_t *ret_count);

/* A byte of the final response was seen, or of one that may be it. */
bool response_has_begun(const struct response *response);

/* The body goes on until the connection ends: nothing else says that it is whole. */
bool response_ends_with_connection(const struct response *response);

void response_check(const struct response *response);

#endif
