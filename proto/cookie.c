/*
 * cookie.c - what a Set-Cookie field says.
 *
 * The field is cut at semicolons, whatever is in between: no quoting, no escapes, as browsers read
 * it and other than the grammar for servers suggests. Of an attribute that is given twice the last
 * one counts; one that makes no sense is left out, and the cookie stays.
 *
 * Refused as a whole: control characters anywhere (a tab is white space around names and values,
 * but inside one it would end it in a cookie file), a cookie without a name, more than 4096 bytes
 * of name and value.
 */
#include "cookie.h"

/* Longer attribute values are ignored (RFC 6265bis section 5.6). */
#define ATTRIBUTE_BYTES_MAX 1024u

static_assert(WIRE_COOKIE_PATH_BYTES_MAX == ATTRIBUTE_BYTES_MAX, "a Path that is taken is kept");

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct span trim(struct span text)
{
    while (text.bytes > 0 && is_blank(text.data[text.bytes - 1]))
        text.bytes--;
    while (text.bytes > 0 && is_blank(text.data[0]))
        span_advance(&text, 1);
    return text;
}

/* No control character, and nothing of forbidden. */
static bool is_clean(struct span text, const char *forbidden)
{
    for (size_t i = 0; i < text.bytes; i++) {
        uint8_t c = (uint8_t)text.data[i];

        if (c < ' ' || c == 0x7f || strchr(forbidden, c))
            return false;
    }
    return true;
}

/* Letters, digits and what else a host or an address is written with. */
static bool is_host(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];
        bool is_letter = (uint8_t)((c | 0x20) - 'a') <= 'z' - 'a';

        if (!is_letter && (uint8_t)(c - '0') > 9 && c != '.' && c != '-' && c != '_' && c != ':')
            return false;
    }
    return true;
}

/* White space at an end would be lost on the way. */
static bool is_trimmed(struct span text)
{
    return trim(text).bytes == text.bytes;
}

bool cookie_is_valid(const struct cookie *cookie)
{
    if (cookie->name.bytes == 0 ||
        cookie->name.bytes + cookie->value.bytes > WIRE_COOKIE_BYTES_MAX ||
        !is_clean(cookie->name, "=;") || !is_clean(cookie->value, ";") ||
        !is_trimmed(cookie->name) || !is_trimmed(cookie->value))
        return false;
    if (cookie->domain.bytes == 0 || cookie->domain.bytes > WIRE_COOKIE_DOMAIN_BYTES_MAX ||
        !is_host(cookie->domain))
        return false;
    return cookie->path.bytes > 0 && cookie->path.bytes <= WIRE_COOKIE_PATH_BYTES_MAX &&
           cookie->path.data[0] == '/' && is_clean(cookie->path, "") &&
           cookie->expires_s <= COOKIE_EXPIRY_S_MAX && cookie->same_site < WIRE_SAME_SITE_COUNT;
}

/* Takes what stands before the next of what, and it. */
static struct span take_part(struct span *rest, char what)
{
    const char *end = rest->bytes > 0 ? memchr(rest->data, what, rest->bytes) : NULL;
    struct span part = span_of(rest->data, end ? (size_t)(end - rest->data) : rest->bytes);

    span_advance(rest, part.bytes + (end != NULL));
    return part;
}

static bool is_control(uint8_t c)
{
    return (c < ' ' && c != '\t') || c == 0x7f;
}

/* What Max-Age makes of now_s; false when it is to be ignored. */
static bool parse_max_age(struct span text, uint64_t now_s, uint64_t *ret_s)
{
    bool is_past = text.bytes > 0 && text.data[0] == '-';
    uint64_t age_s = 0;

    if (is_past)
        span_advance(&text, 1);
    if (text.bytes == 0)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');

        if (digit > 9)
            return false;
        if (age_s <= COOKIE_EXPIRY_S_MAX)
            age_s = 10 * age_s + digit;
    }
    if (is_past || age_s == 0)
        *ret_s = COOKIE_LONG_AGO_S;
    else if (now_s >= COOKIE_EXPIRY_S_MAX || age_s > COOKIE_EXPIRY_S_MAX - now_s)
        *ret_s = COOKIE_EXPIRY_S_MAX;
    else
        *ret_s = now_s + age_s;
    return true;
}

static enum wire_same_site parse_same_site(struct span value)
{
    if (span_equals_nocase(value, SPAN_LITERAL("none")))
        return WIRE_SAME_SITE_NONE;
    if (span_equals_nocase(value, SPAN_LITERAL("lax")))
        return WIRE_SAME_SITE_LAX;
    if (span_equals_nocase(value, SPAN_LITERAL("strict")))
        return WIRE_SAME_SITE_STRICT;
    return WIRE_SAME_SITE_UNSAID;
}

/* The last of each kind counts. */
struct expiry {
    bool has_date, has_age;
    uint64_t date_s, age_s;
};

static void take_attribute(struct span name, struct span value, uint64_t now_s,
                           struct cookie *cookie, struct expiry *expiry)
{
    if (value.bytes > ATTRIBUTE_BYTES_MAX)
        return;
    if (span_equals_nocase(name, SPAN_LITERAL("expires"))) {
        expiry->has_date |= cookie_parse_date(value, &expiry->date_s);
    } else if (span_equals_nocase(name, SPAN_LITERAL("max-age"))) {
        expiry->has_age |= parse_max_age(value, now_s, &expiry->age_s);
    } else if (span_equals_nocase(name, SPAN_LITERAL("domain"))) {
        if (value.bytes > 0 && value.data[0] == '.')
            span_advance(&value, 1);
        cookie->domain = value;
    } else if (span_equals_nocase(name, SPAN_LITERAL("path"))) {
        cookie->path = value.bytes > 0 && value.data[0] == '/' ? value : span_of("", 0);
    } else if (span_equals_nocase(name, SPAN_LITERAL("secure"))) {
        cookie->is_secure = true;
    } else if (span_equals_nocase(name, SPAN_LITERAL("httponly"))) {
        cookie->is_http_only = true;
    } else if (span_equals_nocase(name, SPAN_LITERAL("samesite"))) {
        cookie->same_site = parse_same_site(value);
    }
}

bool cookie_parse(struct span field, uint64_t now_s, struct cookie *ret_cookie)
{
    struct cookie cookie = { .domain = { "", 0 }, .path = { "", 0 } };
    struct expiry expiry = { 0 };
    struct span pair;

    for (size_t i = 0; i < field.bytes; i++)
        if (is_control((uint8_t)field.data[i]))
            return false;
    pair = take_part(&field, ';');
    if (pair.bytes == 0 || !memchr(pair.data, '=', pair.bytes))
        return false;
    cookie.name = trim(take_part(&pair, '='));
    cookie.value = trim(pair);
    while (field.bytes > 0) {
        struct span value = take_part(&field, ';');
        struct span name = trim(take_part(&value, '='));

        take_attribute(name, trim(value), now_s, &cookie, &expiry);
    }
    if (cookie.name.bytes == 0 || cookie.name.bytes + cookie.value.bytes > WIRE_COOKIE_BYTES_MAX ||
        !is_clean(cookie.name, "") || !is_clean(cookie.value, "") || !is_clean(cookie.path, "") ||
        !is_host(cookie.domain))
        return false;
    cookie.is_host_only = cookie.domain.bytes == 0;
    cookie.expires_s = expiry.has_age    ? expiry.age_s
                       : expiry.has_date ? expiry.date_s
                                         : COOKIE_SESSION_S;
    *ret_cookie = cookie;
    return true;
}
