/*
 * url_target.c - what a URL's path and query become in a request line.
 *
 * Most targets are sent as they were written: url_parse has looked at every byte and says so. The
 * others are written from the back to the front. A ".." then is a promise to drop one segment that
 * is still to come, so nothing that was written is ever taken back, and the length can be counted
 * without a buffer by the same walk.
 *
 * Rejected: to undo the last segment in the output, as RFC 3986 section 5.2.4 tells it. It needs
 * the whole output in memory even to learn how long it is.
 */
#include "url.h"
#include "url_chars.h"

/* Writes towards the front; with end NULL it only counts. */
struct back_writer {
    char *end;
    size_t bytes;
};

static void put(struct back_writer *w, char c)
{
    w->bytes++;
    if (w->end)
        *(w->end - w->bytes) = c;
}

static void put_encoded(struct back_writer *w, struct span text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = text.bytes; i > 0; i--) {
        uint8_t byte = (uint8_t)text.data[i - 1];

        if (byte > ' ' && byte < 0x80) {
            put(w, (char)byte);
            continue;
        }
        put(w, digits[byte & 15]);
        put(w, digits[byte >> 4]);
        put(w, '%');
    }
}

/* 1 for ".", 2 for "..", otherwise 0. */
static unsigned count_dots(struct span segment)
{
    if (segment.bytes == 1 && segment.data[0] == '.')
        return 1;
    return segment.bytes == 2 && segment.data[0] == '.' && segment.data[1] == '.' ? 2 : 0;
}

static void put_path(struct back_writer *w, struct span path)
{
    size_t segments_to_drop = 0;
    size_t end = path.bytes;

    if (end == 0)
        put(w, '/');
    while (end > 0) {
        size_t start = end;
        struct span segment;

        while (path.data[start - 1] != '/') /* the path begins with one */
            start--;
        segment = span_of(path.data + start, end - start);
        if (count_dots(segment) > 0) {
            segments_to_drop += count_dots(segment) - 1;
            if (end == path.bytes) /* "a/.." and "a/." name a directory */
                put(w, '/');
        } else if (segments_to_drop > 0) {
            segments_to_drop--;
        } else {
            put_encoded(w, segment);
            put(w, '/');
        }
        end = start - 1;
    }
}

static size_t put_target(const struct url *url, char *end)
{
    struct back_writer w = { .end = end };

    if (url->query.data) {
        put_encoded(&w, url->query);
        put(&w, '?');
    }
    put_path(&w, url->path);
    return w.bytes;
}

size_t url_write_target(const struct url *url, char *out, size_t room)
{
    size_t slash_bytes = url->path.bytes == 0 ? 1 : 0;
    size_t bytes;

    if (!url->target_is_plain) {
        bytes = put_target(url, NULL);
        if (bytes <= room)
            (void)put_target(url, out + bytes); /* the same count again */
        return bytes;
    }
    bytes = slash_bytes + url->target.bytes;
    if (bytes > room)
        return bytes;
    out[0] = '/';
    if (url->target.bytes > 0)
        memcpy(out + slash_bytes, url->target.data, url->target.bytes);
    return bytes;
}

size_t url_percent_decode(struct span text, char *out)
{
    size_t bytes = 0;

    while (text.bytes > 0) {
        int value = url_escape_value(text);

        out[bytes++] = value < 0 ? text.data[0] : (char)value;
        span_advance(&text, value < 0 ? 1 : 3);
    }
    return bytes;
}
