/*
 * writer_thread.h - the writer's other thread: jobs in, finished jobs out, an eventfd that says so.
 *
 * The writer's own; nobody else includes it. All functions are called on the loop.
 */
#ifndef HAULD_WRITER_THREAD_H
#define HAULD_WRITER_THREAD_H

#include "list.h"
#include "span.h"

#include <pthread.h>
#include <sys/types.h>

/* The thread's half of a file. The loop does not touch it between the first job and the return of
 * the close. */
struct writer_target {
    int fd; /* -1 once closed */
    off_t offset;
    off_t base_offset;
    int error;    /* the first, positive; all later writes are dropped */
    bool discard; /* under the mutex */
};

enum writer_job_kind {
    WRITER_JOB_WRITE,
    WRITER_JOB_CLOSE,
};

struct writer_job {
    struct list link; /* in jobs, then in finished */
    struct writer_target *target;
    enum writer_job_kind kind;
    bool restart; /* first truncate to the base offset */
    int error;    /* what the target's error was when it was done */
    size_t bytes;
    size_t room; /* of data */
    char *data;  /* right behind the job */
};

struct writer_thread {
    pthread_t thread;
    bool started;
    int event_fd; /* readable: finished jobs to take */

    pthread_mutex_t mutex; /* guards what follows, and discard of every target */
    pthread_cond_t work;
    struct list jobs;
    struct list finished;
    bool loop_knows; /* the eventfd was written and the finished ones not taken yet */
    bool stop;
};

/* 0 or -errno. */
int writer_thread_init(struct writer_thread *thread);
/* Joins the thread and frees the jobs that are left. */
void writer_thread_deinit(struct writer_thread *thread);

/* 0 or -errno; once started, nothing more. */
int writer_thread_start(struct writer_thread *thread);

void writer_thread_post(struct writer_thread *thread, struct writer_job *job);

/* Adds bytes to the newest job when that is a write to target, has room and has not begun. */
bool writer_thread_append(struct writer_thread *thread, const struct writer_target *target,
                          struct span bytes);

/* Writes to target that have not begun will be dropped. */
void writer_thread_discard(struct writer_thread *thread, struct writer_target *target);

/* Moves all finished jobs to the end of *finished; to be called after the eventfd was read. */
void writer_thread_take(struct writer_thread *thread, struct list *finished);

#endif
