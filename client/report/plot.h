/*
 * plot.h - the curve of percentiles, drawn with braille characters.
 *
 * To the right every step is ten times rarer; upwards the latency grows, by powers. The curve is
 * that of the run's clock: response, in a closed loop service.
 */
#ifndef HAUL_PLOT_H
#define HAUL_PLOT_H

#include "report.h"
#include "text.h"

void plot_write(struct text *out, const struct report *report);

#endif
