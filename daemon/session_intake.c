/*
 * session_intake.c - a client's frames become profiles, batches and items.
 *
 * A frame that breaks the protocol ends the session with an ERROR that says why; a request that
 * merely cannot be sent becomes an item with a fault, and the rest goes on.
 */
#include "session.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

static struct profile *session_find_profile(const struct session *s, uint64_t id)
{
    for (struct list *at = s->profiles.prev; at != &s->profiles; at = at->prev) {
        struct profile *profile = container_of(at, struct profile, link);

        if (profile->id == id)
            return profile;
    }
    return NULL;
}

static struct batch *session_find_batch(const struct session *s, uint64_t id)
{
    for (struct list *at = s->batches.prev; at != &s->batches; at = at->prev) {
        struct batch *batch = container_of(at, struct batch, link);

        if (batch->id == id)
            return batch;
    }
    return NULL;
}

/* Unix-socket upstreams: what the daemon may reach is its own user's affair. */
static bool session_may_use_unix(const struct session *s, struct span path)
{
    return s->peer.uid == geteuid() || config_allows_unix_upstream(s->front->config, path);
}

struct profile *session_add_profile(struct session *s, const struct frame *frame,
                                    message_error *ret_error)
{
    struct profile *profile = profile_new(frame, s->peer.uid, s->front->config, ret_error);

    if (!profile)
        return NULL;
    profile->unix_denied = profile->message.unix_path.bytes > 0 &&
                           !session_may_use_unix(s, profile->message.unix_path);
    list_link_back(&s->profiles, &profile->link);
    s->profiles_count++;
    s->profiles_bytes += frame->payload.bytes;
    session_count_bytes(s);
    return profile;
}

static void session_on_profile(struct session *s, const struct frame *frame)
{
    message_error error;

    if (s->profiles_count >= WIRE_PROFILES_PER_SESSION) {
        session_refuse(s, WIRE_ERROR_LIMIT, "too many profiles");
        return;
    }
    if (session_find_profile(s, frame->header.id)) {
        session_refuse(s, WIRE_ERROR_DUPLICATE, "a profile with this id exists");
        return;
    }
    /* The first one is let in, so that items can be refused one by one. */
    if (s->profiles_count > 0 &&
        !user_has_room(s->user, &s->front->config->user_limits, USER_BYTES, frame->payload.bytes)) {
        session_refuse(s, WIRE_ERROR_LIMIT,
                       "this user has as many bytes in the daemon as it may (MaxBytesPerUser=)");
        return;
    }
    if (!session_add_profile(s, frame, &error))
        session_refuse(s, error ? error : WIRE_ERROR_LIMIT,
                       error ? "PROFILE is malformed" : "out of memory");
}

static void session_on_batch_begin(struct session *s, const struct frame *frame)
{
    struct wire_batch_begin begin;
    struct batch_options options = { .front = s->front,
                                     .events = &session_item_events,
                                     .ctx = s,
                                     .id = frame->header.id,
                                     .client_key = s->peer.uid,
                                     .begin = &begin };
    struct batch *batch;
    message_error error = message_decode_batch_begin(frame, &begin);

    if (error) {
        session_refuse(s, error, "BATCH_BEGIN is malformed");
    } else if (session_find_batch(s, frame->header.id)) {
        session_refuse(s, WIRE_ERROR_DUPLICATE, "a batch with this id is live");
    } else if (s->batches_count >= WIRE_BATCHES_PER_SESSION) {
        session_refuse(s, WIRE_ERROR_LIMIT, "too many live batches");
    } else if (begin.flags & WIRE_BATCH_COOKIES && s->jars_count >= WIRE_JARS_PER_SESSION) {
        session_refuse(s, WIRE_ERROR_LIMIT, "too many live batches with cookies");
    } else if (!(batch = batch_new(&options))) {
        session_refuse(s, WIRE_ERROR_LIMIT, "out of memory");
    } else {
        list_link_back(&s->batches, &batch->link);
        s->batches_count++;
        session_count_batch(s, batch);
        s->jars_count += batch->cookies != NULL;
    }
}

static void session_on_batch_end(struct session *s, const struct frame *frame)
{
    struct batch *batch = session_find_batch(s, frame->header.id);
    message_error error = message_decode_batch_end(frame);

    if (error) {
        session_refuse(s, error, "BATCH_END is malformed");
    } else if (!batch || batch->ended) {
        session_refuse(s, WIRE_ERROR_UNKNOWN_ID, "BATCH_END of no live batch");
    } else {
        batch->ended = true;
        session_wake(s);
    }
}

static void session_on_cookie(struct session *s, const struct frame *frame)
{
    struct batch *batch = session_find_batch(s, frame->header.id);
    struct cookie cookie;
    message_error error = message_decode_cookie(frame, &cookie);

    if (error)
        session_refuse(s, error, "COOKIE is malformed");
    else if (!batch || batch->ended || !batch->cookies)
        session_refuse(s, WIRE_ERROR_UNKNOWN_ID, "COOKIE of no open batch with cookies");
    else /* what may not be set is left out, as from a response */
        (void)cookies_put(batch->cookies, &cookie,
                          ring_wall_ns(s->front->ring) / UINT64_C(1000000000));
}

/* What came with a REQUEST; -1 = none. */
struct session_fds {
    int upload; /* its body's */
    int file;   /* for the body of the response */
};

static void session_close_fds(const struct session_fds *fds)
{
    if (fds->upload >= 0)
        (void)close(fds->upload); /* nobody has used them */
    if (fds->file >= 0)
        (void)close(fds->file);
}

/* False: they are not those that the frame declares, and the session has been refused. */
static bool session_claim_fds(struct session *s, const struct frame *frame,
                              const struct item_options *options, struct session_fds *ret_fds)
{
    const struct wire_request *fixed = &options->message->fixed;
    bool from_fd = fixed->flags & WIRE_REQUEST_BODY_FD;
    bool to_file = fixed->body_mode == WIRE_BODY_FD ||
                   (fixed->body_mode == WIRE_BODY_OF_PROFILE &&
                    options->profile->message.fixed.body_mode == WIRE_BODY_FD);
    struct session_fds fds = { -1, -1 };

    if (frame->header.fd_count != from_fd + to_file) {
        session_refuse(s, WIRE_ERROR_FDS, "flags, body mode and descriptors do not agree");
        return false;
    }
    if (from_fd)
        fds.upload = session_take_fd(s);
    if (to_file)
        fds.file = session_take_fd(s);
    if ((from_fd && fds.upload < 0) || (to_file && fds.file < 0)) {
        session_close_fds(&fds);
        session_refuse(s, WIRE_ERROR_FDS, "a descriptor was declared and did not come");
        return false;
    }
    *ret_fds = fds;
    return true;
}

struct item *session_add_item(struct session *s, const struct item_options *options)
{
    struct item *item = item_new(s->front, options);

    if (!item)
        return NULL;
    if (table_insert(&s->items, options->frame->header.id, item) < 0) {
        item->state = ITEM_FINISHED;
        timers_disarm(s->front->timers, &item->deadline);
        item_free(item);
        return NULL;
    }
    s->request_bytes += item_request_bytes(item);
    batch_admit(options->batch, item);
    return item;
}

/* The request is well formed and its ids are known: from here on it is an item. */
static void session_admit(struct session *s, const struct item_options *options,
                          const struct session_fds *fds)
{
    struct item *item = session_add_item(s, options);

    if (!item) {
        /* Without an item there is no one to carry the fault; without memory the client had better
         * start again. */
        session_close_fds(fds);
        session_refuse(s, WIRE_ERROR_LIMIT, "the daemon holds as many items as it can");
        return;
    }
    if (fds->upload >= 0)
        item_take_upload(item, fds->upload);
    if (fds->file >= 0)
        item_take_file(item, fds->file);
    session_judge_item(s, item, (fds->upload >= 0) + (fds->file >= 0));
    session_wake(s);
}

static void session_on_request(struct session *s, const struct frame *frame)
{
    struct message_request message;
    struct item_options options = { .frame = frame, .message = &message };
    message_error error = message_decode_request(frame, &message);
    struct session_fds fds;

    if (error) {
        session_refuse(s, error, "REQUEST is malformed");
        return;
    }
    options.batch = session_find_batch(s, message.fixed.batch_id);
    options.profile = session_find_profile(s, message.fixed.profile_id);
    if (!options.batch || options.batch->ended || !options.profile) {
        session_refuse(s, WIRE_ERROR_UNKNOWN_ID, "REQUEST of an unknown batch or profile");
        return;
    }
    if (table_find(&s->items, frame->header.id)) {
        session_refuse(s, WIRE_ERROR_DUPLICATE, "an item with this id is live");
        return;
    }
    if (s->items.count >= WIRE_SLOTS_PER_SESSION ||
        s->request_bytes + frame->payload.bytes > WIRE_REQUEST_BYTES_PER_SESSION) {
        session_refuse(s, WIRE_ERROR_SLOTS, "more requests than slots, or 64 MiB of them");
        return;
    }
    if (session_claim_fds(s, frame, &options, &fds))
        session_admit(s, &options, &fds);
}

static void session_on_cancel(struct session *s, const struct frame *frame)
{
    bool only_waiting = frame->header.flags & WIRE_CANCEL_WAITING;
    struct batch *batch;
    struct item *item;

    /* What has ended meanwhile is past cancelling: no error. */
    if (frame->header.flags & WIRE_CANCEL_BATCH) {
        batch = session_find_batch(s, frame->header.id);
        if (batch && only_waiting)
            batch_cancel_waiting(batch, FAULT_CANCELLED_CLIENT);
        else if (batch)
            batch_cancel(batch, FAULT_CANCELLED_CLIENT);
    } else {
        item = table_find(&s->items, frame->header.id);
        if (item && (!only_waiting || item->state == ITEM_WAITING))
            item_cancel(item, FAULT_CANCELLED_CLIENT);
    }
    session_wake(s);
}

static void session_on_credit(struct session *s, const struct frame *frame)
{
    struct wire_credit credit;
    message_error error = message_decode_credit(frame, &credit);

    if (error || credit.body_bytes > WIRE_BODY_WINDOW_BYTES - s->body_window) {
        session_refuse(s, error ? error : WIRE_ERROR_MALFORMED, "CREDIT for more than was sent");
        return;
    }
    s->body_window += credit.body_bytes;
    session_deliver_bodies(s);
    if (s->jars_count > 0)
        session_wake(s); /* a batch may wait to send its cookies */
}

static void session_on_ping(struct session *s, const struct frame *frame)
{
    char *out = outbox_reserve(&s->outbox, sizeof(struct wire_header));

    if (out)
        message_encode_fixed(out, WIRE_PONG, 0, frame->header.id, NULL, 0);
}

void session_take_frame(struct session *s, const struct frame *frame)
{
    message_error error = message_check_header(&frame->header, true);

    if (error) {
        session_refuse(s, error,
                       error == WIRE_ERROR_TYPE  ? "unknown frame type"
                       : error == WIRE_ERROR_FDS ? "this frame takes no descriptors"
                                                 : "a reserved bit is set");
        return;
    }
    switch (frame->header.type) {
    case WIRE_PROFILE:
        session_on_profile(s, frame);
        break;
    case WIRE_BATCH_BEGIN:
        session_on_batch_begin(s, frame);
        break;
    case WIRE_BATCH_END:
        session_on_batch_end(s, frame);
        break;
    case WIRE_REQUEST:
        session_on_request(s, frame);
        break;
    case WIRE_COOKIE:
        session_on_cookie(s, frame);
        break;
    case WIRE_CANCEL:
        session_on_cancel(s, frame);
        break;
    case WIRE_CREDIT:
        session_on_credit(s, frame);
        break;
    case WIRE_PING:
        session_on_ping(s, frame);
        break;
    default: /* a number from outside, not an enum of ours; the check above let no other through */
        session_refuse(s, WIRE_ERROR_TYPE, "unknown frame type");
        break;
    }
}
