/*
 * units.h - numbers with units as users write them: counts, sizes, durations, rates.
 *
 * Counts and rates are SI (k M G T; 100k = 100 000), sizes are 1024-based (k M G T or KiB ... TiB
 * in any case, or B; 100k = 102 400 bytes), durations take ns us ms s m h and are seconds when
 * bare, rates take /s /m /h and are per second when bare. The decimal point is '.', whatever the
 * locale; signs, exponents and blanks are refused. Parsers take the whole text or refuse it, and
 * refuse what does not fit 64 bits, a fraction of one count or one byte, and a text above zero
 * that would become zero. What is below one byte or one nanosecond otherwise is dropped.
 *
 * Formatters write at most room bytes, NUL included (UNITS_TEXT_BYTES is always enough), and
 * return out. They round to nearest.
 */
#ifndef HAUL_UNITS_H
#define HAUL_UNITS_H

#include "span.h"

bool units_parse_count(struct span text, uint64_t *ret_count); /* 10 10k 1.5M 2G */
bool units_parse_bytes(struct span text, uint64_t *ret_bytes); /* 10 100k 1.5M 2GiB */
bool units_parse_duration(struct span text, uint64_t *ret_ns); /* 500us 10ms 1.5s 3m 1h 2 */
/* 100 100/s 6/m 6/min 10k, in microhertz, that is per 10^6 seconds, rounded down: 6/m is 100000,
 * 1/h is 277. */
bool units_parse_rate_uhz(struct span text, uint64_t *ret_uhz);

/* "850 us", "12.3 ms", "1.31 s", "2m46s", "2h46m", "4d04h", "123d", "27y": three significant
 * digits up to a minute, then two units. */
#define UNITS_TEXT_BYTES 32
char *units_format_duration(uint64_t ns, char *out, size_t room);
/* The same without the space, as the latency table wants it: "1.02s" "12.3ms" "850us" */
char *units_format_latency(uint64_t ns, char *out, size_t room);
/* "17 B", "3.2 GB", "230 kB" (SI, as traffic is reported) */
char *units_format_bytes(uint64_t bytes, char *out, size_t room);
/* "0.10", "12.5", "7634", "12.3k", "1.20M"; "-" for what is no count, as a rate over no time. */
char *units_format_count(double count, char *out, size_t room);

#endif
