/*
 * writer.h - writes to files that could block, on a thread of their own.
 *
 * The loop posts blocks; the thread writes them with pwrite in the order posted per file and hands
 * them back through the ring. The queue is bounded by bytes; a full queue is answered with false,
 * and the caller tries again after its next completion.
 */
#ifndef HAULD_WRITER_H
#define HAULD_WRITER_H

#include "ring.h"

struct writer;
struct writer_file;

struct writer_options {
    size_t queue_bytes_max; /* 0 = 16 MiB, over all files */
};

/* One file, of which we own the descriptor. written runs on the loop: error is a positive errno or
 * 0, bytes how much of this file was written or dropped since the last call (after an error the
 * rest is dropped and reported with the same error). */
struct writer_file_ops {
    void (*written)(void *ctx, int error, size_t bytes);
    void (*closed)(void *ctx, int error); /* after writer_close: everything is in the file */
};

int writer_new(struct writer **ret_writer, struct ring *ring, const struct writer_options *options);
/* Joins the thread; files still open are closed without a call. */
void writer_free(struct writer *writer);

/* Takes over fd (closed by the writer in the end), which must be a regular file open for writing:
 * otherwise -EBADF, -EISDIR, -EINVAL or the like and fd stays the caller's. Writing starts at fd's
 * current offset, or at the end with O_APPEND. The thread starts with the first file. */
int writer_open(struct writer *writer, int fd, const struct writer_file_ops *ops, void *ctx,
                struct writer_file **ret_file);

/* Copies bytes into a block and posts it. False: the queue is full, nothing was taken; written will
 * run later. */
bool writer_write(struct writer *writer, struct writer_file *file, struct span bytes);

/* Forgets what was written: truncates to the offset at open. In order with the writes. */
void writer_restart(struct writer *writer, struct writer_file *file);

/* Closes after all writes; then closed runs and file is gone. With discard, queued writes are
 * dropped. */
void writer_close(struct writer *writer, struct writer_file *file, bool discard);

/* For the orderly end: like resolve_shutdown. */
void writer_shutdown(struct writer *writer);
bool writer_is_idle(const struct writer *writer);

#endif
