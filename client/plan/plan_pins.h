/*
 * plan_pins.h - --resolve, --connect-to and --interface as rows of a profile.
 */
#ifndef HAUL_PLAN_PINS_H
#define HAUL_PLAN_PINS_H

#include "plan.h"

/* False: *ret_why is one line for the user, malloc'd. */
bool plan_add_pins(struct plan *plan, const struct options *options, char **ret_why);

#endif
