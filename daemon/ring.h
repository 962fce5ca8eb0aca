/*
 * ring.h - the whole outside world of a loop: operations, clock, random numbers, sockets.
 *
 * One ring per thread; only that thread may call it. An operation is a struct ring_op embedded in
 * its owner, and everything the kernel may touch for it (buffer, address, msghdr) lives in the same
 * owner or is owned by it. It ends exactly once: with the event whose more is false, after which
 * in_flight is false and the op may be armed again. Callbacks run inside ring_turn only, never
 * inside the call that arms. A callback must not free its op's owner while any op of the owner is
 * in flight, and must not destroy its caller: such work goes to ring_defer.
 *
 * Implementations: ring.c (io_uring) and tests/sim/ring_fake.c (by script, clock by hand).
 */
#ifndef HAULD_RING_H
#define HAULD_RING_H

#include "list.h"
#include "span.h"

#include <sys/socket.h>

struct ring;
struct ring_op;

struct ring_event {
    int32_t result;    /* >= 0: bytes, a descriptor, or poll events; < 0: -errno */
    bool more;         /* false: the op has ended */
    struct span bytes; /* of a receive into the ring's buffers: valid during the callback only */
    uint64_t submitted_ns; /* precise clock just before the enter that submitted the op */
    uint64_t completed_ns; /* precise clock right after the enter that returned this event */
};

typedef void (*ring_done)(struct ring_op *op, const struct ring_event *event);

struct ring_op {
    ring_done done; /* the owner's; all else is the ring's own, to be read at most */
    uint64_t submitted_ns;
    int fd;
    uint8_t kind;
    bool in_flight;
    bool starved;     /* a receive that waits for buffers */
    bool cancelled;   /* asked to end: nothing is to be continued any more */
    int32_t bytes;    /* of a send: all of them */
    struct span rest; /* of a send: what the kernel has not taken yet */
    struct list link; /* valid iff starved, or cancelled before the kernel knew of the op */
};

/* Work put off until after dispatch; embedded in its owner, which must live until it ran. Starts
 * zeroed but for run. */
struct ring_deferred {
    void (*run)(struct ring_deferred *deferred);
    struct list link; /* the ring's own */
    bool pending;
};

/* What the kernel knows of a TCP connection. */
struct ring_tcp_info {
    uint32_t rtt_us;      /* round-trip time, smoothed; 0 = less than a microsecond, or unknown */
    uint32_t retransmits; /* segments sent again since it was opened, those of its handshake too */
};

struct ring_options {
    unsigned sq_entries;        /* 0 = 512 */
    unsigned cq_entries;        /* 0 = 16384 */
    unsigned buffers_published; /* 0 = 256; raised on starvation up to buffers_max */
    unsigned buffers_max;       /* 0 = 1024 */
    unsigned buffer_bytes;      /* 0 = 16384 */
};

struct ring_counters {
    uint64_t turns;
    uint64_t enters; /* io_uring_enter calls */
    uint64_t sqes;
    uint64_t cqes;
    uint64_t receives; /* receive completions that carried bytes */
    uint64_t starved;  /* receives that met an empty buffer ring */
    uint64_t cq_overflows;
    uint64_t lost_completions;
};

/* Why there is no ring, in words a user can act on. */
struct ring_trouble {
    int error;      /* positive errno */
    char text[320]; /* "io_uring is switched off: kernel.io_uring_disabled is 2; ..." */
};

/* Sets up the ring and checks by behaviour that what haul needs works (provided buffers, multishot
 * receive, exact fill, end of file, cancel, re-arm on an empty buffer ring). Returns 0 or -errno,
 * then with *ret_trouble filled. options may be NULL. */
int ring_new(struct ring **ret_ring, const struct ring_options *options,
             struct ring_trouble *ret_trouble);

/* No op may be in flight, except those the kernel drops with the ring at process exit. */
void ring_free(struct ring *ring);

/* What the probe found: "DEFER_TASKRUN, multishot, min-wait"; static or owned by the ring. */
const char *ring_tier(const struct ring *ring);
/* Whether the kernel keeps it to the operations below, to poll and to cancel. */
bool ring_is_restricted(const struct ring *ring);
const struct ring_counters *ring_counters(const struct ring *ring);

/*
 * One turn of the loop: submits what was armed and waits, in one enter, until a completion arrives
 * or the clock reaches deadline_ns (UINT64_MAX: no deadline; 0 or past: do not wait); dispatches
 * all completions, then runs the deferred work. Returns 0, or -errno when the ring is unusable.
 * A signal ends the wait early, with 0. Deadlines are met precisely (no millisecond rounding).
 */
int ring_turn(struct ring *ring, uint64_t deadline_ns);

/* How many ops the caller expects to complete soon: the ring may wait for several at once when the
 * load is high. 0 or small: each completion wakes the loop. */
void ring_set_load(struct ring *ring, unsigned ops_expected);

/* Runs it once: at the end of this turn, also when called from deferred work (up to a bound of
 * passes), or at the beginning of the next when called from outside a turn. No-op when pending. */
void ring_defer(struct ring *ring, struct ring_deferred *deferred);

/* It will not run. Fine when not pending. */
static inline void ring_undefer(struct ring_deferred *deferred)
{
    if (!deferred->pending)
        return;
    deferred->pending = false;
    list_unlink(&deferred->link);
}

/* CLOCK_MONOTONIC, read once per turn, after the wait. */
uint64_t ring_now_ns(const struct ring *ring);
uint64_t ring_clock_ns(struct ring *ring); /* read now */
uint64_t ring_wall_ns(struct ring *ring);  /* CLOCK_REALTIME, for log and records */
uint64_t ring_random(struct ring *ring);   /* 64 unpredictable bits */

/*
 * Operations. op->done is set by the caller before; arming asserts !op->in_flight. They cannot
 * fail: when the submission queue is full the ring submits to make room.
 */
void ring_connect(struct ring *ring, struct ring_op *op, int fd, const struct sockaddr *address,
                  socklen_t address_bytes); /* *address lives until the event */
void ring_send(struct ring *ring, struct ring_op *op, int fd,
               struct span bytes); /* all, or error */
/* The result may be short; descriptors go with the first byte. */
void ring_sendmsg(struct ring *ring, struct ring_op *op, int fd, const struct msghdr *message);
void ring_recvmsg(struct ring *ring, struct ring_op *op, int fd, struct msghdr *message);
/* Into the ring's buffers, event after event until more is false. result 0 is end of file. The ring
 * deals with starvation itself: the op stays in flight meanwhile. May end with more false without
 * an error (result > 0 or -ECANCELED): arm again if more is wanted. */
void ring_recv_start(struct ring *ring, struct ring_op *op, int fd);
/* Once, into the caller's memory. */
void ring_recv(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes);
void ring_accept(struct ring *ring, struct ring_op *op, int fd); /* once; result: SOCK_CLOEXEC fd */
void ring_poll(struct ring *ring, struct ring_op *op, int fd, unsigned events); /* once */
void ring_read(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes);
/* The same of a regular file, whose own offset stays where it is (pread(2)). */
void ring_read_at(struct ring *ring, struct ring_op *op, int fd, void *buffer, size_t bytes,
                  uint64_t offset);
/* Asks op to end; its own last event still comes (usually -ECANCELED). No-op when not in flight. */
void ring_cancel(struct ring *ring, struct ring_op *op);

/* Plain calls on sockets, here so that the fake can answer them. Descriptor or 0, else -errno.
 * Sockets are SOCK_CLOEXEC and blocking-flagged, as io_uring wants them. */
int ring_socket(struct ring *ring, int family, int type);
int ring_option(struct ring *ring, int fd, int level, int name, const void *value, socklen_t bytes);
int ring_bind(struct ring *ring, int fd, const struct sockaddr *address, socklen_t bytes);
/* Closes at once; every op on fd must have ended. */
void ring_close(struct ring *ring, int fd);
/* Closes with a reset (SO_LINGER 0), so that no TIME_WAIT is left. */
void ring_abort(struct ring *ring, int fd);
/* What goes into the socket without waiting; the rest is dropped. For farewells. */
void ring_send_now(struct ring *ring, int fd, struct span bytes);
/* Nothing more is received: what is there can still be read, then comes the end of file. */
void ring_shut_reading(struct ring *ring, int fd);
/* TCP_INFO: 0, or -errno when it is no TCP socket. */
int ring_tcp_info(struct ring *ring, int fd, struct ring_tcp_info *ret_info);
/* SO_PEERCRED: 0 or -errno. */
int ring_peer(struct ring *ring, int fd, struct ucred *ret_peer);
/* SO_PEERGROUPS: the groups of a peer besides that of ring_peer, room of them at most. Their
 * number, or -errno; -ERANGE when there are more. */
int ring_peer_groups(struct ring *ring, int fd, gid_t *gids, unsigned room);

/* Between turns. */
void ring_check(const struct ring *ring);

#endif
