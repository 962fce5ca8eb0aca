/*
 * exchange_limits.c - how long an attempt may take, and what it is called when that is over.
 *
 * One timer serves all limits. Progress only moves deadline_ns; the timer, when it fires too
 * early, is armed again. So a fast request touches the wheel twice.
 */
#include "exchange_internal.h"

#include <errno.h>

/* With progress it moves away, and the timer is left to find that out; it never fires too late. */
void exchange_set_deadline(struct exchange *x, uint64_t deadline_ns)
{
    x->deadline_ns = deadline_ns;
    if (timer_is_armed(&x->timer) && deadline_ns < x->timer.deadline_ns)
        timers_arm(x->env->timers, &x->timer, deadline_ns);
}

static enum fault_code timeout_code(enum phase phase)
{
    switch (phase) {
    case PHASE_SEND:
        return FAULT_TIMEOUT_SEND;
    case PHASE_WAIT:
        return FAULT_TIMEOUT_FIRST_BYTE;
    case PHASE_DELIVER:
        return FAULT_SINK_SLOW;
    case PHASE_NONE:
    case PHASE_INPUT:
    case PHASE_QUEUE:
    case PHASE_DNS:
    case PHASE_CONNECT:
    case PHASE_TLS:
    case PHASE_RECEIVE:
    case PHASE_COUNT:
        break;
    }
    return FAULT_TIMEOUT_IDLE;
}

void exchange_on_timer(struct timer *timer, uint64_t now_ns)
{
    struct exchange *x = container_of(timer, struct exchange, timer);
    enum phase phase = exchange_phase(x);

    if (now_ns < x->deadline_ns)
        timers_arm(x->env->timers, timer, x->deadline_ns);
    else if (!exchange_ends_wait(x))
        exchange_fail(x, timeout_code(phase), phase, ETIMEDOUT, NULL);
}
