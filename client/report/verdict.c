/*
 * verdict.c - the thresholds, and why they are what they are.
 *
 *   INVALID   the rate reached is under 99 % of the one asked for: another load was measured
 *             a run measured nothing: its requests were used up before, or the daemon went away
 *             a request was due and could not be handed over (slots): likewise
 *             over 1 % of the items failed at a limit of this machine (local/...)
 *   SUSPECT   p99 of lateness over 1 ms and over p50 of response: the times are ours, not theirs
 *             our own processes used over 90 % of a core in a second: likewise
 *
 * Lateness is that of requests for which a connection was free; one that waits for the server to
 * answer others is not late, its wait is response time.
 */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>

#define RATE_REACHED_MIN 0.99
#define LOCAL_FAULTS_MAX 0.01
#define LATENESS_MAX_NS 1000000u
#define CPU_MAX 0.90

__attribute__((format(printf, 3, 4))) static void
add(struct verdict *verdict, enum verdict_state state, const char *format, ...)
{
    va_list args;

    if (state > verdict->state)
        verdict->state = state;
    if (verdict->reasons_count == VERDICT_REASONS_MAX)
        return;
    va_start(args, format);
    (void)vsnprintf(verdict->reasons[verdict->reasons_count++], VERDICT_REASON_BYTES, format, args);
    va_end(args);
}

static void judge_load(const struct tally *tally, struct verdict *verdict)
{
    const struct tally_load *load = &tally->load;

    if (load->asked_per_s > 0 && load->reached_per_s < RATE_REACHED_MIN * load->asked_per_s)
        add(verdict, VERDICT_INVALID, "%.0f requests/s were asked for, %.0f were reached",
            load->asked_per_s, load->reached_per_s);
    if (load->is_empty)
        add(verdict, VERDICT_INVALID, "nothing was measured");
    if (load->slots_exhausted)
        add(verdict, VERDICT_INVALID, "requests were due when the daemon held as many as it can");
}

static void judge_lateness(const struct tally *tally, struct verdict *verdict)
{
    uint64_t late_ns = histogram_quantile(&tally->lateness, 0.99);
    uint64_t typical_ns = histogram_quantile(&tally->response, 0.5);

    if (late_ns > LATENESS_MAX_NS && late_ns > typical_ns)
        add(verdict, VERDICT_SUSPECT,
            "1 %% of the requests left over %.1f ms after their time, with a connection free",
            (double)late_ns / 1e6);
}

void verdict_judge(const struct tally *tally, struct verdict *ret_verdict)
{
    *ret_verdict = (struct verdict){ .state = VERDICT_VALID };
    judge_load(tally, ret_verdict);
    if ((double)tally->local_faults > LOCAL_FAULTS_MAX * (double)tally->requests)
        add(ret_verdict, VERDICT_INVALID,
            "%llu of %llu items failed at a limit of this machine (local/*)",
            (unsigned long long)tally->local_faults, (unsigned long long)tally->requests);
    judge_lateness(tally, ret_verdict);
    if (tally->cpu_share_max > CPU_MAX)
        add(ret_verdict, VERDICT_SUSPECT, "our own processes used %.0f %% of a core in one second",
            tally->cpu_share_max * 100);
}

const char *verdict_name(enum verdict_state state)
{
    switch (state) {
    case VERDICT_VALID:
        return "VALID";
    case VERDICT_SUSPECT:
        return "SUSPECT";
    case VERDICT_INVALID:
        break;
    }
    return "INVALID";
}
