/*
 * basic.c - user and password of a URL, as the Basic scheme writes them.
 */
#include "basic.h"

struct userinfo_reader {
    struct span user;
    struct span password;
    bool has_colon; /* the colon between them has been read */
};

static struct userinfo_reader userinfo_reader_of(const struct url *url)
{
    return (struct userinfo_reader){ .user = url->user, .password = url->password };
}

static uint8_t take_decoded(struct span *text)
{
    struct span one = { text->data, text->data[0] == '%' && text->bytes >= 3 ? 3 : 1 };
    char decoded[3];

    span_advance(text, url_percent_decode(one, decoded) == 1 ? one.bytes : 1);
    return (uint8_t)decoded[0];
}

/* The next byte of user:password, or -1. */
static int userinfo_next(struct userinfo_reader *reader)
{
    if (!span_is_empty(reader->user))
        return take_decoded(&reader->user);
    if (!reader->has_colon) {
        reader->has_colon = true;
        return ':';
    }
    return span_is_empty(reader->password) ? -1 : take_decoded(&reader->password);
}

bool basic_is_given(const struct url *url)
{
    return !span_is_empty(url->user) || !span_is_empty(url->password);
}

const char *basic_check(const struct url *url)
{
    struct userinfo_reader reader = userinfo_reader_of(url);
    int byte;

    if (!basic_is_given(url))
        return NULL;
    while ((byte = userinfo_next(&reader)) >= 0) {
        if (byte < ' ' || byte == 0x7f)
            return "a control character in the URL's user or password";
        if (byte == ':' && !reader.has_colon)
            return "a colon in the URL's user";
    }
    return NULL;
}

static size_t basic_bytes(const struct url *url)
{
    struct userinfo_reader reader = userinfo_reader_of(url);
    size_t bytes = 0;

    while (userinfo_next(&reader) >= 0)
        bytes++;
    return sizeof("Basic ") - 1 + (bytes + 2) / 3 * 4;
}

size_t basic_write(const struct url *url, char *out, size_t room)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct userinfo_reader reader = userinfo_reader_of(url);
    int byte = userinfo_next(&reader);
    size_t bytes = basic_bytes(url);

    if (bytes > room)
        return bytes;
    memcpy(out, "Basic ", sizeof("Basic ") - 1);
    out += sizeof("Basic ") - 1;
    while (byte >= 0) {
        uint32_t triple = 0;
        unsigned taken = 0;

        for (; taken < 3 && byte >= 0; taken++) {
            triple |= (uint32_t)byte << (16 - 8 * taken);
            byte = userinfo_next(&reader);
        }
        for (unsigned i = 0; i < 4; i++)
            *out++ = i <= taken ? digits[triple >> (18 - 6 * i) & 63] : '=';
    }
    return bytes;
}
