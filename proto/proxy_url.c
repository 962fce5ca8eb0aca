/*
 * proxy_url.c - the text that names a proxy.
 *
 * It looks like a URL and is parsed as one; but its port means something else when it is missing,
 * and its scheme says how the proxy is spoken to, not the origin.
 */
#include "proxy_url.h"

struct span proxy_url_scheme(struct span text)
{
    const char *found = text.bytes ? memmem(text.data, text.bytes, "://", 3) : NULL;

    return found ? span_of(text.data, (size_t)(found - text.data)) : (struct span){ 0 };
}

static const char *check_scheme(struct span scheme)
{
    static const struct span socks[] = { SPAN_LITERAL("socks4"), SPAN_LITERAL("socks4a"),
                                         SPAN_LITERAL("socks5"), SPAN_LITERAL("socks5h"),
                                         SPAN_LITERAL("socks") };

    for (size_t i = 0; i < sizeof(socks) / sizeof(socks[0]); i++)
        if (span_equals_nocase(scheme, socks[i]))
            return "SOCKS proxies are not in this build: give one that speaks HTTP (http://), or "
                   "none (-x '')";
    if (span_equals_nocase(scheme, SPAN_LITERAL("https")))
        return "proxies spoken to over TLS (https://) are not in this build: give an http:// one, "
               "or none (-x '')";
    return span_equals_nocase(scheme, SPAN_LITERAL("http"))
               ? NULL
               : "a proxy is written http://HOST:PORT; its scheme is another one";
}

/* url_parse does not tell ":80" from nothing. */
static bool names_port(struct span authority)
{
    const char *at = memchr(authority.data, '@', authority.bytes);
    const char *colon;

    if (at)
        span_advance(&authority, (size_t)(at + 1 - authority.data));
    colon = memrchr(authority.data, ':', authority.bytes);
    return colon && !memchr(colon, ']', authority.bytes - (size_t)(colon - authority.data)) &&
           colon + 1 < authority.data + authority.bytes;
}

bool proxy_url_parse(struct span text, struct url *ret_url, struct url_fault *ret_fault)
{
    struct span scheme = proxy_url_scheme(text);
    struct span authority = text;
    const char *why = check_scheme(scheme);

    if (why) {
        *ret_fault = (struct url_fault){ .code = FAULT_INPUT_ARGUMENT, .why = why };
        return false;
    }
    span_advance(&authority, scheme.bytes + 3);
    for (size_t i = 0; i < authority.bytes; i++)
        if (memchr("/?#", authority.data[i], 3))
            authority.bytes = i;
    if (!url_parse(span_of(text.data, scheme.bytes + 3 + authority.bytes), ret_url, ret_fault)) {
        ret_fault->code = FAULT_INPUT_ARGUMENT;
        return false;
    }
    if (!names_port(authority)) {
        ret_url->port = PROXY_URL_PORT;
        ret_url->port_is_default = false;
    }
    return true;
}
