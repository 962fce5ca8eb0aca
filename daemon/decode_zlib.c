/*
 * decode_zlib.c - gzip and deflate, by zlib.
 *
 * "deflate" means zlib's format (RFC 1950), but some servers send what is inside it (RFC 1951), and
 * browsers read both. Two bytes decide: the second of RFC 1950 makes both, as a number, a multiple
 * of 31, and the low bits of the first say 8. As bare deflate such a first byte would begin a
 * stored block with a bit set in its padding, which nobody writes. So we need not decode first and
 * go back when that fails, as curl does as long as it still has the bytes.
 */
#define ZLIB_CONST
#include "decode_stage.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define WINDOW_BITS_GZIP (16 + MAX_WBITS)
#define WINDOW_BITS_ZLIB MAX_WBITS
#define WINDOW_BITS_BARE (-MAX_WBITS)

#define GZIP_FIRST_BYTE 0x1f

enum deflate_sniff {
    SNIFF_NOTHING, /* no byte was seen */
    SNIFF_MAYBE,   /* the first one, in held, can be of RFC 1950 */
    SNIFF_DONE,
};

struct decode_zlib {
    z_stream z;
    enum deflate_sniff sniff;
    unsigned char held;
    bool is_padded; /* of gzip: only zeros may follow */
};

static int zlib_init(struct decode_stage *stage, int window_bits)
{
    struct decode_zlib *zlib = calloc(1, sizeof(*zlib));

    if (!zlib)
        return -ENOMEM;
    if (inflateInit2(&zlib->z, window_bits) != Z_OK) {
        free(zlib);
        return -ENOMEM; /* its other error is a header of another version */
    }
    stage->state = zlib;
    return 0;
}

static int gzip_init(struct decode_stage *stage)
{
    return zlib_init(stage, WINDOW_BITS_GZIP);
}

static int deflate_init(struct decode_stage *stage)
{
    return zlib_init(stage, WINDOW_BITS_ZLIB);
}

static void zlib_deinit(struct decode_stage *stage)
{
    struct decode_zlib *zlib = stage->state;

    (void)inflateEnd(&zlib->z); /* fails only when it was never initialised */
    free(zlib);
    stage->state = NULL;
}

static uInt uint_of(size_t bytes)
{
    return bytes < UINT_MAX ? (uInt)bytes : UINT_MAX;
}

static int zlib_inflate(struct decode_zlib *zlib, struct span *in, struct decode_room *room)
{
    z_stream *z = &zlib->z;
    uInt offered = uint_of(in->bytes);
    int result;

    z->next_in = (const Bytef *)in->data;
    z->avail_in = offered;
    z->next_out = (Bytef *)room->at;
    z->avail_out = uint_of(room->bytes);
    result = inflate(z, Z_NO_FLUSH);
    span_advance(in, offered - z->avail_in);
    room->bytes -= (size_t)((char *)z->next_out - room->at);
    room->at = (char *)z->next_out;
    return result;
}

/* Goes on until a stream ends, *in is empty, or no room is left. */
static enum decode_stage_verdict zlib_run(struct decode_stage *stage, struct span *in,
                                          struct decode_room *room)
{
    struct decode_zlib *zlib = stage->state;

    do {
        if (room->bytes == 0)
            return DECODE_STAGE_FULL;
        switch (zlib_inflate(zlib, in, room)) {
        case Z_OK:
        case Z_BUF_ERROR: /* had nothing to do: what it holds was written already */
            break;
        case Z_STREAM_END:
            stage->has_ended = true;
            return DECODE_STAGE_DRY;
        case Z_MEM_ERROR:
            return DECODE_STAGE_NO_MEMORY;
        default: /* Z_DATA_ERROR, Z_NEED_DICT */
            return decode_stage_fail(stage, stage->kind->corrupt);
        }
    } while (in->bytes > 0 || room->bytes == 0);
    return DECODE_STAGE_DRY;
}

/* Behind a member: another one, or zeros up to the end. */
static bool gzip_begin_member(struct decode_stage *stage, struct span *in)
{
    struct decode_zlib *zlib = stage->state;

    while (in->bytes > 0 && *in->data == 0) {
        zlib->is_padded = true;
        span_advance(in, 1);
    }
    if (in->bytes == 0)
        return true;
    if (zlib->is_padded || (unsigned char)*in->data != GZIP_FIRST_BYTE)
        return false;
    (void)inflateReset(&zlib->z); /* fails only when it was never initialised */
    stage->has_ended = false;
    return true;
}

static enum decode_stage_verdict gzip_run(struct decode_stage *stage, struct span *in,
                                          struct decode_room *room)
{
    enum decode_stage_verdict verdict = DECODE_STAGE_DRY;

    stage->has_begun |= in->bytes > 0;
    do {
        if (stage->has_ended && !gzip_begin_member(stage, in))
            return decode_stage_fail(stage, stage->kind->followed);
        if (!stage->has_ended)
            verdict = zlib_run(stage, in, room);
    } while (verdict == DECODE_STAGE_DRY && in->bytes > 0);
    return verdict;
}

/* Looks at up to two bytes at the front of the body. The first is held back, and given to zlib with
 * the format; by itself it gives no output in any. */
static void deflate_sniff(struct decode_zlib *zlib, struct span *in)
{
    struct span held = span_of(&zlib->held, 1);
    struct decode_room no_room = { (char *)&zlib->held, 0 };
    unsigned first;

    if (in->bytes > 0 && zlib->sniff == SNIFF_NOTHING) {
        zlib->held = (unsigned char)*in->data;
        if ((zlib->held & 0x0f) != Z_DEFLATED || zlib->held >> 4 > MAX_WBITS - 8) {
            (void)inflateReset2(&zlib->z, WINDOW_BITS_BARE); /* as above */
            zlib->sniff = SNIFF_DONE;
            return;
        }
        span_advance(in, 1);
        zlib->sniff = SNIFF_MAYBE;
    }
    if (in->bytes > 0 && zlib->sniff == SNIFF_MAYBE) {
        first = zlib->held;
        if ((first << 8 | (unsigned char)*in->data) % 31 != 0)
            (void)inflateReset2(&zlib->z, WINDOW_BITS_BARE); /* as above */
        (void)zlib_inflate(zlib, &held, &no_room);           /* an error will come again */
        assert(held.bytes == 0);
        zlib->sniff = SNIFF_DONE;
    }
}

static enum decode_stage_verdict deflate_run(struct decode_stage *stage, struct span *in,
                                             struct decode_room *room)
{
    struct decode_zlib *zlib = stage->state;
    enum decode_stage_verdict verdict = DECODE_STAGE_DRY;

    stage->has_begun |= in->bytes > 0;
    if (zlib->sniff != SNIFF_DONE)
        deflate_sniff(zlib, in);
    if (zlib->sniff == SNIFF_DONE && !stage->has_ended)
        verdict = zlib_run(stage, in, room);
    if (stage->has_ended && in->bytes > 0)
        return decode_stage_fail(stage, stage->kind->followed);
    return verdict;
}

const struct decode_kind decode_gzip = {
    .corrupt = "corrupt gzip data",
    .followed = "bytes behind the end of the gzip data",
    .cut_short = "the gzip data is cut short",
    .init = gzip_init,
    .deinit = zlib_deinit,
    .run = gzip_run,
};

const struct decode_kind decode_deflate = {
    .corrupt = "corrupt deflate data",
    .followed = "bytes behind the end of the deflate data",
    .cut_short = "the deflate data is cut short",
    .init = deflate_init,
    .deinit = zlib_deinit,
    .run = deflate_run,
};
