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
#define URL_ZONE_BYTES_MAX 15  /* an interface name */

/* All spans point into the text that was parsed, which must outlive this. */
struct url {
    enum url_scheme scheme;
    enum url_host_kind host_kind;
    char host[URL_HOST_BYTES_MAX + 1]; /* lower case, NUL-terminated; literals canonical; the
                                          trailing dot of a name stays: it is another name to DNS
                                          and in Host, only SNI goes without it */
    uint8_t host_bytes;
    uint16_t port;        /* never 0; the scheme's default if none was written */
    bool port_is_default; /* Host carries no port then */
    bool target_is_plain; /* url_write_target changes nothing but an empty path */
    uint8_t address[16];  /* of a literal: 4 or 16 bytes, network order */
    struct span zone;     /* of an IPv6 literal, or empty; letters, digits and "-._~" only */
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

/* Parses an absolute URL. Returns false and says why, or true. Never allocates; linear in text.
 *
 * Taken: http and https (the caller refuses https where there is no TLS). Text without "scheme://"
 * is http, as for curl. Hosts are names of letters, digits, '-' and '_' in labels of 1 to 63 bytes;
 * IPv4 in every spelling of inet_aton ("0x7f.1" is 127.0.0.1); IPv6 in brackets, with a zone
 * written "%25eth0". An empty port is the default one. Spaces and bytes from 0x80 on in path,
 * query and fragment; everything else printable there is taken as written, "%zz" included.
 *
 * Refused: a space or control byte anywhere else, and white space around the text. In the
 * authority: a backslash, a second '@', an unencoded special in user or password. In the host:
 * percent-escapes, non-ASCII (see client/idn.h), empty labels, a last label that is a number
 * without the whole being an IPv4 address, IPv4 with a trailing dot, IPvFuture. Port 0. Without a
 * scheme a colon must be followed by a port, so that "http:/x" is not the host "http". */
bool url_parse(struct span text, struct url *ret_url, struct url_fault *ret_fault);

/* The request target in origin form: begins with '/'; "." and ".." segments are resolved (RFC 3986
 * section 5.2.4, as curl does without --path-as-is; "%2e" is left alone); spaces and bytes from
 * 0x80 on are percent-encoded; nothing else is touched. Returns the bytes needed, at most
 * URL_TARGET_BYTES_MAX(url); writes them if room is enough, and nothing if it is not. No NUL. */
#define URL_TARGET_BYTES_MAX(url) (3 * (url)->target.bytes + 1)
size_t url_write_target(const struct url *url, char *out, size_t room);

/* "host", "host:port", "[v6]:port": the value of Host and :authority, without the zone, which means
 * nothing to the other side (RFC 6874). Returns the bytes needed; URL_AUTHORITY_BYTES_MAX is always
 * enough; writes them if room is enough, and nothing if it is not. No NUL. */
#define URL_AUTHORITY_BYTES_MAX (URL_HOST_BYTES_MAX + 8)
size_t url_write_authority(const struct url *url, char *out, size_t room);

/* Writes the absolute URL that a reference (the value of a Location, say) means to base (RFC 3986
 * section 5.2): for url_parse to judge, which also resolves dot segments. The fragment of base
 * stays unless the reference has one (RFC 9110 section 10.2.2); its user and password do not. out
 * has room for URL_RESOLVED_BYTES_MAX. False: the reference has another scheme than http and https,
 * or one without "//". */
#define URL_RESOLVED_BYTES_MAX(base, reference)                                                    \
    (sizeof("https://[%25]#") + URL_AUTHORITY_BYTES_MAX + URL_ZONE_BYTES_MAX +                     \
     (base)->target.bytes + (base)->fragment.bytes + (reference).bytes)
bool url_resolve(const struct url *base, struct span reference, char *out, size_t *ret_bytes,
                 struct url_fault *ret_fault);

/* The URL in one spelling: scheme, authority, target as it is sent, fragment; without user and
 * password. out has room for URL_BYTES_MAX; returns the bytes written. */
#define URL_BYTES_MAX(url)                                                                         \
    (sizeof("https://[%25]#") + URL_AUTHORITY_BYTES_MAX + URL_ZONE_BYTES_MAX +                     \
     URL_TARGET_BYTES_MAX(url) + (url)->fragment.bytes)
size_t url_write(const struct url *url, char *out);

/* True when text has a scheme of its own ("x://"); otherwise http:// is implied. */
bool url_has_scheme(struct span text);

/* Decodes %XX into out, which has room for text.bytes; a '%' without two hex digits stays. Returns
 * the bytes written, which may include NUL and controls. */
size_t url_percent_decode(struct span text, char *out);

#endif
