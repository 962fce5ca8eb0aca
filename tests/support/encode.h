/*
 * encode.h - bodies in a coding, made by the libraries' own encoders.
 *
 * All spans that these return live until encode_forget.
 */
#ifndef HAUL_ENCODE_H
#define HAUL_ENCODE_H

#include "span.h"

enum encode_format {
    ENCODE_GZIP,
    ENCODE_ZLIB, /* deflate as it should be, */
    ENCODE_BARE, /* and as it is */
    ENCODE_BROTLI,
    ENCODE_ZSTD, /* with a checksum */
    ENCODE_FORMAT_COUNT
};

/* Content-Encoding's name for it. */
extern const char *const encode_names[ENCODE_FORMAT_COUNT];

struct span encode_as(enum encode_format format, struct span body);

/* The beginning of a stream, up to where all of body can be had from it; the stream goes on. */
struct span encode_front(enum encode_format format, struct span body);

/* A window of 2^window_log bytes, whatever the body needs. Brotli's, above 24, is an extension. */
struct span encode_brotli_window(struct span body, int window_log);
struct span encode_zstd_window(struct span body, int window_log);

struct span encode_gzip_head(struct span body, struct span extra, struct span comment);
struct span encode_zlib_dictionary(struct span body, struct span dictionary);

/* Text that does not repeat itself soon, or bytes of one kind. */
struct span encode_text(size_t bytes);
struct span encode_fill(char c, size_t bytes);

struct span encode_join(struct span a, struct span b);
struct span encode_changed(struct span text, size_t at, unsigned char flip);

void encode_forget(void);

#endif
