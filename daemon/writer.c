/*
 * writer.c - the loop's half of the writer: what is queued, who is told.
 *
 *      loop                                        thread (writer_thread.c)
 *   writer_write --> jobs ------------------> pwrite, ftruncate, close (writer_io.c)
 *   written, closed <-- finished <-- eventfd -----+
 *
 * The eventfd is read through the ring only while a file is open, so an idle daemon has no op in
 * flight here. A file has two halves: its target is the thread's from the first job on, the rest is
 * ours, and they meet in the jobs. A file dies on the loop, when its last job, the close, has come
 * back.
 *
 * The queue is charged for the room of its jobs, not for the bytes in them, and small writes share
 * a job: so the bound is a bound of memory even when a body comes in crumbs.
 *
 * A restart is not a job but a mark on the next one, and the job of the close lives in its file:
 * neither needs memory, so neither can fail.
 *
 * Rejected: writes on the ring. Outside XFS and btrfs buffered writes are handed to kernel workers
 * one by one per inode, slower than pwrite here and with threads we do not control.
 */
#include "writer.h"

#include "writer_io.h"
#include "writer_thread.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define QUEUE_BYTES_DEFAULT (16u << 20)
#define JOB_ROOM_MIN 4096u

struct writer_file {
    struct writer_target target;
    const struct writer_file_ops *ops;
    void *ctx;
    struct list link;      /* in files */
    struct list told_link; /* linked: written is to run in this dispatch */
    size_t queued_bytes;   /* rooms of jobs posted and not back */
    size_t unreported_bytes;
    int error;         /* the first that came back */
    bool starved;      /* a write was refused: to be told when there is room */
    bool restart_next; /* marks the next job */
    bool closing;
    struct writer_job close_job;
};

struct writer {
    struct ring *ring;
    size_t queue_bytes_max;
    size_t queued_bytes;
    struct list files;
    unsigned files_count;
    struct ring_op read_op; /* the eventfd; in flight while there is a file */
    uint64_t read_value;
    struct ring_deferred deferred; /* tells starved files when no completion will */
    bool shut_down;
    struct writer_thread thread;
};

static void writer_arm(struct writer *writer)
{
    if (writer->files_count > 0 && !writer->read_op.in_flight)
        ring_read(writer->ring, &writer->read_op, writer->thread.event_fd, &writer->read_value,
                  sizeof(writer->read_value));
}

static void file_post(struct writer *writer, struct writer_file *file, struct writer_job *job)
{
    job->target = &file->target;
    job->restart = file->restart_next;
    file->restart_next = false;
    writer_thread_post(&writer->thread, job);
}

static void file_tell(struct writer_file *file)
{
    size_t bytes = file->unreported_bytes;

    file->unreported_bytes = 0;
    file->starved = false;
    if (!file->closing)
        file->ops->written(file->ctx, file->error, bytes);
}

static void file_end(struct writer *writer, struct writer_file *file)
{
    const struct writer_file_ops *ops = file->ops;
    void *ctx = file->ctx;
    int error = file->error;

    assert(file->queued_bytes == 0);
    list_unlink(&file->link);
    writer->files_count--;
    free(file);
    ops->closed(ctx, error);
}

/* Calls written of the files on *told, and of the starved ones when half the queue is free: not at
 * each block, because they all try at once. A callback may close any file, which does not free it
 * here: only a close that has come back does. */
static void writer_tell(struct writer *writer, struct list *told)
{
    struct list *link;

    if (writer->queued_bytes <= writer->queue_bytes_max / 2) {
        for (link = writer->files.next; link != &writer->files; link = link->next) {
            struct writer_file *file = container_of(link, struct writer_file, link);

            if (file->starved && !list_is_linked(&file->told_link))
                list_link_back(told, &file->told_link);
        }
    }
    while ((link = list_pop(told)))
        file_tell(container_of(link, struct writer_file, told_link));
}

/* One finished write: accounts for it and puts its file on *told. */
static void writer_take_back(struct writer *writer, struct writer_file *file,
                             struct writer_job *job, struct list *told)
{
    assert(writer->queued_bytes >= job->room && file->queued_bytes >= job->room);
    writer->queued_bytes -= job->room;
    file->queued_bytes -= job->room;
    file->unreported_bytes += job->bytes;
    if (!list_is_linked(&file->told_link))
        list_link_back(told, &file->told_link);
    free(job);
}

static void writer_dispatch(struct writer *writer)
{
    struct list finished, told, ended, *link;

    list_init(&finished);
    list_init(&told);
    list_init(&ended);
    writer_thread_take(&writer->thread, &finished);
    while ((link = list_pop(&finished))) {
        struct writer_job *job = container_of(link, struct writer_job, link);
        struct writer_file *file = container_of(job->target, struct writer_file, target);

        if (file->error == 0)
            file->error = job->error;
        switch (job->kind) {
        case WRITER_JOB_WRITE:
            writer_take_back(writer, file, job, &told);
            break;
        case WRITER_JOB_CLOSE:
            list_link_back(&ended, &job->link);
            break;
        }
    }
    writer_tell(writer, &told);
    while ((link = list_pop(&ended)))
        file_end(writer, container_of(link, struct writer_file, close_job.link));
}

static void writer_on_event(struct ring_op *op, const struct ring_event *event)
{
    struct writer *writer = container_of(op, struct writer, read_op);

    if (event->result >= 0)
        writer_dispatch(writer);
    writer_arm(writer);
}

static void writer_on_deferred(struct ring_deferred *deferred)
{
    struct writer *writer = container_of(deferred, struct writer, deferred);
    struct list told;

    list_init(&told);
    writer_tell(writer, &told);
}

int writer_new(struct writer **ret_writer, struct ring *ring, const struct writer_options *options)
{
    struct writer *writer = calloc(1, sizeof(*writer));
    int r;

    if (!writer)
        return -ENOMEM;
    writer->ring = ring;
    writer->queue_bytes_max =
        options && options->queue_bytes_max > 0 ? options->queue_bytes_max : QUEUE_BYTES_DEFAULT;
    list_init(&writer->files);
    writer->deferred.run = writer_on_deferred;
    writer->read_op.done = writer_on_event;
    r = writer_thread_init(&writer->thread);
    if (r < 0) {
        free(writer);
        return r;
    }
    *ret_writer = writer;
    return 0;
}

void writer_free(struct writer *writer)
{
    struct list *link;

    if (!writer)
        return;
    assert(!writer->read_op.in_flight);
    writer_thread_deinit(&writer->thread);
    while ((link = list_pop(&writer->files))) {
        struct writer_file *file = container_of(link, struct writer_file, link);

        if (file->target.fd >= 0)
            (void)close(file->target.fd); /* nobody is left to be told */
        free(file);
    }
    ring_undefer(&writer->deferred);
    free(writer);
}

int writer_open(struct writer *writer, int fd, const struct writer_file_ops *ops, void *ctx,
                struct writer_file **ret_file)
{
    struct writer_file *file;
    off_t offset;
    int r;

    if (writer->shut_down)
        return -ESHUTDOWN;
    r = writer_io_check(fd, &offset);
    if (r < 0)
        return r;
    r = writer_thread_start(&writer->thread);
    if (r < 0)
        return r;
    file = calloc(1, sizeof(*file));
    if (!file)
        return -ENOMEM;
    file->target = (struct writer_target){ .fd = fd, .offset = offset, .base_offset = offset };
    file->ops = ops;
    file->ctx = ctx;
    file->close_job.kind = WRITER_JOB_CLOSE;
    list_init(&file->told_link);
    list_link_back(&writer->files, &file->link);
    writer->files_count++;
    writer_arm(writer);
    *ret_file = file;
    return 0;
}

/* One job fits an empty queue, however large. */
static bool writer_has_room(const struct writer *writer, size_t room)
{
    return writer->queued_bytes == 0 || writer->queued_bytes + room <= writer->queue_bytes_max;
}

bool writer_write(struct writer *writer, struct writer_file *file, struct span bytes)
{
    size_t room = bytes.bytes > JOB_ROOM_MIN ? bytes.bytes : JOB_ROOM_MIN;
    struct writer_job *job;

    assert(!file->closing);
    if (span_is_empty(bytes))
        return true;
    if (!file->restart_next && writer_thread_append(&writer->thread, &file->target, bytes))
        return true;
    if (!writer_has_room(writer, room)) {
        file->starved = true;
        return false;
    }
    job = malloc(sizeof(*job) + room);
    if (!job) {
        /* Perhaps nothing of this file is queued whose end would bring the news. */
        file->error = file->error ? file->error : ENOMEM;
        file->starved = true;
        ring_defer(writer->ring, &writer->deferred);
        return false;
    }
    *job = (struct writer_job){ .kind = WRITER_JOB_WRITE, .bytes = bytes.bytes, .room = room };
    job->data = (char *)(job + 1);
    memcpy(job->data, bytes.data, bytes.bytes);
    file->queued_bytes += room;
    writer->queued_bytes += room;
    file_post(writer, file, job);
    return true;
}

void writer_restart(struct writer *writer, struct writer_file *file)
{
    (void)writer; /* a mark needs no queue */
    assert(!file->closing);
    file->restart_next = true;
}

void writer_close(struct writer *writer, struct writer_file *file, bool discard)
{
    assert(!file->closing);
    file->closing = true;
    if (discard)
        writer_thread_discard(&writer->thread, &file->target);
    file_post(writer, file, &file->close_job);
}

void writer_shutdown(struct writer *writer)
{
    writer->shut_down = true;
}

bool writer_is_idle(const struct writer *writer)
{
    return writer->files_count == 0 && !writer->read_op.in_flight && !writer->deferred.pending;
}

void writer_check(const struct writer *writer)
{
    unsigned files_count = 0;
    size_t queued_bytes = 0;

    for (struct list *link = writer->files.next; link != &writer->files; link = link->next) {
        const struct writer_file *file = container_of(link, struct writer_file, link);

        assert(!list_is_linked(&file->told_link));
        files_count++;
        queued_bytes += file->queued_bytes;
    }
    assert(files_count == writer->files_count);
    assert(queued_bytes == writer->queued_bytes);
    assert(files_count == 0 || (writer->read_op.in_flight && writer->thread.started));
}
