/*
 * schedule.h - when the requests of an open loop are due, whatever the server does.
 *
 * Pure: the times are offsets from the beginning of the run, in ascending order.
 */
#ifndef HAUL_SCHEDULE_H
#define HAUL_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule_options {
    double rate_per_s; /* > 0 */
    uint64_t ramp_ns;  /* the rate rises from 0 to that in this time; 0 = at once */
    bool is_poisson;   /* gaps are exponentially distributed; else all are equal */
    uint64_t seed;     /* of them */
};

struct schedule {
    struct schedule_options options;
    double position; /* of the next request, in requests at the full rate */
    uint64_t random; /* state of the generator (splitmix64) */
};

void schedule_init(struct schedule *schedule, const struct schedule_options *options);

/* The offset of the next request, in ns; the first one of a fixed schedule is at 0. */
uint64_t schedule_next(struct schedule *schedule);

#endif
