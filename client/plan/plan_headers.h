/*
 * plan_headers.h - -H: the user's own fields, from the command line and from files.
 */
#ifndef HAUL_PLAN_HEADERS_H
#define HAUL_PLAN_HEADERS_H

#include "plan.h"

/* Reads the files that are named and adds the fields. False: *ret_why is one line for the user,
 * malloc'd. */
bool plan_add_headers(struct plan *plan, const struct options *options, char **ret_why);

/* True when an -H line has set, emptied or removed the field. */
bool plan_names_field(const struct plan *plan, const char *name);

#endif
