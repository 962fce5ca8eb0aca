/*
 * daemon.h - builds the graph of objects, runs the loop, drains on stop.
 *
 * SIGTERM (or a client that may say so) lets what was admitted end, for DrainTime= at most; a
 * second one cancels it. SIGHUP reads the settings again.
 */
#ifndef HAULD_DAEMON_H
#define HAULD_DAEMON_H

#include "config.h"
#include "confine.h"
#include "control.h"
#include "engine.h"
#include "listener.h"
#include "service.h"

/* Where settings are read from again. */
struct daemon_source {
    /* Files and argv, over nothing. NULL: there is no reload. */
    enum config_verdict (*read)(void *ctx, struct config *ret_config,
                                struct config_trouble *ret_trouble);
    void *ctx;
};

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
    struct governor_rule rules[CONFIG_ORIGINS_MAX]; /* what the configuration says of origins */
    struct ring_op signal_op;                       /* bytes on signal_fd are numbers of signals */
    char signal_byte;
    int signal_fd;
    struct daemon_source source;
    const struct service *service; /* NULL: nobody is told */
    const struct confinement *confinement;
    const char *listen_path; /* NULL: not ours to remove */
    struct timer watchdog_timer;
    struct timer idle_timer;  /* armed: no client, and it exits then */
    struct timer drain_timer; /* armed while draining */
    uint64_t started_ns;
    uint64_t drain_deadline_ns;
    uint64_t stop_deadline_ns;
    struct conn_ports ports;
    unsigned conns_max;
    bool private_session; /* ends with its one session */
    bool is_activated;    /* its socket is another's, who starts it again when a client comes */
    bool draining;        /* what was admitted may end, nothing is admitted */
    bool stopping;
};

struct daemon_options {
    int listen_fd; /* taken over; -1: none */
    int serve_fd;  /* one session on this socket, taken over; -1: none */
    int signal_fd; /* read end of a pipe to which the signal handler writes numbers */
    const struct service *service;         /* outlives the daemon; may be NULL */
    const struct confinement *confinement; /* likewise, but for NULL: what clients are told of it */
    struct daemon_source source;
    bool is_activated;       /* listen_fd stays open when the daemon ends */
    const char *listen_path; /* removed when it ends to listen; NULL: it is another's */
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
