/*
 * request.c - writes a request that cannot be taken for another one, or says why it will not.
 *
 * The order of the head is fixed: request line, Host, a proxy's fields, the profile's fields, the
 * item's fields, Cookie, Authorization from the URL, what frames the body, Expect, Connection. What
 * is sent besides the given fields is only what frames the message; User-Agent and Accept are the
 * client's, in its profile.
 *
 * A field of the profile is left out when the item has one of the same name, so that a client
 * overrides a default by naming it. What is wrong in a profile is wrong all the same. Without
 * fields of the item nothing is merged: request_defaults has the answer.
 *
 * request_check and request_write walk the same list in the same way; the check is the only place
 * that refuses, and the writer asserts nothing that the check has not seen.
 */
#include "request.h"

#include "basic.h"
#include "fields.h"
#include "message.h"

#include <inttypes.h>
#include <stdio.h>

/* The fields to send, profile first: a cursor that leaves out what the item replaces, and what a
 * redirect leaves behind. */
struct field_walk {
    const struct request *request;
    struct span profile_fields;
    struct span fields;
};

static struct field_walk field_walk_of(const struct request *request)
{
    return (struct field_walk){
        .request = request,
        .profile_fields = request->defaults->fields,
        .fields = request->fields,
    };
}

static bool is_one_of(struct span name, const struct span *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equals_nocase(name, names[i]))
            return true;
    return false;
}

/* Secrets are for the origin they were given for, and so is the name it is called by. */
static bool request_leaves_behind(const struct request *request, struct span name)
{
    static const struct span of_the_origin[] = { FIELDS_AUTHORIZATION, FIELDS_COOKIE,
                                                 SPAN_LITERAL("cookie2"), FIELDS_HOST };
    static const struct span of_the_body[] = {
        SPAN_LITERAL("content-type"),     SPAN_LITERAL("content-encoding"),
        SPAN_LITERAL("content-language"), SPAN_LITERAL("content-location"),
        SPAN_LITERAL("content-range"),    SPAN_LITERAL("content-md5"),
        SPAN_LITERAL("digest"),           SPAN_LITERAL("content-digest"),
        SPAN_LITERAL("repr-digest"),      SPAN_LITERAL("last-modified"),
    };

    return (request->is_led_away &&
            is_one_of(name, of_the_origin, sizeof(of_the_origin) / sizeof(of_the_origin[0]))) ||
           (request->has_lost_body &&
            is_one_of(name, of_the_body, sizeof(of_the_body) / sizeof(of_the_body[0])));
}

static bool field_walk_next(struct field_walk *walk, struct message_field *ret_field)
{
    while (message_next_field(&walk->profile_fields, ret_field))
        if (!fields_have(walk->request->fields, ret_field->name) &&
            !request_leaves_behind(walk->request, ret_field->name))
            return true;
    while (message_next_field(&walk->fields, ret_field))
        if (!request_leaves_behind(walk->request, ret_field->name))
            return true;
    return false;
}

/* Checks. Each returns NULL or why not. */

static const char *check_method(const struct request *request)
{
    struct span method = request->method;

    if (span_is_empty(method))
        return NULL;
    if (!fields_text_is_token(method))
        return "the method is not a token";
    if (span_equals_nocase(method, SPAN_LITERAL("CONNECT")))
        return "CONNECT is for proxies";
    if (span_equals_nocase(method, SPAN_LITERAL("TRACE")) && request->has_body)
        return "TRACE must not have a body";
    return NULL;
}

/* The fields of the profile that the item's leave, and these. */
static const char *check_sizes(const struct request *request)
{
    struct field_walk walk = field_walk_of(request);
    struct fields_total total = { 0 };
    struct message_field field;
    /* By themselves first: the walk goes over them once for each field of the profile. */
    const char *why = fields_check_sizes(request->fields);

    while (!why && field_walk_next(&walk, &field))
        why = fields_add(&total, &field);
    return why;
}

enum fault_code request_check(const struct request *request, const char **ret_why)
{
    const struct request_defaults *defaults = request->defaults;
    const char *why;

    if (defaults->code != FAULT_NONE) {
        *ret_why = defaults->why;
        return defaults->code;
    }
    if (!span_is_empty(request->fields) && (why = check_sizes(request))) {
        *ret_why = why;
        return FAULT_INPUT_TOO_BIG;
    }
    why = check_method(request);
    if (!why && fields_text_has_control(request->url->target, false))
        why = "a control character in the path";
    if (!why)
        why = fields_check(request->fields);
    if (!why)
        why = basic_check(request->url);
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
    sheet_put(sheet, SPAN_LITERAL("Authorization: "));
    sheet->bytes += basic_write(url, sheet_end(sheet), sheet_left(sheet));
    sheet_put(sheet, SPAN_LITERAL("\r\n"));
}

/* RFC 9112 section 6, RFC 9110 section 10.1.1. */
static void sheet_put_framing(struct sheet *sheet, const struct request *request)
{
    char text[48];
    int length;

    if (request->body_bytes == REQUEST_BYTES_UNKNOWN) {
        sheet_put(sheet, SPAN_LITERAL("Transfer-Encoding: chunked\r\n"));
    } else {
        length =
            snprintf(text, sizeof(text), "Content-Length: %" PRIu64 "\r\n", request->body_bytes);
        sheet_put(sheet, span_of(text, (size_t)length));
    }
    if (request->expects)
        sheet_put(sheet, SPAN_LITERAL("Expect: 100-continue\r\n"));
}

static void sheet_put_request_line(struct sheet *sheet, const struct request *request)
{
    sheet_put(sheet, span_is_empty(request->method) ? SPAN_LITERAL("GET") : request->method);
    sheet_put(sheet, SPAN_LITERAL(" "));
    if (request->to_proxy) {
        sheet_put(sheet, SPAN_LITERAL("http://"));
        sheet->bytes += url_write_authority(request->url, sheet_end(sheet), sheet_left(sheet));
    }
    sheet->bytes += url_write_target(request->url, sheet_end(sheet), sheet_left(sheet));
    sheet_put(sheet, SPAN_LITERAL(" HTTP/1.1\r\n"));
}

/* The value of Host that the client gives, or data NULL. */
static struct span request_find_host(const struct request *request)
{
    struct span fields = request->fields;
    struct message_field field;

    if (request->is_led_away)
        return (struct span){ 0 };
    while (message_next_field(&fields, &field))
        if (span_equals_nocase(field.name, FIELDS_HOST))
            return field.value;
    return request->defaults->host;
}

static void sheet_put_host(struct sheet *sheet, const struct request *request)
{
    struct span host = request_find_host(request);

    sheet_put(sheet, SPAN_LITERAL("Host: "));
    if (host.data)
        sheet_put(sheet, host);
    else
        sheet->bytes += url_write_authority(request->url, sheet_end(sheet), sheet_left(sheet));
    sheet_put(sheet, SPAN_LITERAL("\r\n"));
}

/* A request has one Cookie field (RFC 6265 section 5.4); the client's own pairs come last. */
static void sheet_put_cookie(struct sheet *sheet, struct span name, struct span cookie,
                             struct span own)
{
    sheet_put(sheet, name);
    sheet_put(sheet, SPAN_LITERAL(": "));
    sheet_put(sheet, cookie);
    if (!span_is_empty(own))
        sheet_put(sheet, SPAN_LITERAL("; "));
    sheet_put(sheet, own);
    sheet_put(sheet, SPAN_LITERAL("\r\n"));
}

/* All but Host; says whether Authorization was one of them. */
static bool sheet_put_fields(struct sheet *sheet, const struct request *request)
{
    const struct request_defaults *defaults = request->defaults;
    struct field_walk walk = field_walk_of(request);
    struct span cookie = request->cookie;
    struct message_field field;
    bool has_authorization = false;

    if (span_is_empty(request->fields) && !request->is_led_away && !request->has_lost_body &&
        span_is_empty(cookie)) {
        sheet_put(sheet, span_of(defaults->text, defaults->text_bytes));
        return defaults->has_authorization;
    }
    while (field_walk_next(&walk, &field)) {
        if (span_equals_nocase(field.name, FIELDS_HOST))
            continue;
        has_authorization |= span_equals_nocase(field.name, FIELDS_AUTHORIZATION);
        if (!span_is_empty(cookie) && span_equals_nocase(field.name, FIELDS_COOKIE)) {
            sheet_put_cookie(sheet, field.name, cookie, field.value);
            cookie = span_of("", 0);
            continue;
        }
        sheet_put_field(sheet, field.name, field.value);
    }
    if (!span_is_empty(cookie))
        sheet_put_cookie(sheet, SPAN_LITERAL("Cookie"), cookie, span_of("", 0));
    return has_authorization;
}

size_t request_write(const struct request *request, char *out, size_t room)
{
    struct sheet sheet = { .out = out, .room = room };

    sheet_put_request_line(&sheet, request);
    sheet_put_host(&sheet, request);
    if (request->to_proxy)
        sheet_put(&sheet, request->proxy_fields);
    if (!sheet_put_fields(&sheet, request) && basic_is_given(request->url))
        sheet_put_basic(&sheet, request->url);
    if (request->has_body)
        sheet_put_framing(&sheet, request);
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
