/*
 * cookies.h - a jar: which cookies are kept, and who gets them (RFC 6265bis).
 *
 * Pure: a host's cookies go by its name and not by its port, as everywhere; never to an address
 * but the very one that set them; never to a public suffix; a secure one never without TLS. A jar
 * is bounded (wire.h): what is over a bound costs the cookie that was least recently used.
 */
#ifndef HAULD_COOKIES_H
#define HAULD_COOKIES_H

#include "cookie.h"
#include "public_suffix.h"

/* Of a Cookie field, as with curl; what does not fit is left out, the least specific first. */
#define COOKIES_FIELD_BYTES_MAX 8190u
#define COOKIES_FIELD_COUNT_MAX 150u

/* What matters of a URL. */
struct cookies_url {
    struct span host; /* as in url.h: lower case, addresses without brackets */
    struct span path; /* as it is sent, without query: begins with '/' */
    bool is_address;
    bool is_secure; /* https */
};

enum cookies_verdict {
    COOKIES_KEPT,    /* new, or in place of an older one */
    COOKIES_REMOVED, /* it has expired, and so has the one that was there */
    COOKIES_REFUSED, /* not allowed, or no room or memory for it */
};

struct cookies;

/* suffixes outlives the jar. NULL when out of memory. */
struct cookies *cookies_new(const struct public_suffixes *suffixes);
void cookies_free(struct cookies *jar);

/* A Set-Cookie field of a response from url. Times are in seconds since 1970. */
enum cookies_verdict cookies_set(struct cookies *jar, const struct cookies_url *url,
                                 struct span field, uint64_t now_s);

/* A cookie that the client brings (cookie_is_valid). One for all hosts below a public suffix is
 * taken for that name alone. */
enum cookies_verdict cookies_put(struct cookies *jar, const struct cookie *cookie, uint64_t now_s);

/* The value of the Cookie field for a request to url; empty if there is none to send. Longer paths
 * come first, then older cookies. Valid until the next call. */
struct span cookies_field(struct cookies *jar, const struct cookies_url *url, uint64_t now_s);

/* The oldest that has not expired; false when the jar is empty. Valid until the next call. */
bool cookies_first(struct cookies *jar, uint64_t now_s, struct cookie *ret_cookie);
void cookies_drop_first(struct cookies *jar);

size_t cookies_count(const struct cookies *jar);
void cookies_check(const struct cookies *jar);

#endif
