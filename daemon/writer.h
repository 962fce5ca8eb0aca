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

/* One file, of which we own the descriptor. Both run on the loop, inside ring_turn. written: error
 * is a positive errno or 0, bytes how much of this file was written or dropped since the last call
 * (after an error the rest is dropped and reported with the same error); it also runs, perhaps with
 * 0 bytes, when there is room again after writer_write said no. It does not run any more after
 * writer_close: closed then carries the first error of the file. */
struct writer_file_ops {
    void (*written)(void *ctx, int error, size_t bytes);
    void (*closed)(void *ctx, int error); /* after writer_close: everything is in the file */
};

int writer_new(struct writer **ret_writer, struct ring *ring, const struct writer_options *options);
/* Joins the thread, which first finishes the one write it is in. Files still open are closed
 * without a call, their queued writes dropped. After writer_shutdown and idleness, see below. NULL
 * is fine. */
void writer_free(struct writer *writer);

/* Takes over fd (closed by the writer in the end), which must be a regular file open for writing:
 * otherwise -EBADF (read-only, O_PATH), -EISDIR, -EINVAL (anything else, O_DIRECT) or the like and
 * fd stays the caller's. Writing starts at fd's current offset, or at the end with O_APPEND; the
 * offset of a descriptor that others share is not moved. The thread starts with the first file. */
int writer_open(struct writer *writer, int fd, const struct writer_file_ops *ops, void *ctx,
                struct writer_file **ret_file);

/* Copies bytes into a block and posts it. False: the queue is full, nothing was taken; written will
 * run later. */
bool writer_write(struct writer *writer, struct writer_file *file, struct span bytes);

/* Forgets what was written: truncates to the offset at open. In order with the writes. An error
 * before it stays the file's error. */
void writer_restart(struct writer *writer, struct writer_file *file);

/* Closes after all writes; then closed runs and file is gone. With discard, queued writes are
 * dropped. */
void writer_close(struct writer *writer, struct writer_file *file, bool discard);

/* For the orderly end: writer_open answers -ESHUTDOWN from now on. The open files stay their
 * owners', who close them; then turn the ring until idle. */
void writer_shutdown(struct writer *writer);
bool writer_is_idle(const struct writer *writer);

void writer_check(const struct writer *writer);

#endif
