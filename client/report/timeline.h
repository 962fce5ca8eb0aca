/*
 * timeline.h - when each request connected, waited and received, drawn as text.
 *
 *       0 s                                                       2.01 s
 *     1 |-=======================##|                              | 200  http://...
 *     2 |..........................-========================###   | 200  http://...
 *
 * '.' queued, '-' name and connection, '=' sent and waiting, '#' receiving. At most 40 rows: those
 * of the first items.
 */
#ifndef HAUL_TIMELINE_H
#define HAUL_TIMELINE_H

#include "outcome.h"
#include "text.h"

#define TIMELINE_ROWS_MAX 40u
#define TIMELINE_WIDTH 60u
#define TIMELINE_NAME_BYTES 48u

struct timeline_row {
    uint64_t number; /* 0 = no row */
    uint64_t start_ns;
    uint64_t queue_ns;
    uint64_t connect_ns; /* dns, connect, tls */
    uint64_t wait_ns;    /* send, wait */
    uint64_t receive_ns; /* receive, deliver */
    uint16_t status;
    char name[TIMELINE_NAME_BYTES];
};

struct timeline {
    struct timeline_row rows[TIMELINE_ROWS_MAX];
};

void timeline_add(struct timeline *timeline, const struct outcome *item);
void timeline_write(struct text *out, const struct timeline *timeline);

#endif
