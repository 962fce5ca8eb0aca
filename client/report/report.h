/*
 * report.h - a run as data: what was asked for, what came of it, whether to believe it.
 *
 * The verbs fill it in when a run is over, report_read makes it from a file; everything that tells
 * of a run (text, JSON, page, plotters' formats) is written from it. It owns nothing.
 */
#ifndef HAUL_REPORT_H
#define HAUL_REPORT_H

#include "tally.h"
#include "verdict.h"

#include <sys/utsname.h>

enum report_load {
    REPORT_LOAD_BATCH,
    REPORT_LOAD_CLOSED,
    REPORT_LOAD_OPEN,
    REPORT_LOAD_COUNT
};

struct report {
    const char *verb;
    const char *name; /* of --name; NULL = none */
    /* where */
    const char *started_at; /* RFC 3339, UTC */
    double started_s;       /* the same, since 1970 */
    const char *host;
    const char *kernel;
    const char *machine;
    const char *version; /* of haul */
    /* what was asked for */
    size_t argc;
    const char *const *argv; /* as typed; credentials are left out when it is written */
    struct span target;      /* the first URL, without login; empty = not known */
    size_t targets_count;
    enum report_load load;
    bool is_poisson;
    bool is_fresh_conn;
    double planned_rate_per_s; /* of an open loop */
    uint64_t duration_ns;      /* 0 = not by time */
    uint64_t requests_max;     /* 0 = not by count */
    uint32_t concurrency;
    uint32_t max_per_origin;     /* 0 = the daemon's default */
    const char *rate;            /* as --rate of batch was written; NULL = not */
    const char *rate_per_origin; /* likewise */
    const char *const *slo;      /* the bounds of --slo */
    size_t slo_count;
    bool has_private_daemon;
    /* what came of it */
    bool is_interrupted;
    uint64_t not_begun; /* handed over, but the time was up first; in no figure */
    struct {
        uint64_t requests; /* of ramp and warm-up; in no figure */
        uint64_t failed;
        uint64_t p50_ns;
    } lead_in;
    const struct tally *tally;
    struct verdict verdict;
};

/* Fills in where, of this machine and build, and when by the tally's start. What it says is in
 * here, which must outlive the report. */
struct report_here {
    struct utsname host;
    char started_at[40];
};
void report_set_here(struct report *report, struct report_here *here);

const char *report_load_name(enum report_load load); /* "open" */

static inline bool report_has_response_clock(const struct report *report)
{
    return report->load != REPORT_LOAD_CLOSED;
}

/* The clock that a run is judged by: in a closed loop nothing waits before it is sent. */
static inline const struct histogram *report_clock(const struct report *report)
{
    return report_has_response_clock(report) ? &report->tally->response : &report->tally->service;
}

/* From the first request to the end of the last. */
static inline double report_seconds(const struct report *report)
{
    const struct tally *tally = report->tally;

    return tally->end_ns > tally->start_ns ? (double)(tally->end_ns - tally->start_ns) / 1e9 : 0;
}

#endif
