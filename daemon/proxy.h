/*
 * proxy.h - which proxy an origin is reached through.
 *
 * Pure. A profile has a proxy for http, one for https and a list of hosts that need none (curl's
 * -x and --noproxy); every hop of an item asks anew, since a redirect may change scheme and host.
 */
#ifndef HAULD_PROXY_H
#define HAULD_PROXY_H

#include "message.h"
#include "url.h"

enum proxy_way {
    PROXY_NONE,    /* straight to the origin */
    PROXY_FORWARD, /* the request goes to the proxy, with a whole URL as target (RFC 9112, 3.2.2) */
    PROXY_TUNNEL,  /* CONNECT first (RFC 9110, 9.3.6), then as if straight */
};

struct proxy {
    bool is_given;
    const char *why;    /* it cannot be used: static, of input/argument; NULL: it can */
    struct url url;     /* its host and port; login into the profile's bytes */
    struct span fields; /* what it is told with each request made of it: whole lines, or empty */
};

struct proxies {
    struct proxy http;
    struct proxy https;
    struct span no_proxy; /* into the profile's bytes */
    char *text;           /* owned: fields */
    size_t text_bytes;
};

/* Of a decoded PROFILE, whose bytes must outlive it. 0, or -ENOMEM. */
int proxies_init(struct proxies *proxies, const struct message_profile *message);
void proxies_deinit(struct proxies *proxies); /* wipes the credentials */

/* NULL: the origin is reached without. */
const struct proxy *proxies_choose(const struct proxies *proxies, const struct url *origin);

/* Whether a --noproxy list names the host of origin, as curl reads it: "*" alone is every host;
 * else entries between commas or blanks. A name matches itself and every name below it, with or
 * without a dot before it, in any case, trailing dots aside. An address matches as an address,
 * ADDRESS/BITS a network (IPv6 with or without brackets). Ports are not looked at, and an entry
 * with one matches nothing. */
bool proxy_list_has(struct span list, const struct url *origin);

/* The head that asks a proxy for a tunnel to host and port of target: "CONNECT host:port HTTP/1.1",
 * Host, fields. Returns the bytes needed; writes them if room is enough, and nothing if it is not.
 * No NUL. */
#define PROXY_FIELDS_BYTES_MAX (WIRE_PROXY_BYTES_MAX / 3 * 4 + 64) /* of struct proxy */
#define PROXY_CONNECT_BYTES_MAX (2 * URL_AUTHORITY_BYTES_MAX + PROXY_FIELDS_BYTES_MAX + 64)
size_t proxy_write_connect(const struct url *target, struct span fields, char *out, size_t room);

/* A fault of connecting is the proxy's: makes dns/... of a lookup dns/proxy, and gives words that
 * name the proxy where it has none, for who looks for the cause must not look at the origin. */
void proxy_blame(struct fault *fault, bool is_of_lookup);

#endif
