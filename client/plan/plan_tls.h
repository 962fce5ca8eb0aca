/*
 * plan_tls.h - the TLS flags into the profile.
 *
 * PEM travels as bytes, since the daemon never sees a path.
 */
#ifndef HAUL_PLAN_TLS_H
#define HAUL_PLAN_TLS_H

#include "plan.h"

/* The profile is filled otherwise. False: *ret_why says why, malloc'd. */
bool plan_add_tls(struct plan *plan, const struct options *options, char **ret_why);

/* Key material is wiped. */
void plan_forget_tls(struct plan *plan);

#endif
