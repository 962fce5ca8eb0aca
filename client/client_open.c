/*
 * client_open.c - from a connected socket to a stream: one Varlink call with the upgrade flag.
 *
 * The only place of the client that waits for the daemon with nothing else to do. Bytes after the
 * reply's NUL are frames already.
 */
#include "client_open.h"

#include "varlink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_READ_BYTES 4096u
#define SOCKET_BUFFER_BYTES (1 << 20)

int client_connect(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t bytes = strlen(path);
    struct stat st;
    int fd, error;

    if (bytes >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, bytes);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    error = errno;
    if (error == ECONNREFUSED && stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        error = ENOTSOCK; /* the kernel makes no difference, but the cure does */
    (void)close(fd);      /* it was never connected */
    return -error;
}

static int send_call(struct client *client)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *parameters = doc ? yyjson_mut_obj(doc) : NULL;
    size_t bytes = 0, sent = 0;
    char *call = NULL;
    int r = 0;

    if (parameters && yyjson_mut_obj_add_uint(doc, parameters, "version", WIRE_VERSION) &&
        yyjson_mut_obj_add_arr(doc, parameters, "features"))
        call = varlink_format_call("io.haul.Stream.Open", doc, parameters, true, &bytes);
    yyjson_mut_doc_free(doc);
    if (!call)
        return client_fail(client, -ENOMEM, "opening the stream");
    while (r == 0 && sent < bytes) {
        ssize_t wrote = send(client->fd, call + sent, bytes - sent, MSG_NOSIGNAL);

        if (wrote >= 0)
            sent += (size_t)wrote;
        else if (errno != EINTR)
            r = client_fail(client, -errno, "writing to the daemon");
    }
    free(call);
    return r;
}

static uint64_t uint_of(yyjson_val *object, const char *key, uint64_t fallback)
{
    yyjson_val *value = yyjson_obj_get(object, key);

    return yyjson_is_uint(value) ? yyjson_get_uint(value) : fallback;
}

static int client_take_reply(struct client *client, struct span reply)
{
    yyjson_doc *doc = yyjson_read(reply.data, reply.bytes, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *error = yyjson_get_str(yyjson_obj_get(root, "error"));
    yyjson_val *parameters = yyjson_obj_get(root, "parameters");
    const char *reason = yyjson_get_str(yyjson_obj_get(parameters, "reason"));
    int r = 0;

    if (error && reason && strcmp(error, VARLINK_ACCESS_DENIED) == 0) {
        (void)snprintf(client->why, sizeof(client->why), "%s", reason);
        r = client_fail(client, -EDQUOT, "");
    } else if (!yyjson_is_obj(root) || error) {
        (void)snprintf(client->why, sizeof(client->why), "the daemon refuses a stream: %s",
                       error ? error : "its answer is no JSON object");
        r = client_fail(client, -EPROTO, "");
    } else if (uint_of(parameters, "version", WIRE_VERSION) != WIRE_VERSION) {
        r = client_fail(client, -EPROTO, "the daemon speaks another version of the stream");
    }
    client->slots = (uint32_t)uint_of(parameters, "slots", 0);
    client->body_window = uint_of(parameters, "body_window", WIRE_BODY_WINDOW_BYTES);
    client->request_bytes_free = WIRE_REQUEST_BYTES_PER_SESSION;
    yyjson_doc_free(doc);
    return r;
}

/* Waits for the reply and takes it; what follows it goes on as frames. */
static int client_await_reply(struct client *client, int timeout_ms)
{
    struct varlink_reader reader;
    enum varlink_verdict verdict = VARLINK_NEED_MORE;
    char bytes[REPLY_READ_BYTES];
    struct span in = { 0 }, reply;
    int r = 0;

    varlink_reader_init(&reader);
    while (r == 0 && verdict == VARLINK_NEED_MORE) {
        struct pollfd ready = { .fd = client->fd, .events = POLLIN };
        int count = poll(&ready, 1, timeout_ms);
        ssize_t got;

        if (count == 0) {
            r = client_fail(client, -ETIMEDOUT, "the daemon does not answer");
            break;
        }
        got = count < 0 ? -1 : recv(client->fd, bytes, sizeof(bytes), 0);
        if (got < 0)
            r = client_fail(client, -errno, "reading from the daemon");
        else if (got == 0)
            r = client_fail(client, -ECONNRESET, "the daemon went away");
        if (r < 0)
            break;
        in = span_of(bytes, (size_t)got);
        verdict = varlink_next(&reader, &in, &reply);
    }
    if (r == 0 && verdict != VARLINK_READY)
        r = client_fail(client, -EPROTO, "the daemon's answer is too long");
    if (r == 0)
        r = client_take_reply(client, reply);
    if (r == 0)
        r = client_take_bytes(client, in);
    varlink_reader_deinit(&reader);
    return r;
}

int client_open(struct client *client, int fd, int timeout_ms,
                const struct client_handlers *handlers)
{
    int size = SOCKET_BUFFER_BYTES;
    int r;

    *client = (struct client){ .fd = fd, .handlers = handlers };
    frame_reader_init(&client->reader);
    text_init(&client->input);
    text_init(&client->output);
    /* Larger than the default where the system allows it: fewer turns for both sides. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    r = send_call(client);
    return r < 0 ? r : client_await_reply(client, timeout_ms);
}
