/*
 * report_argv.h - the command line of a run, so that it can be repeated, without its credentials.
 */
#ifndef HAUL_REPORT_ARGV_H
#define HAUL_REPORT_ARGV_H

#include "report.h"
#include "text.h"

/* A JSON array; values of -u, -H, -b, -d and their kin, and logins of URLs, become "***". */
void report_put_argv(struct text *out, const struct report *report);

#endif
