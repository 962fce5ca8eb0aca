/*
 * session_input.c - a client's bytes become Varlink messages and frames.
 *
 * Reading is one recvmsg at a time, because descriptors come with bytes and belong to the frame
 * that declares them, not to the read that brought them.
 *
 * A client that shuts only its writing half still gets its results; one that is gone altogether is
 * noticed by the hang-up, and all it asked for is cancelled. So it is while a call is under way
 * that takes a fetch (session_call.c): then nothing is read, and what came behind it stays unread.
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

#define SESSION_HANGUP_LOOK_NS 250000000ull

static bool session_may_read(const struct session *s)
{
    return (s->state == SESSION_VARLINK || s->state == SESSION_STREAM) && !s->input_ended &&
           !s->call && s->outbox.bytes_queued < SESSION_OUTPUT_BYTES_MAX;
}

/* Half a frame may not stay half for long; the limit runs from its first byte, or from
 * when we read on: while we do not, the other half may well be there. */
static void session_watch_frame(struct session *s)
{
    bool half = s->state == SESSION_STREAM ? frame_reader_is_mid_frame(&s->frames)
                                           : varlink_reader_is_mid_message(&s->varlink);

    if (!half && !s->unwelcome)
        timers_disarm(s->front->timers, &s->frame_timer);
    else if (!timer_is_armed(&s->frame_timer))
        timers_arm(s->front->timers, &s->frame_timer,
                   ring_now_ns(s->front->ring) + s->front->config->frame_timeout_ns);
}

void session_arm_input(struct session *s)
{
    if (s->recv_op.in_flight || s->input_ended)
        return;
    if (!session_may_read(s)) {
        timers_disarm(s->front->timers, &s->frame_timer);
        return;
    }
    assert(span_is_empty(s->unread)); /* it lies where we are about to read to */
    s->piece = (struct iovec){ .iov_base = s->input, .iov_len = SESSION_INPUT_BYTES };
    s->message = (struct msghdr){ .msg_iov = &s->piece,
                                  .msg_iovlen = 1,
                                  .msg_control = s->control,
                                  .msg_controllen = sizeof(s->control) };
    ring_recvmsg(s->front->ring, &s->recv_op, s->fd, &s->message);
    session_watch_frame(s);
}

void session_drop_fds(struct session *s)
{
    for (unsigned i = 0; i < s->fds_count; i++)
        (void)close(s->fds[i]); /* nobody claimed it */
    s->user->unclaimed_fds -= s->fds_count;
    s->fds_count = 0;
}

int session_take_fd(struct session *s)
{
    int fd;

    if (s->fds_count == 0)
        return -1;
    fd = s->fds[0];
    s->fds_count--;
    s->user->unclaimed_fds--;
    memmove(s->fds, s->fds + 1, s->fds_count * sizeof(int));
    return fd;
}

static void session_on_frame_timer(struct timer *timer, uint64_t now_ns)
{
    struct session *s = container_of(timer, struct session, frame_timer);

    (void)now_ns;
    if ((s->input_ended || s->call) && s->state != SESSION_CLOSING) {
        session_watch_hangup(s);
    } else if (s->state == SESSION_STREAM) {
        session_refuse(s, WIRE_ERROR_TIMEOUT, "half a frame for too long");
    } else if (s->state == SESSION_VARLINK) {
        session_log_end(s, s->unwelcome ? "turned away" : "cut off",
                        s->unwelcome ? s->unwelcome : "half a call for too long");
        session_close(s);
    }
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

void session_reply(struct session *s, const char *reply, size_t bytes)
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
    struct varlink_answer answer = { .text = NULL };

    if (s->unwelcome) {
        session_turn_away(s);
        return;
    }
    /* Reading stops only between reads: one of them may hold hundreds of calls. */
    if (s->outbox.bytes_queued > SESSION_OUTPUT_BYTES_MAX) {
        session_close(s);
        return;
    }
    switch (varlink_dispatch(s->sessions->service, &s->peer, message, &answer)) {
    case VARLINK_REPLIED:
        session_reply(s, answer.text, answer.bytes);
        break;
    case VARLINK_UPGRADED:
        session_reply(s, answer.text, answer.bytes);
        if (s->state == SESSION_VARLINK)
            session_enter(s, SESSION_STREAM);
        break;
    case VARLINK_PENDING:
        session_start_call(s, answer.pending);
        break;
    case VARLINK_INVALID:
        session_log_end(s, "cut off", "what it sends is no call of Varlink");
        session_close(s);
        break;
    case VARLINK_FAILED:
        session_close(s);
        break;
    }
    free(answer.text);
}

static void session_take_varlink(struct session *s, struct span *in)
{
    struct span message;

    while (s->state == SESSION_VARLINK && !s->call) {
        switch (varlink_next(&s->varlink, in, &message)) {
        case VARLINK_READY:
            timers_disarm(s->front->timers, &s->frame_timer);
            session_take_message(s, message);
            break;
        case VARLINK_NEED_MORE:
            return;
        case VARLINK_TOO_BIG:
            session_log_end(s, "cut off", "its call is larger than 1 MiB");
            session_close(s);
            return;
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
            if (session_may_keep_fd(s)) {
                s->fds[s->fds_count++] = fd;
                s->user->unclaimed_fds++;
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
    session_watch_hangup(s);
    for (struct list *at = s->batches.next; at != &s->batches; at = at->next)
        container_of(at, struct batch, link)->ended = true;
    session_wake(s);
}

/* POLLHUP and POLLERR come unasked. */
void session_watch_hangup(struct session *s)
{
    if (s->state != SESSION_CLOSING && !s->hangup_op.in_flight)
        ring_poll(s->front->ring, &s->hangup_op, s->fd, 0);
}

/* The ring also reports that one half is shut, which we know and which lasts: so we look again a
 * little later instead of at once. Only both halves shut make a hang-up (unix(7)). */
static void session_on_hangup(struct ring_op *op, const struct ring_event *event)
{
    struct session *s = container_of(op, struct session, hangup_op);

    if (s->state == SESSION_CLOSING)
        session_wake(s);
    else if (!s->input_ended && !s->call)
        return; /* the call it watched over has ended: reading tells as much */
    else if (event->result < 0 || event->result & (POLLHUP | POLLERR))
        session_close(s);
    else
        timers_arm(s->front->timers, &s->frame_timer,
                   ring_now_ns(s->front->ring) + SESSION_HANGUP_LOOK_NS);
}

static void session_take_input(struct session *s)
{
    session_take_varlink(s, &s->unread);
    session_take_stream(s, &s->unread);
}

void session_take_unread(struct session *s)
{
    if (!span_is_empty(s->unread) && session_may_read(s))
        session_take_input(s);
}

static void session_on_input(struct ring_op *op, const struct ring_event *event)
{
    struct session *s = container_of(op, struct session, recv_op);

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
    s->unread = span_of(s->input, event->result > 0 ? (size_t)event->result : 0);
    session_take_input(s);
    /* At the border between two frames nobody can claim a descriptor any more, unless only our
     * buffer was too small for all that came with it. */
    if (s->fds_count > 0 && !frame_reader_is_mid_frame(&s->frames) &&
        event->result < (int32_t)SESSION_INPUT_BYTES) {
        session_drop_fds(s);
        session_refuse(s, WIRE_ERROR_FDS, "descriptors came that no frame had declared");
    }
    session_arm_input(s);
}

void session_start_input(struct session *s)
{
    s->recv_op.done = session_on_input;
    s->hangup_op.done = session_on_hangup;
    timer_init(&s->frame_timer, session_on_frame_timer);
    session_arm_input(s);
}
