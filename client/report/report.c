/*
 * report.c - the part of a report that is not the run's.
 */
#include "report.h"

#include "clock.h"
#include "record.h"

#include <stdio.h>

void report_set_here(struct report *report, struct report_here *here)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), wall_ns = clock_ns(CLOCK_REALTIME);
    struct record_clock clock;
    struct text time;

    *here = (struct report_here){ 0 };
    (void)uname(&here->host); /* on failure the names are empty */
    report->host = here->host.nodename;
    report->kernel = here->host.release;
    report->machine = here->host.machine;
    report->version = HAUL_VERSION;
    text_init(&time);
    record_clock_init(&clock, now_ns, wall_ns);
    record_put_time(&time, &clock, report->tally->start_ns);
    (void)snprintf(here->started_at, sizeof(here->started_at), "%.*s", (int)time.bytes, time.data);
    text_deinit(&time);
    report->started_at = here->started_at;
    report->started_s = ((double)wall_ns - (double)(now_ns - report->tally->start_ns)) / 1e9;
}

const char *report_load_name(enum report_load load)
{
    static const char *const names[REPORT_LOAD_COUNT] = {
        [REPORT_LOAD_BATCH] = "batch", [REPORT_LOAD_CLOSED] = "closed", [REPORT_LOAD_OPEN] = "open"
    };

    return names[load];
}
