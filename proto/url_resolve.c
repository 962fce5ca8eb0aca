/*
 * url_resolve.c - what a reference in an answer means (RFC 3986 section 5.2), and URLs written out.
 *
 * Only text is put together here; whether it is a URL that can be fetched is for url_parse to say,
 * by the same rules as for one that a user typed. Dot segments stay, for url_write_target.
 */
#include "url.h"
#include "url_chars.h"

/* The caller has given it room for all that can come. */
struct pen {
    char *out;
    size_t bytes;
};

static void put(struct pen *pen, struct span text)
{
    if (text.bytes > 0)
        memcpy(pen->out + pen->bytes, text.data, text.bytes);
    pen->bytes += text.bytes;
}

static void put_scheme(struct pen *pen, const struct url *base)
{
    put(pen, base->scheme == URL_HTTPS ? SPAN_LITERAL("https:") : SPAN_LITERAL("http:"));
}

static void put_authority(struct pen *pen, const struct url *base)
{
    put(pen, SPAN_LITERAL("//"));
    if (span_is_empty(base->zone)) {
        pen->bytes += url_write_authority(base, pen->out + pen->bytes, URL_AUTHORITY_BYTES_MAX);
        return;
    }
    put(pen, SPAN_LITERAL("["));
    put(pen, span_of(base->host, base->host_bytes));
    put(pen, SPAN_LITERAL("%25"));
    put(pen, base->zone);
    put(pen, SPAN_LITERAL("]"));
    if (!base->port_is_default) {
        struct url port_only = *base;

        port_only.host_bytes = 0;
        port_only.host_kind = URL_HOST_NAME;
        pen->bytes +=
            url_write_authority(&port_only, pen->out + pen->bytes, URL_AUTHORITY_BYTES_MAX);
    }
}

size_t url_write(const struct url *url, char *out)
{
    struct pen pen = { .out = out };

    put_scheme(&pen, url);
    put_authority(&pen, url);
    pen.bytes += url_write_target(url, out + pen.bytes, URL_TARGET_BYTES_MAX(url));
    if (url->fragment.data) {
        put(&pen, SPAN_LITERAL("#"));
        put(&pen, url->fragment);
    }
    return pen.bytes;
}

/* The path of base up to its last slash, that included. */
static struct span directory_of(struct span path)
{
    while (path.bytes > 0 && path.data[path.bytes - 1] != '/')
        path.bytes--;
    return path.bytes > 0 ? path : SPAN_LITERAL("/");
}

/* The bytes of "scheme:" at the front of text, or 0. */
static size_t scheme_bytes(struct span text)
{
    size_t i = 0;

    if (text.bytes == 0 || !url_is_letter(text.data[0]))
        return 0;
    while (i < text.bytes && (url_is_letter(text.data[i]) || url_is_digit(text.data[i]) ||
                              text.data[i] == '+' || text.data[i] == '-' || text.data[i] == '.'))
        i++;
    return i < text.bytes && text.data[i] == ':' ? i + 1 : 0;
}

static bool check_scheme(struct span reference, size_t bytes, struct url_fault *ret_fault)
{
    struct span scheme = span_of(reference.data, bytes);

    if (!span_equals_nocase(scheme, SPAN_LITERAL("http:")) &&
        !span_equals_nocase(scheme, SPAN_LITERAL("https:"))) {
        *ret_fault = (struct url_fault){ .code = FAULT_INPUT_SCHEME,
                                         .why = "the scheme is neither http nor https" };
        return false;
    }
    if (reference.bytes < bytes + 2 || memcmp(reference.data + bytes, "//", 2) != 0) {
        *ret_fault = (struct url_fault){ .code = FAULT_INPUT_URL,
                                         .why = "two slashes are missing after the scheme" };
        return false;
    }
    return true;
}

/* A reference without a scheme. */
static void put_relative(struct pen *pen, const struct url *base, struct span reference)
{
    char first = reference.bytes > 0 ? reference.data[0] : '\0';

    put_scheme(pen, base);
    if (first == '/' && reference.bytes > 1 && reference.data[1] == '/') {
        put(pen, reference);
        return;
    }
    put_authority(pen, base);
    if (first == '\0' || first == '#')
        put(pen, base->target);
    else if (first == '?')
        put(pen, base->path);
    else if (first != '/')
        put(pen, directory_of(base->path));
    put(pen, reference);
}

bool url_resolve(const struct url *base, struct span reference, char *out, size_t *ret_bytes,
                 struct url_fault *ret_fault)
{
    struct pen pen = { .out = out };
    size_t bytes = scheme_bytes(reference);

    if (bytes > 0 && !check_scheme(reference, bytes, ret_fault))
        return false;
    if (bytes > 0)
        put(&pen, reference);
    else
        put_relative(&pen, base, reference);
    if (base->fragment.data && !memchr(out, '#', pen.bytes)) {
        put(&pen, SPAN_LITERAL("#"));
        put(&pen, base->fragment);
    }
    *ret_bytes = pen.bytes;
    return true;
}
