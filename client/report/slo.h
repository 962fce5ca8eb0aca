/*
 * slo.h - a bound that a run's figures must keep: "p99<50ms", "errors<0.1%".
 *
 * Pure. Left of '<' stands p with a percentage (p50, p99.9), mean, max or errors; right of it a
 * time, or for errors a percentage.
 */
#ifndef HAUL_SLO_H
#define HAUL_SLO_H

#include "tally.h"

enum slo_figure {
    SLO_QUANTILE,
    SLO_MEAN,
    SLO_MAX,
    SLO_ERRORS,
};

struct slo {
    enum slo_figure figure;
    double quantile; /* 0..1, of SLO_QUANTILE */
    double bound;    /* ns; of SLO_ERRORS a share, 0..1 */
};

/* False: this is no bound. */
bool slo_parse(const char *text, struct slo *ret_slo);

/* What the run has come to, in the bound's unit; of response times, which in a closed loop are
 * service times. Answers with a status of 400 or more are errors. What failed has kept no bound of
 * time, however fast it did: INFINITY where it is such a request that counts. */
double slo_measure(const struct slo *slo, const struct tally *tally);

static inline bool slo_is_kept(const struct slo *slo, const struct tally *tally)
{
    return tally->requests > 0 && slo_measure(slo, tally) < slo->bound;
}

#endif
