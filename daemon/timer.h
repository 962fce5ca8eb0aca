/*
 * timer.h - a hierarchical timer wheel: many coarse deadlines, O(1) to arm and to disarm.
 *
 * Pure: time is an argument. An entry fires in the first timers_advance that is shown a now_ns at
 * or after its deadline, never in one before. The tick is 1 ms (2^20 ns): entries whose deadlines
 * lie in one tick fire in the order in which they were armed. Deadlines further than the wheel's
 * range are held in its last level and re-inserted.
 */
#ifndef HAULD_TIMER_H
#define HAULD_TIMER_H

#include "list.h"

#include <stdint.h>

struct timer {
    struct list link;
    uint64_t deadline_ns;
    void (*fire)(struct timer *timer, uint64_t now_ns);
};

#define TIMER_LEVELS 5
#define TIMER_SLOTS 64

struct timers {
    struct list slots[TIMER_LEVELS][TIMER_SLOTS];
    uint64_t occupied[TIMER_LEVELS]; /* a bit per slot */
    uint64_t tick;                   /* of the latest now_ns; all before it has fired */
    struct list firing;
    unsigned count;
};

void timers_init(struct timers *timers, uint64_t now_ns);
void timer_init(struct timer *timer, void (*fire)(struct timer *timer, uint64_t now_ns));
bool timer_is_armed(const struct timer *timer);

/* Arms, or moves when armed already. */
void timers_arm(struct timers *timers, struct timer *timer, uint64_t deadline_ns);
void timers_disarm(struct timers *timers, struct timer *timer); /* fine when not armed */

/* Fires each entry whose deadline is <= now_ns. A callback may arm or disarm any entry, itself
 * included. Entries armed during the call do not fire in the call, even when already due, so it
 * always ends. */
void timers_advance(struct timers *timers, uint64_t now_ns);

/* A time not after the next deadline. It is that deadline when few are near it; else it may be
 * early by coarse levels: waiting until then, advancing and asking again converges in a few steps.
 * UINT64_MAX when empty. */
uint64_t timers_next_ns(const struct timers *timers);

void timers_check(const struct timers *timers);

#endif
