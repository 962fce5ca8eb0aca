/*
 * redirect.c - the table of RFC 9110 section 15.4, and what an origin is.
 */
#include "redirect.h"

bool redirect_is_followed(uint16_t status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool redirect_makes_get(uint16_t status, struct span method)
{
    if (status == 303)
        return !span_equals(method, SPAN_LITERAL("HEAD"));
    return (status == 301 || status == 302) && span_equals(method, SPAN_LITERAL("POST"));
}

bool redirect_keeps_origin(const struct url *from, const struct url *to)
{
    return from->scheme == to->scheme && from->port == to->port &&
           from->host_kind == to->host_kind &&
           span_equals(span_of(from->host, from->host_bytes), span_of(to->host, to->host_bytes)) &&
           span_equals(from->zone, to->zone);
}
