/*
 * decode_brotli.c - br, by libbrotlidec.
 *
 * Its window is the format's, up to 16 MiB, and allocated no larger than the stream's blocks claim
 * to need. Large windows (up to 1 GiB) are an extension that the decoder refuses unless asked.
 */
#include "decode_stage.h"

#include <brotli/decode.h>
#include <errno.h>

static int brotli_init(struct decode_stage *stage)
{
    stage->state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    return stage->state ? 0 : -ENOMEM;
}

static void brotli_deinit(struct decode_stage *stage)
{
    BrotliDecoderDestroyInstance(stage->state);
    stage->state = NULL;
}

static enum decode_stage_verdict brotli_fail(struct decode_stage *stage)
{
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(stage->state);

    if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
        code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
        return DECODE_STAGE_NO_MEMORY;
    return decode_stage_fail(stage, stage->kind->corrupt);
}

static enum decode_stage_verdict brotli_run(struct decode_stage *stage, struct span *in,
                                            struct decode_room *room)
{
    const uint8_t *next_in = (const uint8_t *)in->data;
    uint8_t *next_out = (uint8_t *)room->at;
    size_t in_left = in->bytes;
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_SUCCESS;

    if (!stage->has_ended)
        result = BrotliDecoderDecompressStream(stage->state, &in_left, &next_in, &room->bytes,
                                               &next_out, NULL);
    stage->has_begun |= in->bytes > 0;
    span_advance(in, in->bytes - in_left);
    room->at = (char *)next_out;

    switch (result) {
    case BROTLI_DECODER_RESULT_SUCCESS:
        stage->has_ended = true;
        if (in->bytes > 0)
            return decode_stage_fail(stage, stage->kind->followed);
        return DECODE_STAGE_DRY;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT: /* also when it has written all it had room for */
        return BrotliDecoderHasMoreOutput(stage->state) ? DECODE_STAGE_FULL : DECODE_STAGE_DRY;
    case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
        return DECODE_STAGE_FULL;
    case BROTLI_DECODER_RESULT_ERROR:
        break;
    }
    return brotli_fail(stage);
}

const struct decode_kind decode_brotli = {
    .corrupt = "corrupt br data",
    .followed = "bytes behind the end of the br data",
    .cut_short = "the br data is cut short",
    .init = brotli_init,
    .deinit = brotli_deinit,
    .run = brotli_run,
};
