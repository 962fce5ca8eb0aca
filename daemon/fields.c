/*
 * fields.c - says which of a client's header fields can be sent, and why not the others.
 *
 * Within one list the same name may occur again (several Cookie lines are the user's business), but
 * Host never does. What frames the message or the connection is ours.
 *
 * Rejected: cleaning instead of refusing (trimming values, folding line breaks into spaces). What
 * was meant is not known, and the record would show another request than the one asked for.
 */
#include "fields.h"

#include "url.h"
#include "wire.h"

/* Lower-case names of fields that are ours, with the reason. */
struct reserved_field {
    struct span name;
    const char *why;
};

static const struct reserved_field reserved_fields[] = {
    { SPAN_LITERAL("connection"), "Connection is set by the daemon" },
    { SPAN_LITERAL("transfer-encoding"), "Transfer-Encoding is not sent: bodies have a length" },
    { SPAN_LITERAL("content-length"), "Content-Length is set from the body" },
    { SPAN_LITERAL("expect"), "Expect is not supported" },
    { SPAN_LITERAL("te"), "TE is not supported" },
    { SPAN_LITERAL("upgrade"), "Upgrade is not supported" },
    { SPAN_LITERAL("proxy-authorization"), "Proxy-Authorization is for proxies: -U says it" },
    { SPAN_LITERAL("trailer"), "Trailer is not sent: there are no trailers" },
};

/* RFC 9110 section 5.6.2. */
static const bool is_token_char[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

bool fields_text_is_token(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (!is_token_char[(uint8_t)text.data[i]])
            return false;
    return text.bytes > 0;
}

bool fields_text_has_control(struct span text, bool tab_is_fine)
{
    for (size_t i = 0; i < text.bytes; i++) {
        uint8_t c = (uint8_t)text.data[i];

        if (c == 0x7f || (c < ' ' && !(c == '\t' && tab_is_fine)))
            return true;
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool fields_have(struct span fields, struct span name)
{
    struct message_field field;

    while (message_next_field(&fields, &field))
        if (span_equals_nocase(field.name, name))
            return true;
    return false;
}

/* uri-host [ ":" port ], RFC 9110 section 7.2, as the one parser of hosts understands it. */
static const char *check_host(struct span host)
{
    static const struct span scheme = SPAN_LITERAL("http://");
    char text[sizeof("http://") + URL_AUTHORITY_BYTES_MAX];
    struct url_fault fault;
    struct url url;

    if (span_is_empty(host) || host.bytes > URL_AUTHORITY_BYTES_MAX)
        return "Host is not a host";
    memcpy(text, scheme.data, scheme.bytes);
    memcpy(text + scheme.bytes, host.data, host.bytes);
    if (!url_parse(span_of(text, scheme.bytes + host.bytes), &url, &fault))
        return "Host is not a host";
    if (url.user.data || url.fragment.data || url.zone.bytes > 0 || url.target.bytes > 0)
        return "Host is more than a host";
    return NULL;
}

static const char *check_field(const struct message_field *field)
{
    struct span value = field->value;

    if (!fields_text_is_token(field->name))
        return "a header name is not a token";
    if (fields_text_has_control(value, true))
        return "a control character in a header value";
    if (value.bytes > 0 && (is_blank(value.data[0]) || is_blank(value.data[value.bytes - 1])))
        return "white space around a header value";
    for (size_t i = 0; i < sizeof(reserved_fields) / sizeof(reserved_fields[0]); i++)
        if (span_equals_nocase(field->name, reserved_fields[i].name))
            return reserved_fields[i].why;
    if (span_equals_nocase(field->name, FIELDS_HOST))
        return check_host(value);
    return NULL;
}

const char *fields_check(struct span fields)
{
    struct message_field field;
    const char *why = NULL;
    bool has_host = false;

    while (!why && message_next_field(&fields, &field)) {
        bool is_host = span_equals_nocase(field.name, FIELDS_HOST);

        why = check_field(&field);
        if (!why && is_host && has_host)
            why = "Host is given twice";
        has_host |= is_host;
    }
    return why;
}

const char *fields_add(struct fields_total *total, const struct message_field *field)
{
    total->count++;
    total->bytes += field->name.bytes + field->value.bytes + FIELDS_FRAMING_BYTES;
    if (total->count > WIRE_HEADERS_MAX)
        return "more than 256 header fields";
    return total->bytes > WIRE_HEADER_BYTES_MAX ? "the request header is over 128 KiB" : NULL;
}

const char *fields_check_sizes(struct span fields)
{
    struct fields_total total = { 0 };
    struct message_field field;
    const char *why = NULL;

    while (!why && message_next_field(&fields, &field))
        why = fields_add(&total, &field);
    return why;
}
