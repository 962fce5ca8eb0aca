/*
 * base64.c - three bytes to four letters, and back.
 */
#include "base64.h"

size_t base64_encode(struct span bytes, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t out_bytes = BASE64_BYTES(bytes.bytes);

    while (bytes.bytes) {
        const unsigned char *s = (const unsigned char *)bytes.data;
        size_t have = bytes.bytes < 3 ? bytes.bytes : 3;
        unsigned bits = (unsigned)s[0] << 16;

        bits |= have > 1 ? (unsigned)s[1] << 8 : 0;
        bits |= have > 2 ? s[2] : 0;
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = have > 1 ? digits[bits >> 6 & 63] : '=';
        *out++ = have > 2 ? digits[bits & 63] : '=';
        span_advance(&bytes, have);
    }
    return out_bytes;
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct span text, char *out, size_t *ret_bytes)
{
    const char *start = out;
    unsigned bits = 0;
    unsigned bits_count = 0;

    if (text.bytes % 4 != 0)
        return false;
    for (int i = 0; i < 2 && text.bytes && text.data[text.bytes - 1] == '='; i++)
        text.bytes--;
    for (; text.bytes; span_advance(&text, 1)) {
        int value = digit_value(text.data[0]);

        if (value < 0)
            return false;
        bits = bits << 6 | (unsigned)value;
        bits_count += 6;
        if (bits_count >= 8) {
            bits_count -= 8;
            *out++ = (char)(bits >> bits_count & 0xff);
        }
    }
    *ret_bytes = (size_t)(out - start);
    return true;
}
