/*
 * writeout_url.c - a URL is parsed by the one parser and put together again.
 *
 * curl keeps what its user wrote where that means something to the user: a default port, the case
 * of a host, credentials. struct url has these only in part, so they are looked up in the text.
 */
#include "writeout_url.h"

/* "user:password@host:port" as written. */
static struct span authority_of(struct span text)
{
    const char *slashes = memmem(text.data, text.bytes, "://", 3);
    size_t bytes = 0;

    if (slashes)
        span_advance(&text, (size_t)(slashes - text.data) + 3);
    while (bytes < text.bytes && !memchr("/?#", text.data[bytes], 3))
        bytes++;
    return span_of(text.data, bytes);
}

static struct span host_and_port_of(struct span authority)
{
    const char *at = memrchr(authority.data, '@', authority.bytes);

    if (at)
        span_advance(&authority, (size_t)(at - authority.data) + 1);
    return authority;
}

static bool has_port(struct span host_and_port)
{
    size_t i = host_and_port.bytes;

    while (i > 0 && host_and_port.data[i - 1] >= '0' && host_and_port.data[i - 1] <= '9')
        i--;
    return i > 0 && i < host_and_port.bytes && host_and_port.data[i - 1] == ':';
}

static void put_target(struct text *out, const struct url *url)
{
    size_t bytes = url_write_target(url, NULL, 0);
    char *room = text_reserve(out, bytes);

    if (!room)
        return;
    out->bytes += url_write_target(url, room, bytes);
    if (url->query.data && url->query.bytes == 0)
        out->bytes--; /* a '?' with nothing behind it */
}

static void put_credentials(struct text *out, const struct url *url)
{
    if (!url->user.data)
        return;
    text_put_span(out, url->user);
    if (url->password.data) {
        text_put_char(out, ':');
        text_put_span(out, url->password);
    }
    text_put_char(out, '@');
}

static void put_address(struct text *out, const struct url *url, struct span zone)
{
    bool is_ipv6 = url->host_kind == URL_HOST_IPV6;

    text_put_string(out, is_ipv6 ? "[" : "");
    text_put(out, url->host, url->host_bytes);
    text_put_string(out, zone.bytes ? "%25" : "");
    text_put_span(out, zone);
    text_put_string(out, is_ipv6 ? "]" : "");
}

void writeout_put_host(struct text *out, const struct url *url)
{
    put_address(out, url, (struct span){ 0 });
}

void writeout_put_path(struct text *out, const struct url *url)
{
    struct url path = *url;

    path.target = url->path;
    path.query = (struct span){ 0 };
    put_target(out, &path);
}

/* A URL whose authority and whose rest may come from different texts. */
static void put_parsed(struct text *out, struct span authority_text, const struct url *authority,
                       const struct url *rest)
{
    struct span written = host_and_port_of(authority_of(authority_text));

    text_put_string(out, authority->scheme == URL_HTTPS ? "https://" : "http://");
    put_credentials(out, authority);
    if (authority->host_kind == URL_HOST_NAME)
        text_put(out, written.data, authority->host_bytes);
    else
        put_address(out, authority, authority->zone);
    if (has_port(written)) {
        text_put_char(out, ':');
        text_put_u64(out, authority->port);
    }
    put_target(out, rest);
    if (rest->fragment.bytes) {
        text_put_char(out, '#');
        text_put_span(out, rest->fragment);
    }
}

void writeout_put_url(struct text *out, struct span text)
{
    struct url_fault bad;
    struct url url;

    if (url_parse(text, &url, &bad))
        put_parsed(out, text, &url, &url);
    else
        text_put_span(out, text);
}

void writeout_put_redirect(struct text *out, struct span base_text, struct span location)
{
    bool is_elsewhere = url_has_scheme(location) || span_starts_with(location, SPAN_LITERAL("//"));
    struct url base, url;
    struct url_fault bad;
    struct text whole;
    char *room;

    if (!url_parse(base_text, &base, &bad))
        return;
    base.fragment = (struct span){ 0 }; /* a redirect that is not followed inherits none */
    text_init(&whole);
    room = text_reserve(&whole, URL_RESOLVED_BYTES_MAX(&base, location));
    if (!room || !url_resolve(&base, location, room, &whole.bytes, &bad) ||
        !url_parse(text_span(&whole), &url, &bad))
        text_put_span(out, location);
    else if (is_elsewhere)
        put_parsed(out, text_span(&whole), &url, &url);
    else
        put_parsed(out, base_text, &base, &url);
    text_deinit(&whole);
}
