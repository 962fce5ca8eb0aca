/*
 * top_rates.h - what went on between two samples of a daemon.
 *
 * Pure. The time between them is by the daemon's own clock, which its counters go by.
 */
#ifndef HAUL_TOP_RATES_H
#define HAUL_TOP_RATES_H

#include "top_sample.h"

struct top_rates {
    bool is_known;  /* there was a sample before */
    bool restarted; /* it was another process: what follows is since it began */
    double requests_per_s;
    double ok_per_s;
    double failed_per_s;
    double redirects_per_s;
    double retries_per_s;
    double bytes_per_s;
    double statuses_per_s[TOP_CLASSES];
    double errors_per_s[TOP_ERRORS_MAX]; /* as the errors of the later sample */
    uint64_t timed;                      /* items whose times the next two are of */
    double p50_s, p99_s; /* by a straight line within a bucket; infinite: beyond the buckets */
};

/* before: NULL when there is none. */
void top_rates(const struct top_sample *before, const struct top_sample *now,
               struct top_rates *ret_rates);

#endif
