/*
 * report_files.h - writes the report of a run to the files that --report names.
 */
#ifndef HAUL_REPORT_FILES_H
#define HAUL_REPORT_FILES_H

#include "options.h"
#include "report.h"
#include "say.h"

/* NULL, or why a name cannot be one of a report, or could not be written: one line for the user,
 * malloc'd. A run may take an hour, so it is tried before. */
char *report_files_check(const struct option_list *paths);

/* Each path by itself; what fails is said. False when any did. */
bool report_files_write(const struct option_list *paths, const struct report *report,
                        struct say *say);

/* What a verb does when it has a report: on standard output in the form of --format, with the curve
 * of --plot, then the files of --report. */
bool report_tell(const struct report *report, const struct options *options, struct say *say);

#endif
