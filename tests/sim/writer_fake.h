/*
 * writer_fake.h - a writer without a thread: files are memory, and write when the test says so.
 *
 * It implements writer.h. Left alone, what is posted is written in the same turn.
 */
#ifndef HAUL_WRITER_FAKE_H
#define HAUL_WRITER_FAKE_H

#include "writer.h"

/* Nothing is written and no file closes, until released. */
void fake_writer_hold(struct writer *writer);
void fake_writer_release(struct writer *writer);
/* The queue has no room: writer_write says no; and again room, which is told. */
void fake_writer_fill(struct writer *writer);
void fake_writer_empty(struct writer *writer);
/* The next write of any file fails with this positive errno. */
void fake_writer_fails(struct writer *writer, int error);

/* What the file opened last holds; valid until the next turn, also after it was closed. */
struct span fake_writer_text(const struct writer *writer);
unsigned fake_writer_files(const struct writer *writer); /* open now */

#endif
