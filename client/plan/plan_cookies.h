/*
 * plan_cookies.h - -b, -c and -j: the Cookie field, and what goes into the batch's jar.
 */
#ifndef HAUL_PLAN_COOKIES_H
#define HAUL_PLAN_COOKIES_H

#include "plan.h"

/* Text with '=' becomes the Cookie field, unless an -H line has one; else it names a file, which is
 * read here. False: *ret_why is one line for the user, malloc'd. */
bool plan_add_cookies(struct plan *plan, const struct options *options, char **ret_why);

/* The file that a word of -b names, "-" = standard input; NULL when it is cookies itself. */
const char *plan_cookie_file(const char *word);

/* Appends COOKIE frames for the cookies of a file: lines of Netscape's format, or a response's
 * header. Lines that are neither, and cookies that belong to no host, are skipped, as curl does. */
void plan_put_cookies(struct text *frames, struct span file, uint64_t now_s, bool junk_session);

#endif
