/*
 * ring_receive.c - the shared receive buffers, and the receives that go on and on.
 *
 * A connection that waits owns no buffer: its receive names a group, and the kernel takes the next
 * buffer of the group when bytes are there. The buffer is ours for the time of the callback and
 * goes back right after it, so at the end of a dispatch every buffer is on its way to the kernel.
 *
 * Few buffers go round, because the kernel uses them all in turn: each one published ends up in our
 * resident memory and pushes the others out of the cache. When a receive finds none (-ENOBUFS, an
 * ordinary event), their number is doubled up to the bound, and the op waits in a list, first come
 * first served. Not more ops leave it per turn than there are buffers; a thousand sockets on four
 * buffers make progress in turns of four instead of failing in turns of a thousand.
 *
 * Where the kernel cannot do this right, a poll tells when bytes are there and a plain recv(2)
 * fetches them into one buffer, one system call per receive: slow, but with the same events.
 *
 * Rejected: lending buffers to callers (one slow reader could starve all), buffers consumed in
 * pieces and bundles of buffers (their rules differ between the kernels we run on).
 */
#include "ring_internal.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#define BUFFERS_MAX 32768     /* the kernel's */
#define POLLED_RECEIVES_MAX 4 /* per readiness, so that one socket cannot keep the loop */

char *ring_buffer_data(const struct ring_buffers *buffers, unsigned id)
{
    return buffers->memory + (size_t)id * buffers->buffer_bytes;
}

/* The kernel sees it with the next enter. */
static void give_buffer(struct ring_buffers *buffers, unsigned id)
{
    assert(id < buffers->published);
    assert(buffers->available + buffers->added < buffers->published);
    io_uring_buf_ring_add(buffers->shared, ring_buffer_data(buffers, id), buffers->buffer_bytes,
                          (unsigned short)id, io_uring_buf_ring_mask(buffers->entries),
                          (int)buffers->added);
    buffers->added++;
}

static void publish_buffers(struct ring_buffers *buffers, unsigned published)
{
    unsigned first = buffers->published;

    buffers->published = published < buffers->count ? published : buffers->count;
    for (unsigned id = first; id < buffers->published; id++)
        give_buffer(buffers, id);
}

void ring_buffers_show(struct ring *ring)
{
    struct ring_buffers *buffers = &ring->buffers;

    if (buffers->added == 0)
        return;
    io_uring_buf_ring_advance(buffers->shared, (int)buffers->added);
    buffers->available += buffers->added;
    buffers->added = 0;
}

static int map_memory(size_t bytes, void **ret_memory)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    *ret_memory = memory;
    return 0;
}

static int share_buffers(struct ring *ring)
{
    struct ring_buffers *buffers = &ring->buffers;
    struct io_uring_buf_reg registration = { .bgid = RING_BUFFER_GROUP };
    void *memory = NULL; /* gcc does not see that map_memory fills it in */
    int r;

    for (buffers->entries = 1; buffers->entries < buffers->count;)
        buffers->entries *= 2;
    r = map_memory(buffers->entries * sizeof(struct io_uring_buf), &memory);
    if (r < 0)
        return r;
    buffers->shared = memory;
    registration.ring_addr = (uint64_t)(uintptr_t)memory;
    registration.ring_entries = buffers->entries;
    r = io_uring_register_buf_ring(&ring->uring, &registration, 0);
    if (r < 0)
        return r;
    io_uring_buf_ring_init(buffers->shared);
    return 0;
}

int ring_buffers_init(struct ring *ring, const struct ring_options *options)
{
    struct ring_buffers *buffers = &ring->buffers;
    void *memory = NULL; /* gcc does not see that map_memory fills it in */
    int r;

    assert(options->buffers_max > 0);
    assert(options->buffers_max <= BUFFERS_MAX);
    buffers->count = ring->tier.multishot ? options->buffers_max : 1;
    buffers->buffer_bytes = options->buffer_bytes;
    buffers->memory_bytes = (size_t)buffers->count * buffers->buffer_bytes;
    r = map_memory(buffers->memory_bytes, &memory);
    if (r < 0)
        return r;
    buffers->memory = memory;
    /* A huge page would make untouched buffers resident. Advice: a kernel may not know it. */
    (void)madvise(memory, buffers->memory_bytes, MADV_NOHUGEPAGE);
    if (!ring->tier.multishot)
        return 0;

    r = share_buffers(ring);
    if (r < 0)
        return r;
    publish_buffers(buffers, options->buffers_published);
    return 0;
}

void ring_buffers_deinit(struct ring *ring)
{
    struct ring_buffers *buffers = &ring->buffers;

    if (buffers->shared)
        (void)munmap(buffers->shared, buffers->entries * sizeof(struct io_uring_buf));
    if (buffers->memory)
        (void)munmap(buffers->memory, buffers->memory_bytes);
    *buffers = (struct ring_buffers){ 0 };
}

/* ---- receives ---- */

static void ring_starve(struct ring *ring, struct ring_op *op)
{
    ring->counters.starved++;
    publish_buffers(&ring->buffers, ring->buffers.published * 2);
    op->starved = true;
    list_link_back(&ring->starved, &op->link);
}

void ring_feed_starved(struct ring *ring)
{
    unsigned buffers = ring->buffers.available + ring->buffers.added;
    struct list *link;

    while (buffers-- > 0 && (link = list_pop(&ring->starved))) {
        struct ring_op *op = container_of(link, struct ring_op, link);

        op->starved = false;
        ring_arm_recv_many(ring, op);
    }
}

void ring_buffer_return(struct ring *ring, unsigned id)
{
    assert(ring->buffers.available > 0);
    ring->buffers.available--;
    give_buffer(&ring->buffers, id);
}

/* Three questions to each completion, independent of each other: is there a buffer, what does the
 * result say, does the op go on. */
void ring_complete_recv_many(struct ring *ring, struct ring_op *op, int32_t result, uint32_t flags)
{
    struct ring_event event = {
        .result = result,
        .more = flags & IORING_CQE_F_MORE,
        .submitted_ns = op->submitted_ns,
        .completed_ns = ring->now_ns,
    };
    unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;

    if (result > 0) {
        assert(flags & IORING_CQE_F_BUFFER);
        event.bytes = span_of(ring_buffer_data(&ring->buffers, id), (size_t)result);
        ring->counters.receives++;
    }

    if (result == -ENOBUFS && !event.more) {
        if (!op->cancelled) {
            ring_starve(ring, op);
            return;
        }
        event.result = -ECANCELED; /* the cancel has missed it: it had ended already */
    }

    assert(op->in_flight);
    op->in_flight = event.more;
    op->done(op, &event);
    if (flags & IORING_CQE_F_BUFFER)
        ring_buffer_return(ring, id);
}

void ring_complete_recv_poll(struct ring *ring, struct ring_op *op, int32_t result)
{
    for (unsigned i = 0; i < POLLED_RECEIVES_MAX && result >= 0 && !op->cancelled; i++) {
        struct ring_event event = { .more = true, .completed_ns = ring->now_ns };
        ssize_t bytes =
            recv(op->fd, ring->buffers.memory, ring->buffers.buffer_bytes, MSG_DONTWAIT);

        if (bytes < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (bytes <= 0) {
            ring_end_op(ring, op, bytes < 0 ? -errno : 0);
            return;
        }
        ring->counters.receives++;
        event.result = (int32_t)bytes;
        event.bytes = span_of(ring->buffers.memory, (size_t)bytes);
        op->done(op, &event);
    }

    if (result < 0)
        ring_end_op(ring, op, result);
    else if (op->cancelled)
        ring_end_op(ring, op, -ECANCELED);
    else
        ring_arm_recv_poll(ring, op);
}
