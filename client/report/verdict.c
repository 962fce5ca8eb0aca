/*
 * verdict.c - the thresholds, and why they are what they are.
 *
 *   INVALID   the rate reached is under 99 % of the one asked for: another load was measured
 *             a run measured nothing: its requests were used up before, the daemon went away, or
 *             no request was answered
 *             a request was due and could not be handed over (slots): likewise
 *             over 1 % of the items failed at a limit of this machine (local/...)
 *             the daemon's completion queue overflowed: completions came late, and by how much is
 *             not known; or some were lost: their items never ended
 *             the daemon went away in mid-run: what it had is in no figure
 *   SUSPECT   p99 of lateness over 1 ms and over p50 of service: the times are ours, not theirs
 *             our own processes used over 90 % of a core in a second: likewise
 *             a bench's private daemon waited for a core in over 10 % of its time: a closed loop
 *             has no lateness to show that it was kept from running
 *             over 0.1 % of the daemon's receives found no buffer: those answers were there before
 *             we read them, enough of them to be seen in p99.9
 *
 * Lateness is that of requests for which a connection was free; one that waits for the server to
 * answer others is not late, its wait is response time. It stands beside service, which it is no
 * part of: response holds it, so that a generator late with every request would excuse itself.
 *
 * The daemon counts for all its clients: it is enough that another one brings it to its limits.
 */
#include "verdict.h"

#include <stdarg.h>
#include <stdio.h>

#define RATE_REACHED_MIN 0.99
#define LOCAL_FAULTS_MAX 0.01
#define LATENESS_MAX_NS 1000000u
#define CPU_MAX 0.90
#define CPU_WAITED_MAX 0.10
#define STARVED_MAX 0.001

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
    uint64_t typical_ns = histogram_quantile(&tally->service, 0.5);

    if (late_ns > LATENESS_MAX_NS && late_ns > typical_ns)
        add(verdict, VERDICT_SUSPECT,
            "1 %% of the requests left over %.1f ms after their time, with a connection free",
            (double)late_ns / 1e6);
}

static void judge_daemon(const struct tally_daemon *daemon, struct verdict *verdict)
{
    if (daemon->is_lost)
        add(verdict, VERDICT_INVALID, "the daemon went away");
    if (daemon->cq_overflows)
        add(verdict, VERDICT_INVALID,
            "the daemon's completion queue overflowed (%llu times): answers were seen late",
            (unsigned long long)daemon->cq_overflows);
    if (daemon->lost_completions)
        add(verdict, VERDICT_INVALID, "the daemon's kernel lost completions (%llu times)",
            (unsigned long long)daemon->lost_completions);
    if ((double)daemon->starved > STARVED_MAX * (double)daemon->receives)
        add(verdict, VERDICT_SUSPECT, "%llu of the daemon's %llu receives had to wait for a buffer",
            (unsigned long long)daemon->starved, (unsigned long long)daemon->receives);
}

void verdict_judge(const struct tally *tally, struct verdict *ret_verdict)
{
    *ret_verdict = (struct verdict){ .state = VERDICT_VALID };
    judge_load(tally, ret_verdict);
    if ((double)tally->local_faults > LOCAL_FAULTS_MAX * (double)tally->requests)
        add(ret_verdict, VERDICT_INVALID,
            "%llu of %llu items failed at a limit of this machine (local/*)",
            (unsigned long long)tally->local_faults, (unsigned long long)tally->requests);
    judge_daemon(&tally->daemon, ret_verdict);
    judge_lateness(tally, ret_verdict);
    if (tally->cpu_waited > CPU_WAITED_MAX)
        add(ret_verdict, VERDICT_SUSPECT,
            "our own processes waited for a core in %.0f %% of the time", tally->cpu_waited * 100);
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
