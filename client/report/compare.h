/*
 * compare.h - two runs side by side: what differs, and whether that is more than chance.
 *
 * A difference is shown when the intervals of both runs (resample.h) do not touch. That is a harder
 * test than the 5 % of one interval, and has to be: a comparison has many figures, and any of them
 * would raise the alarm. An interval without an upper end reaches over everything above it. A run
 * of too few seconds has no intervals, and nothing can be told.
 */
#ifndef HAUL_COMPARE_H
#define HAUL_COMPARE_H

#include "resample.h"

enum compare_shown {
    COMPARE_SAME, /* no difference shown */
    COMPARE_MORE, /* B's figure is higher */
    COMPARE_LESS,
    COMPARE_CANNOT_TELL,
};

struct compare {
    const struct report *a;
    const struct report *b;
    const char *a_path;
    const char *b_path;
    struct figures figures;
    struct resample a_figures;
    struct resample b_figures;
};

/* a, b and the figures are set; estimates them. 0 or -errno as resample_run. */
int compare_run(struct compare *compare);

/* index: of the figures. */
enum compare_shown compare_shown(const struct compare *compare, size_t index);

#endif
