/*
 * report_write.h - a run as JSON (docs/haul-report.schema.json; additive only).
 */
#ifndef HAUL_REPORT_WRITE_H
#define HAUL_REPORT_WRITE_H

#include "report.h"
#include "text.h"

/* One JSON object and LF. Secrets in argv (-u, --bearer, -H Authorization ...) are left out. */
void report_write(struct text *out, const struct report *report);

/* Members of it, each with the comma before; nothing when there is no waterfall. */
void report_put_statuses(struct text *out, const struct tally *tally);
void report_put_errors(struct text *out, const struct tally *tally);
void report_put_waterfall(struct text *out, const struct tally *tally);
void report_put_verdict(struct text *out, const struct verdict *verdict);

#endif
