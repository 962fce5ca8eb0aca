/*
 * summary.h - a run in a dozen lines, for stderr.
 */
#ifndef HAUL_SUMMARY_H
#define HAUL_SUMMARY_H

#include "report.h"
#include "text.h"

void summary_write(struct text *out, const struct report *report);

/* Three parts of it: the table of phases; what the kernel knows of the connections, if it was
 * asked; statuses, errors and the cap that held. */
void summary_write_phases(struct text *out, const struct tally *tally);
void summary_write_kernel(struct text *out, const struct tally *tally);
void summary_write_counts(struct text *out, const struct report *report);

/* The table of --by; nothing without it. */
void summary_write_groups(struct text *out, const struct groups *groups);

#endif
