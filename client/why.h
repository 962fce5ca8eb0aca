/*
 * why.h - one line for the user that says why something is refused.
 */
#ifndef HAUL_WHY_H
#define HAUL_WHY_H

#include <stdbool.h>

/* malloc'd; NULL when out of memory. */
__attribute__((format(printf, 1, 2))) char *why_format(const char *format, ...);

/* Sets *ret_why likewise and returns false, for `return why_fail(...)`. */
__attribute__((format(printf, 2, 3))) bool why_fail(char **ret_why, const char *format, ...);

#endif
