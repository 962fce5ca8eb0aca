/*
 * report_formats.h - a run for other programs: plotters, spreadsheets, HdrHistogram's tools.
 */
#ifndef HAUL_REPORT_FORMATS_H
#define HAUL_REPORT_FORMATS_H

#include "report.h"
#include "report_format.h"
#include "text.h"

/* In a closed loop, response times are service times. */
void report_put(struct text *out, enum report_format format, const struct report *report);

#endif
