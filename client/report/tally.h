/*
 * tally.h - what a run adds up to: counts, latencies, errors.
 *
 * Memory does not grow with the number of items. Every item that went to the daemon is in the
 * histograms, failed ones too; lines that were refused before any I/O are counted only, and so are
 * items that were skipped.
 */
#ifndef HAUL_TALLY_H
#define HAUL_TALLY_H

#include "groups.h"
#include "histogram.h"
#include "outcome.h"
#include "waterfall.h"

#define TALLY_STATUS_MAX 1000u
#define TALLY_EXAMPLE_BYTES 200u
#define TALLY_SECONDS_MAX 86400u /* rows of the time series; later seconds go into the last row */

/* What is kept beside the sums; all of it is bounded. */
struct tally_options {
    bool has_series;
    bool has_waterfall;
    enum groups_by by;
};

/* What an open loop was to do. */
struct tally_load {
    double asked_per_s; /* 0 = it is none */
    double reached_per_s;
    bool slots_exhausted; /* requests were due and could not be handed over */
    bool is_empty;        /* the lead-in or the daemon's end left nothing, or nothing answered */
};

/* What its rings counted while the run lasted, all its clients together (BATCH_DONE). */
struct tally_daemon {
    uint64_t receives;
    uint64_t starved; /* receives that had to wait for a buffer */
    uint64_t cq_overflows;
    uint64_t lost_completions;
    bool is_lost; /* it went away before the run had ended */
};

struct tally_error {
    uint64_t count;
    char example[TALLY_EXAMPLE_BYTES]; /* "message: url" of the first */
};

/* One second of the run; response times of the items that ended in it. */
struct tally_second {
    uint64_t requests;
    uint64_t failed;
    uint64_t good; /* answered whole, with a status below 400 */
    uint64_t bytes;
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t max_ns;
    char *response_hdr; /* owned; all of them (hdr_code.h); NULL = none ended in it */
};

struct tally {
    uint64_t start_ns; /* of the run, monotonic */
    uint64_t end_ns;   /* when the last item ended */
    uint64_t requests;
    uint64_t ok;
    uint64_t failed;
    uint64_t good;    /* of ok: with a status below 400 */
    uint64_t skipped; /* of ok: not fetched */
    uint64_t bytes;   /* bodies as delivered */
    uint64_t waits_sum_ns;
    uint64_t longest_ns;
    uint64_t new_conns;
    uint64_t reused_conns;
    uint64_t local_faults;
    uint64_t held[WIRE_CAP_COUNT];
    struct histogram service;
    struct histogram response;
    struct histogram lateness;
    struct histogram phases[TIMING_PHASES];
    struct histogram rtt;              /* of connections, by their kernel; a sample */
    uint64_t retransmits;              /* of those connections */
    uint64_t status[TALLY_STATUS_MAX]; /* of answers that were received whole */
    struct tally_error errors[FAULT_CODE_COUNT];
    struct tally_load load;
    struct tally_daemon daemon;
    double cpu_waited;    /* share of a bench's time that its private daemon waited for a core */
    double cpu_share_max; /* of one core, in any second, of haul or of its private daemon */
    /* time series, when wanted */
    bool has_series;
    struct tally_second *seconds;
    size_t seconds_count;
    size_t seconds_capacity;
    struct histogram second;     /* of the last row */
    struct waterfall *waterfall; /* NULL = none is kept */
    struct groups groups;
    bool failed_memory;
};

/* options may be NULL: the sums only. */
void tally_init(struct tally *tally, uint64_t start_ns, const struct tally_options *options);
void tally_deinit(struct tally *tally);

void tally_add(struct tally *tally, const struct outcome *item);

/* The daemon's part of it, when the batch has ended. */
void tally_add_batch(struct tally *tally, const struct wire_batch_done *done);

/* Closes the last row of the series; call once, at the end. */
void tally_finish(struct tally *tally);

/* What reports call a cap: "per_origin"; NULL for WIRE_CAP_NONE. */
const char *tally_cap_name(enum wire_cap cap);

#endif
