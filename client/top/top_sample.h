/*
 * top_sample.h - what a daemon said of itself at one moment, as haul top shows it.
 *
 * Pure: made from the answers of Describe, Origins and Metrics.Get.
 */
#ifndef HAUL_TOP_SAMPLE_H
#define HAUL_TOP_SAMPLE_H

#include "span.h"

#include <yyjson.h>

#define TOP_NAME_BYTES 48u
#define TOP_ORIGIN_BYTES 320u
#define TOP_ERRORS_MAX 96u
#define TOP_BUCKETS_MAX 32u
#define TOP_CLASSES 5u /* of statuses, 1xx to 5xx */

/* An error, and how many items it has ended. */
struct top_error {
    char name[TOP_NAME_BYTES];
    uint64_t count;
};

/* Of a histogram: how many took at most so long, those of the buckets before included. */
struct top_bucket {
    double le_s; /* infinite in the last */
    uint64_t count;
};

struct top_origin {
    char name[TOP_ORIGIN_BYTES];
    uint64_t active;
    uint64_t waiting;
    uint64_t active_max; /* 0 = no limit */
    double rate_per_s;   /* likewise */
    uint64_t cooling_ns;
};

enum top_origins {
    TOP_ORIGINS_SHOWN,
    TOP_ORIGINS_DENIED, /* to this user */
    TOP_ORIGINS_UNKNOWN,
};

struct top_sample {
    char version[TOP_NAME_BYTES];
    uint64_t pid;
    uint64_t uptime_ns;
    /* they only grow, while the daemon lives */
    uint64_t attempts;
    uint64_t redirects;
    uint64_t retries;
    uint64_t body_bytes;
    uint64_t items_ok;
    uint64_t statuses[TOP_CLASSES];
    struct top_error errors[TOP_ERRORS_MAX];
    unsigned errors_count;
    struct top_bucket buckets[TOP_BUCKETS_MAX];
    unsigned buckets_count;
    /* what there is now */
    uint64_t clients;
    uint64_t items_in_flight;
    uint64_t conns_busy;
    uint64_t conns_idle;
    uint64_t conns_dialing;
    uint64_t conns_max;
    uint64_t origins_known;
    uint64_t draining;
    enum top_origins origins_are;
    struct top_origin *origins; /* owned; the busiest first */
    size_t origins_count;
    bool origins_cut; /* there are more than the daemon tells at once */
};

/* Reads the answers. origins is NULL when there are none, and then origins_are says why. False:
 * they are not those of a hauld, or there is no memory; the sample is then empty. */
bool top_sample_read(struct top_sample *sample, yyjson_val *describe, struct span metrics,
                     yyjson_val *origins, enum top_origins origins_are);
void top_sample_deinit(struct top_sample *sample);

/* All items that ended with an error. */
uint64_t top_sample_failed(const struct top_sample *sample);

#endif
