/*
 * timing.h - what the offsets of a RESULT mean to a user: phases, the two clocks, curl's times.
 */
#ifndef HAUL_TIMING_H
#define HAUL_TIMING_H

#include "fault.h"
#include "wire.h"

/* Index of a phase in tables that begin with PHASE_QUEUE. */
#define TIMING_PHASES (PHASE_COUNT - PHASE_QUEUE)

struct timing {
    uint64_t phase_ns[TIMING_PHASES]; /* queue .. deliver of the last attempt; their sum is
                                         response_ns less what the attempts before it took */
    uint64_t service_ns;              /* sent -> last byte, or -> given up; 0 if never sent */
    uint64_t response_ns;             /* t0 -> delivered */
    /* curl's, cumulative from t0; 0 = not reached, or nothing to do on a kept connection */
    uint64_t namelookup_ns;
    uint64_t connect_ns;
    uint64_t appconnect_ns;
    uint64_t pretransfer_ns;
    uint64_t starttransfer_ns;
    uint64_t redirect_ns; /* all hops before the last */
};

void timing_of_result(const struct wire_result *result, struct timing *ret_timing);

#endif
