/*
 * ring_fake.h - a ring without a kernel: what the other side does is said by the test.
 *
 * It implements ring.h. Time stands still unless it is advanced; sockets are numbers that no real
 * descriptor has and that are never used again; completions come in ring_turn, as they would from
 * the kernel, and as strictly: arming on a closed socket, closing one with ops in flight, or memory
 * that is gone when the op ends are found here, by assert or sanitizer. Received bytes live in
 * memory of their own that is freed right after the callback.
 *
 *      ring_connect(ring, &op, fd, ...);     the code under test
 *      fake_run(ring);                       connected, unless fake_connect_result said otherwise
 *      fake_sent(ring, fd)                   what the peer has got
 *      fake_receive_text(ring, fd, "...");   what the peer says
 *      fake_run(ring);
 *
 * With a seed (fake_new_random) it is the same world with worse luck: receives are cut anywhere,
 * multishots end with more to come, sendmsg is short, completions are late and swap places, cancels
 * come too late. Code that keeps the contract of ring.h notices nothing of it.
 */
#ifndef HAUL_RING_FAKE_H
#define HAUL_RING_FAKE_H

#include "ring.h"

#define FAKE_START_NS UINT64_C(1000000000000) /* what the clock shows first */
#define FAKE_NEVER INT32_MIN                  /* as a result: the op stays in flight */

struct ring *fake_new(void); /* ring_free ends it */
struct ring *fake_new_random(uint64_t seed);

/* ---- running ---- */

/* Turns, without time passing, until nothing happens any more; returns how many events there were.
 * Fails when that takes more than 100 000 turns. */
unsigned fake_run(struct ring *ring);
/* Moves the clock; runs nothing. */
void fake_advance(struct ring *ring, uint64_t ns);

unsigned fake_ops_in_flight(const struct ring *ring);
unsigned fake_open_sockets(const struct ring *ring);
/* Asserts that both are 0. */
void fake_check_quiet(const struct ring *ring);

/* ---- sockets: the nth one made, by ring_socket, accept or a verb below, counted from 1 ---- */

int fake_fd(unsigned nth);
unsigned fake_sockets_made(const struct ring *ring);
int fake_last_fd(const struct ring *ring); /* of the newest, -1 when there is none */
bool fake_is_open(const struct ring *ring, int fd);
bool fake_was_aborted(const struct ring *ring, int fd); /* closed by ring_abort */
bool fake_is_receiving(const struct ring *ring, int fd);
/* The value given for an option with ring_option, as an int; -1 when not given. */
int fake_option(const struct ring *ring, int fd, int level, int name);
/* Where it was told to connect; NULL before. */
const struct sockaddr *fake_connected_to(const struct ring *ring, int fd);

/* A socket that is connected from the start, as one inherited or accepted. */
int fake_connected_socket(struct ring *ring);
/* Two sockets; what is sent on one is received on the other, and a close is seen there. */
void fake_pair(struct ring *ring, int ret_fds[2]);
void fake_set_peer(struct ring *ring, int fd, struct ucred peer); /* default: ourselves */
void fake_set_group(struct ring *ring, int fd, gid_t gid);        /* the one besides */

/* What the kernel knows of the connection; zeros before. Of a unix socket it knows nothing. */
void fake_tcp_info(struct ring *ring, int fd, uint32_t rtt_us, uint32_t retransmits);
unsigned fake_tcp_infos_taken(const struct ring *ring); /* calls of ring_tcp_info, of all sockets */
/* As if it had happened: to be added to. */
struct ring_counters *fake_counters(struct ring *ring);

/* ---- what happens next ---- */

/* Results of the next calls and connects, in order, each set by one call; without: success.
 * FAKE_NEVER leaves a connect in flight until fake_connect_finish or a cancel. */
void fake_socket_result(struct ring *ring, int error);
void fake_bind_result(struct ring *ring, int error);
void fake_connect_result(struct ring *ring, int32_t result);
void fake_connect_finish(struct ring *ring, int fd, int32_t result);

/* The peer of fd sends this; it is copied, and waits until someone receives. */
void fake_receive(struct ring *ring, int fd, struct span bytes);
void fake_receive_text(struct ring *ring, int fd, const char *text);
/* With descriptors, which go with the first byte; they are real ones, and duplicated. */
void fake_receive_fds(struct ring *ring, int fd, struct span bytes, const int *fds, unsigned count);
void fake_receive_eof(struct ring *ring, int fd);
void fake_receive_error(struct ring *ring, int fd, int error); /* -errno */

/* All that was sent on fd since it was made or cleared; valid until the next turn. */
struct span fake_sent(const struct ring *ring, int fd);
void fake_sent_clear(struct ring *ring, int fd);
/* How many descriptors were sent on fd; they are duplicates, closed with the ring. */
unsigned fake_sent_fds(const struct ring *ring, int fd);
/* Result of the next send or sendmsg on fd: -errno; of a sendmsg also how many bytes it takes;
 * FAKE_NEVER holds this and all later ones until fake_send_release or a cancel. */
void fake_send_result(struct ring *ring, int fd, int32_t result);
void fake_send_release(struct ring *ring, int fd);

/* The next send that completes, on whatever socket, is answered by this. One call, one answer. */
void fake_reply(struct ring *ring, const char *text);
/* The same by code: called after each send that completes. NULL: no more. */
typedef void (*fake_on_sent)(void *context, struct ring *ring, int fd, struct span bytes);
void fake_origin(struct ring *ring, fake_on_sent on_sent, void *context);

/* Someone connects to a listener (any number; it need not be one of ours): the accept gets the
 * descriptor returned, or the error. */
int fake_accept(struct ring *ring, int listener_fd);
void fake_accept_error(struct ring *ring, int listener_fd, int error);
/* The next poll on fd, any number, ends with these events. */
void fake_poll_ready(struct ring *ring, int fd, unsigned events);

#endif
