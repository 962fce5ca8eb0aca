/*
 * retry.c - the questions before another attempt, in the order in which they matter to the user.
 *
 *   asked for?  ->  safe?  ->  any left?  ->  in time?  ->  within the batch's budget?
 *
 * The first "no" is the answer, so that a POST is told as unsafe and not as out of retries. The
 * budget comes last because only it changes by being asked.
 *
 * Full jitter, since a batch fails together: without it a thousand items that met one restart of
 * the origin would come back in the same millisecond, as often as they have retries. The wait is
 * drawn before it is held against the deadline, and is not shortened to fit: who is out of luck
 * with a second left is told at once instead of being served in a hurry.
 *
 * Rejected: decorrelated jitter, which needs the last wait as state; the server's own Date as the
 * clock for Retry-After, since it comes from the machine that is in trouble, or from a cache.
 */
#include "retry.h"
#include "http_date.h"

#include <assert.h>

#define NS_PER_S UINT64_C(1000000000)
#define FIFTHS 5u

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void retry_budget_init(struct retry_budget *budget)
{
    budget->fifths = RETRY_BUDGET_FLOOR * FIFTHS;
}

void retry_budget_add_item(struct retry_budget *budget)
{
    if (budget->fifths < RETRY_BUDGET_MAX * FIFTHS)
        budget->fifths++;
}

static bool retry_budget_take(struct retry_budget *budget)
{
    if (budget->fifths < FIFTHS)
        return false;
    budget->fifths -= FIFTHS;
    return true;
}

static bool has_fault(const struct retry_outcome *outcome)
{
    return fault_is_set(&outcome->fault) && outcome->fault.code != FAULT_HTTP_STATUS;
}

static bool is_asked(const struct retry_policy *policy, const struct retry_outcome *outcome)
{
    if (policy->retries_max == 0)
        return false;
    return has_fault(outcome) ? retry_on_has_fault(&policy->on, outcome->fault.code)
                              : retry_on_has_status(&policy->on, outcome->status);
}

/* A fault without a phase could have happened anywhere. */
static bool may_have_been_sent(const struct retry_outcome *outcome)
{
    return !has_fault(outcome) || outcome->fault.phase == PHASE_NONE ||
           outcome->fault.phase >= PHASE_SEND;
}

static struct span trim(struct span text)
{
    while (text.bytes > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        span_advance(&text, 1);
    while (text.bytes > 0 &&
           (text.data[text.bytes - 1] == ' ' || text.data[text.bytes - 1] == '\t'))
        text.bytes--;
    return text;
}

/* Digits only; stays at RETRY_AFTER_MAX_NS once it is there. */
static bool parse_delta_seconds(struct span text, uint64_t *ret_wait_ns)
{
    uint64_t seconds = 0;

    if (text.bytes == 0)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        unsigned digit = (uint8_t)(text.data[i] - '0');

        if (digit > 9)
            return false;
        seconds = seconds * 10 + digit;
        if (seconds > RETRY_AFTER_MAX_NS / NS_PER_S)
            seconds = RETRY_AFTER_MAX_NS / NS_PER_S;
    }
    *ret_wait_ns = seconds * NS_PER_S;
    return true;
}

bool retry_parse_after(struct span text, uint64_t wall_now_ns, uint64_t *ret_wait_ns)
{
    uint64_t date_s, now_s = wall_now_ns / NS_PER_S;

    text = trim(text);
    if (parse_delta_seconds(text, ret_wait_ns))
        return true;
    if (!http_date_parse(text, now_s, &date_s))
        return false;
    if (date_s <= now_s)
        *ret_wait_ns = 0;
    else if (date_s - now_s > RETRY_AFTER_MAX_NS / NS_PER_S)
        *ret_wait_ns = RETRY_AFTER_MAX_NS;
    else
        *ret_wait_ns = (date_s - now_s) * NS_PER_S - wall_now_ns % NS_PER_S;
    return true;
}

/* Uniform in [0, min(60 s, 1 s * 2^retries)]. */
static uint64_t jitter(unsigned retries_count, uint64_t random)
{
    uint64_t window_ns = RETRY_BACKOFF_MAX_NS;

    if (retries_count < 6) /* 2^6 is beyond the 60 s */
        window_ns = RETRY_BACKOFF_BASE_NS << retries_count;
    if (window_ns > RETRY_BACKOFF_MAX_NS)
        window_ns = RETRY_BACKOFF_MAX_NS;
    return (uint64_t)((unsigned __int128)random * (window_ns + 1) >> 64);
}

static uint64_t wait_before(const struct retry_policy *policy,
                            const struct retry_progress *progress,
                            const struct retry_outcome *outcome, const struct retry_moment *moment)
{
    uint64_t after_ns = 0;

    if (!has_fault(outcome) && !span_is_empty(outcome->retry_after))
        (void)retry_parse_after(outcome->retry_after, moment->wall_now_ns,
                                &after_ns); /* rubbish: stays 0 */
    if (policy->delay_ns > 0)
        return policy->delay_ns > after_ns ? policy->delay_ns : after_ns;
    return after_ns + jitter(progress->retries_count, moment->random);
}

static bool is_in_time(const struct retry_policy *policy, const struct retry_progress *progress,
                       uint64_t at_ns)
{
    if (progress->deadline_ns > 0 && at_ns >= progress->deadline_ns)
        return false;
    return policy->max_time_ns == 0 || at_ns - progress->first_started_ns <= policy->max_time_ns;
}

enum retry_verdict retry_decide(const struct retry_policy *policy,
                                const struct retry_progress *progress,
                                const struct retry_outcome *outcome,
                                const struct retry_moment *moment, struct retry_budget *budget,
                                uint64_t *ret_at_ns)
{
    uint64_t at_ns;

    assert(progress->first_started_ns <= moment->now_ns);

    if (!is_asked(policy, outcome))
        return RETRY_NOT_ASKED;
    if (outcome->is_delivered)
        return RETRY_DELIVERED;
    if (may_have_been_sent(outcome)) {
        if (!outcome->is_idempotent && !policy->all_methods)
            return RETRY_UNSAFE;
        if (outcome->is_body_gone)
            return RETRY_BODY_GONE;
    }
    if (progress->retries_count >= policy->retries_max ||
        progress->retries_count >= RETRY_RETRIES_MAX)
        return RETRY_USED_UP;

    at_ns = add_saturating(moment->now_ns, wait_before(policy, progress, outcome, moment));
    if (at_ns < outcome->origin_ready_ns)
        at_ns = outcome->origin_ready_ns;
    if (!is_in_time(policy, progress, at_ns))
        return RETRY_TOO_LATE;
    if (budget && !retry_budget_take(budget))
        return RETRY_NO_BUDGET;
    *ret_at_ns = at_ns;
    return RETRY_AGAIN;
}

const char *retry_why(enum retry_verdict verdict)
{
    switch (verdict) {
    case RETRY_AGAIN:
    case RETRY_NOT_ASKED:
        return NULL;
    case RETRY_DELIVERED:
        return "part of the answer was delivered already";
    case RETRY_UNSAFE:
        return "the request may have been acted upon, and its method is not idempotent";
    case RETRY_BODY_GONE:
        return "the body of the request cannot be sent once more";
    case RETRY_USED_UP:
        return "no retries are left";
    case RETRY_TOO_LATE:
        return "the time limit would pass before the next try";
    case RETRY_NO_BUDGET:
        return "too many items of the batch are being retried";
    }
    return NULL;
}
