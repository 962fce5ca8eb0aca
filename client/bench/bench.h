/*
 * bench.h - a latency run: the same requests over and over, by the clock or one after the other.
 *
 * It is a batch like any other. An open loop gives each request its planned time and hands it over
 * ahead of that; a closed loop keeps the batch's connections busy. Nothing is printed here.
 */
#ifndef HAUL_BENCH_H
#define HAUL_BENCH_H

#include "bench_list.h"
#include "cpu_share.h"
#include "plan.h"
#include "progress.h"
#include "reach.h"
#include "say.h"
#include "schedule.h"
#include "tally.h"

struct bench {
    const struct options *options;
    struct say *say;
    struct plan plan;
    struct bench_list list;
    struct reach reach;
    struct client client;
    struct client_handlers handlers;
    struct progress progress;
    struct cpu_share cpu;
    struct text line;

    /* what is to be done */
    bool is_open_loop;
    double rate_per_s;
    uint64_t requests_max; /* UINT64_MAX = as many as the time allows */
    uint64_t duration_ns;  /* of the measured part; UINT64_MAX = as long as it takes */
    uint64_t lead_in_ns;   /* before it: ramp and warm-up */
    uint32_t window;       /* requests handed over and not answered, closed loop */
    uint64_t ahead_ns;     /* how long before its time a request is handed over, open loop */
    struct schedule schedule;
    uint64_t next_ns; /* when the next request is due; open loop */

    /* how far it is */
    uint64_t start_ns;   /* of the lead-in */
    uint64_t measure_ns; /* of the measured part */
    uint64_t end_ns; /* no request is due after it; UINT64_MAX = not known yet, or no end by time */
    uint64_t give_up_ns; /* what has no answer then is cancelled */
    uint64_t sent;       /* handed over */
    uint64_t ended;
    uint64_t planned;       /* of the measured part, unless taken back */
    uint64_t begun_in_time; /* of the measured part, before its end */
    uint64_t not_begun;     /* handed over, but the time was up first */
    uint32_t results_count; /* in this turn */
    bool slots_exhausted;
    bool is_held;        /* a request is due, and the daemon takes none now; open loop */
    bool is_stopped;     /* nothing more is handed over */
    bool is_batch_ended; /* and the daemon knows it */
    bool is_batch_done;  /* it has said what it counted, or will not */
    bool is_given_up;
    bool is_interrupted;
    bool is_lost; /* the daemon went away */
    struct tally lead_in;
    struct tally tally;
};

/* False: *ret_why is one line for the user, malloc'd. options and say must outlive the bench. */
bool bench_init(struct bench *bench, const struct options *options, struct say *say,
                char **ret_why);
void bench_deinit(struct bench *bench);

/* Runs to the end, and has the sums ready. Not EXITS_OK: it could not run, and that was said. */
enum exit_code bench_run(struct bench *bench);

#endif
