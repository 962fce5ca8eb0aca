/*
 * utf8.c - the well-formed sequences: no longer than they must be, no surrogates, none beyond
 * U+10FFFF.
 */
#include "utf8.h"

size_t utf8_sequence(struct span text)
{
    const unsigned char *s = (const unsigned char *)text.data;
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t bytes;

    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        bytes = 2;
    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        bytes = 3;
        low = s[0] == 0xe0 ? 0xa0 : 0x80;
        high = s[0] == 0xed ? 0x9f : 0xbf;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        bytes = 4;
        low = s[0] == 0xf0 ? 0x90 : 0x80;
        high = s[0] == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (text.bytes < bytes || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < bytes; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return bytes;
}

bool utf8_is_valid(struct span text)
{
    while (text.bytes) {
        size_t bytes = utf8_sequence(text);

        if (bytes == 0)
            return false;
        span_advance(&text, bytes);
    }
    return true;
}
