/*
 * url_chars.h - ASCII as URLs see it, whatever the locale; private to url*.c.
 */
#ifndef HAUL_URL_CHARS_H
#define HAUL_URL_CHARS_H

#include "span.h"

static inline bool url_is_digit(char c)
{
    return (uint8_t)(c - '0') <= 9;
}

static inline bool url_is_letter(char c)
{
    return (uint8_t)((c | 0x20) - 'a') <= 'z' - 'a';
}

/* 0 to 15, or -1. */
static inline int url_hex_value(char c)
{
    if (url_is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that a "%XX" at the front of text stands for, or -1 if none is there. */
static inline int url_escape_value(struct span text)
{
    int high, low;

    if (text.bytes < 3 || text.data[0] != '%')
        return -1;
    high = url_hex_value(text.data[1]);
    low = url_hex_value(text.data[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

#endif
