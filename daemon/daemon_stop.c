/*
 * daemon_stop.c - how it ends.
 *
 *   running --asked--> draining --all done, asked again, or out of time--> stopping --> over
 *
 * Draining: clients are told and get no new item in; what was admitted goes on. A client that has a
 * batch open and nothing in it is not waited for. Stopping: what runs is cancelled and told so.
 *
 * A private daemon does not drain: its one client is whom it would wait for.
 */
#include "daemon_internal.h"

#include "log.h"

#include <unistd.h>

#define IDLE_CLIENTS_NS 1000000000ull /* may still submit, and be refused, for so long */
#define STOP_NS 1000000000ull         /* what is not drained by then is left to the kernel */

static void for_all_sessions(struct daemon *d, void (*does)(struct session *session))
{
    struct list *at, *next;

    for (at = d->sessions.all.next; at != &d->sessions.all; at = next) {
        next = at->next;
        does(container_of(at, struct session, link));
    }
}

/* The path goes first: who finds nobody at it takes it over, and it is his from then on. */
static void daemon_end_listening(struct daemon *d)
{
    if (d->listen_path)
        (void)unlink(d->listen_path); /* somebody may have been quicker */
    d->listen_path = NULL;
    if (d->listener.ring && !d->listener.closing)
        listener_close(&d->listener);
}

void daemon_stop(struct daemon *d)
{
    if (d->stopping)
        return;
    if (!d->draining)
        daemon_tell_stopping(d);
    d->stopping = true;
    d->stop_deadline_ns = ring_now_ns(d->ring) + STOP_NS;
    timers_disarm(&d->timers, &d->drain_timer);
    timers_disarm(&d->timers, &d->idle_timer);
    ring_cancel(d->ring, &d->signal_op);
    daemon_end_listening(d);
    for_all_sessions(d, session_stop);
    engine_close(&d->engine);
    resolve_shutdown(d->resolve);
    writer_shutdown(d->writer);
}

static void daemon_drain(struct daemon *d)
{
    uint64_t now_ns = ring_now_ns(d->ring);

    d->draining = true;
    d->drain_deadline_ns = now_ns + d->config.drain_time_ns;
    daemon_tell_stopping(d);
    daemon_end_listening(d);
    for_all_sessions(d, session_drain);
    timers_arm(&d->timers, &d->drain_timer,
               d->config.drain_time_ns < IDLE_CLIENTS_NS ? d->drain_deadline_ns
                                                         : now_ns + IDLE_CLIENTS_NS);
    log_line(LOG_LEVEL_NOTICE, "draining: %u clients, %zu items", d->sessions.count,
             d->front.items.count);
}

static void daemon_on_drain_timer(struct timer *timer, uint64_t now_ns)
{
    struct daemon *d = container_of(timer, struct daemon, drain_timer);

    if (now_ns < d->drain_deadline_ns) {
        for_all_sessions(d, session_leave);
        timers_arm(&d->timers, timer, d->drain_deadline_ns);
        return;
    }
    log_line(LOG_LEVEL_WARNING, "%zu items were not done within DrainTime=: they are cancelled",
             d->front.items.count);
    daemon_stop(d);
}

void daemon_ask_to_stop(struct daemon *d)
{
    if (d->private_session || d->draining || d->sessions.count == 0)
        daemon_stop(d);
    else
        daemon_drain(d);
}

static void daemon_on_idle_timer(struct timer *timer, uint64_t now_ns)
{
    struct daemon *d = container_of(timer, struct daemon, idle_timer);

    (void)now_ns;
    if (d->sessions.count == 0)
        daemon_stop(d);
}

void daemon_watch_idle(struct daemon *d)
{
    if (!d->is_activated || d->draining || d->stopping)
        return;
    if (d->sessions.count == 0 && d->config.idle_exit_ns)
        timers_arm(&d->timers, &d->idle_timer, ring_now_ns(d->ring) + d->config.idle_exit_ns);
    else
        timers_disarm(&d->timers, &d->idle_timer);
}

void daemon_init_stop(struct daemon *d)
{
    timer_init(&d->drain_timer, daemon_on_drain_timer);
    timer_init(&d->idle_timer, daemon_on_idle_timer);
    daemon_watch_idle(d);
}
