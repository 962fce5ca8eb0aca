/*
 * haul_client.h - a session with a hauld: frames out, results in.
 *
 * The caller owns the loop: it polls client->fd for what client_wants says and calls client_receive
 * and client_flush. Nothing here blocks after client_open. Requests beyond the slots are the
 * caller's bug: it asks client_has_room first.
 */
#ifndef HAUL_CLIENT_H
#define HAUL_CLIENT_H

#include "frame.h"
#include "message.h"
#include "text.h"

#define CLIENT_FDS_MAX 16u /* descriptors waiting to be sent */
#define CLIENT_WHY_BYTES 200u

/* What the daemon sends, in the order it was sent. Spans are valid during the call. A handler may
 * submit and cancel; it must not close the client. */
struct client_handlers {
    void *ctx;
    /* window_bytes: what this took from the body window, to be given back by client_consume. */
    void (*on_head)(void *ctx, uint64_t id, const struct message_head *head, size_t window_bytes);
    void (*on_data)(void *ctx, uint64_t id, uint8_t flags, struct span body, size_t window_bytes);
    void (*on_result)(void *ctx, uint64_t id, const struct message_result *result);
    /* Of a batch that wants them back, before its on_batch_done; else it may be NULL. */
    void (*on_cookie)(void *ctx, uint64_t id, const struct cookie *cookie, size_t window_bytes);
    void (*on_batch_done)(void *ctx, uint64_t id, const struct wire_batch_done *done);
    void (*on_pong)(void *ctx, uint64_t id);
    void (*on_goaway)(void *ctx);
};

struct client {
    int fd; /* -1 = closed */
    const struct client_handlers *handlers;
    struct frame_reader reader;
    struct text input;  /* bytes received, not yet frames */
    struct text output; /* frames not yet sent */
    struct client_fd {
        int fd;
        size_t at; /* where its frame begins in output */
    } fds[CLIENT_FDS_MAX];
    unsigned fds_count;
    uint32_t slots;        /* granted */
    uint32_t slots_used;   /* requests without a result */
    size_t received_bytes; /* by the last client_receive */
    uint64_t request_bytes_free;
    uint64_t body_window;
    uint64_t consumed_bytes;    /* of bodies and heads, not yet credited back */
    char why[CLIENT_WHY_BYTES]; /* of the failure that closed it; empty = none */
};

/* Takes fd (a connected stream socket) over, also on failure, and opens the stream on it; waits for
 * the daemon's answer at most timeout_ms. 0 or -errno with client->why: -EPROTO when the answer is
 * no Varlink reply or an error, -ETIMEDOUT, -ECONNRESET ... */
int client_open(struct client *client, int fd, int timeout_ms,
                const struct client_handlers *handlers);
void client_close(struct client *client);

/* Connects to a daemon's socket; the descriptor, or -errno. */
int client_connect(const char *path);

static inline bool client_is_open(const struct client *client)
{
    return client->fd >= 0;
}

static inline bool client_has_output(const struct client *client)
{
    return client->output.bytes > 0;
}

/* True when a request of frame_bytes may be sent now. */
bool client_has_room(const struct client *client, size_t frame_bytes);

/* What goes with a request; the caller's, to stay open until its result. -1 = none. */
struct client_request_fds {
    int body; /* WIRE_REQUEST_BODY_FD: read from */
    int file; /* WIRE_BODY_FD: written to */
};

/* Each queues one frame; 0 or -ENOMEM. */
int client_begin_batch(struct client *client, uint64_t id, const struct wire_batch_begin *batch);
int client_end_batch(struct client *client, uint64_t id);
int client_request(struct client *client, uint64_t id, const struct message_request *request,
                   const struct client_request_fds *fds);
int client_cancel_batch(struct client *client, uint64_t id);
int client_cancel_waiting(struct client *client, uint64_t batch_id); /* what has not begun */
int client_ping(struct client *client, uint64_t id);

/* Gives back a slot and the bytes of a request whose result has come. */
void client_release(struct client *client, size_t frame_bytes);

/* Window bytes (as on_data and on_head said them) that were used up; credited back in chunks. */
void client_consume(struct client *client, size_t bytes);

/* One recv and the handlers of the frames it completes. 0, or -errno: the client is then closed,
 * client->why says why in plain words. */
int client_receive(struct client *client);

/* Sends what the socket takes. 0, or -errno and closed, as above. */
int client_flush(struct client *client);

#endif
