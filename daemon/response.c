/*
 * response.c - reads one response, from the first status line to the last byte of the body.
 *
 *              1xx
 *             +---+
 *             v   |     Content-Length
 *   start --> HEAD ---------------------> LENGTH -----------------+
 *              |                                                  v
 *              +---- chunked --> CHUNKS --> TRAILERS ----------> ENDED
 *              |                                                  ^
 *              +---- neither ---------> REST --- end of file -----+
 *              +---- no body (HEAD, 204, 304, length 0) ----------+
 *
 *   and from each of them but ENDED to BROKEN.
 *
 * llhttp runs over heads and chunks only, in strict mode. It is stopped (its callbacks return
 * HPE_PAUSED) where a decision is ours: after the status line, after a head, after each piece of a
 * chunk, after the last chunk, after the trailers. So what follows a message stays in *in, an
 * interim response with "Connection: close" does not shut the parser, and what llhttp would do
 * after a head (read until the end of the connection, upgrade) never happens.
 *
 * Every limit in bytes is kept by handing the parser no more than the limit leaves. Hence the same
 * byte breaks the limit, however the input is cut, and never after an error that lies beyond it.
 *
 * Where llhttp 9.2 is more lenient than RFC 9112 or we are stricter, we look ourselves: line breaks
 * before a status line, control characters in a reason phrase, CR CR at the end of a status line,
 * more than 16 digits of a chunk size. Where it is too strict (a tab beside a framing value) the
 * tab is handed over as a space, which is the same white space (RFC 9110 section 5.6.3).
 *
 * Rejected: one run over head and body, its callbacks queued as verdicts. It saves a re-entry of a
 * few nanoseconds, and the body of a known length needs no parser at all.
 */
#include "response.h"

#include "response_tokens.h"

#include <assert.h>
#include <stdlib.h>

#define STATUS_MIN 100
#define STATUS_MAX 599
#define CHUNK_DIGITS_MAX 16
#define CHUNK_DIGITS_DONE UINT8_MAX /* the size has been read, or has no digit */
#define CHUNK_OVERHEAD_BYTES (64u << 10)
#define CHUNK_OVERHEAD_PER_BYTE 16u
#define BIT(state) (1u << (state))

static_assert(sizeof(struct response) <= 576, "one per exchange");

static const uint8_t response_next[RESPONSE_STATE_COUNT] = {
    [RESPONSE_IN_HEAD] = BIT(RESPONSE_IN_LENGTH) | BIT(RESPONSE_IN_CHUNKS) | BIT(RESPONSE_IN_REST) |
                         BIT(RESPONSE_ENDED) | BIT(RESPONSE_BROKEN),
    [RESPONSE_IN_LENGTH] = BIT(RESPONSE_ENDED) | BIT(RESPONSE_BROKEN),
    [RESPONSE_IN_CHUNKS] = BIT(RESPONSE_IN_TRAILERS) | BIT(RESPONSE_BROKEN),
    [RESPONSE_IN_TRAILERS] = BIT(RESPONSE_ENDED) | BIT(RESPONSE_BROKEN),
    [RESPONSE_IN_REST] = BIT(RESPONSE_ENDED) | BIT(RESPONSE_BROKEN),
    [RESPONSE_ENDED] = 0,
    [RESPONSE_BROKEN] = 0,
};
static_assert(RESPONSE_STATE_COUNT <= 8, "response_next holds a byte of states");

static void response_enter(struct response *response, enum response_state next)
{
    assert(response_next[response->state] & BIT(next));
    response->state = (uint8_t)next;
}

static enum response_verdict response_fail(struct response *response, enum fault_code code,
                                           enum phase phase, const char *why)
{
    fault_set(&response->fault, code, phase, 0, why);
    response->keep_alive = false;
    response_enter(response, RESPONSE_BROKEN);
    return RESPONSE_BAD;
}

static enum response_verdict response_fail_malformed(struct response *response, const char *why)
{
    return response_fail(response, FAULT_HTTP_MALFORMED, PHASE_RECEIVE, why);
}

static enum response_verdict response_fail_too_big(struct response *response, const char *why)
{
    return response_fail(response, FAULT_HTTP_TOO_BIG, PHASE_RECEIVE, why);
}

/* Why llhttp gave up, or one of the callbacks below did: then the fault is set already. */
static enum response_verdict response_fail_parse(struct response *response, llhttp_errno_t error)
{
    const char *why = "a header field is malformed";

    if (response->state == RESPONSE_IN_CHUNKS)
        why = "the chunked framing is malformed";
    else if (response->state == RESPONSE_IN_TRAILERS)
        why = "a trailer field is malformed";
    else if (!response->has_status_line)
        why = "the status line is malformed";
    else if (error == HPE_UNEXPECTED_CONTENT_LENGTH)
        why = "Content-Length is given twice";
    else if (error == HPE_INVALID_TRANSFER_ENCODING ||
             (error == HPE_INVALID_CONTENT_LENGTH && response->is_coded))
        why = "both Transfer-Encoding and Content-Length are given";
    else if (error == HPE_INVALID_CONTENT_LENGTH)
        why = "Content-Length is not a number";

    return response_fail_malformed(response, why);
}

static bool response_end_status_line(struct response *response, char last)
{
    const llhttp_t *parser = &response->parser;

    if (last != '\n' || parser->http_major != 1 || parser->http_minor > 1) {
        (void)response_fail_parse(response, HPE_INVALID_VERSION); /* always BAD */
        return false;
    }
    if (parser->status_code < STATUS_MIN || parser->status_code > STATUS_MAX) {
        (void)response_fail_malformed(response, "the status is not between 100 and 599");
        return false;
    }
    if (parser->status_code == HTTP_STATUS_SWITCHING_PROTOCOLS) {
        (void)response_fail_malformed(response, "switches to a protocol we did not ask for");
        return false;
    }
    response->has_status_line = true;
    return true;
}

static bool response_end_interim(struct response *response)
{
    response->interim_count++;
    if (response->interim_count > response->limits->interim_max) {
        (void)response_fail_too_big(response, "too many interim responses");
        return false;
    }
    if (response->parser.flags & F_CONNECTION_CLOSE)
        response->closes = true;
    response->continues |= response->parser.status_code == HTTP_STATUS_CONTINUE;
    response_tokens_begin(response);
    return true;
}

/* RFC 9112 section 9.3; only when it is said, on HTTP/1.0. */
static bool response_is_persistent(const struct response *response)
{
    uint16_t flags = response->parser.flags;

    if (response->closes || (flags & F_CONNECTION_CLOSE))
        return false;
    return response->version_minor > 0 || (flags & F_CONNECTION_KEEP_ALIVE);
}

/* RFC 9112 section 6.3, in its order, without its guesses. */
static bool response_begin_body(struct response *response)
{
    const llhttp_t *parser = &response->parser;
    const struct response_limits *limits = response->limits;
    bool has_length = parser->flags & F_CONTENT_LENGTH;
    bool is_chunked = (parser->flags & F_CHUNKED) && !response->is_coded_otherwise;

    if (response->is_coded && has_length) {
        (void)response_fail_parse(response, HPE_INVALID_TRANSFER_ENCODING);
        return false;
    }
    if (response->is_coded && response->version_minor == 0) {
        (void)response_fail_malformed(response, "Transfer-Encoding in an HTTP/1.0 response");
        return false;
    }
    if (has_length && parser->content_length > INT64_MAX) {
        (void)response_fail_malformed(response, "Content-Length is not a number");
        return false;
    }
    if (has_length)
        response->content_bytes = parser->content_length;

    if (response->is_head_request || response->status == HTTP_STATUS_NOT_MODIFIED) {
        response_enter(response, RESPONSE_ENDED);
    } else if (response->status == HTTP_STATUS_NO_CONTENT) {
        if (response->is_coded || parser->content_length > 0)
            response->keep_alive = false; /* it may be followed by what it announces */
        response_enter(response, RESPONSE_ENDED);
    } else if (response->is_coded && !is_chunked) {
        (void)response_fail(response, FAULT_HTTP_ENCODING, PHASE_RECEIVE,
                            "Transfer-Encoding is not chunked alone");
        return false;
    } else if (is_chunked) {
        response_enter(response, RESPONSE_IN_CHUNKS);
    } else if (!has_length) {
        response->keep_alive = false;
        response_enter(response, RESPONSE_IN_REST);
    } else if (limits->body_bytes_max > 0 && response->content_bytes > limits->body_bytes_max) {
        (void)response_fail_too_big(response, "the body is over its limit");
        return false;
    } else {
        response->body_left = response->content_bytes;
        response_enter(response, response->body_left ? RESPONSE_IN_LENGTH : RESPONSE_ENDED);
    }
    return true;
}

static bool response_end_head(struct response *response)
{
    response->status = response->parser.status_code;
    response->version_major = response->parser.http_major;
    response->version_minor = response->parser.http_minor;
    response->keep_alive = response_is_persistent(response);
    return response_begin_body(response);
}

static enum response_verdict response_feed_head(struct response *response, struct span *in)
{
    while (in->bytes > 0) {
        size_t before = in->bytes;
        size_t room = response->limits->head_bytes_max - (size_t)response->section_bytes;
        llhttp_errno_t error;

        if (room == 0)
            return response_fail_too_big(response, "the header is over its limit");
        if (!response->head_began && in->data[0] != 'H') /* llhttp skips line breaks here */
            return response_fail_parse(response, HPE_INVALID_CONSTANT);
        response->head_began = true;

        error = response_tokens_run_head(response, in, before < room ? before : room);
        response->section_bytes += (uint32_t)(before - in->bytes);
        if (error == HPE_OK)
            continue;
        if (error != HPE_PAUSED)
            return response_fail_parse(response, error);
        if (!response->has_status_line) {
            if (!response_end_status_line(response, in->data[-1]))
                return RESPONSE_BAD;
        } else if (response->parser.status_code >= HTTP_STATUS_OK) {
            return response_end_head(response) ? RESPONSE_HEAD : RESPONSE_BAD;
        } else if (!response_end_interim(response)) {
            return RESPONSE_BAD;
        }
    }
    return RESPONSE_NEED_MORE;
}

static enum response_verdict response_feed_length(struct response *response, struct span *in,
                                                  struct span *ret_body)
{
    size_t bytes = in->bytes < response->body_left ? in->bytes : (size_t)response->body_left;

    if (bytes == 0)
        return RESPONSE_NEED_MORE;
    *ret_body = span_of(in->data, bytes);
    span_advance(in, bytes);
    response->body_bytes += bytes;
    response->body_left -= bytes;
    if (response->body_left == 0)
        response_enter(response, RESPONSE_ENDED);
    return RESPONSE_BODY;
}

static enum response_verdict response_feed_rest(struct response *response, struct span *in,
                                                struct span *ret_body)
{
    uint64_t body_bytes_max = response->limits->body_bytes_max;
    size_t bytes = in->bytes;

    if (bytes == 0)
        return RESPONSE_NEED_MORE;
    if (body_bytes_max > 0 && bytes > body_bytes_max - response->body_bytes)
        bytes = (size_t)(body_bytes_max - response->body_bytes);
    if (bytes == 0)
        return response_fail_too_big(response, "the body is over its limit");
    *ret_body = span_of(in->data, bytes);
    span_advance(in, bytes);
    response->body_bytes += bytes;
    return RESPONSE_BODY;
}

/* Counts the digits of the chunk size that begins in piece. llhttp bounds its value only, and one
 * written with any number of zeros is a way to make two parsers disagree. */
static bool response_check_chunk_digits(struct response *response, struct span piece)
{
    for (size_t i = 0; i < piece.bytes && response->chunk_digits != CHUNK_DIGITS_DONE; i++) {
        char c = piece.data[i];
        bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        bool is_break_before = (c == '\r' || c == '\n') && response->chunk_digits == 0;

        if (is_hex && response->chunk_digits == CHUNK_DIGITS_MAX)
            return false;
        if (is_hex)
            response->chunk_digits++;
        else if (!is_break_before)
            response->chunk_digits = CHUNK_DIGITS_DONE;
    }
    return true;
}

static enum response_verdict response_feed_trailers(struct response *response, struct span *in)
{
    while (in->bytes > 0) {
        size_t before = in->bytes;
        size_t room = response->limits->trailer_bytes_max - (size_t)response->section_bytes;
        llhttp_errno_t error;

        if (room == 0)
            return response_fail_too_big(response, "the trailers are over their limit");
        error = response_tokens_run(response, in, before < room ? before : room);
        response->section_bytes += (uint32_t)(before - in->bytes);
        if (error == HPE_PAUSED) {
            response_enter(response, RESPONSE_ENDED);
            return RESPONSE_COMPLETE;
        }
        if (error != HPE_OK)
            return response_fail_parse(response, error);
    }
    return RESPONSE_NEED_MORE;
}

/* One run brings at most one size line and one piece of a chunk. */
static enum response_verdict response_feed_chunks(struct response *response, struct span *in,
                                                  struct span *ret_body)
{
    while (in->bytes > 0) {
        uint64_t overhead_max =
            CHUNK_OVERHEAD_BYTES + CHUNK_OVERHEAD_PER_BYTE * response->body_bytes;
        uint64_t room = overhead_max - response->overhead_bytes + response->body_left;
        struct span run = { in->data, in->bytes < room ? in->bytes : (size_t)room };
        llhttp_errno_t error;

        if (room == 0)
            return response_fail_too_big(response, "the chunked framing outweighs the body");
        if (response->body_left == 0 && !response_check_chunk_digits(response, run))
            return response_fail_parse(response, HPE_INVALID_CHUNK_SIZE);
        response->piece_bytes = 0;
        error = response_tokens_run(response, in, run.bytes);
        if (error != HPE_OK && error != HPE_PAUSED)
            return response_fail_parse(response, error);
        response->overhead_bytes += (size_t)(in->data - run.data) - response->piece_bytes;

        if (response->piece_bytes > 0) {
            *ret_body = span_of(in->data - response->piece_bytes, response->piece_bytes);
            response->body_bytes += response->piece_bytes;
            response->body_left -= response->piece_bytes;
            if (response->body_left == 0)
                response->chunk_digits = 0;
            return RESPONSE_BODY;
        }
        if (error == HPE_PAUSED) {
            response_enter(response, RESPONSE_IN_TRAILERS);
            response->section_bytes = 0;
            return response_feed_trailers(response, in);
        }
    }
    return RESPONSE_NEED_MORE;
}

void response_init(struct response *response, const struct response_limits *limits,
                   bool is_head_request, bool wants_head)
{
    assert(limits->fields_max <= UINT16_MAX);         /* kept_count */
    assert(limits->head_bytes_max <= UINT32_MAX / 4); /* kept_capacity */
    *response = (struct response){
        .limits = limits,
        .is_head_request = is_head_request,
        .wants_head = wants_head,
        .content_bytes = UINT64_MAX,
    };
    response_tokens_begin(response);
}

void response_deinit(struct response *response)
{
    free(response->head);
    free(response->cookies);
    response->head = NULL;
    response->cookies = NULL;
    response->kept_bytes = 0;
    response->kept_capacity = 0;
    response->has_location = false;
}

static enum response_verdict response_feed_state(struct response *response, struct span *in,
                                                 struct span *ret_body)
{
    switch ((enum response_state)response->state) {
    case RESPONSE_IN_HEAD:
        return response_feed_head(response, in);
    case RESPONSE_IN_LENGTH:
        return response_feed_length(response, in, ret_body);
    case RESPONSE_IN_CHUNKS:
        return response_feed_chunks(response, in, ret_body);
    case RESPONSE_IN_TRAILERS:
        return response_feed_trailers(response, in);
    case RESPONSE_IN_REST:
        return response_feed_rest(response, in, ret_body);
    case RESPONSE_ENDED:
        return RESPONSE_COMPLETE;
    case RESPONSE_BROKEN:
    case RESPONSE_STATE_COUNT:
        break;
    }
    return RESPONSE_BAD;
}

enum response_verdict response_feed(struct response *response, struct span *in,
                                    struct span *ret_body)
{
    enum response_verdict verdict;

    if (in->bytes > 0)
        response->any_byte = true;
    verdict = response_feed_state(response, in, ret_body);
    if (verdict == RESPONSE_COMPLETE && in->bytes > 0)
        response->keep_alive = false;
    return verdict;
}

enum response_verdict response_finish(struct response *response)
{
    response->keep_alive = false;
    switch ((enum response_state)response->state) {
    case RESPONSE_IN_HEAD:
        if (!response->head_began) /* an interim response is no answer yet */
            return response_fail(response, FAULT_HTTP_EMPTY, PHASE_WAIT, NULL);
        return response_fail(response, FAULT_HTTP_PARTIAL, PHASE_RECEIVE,
                             "the connection ended inside the header");
    case RESPONSE_IN_LENGTH:
    case RESPONSE_IN_CHUNKS:
    case RESPONSE_IN_TRAILERS:
        return response_fail(response, FAULT_HTTP_PARTIAL, PHASE_RECEIVE,
                             "the connection ended inside the body");
    case RESPONSE_IN_REST:
        response_enter(response, RESPONSE_ENDED);
        return RESPONSE_COMPLETE;
    case RESPONSE_ENDED:
        return RESPONSE_COMPLETE;
    case RESPONSE_BROKEN:
    case RESPONSE_STATE_COUNT:
        break;
    }
    return RESPONSE_BAD;
}

bool response_has_begun(const struct response *response)
{
    return response->head_began || response->status != 0;
}

bool response_ends_with_connection(const struct response *response)
{
    return response->state == RESPONSE_IN_REST;
}

void response_check(const struct response *response)
{
    const struct response_limits *limits = response->limits;

    assert(response->state < RESPONSE_STATE_COUNT);
    assert((response->state == RESPONSE_BROKEN) == fault_is_set(&response->fault));
    assert(response->state != RESPONSE_BROKEN || !response->keep_alive);
    assert(response->state != RESPONSE_IN_REST || !response->keep_alive);
    assert(response->state != RESPONSE_IN_LENGTH || response->body_left > 0);
    assert(response->state != RESPONSE_IN_HEAD ||
           response->section_bytes <= limits->head_bytes_max);
    assert(response->state != RESPONSE_IN_TRAILERS ||
           response->section_bytes <= limits->trailer_bytes_max);
    assert(response->fields_count <= limits->fields_max);
    assert(limits->body_bytes_max == 0 || response->body_bytes <= limits->body_bytes_max);
    decode_list_check(&response->codings);
    assert(response->kept_bytes <= response->kept_capacity);
    assert(!response->has_location ||
           response->location_at + response->location_bytes <= response->kept_bytes);
    assert(response->any_byte || response->state == RESPONSE_IN_HEAD ||
           response->state == RESPONSE_BROKEN);
}
