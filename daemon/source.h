/*
 * source.h - reads a request's body, piece by piece, out of an upload.
 */
#ifndef HAULD_SOURCE_H
#define HAULD_SOURCE_H

#include "block.h"
#include "fault.h"
#include "ring.h"
#include "upload.h"

/* Of one piece, at most. */
#define SOURCE_PIECE_BYTES (64u << 10)

struct source {
    struct ring *ring;
    const struct upload *upload;
    struct ring_op op;
    struct block *block;  /* read into; or, when is_ready, to be taken */
    size_t block_payload; /* bytes of the body in it */
    uint64_t offset;      /* of a file: of the next read */
    uint64_t bytes_left;  /* of a file: of the body */
    struct fault fault;   /* why no piece comes any more */
    bool is_ready;
    bool is_polling; /* op waits for something to read */
    bool has_read;   /* bytes have left the upload */
    bool ended;      /* the last piece is ready, or taken */
    bool stopped;
    void *owner;
    /* A piece is ready or fault is set; never inside a call of the owner. */
    void (*on_ready)(struct source *source);
    /* After source_stop: the read has ended. */
    void (*on_stopped)(struct source *source);
};

/* upload outlives the source, and has bytes. */
void source_init(struct source *source, struct ring *ring, const struct upload *upload,
                 void (*on_ready)(struct source *source), void (*on_stopped)(struct source *source),
                 void *owner);
void source_deinit(struct source *source); /* nothing is being read */

/* Begins to read the next piece, unless there is none or one is ready or being read. False: there
 * is no memory. */
bool source_read(struct source *source);

/* The piece that is ready, framed as it is to be sent, or NULL. The caller's. *ret_payload: bytes
 * of the body in it. */
struct block *source_take(struct source *source, size_t *ret_payload);

/* Reads nothing more. True: nothing is being read either; else on_stopped follows. */
bool source_stop(struct source *source);

static inline bool source_is_reading(const struct source *source)
{
    return source->op.in_flight;
}

#endif
