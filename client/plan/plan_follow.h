/*
 * plan_follow.h - -L, --max-redirs and --proto-redir into the profile.
 */
#ifndef HAUL_PLAN_FOLLOW_H
#define HAUL_PLAN_FOLLOW_H

#include "plan.h"

/* The profile is filled otherwise. False: *ret_why says why, malloc'd. */
bool plan_add_following(struct plan *plan, const struct options *options, char **ret_why);

#endif
