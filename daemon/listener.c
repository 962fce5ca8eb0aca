/*
 * listener.c - one accept at a time.
 *
 * Without descriptors or at the bound of sessions accepting pauses: clients wait in the backlog,
 * the loop does not spin, and the sessions that exist are served. It goes on when a session ends,
 * or a moment later.
 */
#include "listener.h"

#include "log.h"

#include <errno.h>

#define LISTENER_RETRY_NS 100000000ull

/* Told once, until there is room for a good many again: clients come and go at the bound. */
static bool listener_has_room(struct listener *listener)
{
    unsigned count = listener->sessions->count, max = listener->sessions_max;

    if (count >= max && !listener->is_full)
        log_line(LOG_LEVEL_NOTICE, "MaxSessions=%u are connected: others wait until one leaves",
                 max);
    listener->is_full = count >= max || (listener->is_full && count > max / 2);
    return count < max;
}

static void listener_arm(struct listener *listener)
{
    if (listener->closing || listener->accept_op.in_flight || !listener_has_room(listener))
        return;
    timers_disarm(listener->timers, &listener->retry_timer);
    ring_accept(listener->ring, &listener->accept_op, listener->fd);
}

static void listener_pause(struct listener *listener)
{
    timers_arm(listener->timers, &listener->retry_timer,
               ring_now_ns(listener->ring) + LISTENER_RETRY_NS);
}

static void listener_on_retry(struct timer *timer, uint64_t now_ns)
{
    (void)now_ns;
    listener_arm(container_of(timer, struct listener, retry_timer));
}

/* Nobody is to wait in the backlog of one who does not accept. */
static void listener_end(struct listener *listener)
{
    ring_close(listener->ring, listener->fd);
    listener->fd = -1;
}

static void listener_on_accepted(struct ring_op *op, const struct ring_event *event)
{
    struct listener *listener = container_of(op, struct listener, accept_op);
    int r = event->result;

    if (r >= 0) {
        if (listener->closing)
            ring_close(listener->ring, r);
        else
            r = session_open(listener->sessions, r);
    }
    if (listener->closing) {
        listener_end(listener);
        return;
    }
    if (r >= 0 || r == -ECONNABORTED || r == -EINTR || r == -EDQUOT) {
        listener_arm(listener);
        return;
    }
    if (r == -EMFILE || r == -ENFILE || r == -ENOBUFS || r == -ENOMEM) {
        if (listener->refusals++ == 0)
            log_line(LOG_LEVEL_WARNING,
                     "out of descriptors or memory for another client; accepting pauses until a "
                     "session ends (raise LimitNOFILE= or ulimit -n)");
    }
    listener_pause(listener); /* whatever it is, it may last: the loop must not spin */
}

void listener_open(struct listener *listener, struct sessions *sessions, struct timers *timers,
                   int fd, unsigned sessions_max)
{
    *listener = (struct listener){ .ring = sessions->front->ring,
                                   .timers = timers,
                                   .sessions = sessions,
                                   .fd = fd,
                                   .sessions_max = sessions_max };
    listener->accept_op.done = listener_on_accepted;
    timer_init(&listener->retry_timer, listener_on_retry);
    listener_arm(listener);
}

void listener_close(struct listener *listener)
{
    listener->closing = true;
    timers_disarm(listener->timers, &listener->retry_timer);
    if (listener->accept_op.in_flight)
        ring_cancel(listener->ring, &listener->accept_op);
    else
        listener_end(listener);
}

bool listener_is_closed(const struct listener *listener)
{
    return listener->fd < 0;
}

void listener_change_max(struct listener *listener, unsigned sessions_max)
{
    listener->sessions_max = sessions_max;
    listener_arm(listener);
}

void listener_on_room(struct listener *listener)
{
    listener_arm(listener);
}
