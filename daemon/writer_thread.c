/*
 * writer_thread.c - the half of the writer that may block.
 *
 * Both lists are under one mutex, which is never held across a call that can block; a job is
 * popped, done and pushed back one at a time. The eventfd is written only when the loop does not
 * know yet that something is finished.
 *
 * The thread blocks all signals. A write beyond RLIMIT_FSIZE sends SIGXFSZ to the writing thread,
 * where it stays pending for ever, and the write answers EFBIG like any other error.
 */
#include "writer_thread.h"

#include "writer_io.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void job_run(struct writer_job *job, bool discard)
{
    struct writer_target *target = job->target;

    if (job->restart && target->error == 0 && !discard)
        target->error = -writer_io_restart(target->fd, target->base_offset, &target->offset);
    switch (job->kind) {
    case WRITER_JOB_WRITE:
        if (target->error == 0 && !discard)
            target->error =
                -writer_io_write(target->fd, span_of(job->data, job->bytes), &target->offset);
        break;
    case WRITER_JOB_CLOSE:
        /* Not repeated on EINTR: on Linux the descriptor is gone. */
        if (close(target->fd) < 0 && errno != EINTR && target->error == 0)
            target->error = errno;
        target->fd = -1;
        break;
    }
    job->error = target->error;
}

/* Under the mutex. */
static void wake_loop(struct writer_thread *thread)
{
    const uint64_t one = 1;

    if (thread->loop_knows)
        return;
    thread->loop_knows = true;
    /* Does not fail or block: the counter is at most 1. */
    if (write(thread->event_fd, &one, sizeof(one)) != sizeof(one))
        assert(!"eventfd");
}

static void *thread_main(void *ctx)
{
    struct writer_thread *thread = ctx;

    (void)pthread_setname_np(pthread_self(), "hauld-writer"); /* for ps only */
    pthread_mutex_lock(&thread->mutex);
    while (!thread->stop) {
        struct list *link = list_pop(&thread->jobs);
        struct writer_job *job;
        bool discard;

        if (!link) {
            pthread_cond_wait(&thread->work, &thread->mutex);
            continue;
        }
        job = container_of(link, struct writer_job, link);
        discard = job->target->discard;
        pthread_mutex_unlock(&thread->mutex);
        job_run(job, discard);
        pthread_mutex_lock(&thread->mutex);
        list_link_back(&thread->finished, &job->link);
        wake_loop(thread);
    }
    pthread_mutex_unlock(&thread->mutex);
    return NULL;
}

int writer_thread_init(struct writer_thread *thread)
{
    *thread = (struct writer_thread){ .event_fd = -1 };
    /* Not EFD_NONBLOCK: the ring would answer the read with EAGAIN in the place of waiting. */
    thread->event_fd = eventfd(0, EFD_CLOEXEC);
    if (thread->event_fd < 0)
        return -errno;
    list_init(&thread->jobs);
    list_init(&thread->finished);
    /* With default attributes neither can fail here. */
    (void)pthread_mutex_init(&thread->mutex, NULL);
    (void)pthread_cond_init(&thread->work, NULL);
    return 0;
}

int writer_thread_start(struct writer_thread *thread)
{
    sigset_t all, before;
    int error;

    if (thread->started)
        return 0;
    (void)sigfillset(&all);
    error = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (error == 0) {
        error = pthread_create(&thread->thread, NULL, thread_main, thread);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* it was valid when we read it */
    }
    thread->started = error == 0;
    return -error;
}

/* The job of a close lives in its file, not on the heap. */
static void free_jobs(struct list *jobs)
{
    struct list *link;

    while ((link = list_pop(jobs))) {
        struct writer_job *job = container_of(link, struct writer_job, link);

        if (job->kind == WRITER_JOB_WRITE)
            free(job);
    }
}

void writer_thread_deinit(struct writer_thread *thread)
{
    if (thread->event_fd < 0)
        return;
    if (thread->started) {
        pthread_mutex_lock(&thread->mutex);
        thread->stop = true;
        pthread_cond_signal(&thread->work);
        pthread_mutex_unlock(&thread->mutex);
        (void)pthread_join(thread->thread, NULL); /* it is joinable and not ourselves */
    }
    free_jobs(&thread->jobs);
    free_jobs(&thread->finished);
    pthread_cond_destroy(&thread->work);
    pthread_mutex_destroy(&thread->mutex);
    (void)close(thread->event_fd); /* nothing in it can be lost */
    thread->event_fd = -1;
}

void writer_thread_post(struct writer_thread *thread, struct writer_job *job)
{
    assert(thread->started);
    pthread_mutex_lock(&thread->mutex);
    list_link_back(&thread->jobs, &job->link);
    pthread_cond_signal(&thread->work);
    pthread_mutex_unlock(&thread->mutex);
}

bool writer_thread_append(struct writer_thread *thread, const struct writer_target *target,
                          struct span bytes)
{
    struct writer_job *job;
    struct list *link;
    bool fits = false;

    pthread_mutex_lock(&thread->mutex);
    link = list_last(&thread->jobs);
    if (link) {
        job = container_of(link, struct writer_job, link);
        fits = job->target == target && job->kind == WRITER_JOB_WRITE &&
               bytes.bytes <= job->room - job->bytes;
        if (fits) {
            memcpy(job->data + job->bytes, bytes.data, bytes.bytes);
            job->bytes += bytes.bytes;
        }
    }
    pthread_mutex_unlock(&thread->mutex);
    return fits;
}

void writer_thread_discard(struct writer_thread *thread, struct writer_target *target)
{
    pthread_mutex_lock(&thread->mutex);
    target->discard = true;
    pthread_mutex_unlock(&thread->mutex);
}

void writer_thread_take(struct writer_thread *thread, struct list *finished)
{
    struct list *link;

    pthread_mutex_lock(&thread->mutex);
    thread->loop_knows = false;
    while ((link = list_pop(&thread->finished)))
        list_link_back(finished, link);
    pthread_mutex_unlock(&thread->mutex);
}
