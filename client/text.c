/*
 * text.c - bytes under construction.
 *
 * A record is some forty short writes, a million times: numbers and strings are formatted by hand
 * here, because printf costs more than the request did. Strings are copied in runs between the
 * bytes that need escaping.
 */
#include "text.h"

#include "base64.h"
#include "utf8.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_CAPACITY_MIN 256u

void text_init(struct text *text)
{
    *text = (struct text){ 0 };
}

void text_deinit(struct text *text)
{
    free(text->data);
    *text = (struct text){ 0 };
}

void text_clear(struct text *text, size_t keep_bytes)
{
    text->bytes = 0;
    text->failed = false;
    if (text->capacity > keep_bytes) {
        free(text->data);
        text->data = NULL;
        text->capacity = 0;
    }
}

char *text_grow(struct text *text, size_t bytes)
{
    size_t capacity = text->capacity ? text->capacity : TEXT_CAPACITY_MIN;
    char *data;

    if (text->data && text->capacity - text->bytes >= bytes)
        return text->data + text->bytes; /* an exact fit */
    while (capacity - text->bytes < bytes) {
        if (capacity > SIZE_MAX / 4) {
            text->failed = true;
            return NULL;
        }
        capacity *= 2;
    }
    data = realloc(text->data, capacity);
    if (!data) {
        text->failed = true;
        return NULL;
    }
    text->data = data;
    text->capacity = capacity;
    return data + text->bytes;
}

void text_drop(struct text *text, size_t bytes)
{
    assert(bytes <= text->bytes);
    if (bytes == 0)
        return;
    text->bytes -= bytes;
    memmove(text->data, text->data + bytes, text->bytes);
}

void text_put_string(struct text *text, const char *string)
{
    text_put(text, string, strlen(string));
}

/* A long division yields four digits, two pairs: it is the divisions that cost. */
static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
                                  "25262728293031323334353637383940414243444546474849"
                                  "50515253545556575859606162636465666768697071727374"
                                  "75767778798081828384858687888990919293949596979899";

static_assert(sizeof(digit_pairs) == 2 * 100 + 1, "a pair for each number below 100");

static void put_pair(char *out, uint64_t number)
{
    memcpy(out, digit_pairs + 2 * number, 2);
}

static void put_four_digits(char *out, uint32_t number)
{
    put_pair(out, number / 100);
    put_pair(out + 2, number % 100);
}

static unsigned count_digits(uint64_t value)
{
    static const uint64_t least[] = {
        /* of that many digits and one more */
        0,
        10,
        100,
        1000,
        10000,
        100000,
        1000000,
        10000000,
        100000000,
        1000000000,
        10000000000,
        100000000000,
        1000000000000,
        10000000000000,
        100000000000000,
        1000000000000000,
        10000000000000000,
        100000000000000000,
        1000000000000000000,
        10000000000000000000u,
    };
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned digits = bits * 1233 >> 12; /* log10(2) */

    return digits + (value >= least[digits]);
}

void text_put_digits(struct text *text, uint64_t value)
{
    unsigned count = count_digits(value);
    char *start = text_reserve(text, count);
    char *at;

    if (!start)
        return;
    at = start + count;
    text->bytes += count;
    for (; value >= 10000; value /= 10000) {
        at -= 4;
        put_four_digits(at, (uint32_t)(value % 10000));
    }
    if (value >= 100) {
        put_pair(at - 2, value % 100);
        value /= 100;
    }
    if (value >= 10)
        put_pair(start, value);
    else
        *start = (char)('0' + value);
}

void text_put_visible(struct text *text, struct span span)
{
    for (size_t i = 0; i < span.bytes; i++) {
        unsigned char c = (unsigned char)span.data[i];

        text_put_char(text, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

void text_put_i64(struct text *text, int64_t value)
{
    if (value < 0)
        text_put_char(text, '-');
    text_put_u64(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_put_format(struct text *text, const char *format, ...)
{
    char *room;
    va_list args;
    int bytes;

    va_start(args, format);
    bytes = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (bytes <= 0)
        return;
    room = text_reserve(text, (size_t)bytes + 1);
    if (!room)
        return;
    va_start(args, format);
    (void)vsnprintf(room, (size_t)bytes + 1, format, args);
    va_end(args);
    text->bytes += (size_t)bytes;
}

void text_put_six_digits(struct text *text, uint32_t value)
{
    char digits[6];

    assert(value < 1000000);
    put_pair(digits, value / 10000);
    put_four_digits(digits + 2, value % 10000);
    text_put(text, digits, sizeof(digits));
}

void text_put_seconds(struct text *text, uint64_t ns)
{
    text_put_u64(text, ns / 1000000000);
    text_put_char(text, '.');
    text_put_six_digits(text, (uint32_t)(ns / 1000 % 1000000));
}

void text_put_double(struct text *text, double value)
{
    char digits[40];
    char *comma;

    if (!isfinite(value)) {
        text_put_literal(text, "null");
        return;
    }
    (void)snprintf(digits, sizeof(digits), "%.12g", value);
    comma = strchr(digits, ','); /* a locale must not reach a file */
    if (comma)
        *comma = '.';
    text_put_string(text, digits);
}

/* One byte that may not stand for itself. */
static void put_escaped(struct text *text, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[256] = { ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
                                       ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't' };
    char escape[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

    if (letters[c]) {
        escape[1] = letters[c];
        text_put(text, escape, 2);
        return;
    }
    text_put(text, escape, sizeof(escape));
}

/* Bytes that stand for themselves in a JSON string: printable ASCII but quote and backslash. */
static const bool is_plain[256] = {
    [' '] = true,
    ['!'] = true,
    ['#' ... '['] = true,
    [']' ... '~'] = true,
};

#define EACH_BYTE(value) (0x0101010101010101u * (uint64_t)(value))

/* All eight at once: each term has the top bit of a byte set that is not plain. A carry or borrow
 * comes only from such a byte. */
static bool are_plain(const char *bytes)
{
    uint64_t word, not_plain;

    memcpy(&word, bytes, sizeof(word));
    not_plain = word | (word - EACH_BYTE(' ')) | (word + EACH_BYTE(1)); /* 0x7f + 1 */
    not_plain |= (word ^ EACH_BYTE('"')) - EACH_BYTE(1);
    not_plain |= (word ^ EACH_BYTE('\\')) - EACH_BYTE(1);
    return (not_plain & EACH_BYTE(0x80)) == 0;
}

static size_t count_plain(struct span span)
{
    size_t count = 0;

    while (span.bytes - count >= 8 && are_plain(span.data + count))
        count += 8;
    while (count < span.bytes && is_plain[(unsigned char)span.data[count]])
        count++;
    return count;
}

void text_put_json(struct text *text, struct span span)
{
    text_put_char(text, '"');
    while (span.bytes) {
        size_t run = count_plain(span);

        text_put(text, span.data, run);
        span_advance(&span, run);
        if (span.bytes == 0)
            break;
        if ((unsigned char)span.data[0] < 0x80) {
            put_escaped(text, (unsigned char)span.data[0]);
            span_advance(&span, 1);
            continue;
        }
        run = utf8_sequence(span);
        if (run == 0)
            text_put_literal(text, "\\ufffd");
        else
            text_put(text, span.data, run);
        span_advance(&span, run ? run : 1);
    }
    text_put_char(text, '"');
}

void text_put_base64(struct text *text, struct span span)
{
    char *out = text_reserve(text, BASE64_BYTES(span.bytes));

    if (out)
        text->bytes += base64_encode(span, out);
}

bool text_put_base64_decoded(struct text *text, struct span span)
{
    char *out = text_reserve(text, span.bytes);
    size_t bytes;

    if (!out)
        return true; /* which text_has_failed tells */
    if (!base64_decode(span, out, &bytes))
        return false;
    text->bytes += bytes;
    return true;
}
