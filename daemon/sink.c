/*
 * sink.c - three kinds of place for a body: nowhere, the client's socket, a file.
 *
 * A sink always takes what it is given and answers FULL when it wants a pause; so its owner never
 * holds half a piece. The bound is kept by asking early: a piece is a receive buffer, or what came
 * before the connection could be paused.
 */
#include "sink.h"

#include <assert.h>
#include <errno.h>

#define SINK_PIECE_BYTES_MAX (256u << 10) /* of one block; a DATA frame has room for it */

void sink_init(struct sink *sink, const struct sink_options *options,
               void (*on_ready)(struct sink *sink))
{
    *sink = (struct sink){ .kind = options->kind,
                           .front = options->front,
                           .writer = options->writer,
                           .file = options->file,
                           .id = options->id,
                           .window_bytes = options->window_bytes,
                           .on_ready = on_ready };
}

void sink_deinit(struct sink *sink)
{
    block_free(sink->kept);
    sink->kept = NULL;
}

static enum sink_verdict sink_fail(struct sink *sink, enum fault_code code, int error)
{
    fault_set(&sink->fault, code, PHASE_DELIVER, error, NULL);
    return SINK_FAILED;
}

/* What a connection kept aside while it was paused comes at once, and may be more than a frame. */
static enum sink_verdict sink_post(struct sink *sink, struct span body)
{
    struct span piece;
    struct block *block;

    while (!span_is_empty(body)) {
        (void)span_take(&body,
                        body.bytes < SINK_PIECE_BYTES_MAX ? body.bytes : SINK_PIECE_BYTES_MAX,
                        &piece); /* never more than there is */
        /* Room for the padding of a DATA frame, so that the session need not copy. */
        block = block_copy(piece, 8);
        if (!block)
            return sink_fail(sink, FAULT_LOCAL_NO_MEMORY, ENOMEM);
        sink->bytes_on_way += piece.bytes;
        sink->front->body(sink->front->ctx, sink->id, block);
    }
    if (sink->bytes_on_way < sink->window_bytes)
        return SINK_TAKEN;
    sink->full = true;
    return SINK_FULL;
}

static enum sink_verdict sink_to_file(struct sink *sink, struct span body)
{
    assert(!sink->kept);
    if (writer_write(sink->writer, sink->file, body)) {
        sink->bytes_on_way += body.bytes;
        if (sink->bytes_on_way < SINK_BYTES_MAX)
            return SINK_TAKEN;
    } else {
        sink->kept = block_copy(body, 0);
        if (!sink->kept)
            return sink_fail(sink, FAULT_LOCAL_NO_MEMORY, ENOMEM);
    }
    sink->full = true;
    return SINK_FULL;
}

enum sink_verdict sink_write(struct sink *sink, struct span body)
{
    if (fault_is_set(&sink->fault))
        return SINK_FAILED;
    switch (sink->kind) {
    case ATTEMPT_SINK_DISCARD:
        return SINK_TAKEN;
    case ATTEMPT_SINK_DATA:
        return sink_post(sink, body);
    case ATTEMPT_SINK_FILE:
        return sink_to_file(sink, body);
    }
    return SINK_FAILED;
}

bool sink_is_settled(const struct sink *sink)
{
    return !sink->kept;
}

/* The writer had no room for it; now it may. */
static void sink_retry_kept(struct sink *sink)
{
    struct block *kept = sink->kept;

    if (!fault_is_set(&sink->fault)) {
        if (!writer_write(sink->writer, sink->file, block_span(kept)))
            return;
        sink->bytes_on_way += kept->bytes;
    }
    sink->kept = NULL;
    block_free(kept);
}

void sink_returned(struct sink *sink, size_t bytes, int error)
{
    size_t bytes_max = sink->kind == ATTEMPT_SINK_DATA ? sink->window_bytes : SINK_BYTES_MAX;

    assert(bytes <= sink->bytes_on_way);
    sink->bytes_on_way -= bytes;
    if (error)
        (void)sink_fail(sink, FAULT_SINK_WRITE, error);
    if (sink->kept)
        sink_retry_kept(sink);
    if (!error && (!sink->full || sink->kept || sink->bytes_on_way >= bytes_max))
        return;
    sink->full = false;
    sink->on_ready(sink);
}
