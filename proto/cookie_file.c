/*
 * cookie_file.c - lines of a cookie file, as curl, wget and browsers' exporters write them.
 */
#include "cookie.h"

#include <stdio.h>

#define HTTP_ONLY SPAN_LITERAL("#HttpOnly_")
#define PARTS 7

static bool parse_flag(struct span text, bool *ret_flag)
{
    *ret_flag = span_equals_nocase(text, SPAN_LITERAL("TRUE"));
    return *ret_flag || span_equals_nocase(text, SPAN_LITERAL("FALSE"));
}

/* A negative one has passed, one beyond the calendar is its end. Some write fractions. */
static bool parse_expiry(struct span text, uint64_t *ret_s)
{
    bool is_past = text.bytes > 0 && text.data[0] == '-';
    uint64_t s = 0;

    if (is_past)
        span_advance(&text, 1);
    if (text.bytes == 0 || (uint8_t)(text.data[0] - '0') > 9)
        return false;
    for (size_t i = 0; i < text.bytes && text.data[i] != '.'; i++) {
        uint8_t digit = (uint8_t)(text.data[i] - '0');

        if (digit > 9)
            return false;
        if (s < COOKIE_EXPIRY_S_MAX)
            s = 10 * s + digit;
    }
    *ret_s = is_past ? COOKIE_LONG_AGO_S : s < COOKIE_EXPIRY_S_MAX ? s : COOKIE_EXPIRY_S_MAX;
    return true;
}

/* Cuts at tabs; false when there are too few parts or too many. */
static bool cut_line(struct span line, struct span parts[PARTS])
{
    unsigned count = 0;

    for (;;) {
        const char *tab = line.bytes > 0 ? memchr(line.data, '\t', line.bytes) : NULL;

        if (count == PARTS)
            return false;
        parts[count++] = span_of(line.data, tab ? (size_t)(tab - line.data) : line.bytes);
        if (!tab)
            break;
        span_advance(&line, parts[count - 1].bytes + 1);
    }
    if (count == PARTS - 1)
        parts[count++] = span_of("", 0);
    return count == PARTS;
}

bool cookie_parse_line(struct span line, struct cookie *ret_cookie)
{
    struct cookie cookie = { 0 };
    struct span parts[PARTS];
    bool is_for_all_below;

    if (line.bytes > 0 && line.data[line.bytes - 1] == '\r')
        line.bytes--;
    if (span_starts_with(line, HTTP_ONLY)) {
        cookie.is_http_only = true;
        span_advance(&line, HTTP_ONLY.bytes);
    } else if (line.bytes == 0 || line.data[0] == '#') {
        return false;
    }
    if (!cut_line(line, parts) || !parse_flag(parts[1], &is_for_all_below) ||
        !parse_flag(parts[3], &cookie.is_secure) || !parse_expiry(parts[4], &cookie.expires_s))
        return false;
    if (parts[0].bytes > 0 && parts[0].data[0] == '.')
        span_advance(&parts[0], 1);
    cookie.domain = parts[0];
    cookie.is_host_only = !is_for_all_below;
    cookie.path = parts[2];
    cookie.name = parts[5];
    cookie.value = parts[6];
    if (!cookie_is_valid(&cookie))
        return false;
    *ret_cookie = cookie;
    return true;
}

size_t cookie_write_line(const struct cookie *cookie, char out[COOKIE_LINE_BYTES_MAX])
{
    int bytes = snprintf(out, COOKIE_LINE_BYTES_MAX, "%s%s%.*s\t%s\t%.*s\t%s\t%llu\t%.*s\t%.*s\n",
                         cookie->is_http_only ? "#HttpOnly_" : "", cookie->is_host_only ? "" : ".",
                         (int)cookie->domain.bytes, cookie->domain.data,
                         cookie->is_host_only ? "FALSE" : "TRUE", (int)cookie->path.bytes,
                         cookie->path.data, cookie->is_secure ? "TRUE" : "FALSE",
                         (unsigned long long)cookie->expires_s, (int)cookie->name.bytes,
                         cookie->name.data, (int)cookie->value.bytes, cookie->value.data);

    assert(bytes > 0 && (size_t)bytes < COOKIE_LINE_BYTES_MAX);
    return (size_t)bytes;
}
