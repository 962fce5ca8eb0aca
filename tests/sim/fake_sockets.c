/*
 * fake_sockets.c - sockets as the test scripts them: what arrives, what was sent, what goes wrong.
 *
 * Numbers start far above those of real descriptors and are never used again, so that an op on a
 * socket that was closed is caught instead of hitting its successor.
 */
#include "fake_internal.h"

#include "sure.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FD_FIRST 2000000

/* ---- queues and luck ---- */

void fake_queue_push(struct fake_queue *queue, int32_t value)
{
    queue->values = sure_realloc(queue->values, (queue->count + 1) * sizeof(value));
    assert(queue->values);
    queue->values[queue->count++] = value;
}

int32_t fake_queue_pop(struct fake_queue *queue, int32_t otherwise)
{
    int32_t value;

    if (queue->count == 0)
        return otherwise;
    value = queue->values[0];
    queue->count--;
    memmove(queue->values, queue->values + 1, queue->count * sizeof(value));
    return value;
}

bool fake_luck(struct ring *ring, unsigned n)
{
    return ring->is_random && ring_random(ring) % n == 0;
}

size_t fake_cut(struct ring *ring, size_t most)
{
    if (!ring->is_random || most < 2)
        return most;
    /* Mostly small pieces: that is where the mistakes are. */
    return 1 + ring_random(ring) % (fake_luck(ring, 2) && most > 8 ? 8 : most);
}

/* ---- making and finding ---- */

struct fake_socket *fake_make_socket(struct ring *ring, int fd)
{
    struct fake_socket *socket = sure_calloc(1, sizeof(*socket));

    ring->sockets =
        sure_realloc(ring->sockets, (ring->sockets_count + 1) * sizeof(struct fake_socket *));
    assert(socket);
    assert(ring->sockets);
    ring->sockets[ring->sockets_count++] = socket;
    socket->is_open = true;
    socket->is_foreign = fd >= 0;
    socket->fd = fd >= 0 ? fd : fake_fd(++ring->sockets_made);
    socket->peer = (struct ucred){ .pid = getpid(), .uid = geteuid(), .gid = getegid() };
    list_init(&socket->incoming);
    return socket;
}

/* A foreign number may have been closed and come back: the newest counts. */
static struct fake_socket *find_socket(const struct ring *ring, int fd)
{
    for (unsigned i = ring->sockets_count; i-- > 0;) {
        if (ring->sockets[i]->fd == fd && (ring->sockets[i]->is_open || fd >= FD_FIRST))
            return ring->sockets[i];
    }
    return NULL;
}

static const struct fake_socket *known_socket(const struct ring *ring, int fd)
{
    const struct fake_socket *socket = find_socket(ring, fd);

    assert(socket);
    return socket;
}

struct fake_socket *fake_socket(struct ring *ring, int fd)
{
    struct fake_socket *socket = find_socket(ring, fd);

    if (!socket) {
        assert(fd >= 0);
        assert(fd < FD_FIRST); /* else it is a number of ours that we never gave */
        socket = fake_make_socket(ring, fd);
    }
    assert(socket->is_open);
    return socket;
}

static void free_item(struct fake_item *item)
{
    for (unsigned i = 0; i < item->fds_count; i++)
        (void)close(item->fds[i]);
    list_unlink(&item->link);
    free(item->data);
    free(item);
}

static void free_socket(struct fake_socket *socket)
{
    struct list *link;

    while ((link = list_first(&socket->incoming)))
        free_item(container_of(link, struct fake_item, link));
    for (unsigned i = 0; i < socket->sent_fds_count; i++)
        (void)close(socket->sent_fds[i]);
    free(socket->send_results.values);
    free(socket->accepts.values);
    free(socket->polls.values);
    free(socket->sent);
    free(socket);
}

void fake_sockets_free(struct ring *ring)
{
    struct list *link;

    for (unsigned i = 0; i < ring->sockets_count; i++)
        free_socket(ring->sockets[i]);
    free(ring->sockets);
    while ((link = list_first(&ring->replies)))
        free_item(container_of(link, struct fake_item, link));
    free(ring->socket_results.values);
    free(ring->bind_results.values);
    free(ring->connect_results.values);
}

int fake_fd(unsigned nth)
{
    return FD_FIRST + (int)nth - 1;
}

unsigned fake_sockets_made(const struct ring *ring)
{
    return ring->sockets_made;
}

int fake_last_fd(const struct ring *ring)
{
    return ring->sockets_made ? fake_fd(ring->sockets_made) : -1;
}

unsigned fake_open_sockets(const struct ring *ring)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ring->sockets_count; i++)
        count += ring->sockets[i]->is_open && !ring->sockets[i]->is_foreign;
    return count;
}

bool fake_is_open(const struct ring *ring, int fd)
{
    return known_socket(ring, fd)->is_open;
}

bool fake_was_aborted(const struct ring *ring, int fd)
{
    return known_socket(ring, fd)->was_aborted;
}

int fake_option(const struct ring *ring, int fd, int level, int name)
{
    const struct fake_socket *socket = known_socket(ring, fd);

    for (unsigned i = 0; i < socket->options_count; i++) {
        if (socket->options[i].level == level && socket->options[i].name == name)
            return socket->options[i].value;
    }
    return -1;
}

const struct sockaddr *fake_connected_to(const struct ring *ring, int fd)
{
    const struct fake_socket *socket = known_socket(ring, fd);

    return socket->address.ss_family == AF_UNSPEC ? NULL : (const void *)&socket->address;
}

int fake_connected_socket(struct ring *ring)
{
    struct fake_socket *socket = fake_make_socket(ring, -1);

    socket->is_connected = true;
    return socket->fd;
}

void fake_pair(struct ring *ring, int ret_fds[2])
{
    for (int i = 0; i < 2; i++)
        ret_fds[i] = fake_connected_socket(ring);
    fake_socket(ring, ret_fds[0])->pair = fake_socket(ring, ret_fds[1]);
    fake_socket(ring, ret_fds[1])->pair = fake_socket(ring, ret_fds[0]);
}

void fake_set_peer(struct ring *ring, int fd, struct ucred peer)
{
    fake_socket(ring, fd)->peer = peer;
}

void fake_tcp_info(struct ring *ring, int fd, uint32_t rtt_us, uint32_t retransmits)
{
    fake_socket(ring, fd)->tcp =
        (struct ring_tcp_info){ .rtt_us = rtt_us, .retransmits = retransmits };
}

unsigned fake_tcp_infos_taken(const struct ring *ring)
{
    return ring->tcp_infos_taken;
}

/* ---- what arrives ---- */

static struct fake_item *make_item(struct list *list, struct span bytes)
{
    struct fake_item *item = sure_calloc(1, sizeof(*item));

    assert(item);
    list_link_back(list, &item->link);
    if (bytes.bytes > 0) {
        item->data = sure_malloc(bytes.bytes);
        assert(item->data);
        memcpy(item->data, bytes.data, bytes.bytes);
        item->bytes = bytes.bytes;
    }
    return item;
}

void fake_receive(struct ring *ring, int fd, struct span bytes)
{
    if (bytes.bytes > 0)
        (void)make_item(&fake_socket(ring, fd)->incoming, bytes);
}

void fake_receive_text(struct ring *ring, int fd, const char *text)
{
    fake_receive(ring, fd, span_of_string(text));
}

void fake_receive_fds(struct ring *ring, int fd, struct span bytes, const int *fds, unsigned count)
{
    struct fake_item *item = make_item(&fake_socket(ring, fd)->incoming, bytes);

    assert(bytes.bytes > 0);
    assert(count <= FAKE_FDS_MAX);
    for (unsigned i = 0; i < count; i++) {
        item->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        assert(item->fds[i] >= 0);
    }
    item->fds_count = count;
}

void fake_receive_eof(struct ring *ring, int fd)
{
    make_item(&fake_socket(ring, fd)->incoming, (struct span){ 0 })->is_end = true;
}

void fake_receive_error(struct ring *ring, int fd, int error)
{
    struct fake_item *item = make_item(&fake_socket(ring, fd)->incoming, (struct span){ 0 });

    assert(error < 0);
    item->is_end = true;
    item->error = error;
}

bool fake_has_incoming(const struct fake_socket *socket)
{
    return !list_is_empty(&socket->incoming);
}

int32_t fake_take(struct fake_socket *socket, char *buffer, size_t bytes)
{
    struct list *first = list_first(&socket->incoming);
    struct fake_item *item;
    size_t part;

    if (!first)
        return FAKE_NEVER;
    item = container_of(first, struct fake_item, link);
    if (item->is_end) { /* the end of file is there for good, an error is told once */
        int error = item->error;

        if (error < 0)
            free_item(item);
        return error;
    }
    part = item->bytes - item->taken;
    if (part > bytes)
        part = bytes;
    memcpy(buffer, item->data + item->taken, part);
    item->taken += part;
    if (item->taken == item->bytes)
        free_item(item);
    return (int32_t)part;
}

unsigned fake_take_fds(struct fake_socket *socket, int ret_fds[FAKE_FDS_MAX])
{
    struct list *first = list_first(&socket->incoming);
    struct fake_item *item = first ? container_of(first, struct fake_item, link) : NULL;
    unsigned count = item ? item->fds_count : 0;

    if (count > 0)
        memcpy(ret_fds, item->fds, count * sizeof(int));
    if (item)
        item->fds_count = 0;
    return count;
}

/* ---- what is sent ---- */

void fake_put(struct ring *ring, struct fake_socket *socket, const char *data, size_t bytes)
{
    if (socket->pair) {
        if (socket->pair->is_open)
            fake_receive(ring, socket->pair->fd, span_of(data, bytes));
        return;
    }
    if (socket->sent_bytes + bytes >= socket->sent_capacity) {
        socket->sent_capacity = 2 * (socket->sent_bytes + bytes) + 1;
        socket->sent = sure_realloc(socket->sent, socket->sent_capacity);
        assert(socket->sent);
    }
    memcpy(socket->sent + socket->sent_bytes, data, bytes);
    socket->sent_bytes += bytes;
    socket->sent[socket->sent_bytes] = '\0'; /* for a debugger's sake */
}

void fake_answer(struct ring *ring, struct fake_socket *socket, struct span bytes)
{
    struct list *reply = list_pop(&ring->replies);

    if (reply)
        list_link_back(&socket->incoming, reply);
    if (ring->on_sent)
        ring->on_sent(ring->on_sent_context, ring, socket->fd, bytes);
}

struct span fake_sent(const struct ring *ring, int fd)
{
    const struct fake_socket *socket = known_socket(ring, fd);

    return span_of(socket->sent ? socket->sent : "", socket->sent_bytes);
}

void fake_sent_clear(struct ring *ring, int fd)
{
    fake_socket(ring, fd)->sent_bytes = 0;
}

unsigned fake_sent_fds(const struct ring *ring, int fd)
{
    return known_socket(ring, fd)->sent_fds_count;
}

void fake_send_result(struct ring *ring, int fd, int32_t result)
{
    fake_queue_push(&fake_socket(ring, fd)->send_results, result);
}

void fake_send_release(struct ring *ring, int fd)
{
    fake_socket(ring, fd)->is_held = false;
}

void fake_reply(struct ring *ring, const char *text)
{
    (void)make_item(&ring->replies, span_of_string(text));
}

void fake_origin(struct ring *ring, fake_on_sent on_sent, void *context)
{
    ring->on_sent = on_sent;
    ring->on_sent_context = context;
}

/* ---- calls, connects, accepts, polls ---- */

void fake_socket_result(struct ring *ring, int error)
{
    fake_queue_push(&ring->socket_results, error);
}

void fake_bind_result(struct ring *ring, int error)
{
    fake_queue_push(&ring->bind_results, error);
}

void fake_connect_result(struct ring *ring, int32_t result)
{
    fake_queue_push(&ring->connect_results, result);
}

void fake_connect_finish(struct ring *ring, int fd, int32_t result)
{
    fake_socket(ring, fd)->connect_result = result;
}

int fake_accept(struct ring *ring, int listener_fd)
{
    int fd = fake_connected_socket(ring);

    fake_queue_push(&fake_socket(ring, listener_fd)->accepts, fd);
    return fd;
}

void fake_accept_error(struct ring *ring, int listener_fd, int error)
{
    assert(error < 0);
    fake_queue_push(&fake_socket(ring, listener_fd)->accepts, error);
}

void fake_poll_ready(struct ring *ring, int fd, unsigned events)
{
    fake_queue_push(&fake_socket(ring, fd)->polls, (int32_t)events);
}

void fake_set_group(struct ring *ring, int fd, gid_t gid)
{
    fake_socket(ring, fd)->groups[0] = gid;
    fake_socket(ring, fd)->groups_count = 1;
}
