/*
 * url.h - the one URL parser: what it says is the host is the host for Host, DNS, connecting,
 * policy, file names and error lines (RFC 3986, RFC 9110 section 4.2; strict where clients differ).
 */
#ifndef HAUL_URL_H
#define HAUL_URL_H

#include "fault.h"
#include "span.h"

enum url_scheme {
    URL_HTTP,
    URL_HTTPS,
};

enum url_host_kind {
    URL_HOST_NAME,
    URL_HOST_IPV4, /* written canonically in host */
    URL_HOST_IPV6, /* written canonically in host, without brackets; a zone only in zone */
};

#define URL_HOST_BYTES_MAX 254 /* a DNS name of 253 bytes, with a trailing dot */

/* All spans point into the text that was parsed, which must outlive this. */
struct url {
    enum url_scheme scheme;
    enum url_host_kind host_kind;
    char host[URL_HOST_BYTES_MAX + 1]; /* lower case, NUL-terminated; literals canonical */
    uint8_t host_bytes;
    uint16_t port;        /* never 0; the scheme's default if none was written */
    bool port_is_default; /* Host carries no port then */
    uint8_t address[16];  /* of a literal: 4 or 16 bytes, network order */
    struct span zone;     /* of an IPv6 literal, or empty */
    struct span user;     /* percent-encoded as written; data NULL = none */
    struct span password; /* likewise */
    struct span target;   /* path and query as written, without fragment; may be empty or start
                             with '?' : url_write_target gives what is sent */
    struct span path;     /* the path part of target */
    struct span query;    /* without '?', data NULL = none */
    struct span fragment; /* without '#', data NULL = none */
};

struct url_fault {
    enum fault_code code; /* FAULT_INPUT_URL, FAULT_INPUT_SCHEME or FAULT_INPUT_TOO_BIG */
    const char *why;      /* static, one clause: "the port is not a number from 1 to 65535" */
};

/* Parses an absolute URL; text without "scheme://" is taken as http, as curl does. Returns false
 * and says why, or true. Never allocates; linear in text. https parses: the caller refuses it. */
bool url_parse(struct span text, struct url *ret_url, struct url_fault *ret_fault);

/* The request target in origin form: begins with '/', spaces and bytes above 0x7e percent-encoded,
 * nothing else touched. Writes at most room bytes and returns the bytes needed. */
size_t url_write_target(const struct url *url, char *out, size_t room);

/* "host", "host:port", "[v6]:port": the value of Host and :authority. Returns the bytes needed;
 * URL_AUTHORITY_BYTES_MAX is always enough. */
#define URL_AUTHORITY_BYTES_MAX (URL_HOST_BYTES_MAX + 8)
size_t url_write_authority(const struct url *url, char *out, size_t room);

/* True when text has a scheme of its own ("x://"); otherwise http:// is implied. */
bool url_has_scheme(struct span text);

/* Decodes %XX into out (room bytes at least text.bytes); returns the bytes written. */
size_t url_percent_decode(struct span text, char *out);

#endif
