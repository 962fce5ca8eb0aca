/*
 * request.h - the bytes of a request head, and refusal of what cannot be sent safely.
 *
 * Pure. Whatever a client gives as method, target, field name or value is checked here, before any
 * I/O, so that it can never split or smuggle a request (RFC 9110 section 5.5, 9.1; RFC 9112
 * section 3). The Host field comes from the URL unless the client gives one; Content-Length from
 * the body, or Transfer-Encoding; Connection, Transfer-Encoding, Content-Length, Expect, TE,
 * Upgrade and Trailer of the client are refused with the reason.
 */
#ifndef HAULD_REQUEST_H
#define HAULD_REQUEST_H

#include "fault.h"
#include "request_defaults.h"
#include "span.h"
#include "url.h"

#define REQUEST_BYTES_UNKNOWN UINT64_MAX

struct request {
    struct span method; /* empty = GET */
    const struct url *url;
    const struct request_defaults *defaults; /* the profile's fields */
    struct span fields;  /* of this item, in wire form (a wire_field list, already bounds-checked);
                            one with the same name replaces the profile's */
    struct span cookie;  /* of the jar; goes into one Cookie field with the client's own */
    struct span body;    /* what of it is sent with the head */
    uint64_t body_bytes; /* of all of it, or REQUEST_BYTES_UNKNOWN: it follows in chunks */
    bool has_body;       /* send Content-Length, even 0, or Transfer-Encoding */
    bool expects;        /* send Expect: 100-continue */
    bool close;          /* send Connection: close */
    bool to_proxy; /* the target is the whole URL (RFC 9112 section 3.2.2); never with https */
    struct span proxy_fields; /* with it: lines for the proxy alone */
    bool is_led_away;   /* a redirect led to another origin: Authorization, Cookie and Host of the
                           client are not for it (RFC 9110 section 15.4) */
    bool has_lost_body; /* a redirect made it a GET: what describes a body is left out */
};

/* FAULT_NONE, or FAULT_INPUT_ARGUMENT / FAULT_INPUT_TOO_BIG with *ret_why (static, one clause
 * naming what is wrong). */
enum fault_code request_check(const struct request *request, const char **ret_why);

/* Writes head and body of a request that passed the check, at most room bytes; returns the bytes
 * needed. */
size_t request_write(const struct request *request, char *out, size_t room);

/* RFC 9110 section 9.2.2. */
bool request_is_idempotent(struct span method);

#endif
