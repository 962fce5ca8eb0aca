/*
 * plan_stdin.h - standard input is read by one flag at most.
 */
#ifndef HAUL_PLAN_STDIN_H
#define HAUL_PLAN_STDIN_H

#include "options.h"

/* False: two want it; *ret_why names both, malloc'd. */
bool plan_check_stdin(const struct options *options, char **ret_why);

#endif
