/*
 * report_files.h - writes the report of a run to the files that --report names.
 */
#ifndef HAUL_REPORT_FILES_H
#define HAUL_REPORT_FILES_H

#include "options.h"
#include "report.h"
#include "say.h"

/* NULL, or why a name cannot be one of a report: one line for the user, malloc'd. */
char *report_files_check(const struct option_list *paths);

/* Each path by itself; what fails is said. False when any did. run->started_at is filled in. */
bool report_files_write(const struct option_list *paths, struct report_run *run,
                        const struct tally *tally, struct say *say);

#endif
