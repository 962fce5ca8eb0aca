/*
 * cooldown.h - the pause an origin asks for, and how it is come back to.
 *
 * Pure. An answer 429, or 503 with a Retry-After, begins a cool-down: nothing new starts before its
 * end, whoever wants it. Then one attempt goes and is waited for; each that ends without another
 * demand for a pause admits one more, so that their number doubles with each round trip.
 */
#ifndef HAULD_COOLDOWN_H
#define HAULD_COOLDOWN_H

#include <stdbool.h>
#include <stdint.h>

#define COOLDOWN_MAX_NS UINT64_C(300000000000)   /* 5 min: the most that Retry-After gets */
#define COOLDOWN_DEFAULT_NS UINT64_C(1000000000) /* 429 without one; doubled while it repeats */
#define COOLDOWN_DEFAULT_MAX_NS UINT64_C(60000000000) /* up to this */
#define COOLDOWN_MEMORY_NS                                                                         \
    UINT64_C(60000000000)     /* after its end a cool-down is remembered so long */
#define COOLDOWN_RAMP_MAX 64u /* attempts at once, from which on there is no bound of ours */

/* Zeroed: nobody has asked for a pause. */
struct cooldown {
    uint64_t until_ns;
    uint32_t epoch;    /* how many there were; attempts begun in an earlier one do not count */
    uint16_t streak;   /* of pauses without a Retry-After, since the last good answer */
    uint16_t admitted; /* attempts of this epoch at once; 0 = no bound */
    unsigned active;   /* attempts of this epoch, while there is a bound */
};

/* How an attempt ended, as far as its origin is concerned. */
enum cooldown_answer {
    COOLDOWN_ANSWER_NONE,  /* none came, or one that says nothing about this: 503 */
    COOLDOWN_ANSWER_GOOD,  /* any other status */
    COOLDOWN_ANSWER_PAUSE, /* 429, or 503 with a Retry-After */
};

/* Whether an attempt may start. */
bool cooldown_is_over(const struct cooldown *cooldown, uint64_t now_ns);
bool cooldown_has_room(const struct cooldown *cooldown);

/* An attempt starts; *ret_epoch goes with it to its end. */
void cooldown_enter(struct cooldown *cooldown, uint32_t *ret_epoch);

/* It has ended. after_ns: with PAUSE, what Retry-After says; 0 = nothing. */
void cooldown_leave(struct cooldown *cooldown, uint32_t epoch, enum cooldown_answer answer,
                    uint64_t after_ns, uint64_t now_ns);

/* When it may be forgotten, if no attempt is active; 0: now. */
uint64_t cooldown_forgotten_ns(const struct cooldown *cooldown, uint64_t now_ns);

void cooldown_check(const struct cooldown *cooldown);

#endif
