/*
 * cookies_match.c - what is within what.
 */
#include "cookies_match.h"

#include "cookie.h"

bool cookies_host_is_within(struct span host, struct span domain)
{
    size_t more = host.bytes - domain.bytes;

    if (host.bytes < domain.bytes || memcmp(host.data + more, domain.data, domain.bytes) != 0)
        return false;
    return more == 0 || host.data[more - 1] == '.';
}

bool cookies_path_is_within(struct span path, struct span cookie_path)
{
    if (!span_starts_with(path, cookie_path))
        return false;
    return path.bytes == cookie_path.bytes || cookie_path.data[cookie_path.bytes - 1] == '/' ||
           path.data[cookie_path.bytes] == '/';
}

struct span cookies_default_path(struct span path)
{
    size_t bytes = path.bytes;

    while (bytes > 0 && path.data[bytes - 1] != '/')
        bytes--;
    return bytes > 1 ? span_of(path.data, bytes - 1) : SPAN_LITERAL("/");
}

static bool begins_with_nocase(struct span text, struct span prefix)
{
    return text.bytes >= prefix.bytes &&
           span_equals_nocase(span_of(text.data, prefix.bytes), prefix);
}

bool cookies_keep_their_prefix(const struct cookie *cookie, bool has_path)
{
    if (begins_with_nocase(cookie->name, SPAN_LITERAL("__Secure-")))
        return cookie->is_secure;
    if (begins_with_nocase(cookie->name, SPAN_LITERAL("__Host-")))
        return cookie->is_secure && cookie->is_host_only && has_path &&
               span_equals(cookie->path, SPAN_LITERAL("/"));
    return true;
}
