/*
 * top_rates.c - differences over time.
 *
 * A daemon that was restarted counts from zero, so it is compared with an empty sample of its own
 * beginning. A counter that is smaller than it was in the same process, which none should be, has
 * not moved.
 */
#include "top_rates.h"

#include <math.h>

static uint64_t grown(uint64_t before, uint64_t now)
{
    return now > before ? now - before : 0;
}

static uint64_t error_before(const struct top_sample *before, const char *name)
{
    for (unsigned i = 0; i < before->errors_count; i++)
        if (strcmp(before->errors[i].name, name) == 0)
            return before->errors[i].count;
    return 0; /* the first of its kind */
}

static uint64_t bucket_grown(const struct top_sample *before, const struct top_sample *now,
                             unsigned i)
{
    return grown(i < before->buckets_count ? before->buckets[i].count : 0, now->buckets[i].count);
}

static double quantile(const struct top_sample *before, const struct top_sample *now, double q)
{
    double rank = q * (double)bucket_grown(before, now, now->buckets_count - 1);
    double below = 0, from_s = 0;

    for (unsigned i = 0; i < now->buckets_count; i++) {
        double count = (double)bucket_grown(before, now, i);
        double le_s = now->buckets[i].le_s;

        if (count >= rank && count > below)
            return isinf(le_s) ? le_s : from_s + (le_s - from_s) * (rank - below) / (count - below);
        below = count;
        from_s = le_s;
    }
    return 0; /* nothing has ended */
}

void top_rates(const struct top_sample *before, const struct top_sample *now,
               struct top_rates *ret_rates)
{
    static const struct top_sample nothing;
    double seconds;

    *ret_rates = (struct top_rates){ .is_known = before != NULL };
    if (!before)
        return;
    ret_rates->restarted = before->pid != now->pid || before->uptime_ns > now->uptime_ns;
    if (ret_rates->restarted)
        before = &nothing;
    seconds = (double)grown(before->uptime_ns, now->uptime_ns) / 1e9;
    if (seconds <= 0)
        seconds = 1e-9; /* two answers of one turn: nothing has grown */
    ret_rates->requests_per_s = (double)grown(before->attempts, now->attempts) / seconds;
    ret_rates->ok_per_s = (double)grown(before->items_ok, now->items_ok) / seconds;
    ret_rates->failed_per_s =
        (double)grown(top_sample_failed(before), top_sample_failed(now)) / seconds;
    ret_rates->redirects_per_s = (double)grown(before->redirects, now->redirects) / seconds;
    ret_rates->retries_per_s = (double)grown(before->retries, now->retries) / seconds;
    ret_rates->bytes_per_s = (double)grown(before->body_bytes, now->body_bytes) / seconds;
    for (unsigned i = 0; i < TOP_CLASSES; i++)
        ret_rates->statuses_per_s[i] =
            (double)grown(before->statuses[i], now->statuses[i]) / seconds;
    for (unsigned i = 0; i < now->errors_count; i++)
        ret_rates->errors_per_s[i] =
            (double)grown(error_before(before, now->errors[i].name), now->errors[i].count) /
            seconds;
    if (now->buckets_count == 0)
        return;
    ret_rates->timed = bucket_grown(before, now, now->buckets_count - 1);
    ret_rates->p50_s = quantile(before, now, 0.5);
    ret_rates->p99_s = quantile(before, now, 0.99);
}
