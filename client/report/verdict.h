/*
 * verdict.h - whether the numbers of a run may be believed (docs/haul.1, "Verdict").
 */
#ifndef HAUL_VERDICT_H
#define HAUL_VERDICT_H

#include "tally.h"

#define VERDICT_REASONS_MAX 12u
#define VERDICT_REASON_BYTES 120u

enum verdict_state {
    VERDICT_VALID,
    VERDICT_SUSPECT,
    VERDICT_INVALID,
};

struct verdict {
    enum verdict_state state;
    char reasons[VERDICT_REASONS_MAX][VERDICT_REASON_BYTES]; /* one clause each */
    unsigned reasons_count;
};

void verdict_judge(const struct tally *tally, struct verdict *ret_verdict);

const char *verdict_name(enum verdict_state state);

#endif
