/*
 * frame.c - the stream's only loop over untrusted lengths.
 *
 * A read usually ends in the middle of a frame and holds many whole ones before it. The whole ones
 * are handed out where they lie; only the last, unfinished one is copied, and only it ever needs
 * memory. So the reader is in one of three states, all told by its buffer:
 *
 *      empty --- part of a frame ---> filling --- its last byte ---> delivered
 *        ^                              |  ^                             |
 *        |                              +--+ more bytes                  |
 *        +------------------------ the next call ------------------------+
 *
 * A claimed length is checked as soon as the 16 bytes of its header are here, and never allocated:
 * the buffer doubles behind the bytes that have really arrived. A peer that announces a megabyte
 * and sends ten bytes costs us 256.
 *
 * Rejected: one buffer per session that every read lands in. A frame across its end would have to
 * be moved, and idle sessions would hold it for nothing.
 */
#include "frame.h"

#include <assert.h>
#include <stdlib.h>

#define FRAME_HEADER_BYTES sizeof(struct wire_header)
#define FRAME_BUFFER_BYTES_MIN 256u
#define FRAME_BUFFER_BYTES_KEPT (64u << 10) /* more is given back after its frame */

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are wire bytes as they lie");

void frame_reader_init(struct frame_reader *reader)
{
    *reader = (struct frame_reader){ 0 };
}

void frame_reader_deinit(struct frame_reader *reader)
{
    free(reader->buffer);
    *reader = (struct frame_reader){ 0 };
}

bool frame_reader_is_mid_frame(const struct frame_reader *reader)
{
    return reader->buffer_bytes > 0 && !reader->deliver_buffer;
}

static bool header_is_good(const struct wire_header *header)
{
    return header->length >= FRAME_HEADER_BYTES && header->length <= WIRE_FRAME_BYTES_MAX &&
           header->length % 8 == 0 && header->fd_count <= WIRE_FRAME_FDS_MAX;
}

static void frame_set(struct frame *frame, const struct wire_header *header, const char *bytes)
{
    frame->header = *header;
    frame->payload = span_of(bytes + FRAME_HEADER_BYTES, header->length - FRAME_HEADER_BYTES);
}

/* The frame handed out last is the caller's no more. */
static void frame_reader_reset(struct frame_reader *reader)
{
    reader->deliver_buffer = false;
    reader->buffer_bytes = 0;
    if (reader->buffer_capacity > FRAME_BUFFER_BYTES_KEPT) {
        free(reader->buffer);
        reader->buffer = NULL;
        reader->buffer_capacity = 0;
    }
}

static bool frame_reader_reserve(struct frame_reader *reader, size_t bytes)
{
    size_t capacity = reader->buffer_capacity;
    char *buffer;

    if (bytes <= capacity)
        return true;
    if (capacity < FRAME_BUFFER_BYTES_MIN)
        capacity = FRAME_BUFFER_BYTES_MIN;
    while (capacity < bytes)
        capacity *= 2;
    buffer = realloc(reader->buffer, capacity);
    if (!buffer)
        return false;
    reader->buffer = buffer;
    reader->buffer_capacity = capacity;
    return true;
}

/* Moves bytes from *in until the buffer holds bytes_wanted, or *in is empty. */
static enum frame_verdict frame_reader_fill(struct frame_reader *reader, struct span *in,
                                            size_t bytes_wanted)
{
    size_t bytes_missing = bytes_wanted - reader->buffer_bytes;
    size_t bytes = in->bytes < bytes_missing ? in->bytes : bytes_missing;

    assert(reader->buffer_bytes <= bytes_wanted);
    if (bytes > 0) {
        if (!frame_reader_reserve(reader, reader->buffer_bytes + bytes))
            return FRAME_NO_MEMORY;
        memcpy(reader->buffer + reader->buffer_bytes, in->data, bytes);
        reader->buffer_bytes += bytes;
        span_advance(in, bytes);
    }
    return bytes == bytes_missing ? FRAME_READY : FRAME_NEED_MORE;
}

/* Goes on with the frame that begins in the buffer, or begins one there. */
static enum frame_verdict frame_next_buffered(struct frame_reader *reader, struct span *in,
                                              struct frame *ret_frame)
{
    struct wire_header header;
    enum frame_verdict verdict;

    if (reader->buffer_bytes < FRAME_HEADER_BYTES) {
        verdict = frame_reader_fill(reader, in, FRAME_HEADER_BYTES);
        if (verdict != FRAME_READY)
            return verdict;
    }
    memcpy(&header, reader->buffer, sizeof(header));
    if (!header_is_good(&header))
        return FRAME_BAD;

    verdict = frame_reader_fill(reader, in, header.length);
    if (verdict != FRAME_READY)
        return verdict;
    reader->deliver_buffer = true;
    frame_set(ret_frame, &header, reader->buffer);
    return FRAME_READY;
}

enum frame_verdict frame_next(struct frame_reader *reader, struct span *in, struct frame *ret_frame)
{
    struct wire_header header;

    if (reader->deliver_buffer)
        frame_reader_reset(reader);
    if (reader->buffer_bytes > 0 || in->bytes < FRAME_HEADER_BYTES)
        return frame_next_buffered(reader, in, ret_frame);

    memcpy(&header, in->data, sizeof(header));
    if (!header_is_good(&header))
        return FRAME_BAD;
    if (in->bytes < header.length)
        return frame_next_buffered(reader, in, ret_frame);
    frame_set(ret_frame, &header, in->data);
    span_advance(in, header.length);
    return FRAME_READY;
}
