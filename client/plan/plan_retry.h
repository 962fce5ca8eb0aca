/*
 * plan_retry.h - --retry and its companions into the profile.
 */
#ifndef HAUL_PLAN_RETRY_H
#define HAUL_PLAN_RETRY_H

#include "plan.h"

/* The profile is filled otherwise. False: *ret_why says why, malloc'd. */
bool plan_add_retries(struct plan *plan, const struct options *options, char **ret_why);

#endif
