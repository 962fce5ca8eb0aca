/*
 * hdr_code.c - HdrHistogram's V2 encoding.
 *
 *   compressed: cookie, length | zlib stream of:
 *   payload:    cookie, length, normalizing offset, digits, lowest, highest, ratio | counts
 *
 * All big-endian. A count is a ZigZag LEB128 integer of at most 9 bytes; a negative one is a run of
 * so many empty buckets. The flat index of a bucket is that of histogram_next.
 */
#include "hdr_code.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define COOKIE 0x1c849303u
#define COOKIE_COMPRESSED 0x1c849304u
#define COOKIE_WORD_SIZE 0x10u
#define HEAD_BYTES 40u
#define COMPRESSED_HEAD_BYTES 8u
#define DIGITS 3u
#define PAYLOAD_BYTES_MAX (1u << 20) /* all buckets full: 34 000 counts of up to 9 bytes */
#define PAYLOAD_BYTES_USUAL (1u << 14)
#define LEB_BYTES_MAX 9u

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- writing ---- */

static void put_big_endian(struct text *out, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        text_put_char(out, (char)(value >> (8 * bytes)));
}

/* Of nine bytes the last one carries eight bits. */
static void put_zigzag(struct text *out, int64_t number)
{
    uint64_t value = (uint64_t)number << 1 ^ (uint64_t)(number >> 63);

    for (unsigned i = 1; value >> 7 && i < LEB_BYTES_MAX; i++) {
        text_put_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    text_put_char(out, (char)value);
}

static void put_counts(struct text *out, const struct histogram *h)
{
    struct histogram_bucket bucket;
    size_t position = 0, next = 0;

    while (histogram_next(h, &position, &bucket)) {
        size_t index = position - 1;

        if (index > next)
            put_zigzag(out, -(int64_t)(index - next));
        put_zigzag(out, (int64_t)bucket.count);
        next = index + 1;
    }
}

static void put_payload(struct text *out, const struct histogram *h)
{
    static const double ratio = 1;
    struct text counts;
    uint64_t bits;

    text_init(&counts);
    put_counts(&counts, h);
    memcpy(&bits, &ratio, sizeof(bits));
    put_big_endian(out, COOKIE | COOKIE_WORD_SIZE, 4);
    put_big_endian(out, counts.bytes, 4);
    put_big_endian(out, 0, 4);
    put_big_endian(out, DIGITS, 4);
    put_big_endian(out, 1, 8);
    put_big_endian(out, HISTOGRAM_MAX_NS, 8);
    put_big_endian(out, bits, 8);
    text_put_span(out, text_span(&counts));
    out->failed |= counts.failed;
    text_deinit(&counts);
}

static void put_base64(struct text *out, struct span bytes)
{
    for (size_t i = 0; i < bytes.bytes; i += 3) {
        size_t rest = bytes.bytes - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.data[i] << 16;

        if (rest > 1)
            group |= (uint32_t)(unsigned char)bytes.data[i + 1] << 8;
        if (rest > 2)
            group |= (unsigned char)bytes.data[i + 2];
        text_put_char(out, base64_digits[group >> 18]);
        text_put_char(out, base64_digits[group >> 12 & 63]);
        text_put_char(out, rest > 1 ? base64_digits[group >> 6 & 63] : '=');
        text_put_char(out, rest > 2 ? base64_digits[group & 63] : '=');
    }
}

static bool put_deflated(struct text *out, struct span payload)
{
    uLongf bytes = compressBound(payload.bytes);
    char *room = text_reserve(out, bytes);

    if (!room ||
        compress((Bytef *)room, &bytes, (const Bytef *)payload.data, payload.bytes) != Z_OK)
        return false;
    out->bytes += bytes;
    return true;
}

int hdr_encode(const struct histogram *histogram, struct text *out)
{
    struct text payload, deflated, whole;
    bool fits;

    text_init(&payload);
    text_init(&deflated);
    text_init(&whole);
    put_payload(&payload, histogram);
    fits = !payload.failed && put_deflated(&deflated, text_span(&payload));
    put_big_endian(&whole, COOKIE_COMPRESSED | COOKIE_WORD_SIZE, 4);
    put_big_endian(&whole, deflated.bytes, 4);
    text_put_span(&whole, text_span(&deflated));
    put_base64(out, text_span(&whole));
    out->failed |= !fits || whole.failed;
    text_deinit(&payload);
    text_deinit(&deflated);
    text_deinit(&whole);
    return out->failed ? -ENOMEM : 0;
}

/* ---- reading ---- */

static bool take_big_endian(struct span *in, unsigned bytes, uint64_t *ret_value)
{
    struct span part;

    *ret_value = 0;
    if (!span_take(in, bytes, &part))
        return false;
    for (unsigned i = 0; i < bytes; i++)
        *ret_value = *ret_value << 8 | (unsigned char)part.data[i];
    return true;
}

static bool take_zigzag(struct span *in, int64_t *ret_number)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < LEB_BYTES_MAX; i++) {
        unsigned char byte;

        if (span_is_empty(*in))
            return false;
        byte = (unsigned char)in->data[0];
        span_advance(in, 1);
        if (i == LEB_BYTES_MAX - 1) {
            value |= (uint64_t)byte << (7 * i);
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            break;
    }
    *ret_number = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    return true;
}

static int take_counts(struct span in, struct histogram *histogram)
{
    uint64_t index = 0;

    while (!span_is_empty(in)) {
        int64_t number;
        int r;

        if (!take_zigzag(&in, &number))
            return -EINVAL;
        if (number < 0) {
            index += (uint64_t)-number;
            continue;
        }
        if (index >= histogram_positions())
            return -EINVAL;
        r = number ? histogram_record_count(histogram, histogram_value_at(index), (uint64_t)number)
                   : 0;
        if (r < 0)
            return r;
        index++;
    }
    return 0;
}

static int take_payload(struct span in, struct histogram *histogram)
{
    uint64_t cookie, bytes, offset, digits, lowest, highest, ratio;

    if (!take_big_endian(&in, 4, &cookie) || !take_big_endian(&in, 4, &bytes) ||
        !take_big_endian(&in, 4, &offset) || !take_big_endian(&in, 4, &digits) ||
        !take_big_endian(&in, 8, &lowest) || !take_big_endian(&in, 8, &highest) ||
        !take_big_endian(&in, 8, &ratio))
        return -EINVAL;
    /* The offset is for histograms that are shifted, which nobody writes; the JavaScript port has 1
     * there, and means nothing by it. */
    if ((cookie & ~0xf0u) != COOKIE || digits != DIGITS || lowest != 1 || bytes > in.bytes)
        return -EINVAL;
    return take_counts(span_of(in.data, (size_t)bytes), histogram);
}

static int digit_of(char c)
{
    const char *at = c ? strchr(base64_digits, c) : NULL;

    return at ? (int)(at - base64_digits) : -1;
}

static bool take_base64(struct span in, struct text *out)
{
    uint32_t group = 0;
    unsigned bits = 0;

    while (in.bytes && in.data[in.bytes - 1] == '=')
        in.bytes--;
    for (size_t i = 0; i < in.bytes; i++) {
        int digit = digit_of(in.data[i]);

        if (digit < 0)
            return false;
        group = group << 6 | (uint32_t)digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            text_put_char(out, (char)(group >> bits));
        }
    }
    return !out->failed;
}

/* Most fit into little room; zlib says when it was too little, and nothing says how much it takes.
 */
static int take_deflated(struct span in, struct histogram *histogram)
{
    int r = -EINVAL, result = Z_BUF_ERROR;

    for (uLongf room = PAYLOAD_BYTES_USUAL; result == Z_BUF_ERROR && room <= PAYLOAD_BYTES_MAX;
         room *= 8) {
        uLongf bytes = room;
        char *payload = malloc(room);

        if (!payload)
            return -ENOMEM;
        result = uncompress((Bytef *)payload, &bytes, (const Bytef *)in.data, (uLong)in.bytes);
        if (result == Z_OK)
            r = take_payload(span_of(payload, bytes), histogram);
        free(payload);
    }
    return r;
}

static int take_compressed(struct span in, struct histogram *histogram)
{
    uint64_t cookie, bytes;

    if (!take_big_endian(&in, 4, &cookie) || !take_big_endian(&in, 4, &bytes) ||
        (cookie & ~0xf0u) != COOKIE_COMPRESSED || bytes > in.bytes)
        return -EINVAL;
    return take_deflated(span_of(in.data, (size_t)bytes), histogram);
}

int hdr_decode(struct span text, struct histogram *histogram)
{
    struct text bytes;
    int r = -EINVAL;

    text_init(&bytes);
    if (take_base64(text, &bytes))
        r = take_compressed(text_span(&bytes), histogram);
    text_deinit(&bytes);
    return r;
}
