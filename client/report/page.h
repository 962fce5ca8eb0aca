/*
 * page.h - a run as a page of HTML that needs nothing but itself (client/report/page.html).
 */
#ifndef HAUL_PAGE_H
#define HAUL_PAGE_H

#include "report.h"
#include "text.h"

/* before: the run that this one is laid over; NULL = none. The size has a bound, whatever the run:
 * at most 200 points to a curve, 60 bars, 240 slots of time, 240 requests. */
void page_write(struct text *out, const struct report *report, const struct report *before);

#endif
