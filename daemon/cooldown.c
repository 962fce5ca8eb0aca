/*
 * cooldown.c - the pause an origin asks for, and how it is come back to.
 *
 *        429, 503 + Retry-After                 time                    good answers
 *   free ----------------------> cooling down ---------> one, two, four ------------> free
 *                                     ^                        |
 *                                     +------ 429 again -------+
 *
 * A hundred requests may be on their way when the first 429 comes, and each brings one more. They
 * are one refusal and not a hundred: an attempt belongs to the epoch it was begun in, and those of
 * an earlier one neither double the pause nor end the streak with a late 200. A Retry-After among
 * them may still make the pause longer: who says "in 30 s" means it, whoever said "in 2 s" before.
 *
 * A 429 whose Retry-After is 0, past or rubbish counts as one without: it comes from a server that
 * rounds down, and coming back at once is how one gets the next. A 503 without Retry-After is an
 * ordinary failure.
 *
 * Rejected: to spread the starts over a tenth of the pause at random. Those who come first in a
 * pause of 300 s would know in a round trip that it is not over, while all others still follow.
 */
#include "cooldown.h"

#include <assert.h>

bool cooldown_is_over(const struct cooldown *cooldown, uint64_t now_ns)
{
    return now_ns >= cooldown->until_ns;
}

bool cooldown_has_room(const struct cooldown *cooldown)
{
    return !cooldown->admitted || cooldown->active < cooldown->admitted;
}

void cooldown_enter(struct cooldown *cooldown, uint32_t *ret_epoch)
{
    *ret_epoch = cooldown->epoch;
    if (cooldown->admitted)
        cooldown->active++;
}

/* Of a pause without a Retry-After. */
static uint64_t cooldown_default_ns(const struct cooldown *cooldown)
{
    if (cooldown->streak >= 6) /* 2^6 s is beyond the bound */
        return COOLDOWN_DEFAULT_MAX_NS;
    return COOLDOWN_DEFAULT_NS << cooldown->streak;
}

static void cooldown_extend(struct cooldown *cooldown, uint64_t after_ns, uint64_t now_ns)
{
    uint64_t wait_ns = after_ns < COOLDOWN_MAX_NS ? after_ns : COOLDOWN_MAX_NS;
    uint64_t until_ns = now_ns < UINT64_MAX - wait_ns ? now_ns + wait_ns : UINT64_MAX;

    if (until_ns > cooldown->until_ns)
        cooldown->until_ns = until_ns;
}

static void cooldown_begin(struct cooldown *cooldown, uint64_t after_ns, uint64_t now_ns)
{
    cooldown_extend(cooldown, after_ns ? after_ns : cooldown_default_ns(cooldown), now_ns);
    if (!after_ns && cooldown->streak < UINT16_MAX)
        cooldown->streak++;
    cooldown->epoch++;
    cooldown->admitted = 1;
    cooldown->active = 0;
}

/* One of this epoch has ended well, or at least without a word about a pause. */
static void cooldown_widen(struct cooldown *cooldown)
{
    if (!cooldown->admitted)
        return;
    assert(cooldown->active > 0);
    cooldown->active--;
    cooldown->admitted++;
    if (cooldown->admitted >= COOLDOWN_RAMP_MAX)
        cooldown->admitted = cooldown->active = 0;
}

void cooldown_leave(struct cooldown *cooldown, uint32_t epoch, enum cooldown_answer answer,
                    uint64_t after_ns, uint64_t now_ns)
{
    bool is_current = epoch == cooldown->epoch;

    switch (answer) {
    case COOLDOWN_ANSWER_PAUSE:
        if (is_current)
            cooldown_begin(cooldown, after_ns, now_ns);
        else
            cooldown_extend(cooldown, after_ns, now_ns);
        return;
    case COOLDOWN_ANSWER_GOOD:
        if (is_current)
            cooldown->streak = 0;
        break;
    case COOLDOWN_ANSWER_NONE:
        break;
    }
    if (is_current)
        cooldown_widen(cooldown);
}

uint64_t cooldown_forgotten_ns(const struct cooldown *cooldown, uint64_t now_ns)
{
    uint64_t at_ns;

    if (!cooldown->admitted && !cooldown->streak && cooldown_is_over(cooldown, now_ns))
        return 0;
    at_ns = cooldown->until_ns < UINT64_MAX - COOLDOWN_MEMORY_NS
                ? cooldown->until_ns + COOLDOWN_MEMORY_NS
                : UINT64_MAX;
    return at_ns > now_ns ? at_ns : 0;
}

void cooldown_check(const struct cooldown *cooldown)
{
    assert(cooldown->admitted < COOLDOWN_RAMP_MAX);
    assert(cooldown->active <= cooldown->admitted);
    assert(cooldown->epoch > 0 || (cooldown->until_ns == 0 && cooldown->admitted == 0));
}
