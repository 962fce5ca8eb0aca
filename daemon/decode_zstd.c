/*
 * decode_zstd.c - zstd, by libzstd.
 *
 * A frame's header is given to the library byte by byte, for two reasons.
 *
 * Given a whole frame at once, it takes a short cut that needs no window and so does not look at
 * the limit on it: the same body would be good or bad by its cut. It cannot see a whole frame in
 * one byte.
 *
 * And it can be built to read formats older than RFC 8878, whose windows are under no limit. Their
 * frames begin otherwise: we compare the magic numbers.
 */
#include "decode_stage.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 23 /* 8 MiB, RFC 9659 */
#define MAGIC_BYTES 4u
#define HEAD_BYTES_MAX 18u /* magic number and frame header */

struct decode_zstd {
    ZSTD_DStream *stream;
    unsigned char first;  /* of the frame */
    unsigned head_bytes;  /* taken of the frame, counted up to HEAD_BYTES_MAX */
    bool may_have_output; /* the room was too small, or just enough */
};

static void zstd_deinit(struct decode_stage *stage)
{
    struct decode_zstd *zstd = stage->state;

    (void)ZSTD_freeDStream(zstd->stream); /* cannot fail; NULL is fine */
    free(zstd);
    stage->state = NULL;
}

static int zstd_init(struct decode_stage *stage)
{
    struct decode_zstd *zstd = calloc(1, sizeof(*zstd));

    stage->state = zstd;
    if (!zstd)
        return -ENOMEM;
    zstd->stream = ZSTD_createDStream();
    if (zstd->stream &&
        !ZSTD_isError(ZSTD_DCtx_setParameter(zstd->stream, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return 0;
    zstd_deinit(stage);
    return -ENOMEM;
}

/* Can this byte stand at head_bytes of a frame, 28 b5 2f fd, or of a skippable one, 5x 2a 4d 18? */
static bool zstd_is_magic(const struct decode_zstd *zstd, unsigned char byte)
{
    static const unsigned char frame[MAGIC_BYTES] = { 0x28, 0xb5, 0x2f, 0xfd };
    static const unsigned char skippable[MAGIC_BYTES] = { 0x50, 0x2a, 0x4d, 0x18 };

    if (zstd->head_bytes == 0)
        return byte == frame[0] || (byte & 0xf0) == skippable[0];
    return byte == (zstd->first == frame[0] ? frame : skippable)[zstd->head_bytes];
}

/* One call of the library. *ret_left is 0 when a frame has ended and all of it was written; it is
 * not set with BAD and NO_MEMORY. */
static enum decode_stage_verdict zstd_decompress(struct decode_stage *stage, struct span *in,
                                                 struct decode_room *room, size_t *ret_left)
{
    struct decode_zstd *zstd = stage->state;
    bool is_in_head = zstd->head_bytes < HEAD_BYTES_MAX;
    ZSTD_inBuffer from = { in->data, is_in_head && in->bytes > 0 ? 1 : in->bytes, 0 };
    ZSTD_outBuffer to = { room->at, room->bytes, 0 };
    size_t left = ZSTD_decompressStream(zstd->stream, &to, &from);

    if (ZSTD_isError(left)) {
        switch ((int)ZSTD_getErrorCode(left)) {
        case ZSTD_error_memory_allocation:
            return DECODE_STAGE_NO_MEMORY;
        case ZSTD_error_frameParameter_windowTooLarge:
            return decode_stage_fail(stage, "the zstd data needs a window above 8 MiB");
        default:
            return decode_stage_fail(stage, stage->kind->corrupt);
        }
    }
    if (is_in_head)
        zstd->head_bytes += (unsigned)from.pos;
    span_advance(in, from.pos);
    room->at += to.pos;
    room->bytes -= to.pos;
    *ret_left = left;
    return room->bytes > 0 ? DECODE_STAGE_DRY : DECODE_STAGE_FULL;
}

/* The library may not be called for nothing: after a few such calls it sees an error. */
static enum decode_stage_verdict zstd_run(struct decode_stage *stage, struct span *in,
                                          struct decode_room *room)
{
    struct decode_zstd *zstd = stage->state;
    enum decode_stage_verdict verdict = DECODE_STAGE_DRY;

    stage->has_begun |= in->bytes > 0;
    while (verdict == DECODE_STAGE_DRY && (in->bytes > 0 || zstd->may_have_output)) {
        size_t left = 1;

        if (in->bytes > 0 && zstd->head_bytes < MAGIC_BYTES) {
            unsigned char byte = (unsigned char)*in->data;

            if (!zstd_is_magic(zstd, byte))
                return decode_stage_fail(stage, stage->has_ended ? stage->kind->followed
                                                                 : stage->kind->corrupt);
            if (zstd->head_bytes == 0)
                zstd->first = byte;
            stage->has_ended = false;
        }
        verdict = zstd_decompress(stage, in, room, &left);
        zstd->may_have_output = verdict == DECODE_STAGE_FULL && left > 0;
        if (left == 0) {
            zstd->head_bytes = 0;
            stage->has_ended = true;
        }
    }
    return verdict;
}

const struct decode_kind decode_zstd = {
    .corrupt = "corrupt zstd data",
    .followed = "bytes behind the end of the zstd data",
    .cut_short = "the zstd data is cut short",
    .init = zstd_init,
    .deinit = zstd_deinit,
    .run = zstd_run,
};
