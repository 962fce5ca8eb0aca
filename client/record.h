/*
 * record.h - one item as one line: JSON for programs, a short line for people.
 */
#ifndef HAUL_RECORD_H
#define HAUL_RECORD_H

#include "outcome.h"
#include "text.h"

/* Turns monotonic times into wall-clock text; remembers the last second. */
struct record_clock {
    int64_t realtime_offset_ns; /* realtime - monotonic, when the command began */
    int64_t second;
    char text[24]; /* "2026-01-31T23:59:59" */
};

void record_clock_init(struct record_clock *clock, uint64_t monotonic_ns, uint64_t realtime_ns);

/* Appends one JSON object and LF: every key of the contract, in its order. */
void record_write_json(struct text *out, struct record_clock *clock, const struct outcome *item);

/* Appends "200  1.02s  22 B  http://...", "connect/refused  message  http://..." or "skipped ...",
 * LF included. */
void record_write_line(struct text *out, const struct outcome *item, bool is_colored);

/* The URL without user, password and fragment, its path never empty. */
void record_put_effective_url(struct text *out, struct span url);

/* {"name":["value", ...], ...} of fields in wire form, names in lower case; gap after each comma
 * and before the end. */
void record_put_headers(struct text *out, struct span headers, struct span gap);

/* RFC 3339 in UTC with microseconds, without quotes. */
void record_put_time(struct text *out, struct record_clock *clock, uint64_t monotonic_ns);

#endif
