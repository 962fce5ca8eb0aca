/*
 * outbox.h - bytes on their way to one client: gathered during a turn, sent in one call.
 */
#ifndef HAULD_OUTBOX_H
#define HAULD_OUTBOX_H

#include "block.h"
#include "ring.h"

#include <sys/uio.h>

#define OUTBOX_PIECES_MAX 64

struct outbox_events {
    /* Some bytes are with the client's socket. */
    void (*progress)(void *ctx);
    /* The socket takes no more; error is a positive errno. Nothing is sent after it. */
    void (*failed)(void *ctx, int error);
};

struct outbox {
    struct ring *ring;
    const struct outbox_events *events;
    void *ctx;
    int fd;
    struct ring_op op;
    struct ring_deferred flush;
    struct list blocks; /* the front of it is being sent */
    size_t bytes_queued;
    size_t first_sent_bytes; /* of the first block */
    struct block *tail;      /* the last block while it may be appended to, or NULL */
    bool failed;
    struct msghdr message;
    struct iovec pieces[OUTBOX_PIECES_MAX];
};

void outbox_init(struct outbox *outbox, struct ring *ring, int fd,
                 const struct outbox_events *events, void *ctx);
/* No send may be in flight. */
void outbox_deinit(struct outbox *outbox);

/* Room for bytes (at most WIRE_FRAME_BYTES_MAX), to be filled at once; NULL when out of memory.
 * What was reserved is sent with this turn. */
char *outbox_reserve(struct outbox *outbox, size_t bytes);

/* Sends the block itself, in order. */
void outbox_push_block(struct outbox *outbox, struct block *block);

bool outbox_is_empty(const struct outbox *outbox);
bool outbox_is_sending(const struct outbox *outbox);
void outbox_cancel(struct outbox *outbox);

#endif
