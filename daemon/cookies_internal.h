/*
 * cookies_internal.h - what the files of the jar share.
 *
 * cookies.c has the rules of what may be set, cookies_store.c keeps it within bounds,
 * cookies_field.c finds what to send. Nobody else includes this.
 */
#ifndef HAULD_COOKIES_INTERNAL_H
#define HAULD_COOKIES_INTERNAL_H

#include "cookies.h"

#include "list.h"

#define COOKIES_BUCKETS 256u

struct domain {
    struct list link; /* in its bucket */
    struct list cookies;
    unsigned count;
    uint8_t name_bytes;
    char name[WIRE_COOKIE_DOMAIN_BYTES_MAX + 1];
};
static_assert(WIRE_COOKIE_DOMAIN_BYTES_MAX < 255, "name_bytes");

struct kept {
    struct list link;        /* in jar.all */
    struct list domain_link; /* in domain.cookies */
    struct domain *domain;
    uint64_t created; /* of the first of its name, domain and path */
    uint64_t used;    /* last */
    struct cookie cookie;
    char text[]; /* path, name, value */
};

struct cookies {
    const struct public_suffixes *suffixes;
    struct list all; /* by created */
    size_t count;
    size_t secure_count;
    size_t bytes;
    uint64_t clock; /* of created and used */
    struct list buckets[COOKIES_BUCKETS];
    char field[COOKIES_FIELD_BYTES_MAX];
};

/* cookies_store.c: keeps it, or what it says of one that was kept. Its domain is a name in lower
 * case that may be set. */
enum cookies_verdict cookies_keep(struct cookies *jar, const struct cookie *cookie, uint64_t now_s);
void cookies_remove(struct cookies *jar, struct kept *kept);
struct domain *cookies_find_domain(struct cookies *jar, struct span name);

static inline bool cookie_has_expired(const struct cookie *cookie, uint64_t now_s)
{
    return cookie->expires_s != COOKIE_SESSION_S && cookie->expires_s <= now_s;
}

/* Appends text at *at; returns where it is now. */
static inline struct span cookies_put_span(char **at, struct span text)
{
    struct span copy = span_of(*at, text.bytes);

    if (text.bytes > 0)
        memcpy(*at, text.data, text.bytes);
    *at += text.bytes;
    return copy;
}

#endif
