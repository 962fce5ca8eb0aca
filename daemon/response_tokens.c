/*
 * response_tokens.c - what is noted while llhttp walks over heads and chunks.
 *
 * llhttp hands out names and values in pieces, wherever the input is cut. Of a field that means
 * something to us the little we need is kept in struct response; the rest is only counted, unless
 * the client wants the whole head. Then reason and fields go into one buffer, laid out as they
 * will travel (wire_field, name, value), and a field's sizes are filled in when it ends.
 *
 * White space behind a value is not part of it, but can be followed by more of the value in the
 * next piece: value_trimmed remembers where the last other byte was.
 */
#include "response_tokens.h"

#include "list.h"
#include "response_cookies.h"
#include "wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(RESPONSE_CONTENT_TYPE_BYTES_MAX <= UINT8_MAX, "content_type_bytes");

/* The fields that mean something here. */
enum response_field {
    FIELD_OTHER,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_CONNECTION,
    FIELD_LOCATION,
    FIELD_CONTENT_TYPE,
    FIELD_RETRY_AFTER,
    FIELD_CONTENT_ENCODING,
    FIELD_SET_COOKIE, /* only with wants_cookies */
};

struct known_field {
    struct span name;
    enum response_field field;
};

/* By the length of the name: no two are equally long, so it tells the only one it can be. All but
 * Set-Cookie, which is as long as Connection and rarely wanted. */
#define KNOWN_FIELD(name, field) [sizeof(name) - 1] = { SPAN_LITERAL(name), field }
static const struct known_field known_fields[] = {
    KNOWN_FIELD("content-length", FIELD_CONTENT_LENGTH),
    KNOWN_FIELD("transfer-encoding", FIELD_TRANSFER_ENCODING),
    KNOWN_FIELD("connection", FIELD_CONNECTION),
    KNOWN_FIELD("location", FIELD_LOCATION),
    KNOWN_FIELD("content-type", FIELD_CONTENT_TYPE),
    KNOWN_FIELD("retry-after", FIELD_RETRY_AFTER),
    KNOWN_FIELD("content-encoding", FIELD_CONTENT_ENCODING),
};
#define KNOWN_FIELDS (sizeof(known_fields) / sizeof(known_fields[0]))
static_assert(KNOWN_FIELDS <= sizeof(((struct response *)0)->name), "only its front is kept");

/*
 * Callbacks of llhttp. They return 0 to go on, HPE_PAUSED to stop behind the byte just read, or
 * CALLBACK_FAILED with the fault set.
 */
#define CALLBACK_FAILED (-1)

static struct response *response_of(llhttp_t *parser)
{
    return container_of(parser, struct response, parser);
}

static int callback_fail(struct response *response, enum fault_code code, const char *why)
{
    fault_set(&response->fault, code, PHASE_RECEIVE, 0, why);
    return CALLBACK_FAILED;
}

/* Room is bounded by head_bytes_max and fields_max: what is kept was received as a head. */
static int response_keep(struct response *response, const char *data, size_t bytes)
{
    size_t needed = response->kept_bytes + bytes;

    if (needed > response->kept_capacity) {
        size_t capacity = response->kept_capacity ? 2 * (size_t)response->kept_capacity : 256;
        char *head;

        while (capacity < needed)
            capacity *= 2;
        head = realloc(response->head, capacity);
        if (!head)
            return callback_fail(response, FAULT_LOCAL_NO_MEMORY, NULL);
        response->head = head;
        response->kept_capacity = (uint32_t)capacity;
    }
    if (bytes > 0)
        memcpy(response->head + response->kept_bytes, data, bytes);
    response->kept_bytes = (uint32_t)needed;
    return 0;
}

/* Are fields of the head to be kept whole? Those of a trailer never are. */
static bool response_is_keeping(const struct response *response)
{
    return response->wants_head && response->state == RESPONSE_IN_HEAD;
}

static int on_status(llhttp_t *parser, const char *at, size_t bytes)
{
    struct response *response = response_of(parser);
    size_t room = UINT16_MAX - (size_t)response->reason_bytes;

    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)at[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return callback_fail(response, FAULT_HTTP_MALFORMED,
                                 "a control character in the reason phrase");
    }
    if (!response->wants_head)
        return 0;
    if (bytes > room)
        bytes = room;
    response->reason_bytes = (uint16_t)(response->reason_bytes + bytes);
    return response_keep(response, at, bytes);
}

static int on_pause(llhttp_t *parser)
{
    (void)parser; /* the caller of the parser knows what has ended */
    return HPE_PAUSED;
}

static int on_field_name(llhttp_t *parser, const char *at, size_t bytes)
{
    static const struct wire_field placeholder;
    struct response *response = response_of(parser);
    size_t seen = response->name_bytes;

    if (seen < sizeof(response->name)) {
        size_t room = sizeof(response->name) - seen;

        memcpy(response->name + seen, at, bytes < room ? bytes : room);
    }
    response->name_bytes += (uint32_t)bytes;
    if (!response_is_keeping(response))
        return 0;
    if (seen == 0 && response_keep(response, (const char *)&placeholder, sizeof(placeholder)) != 0)
        return CALLBACK_FAILED;
    return response_keep(response, at, bytes);
}

static enum response_field field_of_name(const struct response *response)
{
    struct span name = span_of(response->name, response->name_bytes);
    const struct known_field *known;

    if (name.bytes >= KNOWN_FIELDS)
        return FIELD_OTHER;
    known = &known_fields[name.bytes];
    if (span_equals_nocase(name, known->name))
        return known->field;
    if (response->wants_cookies && span_equals_nocase(name, SPAN_LITERAL("set-cookie")))
        return FIELD_SET_COOKIE;
    return FIELD_OTHER;
}

static bool response_is_in_framing_value(const struct response *response)
{
    return response->field == FIELD_CONTENT_LENGTH || response->field == FIELD_TRANSFER_ENCODING ||
           response->field == FIELD_CONNECTION;
}

/*
 * llhttp looks at its header_state next, to give some values a meaning; 0 is that of a field it
 * knows nothing about. It gets that for every field but our three: Proxy-Connection is none of our
 * business, and a trailer must not frame anything (RFC 9110 section 6.5.1).
 */
static int on_field_name_complete(llhttp_t *parser)
{
    struct response *response = response_of(parser);

    /* Not counted where a name begins: whether we hear of one that turns out to be malformed
     * depends on where the input is cut. */
    if (response->fields_count >= response->limits->fields_max)
        return callback_fail(response, FAULT_HTTP_TOO_BIG, "too many header fields");
    response->fields_count++;
    response->value_bytes = 0;
    response->value_trimmed = 0;
    if (response->state == RESPONSE_IN_HEAD)
        response->field = field_of_name(response);
    if (!response_is_in_framing_value(response))
        parser->header_state = 0;
    if (response->field == FIELD_SET_COOKIE)
        return response_cookies_begin(&response->cookies) < 0
                   ? callback_fail(response, FAULT_LOCAL_NO_MEMORY, NULL)
                   : 0;
    if (response->field == FIELD_TRANSFER_ENCODING) {
        response->is_coded_otherwise = response->is_coded;
        response->is_coded = true;
    }
    return 0;
}

/* The next bytes of the value being read, as far as out has room. */
static void response_copy_value(const struct response *response, struct span piece, char *out,
                                size_t out_bytes)
{
    size_t seen = response->value_bytes;

    if (seen < out_bytes)
        memcpy(out + seen, piece.data,
               piece.bytes < out_bytes - seen ? piece.bytes : out_bytes - seen);
}

static int on_field_value(llhttp_t *parser, const char *at, size_t bytes)
{
    struct response *response = response_of(parser);
    size_t trimmed = bytes;

    if (response->state != RESPONSE_IN_HEAD)
        return 0;
    if (response->field == FIELD_CONTENT_TYPE)
        response_copy_value(response, span_of(at, bytes), response->content_type,
                            sizeof(response->content_type));
    if (response->field == FIELD_RETRY_AFTER)
        response_copy_value(response, span_of(at, bytes), response->retry_after,
                            sizeof(response->retry_after));
    if (response->field == FIELD_SET_COOKIE &&
        response_cookies_add(&response->cookies, span_of(at, bytes)) < 0)
        return callback_fail(response, FAULT_LOCAL_NO_MEMORY, NULL);
    if (response->field == FIELD_CONTENT_ENCODING)
        decode_list_feed(&response->codings, span_of(at, bytes));
    while (trimmed > 0 && (at[trimmed - 1] == ' ' || at[trimmed - 1] == '\t'))
        trimmed--;
    if (trimmed > 0)
        response->value_trimmed = response->value_bytes + (uint32_t)trimmed;
    response->value_bytes += (uint32_t)bytes;
    if (response->wants_head || response->field == FIELD_LOCATION)
        return response_keep(response, at, bytes);
    return 0;
}

static struct span response_kept(const struct response *response, uint32_t at, uint32_t bytes)
{
    return bytes > 0 ? span_of(response->head + at, bytes) : span_of("", 0);
}

/* Two redirects to different places are two messages in one; twice the same is a stutter. */
static int response_end_location(struct response *response, uint32_t value_at)
{
    struct span value = response_kept(response, value_at, response->value_trimmed);

    if (!response->has_location) {
        response->has_location = true;
        response->location_at = value_at;
        response->location_bytes = response->value_trimmed;
        return 0;
    }
    if (!span_equals(value,
                     response_kept(response, response->location_at, response->location_bytes)))
        return callback_fail(response, FAULT_HTTP_MALFORMED, "two different Location fields");
    return 0;
}

static int on_field_value_complete(llhttp_t *parser)
{
    struct response *response = response_of(parser);
    enum response_field field = (enum response_field)response->field;
    uint32_t value_at = response->kept_bytes - response->value_bytes; /* if it is kept */
    struct wire_field sizes = { response->name_bytes, response->value_trimmed };

    response->field = FIELD_OTHER;
    response->name_bytes = 0;
    if (response->state != RESPONSE_IN_HEAD)
        return 0;
    if (response->wants_head) {
        memcpy(response->head + value_at - sizes.name_bytes - sizeof(sizes), &sizes, sizeof(sizes));
        response->kept_count++;
    }
    if (response->wants_head || field == FIELD_LOCATION)
        response->kept_bytes = value_at + response->value_trimmed;
    if (field == FIELD_TRANSFER_ENCODING && response->value_trimmed != strlen("chunked"))
        response->is_coded_otherwise = true; /* if it is as long, llhttp's F_CHUNKED decides */
    if (field == FIELD_CONTENT_TYPE)         /* the last one counts, as with curl */
        response->content_type_bytes =
            (uint8_t)(response->value_trimmed < RESPONSE_CONTENT_TYPE_BYTES_MAX
                          ? response->value_trimmed
                          : RESPONSE_CONTENT_TYPE_BYTES_MAX);
    if (field == FIELD_RETRY_AFTER)
        response->retry_after_bytes =
            (uint8_t)(response->value_trimmed <= RESPONSE_RETRY_AFTER_BYTES_MAX
                          ? response->value_trimmed
                          : 0);
    if (field == FIELD_SET_COOKIE)
        response_cookies_end(response->cookies, sizes.value_bytes);
    if (field == FIELD_CONTENT_ENCODING)
        decode_list_end_value(&response->codings);
    return field == FIELD_LOCATION ? response_end_location(response, value_at) : 0;
}

/* content_length holds the size of the chunk that begins. */
static int on_chunk_header(llhttp_t *parser)
{
    struct response *response = response_of(parser);
    uint64_t body_bytes_max = response->limits->body_bytes_max;

    if (parser->content_length == 0)
        return HPE_PAUSED;
    if (parser->content_length > INT64_MAX)
        return callback_fail(response, FAULT_HTTP_MALFORMED, "a chunk size is not a number");
    if (body_bytes_max > 0 && parser->content_length > body_bytes_max - response->body_bytes)
        return callback_fail(response, FAULT_HTTP_TOO_BIG, "the body is over its limit");
    response->body_left = parser->content_length;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t bytes)
{
    (void)at; /* the run stops behind it */
    response_of(parser)->piece_bytes = bytes;
    return bytes > 0 ? HPE_PAUSED : 0;
}

static const llhttp_settings_t response_callbacks = {
    .on_status = on_status,
    .on_status_complete = on_pause,
    .on_header_field = on_field_name,
    .on_header_field_complete = on_field_name_complete,
    .on_header_value = on_field_value,
    .on_header_value_complete = on_field_value_complete,
    .on_headers_complete = on_pause,
    .on_chunk_header = on_chunk_header,
    .on_body = on_body,
    .on_message_complete = on_pause,
};

llhttp_errno_t response_tokens_run(struct response *response, struct span *in, size_t bytes)
{
    llhttp_errno_t error = llhttp_execute(&response->parser, in->data, bytes);
    size_t taken = bytes;

    if (error == HPE_PAUSED) {
        taken = (size_t)(llhttp_get_error_pos(&response->parser) - in->data);
        llhttp_resume(&response->parser);
    }
    assert(taken <= bytes);
    span_advance(in, taken);
    return error;
}

/* Stops at tabs, and shows the parser a space in place of one in a framing value. */
llhttp_errno_t response_tokens_run_head(struct response *response, struct span *in, size_t bytes)
{
    const char *tab = memchr(in->data, '\t', bytes);
    struct span space = SPAN_LITERAL(" ");

    if (tab == in->data && response_is_in_framing_value(response)) {
        span_advance(in, 1);
        return response_tokens_run(response, &space, 1);
    }
    if (tab)
        bytes = tab == in->data ? 1 : (size_t)(tab - in->data);
    return response_tokens_run(response, in, bytes);
}

void response_tokens_begin(struct response *response)
{
    llhttp_init(&response->parser, HTTP_RESPONSE, &response_callbacks);
    response->head_began = false;
    response->has_status_line = false;
    response->has_location = false;
    response->is_coded = false;
    response->is_coded_otherwise = false;
    response->content_type_bytes = 0;
    response->retry_after_bytes = 0;
    response->codings = (struct decode_list){ 0 };
    response->kept_count = 0;
    response->reason_bytes = 0;
    response->kept_bytes = 0;
    if (response->cookies)
        response->cookies->bytes = 0;
}

/* While a head is being read its pieces are not fit to be seen. */
static bool response_has_head(const struct response *response)
{
    return response->status != 0;
}

struct span response_content_type(const struct response *response)
{
    return span_of(response->content_type,
                   response_has_head(response) ? response->content_type_bytes : 0);
}

struct span response_retry_after(const struct response *response)
{
    return span_of(response->retry_after,
                   response_has_head(response) ? response->retry_after_bytes : 0);
}

struct decode_list response_codings(const struct response *response)
{
    return response_has_head(response) ? response->codings : (struct decode_list){ 0 };
}

struct span response_location(const struct response *response)
{
    if (!response_has_head(response) || !response->has_location)
        return (struct span){ 0 };
    return response_kept(response, response->location_at, response->location_bytes);
}

struct span response_cookies(const struct response *response)
{
    if (!response_has_head(response) || !response->cookies)
        return span_of("", 0);
    return span_of(response->cookies->data, response->cookies->bytes);
}

struct span response_reason(const struct response *response)
{
    return response_kept(response, 0, response_has_head(response) ? response->reason_bytes : 0);
}

struct span response_fields(const struct response *response, uint16_t *ret_count)
{
    *ret_count = 0;
    if (!response->wants_head || !response_has_head(response))
        return span_of("", 0);
    *ret_count = response->kept_count;
    return response_kept(response, response->reason_bytes,
                         response->kept_bytes - response->reason_bytes);
}
