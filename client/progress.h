/*
 * progress.h - the line that shows a long run is alive: done/total, rate, errors, ETA; of get also
 * the bytes, since one body may be all there is to see.
 *
 * Pure but for say_progress: now_ns is an argument. Shown on a terminal only, and only once the
 * work has taken longer than a second.
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
    uint64_t total; /* 0 = not known yet */
    uint64_t bytes; /* of bodies, as far as we know */
    bool has_bytes;
};

void progress_init(struct progress *progress, uint64_t start_ns, bool is_wanted);

static inline bool progress_is_due(const struct progress *progress, uint64_t now_ns)
{
    return now_ns >= progress->next_ns;
}

/* Writes the line, without LF, and sets when the next is due. */
void progress_write(struct progress *progress, struct text *out, const struct progress_state *state,
                    uint64_t now_ns);

#endif
