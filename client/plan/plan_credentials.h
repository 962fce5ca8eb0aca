/*
 * plan_credentials.h - -u, --bearer and netrc.
 */
#ifndef HAUL_PLAN_CREDENTIALS_H
#define HAUL_PLAN_CREDENTIALS_H

#include "plan.h"

/* Adds the field of -u or --bearer, and reads the netrc file if one is asked for. The fields of -H
 * are there already. False: *ret_why is one line for the user, malloc'd. */
bool plan_add_credentials(struct plan *plan, const struct options *options, char **ret_why);

#endif
