/*
 * figure.h - the figures that two runs are compared by: which there are, and their names.
 */
#ifndef HAUL_FIGURE_H
#define HAUL_FIGURE_H

#include "report.h"

#define FIGURE_NAME_BYTES 16u
#define FIGURES_ALWAYS 8u
#define FIGURES_MAX (FIGURES_ALWAYS + 32u)

enum figure_kind {
    FIGURE_MEAN,
    FIGURE_QUANTILE,
    FIGURE_RATE,
    FIGURE_ERRORS,
};

struct figure {
    char name[FIGURE_NAME_BYTES]; /* "p99.9" */
    enum figure_kind kind;
    double quantile; /* between 0 and 1; of FIGURE_QUANTILE */
};

/* Each once; in the order of their kinds, quantiles ascending. */
struct figures {
    struct figure rows[FIGURES_MAX];
    size_t count;
};

/* "mean", "p50", "p99.99", "rate", "errors". False: there is none of that name. */
bool figure_parse(struct span name, struct figure *ret_figure);

/* Of the whole run: ns, requests per second, or a share of the requests. Times are response times;
 * a closed loop's are service times. */
double figure_value(const struct figure *figure, const struct report *report);

static inline bool figure_is_time(const struct figure *figure)
{
    return figure->kind == FIGURE_MEAN || figure->kind == FIGURE_QUANTILE;
}

/* Mean, p50, p90, p95, p99, p99.9, rate and errors: those that are always told. */
void figures_init(struct figures *figures);

/* Unless it is there. At most FIGURES_MAX of them. */
void figures_add(struct figures *figures, const struct figure *figure);

/* Where figure is; it must be there. */
size_t figures_find(const struct figures *figures, const struct figure *figure);

#endif
