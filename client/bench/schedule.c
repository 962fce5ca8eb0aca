/*
 * schedule.c - arrivals at unit rate, and the time at which so many are due.
 *
 * Up to time t of a ramp of length T the rate has been t/T of R on its way, so R t^2 / 2T requests
 * are due; after it R (t - T/2). The inverse of that maps the n-th arrival to its time, be n
 * counted or, for Poisson arrivals, a sum of exponential gaps of mean 1.
 */
#include "schedule.h"

#include <math.h>

void schedule_init(struct schedule *schedule, const struct schedule_options *options)
{
    *schedule = (struct schedule){ .options = *options, .random = options->seed };
}

static uint64_t next_random(struct schedule *schedule)
{
    uint64_t z = schedule->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Of mean 1. */
static double next_gap(struct schedule *schedule)
{
    double uniform;

    if (!schedule->options.is_poisson)
        return 1;
    uniform = (double)((next_random(schedule) >> 11) + 1) / 9007199254740992.0; /* 0 < u <= 1 */
    return -log(uniform);
}

uint64_t schedule_next(struct schedule *schedule)
{
    const struct schedule_options *options = &schedule->options;
    double ramp_s = (double)options->ramp_ns / 1e9;
    double on_ramp = options->rate_per_s * ramp_s / 2;
    double position = schedule->position;
    double time_s;

    schedule->position += next_gap(schedule);
    if (position < on_ramp)
        time_s = sqrt(2 * position * ramp_s / options->rate_per_s);
    else
        time_s = position / options->rate_per_s + ramp_s / 2;
    return (uint64_t)(time_s * 1e9 + 0.5);
}
