/*
 * resample.h - how sure the figures of a run are, judged by how much its own seconds differ.
 *
 * The seconds of a run are put into at most 60 blocks of neighbours (what one second does to the
 * next stays together), and runs as long as the real one are put together from blocks drawn at
 * random, a thousand times (block bootstrap, percentile intervals). The interval of a figure is
 * where 95 % of those runs have it. It knows nothing of what was the same all the time: another
 * machine, another hour. The draw is the same for the same run.
 */
#ifndef HAUL_RESAMPLE_H
#define HAUL_RESAMPLE_H

#include "figure.h"

/* Five blocks can be drawn in 126 ways: the least with which 2.5 % can be told from none. */
#define RESAMPLE_SECONDS_MIN 5u

struct estimate {
    double value; /* of the whole run; ns, requests per second, or a share of the requests */
    double low;   /* the interval; equal to value when can_tell is false */
    double high;
};

struct resample {
    struct estimate estimates[FIGURES_MAX]; /* of the figures, in their order */
    unsigned seconds;                       /* whole ones, that could be drawn */
    bool can_tell;                          /* they are enough */
};

/* 0, -ENOMEM, or -EINVAL when the histograms of the seconds cannot be read. */
int resample_run(const struct report *report, const struct figures *figures, struct resample *ret);

#endif
