/*
 * url_host.h - the host between '@' and ':' of a URL; private to url.c.
 */
#ifndef HAUL_URL_HOST_H
#define HAUL_URL_HOST_H

#include "url.h"

/* Each sets host_kind, host, host_bytes and, of a literal, address and zone, and returns NULL; or
 * returns why the text is no host (static, one clause) and leaves those fields in any state. */

/* A name, or an IPv4 address in any spelling. */
const char *url_host_parse_name(struct span text, struct url *url);

/* What stands between '[' and ']'. */
const char *url_host_parse_ipv6(struct span text, struct url *url);

#endif
