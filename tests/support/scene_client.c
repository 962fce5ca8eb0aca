/*
 * scene_client.c - a client of the scene: what it says, what it got, and what it may not get.
 */
#include "scene.h"

#include "sure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAME_ROOM (200u << 10)

static const char open_call[] = "{\"method\":\"io.haul.Stream.Open\",\"parameters\":"
                                "{\"version\":1},\"upgrade\":true}";

/* ---- life ---- */

void client_connects_as(struct scene *t, struct ucred peer)
{
    struct scene_client *c = sure_calloc(1, sizeof(*c));

    assert_non_null(c);
    assert_true(t->clients_count < SCENE_CLIENTS_MAX);
    t->clients[t->clients_count++] = c;
    t->client = c;
    c->fd = fake_connected_socket(t->ring);
    fake_set_peer(t->ring, c->fd, peer);
    assert_int_equal(session_open(&t->sessions, c->fd), 0);
    scene_settle(t);
}

void client_connects(struct scene *t)
{
    client_connects_as(t, (struct ucred){ .pid = getpid(), .uid = geteuid(), .gid = getegid() });
}

void client_is(struct scene *t, unsigned nth)
{
    assert_true(nth >= 1 && nth <= t->clients_count);
    t->client = t->clients[nth - 1];
}

void scene_client_free(struct scene_client *c)
{
    for (unsigned i = 0; i < SCENE_ITEMS_MAX; i++)
        free(c->items[i].data);
    free(c);
}

bool client_is_connected(const struct scene *t)
{
    return fake_is_open(t->ring, t->client->fd);
}

void client_hangs_up(struct scene *t)
{
    t->client->is_closed_by_us = true;
    fake_receive_eof(t->ring, t->client->fd);
    fake_poll_ready(t->ring, t->client->fd, 0x10); /* POLLHUP */
    scene_settle(t);
}

void client_ends_input(struct scene *t)
{
    fake_receive_eof(t->ring, t->client->fd);
    scene_settle(t);
}

void client_stops_reading(struct scene *t)
{
    fake_send_result(t->ring, t->client->fd, FAKE_NEVER);
}

void client_reads_again(struct scene *t)
{
    fake_send_release(t->ring, t->client->fd);
    scene_settle(t);
}

/* ---- what it says ---- */

void client_says(struct scene *t, struct span bytes)
{
    fake_receive(t->ring, t->client->fd, bytes);
    scene_settle(t);
}

void client_opens_stream(struct scene *t)
{
    client_says(t, span_of(open_call, sizeof(open_call)));
    assert_true(t->client->is_stream);
}

void client_sends_fixed(struct scene *t, enum wire_type type, uint8_t flags, uint64_t id,
                        const void *payload, size_t payload_bytes)
{
    char out[512];
    size_t bytes = message_encode_fixed(out, type, flags, id, payload, payload_bytes);

    client_says(t, span_of(out, bytes));
}

void client_shares(struct scene *t, uint64_t id, const struct message_profile *profile)
{
    static const struct message_profile plain = { .fixed = { .body_mode = WIRE_BODY_DATA } };
    char *out = sure_malloc(FRAME_ROOM);

    client_says(t, span_of(out, message_encode_profile(out, id, profile ? profile : &plain)));
    free(out);
}

void client_begins_batch(struct scene *t, uint64_t id, unsigned concurrency,
                         unsigned max_per_origin)
{
    const struct wire_batch_begin begin = { .fixed_bytes = sizeof(begin),
                                            .concurrency = concurrency,
                                            .max_per_origin = max_per_origin };

    client_sends_fixed(t, WIRE_BATCH_BEGIN, 0, id, &begin, sizeof(begin));
}

void client_begins_batch_with(struct scene *t, uint64_t id, uint32_t flags)
{
    const struct wire_batch_begin begin = { .fixed_bytes = sizeof(begin), .flags = flags };

    client_sends_fixed(t, WIRE_BATCH_BEGIN, 0, id, &begin, sizeof(begin));
}

void client_gives_cookie(struct scene *t, uint64_t batch_id, const char *line)
{
    char *out = sure_malloc(FRAME_ROOM);
    struct cookie cookie;

    assert_true(cookie_parse_line(span_of_string(line), &cookie));
    client_says(t, span_of(out, message_encode_cookie(out, WIRE_COOKIE, batch_id, &cookie)));
    free(out);
}

void client_ends_batch(struct scene *t, uint64_t id)
{
    const struct wire_batch_end end = { .fixed_bytes = sizeof(end) };

    client_sends_fixed(t, WIRE_BATCH_END, 0, id, &end, sizeof(end));
}

void client_submits_as(struct scene *t, uint64_t id, const struct scene_request *request)
{
    struct message_request message = {
        .fixed = { .flags = (request->body ? WIRE_REQUEST_HAS_BODY : 0) |
                            (request->is_replayable ? WIRE_REQUEST_REPLAYABLE : 0),
                   .batch_id = request->batch_id ? request->batch_id : 1,
                   .profile_id = request->profile_id ? request->profile_id : 1,
                   .planned_ns = request->planned_ns,
                   .timeout_ns = request->timeout_ns,
                   .body_mode = request->is_discarded ? WIRE_BODY_DISCARD
                                : request->body_mode  ? request->body_mode
                                                      : WIRE_BODY_OF_PROFILE },
        .method = span_of_string(request->method ? request->method : ""),
        .url = span_of_string(request->url),
        .body = span_of_string(request->body ? request->body : ""),
    };
    char *out = sure_malloc(FRAME_ROOM);
    size_t bytes = message_encode_request(out, id, &message, request->fd ? 1 : 0);
    struct scene_item *item = &t->client->items[id % SCENE_ITEMS_MAX];

    free(item->data);
    *item = (struct scene_item){ .is_open = true };
    if (request->fd)
        fake_receive_fds(t->ring, t->client->fd, span_of(out, bytes), request->fd, 1);
    else
        fake_receive(t->ring, t->client->fd, span_of(out, bytes));
    free(out);
    scene_settle(t);
}

void client_submits(struct scene *t, uint64_t id, const char *url)
{
    const struct scene_request request = { .url = url };

    client_submits_as(t, id, &request);
}

void client_begins(struct scene *t, unsigned concurrency)
{
    client_connects(t);
    client_opens_stream(t);
    client_shares(t, 1, NULL);
    client_begins_batch(t, 1, concurrency, 0);
}

void client_cancels(struct scene *t, uint64_t id)
{
    client_sends_fixed(t, WIRE_CANCEL, 0, id, NULL, 0);
}

void client_cancels_batch(struct scene *t, uint64_t id)
{
    client_sends_fixed(t, WIRE_CANCEL, WIRE_CANCEL_BATCH, id, NULL, 0);
}

void client_cancels_what_waits(struct scene *t, uint64_t id, uint8_t flags)
{
    client_sends_fixed(t, WIRE_CANCEL, (uint8_t)(flags | WIRE_CANCEL_WAITING), id, NULL, 0);
}

void client_credits(struct scene *t, size_t bytes)
{
    const struct wire_credit credit = { .fixed_bytes = sizeof(credit), .body_bytes = bytes };

    t->client->window_used -= bytes < t->client->window_used ? bytes : t->client->window_used;
    client_sends_fixed(t, WIRE_CREDIT, 0, 0, &credit, sizeof(credit));
}

void client_pings(struct scene *t, uint64_t id)
{
    client_sends_fixed(t, WIRE_PING, 0, id, NULL, 0);
}

/* ---- what it gets ---- */

static struct scene_item *open_item(struct scene_client *c, uint64_t id)
{
    struct scene_item *item = &c->items[id % SCENE_ITEMS_MAX];

    if (!item->is_open)
        fail_msg("a frame of item %llu, which has its RESULT", (unsigned long long)id);
    return item;
}

static void use_window(struct scene_client *c, const struct frame *frame)
{
    c->window_used += frame->payload.bytes;
    if (c->window_used > WIRE_BODY_WINDOW_BYTES)
        fail_msg("%zu bytes beyond the window", c->window_used - WIRE_BODY_WINDOW_BYTES);
}

static void take_head(struct scene_client *c, const struct frame *frame)
{
    struct scene_item *item = open_item(c, frame->header.id);
    struct message_head head;

    assert_int_equal(message_decode_head(frame, &head), 0);
    item->head = head.fixed;
    item->heads_count++;
    use_window(c, frame);
}

static void take_data(struct scene_client *c, const struct frame *frame)
{
    struct scene_item *item = open_item(c, frame->header.id);
    struct span body;

    assert_int_equal(message_decode_data(frame, &body), 0);
    if (item->data_bytes + body.bytes >= item->data_capacity) {
        item->data_capacity = 2 * (item->data_bytes + body.bytes) + 1;
        item->data = sure_realloc(item->data, item->data_capacity);
        assert_non_null(item->data);
    }
    memcpy(item->data + item->data_bytes, body.data, body.bytes);
    item->data_bytes += body.bytes;
    item->data[item->data_bytes] = '\0';
    use_window(c, frame);
}

static void check_offsets(const struct wire_result *r)
{
    const uint64_t steps[] = { r->queued_ns,     r->dns_ns,       r->connected_ns, r->sent_ns,
                               r->first_byte_ns, r->last_byte_ns, r->delivered_ns };
    uint64_t before = 0;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i] == WIRE_NOT_REACHED)
            continue;
        if (steps[i] < before)
            fail_msg("step %u of an item's offsets goes back in time", i);
        before = steps[i];
    }
}

static void take_result(struct scene_client *c, const struct frame *frame)
{
    struct scene_item *item = open_item(c, frame->header.id);
    struct message_result result;

    assert_int_equal(message_decode_result(frame, &result), 0);
    item->result = result.fixed;
    item->results_count++;
    item->is_open = false;
    item->order = ++c->results_count;
    (void)snprintf(item->message, sizeof(item->message), "%.*s", (int)result.message.bytes,
                   result.message.data);
    check_offsets(&result.fixed);
}

static void take_batch_done(struct scene_client *c, const struct frame *frame)
{
    struct wire_batch_done *done = &c->batches_done[frame->header.id % SCENE_BATCHES_MAX];

    assert_int_equal(message_decode_batch_done(frame, done), 0);
    assert_int_equal(done->items, done->ok + done->failed);
}

static void take_cookie(struct scene_client *c, const struct frame *frame)
{
    size_t used = strlen(c->cookies);
    struct cookie cookie;

    assert_int_equal(message_decode_cookie(frame, &cookie), 0);
    assert_int_equal(c->batches_done[frame->header.id % SCENE_BATCHES_MAX].fixed_bytes, 0);
    c->cookies_count++;
    (void)snprintf(c->cookies + used, sizeof(c->cookies) - used, "%.*s %.*s %.*s=%.*s|",
                   (int)cookie.domain.bytes, cookie.domain.data, (int)cookie.path.bytes,
                   cookie.path.data, (int)cookie.name.bytes, cookie.name.data,
                   (int)cookie.value.bytes, cookie.value.data);
    use_window(c, frame);
}

static void take_frame(struct scene_client *c, const struct frame *frame)
{
    struct message_error_text error;

    assert_int_equal(c->error_code, 0); /* the last frame */
    switch (frame->header.type) {
    case WIRE_HEAD:
        take_head(c, frame);
        break;
    case WIRE_DATA:
        take_data(c, frame);
        break;
    case WIRE_RESULT:
        take_result(c, frame);
        break;
    case WIRE_BATCH_DONE:
        take_batch_done(c, frame);
        break;
    case WIRE_COOKIE_BACK:
        take_cookie(c, frame);
        break;
    case WIRE_PONG:
        c->pongs_count++;
        c->last_pong_id = frame->header.id;
        break;
    case WIRE_GOAWAY:
        assert_int_equal(message_decode_goaway(frame), 0);
        c->goaways_count++;
        break;
    case WIRE_ERROR:
        assert_int_equal(message_decode_error(frame, &error), 0);
        c->error_code = error.fixed.code;
        break;
    default: /* a number from outside */
        fail_msg("a frame of type %u for a client", frame->header.type);
    }
}

static bool read_varlink(struct scene_client *c, struct span rest)
{
    const char *end = memchr(rest.data, '\0', rest.bytes);
    size_t bytes;

    if (!end)
        return false;
    bytes = (size_t)(end - rest.data) + 1;
    (void)snprintf(c->varlink, sizeof(c->varlink), "%s", rest.data);
    c->read_bytes += bytes;
    c->is_stream = strstr(c->varlink, "\"body_window\"") != NULL && !strstr(c->varlink, "method");
    return true;
}

static bool read_frame(struct scene_client *c, struct span rest)
{
    struct frame frame;

    if (!span_take_copy(&rest, &frame.header, sizeof(frame.header)) ||
        !span_take(&rest, frame.header.length - sizeof(frame.header), &frame.payload))
        return false;
    assert_int_equal(frame.header.length % 8, 0);
    assert_true(frame.header.length <= WIRE_FRAME_BYTES_MAX);
    c->read_bytes += frame.header.length;
    take_frame(c, &frame);
    return true;
}

void scene_client_reads(struct scene *t, struct scene_client *c)
{
    struct span all = fake_sent(t->ring, c->fd);

    for (;;) {
        struct span rest = span_of(all.data + c->read_bytes, all.bytes - c->read_bytes);

        if (rest.bytes == 0 || !(c->is_stream ? read_frame(c, rest) : read_varlink(c, rest)))
            return;
    }
}

/* ---- what it must have got ---- */

const struct scene_item *client_item(const struct scene *t, uint64_t id)
{
    return &t->client->items[id % SCENE_ITEMS_MAX];
}

static const struct scene_item *finished_item(const struct scene *t, uint64_t id)
{
    const struct scene_item *item = client_item(t, id);

    if (item->results_count != 1)
        fail_msg("item %llu has %u RESULTs", (unsigned long long)id, item->results_count);
    return item;
}

void client_receives(struct scene *t, uint64_t id, unsigned status, const char *body)
{
    const struct scene_item *item = finished_item(t, id);

    if (item->result.fault)
        fail_msg("item %llu failed: %s in %s (%s)", (unsigned long long)id,
                 fault_name(item->result.fault), phase_name(item->result.fault_phase),
                 item->message);
    assert_int_equal(item->result.status, status);
    assert_true(item->result.flags & WIRE_RESULT_COMPLETE);
    if (body)
        assert_string_equal(item->data ? item->data : "", body);
}

void client_receives_fault(struct scene *t, uint64_t id, enum fault_code code, enum phase phase)
{
    const struct scene_item *item = finished_item(t, id);

    assert_string_equal(fault_name(item->result.fault), fault_name(code));
    assert_int_equal(item->result.fault, code);
    assert_string_equal(phase_name(item->result.fault_phase), phase_name(phase));
    assert_false(item->result.flags & WIRE_RESULT_COMPLETE);
    assert_string_not_equal(item->message, "");
}

void client_receives_nothing(const struct scene *t, uint64_t id)
{
    assert_int_equal(client_item(t, id)->results_count, 0);
}

const struct wire_batch_done *client_receives_batch_done(const struct scene *t, uint64_t id)
{
    const struct wire_batch_done *done = &t->client->batches_done[id % SCENE_BATCHES_MAX];

    assert_int_not_equal(done->fixed_bytes, 0);
    return done;
}

void client_is_refused(const struct scene *t, enum wire_error_code code)
{
    assert_int_equal(t->client->error_code, code);
    assert_false(client_is_connected(t));
}

size_t client_window_left(const struct scene *t)
{
    return WIRE_BODY_WINDOW_BYTES - t->client->window_used;
}
