/*
 * client.c - the client's side of PROTOCOL.md.
 *
 * Frames are encoded straight into one output buffer and leave in few large sends; what arrives is
 * read in large pieces and cut in place. A descriptor goes with the first byte of its frame, so a
 * send ends where the next frame with a descriptor begins.
 *
 * Body bytes are credited back in portions, not per frame: small answers then cost no frame of
 * ours at all. The portions are small against the window, so that a slow reader of ours is seen to
 * read: the daemon gives up a sink that takes nothing for half a minute.
 */
#include "haul_client.h"

#include "client_open.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CREDIT_BYTES (16u << 10)

#define RECEIVE_BYTES (256u << 10)
#define OUTPUT_KEEP_BYTES (256u << 10)

static_assert(sizeof(struct wire_credit) % 8 == 0, "fixed frames need no padding");

int client_fail(struct client *client, int r, const char *why)
{
    if (!client->why[0])
        (void)snprintf(client->why, sizeof(client->why), "%s%s%s", why, r == -EPROTO ? "" : ": ",
                       r == -EPROTO ? "" : strerror(-r));
    if (client->fd >= 0)
        (void)close(client->fd); /* it failed already */
    client->fd = -1;
    return r;
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        (void)close(client->fd); /* all we wanted to know has arrived */
    client->fd = -1;
    frame_reader_deinit(&client->reader);
    text_deinit(&client->input);
    text_deinit(&client->output);
    client->fds_count = 0;
}

bool client_has_room(const struct client *client, size_t frame_bytes)
{
    return client->slots_used < client->slots && client->request_bytes_free >= frame_bytes &&
           client->fds_count + WIRE_FRAME_FDS_MAX <= CLIENT_FDS_MAX;
}

static int client_send_fixed(struct client *client, enum wire_type type, uint8_t flags, uint64_t id,
                             const void *payload, size_t payload_bytes)
{
    char *room =
        text_reserve(&client->output, sizeof(struct wire_header) + frame_pad(payload_bytes));

    if (!room)
        return -ENOMEM;
    client->output.bytes += message_encode_fixed(room, type, flags, id, payload, payload_bytes);
    return 0;
}

int client_begin_batch(struct client *client, uint64_t id, const struct wire_batch_begin *batch)
{
    return client_send_fixed(client, WIRE_BATCH_BEGIN, 0, id, batch, sizeof(*batch));
}

int client_end_batch(struct client *client, uint64_t id)
{
    struct wire_batch_end end = { 0 };

    return client_send_fixed(client, WIRE_BATCH_END, 0, id, &end, sizeof(end));
}

/* The descriptor goes with the frame that is about to be put; -1 does not. */
static uint16_t client_put_fd(struct client *client, int fd)
{
    if (fd < 0)
        return 0;
    client->fds[client->fds_count++] = (struct client_fd){ .fd = fd, .at = client->output.bytes };
    return 1;
}

int client_request(struct client *client, uint64_t id, const struct message_request *request,
                   const struct client_request_fds *fds)
{
    size_t bytes = message_request_bytes(request);
    uint16_t fds_count;
    char *room;

    assert(client_has_room(client, bytes));
    room = text_reserve(&client->output, bytes);
    if (!room)
        return -ENOMEM;
    fds_count = client_put_fd(client, fds->body);
    fds_count = (uint16_t)(fds_count + client_put_fd(client, fds->file));
    client->output.bytes += message_encode_request(room, id, request, fds_count);
    client->slots_used++;
    client->request_bytes_free -= bytes;
    return 0;
}

int client_cancel_batch(struct client *client, uint64_t id)
{
    return client_send_fixed(client, WIRE_CANCEL, WIRE_CANCEL_BATCH, id, NULL, 0);
}

int client_cancel_waiting(struct client *client, uint64_t batch_id)
{
    return client_send_fixed(client, WIRE_CANCEL, WIRE_CANCEL_BATCH | WIRE_CANCEL_WAITING, batch_id,
                             NULL, 0);
}

int client_ping(struct client *client, uint64_t id)
{
    return client_send_fixed(client, WIRE_PING, 0, id, NULL, 0);
}

void client_release(struct client *client, size_t frame_bytes)
{
    client->slots_used--;
    client->request_bytes_free += frame_bytes;
}

void client_consume(struct client *client, size_t bytes)
{
    uint64_t quarter = client->body_window / 4;
    struct wire_credit credit = { 0 };

    client->consumed_bytes += bytes;
    if (client->consumed_bytes < (quarter < CREDIT_BYTES ? quarter : CREDIT_BYTES) ||
        client->fd < 0)
        return;
    credit.body_bytes = client->consumed_bytes;
    if (client_send_fixed(client, WIRE_CREDIT, 0, 0, &credit, sizeof(credit)) == 0)
        client->consumed_bytes = 0;
}

static message_error take_error(struct client *client, const struct frame *frame)
{
    struct message_error_text error;
    message_error bad = message_decode_error(frame, &error);

    if (bad)
        return bad;
    (void)snprintf(client->why, sizeof(client->why), "the daemon ended the session: %.*s (%u)",
                   (int)error.message.bytes, error.message.data, error.fixed.code);
    return 0;
}

static message_error take_head(struct client *client, const struct frame *frame)
{
    struct message_head head;
    message_error bad = message_decode_head(frame, &head);

    if (!bad)
        client->handlers->on_head(client->handlers->ctx, frame->header.id, &head,
                                  frame->payload.bytes);
    return bad;
}

static message_error take_data(struct client *client, const struct frame *frame)
{
    struct span body;
    message_error bad = message_decode_data(frame, &body);

    if (!bad)
        client->handlers->on_data(client->handlers->ctx, frame->header.id, frame->header.flags,
                                  body, frame->payload.bytes);
    return bad;
}

static message_error take_result(struct client *client, const struct frame *frame)
{
    struct message_result result;
    message_error bad = message_decode_result(frame, &result);

    if (!bad)
        client->handlers->on_result(client->handlers->ctx, frame->header.id, &result);
    return bad;
}

static message_error take_batch_done(struct client *client, const struct frame *frame)
{
    struct wire_batch_done done;
    message_error bad = message_decode_batch_done(frame, &done);

    if (!bad)
        client->handlers->on_batch_done(client->handlers->ctx, frame->header.id, &done);
    return bad;
}

static message_error take_cookie(struct client *client, const struct frame *frame)
{
    struct cookie cookie;
    message_error bad = message_decode_cookie(frame, &cookie);

    if (!bad && !client->handlers->on_cookie)
        return WIRE_ERROR_TYPE;
    if (!bad)
        client->handlers->on_cookie(client->handlers->ctx, frame->header.id, &cookie,
                                    frame->payload.bytes);
    return bad;
}

static message_error take_credit(struct client *client, const struct frame *frame)
{
    struct wire_credit credit;
    message_error bad = message_decode_credit(frame, &credit);

    if (!bad)
        client->slots = credit.slots; /* a total */
    return bad;
}

static message_error client_take(struct client *client, const struct frame *frame)
{
    message_error bad = message_check_header(&frame->header, false);

    if (bad)
        return bad;
    switch ((enum wire_type)frame->header.type) {
    case WIRE_HEAD:
        return take_head(client, frame);
    case WIRE_DATA:
        return take_data(client, frame);
    case WIRE_RESULT:
        return take_result(client, frame);
    case WIRE_BATCH_DONE:
        return take_batch_done(client, frame);
    case WIRE_COOKIE_BACK:
        return take_cookie(client, frame);
    case WIRE_CREDIT:
        return take_credit(client, frame);
    case WIRE_PONG:
        client->handlers->on_pong(client->handlers->ctx, frame->header.id);
        return 0;
    case WIRE_GOAWAY:
        client->handlers->on_goaway(client->handlers->ctx);
        return 0;
    case WIRE_ERROR:
        return take_error(client, frame);
    case WIRE_PROFILE:
    case WIRE_BATCH_BEGIN:
    case WIRE_BATCH_END:
    case WIRE_REQUEST:
    case WIRE_CANCEL:
    case WIRE_PING:
    case WIRE_COOKIE:
        break;
    }
    return WIRE_ERROR_TYPE;
}

int client_take_bytes(struct client *client, struct span bytes)
{
    struct frame frame;

    for (;;) {
        switch (frame_next(&client->reader, &bytes, &frame)) {
        case FRAME_READY:
            if (client_take(client, &frame))
                return client_fail(client, -EPROTO, "the daemon sent a frame we cannot read");
            if (frame.header.type == WIRE_ERROR)
                return client_fail(client, -EPROTO, "the daemon ended the session");
            break;
        case FRAME_NEED_MORE:
            return 0;
        case FRAME_BAD:
            return client_fail(client, -EPROTO, "the daemon's stream is not one of frames");
        case FRAME_NO_MEMORY:
            return client_fail(client, -ENOMEM, "reading from the daemon");
        }
    }
}

int client_receive(struct client *client)
{
    char *room = text_reserve(&client->input, RECEIVE_BYTES);
    ssize_t got;

    if (!room)
        return client_fail(client, -ENOMEM, "reading from the daemon");
    client->received_bytes = 0;
    got = recv(client->fd, room, RECEIVE_BYTES, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (got < 0)
        return client_fail(client, -errno, "reading from the daemon");
    if (got == 0)
        return client_fail(client, -ECONNRESET, "the daemon went away");
    client->received_bytes = (size_t)got;
    return client_take_bytes(client, span_of(room, (size_t)got));
}

/* How many descriptors go with the next byte. */
static unsigned client_fds_now(const struct client *client)
{
    unsigned count = 0;

    while (count < client->fds_count && client->fds[count].at == 0)
        count++;
    return count;
}

/* One sendmsg: up to the next frame with descriptors, or those descriptors and what follows. */
static ssize_t client_send_once(struct client *client)
{
    union {
        char bytes[CMSG_SPACE(WIRE_FRAME_FDS_MAX * sizeof(int))];
        struct cmsghdr aligned;
    } control = { 0 };
    struct iovec iov = { .iov_base = client->output.data, .iov_len = client->output.bytes };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
    unsigned count = client_fds_now(client);
    struct cmsghdr *header;

    if (client->fds_count > count)
        iov.iov_len = client->fds[count].at;
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        for (unsigned i = 0; i < count; i++)
            memcpy(CMSG_DATA(header) + i * sizeof(int), &client->fds[i].fd, sizeof(int));
    }
    return sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* sent bytes are gone, and with the first of them the descriptors that stood before it. */
static void client_drop_sent(struct client *client, size_t sent)
{
    unsigned count = client_fds_now(client);

    client->fds_count -= count;
    memmove(client->fds, client->fds + count, client->fds_count * sizeof(client->fds[0]));
    for (unsigned i = 0; i < client->fds_count; i++)
        client->fds[i].at -= sent;
    text_drop(&client->output, sent);
}

int client_flush(struct client *client)
{
    if (client->fd < 0)
        return -ENOTCONN;
    while (client->output.bytes) {
        ssize_t sent = client_send_once(client);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return 0;
        /* Broken pipe: what the daemon said before it closed is still to be read, and its end of
         * file will be the reason. */
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            client->output.bytes = 0;
            client->fds_count = 0;
            return 0;
        }
        if (sent < 0)
            return client_fail(client, -errno, "writing to the daemon");
        client_drop_sent(client, (size_t)sent);
    }
    text_clear(&client->output, OUTPUT_KEEP_BYTES);
    return 0;
}
