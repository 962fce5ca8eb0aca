/*
 * session.c - one client's connection: its life.
 *
 *   VARLINK --upgrade--> STREAM --breaks the protocol--> REFUSED
 *      |                    |                               |
 *      +--------------------+---- gone, or given up --------+--> CLOSING --> (freed)
 *
 * The state decides what the session's work is when it is woken; session_input.c reads,
 * session_intake.c understands, session_delivery.c answers, and session_call.c is all that for a
 * Varlink call that fetches. A slow client stops itself: with too
 * much output unread nothing new is read or begun for it, and in the end it is cut.
 */
#include "session.h"

#include "log.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SESSION_STARTS_PER_TURN 1024u
#define SESSION_LINE_NS UINT64_C(1000000000)

static void session_on_work(struct ring_deferred *deferred);
static void session_on_slow_timer(struct timer *timer, uint64_t now_ns);
static void session_on_outbox_progress(void *ctx);
static void session_on_outbox_failed(void *ctx, int error);

static const struct outbox_events session_outbox_events = {
    .progress = session_on_outbox_progress,
    .failed = session_on_outbox_failed,
};

static const uint8_t session_next[] = {
    [SESSION_VARLINK] = 1u << SESSION_STREAM | 1u << SESSION_REFUSED | 1u << SESSION_CLOSING,
    [SESSION_STREAM] = 1u << SESSION_REFUSED | 1u << SESSION_CLOSING,
    [SESSION_REFUSED] = 1u << SESSION_CLOSING,
    [SESSION_CLOSING] = 0,
};

void session_enter(struct session *s, enum session_state next)
{
    assert(session_next[s->state] & 1u << next);
    s->state = next;
}

/* At most one line a second: who is refused can come again as fast as it likes. */
void session_log_end(const struct session *s, const char *how, const char *why)
{
    const struct log_about about = { .has_uid = true, .uid = s->peer.uid };
    struct sessions *all = s->sessions;
    uint64_t now_ns = ring_now_ns(s->front->ring);
    char before[64] = "";

    if (all->end_told_ns && now_ns < all->end_told_ns + SESSION_LINE_NS) {
        all->ends_untold++;
        return;
    }
    if (all->ends_untold > 0)
        (void)snprintf(before, sizeof(before), " (and %llu clients before it)",
                       (unsigned long long)all->ends_untold);
    log_about(LOG_LEVEL_NOTICE, &about, "a client of user %u (pid %d) is %s: %s%s", s->peer.uid,
              s->peer.pid, how, why, before);
    all->end_told_ns = now_ns;
    all->ends_untold = 0;
}

void session_wake(struct session *s)
{
    ring_defer(s->front->ring, &s->work);
}

static bool session_may_start(const struct session *s)
{
    return (s->state == SESSION_VARLINK || s->state == SESSION_STREAM) &&
           s->outbox.bytes_queued < SESSION_OUTPUT_BYTES_MAX;
}

static void session_watch_output(struct session *s)
{
    if (!outbox_is_empty(&s->outbox) && !timer_is_armed(&s->slow_timer))
        timers_arm(s->front->timers, &s->slow_timer,
                   ring_now_ns(s->front->ring) + s->front->config->slow_reader_timeout_ns);
}

int session_open(struct sessions *sessions, int fd)
{
    struct session *s = calloc(1, sizeof(*s));
    int r = -ENOMEM;

    if (!s)
        goto fail;
    s->input = malloc(SESSION_INPUT_BYTES);
    s->fds = malloc(WIRE_FDS_PER_SESSION * sizeof(int));
    if (!s->input || !s->fds)
        goto fail;
    r = ring_peer(sessions->front->ring, fd, &s->peer);
    if (r < 0)
        goto fail;
    s->sessions = sessions;
    s->front = sessions->front;
    s->fd = fd;
    r = session_meet_user(s);
    if (r < 0)
        goto fail;
    s->work.run = session_on_work;
    s->body_window = WIRE_BODY_WINDOW_BYTES;
    list_init(&s->profiles);
    list_init(&s->batches);
    list_init(&s->bodies);
    timer_init(&s->slow_timer, session_on_slow_timer);
    timer_init(&s->window_timer, session_on_window_timer);
    outbox_init(&s->outbox, s->front->ring, fd, &session_outbox_events, s);
    varlink_reader_init(&s->varlink);
    frame_reader_init(&s->frames);
    table_init(&s->items);
    list_link_back(&sessions->all, &s->link);
    sessions->count++;
    session_start_input(s);
    return 0;

fail:
    ring_close(sessions->front->ring, fd);
    if (s) {
        free(s->fds);
        free(s->input);
    }
    free(s);
    return r;
}

/* Profiles and batches of a drained session. */
static void session_forget_work(struct session *s)
{
    struct list *link;

    while ((link = list_first(&s->batches))) {
        struct batch *batch = container_of(link, struct batch, link);

        session_discount_batch(s, batch);
        batch_free(batch);
    }
    while ((link = list_pop(&s->profiles)))
        profile_free(container_of(link, struct profile, link));
    fetch_call_free(s->call);
    s->call = NULL;
}

static void session_free(struct session *s)
{
    struct sessions *sessions = s->sessions;

    timers_disarm(s->front->timers, &s->frame_timer);
    timers_disarm(s->front->timers, &s->slow_timer);
    timers_disarm(s->front->timers, &s->window_timer);
    session_forget_work(s);
    session_drop_fds(s);
    session_leave_user(s);
    ring_undefer(&s->work); /* cancelling our own items has woken us once more */
    outbox_deinit(&s->outbox);
    varlink_reader_deinit(&s->varlink);
    frame_reader_deinit(&s->frames);
    table_deinit(&s->items);
    ring_close(s->front->ring, s->fd);
    list_unlink(&s->link);
    sessions->count--;
    free(s->fds);
    free(s->input);
    free(s);
    sessions->on_gone(sessions->ctx);
}

static bool session_is_drained(const struct session *s)
{
    return !s->recv_op.in_flight && !s->hangup_op.in_flight && !outbox_is_sending(&s->outbox) &&
           s->items.count == 0;
}

void session_close(struct session *s)
{
    if (s->state == SESSION_CLOSING)
        return;
    session_enter(s, SESSION_CLOSING);
    ring_cancel(s->front->ring, &s->recv_op);
    ring_cancel(s->front->ring, &s->hangup_op);
    outbox_cancel(&s->outbox);
    session_wake(s);
}

void session_refuse(struct session *s, enum wire_error_code code, const char *why)
{
    char text[MESSAGE_ERROR_BYTES_MAX];
    size_t bytes;
    char *out;

    if (s->state != SESSION_STREAM)
        return;
    session_enter(s, SESSION_REFUSED);
    session_log_end(s, "refused", why);
    bytes = message_encode_error(text, code, span_of_string(why));
    out = outbox_reserve(&s->outbox, bytes);
    if (out)
        memcpy(out, text, bytes);
    session_watch_output(s);
    session_wake(s);
}

/* What a client that is gone, or refused, asked for. */
static void session_cancel_work(struct session *s)
{
    if (s->work_cancelled)
        return;
    s->work_cancelled = true;
    for (struct list *at = s->batches.next; at != &s->batches; at = at->next) {
        struct batch *batch = container_of(at, struct batch, link);

        batch->ended = true;
        batch_cancel(batch, FAULT_CANCELLED_CLIENT);
    }
}

/* Nothing more is to come of it. While draining a stream is left open for a while: what its client
 * has submitted before it knew is answered, not cut off. */
static bool session_is_over(const struct session *s)
{
    bool ends = s->input_ended || s->leaving || (s->draining && s->state == SESSION_VARLINK);

    return ends && s->items.count == 0 && !s->call && outbox_is_empty(&s->outbox);
}

/* The work of a live session: bodies, new starts, batches that are done. */
static void session_work_live(struct session *s)
{
    bool more = false;

    session_deliver_bodies(s);
    for (struct list *at = s->batches.next; at != &s->batches && session_may_start(s);
         at = at->next)
        if (!batch_pump(container_of(at, struct batch, link), SESSION_STARTS_PER_TURN))
            more = true;
    session_finish_batches(s);
    session_end_call(s);
    session_arm_input(s);
    session_watch_output(s);
    session_count_bytes(s);
    if (session_is_over(s))
        session_close(s);
    else if (more)
        session_wake(s);
}

static void session_on_work(struct ring_deferred *deferred)
{
    struct session *s = container_of(deferred, struct session, work);

    switch ((enum session_state)s->state) {
    case SESSION_VARLINK:
    case SESSION_STREAM:
        session_work_live(s);
        break;
    case SESSION_REFUSED:
        session_cancel_work(s);
        session_drop_bodies(s);
        session_watch_output(s);
        if (outbox_is_empty(&s->outbox))
            session_close(s);
        break;
    case SESSION_CLOSING:
        session_cancel_work(s);
        session_drop_bodies(s);
        if (session_is_drained(s))
            session_free(s);
        break;
    }
}

static void session_on_outbox_progress(void *ctx)
{
    struct session *s = ctx;

    timers_disarm(s->front->timers, &s->slow_timer);
    session_wake(s);
}

static void session_on_outbox_failed(void *ctx, int error)
{
    struct session *s = ctx;

    (void)error; /* the client is gone; there is no one to tell */
    if (s->state == SESSION_CLOSING)
        session_wake(s);
    else
        session_close(s);
}

static void session_on_slow_timer(struct timer *timer, uint64_t now_ns)
{
    struct session *s = container_of(timer, struct session, slow_timer);

    (void)now_ns;
    if (s->state != SESSION_REFUSED && s->state != SESSION_CLOSING) /* else that was told */
        session_log_end(s, "cut off", "it does not read its results");
    session_close(s);
}

void session_drain(struct session *s)
{
    const struct wire_goaway goaway = { .fixed_bytes = sizeof(goaway) };
    char *out = NULL;

    if (s->draining)
        return;
    s->draining = true;
    if (s->state == SESSION_STREAM)
        out = outbox_reserve(&s->outbox, sizeof(struct wire_header) + sizeof(goaway));
    if (out)
        message_encode_fixed(out, WIRE_GOAWAY, 0, 0, &goaway, sizeof(goaway));
    session_wake(s);
}

void session_leave(struct session *s)
{
    session_drain(s);
    s->leaving = true;
    session_wake(s);
}

void session_stop(struct session *s)
{
    session_leave(s);
    for (struct list *at = s->batches.next; at != &s->batches; at = at->next)
        batch_cancel(container_of(at, struct batch, link), FAULT_CANCELLED_DAEMON);
}

void session_release_planned(struct session *s, uint64_t now_ns)
{
    for (struct list *at = s->batches.next; at != &s->batches; at = at->next)
        if (batch_release_planned(container_of(at, struct batch, link), now_ns))
            session_wake(s);
}

uint64_t session_next_planned_ns(const struct session *s)
{
    uint64_t next_ns = UINT64_MAX;

    for (struct list *at = s->batches.next; at != &s->batches; at = at->next) {
        uint64_t ns = batch_next_planned_ns(container_of(at, struct batch, link));

        if (ns < next_ns)
            next_ns = ns;
    }
    return next_ns;
}

void session_check(const struct session *s)
{
    uint64_t items = 0;

    for (struct list *at = s->batches.next; at != &s->batches; at = at->next) {
        const struct batch *batch = container_of(at, struct batch, link);

        batch_check(batch);
        items += batch->items_count - batch->released_count;
    }
    assert(items == s->items.count);
    assert(s->user->held[USER_ITEMS] <= s->front->items.count);
    assert(s->body_window <= WIRE_BODY_WINDOW_BYTES);
    assert(!s->call || s->state == SESSION_VARLINK || s->state == SESSION_CLOSING);
    assert(!s->recv_op.in_flight || (!s->call && span_is_empty(s->unread)));
    table_check(&s->items);
}
