/*
 * writer_fake.c - files in memory, written from the ring's deferred work.
 */
#include "writer_fake.h"

#include "sure.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MAX (1u << 22)

struct writer_file {
    struct list link;
    const struct writer_file_ops *ops;
    void *ctx;
    int fd;
    int error;
    size_t queued_bytes; /* at the end of the writer's text, not yet told */
    bool is_closing;
    bool is_starved;
};

struct writer {
    struct ring *ring;
    struct list files;
    struct ring_deferred work;
    char *text; /* of the file opened last */
    size_t text_bytes;
    bool is_held;
    bool is_full;
    bool is_shut_down;
    int next_error;
};

static void file_end(struct writer_file *file)
{
    const struct writer_file_ops *ops = file->ops;
    void *ctx = file->ctx;
    int error = file->error;

    list_unlink(&file->link);
    (void)close(file->fd);
    free(file);
    if (ops)
        ops->closed(ctx, error);
}

static void writer_on_work(struct ring_deferred *deferred)
{
    struct writer *writer = container_of(deferred, struct writer, work);
    struct list *at, *next;

    for (at = writer->files.next; at != &writer->files && !writer->is_held; at = next) {
        struct writer_file *file = container_of(at, struct writer_file, link);
        size_t bytes = file->queued_bytes;
        bool tell = bytes > 0 || (file->is_starved && !writer->is_full);

        next = at->next;
        file->queued_bytes = 0;
        if (bytes > 0 && writer->next_error) {
            file->error = writer->next_error;
            writer->next_error = 0;
        }
        if (tell && !file->is_closing) {
            file->is_starved = false;
            file->ops->written(file->ctx, file->error, bytes);
        }
        if (file->is_closing)
            file_end(file);
    }
}

int writer_new(struct writer **ret_writer, struct ring *ring, const struct writer_options *options)
{
    struct writer *writer = sure_calloc(1, sizeof(*writer));

    (void)options;
    assert(writer);
    writer->ring = ring;
    writer->work.run = writer_on_work;
    writer->text = sure_malloc(TEXT_MAX);
    assert(writer->text);
    list_init(&writer->files);
    *ret_writer = writer;
    return 0;
}

void writer_free(struct writer *writer)
{
    if (!writer)
        return;
    assert(list_is_empty(&writer->files));
    ring_undefer(&writer->work);
    free(writer->text);
    free(writer);
}

int writer_open(struct writer *writer, int fd, const struct writer_file_ops *ops, void *ctx,
                struct writer_file **ret_file)
{
    struct writer_file *file;

    assert(!writer->is_shut_down);
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    file = sure_calloc(1, sizeof(*file));
    assert(file);
    file->fd = fd;
    file->ops = ops;
    file->ctx = ctx;
    list_link_back(&writer->files, &file->link);
    writer->text_bytes = 0;
    *ret_file = file;
    return 0;
}

bool writer_write(struct writer *writer, struct writer_file *file, struct span bytes)
{
    assert(!file->is_closing);
    if (writer->is_full) {
        file->is_starved = true;
        return false;
    }
    assert(writer->text_bytes + bytes.bytes <= TEXT_MAX);
    memcpy(writer->text + writer->text_bytes, bytes.data, bytes.bytes);
    writer->text_bytes += bytes.bytes;
    file->queued_bytes += bytes.bytes;
    ring_defer(writer->ring, &writer->work);
    return true;
}

void writer_restart(struct writer *writer, struct writer_file *file)
{
    assert(!file->is_closing);
    writer->text_bytes = 0;
}

void writer_close(struct writer *writer, struct writer_file *file, bool discard)
{
    (void)discard;
    assert(!file->is_closing);
    file->is_closing = true;
    ring_defer(writer->ring, &writer->work);
}

void writer_shutdown(struct writer *writer)
{
    writer->is_shut_down = true;
    for (struct list *at = writer->files.next; at != &writer->files; at = at->next) {
        struct writer_file *file = container_of(at, struct writer_file, link);

        if (!file->is_closing) {
            file->ops = NULL;
            writer_close(writer, file, true);
        }
    }
}

bool writer_is_idle(const struct writer *writer)
{
    return list_is_empty(&writer->files) && !writer->work.pending;
}

void writer_check(const struct writer *writer)
{
    assert(writer->text_bytes <= TEXT_MAX);
}

void fake_writer_hold(struct writer *writer)
{
    writer->is_held = true;
}

void fake_writer_release(struct writer *writer)
{
    writer->is_held = false;
    ring_defer(writer->ring, &writer->work);
}

void fake_writer_fill(struct writer *writer)
{
    writer->is_full = true;
}

void fake_writer_empty(struct writer *writer)
{
    writer->is_full = false;
    ring_defer(writer->ring, &writer->work);
}

void fake_writer_fails(struct writer *writer, int error)
{
    writer->next_error = error;
}

struct span fake_writer_text(const struct writer *writer)
{
    return span_of(writer->text, writer->text_bytes);
}

unsigned fake_writer_files(const struct writer *writer)
{
    unsigned count = 0;

    for (struct list *at = writer->files.next; at != &writer->files; at = at->next)
        count++;
    return count;
}
