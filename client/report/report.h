/*
 * report.h - a run as JSON (docs/haul-report.schema.json; additive only).
 */
#ifndef HAUL_REPORT_H
#define HAUL_REPORT_H

#include "tally.h"
#include "text.h"

enum report_load {
    REPORT_LOAD_BATCH,
    REPORT_LOAD_CLOSED,
    REPORT_LOAD_OPEN,
};

/* What is not in the tally. */
struct report_run {
    const char *verb;
    const char *name; /* of --name; NULL = none */
    enum report_load load;
    double planned_rate_per_s; /* of an open loop */
    int argc;
    char **argv;
    struct span started_at; /* RFC 3339 */
    uint32_t concurrency;
    uint32_t max_per_origin; /* 0 = the daemon's default */
    bool has_private_daemon;
    bool is_interrupted;
};

/* One JSON object and LF. Secrets in argv (-u, --bearer, -H Authorization ...) are left out. */
void report_write(struct text *out, const struct report_run *run, const struct tally *tally);

#endif
