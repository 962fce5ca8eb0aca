/*
 * cookies_match.h - hosts and paths, as cookies compare them (RFC 6265bis section 5.1).
 *
 * Pure; hosts in lower case.
 */
#ifndef HAULD_COOKIES_MATCH_H
#define HAULD_COOKIES_MATCH_H

#include "span.h"

/* host is domain, or ends with a dot and it. Not for addresses. */
bool cookies_host_is_within(struct span host, struct span domain);

/* path is cookie_path, or lies below it. */
bool cookies_path_is_within(struct span path, struct span cookie_path);

/* Of a cookie without Path, by the path of the URL that set it. */
struct span cookies_default_path(struct span path);

/* What its name promises with __Secure- or __Host- is true. has_path: a Path was given. */
struct cookie;
bool cookies_keep_their_prefix(const struct cookie *cookie, bool has_path);

#endif
