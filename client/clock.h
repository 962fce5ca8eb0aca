/*
 * clock.h - what time it is, in nanoseconds.
 */
#ifndef HAUL_CLOCK_H
#define HAUL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* 0 when the clock cannot be read, as that of a process that has ended. */
uint64_t clock_ns(clockid_t clock);

#endif
