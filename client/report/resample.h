/*
 * resample.h - how sure the figures of a run are, judged by how much its own seconds differ.
 *
 * The whole seconds of a run are put into at most 20 blocks of neighbours, and runs as long as the
 * real one are put together from blocks drawn at random (block bootstrap). The interval of a figure
 * is where 95 % of those runs have it, and wider: few blocks look more alike than they are, and
 * neighbours are alike (resample.c). It is never narrower than that of requests that have nothing
 * to do with each other (chance.h). It knows nothing of what was the same all the time: another
 * machine, another hour. The draw is the same for the same run.
 */
#ifndef HAUL_RESAMPLE_H
#define HAUL_RESAMPLE_H

#include "chance.h"

/* Of fewer blocks, the widest interval that they can make holds less than 95 %. */
#define RESAMPLE_SECONDS_MIN 6u

struct resample {
    struct estimate estimates[FIGURES_MAX]; /* of the figures, in their order */
    unsigned seconds;                       /* whole ones, that could be drawn */
    bool can_tell;                          /* they are enough */
};

/* 0, -ENOMEM, or -EINVAL when the histograms of the seconds cannot be read. */
int resample_run(const struct report *report, const struct figures *figures, struct resample *ret);

#endif
