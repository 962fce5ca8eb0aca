/*
 * daemon.h - builds the graph of objects, runs the loop, drains on stop.
 */
#ifndef HAULD_DAEMON_H
#define HAULD_DAEMON_H

#include "config.h"
#include "control.h"
#include "engine.h"
#include "listener.h"

/* The whole graph; no module below may name it. */
struct daemon {
    struct config config;
    struct ring *ring;
    struct timers timers;
    struct resolve *resolve;
    struct writer *writer;
    struct engine engine;
    struct front front;
    struct sessions sessions;
    struct listener listener;
    struct control control;
    struct resolve_options resolve_options;
    struct ring_op stop_op; /* a byte on stop_fd means: stop */
    char stop_byte;
    int stop_fd;
    uint64_t started_ns;
    unsigned conns_max;
    bool private_session; /* ends with its one session */
    bool stopping;
    uint64_t stop_deadline_ns;
};

struct daemon_options {
    int listen_fd; /* taken over; -1: none */
    int serve_fd;  /* one session on this socket, taken over; -1: none */
    int stop_fd;   /* read end of a pipe that the signal handler writes to */
    unsigned conns_max;
    struct conn_ports ports; /* for outbound connections */
};

/* 0, or -errno with *ret_trouble filled when the ring cannot be had. */
int daemon_init(struct daemon *daemon, const struct config *config,
                const struct daemon_options *options, struct ring_trouble *ret_trouble);

/* Runs until stopped (or, with serve_fd, until its session is over) and everything is drained. 0
 * or -errno. */
int daemon_run(struct daemon *daemon);
void daemon_deinit(struct daemon *daemon);

#endif
