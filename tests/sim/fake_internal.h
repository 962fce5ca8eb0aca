/*
 * fake_internal.h - what the files of the fake ring share.
 *
 * ring_fake.c turns, fake_ops.c arms ops and says what they lead to, fake_sockets.c is the world,
 * fake_calls.c makes the plain calls.
 */
#ifndef HAUL_FAKE_INTERNAL_H
#define HAUL_FAKE_INTERNAL_H

#include "ring_fake.h"

#define FAKE_FDS_MAX 16
#define FAKE_OPTIONS_MAX 16
#define FAKE_BUFFER_BYTES 16384

/* Results set by the test, first in first out. */
struct fake_queue {
    int32_t *values;
    unsigned count;
};

void fake_queue_push(struct fake_queue *queue, int32_t value);
/* The oldest value, or otherwise when there is none. */
int32_t fake_queue_pop(struct fake_queue *queue, int32_t otherwise);

/* Something that arrives: bytes, or the end by EOF (error 0) or an error. */
struct fake_item {
    struct list link;
    bool is_end;
    int error;
    char *data;
    size_t bytes;
    size_t taken;
    int fds[FAKE_FDS_MAX];
    unsigned fds_count;
};

struct fake_option {
    int level, name, value;
};

#define FAKE_GROUPS_MAX 4u

struct fake_socket {
    int fd;
    bool is_foreign; /* a real descriptor, or any number, that a test or c-ares brought */
    bool is_open;
    bool was_aborted;
    bool is_connected;
    bool is_held; /* sends do not complete */
    unsigned ops_in_flight;
    struct fake_socket *pair;
    struct list incoming;
    struct fake_queue send_results;
    struct fake_queue accepts; /* descriptors and errors */
    struct fake_queue polls;
    int32_t connect_result; /* FAKE_NEVER: not yet */
    char *sent;
    size_t sent_bytes;
    size_t sent_capacity;
    int sent_fds[FAKE_FDS_MAX];
    unsigned sent_fds_count;
    struct fake_option options[FAKE_OPTIONS_MAX];
    unsigned options_count;
    struct sockaddr_storage address;
    struct ucred peer;
    gid_t groups[FAKE_GROUPS_MAX];
    unsigned groups_count;
    struct ring_tcp_info tcp;
};

enum fake_kind {
    FAKE_CONNECT,
    FAKE_SEND,
    FAKE_SENDMSG,
    FAKE_RECVMSG,
    FAKE_RECV_MANY,
    FAKE_RECV,
    FAKE_ACCEPT,
    FAKE_POLL,
};

/* An op in flight. */
struct fake_op {
    struct list link;
    struct ring_op *op;
    struct fake_socket *socket;
    bool is_cancelled;
    const struct msghdr *send_message;
    struct msghdr *recv_message;
    char *buffer;
    size_t buffer_bytes;
    unsigned poll_events;
};

struct ring {
    uint64_t now_ns;
    uint64_t random_state;
    bool is_random;
    bool has_more; /* the latest turn did something, or put something off */
    struct list ops;
    unsigned ops_in_flight;
    struct list deferred;
    struct ring_counters counters;
    struct fake_socket **sockets;
    unsigned sockets_count;
    unsigned sockets_made; /* the foreign ones not counted */
    unsigned tcp_infos_taken;
    struct fake_queue socket_results, bind_results, connect_results;
    struct list replies; /* of struct fake_item */
    fake_on_sent on_sent;
    void *on_sent_context;
};

/* fake_ops.c: what a one-shot op leads to now: its result, or FAKE_NEVER. */
int32_t fake_complete(struct ring *ring, struct fake_op *armed);

/* fake_sockets.c */
/* True once in n, and never without a seed. */
bool fake_luck(struct ring *ring, unsigned n);
/* 1 to most; most without a seed. */
size_t fake_cut(struct ring *ring, size_t most);

/* One that is open; fd -1: one of ours, else foreign. */
struct fake_socket *fake_make_socket(struct ring *ring, int fd);
/* The socket of this number, made when the number is foreign. Asserts that it is open. */
struct fake_socket *fake_socket(struct ring *ring, int fd);
void fake_sockets_free(struct ring *ring);

/* Moves bytes from what arrives to memory; returns what a
 * receive would, or FAKE_NEVER. */
int32_t fake_take(struct fake_socket *socket, char *buffer, size_t bytes);
/* The descriptors that go with the next byte; they are the caller's then. */
unsigned fake_take_fds(struct fake_socket *socket, int ret_fds[FAKE_FDS_MAX]);
/* Bytes that arrive and have not been taken, in the first piece. */
bool fake_has_incoming(const struct fake_socket *socket);

/* The socket takes bytes: the pair or the origin of the test gets them. */
void fake_put(struct ring *ring, struct fake_socket *socket, const char *data, size_t bytes);
/* After a send has completed. */
void fake_answer(struct ring *ring, struct fake_socket *socket, struct span bytes);

#endif
