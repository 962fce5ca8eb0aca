/*
 * report_text.h - a run as text for the terminal (CLI contract: the order is fixed).
 */
#ifndef HAUL_REPORT_TEXT_H
#define HAUL_REPORT_TEXT_H

#include "report.h"
#include "text.h"

/* Of bench; a batch's is its summary, and the timeline when rows were kept. */
void report_write_text(struct text *out, const struct report *report);

#endif
