/*
 * decoding.h - a coded body as it must be decoded, checked at every cut and with rooms of all
 * sizes.
 */
#ifndef HAUL_DECODING_H
#define HAUL_DECODING_H

#include "decode.h"

#define DECODED_GZIP_CORRUPT "corrupt gzip data"
#define DECODED_GZIP_FOLLOWED "bytes behind the end of the gzip data"
#define DECODED_GZIP_SHORT "the gzip data is cut short"
#define DECODED_DEFLATE_CORRUPT "corrupt deflate data"
#define DECODED_DEFLATE_FOLLOWED "bytes behind the end of the deflate data"
#define DECODED_DEFLATE_SHORT "the deflate data is cut short"
#define DECODED_BROTLI_CORRUPT "corrupt br data"
#define DECODED_BROTLI_FOLLOWED "bytes behind the end of the br data"
#define DECODED_BROTLI_SHORT "the br data is cut short"
#define DECODED_ZSTD_CORRUPT "corrupt zstd data"
#define DECODED_ZSTD_FOLLOWED "bytes behind the end of the zstd data"
#define DECODED_ZSTD_SHORT "the zstd data is cut short"
#define DECODED_ZSTD_WINDOW "the zstd data needs a window above 8 MiB"
#define DECODED_HOLLOW "a coding within another holds next to nothing"

struct decoding {
    const char *name;
    const char *encoding; /* Content-Encoding */
    struct span input;

    /* What must come of it. */
    struct span body; /* of a bad one: what comes out is the front of it */
    const char *why;  /* NULL: it is whole */
};

/* Decodes input whole, cut in two at every offset, and byte by byte, each with rooms of 1, 7 and
 * 64 KiB bytes, and fails the test, with name, when anything differs. */
void assert_decoding(const struct decoding *decoding);

/* Only in pieces of that many bytes, with that much room: for bodies that are large. */
void assert_decoding_in(const struct decoding *decoding, size_t piece_bytes, size_t room);

/* The decoder for encoding, which must be known and not only identity. */
struct decode *decoding_start(const char *encoding);

/* What one decoding gives; body is the caller's to free. */
struct decoded {
    char *body;
    size_t body_bytes;
    size_t body_capacity;
    const char *why; /* NULL: it is whole */
};

struct decoded decoding_run(const char *encoding, const struct span *pieces, size_t pieces_count,
                            size_t room);

#endif
