/*
 * progress.h - the line that shows a long run is alive.
 *
 *   of a batch              120/5000   40/s   0 failed   ETA 2m02s
 *   of a body               45%   1.2 MB of 2.6 MB   560 kB/s   ETA 2.50 s
 *   whose size is unknown   1.2 MB in 2.15 s   560 kB/s
 *   of one among others     2/5   45%   1.2 MB of 2.6 MB   560 kB/s   ETA 2.50 s   0 failed
 *
 * Pure: now_ns is an argument. Shown on a terminal only, and only once the work has taken longer
 * than a second.
 */
#ifndef HAUL_PROGRESS_H
#define HAUL_PROGRESS_H

#include "text.h"

#define PROGRESS_AFTER_NS 1000000000ull
#define PROGRESS_EVERY_NS 200000000ull

struct progress {
    uint64_t start_ns;
    uint64_t next_ns; /* UINT64_MAX = never */
};

struct progress_state {
    uint64_t done;
    uint64_t failed;
    uint64_t total;      /* 0 = not known yet */
    bool shows_body;     /* the rest is set, and shown in place of the rate of items */
    uint64_t bytes;      /* of all bodies */
    uint64_t body_bytes; /* of the one on its way */
    uint64_t body_size;  /* 0 = not known */
};

void progress_init(struct progress *progress, uint64_t start_ns, bool is_wanted);

static inline bool progress_is_wanted(const struct progress *progress)
{
    return progress->next_ns != UINT64_MAX;
}

static inline bool progress_is_due(const struct progress *progress, uint64_t now_ns)
{
    return now_ns >= progress->next_ns;
}

/* Writes the line, without LF, and sets when the next is due. */
void progress_write(struct progress *progress, struct text *out, const struct progress_state *state,
                    uint64_t now_ns);

#endif
