/*
 * encode.c - thin covers of the encoders; whatever fails there is a mistake of the test.
 */
#include "encode.h"

#include <assert.h>
#include <brotli/encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define BLOCKS_MAX 20000u

const char *const encode_names[ENCODE_FORMAT_COUNT] = {
    [ENCODE_GZIP] = "gzip", [ENCODE_ZLIB] = "deflate", [ENCODE_BARE] = "deflate",
    [ENCODE_BROTLI] = "br", [ENCODE_ZSTD] = "zstd",
};

static void *blocks[BLOCKS_MAX];
static size_t blocks_count;

static char *block_new(size_t bytes)
{
    char *block = malloc(bytes + 1);

    assert(block);
    assert(blocks_count < BLOCKS_MAX);
    blocks[blocks_count++] = block;
    return block;
}

void encode_forget(void)
{
    while (blocks_count > 0)
        free(blocks[--blocks_count]);
}

/* One call of deflate; the stream is over for us, with Z_SYNC_FLUSH before it has ended. */
static struct span zlib_write(z_stream *z, struct span body, int flush)
{
    size_t room = deflateBound(z, body.bytes) + 64;
    char *out = block_new(room);
    int result;

    z->next_in = (Bytef *)(uintptr_t)body.data;
    z->avail_in = (uInt)body.bytes;
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)room;
    result = deflate(z, flush);
    assert(result == (flush == Z_FINISH ? Z_STREAM_END : Z_OK));
    room = z->total_out;
    (void)deflateEnd(z);
    return span_of(out, room);
}

static void zlib_start(z_stream *z, int window_bits)
{
    int result;

    *z = (z_stream){ 0 };
    result = deflateInit2(z, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
    assert(result == Z_OK);
}

static struct span encode_zlib(struct span body, int window_bits, int flush)
{
    z_stream z;

    zlib_start(&z, window_bits);
    return zlib_write(&z, body, flush);
}

struct span encode_gzip_head(struct span body, struct span extra, struct span comment)
{
    gz_header head = { .extra = (Bytef *)(uintptr_t)extra.data,
                       .extra_len = (uInt)extra.bytes,
                       .name = (Bytef *)(uintptr_t) "name",
                       .comment = (Bytef *)(uintptr_t)comment.data,
                       .hcrc = 1 };
    z_stream z;

    zlib_start(&z, 16 + MAX_WBITS);
    deflateSetHeader(&z, &head);
    return zlib_write(&z, body, Z_FINISH);
}

struct span encode_zlib_dictionary(struct span body, struct span dictionary)
{
    z_stream z;

    zlib_start(&z, MAX_WBITS);
    deflateSetDictionary(&z, (const Bytef *)dictionary.data, (uInt)dictionary.bytes);
    return zlib_write(&z, body, Z_FINISH);
}

static struct span encode_brotli(struct span body, int window_log, BrotliEncoderOperation operation)
{
    BrotliEncoderState *state = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    size_t room = BrotliEncoderMaxCompressedSize(body.bytes) + 64;
    char *out = block_new(room);
    size_t in_left = body.bytes;
    size_t out_left = room;
    const uint8_t *next_in = (const uint8_t *)body.data;
    uint8_t *next_out = (uint8_t *)out;
    BROTLI_BOOL good;

    assert(state);
    BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, 5);
    BrotliEncoderSetParameter(state, BROTLI_PARAM_LARGE_WINDOW, window_log > 24);
    BrotliEncoderSetParameter(state, BROTLI_PARAM_LGWIN, (uint32_t)window_log);
    good = BrotliEncoderCompressStream(state, operation, &in_left, &next_in, &out_left, &next_out,
                                       NULL);
    assert(good && in_left == 0 && !BrotliEncoderHasMoreOutput(state));
    BrotliEncoderDestroyInstance(state);
    return span_of(out, room - out_left);
}

struct span encode_brotli_window(struct span body, int window_log)
{
    return encode_brotli(body, window_log, BROTLI_OPERATION_FINISH);
}

/* As a stream, which does not say its size: or the window would shrink to it. */
static struct span encode_zstd_stream(struct span body, int window_log, ZSTD_EndDirective end)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(body.bytes) + 64;
    ZSTD_outBuffer out = { block_new(room), room, 0 };
    ZSTD_inBuffer in = { body.data, body.bytes, 0 };
    size_t left;

    assert(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    left = ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue);
    assert(!ZSTD_isError(left) && in.pos == in.size);
    left = ZSTD_compressStream2(context, &out, &in, end);
    assert(left == 0);
    ZSTD_freeCCtx(context);
    return span_of(out.dst, out.pos);
}

struct span encode_zstd_window(struct span body, int window_log)
{
    return encode_zstd_stream(body, window_log, ZSTD_e_end);
}

static struct span encode_zstd(struct span body)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t room = ZSTD_compressBound(body.bytes) + 64;
    char *out = block_new(room);
    size_t bytes;

    assert(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    bytes = ZSTD_compress2(context, out, room, body.data, body.bytes);
    assert(!ZSTD_isError(bytes));
    ZSTD_freeCCtx(context);
    return span_of(out, bytes);
}

struct span encode_as(enum encode_format format, struct span body)
{
    switch (format) {
    case ENCODE_GZIP:
        return encode_zlib(body, 16 + MAX_WBITS, Z_FINISH);
    case ENCODE_ZLIB:
        return encode_zlib(body, MAX_WBITS, Z_FINISH);
    case ENCODE_BARE:
        return encode_zlib(body, -MAX_WBITS, Z_FINISH);
    case ENCODE_BROTLI:
        return encode_brotli_window(body, 22);
    case ENCODE_ZSTD:
        return encode_zstd(body);
    case ENCODE_FORMAT_COUNT:
        break;
    }
    abort();
}

struct span encode_front(enum encode_format format, struct span body)
{
    switch (format) {
    case ENCODE_GZIP:
        return encode_zlib(body, 16 + MAX_WBITS, Z_SYNC_FLUSH);
    case ENCODE_ZLIB:
        return encode_zlib(body, MAX_WBITS, Z_SYNC_FLUSH);
    case ENCODE_BARE:
        return encode_zlib(body, -MAX_WBITS, Z_SYNC_FLUSH);
    case ENCODE_BROTLI:
        return encode_brotli(body, 22, BROTLI_OPERATION_FLUSH);
    case ENCODE_ZSTD:
        return encode_zstd_stream(body, 20, ZSTD_e_flush);
    case ENCODE_FORMAT_COUNT:
        break;
    }
    abort();
}

struct span encode_text(size_t bytes)
{
    char *out = block_new(bytes);
    uint32_t seed = 1;

    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 1103515245 + 12345;
        out[i] = "etaoin shrdlu\ncm"[seed >> 16 & 0xf];
    }
    return span_of(out, bytes);
}

struct span encode_fill(char c, size_t bytes)
{
    char *out = block_new(bytes);

    memset(out, c, bytes + 1);
    return span_of(out, bytes);
}

struct span encode_join(struct span a, struct span b)
{
    char *out = block_new(a.bytes + b.bytes);

    if (a.bytes > 0)
        memcpy(out, a.data, a.bytes);
    if (b.bytes > 0)
        memcpy(out + a.bytes, b.data, b.bytes);
    return span_of(out, a.bytes + b.bytes);
}

struct span encode_changed(struct span text, size_t at, unsigned char flip)
{
    char *out = block_new(text.bytes);

    memcpy(out, text.data, text.bytes);
    out[at] = (char)((unsigned char)out[at] ^ flip);
    return span_of(out, text.bytes);
}
