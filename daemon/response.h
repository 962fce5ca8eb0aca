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

#include "fault.h"
#include "span.h"

#include <llhttp.h>

struct response_limits {
    uint32_t head_bytes_max;    /* status line and fields of one response: 256 KiB */
    uint32_t fields_max;        /* 1000 */
    uint32_t interim_max;       /* 1xx responses before the final one: 16; their heads count
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

struct response {
    llhttp_t parser;
    const struct response_limits *limits;
    struct fault fault; /* set with RESPONSE_BAD */
    uint16_t status;
    uint8_t version_major;
    uint8_t version_minor;
    bool is_head_request;
    bool wants_head;        /* keep all fields for a HEAD frame */
    bool keep_alive;        /* after COMPLETE: the connection may serve again */
    bool any_byte;          /* at least one byte of a response was seen */
    uint64_t content_bytes; /* Content-Length of the final head, or UINT64_MAX */
    uint64_t body_bytes;    /* delivered so far, without framing */
    char *head;             /* owned: fields of the final head when kept; see response_head */
    /* the module's own, below (the implementer fills this in) */
};

/* limits must outlive the response. is_head_request: the request was HEAD. */
void response_init(struct response *response, const struct response_limits *limits,
                   bool is_head_request, bool wants_head);
void response_deinit(struct response *response);

/* Takes bytes from the front of *in and says what they brought. */
enum response_verdict response_feed(struct response *response, struct span *in,
                                    struct span *ret_body);

/* The peer has closed in order: COMPLETE when that ends the body legally, else BAD with
 * http/empty (no byte), http/partial (message begun). */
enum response_verdict response_finish(struct response *response);

/* Of the final head: the value of Content-Type, cut to 255 bytes (empty if none). */
struct span response_content_type(const struct response *response);

/* With wants_head: reason phrase, and the fields in wire form (message.h, wire_field). */
struct span response_reason(const struct response *response);
struct span response_fields(const struct response *response, uint16_t *ret_count);

void response_check(const struct response *response);

#endif
