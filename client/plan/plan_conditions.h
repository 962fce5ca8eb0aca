/*
 * plan_conditions.h - -z and --etag-compare as fields of a profile.
 */
#ifndef HAUL_PLAN_CONDITIONS_H
#define HAUL_PLAN_CONDITIONS_H

#include "plan.h"

/* Adds their fields, except those that an -H line has. False: *ret_why is one line for the user,
 * malloc'd. */
bool plan_add_conditions(struct plan *plan, const struct options *options, char **ret_why);

#endif
