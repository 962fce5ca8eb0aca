/*
 * listener.h - accepts sessions.
 */
#ifndef HAULD_LISTENER_H
#define HAULD_LISTENER_H

#include "session.h"

struct listener {
    struct ring *ring;
    struct timers *timers;
    struct sessions *sessions;
    int fd; /* ours, -1 when closed */
    unsigned sessions_max;
    struct ring_op accept_op;
    struct timer retry_timer; /* armed: accepting is paused */
    bool closing;
    bool is_full;      /* clients wait for one to leave, and that was told */
    uint64_t refusals; /* accepts that failed for want of descriptors or memory */
};

/* Takes over a listening socket. */
void listener_open(struct listener *listener, struct sessions *sessions, struct timers *timers,
                   int fd, unsigned sessions_max);

/* Stops accepting and closes the socket; over when listener_is_closed. */
void listener_close(struct listener *listener);
bool listener_is_closed(const struct listener *listener);

/* Another bound; those that are there stay. */
void listener_change_max(struct listener *listener, unsigned sessions_max);

/* A session ended: a paused listener may go on. */
void listener_on_room(struct listener *listener);

#endif
