/*
 * report_read.h - a run as it was kept: haul-report, version 1, back to a report.
 *
 * Keys that this version does not know are passed over; those that an older one did not write are
 * taken as nothing.
 */
#ifndef HAUL_REPORT_READ_H
#define HAUL_REPORT_READ_H

#include "report.h"

struct report_file {
    struct report report; /* its texts are in the document, its sums in tally */
    struct tally tally;
    const char **words; /* argv, then the bounds of --slo */
    void *document;
};

/* path "-" is standard input. False: *ret_why is one line for the user, malloc'd; deinit all the
 * same. */
bool report_read(struct report_file *file, const char *path, char **ret_why);
void report_read_deinit(struct report_file *file);

#endif
