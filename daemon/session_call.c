/*
 * session_call.c - a Varlink call that takes a fetch.
 *
 *   call -> profile, batch, item -> (head, body) -> answer -> the next call
 *
 * It is a batch of one, as a stream's client would submit it; only that what comes of the item is
 * gathered in the call (fetch_call.h) and no frame is written. Until it has ended nothing is read:
 * what the client says meanwhile stays in its socket, and the rest of the last read where it is. So
 * calls are answered in order, and a session holds one call and one body at a time. That the client
 * has left is seen by the hang-up instead.
 */
#include "session.h"

#include <stdlib.h>

static void session_answer_call(struct session *s, const struct message_result *result)
{
    size_t bytes = 0;
    char *text;

    if (s->state != SESSION_VARLINK || s->call->is_oneway)
        return;
    text = fetch_call_answer(s->call, result, &bytes);
    if (text)
        session_reply(s, text, bytes);
    else
        session_close(s); /* out of memory: as with any reply */
    free(text);
}

static void session_on_call_head(void *ctx, struct item *item, const struct attempt_head *head)
{
    struct session *s = ctx;

    (void)item; /* there is but one */
    fetch_call_take_head(s->call, head->fields);
}

static void session_on_call_body(void *ctx, struct item *item, struct block *block)
{
    struct session *s = ctx;
    size_t bytes = block->bytes;

    fetch_call_take_body(s->call, block_span(block));
    block_free(block);
    item_returned(item, bytes);
}

static void session_on_call_restart(void *ctx, struct item *item)
{
    struct session *s = ctx;

    (void)item;
    fetch_call_forget_body(s->call);
}

static void session_on_call_finished(void *ctx, struct item *item)
{
    struct message_result result = item_result(item, ring_now_ns(item->front->ring));
    struct session *s = ctx;

    session_answer_call(s, &result);
    session_release_item(s, item);
}

static void session_on_call_wake(void *ctx)
{
    session_wake(ctx);
}

static const struct item_events session_call_events = {
    .head = session_on_call_head,
    .restart = session_on_call_restart,
    .body = session_on_call_body,
    .finished = session_on_call_finished,
    .wake = session_on_call_wake,
};

static struct batch *session_begin_call_batch(struct session *s)
{
    const struct wire_batch_begin begin = { .fixed_bytes = sizeof(begin), .concurrency = 1 };
    const struct batch_options options = { .front = s->front,
                                           .events = &session_call_events,
                                           .ctx = s,
                                           .id = 1,
                                           .client_key = s->peer.uid,
                                           .begin = &begin };
    struct batch *batch = batch_new(&options);

    if (!batch)
        return NULL;
    batch->ended = true;
    list_link_back(&s->batches, &batch->link);
    s->batches_count++;
    session_count_batch(s, batch);
    return batch;
}

/* Frames of our own making cannot be wrong: what fails here is memory. */
static enum fault_code session_admit_call(struct session *s)
{
    struct message_request message;
    struct item_options options = { .frame = &s->call->request, .message = &message };
    message_error error = 0;
    struct item *item;

    options.profile = session_add_profile(s, &s->call->profile, &error);
    if (!options.profile || message_decode_request(options.frame, &message))
        return FAULT_LOCAL_NO_MEMORY;
    options.batch = session_begin_call_batch(s);
    if (!options.batch)
        return FAULT_LOCAL_NO_MEMORY;
    item = session_add_item(s, &options);
    if (!item)
        return FAULT_ADMISSION_BUSY;
    session_judge_item(s, item, 0);
    return FAULT_NONE;
}

void session_start_call(struct session *s, struct fetch_call *call)
{
    struct message_result failure;
    enum fault_code code;

    s->call = call;
    code = session_admit_call(s);
    if (code != FAULT_NONE) {
        failure = fetch_call_failure(code);
        session_answer_call(s, &failure);
    }
    session_watch_hangup(s);
    session_wake(s);
}

static void session_forget_call(struct session *s)
{
    struct list *link;

    while ((link = list_pop(&s->profiles)))
        profile_free(container_of(link, struct profile, link));
    s->profiles_count = 0;
    s->profiles_bytes = 0;
    fetch_call_free(s->call);
    s->call = NULL;
    timers_disarm(s->front->timers, &s->frame_timer);
}

void session_end_call(struct session *s)
{
    if (s->call && s->items.count == 0)
        session_forget_call(s);
    session_take_unread(s); /* also when it was our own output that held it up */
}
