/*
 * sink.h - where the body of one attempt goes.
 */
#ifndef HAULD_SINK_H
#define HAULD_SINK_H

#include "mailbox.h"
#include "writer.h"

/* Beyond this much of a body on its way, a sink is full. */
#define SINK_BYTES_MAX (256u << 10)

enum sink_verdict {
    SINK_TAKEN,
    SINK_FULL,   /* taken, but hand over nothing more until on_ready */
    SINK_FAILED, /* see fault; nothing more will be taken */
};

struct sink {
    enum attempt_sink kind;
    const struct mailbox_front *front;
    struct writer *writer;
    struct writer_file *file;
    uint64_t id;
    size_t window_bytes; /* of the front */
    size_t bytes_on_way; /* handed on, not yet returned */
    struct block *kept;  /* what the writer had no room for */
    struct fault fault;
    bool full;
    /* The sink has room again, or failed, or (after sink_finish) everything has arrived. Never
     * inside a call of the sink's owner. */
    void (*on_ready)(struct sink *sink);
};

struct sink_options {
    enum attempt_sink kind;
    const struct mailbox_front *front;
    struct writer *writer;
    struct writer_file *file;
    uint64_t id;
    size_t window_bytes;
};

void sink_init(struct sink *sink, const struct sink_options *options,
               void (*on_ready)(struct sink *sink));
void sink_deinit(struct sink *sink);

/* body is not empty. */
enum sink_verdict sink_write(struct sink *sink, struct span body);

/* True when all of the body has been handed on; else on_ready comes. The rest is the front's. */
bool sink_is_settled(const struct sink *sink);

/* bytes that were handed on have reached their place, or failed to with a positive errno. */
void sink_returned(struct sink *sink, size_t bytes, int error);

#endif
