/*
 * http_date.h - a date of a field's value (RFC 9110 section 5.6.7).
 *
 * Pure.
 */
#ifndef HAULD_HTTP_DATE_H
#define HAULD_HTTP_DATE_H

#include "span.h"

/* Reads the whole text as one of
 *
 *   Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate
 *   Sunday, 06-Nov-94 08:49:37 GMT    RFC 850
 *   Sun Nov  6 08:49:37 1994          asctime
 *
 * into seconds since 1970, UTC, leap seconds not counted (a second 60 is the first of the next
 * minute). Years 1970 to 9999. Of the years that two digits can mean it takes the latest that is
 * not more than 50 years after wall_now_s (seconds since 1970). Names are read with their case; a
 * day's name must be one, but need not fit the date. Returns false otherwise, *ret_wall_s
 * untouched. Never reads beyond text; white space around it is the caller's to remove. */
bool http_date_parse(struct span text, uint64_t wall_now_s, uint64_t *ret_wall_s);

#endif
