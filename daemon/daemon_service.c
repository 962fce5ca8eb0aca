/*
 * daemon_service.c - word to the service manager (sd_notify(3)).
 *
 * STATUS rides on the pings of the watchdog, which come from the loop: when it does not turn, they
 * do not come, and the manager ends us. Without a watchdog nothing wakes an idle daemon.
 */
#include "daemon_internal.h"

#include <stdio.h>

#define STATUS_BYTES 160
#define DRAIN_TELL_NS 5000000000ull
#define DRAIN_MARGIN_NS 5000000000ull

static const char *status_of(const struct daemon *d, char out[static STATUS_BYTES])
{
    uint64_t ok = stats_items_ok(&d->front.stats), failed = stats_items_failed(&d->front.stats);

    (void)snprintf(out, STATUS_BYTES,
                   "%s: %u clients, %zu items, %u connections (%u idle); %llu done, %llu failed",
                   d->draining ? "draining" : "ready", d->sessions.count, d->front.items.count,
                   d->engine.pool.conns.open_count, d->engine.pool.idle_count,
                   (unsigned long long)(ok + failed), (unsigned long long)failed);
    return out;
}

/* Half the time it may take at most, as sd_watchdog_enabled(3) recommends. */
static void watch_again(struct daemon *d)
{
    uint64_t interval_ns = d->service->watchdog_ns / 2;

    if (d->draining && (!interval_ns || interval_ns > DRAIN_TELL_NS))
        interval_ns = DRAIN_TELL_NS;
    if (interval_ns)
        timers_arm(&d->timers, &d->watchdog_timer, ring_now_ns(d->ring) + interval_ns);
}

static void on_watchdog_timer(struct timer *timer, uint64_t now_ns)
{
    struct daemon *d = container_of(timer, struct daemon, watchdog_timer);
    char status[STATUS_BYTES], extend[64] = "";

    (void)now_ns;
    if (d->draining)
        (void)snprintf(extend, sizeof(extend), "\nEXTEND_TIMEOUT_USEC=%llu",
                       (DRAIN_TELL_NS + DRAIN_MARGIN_NS) / 1000);
    (void)service_notify(d->service, "%sSTATUS=%s%s", d->service->watchdog_ns ? "WATCHDOG=1\n" : "",
                         status_of(d, status), extend);
    watch_again(d);
}

void daemon_init_service(struct daemon *d)
{
    timer_init(&d->watchdog_timer, on_watchdog_timer);
}

void daemon_tell_ready(struct daemon *d)
{
    char status[STATUS_BYTES];

    if (!d->service)
        return;
    (void)service_notify(d->service, "READY=1\nSTATUS=%s", status_of(d, status));
    watch_again(d);
}

void daemon_tell_reloading(struct daemon *d)
{
    if (d->service)
        (void)service_notify(d->service, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reloading",
                             (unsigned long long)(ring_clock_ns(d->ring) / 1000));
}

void daemon_tell_stopping(struct daemon *d)
{
    char status[STATUS_BYTES];

    if (!d->service)
        return;
    (void)service_notify(d->service, "STOPPING=1\nSTATUS=%s", status_of(d, status));
    if (d->draining)
        on_watchdog_timer(&d->watchdog_timer, ring_now_ns(d->ring));
}
