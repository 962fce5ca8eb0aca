/*
 * bench_load.h - the load of a bench: what was asked for, handed over when it is due. For bench.c.
 */
#ifndef HAUL_BENCH_LOAD_H
#define HAUL_BENCH_LOAD_H

#include "bench.h"

/* Reads the flags. False: *why is one line for the user. */
bool bench_load_init(struct bench *bench, char **why);
/* The plan is complete: how far ahead of the answers, or of its time, a request goes. */
void bench_load_choose_window(struct bench *bench);

#define BENCH_GRACE_NS (5 * UINT64_C(1000000000)) /* for answers after the end */

/* The clock runs from here. */
void bench_load_start(struct bench *bench);

/* Hands over what is due; sets is_stopped behind the last. */
void bench_load_submit(struct bench *bench, uint64_t at_ns);

/* When there is something to hand over or to stop; while held, the daemon says when. */
uint64_t bench_load_turn_ns(const struct bench *bench);

/* What an open loop could not hand over was asked for all the same. */
void bench_load_plan_rest(struct bench *bench);

/* Of a request that was handed over. */
const struct bench_request *bench_request_of(const struct bench *bench, uint64_t number);

#endif
