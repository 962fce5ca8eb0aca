/*
 * chance.h - how far off a figure can be because its requests are so few, were nothing else amiss.
 *
 * The interval of 95 % that a figure has when every request is drawn for itself: order statistics
 * for a quantile, the standard error for the mean, Wilson's interval for the errors. A rate has
 * none: arrivals are not drawn.
 */
#ifndef HAUL_CHANCE_H
#define HAUL_CHANCE_H

#include "figure.h"

struct estimate {
    double value; /* of the whole run; ns, requests per second, or a share of the requests */
    double low;   /* the interval; equal to value when nothing can be told */
    double high;
    bool is_open; /* the interval has no upper end, and high is none: there are so few requests that
                   * all of them may be below the quantile (p99 of less than 368, p99.9 of less
                   * than 3688) */
};

struct estimate chance_estimate(const struct figure *figure, const struct report *report);

#endif
