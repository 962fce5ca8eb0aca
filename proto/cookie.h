/*
 * cookie.h - one cookie: as a server sets it, as a file keeps it (RFC 6265, RFC 6265bis).
 *
 * Pure. Whose it may be and whom it is sent to is not decided here: the daemon's jars do that.
 */
#ifndef HAUL_COOKIE_H
#define HAUL_COOKIE_H

#include "span.h"
#include "wire.h"

/* Seconds since 1970. */
#define COOKIE_SESSION_S UINT64_C(0) /* in place of an expiry: when the session ends */
#define COOKIE_LONG_AGO_S UINT64_C(1)
#define COOKIE_EXPIRY_S_MAX UINT64_C(253402300799) /* the last second of the year 9999 */

struct cookie {
    struct span name; /* never empty */
    struct span value;
    struct span domain; /* of a host, in any case, without a dot before it */
    struct span path;
    uint64_t expires_s;
    enum wire_same_site same_site;
    bool is_host_only; /* not for hosts below domain */
    bool is_secure;    /* https only */
    bool is_http_only;
};

/* Can be kept, sent and written to a file: within the limits of wire.h, and no byte that would end
 * a value, a field or a line early. A domain may have any spelling a host can have. */
bool cookie_is_valid(const struct cookie *cookie);

/*
 * Reads the value of a Set-Cookie field (RFC 6265bis section 5.6). now_s turns Max-Age into an
 * expiry, which wins over Expires. Spans of *ret_cookie lie in the field. What the field does not
 * say, or says in a way that is to be ignored, is left empty: no Domain is an empty domain with
 * is_host_only, no Path that begins with '/' an empty path.
 *
 * False: the whole field is to be ignored. As with curl and RFC 6265, and other than in RFC
 * 6265bis, a cookie without a name is no cookie.
 */
bool cookie_parse(struct span field, uint64_t now_s, struct cookie *ret_cookie);

/* Reads a cookie-date (RFC 6265bis section 5.1.1), which takes nearly everything that was ever
 * sent. Before 1970 it is COOKIE_LONG_AGO_S. False when it is none. */
bool cookie_parse_date(struct span text, uint64_t *ret_s);

/*
 * The file format of Netscape: a line per cookie, seven parts between tabs:
 *
 *   domain  whether hosts below it get it  path  https only  expiry or 0  name  value
 *
 * "#HttpOnly_" may stand before it; other lines with '#' are comments. A dot before the domain says
 * what the second part says, which decides. A last part that is empty may be missing.
 */

/* One line, without its line break. False when it is not a cookie that can be kept. */
bool cookie_parse_line(struct span line, struct cookie *ret_cookie);

/* Writes the line of a valid cookie, with its line break. */
#define COOKIE_LINE_BYTES_MAX                                                                      \
    (WIRE_COOKIE_DOMAIN_BYTES_MAX + WIRE_COOKIE_PATH_BYTES_MAX + WIRE_COOKIE_BYTES_MAX + 64u)
size_t cookie_write_line(const struct cookie *cookie, char out[COOKIE_LINE_BYTES_MAX]);

#endif
