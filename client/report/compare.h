/*
 * compare.h - two runs side by side: what differs, and whether that is more than chance.
 *
 * A difference is shown when the intervals of both runs (resample.h) do not touch. Of runs of few
 * seconds those are too narrow: pairs of equal runs of 6 to 10 s showed a difference in some figure
 * one time in five to eight (simulated). A run of too few seconds has none, and nothing can be
 * told.
 */
#ifndef HAUL_COMPARE_H
#define HAUL_COMPARE_H

#include "resample.h"
#include "text.h"

enum compare_shown {
    COMPARE_SAME, /* no difference shown */
    COMPARE_MORE, /* B's figure is higher */
    COMPARE_LESS,
    COMPARE_CANNOT_TELL,
};

/* A bound of --fail-if, on how much B may differ from A. */
struct compare_gate {
    const char *text;
    enum figure figure;
    bool is_relative; /* bound is a share of A's figure; else in the figure's unit */
    double bound;     /* B - A may reach this; negative: may fall to this */
};

enum compare_verdict {
    COMPARE_KEPT,
    COMPARE_FAILED,
    COMPARE_NOT_SHOWN, /* it is beyond the bound, but that may be chance */
    COMPARE_UNJUDGED,  /* nothing can be told, or a run is INVALID */
};

struct compare {
    const struct report *a;
    const struct report *b;
    const char *a_path;
    const char *b_path;
    struct resample a_figures;
    struct resample b_figures;
};

/* "p99>+10%", "p50>+2ms", "rate<-5%", "errors>+0.1%" (of all requests). False: it is none. */
bool compare_gate_parse(const char *text, struct compare_gate *ret_gate);

/* a and b are set; fills in the figures. 0 or -errno as resample_run. */
int compare_run(struct compare *compare);

enum compare_shown compare_shown(const struct compare *compare, enum figure figure);
enum compare_verdict compare_judge(const struct compare *compare, const struct compare_gate *gate);

void compare_write_text(struct text *out, const struct compare *compare,
                        const struct compare_gate *gates, size_t gates_count);
void compare_write_json(struct text *out, const struct compare *compare,
                        const struct compare_gate *gates, size_t gates_count);

#endif
