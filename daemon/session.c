/*
 * session.c - one client's connection: its life and its bytes.
 *
 *   VARLINK --upgrade--> STREAM --breaks the protocol--> REFUSED
 *      |                    |                               |
 *      +--------------------+---- gone, or given up --------+--> CLOSING --> (freed)
 *
 * Reading is one recvmsg at a time, because descriptors come with bytes and belong to the frame
 * that declares them, not to the read that brought them. We stop reading while a client owes us
 * attention: too much output unread. So a slow client stops itself.
 *
 * A client that shuts only its writing half still gets its results; one that is gone altogether is
 * noticed by the hang-up, and all it asked for is cancelled.
 *
 * Rejected: a multishot receive. On unix sockets it can lose the end of file, and it cannot carry
 * descriptors in its buffers the way we want them counted.
 */
#include "session.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define SESSION_INPUT_BYTES (128u << 10)
#define SESSION_OUTPUT_BYTES_MAX (1u << 20) /* unread output beyond which nothing new is begun */
#define SESSION_HANGUP_LOOK_NS 250000000ull
#define SESSION_STARTS_PER_TURN 1024u

static void session_on_input(struct ring_op *op, const struct ring_event *event);
static void session_on_hangup(struct ring_op *op, const struct ring_event *event);
static void session_on_work(struct ring_deferred *deferred);
static void session_on_frame_timer(struct timer *timer, uint64_t now_ns);
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

static void session_enter(struct session *s, enum session_state next)
{
    assert(session_next[s->state] & 1u << next);
    s->state = next;
}

void session_wake(struct session *s)
{
    ring_defer(s->front->ring, &s->work);
}

bool session_may_start(const struct session *s)
{
    return s->state == SESSION_STREAM && s->outbox.bytes_queued < SESSION_OUTPUT_BYTES_MAX;
}

static bool session_may_read(const struct session *s)
{
    return (s->state == SESSION_VARLINK || s->state == SESSION_STREAM) && !s->input_ended &&
           s->outbox.bytes_queued < SESSION_OUTPUT_BYTES_MAX;
}

/* Half a frame may not stay half for long; the limit runs from its first byte, or from
 * when we read on: while we do not, the other half may well be there. */
static void session_watch_frame(struct session *s)
{
    bool half = s->state == SESSION_STREAM ? frame_reader_is_mid_frame(&s->frames)
                                           : varlink_reader_is_mid_message(&s->varlink);

    if (!half)
        timers_disarm(s->front->timers, &s->frame_timer);
    else if (!timer_is_armed(&s->frame_timer))
        timers_arm(s->front->timers, &s->frame_timer,
                   ring_now_ns(s->front->ring) + s->front->config->frame_timeout_ns);
}

static void session_arm_input(struct session *s)
{
    if (s->recv_op.in_flight || s->input_ended)
        return;
    if (!session_may_read(s)) {
        timers_disarm(s->front->timers, &s->frame_timer);
        return;
    }
    s->piece = (struct iovec){ .iov_base = s->input, .iov_len = SESSION_INPUT_BYTES };
    s->message = (struct msghdr){ .msg_iov = &s->piece,
                                  .msg_iovlen = 1,
                                  .msg_control = s->control,
                                  .msg_controllen = sizeof(s->control) };
    ring_recvmsg(s->front->ring, &s->recv_op, s->fd, &s->message);
    session_watch_frame(s);
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
    s->recv_op.done = session_on_input;
    s->hangup_op.done = session_on_hangup;
    s->work.run = session_on_work;
    s->body_window = WIRE_BODY_WINDOW_BYTES;
    list_init(&s->profiles);
    list_init(&s->batches);
    list_init(&s->bodies);
    timer_init(&s->frame_timer, session_on_frame_timer);
    timer_init(&s->slow_timer, session_on_slow_timer);
    timer_init(&s->window_timer, session_on_window_timer);
    outbox_init(&s->outbox, s->front->ring, fd, &session_outbox_events, s);
    varlink_reader_init(&s->varlink);
    frame_reader_init(&s->frames);
    table_init(&s->items);
    list_link_back(&sessions->all, &s->link);
    sessions->count++;
    session_arm_input(s);
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

static void session_drop_fds(struct session *s)
{
    for (unsigned i = 0; i < s->fds_count; i++)
        (void)close(s->fds[i]); /* nobody claimed it */
    s->fds_count = 0;
}

int session_take_fd(struct session *s)
{
    int fd;

    if (s->fds_count == 0)
        return -1;
    fd = s->fds[0];
    s->fds_count--;
    memmove(s->fds, s->fds + 1, s->fds_count * sizeof(int));
    return fd;
}

void session_forget_work(struct session *s)
{
    struct list *link;

    while ((link = list_first(&s->batches)))
        batch_free(container_of(link, struct batch, link));
    while ((link = list_pop(&s->profiles)))
        profile_free(container_of(link, struct profile, link));
}

static void session_free(struct session *s)
{
    struct sessions *sessions = s->sessions;

    timers_disarm(s->front->timers, &s->frame_timer);
    timers_disarm(s->front->timers, &s->slow_timer);
    timers_disarm(s->front->timers, &s->window_timer);
    session_forget_work(s);
    session_drop_fds(s);
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
    session_arm_input(s);
    session_watch_output(s);
    if ((s->input_ended || s->draining) && s->items.count == 0 && outbox_is_empty(&s->outbox))
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
    (void)now_ns;
    session_close(container_of(timer, struct session, slow_timer));
}

static void session_on_frame_timer(struct timer *timer, uint64_t now_ns)
{
    struct session *s = container_of(timer, struct session, frame_timer);

    (void)now_ns;
    if (s->input_ended && s->state != SESSION_CLOSING)
        ring_poll(s->front->ring, &s->hangup_op, s->fd, 0);
    else if (s->state == SESSION_STREAM)
        session_refuse(s, WIRE_ERROR_TIMEOUT, "half a frame for too long");
    else if (s->state == SESSION_VARLINK)
        session_close(s);
}

static void session_take_stream(struct session *s, struct span *in)
{
    struct frame frame;

    while (s->state == SESSION_STREAM) {
        /* Every frame gets a time of its own. */
        switch (frame_next(&s->frames, in, &frame)) {
        case FRAME_READY:
            timers_disarm(s->front->timers, &s->frame_timer);
            session_take_frame(s, &frame);
            break;
        case FRAME_NEED_MORE:
            return;
        case FRAME_BAD:
            session_refuse(s, WIRE_ERROR_MALFORMED, "the length of a frame is impossible");
            return;
        case FRAME_NO_MEMORY:
            session_close(s);
            return;
        }
    }
}

static void session_reply(struct session *s, const char *reply, size_t bytes)
{
    char *out;

    if (!reply)
        return;
    out = outbox_reserve(&s->outbox, bytes);
    if (out)
        memcpy(out, reply, bytes);
    else
        session_close(s);
}

static void session_take_message(struct session *s, struct span message)
{
    char *reply = NULL;
    size_t bytes = 0;

    switch (varlink_dispatch(s->sessions->service, message, &reply, &bytes)) {
    case VARLINK_REPLIED:
        session_reply(s, reply, bytes);
        break;
    case VARLINK_UPGRADED:
        session_reply(s, reply, bytes);
        if (s->state == SESSION_VARLINK)
            session_enter(s, SESSION_STREAM);
        break;
    case VARLINK_INVALID:
    case VARLINK_FAILED:
        session_close(s);
        break;
    }
    free(reply);
}

static void session_take_varlink(struct session *s, struct span *in)
{
    struct span message;

    while (s->state == SESSION_VARLINK) {
        switch (varlink_next(&s->varlink, in, &message)) {
        case VARLINK_READY:
            timers_disarm(s->front->timers, &s->frame_timer);
            session_take_message(s, message);
            break;
        case VARLINK_NEED_MORE:
            return;
        case VARLINK_TOO_BIG:
        case VARLINK_NO_MEMORY:
            session_close(s);
            return;
        }
    }
}

/* Descriptors of one read join the queue; false when there are too many, or some were lost. */
static bool session_collect_fds(struct session *s)
{
    bool good = !(s->message.msg_flags & MSG_CTRUNC);

    for (struct cmsghdr *c = CMSG_FIRSTHDR(&s->message); c; c = CMSG_NXTHDR(&s->message, c)) {
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (s->fds_count < WIRE_FDS_PER_SESSION) {
                s->fds[s->fds_count++] = fd;
            } else {
                (void)close(fd); /* over the quota */
                good = false;
            }
        }
    }
    return good;
}

static void session_on_end_of_input(struct session *s)
{
    s->input_ended = true;
    timers_disarm(s->front->timers, &s->frame_timer); /* what is half will stay so */
    if (s->state != SESSION_STREAM) {
        if (outbox_is_empty(&s->outbox))
            session_close(s);
        return;
    }
    ring_poll(s->front->ring, &s->hangup_op, s->fd, 0); /* POLLHUP and POLLERR come unasked */
    for (struct list *at = s->batches.next; at != &s->batches; at = at->next)
        container_of(at, struct batch, link)->ended = true;
    session_wake(s);
}

/* The ring also reports that one half is shut, which we know and which lasts: so we look again a
 * little later instead of at once. Only both halves shut make a hang-up (unix(7)). */
static void session_on_hangup(struct ring_op *op, const struct ring_event *event)
{
    struct session *s = container_of(op, struct session, hangup_op);

    if (s->state == SESSION_CLOSING)
        session_wake(s);
    else if (event->result < 0 || event->result & (POLLHUP | POLLERR))
        session_close(s);
    else
        timers_arm(s->front->timers, &s->frame_timer,
                   ring_now_ns(s->front->ring) + SESSION_HANGUP_LOOK_NS);
}

static void session_on_input(struct ring_op *op, const struct ring_event *event)
{
    struct session *s = container_of(op, struct session, recv_op);
    struct span in;

    if (event->result >= 0 && !session_collect_fds(s))
        session_refuse(s, WIRE_ERROR_FDS, "descriptors over the quota, or lost on the way");
    if (s->state == SESSION_CLOSING || s->state == SESSION_REFUSED) {
        session_drop_fds(s);
        session_wake(s);
        return;
    }
    if (event->result == 0) {
        session_on_end_of_input(s);
        return;
    }
    if (event->result < 0 && event->result != -EINTR && event->result != -EAGAIN) {
        session_close(s);
        return;
    }
    in = span_of(s->input, event->result > 0 ? (size_t)event->result : 0);
    session_take_varlink(s, &in);
    session_take_stream(s, &in);
    /* At the border between two frames nobody can claim a descriptor any more. */
    if (s->fds_count > 0 && !frame_reader_is_mid_frame(&s->frames)) {
        session_drop_fds(s);
        session_refuse(s, WIRE_ERROR_FDS, "descriptors came that no frame had declared");
    }
    session_arm_input(s);
}

void session_drain(struct session *s)
{
    const struct wire_goaway goaway = { .fixed_bytes = sizeof(goaway) };
    char *out;

    if (s->state != SESSION_STREAM) {
        session_close(s);
        return;
    }
    out = outbox_reserve(&s->outbox, sizeof(struct wire_header) + sizeof(goaway));
    if (out)
        message_encode_fixed(out, WIRE_GOAWAY, 0, 0, &goaway, sizeof(goaway));
    s->draining = true;
    for (struct list *at = s->batches.next; at != &s->batches; at = at->next)
        batch_cancel(container_of(at, struct batch, link), FAULT_CANCELLED_DAEMON);
    session_wake(s);
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
    assert(s->body_window <= WIRE_BODY_WINDOW_BYTES);
    table_check(&s->items);
}
