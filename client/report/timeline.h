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

#include "text.h"
#include "waterfall.h"

#define TIMELINE_ROWS_MAX 40u
#define TIMELINE_WIDTH 60u
#define TIMELINE_NAME_BYTES 47u

void timeline_write(struct text *out, const struct waterfall *waterfall);

#endif
