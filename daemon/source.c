/*
 * source.c - reads on the ring, framed as HTTP/1.1 wants it.
 *
 * A file is sent as its length says that it was; what is written behind that meanwhile is not, and
 * a file that has become shorter is a fault: the request can then only be broken off. A stream is
 * sent in chunks (RFC 9112 section 7.1), one for each read: what is in a pipe leaves at once.
 *
 * The room for a chunk's size stands before the bytes that are read. A full piece fills it exactly;
 * a shorter one is moved up to it.
 *
 * Rejected: reading on the writer's thread. Reads of files on the ring need no thread where the
 * page is in memory or the file system can wait by itself, and a file system that hangs would hold
 * up every file of every user.
 */
#include "source.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define CHUNK_HEAD_BYTES 7u /* "10000\r\n" */
#define CHUNK_END "\r\n"
#define LAST_CHUNK "0\r\n\r\n"

static void source_on_read(struct ring_op *op, const struct ring_event *event);

void source_init(struct source *source, struct ring *ring, const struct upload *upload,
                 void (*on_ready)(struct source *source), void (*on_stopped)(struct source *source),
                 void *owner)
{
    assert(upload->bytes > 0);
    *source = (struct source){ .ring = ring,
                               .upload = upload,
                               .op.done = source_on_read,
                               .offset = upload->offset,
                               .bytes_left = upload->bytes,
                               .on_ready = on_ready,
                               .on_stopped = on_stopped,
                               .owner = owner };
}

void source_deinit(struct source *source)
{
    assert(!source->op.in_flight);
    block_free(source->block);
    source->block = NULL;
}

static void source_arm(struct source *source)
{
    const struct upload *upload = source->upload;
    char *room = source->block->data;

    if (upload->is_stream) {
        ring_read(source->ring, &source->op, upload->fd, room + CHUNK_HEAD_BYTES,
                  SOURCE_PIECE_BYTES);
        return;
    }
    ring_read_at(source->ring, &source->op, upload->fd, room,
                 source->bytes_left < SOURCE_PIECE_BYTES ? (size_t)source->bytes_left
                                                         : SOURCE_PIECE_BYTES,
                 source->offset);
}

bool source_read(struct source *source)
{
    if (source->block || source->ended || source->stopped || fault_is_set(&source->fault))
        return true;
    source->block = block_new(CHUNK_HEAD_BYTES + SOURCE_PIECE_BYTES + strlen(CHUNK_END));
    if (!source->block)
        return false;
    source_arm(source);
    return true;
}

struct block *source_take(struct source *source, size_t *ret_payload)
{
    struct block *block = source->block;

    if (!source->is_ready)
        return NULL;
    source->is_ready = false;
    source->block = NULL;
    *ret_payload = source->block_payload;
    return block;
}

bool source_stop(struct source *source)
{
    source->stopped = true;
    if (!source->op.in_flight)
        return true;
    ring_cancel(source->ring, &source->op);
    return false;
}

/* Puts size and line ends around bytes that were read behind the room for them. */
static void put_chunk(struct block *block, size_t bytes)
{
    char head[CHUNK_HEAD_BYTES + 1];
    size_t head_bytes = (size_t)snprintf(head, sizeof(head), "%zx\r\n", bytes);

    assert(head_bytes <= CHUNK_HEAD_BYTES);
    if (head_bytes < CHUNK_HEAD_BYTES)
        memmove(block->data + head_bytes, block->data + CHUNK_HEAD_BYTES, bytes);
    memcpy(block->data, head, head_bytes);
    block->bytes = head_bytes + bytes;
    block_append(block, SPAN_LITERAL(CHUNK_END));
}

static void source_fail(struct source *source, int error, const char *why)
{
    block_free(source->block);
    source->block = NULL;
    fault_set(&source->fault, FAULT_IO_SEND, PHASE_SEND, error, why);
}

static void source_take_bytes(struct source *source, size_t bytes)
{
    struct block *block = source->block;

    source->has_read = true;
    source->block_payload = bytes;
    if (source->upload->is_stream) {
        put_chunk(block, bytes);
        return;
    }
    block->bytes = bytes;
    source->offset += bytes;
    source->bytes_left -= bytes;
    source->ended = source->bytes_left == 0;
}

static void source_take_end(struct source *source)
{
    if (!source->upload->is_stream) {
        source_fail(source, 0, "the file has become shorter while it was sent");
        return;
    }
    source->ended = true;
    source->block_payload = 0;
    block_append(source->block, SPAN_LITERAL(LAST_CHUNK));
}

/* Of a descriptor that does not wait, though reading is ours to wait for. */
static void source_poll(struct source *source)
{
    source->is_polling = true;
    ring_poll(source->ring, &source->op, source->upload->fd, POLLIN);
}

static void source_on_read(struct ring_op *op, const struct ring_event *event)
{
    struct source *source = container_of(op, struct source, op);
    bool was_polling = source->is_polling;
    int32_t result = event->result;

    source->is_polling = false;
    if (source->stopped) {
        source->has_read |= !was_polling && result > 0;
        source->on_stopped(source);
        return;
    }
    if (result == -EINTR || (was_polling && result >= 0)) {
        source_arm(source);
        return;
    }
    if (result == -EAGAIN && !was_polling) {
        source_poll(source);
        return;
    }
    if (result < 0)
        source_fail(source, -result, "the request's body could not be read");
    else if (result == 0)
        source_take_end(source);
    else
        source_take_bytes(source, (size_t)result);
    source->is_ready = source->block != NULL;
    source->on_ready(source);
}
