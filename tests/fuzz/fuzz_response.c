/*
 * A response must mean the same however its bytes are cut.
 *
 * The first byte holds options (bits below), the second seeds the cuts; the rest is what the server
 * sends before it closes. It is read whole, cut by the seed, and byte by byte; all that a client of
 * response.h can see must be equal. What was read is then held against rules of its own: limits,
 * lengths, a chunked body decoded again by the shortest possible code, no line break in a field.
 */
#include "response.h"

#include "message.h"

#include <assert.h>
#include <stdlib.h>

#define OPTION_HEAD 0x01
#define OPTION_FIELDS 0x02
#define OPTION_SMALL_LIMITS 0x04
#define OPTION_BODY_LIMIT 0x08
#define OPTION_STAYS_OPEN 0x10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct response response;
    enum response_verdict verdict;
    unsigned heads_count;
    bool by_close;
    size_t surplus;
    char *body; /* of input size */
    size_t body_bytes;
};

static const struct response_limits wide_limits = { 256 << 10, 1000, 16, 16 << 10, 0 };
static const struct response_limits body_limits = { 256 << 10, 1000, 16, 16 << 10, 10 };
static const struct response_limits small_limits = { 100, 5, 2, 30, 0 };
static const struct response_limits tiny_limits = { 100, 5, 2, 30, 10 };

static const struct response_limits *limits_of(uint8_t options)
{
    if (options & OPTION_SMALL_LIMITS)
        return options & OPTION_BODY_LIMIT ? &tiny_limits : &small_limits;
    return options & OPTION_BODY_LIMIT ? &body_limits : &wide_limits;
}

static void feed_piece(struct outcome *outcome, struct span *in)
{
    struct span body = { NULL, 0 };

    do {
        struct span before = *in;

        outcome->verdict = response_feed(&outcome->response, in, &body);
        response_check(&outcome->response);
        assert(in->data >= before.data && in->data + in->bytes == before.data + before.bytes);
        if (outcome->verdict == RESPONSE_HEAD)
            outcome->heads_count++;
        if (outcome->verdict == RESPONSE_BODY) {
            assert(outcome->heads_count == 1 && body.bytes > 0);
            assert(body.data >= before.data && body.data + body.bytes <= in->data);
            memcpy(outcome->body + outcome->body_bytes, body.data, body.bytes);
            outcome->body_bytes += body.bytes;
        }
        assert(outcome->verdict != RESPONSE_NEED_MORE || in->bytes == 0);
    } while (outcome->verdict == RESPONSE_HEAD || outcome->verdict == RESPONSE_BODY);
}

/* piece_seed 0: whole; 1: byte by byte; else cut by it. */
static void read_input(struct outcome *outcome, struct span input, uint8_t options,
                       uint32_t piece_seed)
{
    *outcome = (struct outcome){ .verdict = RESPONSE_NEED_MORE, .body = malloc(input.bytes + 1) };
    assert(outcome->body);
    response_init(&outcome->response, limits_of(options), options & OPTION_HEAD,
                  options & OPTION_FIELDS);
    while (input.bytes > 0) {
        size_t bytes = piece_seed == 0 ? input.bytes : 1;
        struct span in;
        char *copy;

        if (piece_seed > 1) {
            piece_seed = piece_seed * 1664525u + 1013904223u;
            bytes = (piece_seed >> 16) % ((piece_seed >> 30) ? 8 : 200);
        }
        if (bytes > input.bytes)
            bytes = input.bytes;
        copy = malloc(bytes + !bytes); /* by itself, for the sanitizer */
        assert(copy);
        memcpy(copy, input.data, bytes);
        span_advance(&input, bytes);
        in = span_of(copy, bytes);
        if (outcome->verdict == RESPONSE_NEED_MORE)
            feed_piece(outcome, &in);
        outcome->surplus += in.bytes;
        free(copy);
    }
    if (outcome->verdict == RESPONSE_NEED_MORE && !(options & OPTION_STAYS_OPEN)) {
        outcome->verdict = response_finish(&outcome->response);
        outcome->by_close = outcome->verdict == RESPONSE_COMPLETE;
        response_check(&outcome->response);
    }
}

static void outcome_deinit(struct outcome *outcome)
{
    response_deinit(&outcome->response);
    free(outcome->body);
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    const struct response *x = &a->response, *y = &b->response;
    uint16_t x_count, y_count;

    assert(a->verdict == b->verdict);
    assert(a->heads_count == b->heads_count);
    assert(a->by_close == b->by_close);
    assert(span_equals(span_of(a->body, a->body_bytes), span_of(b->body, b->body_bytes)));
    assert(x->fault.code == y->fault.code && x->fault.phase == y->fault.phase);
    assert(x->fault.why == y->fault.why);
    assert(x->status == y->status && x->version_minor == y->version_minor);
    assert(x->content_bytes == y->content_bytes && x->body_bytes == y->body_bytes);
    assert(x->any_byte == y->any_byte);
    if (a->verdict == RESPONSE_COMPLETE) {
        assert(a->surplus == b->surplus);
        assert((x->keep_alive && !a->surplus) == (y->keep_alive && !b->surplus));
    }
    assert(span_equals(response_content_type(x), response_content_type(y)));
    assert(span_equals(response_reason(x), response_reason(y)));
    assert(span_equals(response_fields(x, &x_count), response_fields(y, &y_count)));
    assert(x_count == y_count);
}

static bool has_line_break(struct span text)
{
    return memchr(text.data, '\r', text.bytes) || memchr(text.data, '\n', text.bytes) ||
           memchr(text.data, '\0', text.bytes);
}

static void check_fields(const struct outcome *outcome)
{
    struct message_field field;
    uint16_t count;
    struct span list = response_fields(&outcome->response, &count);

    for (; message_next_field(&list, &field); count--) {
        assert(field.name.bytes > 0 && !has_line_break(field.name));
        assert(!memchr(field.name.data, ':', field.name.bytes));
        assert(field.value.bytes == 0 || !has_line_break(field.value));
    }
    assert(count == 0 && list.bytes == 0);
}

/* Decodes chunks that were accepted, and compares. */
static void check_chunks(const struct outcome *outcome, const char *at, const char *end)
{
    size_t body_bytes = 0;
    unsigned long chunk_bytes;

    while ((chunk_bytes = strtoul(at, NULL, 16)) > 0) {
        at = memchr(at, '\n', (size_t)(end - at));
        assert(at && chunk_bytes <= (size_t)(end - at) - 1);
        assert(body_bytes + chunk_bytes <= outcome->body_bytes);
        assert(memcmp(outcome->body + body_bytes, at + 1, chunk_bytes) == 0);
        body_bytes += chunk_bytes;
        at += 1 + chunk_bytes;
        assert(at[0] == '\r' && at[1] == '\n');
        at += 2;
    }
    assert(body_bytes == outcome->body_bytes);
}

static void check_body(const struct outcome *outcome, struct span input)
{
    const struct response *response = &outcome->response;
    const char *consumed = input.data + input.bytes - outcome->surplus;

    if (outcome->verdict != RESPONSE_COMPLETE)
        return;
    assert(outcome->heads_count == 1 && response->status >= 200 && response->status < 600);
    if (response->is_head_request || response->status == 204 || response->status == 304) {
        assert(outcome->body_bytes == 0 && !outcome->by_close);
    } else if (response->content_bytes != UINT64_MAX) {
        assert(outcome->body_bytes == response->content_bytes && !outcome->by_close);
        assert(memcmp(outcome->body, consumed - outcome->body_bytes, outcome->body_bytes) == 0);
    } else if (outcome->by_close) {
        assert(outcome->surplus == 0 && !response->keep_alive);
        assert(memcmp(outcome->body, consumed - outcome->body_bytes, outcome->body_bytes) == 0);
    } else { /* no size line begins like a status line */
        const char *at = input.data;

        while (*at == 'H') {
            at = memmem(at, (size_t)(consumed - at), "\r\n\r\n", 4);
            assert(at);
            at += 4;
        }
        check_chunks(outcome, at, consumed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, cut, bytes;
    struct span input;
    uint8_t options;
    char *text;

    if (size < 2)
        return 0;
    options = data[0];
    text = malloc(size - 1); /* ends with a NUL: check_chunks calls strtoul */
    assert(text);
    memcpy(text, data + 2, size - 2);
    text[size - 2] = '\0';
    input = span_of(text, size - 2);

    read_input(&whole, input, options, 0);
    read_input(&cut, input, options, 2u + data[1]);
    read_input(&bytes, input, options, 1);
    compare(&whole, &cut);
    compare(&whole, &bytes);
    check_fields(&whole);
    check_body(&whole, input);

    outcome_deinit(&whole);
    outcome_deinit(&cut);
    outcome_deinit(&bytes);
    free(text);
    return 0;
}
