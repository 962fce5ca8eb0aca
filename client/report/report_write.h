/*
 * report_write.h - a run as JSON (docs/haul-report.schema.json; additive only).
 */
#ifndef HAUL_REPORT_WRITE_H
#define HAUL_REPORT_WRITE_H

#include "report.h"
#include "text.h"

/* One JSON object and LF. Secrets in argv (-u, --bearer, -H Authorization ...) are left out. */
void report_write(struct text *out, const struct report *report);

#endif
