/*
 * url.c - takes a URL apart, once, for everybody.
 *
 *      http://user:password@host:port/path?query#fragment
 *             |-------- authority --------|---- rest ----|
 *
 * Clients have been led to the wrong host because two parsers disagreed about where the authority
 * ends, which '@' counts, or what a backslash is. So there is one parser, and where known clients
 * differ it refuses instead of choosing: the host is never guessed out of something odd.
 *
 * The authority is scanned once to find its end and to collect the classes of its bytes; only if
 * something special was seen does anything look at it again. The rest is scanned once.
 *
 * Left alone: percent-escapes outside the host. They are the origin's business, and sending other
 * bytes than the user wrote breaks signatures.
 */
#include "url.h"
#include "url_chars.h"
#include "url_host.h"
#include "wire.h"

#define PORT_MAX 65535u

static const char why_port[] = "the port is not a number from 1 to 65535";
static const char why_control[] = "there is a control character in the URL";

enum {
    CHAR_SLASH = 0x01,
    CHAR_QUESTION = 0x02,
    CHAR_HASH = 0x04,
    CHAR_CONTROL = 0x08, /* below 0x20, and DEL */
    CHAR_ENCODE = 0x10,  /* sent as %XX: space, and from 0x80 on */
    CHAR_BACKSLASH = 0x20,
    CHAR_AT = 0x40,
    CHAR_USERINFO = 0x80, /* unreserved, sub-delims, ':' and '%' */
    CHAR_DOT = 0x100,
};

#define C CHAR_CONTROL
#define E CHAR_ENCODE
#define S CHAR_SLASH
#define Q CHAR_QUESTION
#define H CHAR_HASH
#define B CHAR_BACKSLASH
#define A CHAR_AT
#define U CHAR_USERINFO
#define D (CHAR_DOT | CHAR_USERINFO)

/* clang-format off */
static const uint16_t char_class[256] = {
    C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, /* 00 */
    C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, C, /* 10 */
    E, U, 0, H, U, U, U, U, U, U, U, U, U, U, D, S, /* 20 */
    U, U, U, U, U, U, U, U, U, U, U, U, 0, U, 0, Q, /* 30 */
    A, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, /* 40 */
    U, U, U, U, U, U, U, U, U, U, U, 0, B, 0, 0, U, /* 50 */
    0, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, /* 60 */
    U, U, U, U, U, U, U, U, U, U, U, 0, 0, 0, U, C, /* 70 */
    E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, /* 80 */
    E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, /* 90 */
    E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, /* a0 */
    E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, /* b0 */
    E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, /* c0 */
    E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, /* d0 */
    E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, /* e0 */
    E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, E, /* f0 */
};
/* clang-format on */

#undef C
#undef E
#undef S
#undef Q
#undef H
#undef B
#undef A
#undef U
#undef D

static uint16_t class_of(char c)
{
    return char_class[(uint8_t)c];
}

/* The length of "scheme" in "scheme://", or 0. */
static size_t scheme_length(struct span text)
{
    size_t i = 0;

    if (text.bytes == 0 || !url_is_letter(text.data[0]))
        return 0;
    while (i < text.bytes && (url_is_letter(text.data[i]) || url_is_digit(text.data[i]) ||
                              text.data[i] == '+' || text.data[i] == '-' || text.data[i] == '.'))
        i++;
    return text.bytes - i >= 3 && memcmp(text.data + i, "://", 3) == 0 ? i : 0;
}

bool url_has_scheme(struct span text)
{
    return scheme_length(text) > 0;
}

/* Takes "scheme://" off the front of *text, if it is there. */
static bool take_scheme(struct span *text, struct url *url, bool *ret_written)
{
    size_t bytes = scheme_length(*text);
    struct span scheme = span_of(text->data, bytes);

    url->scheme = URL_HTTP;
    *ret_written = bytes > 0;
    if (bytes == 0)
        return true;
    if (span_equals_nocase(scheme, SPAN_LITERAL("https")))
        url->scheme = URL_HTTPS;
    else if (!span_equals_nocase(scheme, SPAN_LITERAL("http")))
        return false;
    span_advance(text, bytes + 3);
    return true;
}

static const char *parse_userinfo(struct span text, struct url *url)
{
    const char *colon;

    for (size_t i = 0; i < text.bytes; i++) {
        int value;

        if (!(class_of(text.data[i]) & CHAR_USERINFO))
            return "a character in the user name or password must be percent-encoded";
        if (text.data[i] != '%')
            continue;
        value = url_escape_value(span_of(text.data + i, text.bytes - i));
        if (value < 0 || (class_of((char)value) & CHAR_CONTROL))
            return "a percent-escape in the user name or password is not acceptable";
    }
    url->user = text;
    colon = text.bytes > 0 ? memchr(text.data, ':', text.bytes) : NULL;
    if (colon) {
        url->user.bytes = (size_t)(colon - text.data);
        url->password = span_of(colon + 1, text.bytes - url->user.bytes - 1);
    }
    return NULL;
}

/* text is what follows the host: nothing, or a colon and perhaps digits. */
static const char *parse_port(struct span text, bool scheme_written, struct url *url)
{
    const unsigned default_port = url->scheme == URL_HTTPS ? 443 : 80;
    unsigned port = 0;

    if (text.bytes == 1 && !scheme_written)
        return "a colon without '//' must be followed by a port number";
    for (size_t i = 1; i < text.bytes; i++) {
        if (!url_is_digit(text.data[i]))
            return why_port;
        port = port * 10 + (unsigned)(text.data[i] - '0');
        if (port > PORT_MAX)
            return why_port;
    }
    if (text.bytes <= 1)
        port = default_port;
    else if (port == 0)
        return why_port;
    url->port = (uint16_t)port;
    url->port_is_default = port == default_port;
    return NULL;
}

static const char *parse_host_port(struct span text, bool scheme_written, struct url *url)
{
    const char *why, *end;
    size_t host_bytes;

    if (text.bytes > 0 && text.data[0] == '[') {
        end = memchr(text.data, ']', text.bytes);
        if (!end)
            return "the bracket of the IPv6 address is not closed";
        why = url_host_parse_ipv6(span_of(text.data + 1, (size_t)(end - text.data) - 1), url);
        if (why)
            return why;
        span_advance(&text, (size_t)(end - text.data) + 1);
        if (text.bytes > 0 && text.data[0] != ':')
            return "only a port can follow the bracket of an IPv6 address";
        return parse_port(text, scheme_written, url);
    }
    end = text.bytes > 0 ? memchr(text.data, ':', text.bytes) : NULL;
    host_bytes = end ? (size_t)(end - text.data) : text.bytes;
    if (host_bytes + 1 < text.bytes &&
        memchr(text.data + host_bytes + 1, ':', text.bytes - host_bytes - 1))
        return "there is more than one colon; an IPv6 address must stand in brackets";
    why = url_host_parse_name(span_of(text.data, host_bytes), url);
    if (why)
        return why;
    span_advance(&text, host_bytes);
    return parse_port(text, scheme_written, url);
}

/* seen is every class that occurs in text. */
static const char *parse_authority(struct span text, unsigned seen, bool scheme_written,
                                   struct url *url)
{
    const char *at, *why;
    struct span userinfo;

    if (seen & CHAR_BACKSLASH)
        return "there is a backslash before the path of the URL";
    if (seen & CHAR_CONTROL)
        return why_control;
    if (!(seen & CHAR_AT))
        return parse_host_port(text, scheme_written, url);

    at = memchr(text.data, '@', text.bytes);
    userinfo = span_of(text.data, (size_t)(at - text.data));
    span_advance(&text, userinfo.bytes + 1);
    if (text.bytes > 0 && memchr(text.data, '@', text.bytes))
        return "there is a second '@' before the path; write it as %40";
    why = parse_userinfo(userinfo, url);
    return why ? why : parse_host_port(text, scheme_written, url);
}

/* Takes bytes off the front of *text up to one of the classes in stop; *seen collects the rest. */
static struct span take_part(struct span *text, unsigned stop, unsigned *seen)
{
    struct span part = { .data = text->data };
    unsigned classes = 0;
    size_t i;

    for (i = 0; i < text->bytes; i++) {
        unsigned class = class_of(text->data[i]);

        if (class & stop)
            break;
        classes |= class;
    }
    *seen |= classes;
    part.bytes = i;
    span_advance(text, i);
    return part;
}

/* "/." begins every "." and ".." segment; it begins ".hidden" too, which is then only not sent by
 * the short way. */
static bool has_slash_dot(struct span path)
{
    for (size_t i = 1; i < path.bytes; i++) {
        if (path.data[i] == '.' && path.data[i - 1] == '/')
            return true;
    }
    return false;
}

static const char *parse_rest(struct span text, struct url *url)
{
    unsigned seen_path = 0, seen = 0;
    const char *start = text.data;

    url->path = take_part(&text, CHAR_QUESTION | CHAR_HASH, &seen_path);
    if (text.bytes > 0 && text.data[0] == '?') {
        span_advance(&text, 1);
        url->query = take_part(&text, CHAR_HASH, &seen);
    }
    url->target = span_of(start, (size_t)(text.data - start));
    url->target_is_plain = !((seen | seen_path) & CHAR_ENCODE) &&
                           !((seen_path & CHAR_DOT) && has_slash_dot(url->path));
    if (text.bytes > 0) {
        span_advance(&text, 1);
        url->fragment = take_part(&text, 0, &seen);
    }
    return (seen | seen_path) & CHAR_CONTROL ? why_control : NULL;
}

static bool refuse(enum fault_code code, const char *why, struct url_fault *ret_fault)
{
    *ret_fault = (struct url_fault){ .code = code, .why = why };
    return false;
}

bool url_parse(struct span text, struct url *ret_url, struct url_fault *ret_fault)
{
    struct url url;
    struct span authority;
    const char *why;
    unsigned seen = 0;
    bool scheme_written;

    if (text.bytes == 0)
        return refuse(FAULT_INPUT_URL, "the URL is empty", ret_fault);
    if (text.bytes > WIRE_URL_BYTES_MAX)
        return refuse(FAULT_INPUT_TOO_BIG, "the URL is longer than 64 KiB", ret_fault);
    if (text.data[0] == ' ' || text.data[text.bytes - 1] == ' ')
        return refuse(FAULT_INPUT_URL, "there is white space around the URL", ret_fault);

    url.zone = url.user = url.password = url.query = url.fragment = (struct span){ 0 };
    if (!take_scheme(&text, &url, &scheme_written))
        return refuse(FAULT_INPUT_SCHEME, "the scheme is neither http nor https", ret_fault);
    authority = take_part(&text, CHAR_SLASH | CHAR_QUESTION | CHAR_HASH, &seen);
    why = parse_authority(authority, seen, scheme_written, &url);
    if (!why)
        why = parse_rest(text, &url);
    if (why)
        return refuse(FAULT_INPUT_URL, why, ret_fault);
    *ret_url = url;
    return true;
}

size_t url_write_authority(const struct url *url, char *out, size_t room)
{
    char text[URL_AUTHORITY_BYTES_MAX];
    size_t bytes = 0;
    char digits[5];
    size_t digits_count = 0;

    if (url->host_kind == URL_HOST_IPV6)
        text[bytes++] = '[';
    memcpy(text + bytes, url->host, url->host_bytes);
    bytes += url->host_bytes;
    if (url->host_kind == URL_HOST_IPV6)
        text[bytes++] = ']';
    if (!url->port_is_default) {
        for (unsigned port = url->port; port > 0; port /= 10)
            digits[digits_count++] = (char)('0' + port % 10);
        text[bytes++] = ':';
        while (digits_count > 0)
            text[bytes++] = digits[--digits_count];
    }
    if (bytes <= room)
        memcpy(out, text, bytes);
    return bytes;
}
