/*
 * request.c - writes a request that cannot be taken for another one, or says why it will not.
 *
 * The order of the head is fixed: request line, Host, the profile's fields, the item's fields,
 * Authorization from the URL, Content-Length, Connection. What is sent besides the given fields is
 * only what frames the message; User-Agent and Accept are the client's, in its profile.
 *
 * A field of the profile is left out when the item has one of the same name, so that a client
 * overrides a default by naming it. Within one list the same name may occur again (several Cookie
 * lines are the user's business), but Host never does.
 *
 * request_check and request_write walk the same list in the same way; the check is the only place
 * that refuses, and the writer asserts nothing that the check has not seen.
 *
 * Rejected: cleaning instead of refusing (trimming values, folding line breaks into spaces). What
 * was meant is not known, and the record would show another request than the one asked for.
 */
#include "request.h"

#include "message.h"
#include "wire.h"

#include <stdio.h>

/* "Name: value\r\n" */
#define FIELD_FRAMING_BYTES 4

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
    { SPAN_LITERAL("trailer"), "Trailer is not sent: there are no trailers" },
};

/* RFC 9110 section 5.6.2. */
static const bool is_token_char[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

static bool span_is_token(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (!is_token_char[(uint8_t)text.data[i]])
            return false;
    return text.bytes > 0;
}

static bool span_has_control(struct span text, bool tab_is_fine)
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

static bool list_has_field(struct span fields, struct span name)
{
    struct message_field field;

    while (message_next_field(&fields, &field))
        if (span_equals_nocase(field.name, name))
            return true;
    return false;
}

/*
 * The fields to send, profile first: a cursor that leaves out what the item replaces.
 */
struct field_walk {
    struct span profile_fields;
    struct span fields;
    struct span replacing; /* the item's fields, from the start */
};

static struct field_walk field_walk_of(const struct request *request)
{
    return (struct field_walk){
        .profile_fields = request->profile_fields,
        .fields = request->fields,
        .replacing = request->fields,
    };
}

static bool field_walk_next(struct field_walk *walk, struct message_field *ret_field)
{
    while (message_next_field(&walk->profile_fields, ret_field))
        if (!list_has_field(walk->replacing, ret_field->name))
            return true;
    return message_next_field(&walk->fields, ret_field);
}

static const struct span name_host = SPAN_LITERAL("host");
static const struct span name_authorization = SPAN_LITERAL("authorization");

/*
 * Bytes of the user and password of a URL, percent-decoded one by one: they may be long, and we
 * have nowhere to put them.
 */
struct userinfo_reader {
    struct span user;
    struct span password;
    bool has_colon; /* the colon between them has been read */
};

static struct userinfo_reader userinfo_reader_of(const struct url *url)
{
    return (struct userinfo_reader){ .user = url->user, .password = url->password };
}

static uint8_t take_decoded(struct span *text)
{
    struct span one = { text->data, text->data[0] == '%' && text->bytes >= 3 ? 3 : 1 };
    char decoded[3];

    span_advance(text, url_percent_decode(one, decoded) == 1 ? one.bytes : 1);
    return (uint8_t)decoded[0];
}

/* The next byte of user:password, or -1. */
static int userinfo_next(struct userinfo_reader *reader)
{
    if (!span_is_empty(reader->user))
        return take_decoded(&reader->user);
    if (!reader->has_colon) {
        reader->has_colon = true;
        return ':';
    }
    return span_is_empty(reader->password) ? -1 : take_decoded(&reader->password);
}

static bool request_has_userinfo(const struct request *request)
{
    return !span_is_empty(request->url->user) || !span_is_empty(request->url->password);
}

/* Checks. Each returns NULL or why not. */

static const char *check_method(const struct request *request)
{
    struct span method = request->method;

    if (span_is_empty(method))
        return NULL;
    if (!span_is_token(method))
        return "the method is not a token";
    if (span_equals_nocase(method, SPAN_LITERAL("CONNECT")))
        return "CONNECT is for proxies";
    if (span_equals_nocase(method, SPAN_LITERAL("TRACE")) && request->has_body)
        return "TRACE must not have a body";
    return NULL;
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

    if (!span_is_token(field->name))
        return "a header name is not a token";
    if (span_has_control(value, true))
        return "a control character in a header value";
    if (value.bytes > 0 && (is_blank(value.data[0]) || is_blank(value.data[value.bytes - 1])))
        return "white space around a header value";
    for (size_t i = 0; i < sizeof(reserved_fields) / sizeof(reserved_fields[0]); i++)
        if (span_equals_nocase(field->name, reserved_fields[i].name))
            return reserved_fields[i].why;
    if (span_equals_nocase(field->name, name_host))
        return check_host(value);
    return NULL;
}

/* Also the fields that will not be sent: what is wrong in a profile is wrong in every request. */
static const char *check_list(struct span fields)
{
    struct message_field field;
    const char *why = NULL;
    bool has_host = false;

    while (!why && message_next_field(&fields, &field)) {
        bool is_host = span_equals_nocase(field.name, name_host);

        why = check_field(&field);
        if (!why && is_host && has_host)
            why = "Host is given twice";
        has_host |= is_host;
    }
    return why;
}

/* RFC 7617 section 2: the first colon ends the user, and there is no control character. */
static const char *check_userinfo(const struct request *request)
{
    struct userinfo_reader reader = userinfo_reader_of(request->url);
    int byte;

    if (!request_has_userinfo(request))
        return NULL;
    while ((byte = userinfo_next(&reader)) >= 0) {
        if (byte < ' ' || byte == 0x7f)
            return "a control character in the URL's user or password";
        if (byte == ':' && !reader.has_colon)
            return "a colon in the URL's user";
    }
    return NULL;
}

static bool list_is_too_long(struct span fields)
{
    struct message_field field;
    size_t fields_count = 0;

    while (message_next_field(&fields, &field))
        if (++fields_count > WIRE_HEADERS_MAX)
            return true;
    return false;
}

static const char *check_sizes(const struct request *request)
{
    struct field_walk walk = field_walk_of(request);
    struct message_field field;
    size_t fields_count = 0;
    size_t bytes = 0;

    /* Each by itself first: the walk below goes over one list for each field of the other. */
    if (list_is_too_long(request->profile_fields) || list_is_too_long(request->fields))
        return "more than 256 header fields";
    while (field_walk_next(&walk, &field)) {
        fields_count++;
        bytes += field.name.bytes + field.value.bytes + FIELD_FRAMING_BYTES;
        if (fields_count > WIRE_HEADERS_MAX)
            return "more than 256 header fields";
        if (bytes > WIRE_HEADER_BYTES_MAX)
            return "the request header is over 128 KiB";
    }
    return NULL;
}

enum fault_code request_check(const struct request *request, const char **ret_why)
{
    const char *why = check_sizes(request);

    if (why) {
        *ret_why = why;
        return FAULT_INPUT_TOO_BIG;
    }
    why = check_method(request);
    if (!why && span_has_control(request->url->target, false))
        why = "a control character in the path";
    if (!why)
        why = check_list(request->profile_fields);
    if (!why)
        why = check_list(request->fields);
    if (!why)
        why = check_userinfo(request);
    if (why) {
        *ret_why = why;
        return FAULT_INPUT_ARGUMENT;
    }
    return FAULT_NONE;
}

/*
 * Output that counts on when it is full, so that the bytes needed come out.
 */
struct sheet {
    char *out;
    size_t room;
    size_t bytes;
};

static void sheet_put(struct sheet *sheet, struct span text)
{
    if (sheet->bytes < sheet->room && text.bytes > 0) {
        size_t left = sheet->room - sheet->bytes;

        memcpy(sheet->out + sheet->bytes, text.data, text.bytes < left ? text.bytes : left);
    }
    sheet->bytes += text.bytes;
}

static size_t sheet_left(const struct sheet *sheet)
{
    return sheet->bytes < sheet->room ? sheet->room - sheet->bytes : 0;
}

static char *sheet_end(const struct sheet *sheet)
{
    return sheet_left(sheet) > 0 ? sheet->out + sheet->bytes : NULL;
}

static void sheet_put_field(struct sheet *sheet, struct span name, struct span value)
{
    sheet_put(sheet, name);
    sheet_put(sheet, SPAN_LITERAL(": "));
    sheet_put(sheet, value);
    sheet_put(sheet, SPAN_LITERAL("\r\n"));
}

static void sheet_put_basic(struct sheet *sheet, const struct url *url)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct userinfo_reader reader = userinfo_reader_of(url);
    int byte = userinfo_next(&reader);

    sheet_put(sheet, SPAN_LITERAL("Authorization: Basic "));
    while (byte >= 0) {
        uint32_t triple = 0;
        unsigned taken = 0;
        char quad[4];

        for (; taken < 3 && byte >= 0; taken++) {
            triple |= (uint32_t)byte << (16 - 8 * taken);
            byte = userinfo_next(&reader);
        }
        for (unsigned i = 0; i < 4; i++)
            quad[i] = i <= taken ? digits[triple >> (18 - 6 * i) & 63] : '=';
        sheet_put(sheet, span_of(quad, sizeof(quad)));
    }
    sheet_put(sheet, SPAN_LITERAL("\r\n"));
}

static void sheet_put_length(struct sheet *sheet, size_t bytes)
{
    char text[48];
    int length = snprintf(text, sizeof(text), "Content-Length: %zu\r\n", bytes);

    sheet_put(sheet, span_of(text, (size_t)length));
}

static void sheet_put_request_line(struct sheet *sheet, const struct request *request)
{
    sheet_put(sheet, span_is_empty(request->method) ? SPAN_LITERAL("GET") : request->method);
    sheet_put(sheet, SPAN_LITERAL(" "));
    sheet->bytes += url_write_target(request->url, sheet_end(sheet), sheet_left(sheet));
    sheet_put(sheet, SPAN_LITERAL(" HTTP/1.1\r\nHost: "));
}

static bool request_find_host(const struct request *request, struct span *ret_value)
{
    struct field_walk walk = field_walk_of(request);
    struct message_field field;

    while (field_walk_next(&walk, &field)) {
        if (span_equals_nocase(field.name, name_host)) {
            *ret_value = field.value;
            return true;
        }
    }
    return false;
}

size_t request_write(const struct request *request, char *out, size_t room)
{
    struct sheet sheet = { .out = out, .room = room };
    struct field_walk walk = field_walk_of(request);
    struct message_field field;
    struct span host;
    bool has_authorization = false;

    sheet_put_request_line(&sheet, request);
    if (request_find_host(request, &host))
        sheet_put(&sheet, host);
    else
        sheet.bytes += url_write_authority(request->url, sheet_end(&sheet), sheet_left(&sheet));
    sheet_put(&sheet, SPAN_LITERAL("\r\n"));

    while (field_walk_next(&walk, &field)) {
        if (span_equals_nocase(field.name, name_host))
            continue;
        has_authorization |= span_equals_nocase(field.name, name_authorization);
        sheet_put_field(&sheet, field.name, field.value);
    }
    if (!has_authorization && request_has_userinfo(request))
        sheet_put_basic(&sheet, request->url);
    if (request->has_body)
        sheet_put_length(&sheet, request->body.bytes);
    if (request->close)
        sheet_put(&sheet, SPAN_LITERAL("Connection: close\r\n"));
    sheet_put(&sheet, SPAN_LITERAL("\r\n"));
    if (request->has_body)
        sheet_put(&sheet, request->body);
    return sheet.bytes;
}

bool request_is_idempotent(struct span method)
{
    static const struct span idempotent[] = {
        SPAN_LITERAL(""),       SPAN_LITERAL("GET"),     SPAN_LITERAL("HEAD"),  SPAN_LITERAL("PUT"),
        SPAN_LITERAL("DELETE"), SPAN_LITERAL("OPTIONS"), SPAN_LITERAL("TRACE"),
    };

    for (size_t i = 0; i < sizeof(idempotent) / sizeof(idempotent[0]); i++)
        if (span_equals(method, idempotent[i]))
            return true;
    return false;
}
