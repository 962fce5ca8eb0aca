/*
 * summary.h - a run in a dozen lines, for stderr.
 */
#ifndef HAUL_SUMMARY_H
#define HAUL_SUMMARY_H

#include "tally.h"
#include "text.h"

struct summary_limits {
    uint32_t concurrency;    /* what -c was, for the line that names the cap */
    uint32_t max_per_origin; /* 0 = the daemon's default */
    const char *rate;        /* as --rate was written; NULL = not */
    const char *rate_per_origin;
};

void summary_write(struct text *out, const struct tally *tally,
                   const struct summary_limits *limits);

/* Two parts of it: the table of phases; statuses, errors and the cap that held. */
void summary_write_phases(struct text *out, const struct tally *tally);
void summary_write_counts(struct text *out, const struct tally *tally,
                          const struct summary_limits *limits);

#endif
