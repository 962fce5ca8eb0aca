/*
 * plan_body.h - -d and its kin: the body, or with -G the query, that all requests share.
 */
#ifndef HAUL_PLAN_BODY_H
#define HAUL_PLAN_BODY_H

#include "plan.h"

#define PLAN_BODY_BYTES_MAX (WIRE_FRAME_BYTES_MAX - (256u << 10))
#define PLAN_BODY_TOO_LARGE "a body of more than 768 KiB is not in this build"

/* Reads the files that are named and fills body and has_body. False: *ret_why is one line for the
 * user, malloc'd. */
bool plan_build_body(struct plan *plan, const struct options *options, char **ret_why);

/* The file that a part is read from, "-" = standard input; NULL when it is the text itself. */
const char *plan_data_file(const struct data_part *part);

/* Appends value; all but unreserved characters (RFC 3986 section 2.3) as %XX. */
void plan_put_percent_encoded(struct text *text, struct span value);

/* "-d", "--json", ... */
const char *plan_data_flag(enum data_kind kind);

#endif
