/*
 * report_format.h - the forms that a run can be told in.
 */
#ifndef HAUL_REPORT_FORMAT_H
#define HAUL_REPORT_FORMAT_H

enum report_format {
    REPORT_FORMAT_TEXT,
    REPORT_FORMAT_JSON,
    REPORT_FORMAT_CSV,  /* a row per second: requests, failures, bytes, response times in ns */
    REPORT_FORMAT_HGRM, /* the percentile distribution of response times, in ms, in the layout of
                           HdrHistogram's outputPercentileDistribution */
    REPORT_FORMAT_HLOG, /* response times, an interval per second: HdrHistogram's log, version 1.3
                         */
    REPORT_FORMAT_HTML, /* a page of its own */
    REPORT_FORMAT_UNKNOWN,
};

#endif
