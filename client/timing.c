/*
 * timing.c - from offsets to phases.
 *
 * The offsets of a RESULT ascend, and those of steps that were not reached are missing. A phase is
 * the distance from the last step reached to this one. What remains until delivery belongs to the
 * phase in which the item failed, or to deliver when it did not fail, so that the phases of every
 * item, broken ones too, add up to its response time. After redirects they are those of the last
 * request, and add up to the time since it was begun.
 */
#include "timing.h"

static uint64_t reached_or_zero(uint64_t offset_ns)
{
    return offset_ns == WIRE_NOT_REACHED ? 0 : offset_ns;
}

/* An answer that never ended was waited for until the item was given up. */
static uint64_t service_of(const struct wire_result *result, uint64_t response_ns)
{
    uint64_t end_ns = result->last_byte_ns;

    if (result->sent_ns == WIRE_NOT_REACHED)
        return 0;
    if (end_ns == WIRE_NOT_REACHED)
        end_ns = response_ns;
    return end_ns > result->sent_ns ? end_ns - result->sent_ns : 0;
}

void timing_of_result(const struct wire_result *result, struct timing *ret_timing)
{
    const uint64_t offsets[TIMING_PHASES] = {
        [PHASE_QUEUE - PHASE_QUEUE] = result->queued_ns,
        [PHASE_DNS - PHASE_QUEUE] = result->dns_ns,
        [PHASE_CONNECT - PHASE_QUEUE] = result->connected_ns,
        [PHASE_TLS - PHASE_QUEUE] = result->tls_ns,
        [PHASE_SEND - PHASE_QUEUE] = result->sent_ns,
        [PHASE_WAIT - PHASE_QUEUE] = result->first_byte_ns,
        [PHASE_RECEIVE - PHASE_QUEUE] = result->last_byte_ns,
        [PHASE_DELIVER - PHASE_QUEUE] = WIRE_NOT_REACHED,
    };
    bool is_reused = result->flags & WIRE_RESULT_REUSED;
    unsigned rest = PHASE_DELIVER - PHASE_QUEUE;
    uint64_t before = result->attempt_ns;
    struct timing t = { 0 };

    for (unsigned i = 0; i < TIMING_PHASES; i++) {
        if (offsets[i] == WIRE_NOT_REACHED || offsets[i] <= before)
            continue;
        t.phase_ns[i] = offsets[i] - before;
        before = offsets[i];
    }
    t.response_ns = reached_or_zero(result->delivered_ns);
    if (t.response_ns < before)
        t.response_ns = before;
    if (result->fault != FAULT_NONE && result->fault_phase >= PHASE_QUEUE &&
        result->fault_phase < PHASE_COUNT)
        rest = result->fault_phase - PHASE_QUEUE;
    t.phase_ns[rest] += t.response_ns - before;

    t.service_ns = service_of(result, t.response_ns);
    t.namelookup_ns = is_reused ? 0 : reached_or_zero(result->dns_ns);
    t.connect_ns = is_reused ? 0 : reached_or_zero(result->connected_ns);
    t.appconnect_ns = t.phase_ns[PHASE_TLS - PHASE_QUEUE] ? result->tls_ns : 0;
    t.pretransfer_ns = reached_or_zero(result->sent_ns);
    t.starttransfer_ns = reached_or_zero(result->first_byte_ns);
    t.redirect_ns = result->hops ? result->attempt_ns : 0;
    *ret_timing = t;
}
