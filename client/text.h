/*
 * text.h - bytes under construction: a growing buffer and the writers of JSON and numbers.
 *
 * Running out of memory is remembered, not returned at every write: later writes are dropped and
 * the one who uses the bytes asks text_has_failed.
 */
#ifndef HAUL_TEXT_H
#define HAUL_TEXT_H

#include "span.h"

struct text {
    char *data;
    size_t bytes; /* used */
    size_t capacity;
    bool failed;
};

void text_init(struct text *text);
void text_deinit(struct text *text);

static inline bool text_has_failed(const struct text *text)
{
    return text->failed;
}

/* Forgets the bytes and, when more than keep_bytes are allocated, the memory too. */
void text_clear(struct text *text, size_t keep_bytes);

/* The slow half of text_reserve. */
char *text_grow(struct text *text, size_t bytes);

/* Room for bytes more, at the end; NULL when out of memory. Valid until the next call. The caller
 * adds to text->bytes what was written. */
static inline char *text_reserve(struct text *text, size_t bytes)
{
    if (__builtin_expect(text->capacity - text->bytes > bytes, 1))
        return text->data + text->bytes;
    return text_grow(text, bytes);
}

/* Drops bytes from the front. */
void text_drop(struct text *text, size_t bytes);

static inline struct span text_span(const struct text *text)
{
    return span_of(text->data, text->bytes);
}

static inline void text_put(struct text *text, const void *data, size_t bytes)
{
    if (__builtin_expect(text->capacity - text->bytes < bytes, 0) && !text_grow(text, bytes))
        return;
    if (bytes)
        memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
}

/* A string literal, its length known to the compiler. */
#define text_put_literal(text, literal) text_put((text), "" literal, sizeof(literal) - 1)

static inline void text_put_span(struct text *text, struct span span)
{
    text_put(text, span.data, span.bytes);
}

static inline void text_put_char(struct text *text, char c)
{
    text_put(text, &c, 1);
}

void text_put_string(struct text *text, const char *string);

/* The half of text_put_u64 for two digits and more. */
void text_put_digits(struct text *text, uint64_t value);

static inline void text_put_u64(struct text *text, uint64_t value)
{
    if (value < 10)
        text_put_char(text, (char)('0' + value));
    else
        text_put_digits(text, value);
}

void text_put_i64(struct text *text, int64_t value);
__attribute__((format(printf, 2, 3))) void text_put_format(struct text *text, const char *format,
                                                           ...);

/* For a terminal: a control byte becomes '?'. */
void text_put_visible(struct text *text, struct span span);

/* Six digits of a value below 1000000. */
void text_put_six_digits(struct text *text, uint32_t value);

/* Nanoseconds as seconds with six decimals, rounded down: 1.013042 */
void text_put_seconds(struct text *text, uint64_t ns);

/* A JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD each. */
void text_put_json(struct text *text, struct span span);

/* A finite JSON number; what is not finite becomes null. */
void text_put_double(struct text *text, double value);

/* RFC 4648, with padding. */
void text_put_base64(struct text *text, struct span span);

/* Decodes base64; false when it is none (white space is not allowed), the text is then unchanged.
 */
bool text_put_base64_decoded(struct text *text, struct span span);

#endif
