/*
 * session.h - one client: Varlink calls first, the binary stream after the upgrade (PROTOCOL.md).
 */
#ifndef HAULD_SESSION_H
#define HAULD_SESSION_H

#include "batch.h"
#include "fetch_call.h"
#include "outbox.h"
#include "table.h"
#include "users.h"
#include "varlink.h"

#include <sys/types.h>

/* Read in one turn: some 80 requests, so that those begun are sent before the next are read. */
#define SESSION_INPUT_BYTES (8u << 10)
#define SESSION_OUTPUT_BYTES_MAX (1u << 20) /* unread output beyond which nothing new is begun */
#define SESSION_FDS_PER_MESSAGE 253         /* SCM_MAX_FD, net/scm.h */

struct session;

/* What sessions share. */
struct sessions {
    struct front *front;
    const struct varlink_service *service;
    struct list all;
    unsigned count;
    struct users users;
    uint64_t end_told_ns; /* when the log was last told that a client was refused or cut off */
    uint64_t ends_untold; /* since */
    /* A session is gone, its memory given back. */
    void (*on_gone)(void *ctx);
    void *ctx;
};

enum session_state {
    SESSION_VARLINK, /* JSON messages */
    SESSION_STREAM,  /* frames */
    SESSION_REFUSED, /* broke the protocol: the last words are on their way, nothing is read */
    SESSION_CLOSING, /* gone or given up; drains */
};

struct session {
    struct list link; /* in sessions.all */
    struct sessions *sessions;
    struct front *front;
    int fd;
    struct ucred peer;
    struct user *user;
    const char *unwelcome; /* NULL, or why all it gets is this answer */
    uint8_t state;         /* enum session_state */
    bool input_ended;      /* the client has shut its writing half */
    bool draining;         /* the daemon is stopping: nothing new is admitted */
    bool leaving;          /* and it closes as soon as nothing runs */
    bool work_cancelled;   /* with REFUSED and CLOSING */
    bool has_unwanted;     /* a body waits whose item has ended without it */
    struct ring_op recv_op;
    struct ring_op hangup_op;  /* after input_ended, or in a call: the client is wholly gone */
    struct ring_deferred work; /* pump, or the end of a closing session */
    struct timer frame_timer;  /* half a frame; or the next look for a hang-up */
    struct timer slow_timer;
    struct timer window_timer; /* armed while bodies wait: when the first has waited too long */
    struct outbox outbox;
    struct varlink_reader varlink;
    struct frame_reader frames;
    struct fetch_call *call; /* under way: nothing is read before it has ended; or NULL */
    struct span unread;      /* what came with it, behind it, in input */
    struct list profiles;
    struct list batches;
    unsigned profiles_count;
    size_t profiles_bytes;
    unsigned batches_count;
    unsigned jars_count;  /* of those batches */
    struct table items;   /* by the client's id: those without a RESULT */
    size_t request_bytes; /* of those */
    size_t body_window;   /* payload bytes of HEAD and DATA the client takes now */
    size_t bodies_bytes;  /* of bodies */
    size_t bytes_counted; /* of bodies, outbox, profiles and call, as its user's */
    struct list bodies;   /* blocks that wait for the window, in order */
    int *fds;             /* descriptors received, in order */
    unsigned fds_count;
    char *input; /* receive buffer */
    struct msghdr message;
    struct iovec piece;
    char control[CMSG_SPACE(sizeof(int) * SESSION_FDS_PER_MESSAGE)];
};

/* Takes fd over in every case. 0 or -errno. */
int session_open(struct sessions *sessions, int fd);

/* Gives up: items are cancelled, the connection is closed, on_gone follows. */
void session_close(struct session *session);

/* The daemon stops: says GOAWAY and admits nothing new. What is no stream closes. */
void session_drain(struct session *session);

/* Likewise, and closes as soon as what was admitted is done and its results are read. */
void session_leave(struct session *session);

/* Likewise, and what runs ends as cancelled/daemon. */
void session_stop(struct session *session);

/* Starts items whose planned time has come. */
void session_release_planned(struct session *session, uint64_t now_ns);
uint64_t session_next_planned_ns(const struct session *session);

void session_check(const struct session *session);

/*
 * Between the files of this module: session.c (life), session_input.c (bytes in),
 * session_intake.c (frames in), session_delivery.c (results out), session_call.c (a call that takes
 * a fetch), session_user.c (what is its user's).
 */
void session_enter(struct session *session, enum session_state next);
void session_start_input(struct session *session);
void session_arm_input(struct session *session); /* reads on, if it may */
void session_watch_hangup(struct session *session);
void session_take_unread(struct session *session); /* of the last read, as far as it may */
void session_reply(struct session *session, const char *reply, size_t bytes);
void session_drop_fds(struct session *session); /* those that nobody claimed */
void session_take_frame(struct session *session, const struct frame *frame);
/* NULL: out of memory, or *ret_error says what is wrong with the frame. */
struct profile *session_add_profile(struct session *session, const struct frame *frame,
                                    message_error *ret_error);
/* Admits an item. NULL: no memory, or as many items as there may be. */
struct item *session_add_item(struct session *session, const struct item_options *options);
/* FINISHED: its slot is free again. */
void session_release_item(struct session *session, struct item *item);
void session_start_call(struct session *session, struct fetch_call *call); /* which is ours now */
void session_end_call(struct session *session); /* if it has been answered: goes on with the next */
/* Last words; then the session reads nothing more and closes when they are sent. */
void session_refuse(struct session *session, enum wire_error_code code, const char *why);
/* One line for the administrator: this client is "refused" or "cut off". */
void session_log_end(const struct session *session, const char *how, const char *why);
void session_wake(struct session *session);   /* runs the work soon */
int session_take_fd(struct session *session); /* the next descriptor received, or -1 */
void session_deliver_bodies(struct session *session);
void session_drop_bodies(struct session *session);
void session_on_window_timer(struct timer *timer, uint64_t now_ns);
void session_finish_batches(struct session *session); /* BATCH_DONE where due */
extern const struct item_events session_item_events;
/* Finds out whose it is, and whether it is welcome. 0, -ENOMEM, or -EDQUOT: not even to be told. */
int session_meet_user(struct session *session);
void session_leave_user(struct session *session);
void session_turn_away(struct session *session); /* tells one who is unwelcome, then closes */
/* Whether one more descriptor may wait for its request: over the limit of its user there is room
 * for those of one message, so that the request that has them can be refused by itself. */
bool session_may_keep_fd(const struct session *session);
void session_count_batch(struct session *session, struct batch *batch);
void session_discount_batch(struct session *session, struct batch *batch);
/* Counts an item that was added as its user's, or refuses it: over a limit, or draining. */
void session_judge_item(struct session *session, struct item *item, unsigned fds_count);
void session_discount_item(struct session *session, struct item *item);
void session_count_bytes(struct session *session); /* as it is now */

#endif
