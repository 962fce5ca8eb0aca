/*
 * gate.h - a bound of --fail-if, on how much run B may differ from run A.
 *
 * It is missed when a difference is shown (compare.h) and the figures are that far apart. What may
 * be chance misses nothing.
 */
#ifndef HAUL_GATE_H
#define HAUL_GATE_H

#include "compare.h"

struct gate {
    const char *text;
    struct figure figure;
    bool is_relative; /* bound is a share of A's figure; else in the figure's unit */
    double bound;     /* B - A may reach this; negative: may fall to this */
};

enum gate_verdict {
    GATE_KEPT,
    GATE_FAILED,
    GATE_NOT_SHOWN, /* it is beyond the bound, but that may be chance */
    GATE_UNJUDGED,  /* nothing can be told; a run is INVALID; or no difference is shown, but one of
                     * the intervals has no upper end */
};

/* "p99>+10%", "p50>+2ms", "rate<-5%", "errors>+0.1%" (of all requests). False: it is none. */
bool gate_parse(const char *text, struct gate *ret_gate);

/* The gate's figure is among those of the comparison. */
enum gate_verdict gate_judge(const struct gate *gate, const struct compare *compare);

#endif
