/*
 * outbox.c - a list of blocks and one sendmsg.
 *
 * Small frames are written behind each other into shared blocks; bodies are linked in as they are.
 * The send is armed from the deferred list, so everything that one turn brings leaves together:
 * both hops of the socket cost per group, not per item.
 */
#include "outbox.h"

#include <assert.h>
#include <errno.h>

#define OUTBOX_BLOCK_BYTES (64u << 10)

static void outbox_on_flush(struct ring_deferred *deferred);
static void outbox_on_sent(struct ring_op *op, const struct ring_event *event);

void outbox_init(struct outbox *outbox, struct ring *ring, int fd,
                 const struct outbox_events *events, void *ctx)
{
    *outbox = (struct outbox){ .ring = ring, .events = events, .ctx = ctx, .fd = fd };
    outbox->op.done = outbox_on_sent;
    outbox->flush.run = outbox_on_flush;
    list_init(&outbox->blocks);
}

void outbox_deinit(struct outbox *outbox)
{
    if (!outbox->ring)
        return;
    assert(!outbox->op.in_flight);
    ring_undefer(&outbox->flush);
    block_free_all(&outbox->blocks);
    outbox->ring = NULL;
}

bool outbox_is_empty(const struct outbox *outbox)
{
    return list_is_empty(&outbox->blocks);
}

bool outbox_is_sending(const struct outbox *outbox)
{
    return outbox->op.in_flight;
}

static void outbox_wake(struct outbox *outbox)
{
    if (!outbox->op.in_flight && !outbox->failed)
        ring_defer(outbox->ring, &outbox->flush);
}

char *outbox_reserve(struct outbox *outbox, size_t bytes)
{
    struct block *tail = outbox->tail;
    char *at;

    if (!tail || block_room(tail) < bytes) {
        tail = block_new(bytes > OUTBOX_BLOCK_BYTES ? bytes : OUTBOX_BLOCK_BYTES);
        if (!tail)
            return NULL;
        list_link_back(&outbox->blocks, &tail->link);
        outbox->tail = tail;
    }
    at = tail->data + tail->bytes;
    tail->bytes += bytes;
    outbox->bytes_queued += bytes;
    outbox_wake(outbox);
    return at;
}

void outbox_push_block(struct outbox *outbox, struct block *block)
{
    list_link_back(&outbox->blocks, &block->link);
    outbox->tail = NULL;
    outbox->bytes_queued += block->bytes;
    outbox_wake(outbox);
}

static void outbox_on_flush(struct ring_deferred *deferred)
{
    struct outbox *outbox = container_of(deferred, struct outbox, flush);
    size_t skip = outbox->first_sent_bytes;
    unsigned count = 0;

    if (outbox->op.in_flight || outbox->failed || outbox_is_empty(outbox))
        return;
    for (struct list *at = outbox->blocks.next; at != &outbox->blocks && count < OUTBOX_PIECES_MAX;
         at = at->next) {
        struct block *block = container_of(at, struct block, link);

        outbox->pieces[count++] =
            (struct iovec){ .iov_base = block->data + skip, .iov_len = block->bytes - skip };
        skip = 0;
    }
    outbox->tail = NULL; /* the kernel reads it */
    outbox->message = (struct msghdr){ .msg_iov = outbox->pieces, .msg_iovlen = count };
    ring_sendmsg(outbox->ring, &outbox->op, outbox->fd, &outbox->message);
}

static void outbox_take_sent(struct outbox *outbox, size_t bytes)
{
    outbox->bytes_queued -= bytes;
    bytes += outbox->first_sent_bytes;
    while (!outbox_is_empty(outbox)) {
        struct block *block = container_of(outbox->blocks.next, struct block, link);

        if (bytes < block->bytes)
            break;
        bytes -= block->bytes;
        list_unlink(&block->link);
        block_free(block);
    }
    outbox->first_sent_bytes = bytes;
}

static void outbox_on_sent(struct ring_op *op, const struct ring_event *event)
{
    struct outbox *outbox = container_of(op, struct outbox, op);

    if (event->result < 0 && event->result != -EINTR && event->result != -EAGAIN) {
        outbox->failed = true;
        outbox->events->failed(outbox->ctx, -event->result);
        return;
    }
    if (event->result > 0)
        outbox_take_sent(outbox, (size_t)event->result);
    if (!outbox_is_empty(outbox))
        outbox_wake(outbox);
    outbox->events->progress(outbox->ctx);
}

void outbox_cancel(struct outbox *outbox)
{
    outbox->failed = true;
    if (outbox->op.in_flight)
        ring_cancel(outbox->ring, &outbox->op);
}
