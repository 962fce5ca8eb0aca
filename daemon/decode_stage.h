/*
 * decode_stage.h - one coding being undone: what decode.c asks of a library.
 *
 * Only for decode_*.c.
 */
#ifndef HAULD_DECODE_STAGE_H
#define HAULD_DECODE_STAGE_H

#include "span.h"

enum decode_stage_verdict {
    DECODE_STAGE_DRY,  /* all of *in was taken, all that it brings was written */
    DECODE_STAGE_FULL, /* there may be more to write: run it again with new room */
    DECODE_STAGE_BAD,  /* why is set */
    DECODE_STAGE_NO_MEMORY,
};

struct decode_room {
    char *at;
    size_t bytes;
};

struct decode_stage {
    const struct decode_kind *kind;
    void *state;     /* owned: the kind's own */
    const char *why; /* static; with BAD */
    bool has_begun;  /* a byte was taken */
    bool has_ended;  /* a stream has ended, and no other has begun */
};

struct decode_kind {
    const char *corrupt;                     /* reasons: the stream breaks its rules */
    const char *followed;                    /* bytes behind its end */
    const char *cut_short;                   /* the body ends before it does */
    int (*init)(struct decode_stage *stage); /* 0 or -ENOMEM */
    void (*deinit)(struct decode_stage *stage);

    /* Takes from the front of *in and writes to the front of *room, which is not empty. */
    enum decode_stage_verdict (*run)(struct decode_stage *stage, struct span *in,
                                     struct decode_room *room);
};

extern const struct decode_kind decode_gzip;
extern const struct decode_kind decode_deflate;
extern const struct decode_kind decode_brotli;
extern const struct decode_kind decode_zstd;

static inline enum decode_stage_verdict decode_stage_fail(struct decode_stage *stage,
                                                          const char *why)
{
    stage->why = why;
    return DECODE_STAGE_BAD;
}

#endif
