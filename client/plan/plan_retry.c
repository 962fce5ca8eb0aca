/*
 * plan_retry.c - how often, when and after what an item is tried again.
 */
#include "plan_retry.h"

#include "units.h"
#include "why.h"

static const char *flag_without_retry(const struct options *options)
{
    if (options->retry_on)
        return "retry-on";
    if (options->retry_delay_ns)
        return "retry-delay";
    if (options->retry_max_time_ns)
        return "retry-max-time";
    return options->retry_all_methods ? "retry-all-methods" : NULL;
}

static bool parse_on(struct plan *plan, const struct options *options, char **why)
{
    struct retry_on_trouble trouble;
    struct retry_on on;

    retry_on_init_default(&on);
    if (options->retry_on && !retry_on_parse(span_of_string(options->retry_on), &on, &trouble))
        return why_fail(why, "--retry-on: '%.*s' %s", (int)trouble.word.bytes, trouble.word.data,
                        trouble.why);
    plan->profile.retry_faults = on.faults;
    memcpy(plan->profile.retry_statuses, on.statuses, sizeof(on.statuses));
    return true;
}

bool plan_add_retries(struct plan *plan, const struct options *options, char **why)
{
    const char *lonely = options->retry ? NULL : flag_without_retry(options);
    uint64_t count;

    if (lonely)
        return why_fail(why, "--%s means nothing without --retry N", lonely);
    if (!options->retry || span_equals(span_of_string(options->retry), SPAN_LITERAL("0")))
        return true;
    if (!units_parse_count(span_of_string(options->retry), &count) || count > WIRE_RETRIES_MAX)
        return why_fail(why, "--retry %s: not a number from 0 to %u", options->retry,
                        WIRE_RETRIES_MAX);
    plan->profile.retries_max = (uint16_t)count;
    plan->profile.retry_delay_ns = options->retry_delay_ns;
    plan->profile.retry_max_time_ns = options->retry_max_time_ns;
    if (options->retry_all_methods)
        plan->profile.flags |= WIRE_PROFILE_RETRY_ALL;
    return parse_on(plan, options, why);
}
