/*
 * units.h - numbers with units as users write them: counts, sizes, durations, rates.
 *
 * Counts and rates are SI (100k = 100 000), sizes are 1024-based (100k = 102 400 bytes), durations
 * take ns us ms s m h and are seconds when bare, rates take /s /m /h and are per second when bare.
 * The decimal point is '.', whatever the locale. Parsers take the whole text or refuse it, and
 * refuse what does not fit 64 bits. Formatters write at most room bytes, NUL included, and return
 * out.
 */
#ifndef HAUL_UNITS_H
#define HAUL_UNITS_H

#include "span.h"

bool units_parse_count(struct span text, uint64_t *ret_count);   /* 10 10k 1.5M 2G */
bool units_parse_bytes(struct span text, uint64_t *ret_bytes);   /* 10 100k 1.5M 2G, KiB too */
bool units_parse_duration(struct span text, uint64_t *ret_ns);   /* 500us 10ms 1.5s 3m 1h 2 */
bool units_parse_rate(struct span text, double *ret_per_second); /* 100 100/s 6/m 10k */

/* "1.31 s", "2h46m", "850 us", "12.3 ms"; never more than four significant digits. */
#define UNITS_TEXT_BYTES 32
char *units_format_duration(uint64_t ns, char *out, size_t room);
/* The same without the space, as the latency table wants it: "1.02s" "12.3ms" "850us" */
char *units_format_latency(uint64_t ns, char *out, size_t room);
/* "230 kB", "3.2 GB" (SI, as traffic is reported) */
char *units_format_bytes(uint64_t bytes, char *out, size_t room);
/* "7634", "12.3k", "1.20M" */
char *units_format_count(double count, char *out, size_t room);

#endif
