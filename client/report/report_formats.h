/*
 * report_formats.h - a run for other programs: plotters, spreadsheets, HdrHistogram's tools.
 */
#ifndef HAUL_REPORT_FORMATS_H
#define HAUL_REPORT_FORMATS_H

#include "tally.h"
#include "text.h"

/* The percentile distribution of response times (in a closed loop: of service times, which are the
 * same there), in ms, in the layout of HdrHistogram's outputPercentileDistribution: .hgrm */
void report_write_hgrm(struct text *out, const struct tally *tally);

/* Response times, an interval per second: HdrHistogram's log, version 1.3. started_s: seconds since
 * the epoch. */
void report_write_hlog(struct text *out, const struct tally *tally, double started_s);

/* A row per second: requests, failures, bytes, response times in ns. */
void report_write_csv(struct text *out, const struct tally *tally);

#endif
