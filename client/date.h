/*
 * date.h - dates as HTTP and people write them.
 */
#ifndef HAUL_DATE_H
#define HAUL_DATE_H

#include "text.h"

/* Reads the three forms of HTTP ("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
 * "Sun Nov  6 08:49:37 1994") and ISO 8601 ("1994-11-06", also as "19941106", and with
 * "T08:49:37" or " 08:49:37", then "Z", "+01:00" or nothing, which is UTC). False: none of them. */
bool date_parse(const char *date, int64_t *ret_seconds);

/* Appends "Sun, 06 Nov 1994 08:49:37 GMT". */
void date_put_http(struct text *out, int64_t seconds);

#endif
