/*
 * span.h - a pointer with its length, the currency of every parser here.
 *
 * A span never owns what it points at; whoever made it says how long it stays valid. The take_
 * functions are the bounds-checked cursor: they move the front of a span forward, or return false
 * and leave both the span and the output untouched. Integers are little-endian, as on our wire
 * (PROTOCOL.md).
 */
#ifndef HAUL_SPAN_H
#define HAUL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *data;
    size_t bytes;
};

#define SPAN_LITERAL(text) ((struct span){ .data = (text), .bytes = sizeof(text) - 1 })

static inline struct span span_of(const void *data, size_t bytes)
{
    return (struct span){ .data = data, .bytes = bytes };
}

static inline struct span span_of_string(const char *text)
{
    return (struct span){ .data = text, .bytes = strlen(text) };
}

static inline bool span_is_empty(struct span span)
{
    return span.bytes == 0;
}

static inline bool span_equals(struct span a, struct span b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.data, b.data, a.bytes) == 0);
}

/* ASCII case only, as field names and hosts want it. */
static inline bool span_equals_nocase(struct span a, struct span b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || strncasecmp(a.data, b.data, a.bytes) == 0);
}

static inline bool span_starts_with(struct span span, struct span prefix)
{
    return span.bytes >= prefix.bytes && memcmp(span.data, prefix.data, prefix.bytes) == 0;
}

/* Moves the front of *span forward by bytes; the caller has checked that they are there. */
static inline void span_advance(struct span *span, size_t bytes)
{
    span->data += bytes;
    span->bytes -= bytes;
}

/* Takes bytes from the front of *span. */
static inline bool span_take(struct span *span, size_t bytes, struct span *ret_taken)
{
    if (span->bytes < bytes)
        return false;
    *ret_taken = span_of(span->data, bytes);
    span_advance(span, bytes);
    return true;
}

/* Copies bytes from the front of *span into a fixed-layout struct. */
static inline bool span_take_copy(struct span *span, void *ret_copy, size_t bytes)
{
    if (span->bytes < bytes)
        return false;
    memcpy(ret_copy, span->data, bytes);
    span_advance(span, bytes);
    return true;
}

static inline bool span_take_u32(struct span *span, uint32_t *ret_value)
{
    return span_take_copy(span, ret_value, sizeof(*ret_value));
}

#endif
