/*
 * conn.h - one outbound connection: it owns all operations of its socket.
 *
 * Sending and receiving are independent halves. Whoever holds the conn (dial, pool, exchange) gets
 * its events; conn_adopt changes the holder. Leaving a conn is conn_close: complete at once for the
 * holder, who hears nothing more; the conn drains by itself and its memory is given back when no
 * operation is in flight.
 */
#ifndef HAULD_CONN_H
#define HAULD_CONN_H

#include "block.h"
#include "ring.h"
#include "slab.h"
#include "tls.h"

#include <netinet/in.h>
#include <sys/un.h>

struct conn;
struct conn_tunnel;

struct conn_events {
    /* With TLS or a tunnel: the transport is there, CONNECT or the handshake begins. Optional. */
    void (*connected)(void *ctx, struct conn *conn, uint64_t connected_ns);
    /* With a tunnel: the proxy has opened it; with TLS the handshake begins. Optional. */
    void (*tunnelled)(void *ctx, struct conn *conn, uint64_t tunnelled_ns);
    /* The connection is established, with TLS: the handshake is done. What is sent from here leaves
     * together with the end of the handshake. */
    void (*ready)(void *ctx, struct conn *conn, uint64_t ready_ns);
    /* All of the block is with the kernel; the first byte was handed over at sent_ns. */
    void (*sent)(void *ctx, struct conn *conn, uint64_t sent_ns);
    /* Valid during the call. */
    void (*bytes)(void *ctx, struct conn *conn, struct span bytes, uint64_t now_ns);
    /* No bytes follow: error 0 is an orderly end by the peer, else a positive errno (of connecting,
     * sending or receiving: while_sending tells), or EPROTO with conn->fault set
     * by TLS or the tunnel. The holder closes the conn, or keeps it to finish its own work and
     * closes it then. Comes at most once. */
    void (*closed)(void *ctx, struct conn *conn, int error, bool while_sending);
};

enum conn_state {
    CONN_DIALING,    /* connect is in flight */
    CONN_TUNNELLING, /* the proxy is asked for a tunnel */
    CONN_SECURING,   /* the TLS handshake is in progress */
    CONN_OPEN,
    CONN_CLOSING, /* given up; waits for its operations to end */
};

union conn_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    struct sockaddr_un local;
};

#define CONN_HANDSHAKES_PER_TURN 16u

/* Local ports the system gives out (ip_local_port_range in ip(7)); low 0: leave it to the kernel.
 */
struct conn_ports {
    uint16_t low;
    uint16_t high;
};

/* All conns of an engine. */
struct conns {
    struct ring *ring;
    struct conn_ports ports; /* set after conns_init, if at all */
    struct slab slab;
    /* A conn's socket is closed and its memory given back: room for another. */
    void (*on_gone)(void *ctx);
    void *ctx;
    unsigned open_count;    /* sockets, closing ones included */
    unsigned closing_count; /* given up, not yet closed */
    /* Steps of handshakes cost a hundred times what others do: so many of a turn of the ring. */
    uint64_t handshake_turn;     /* the turn that handshakes_done is of */
    unsigned handshakes_done;    /* at most CONN_HANDSHAKES_PER_TURN */
    unsigned handshakes_waiting; /* conns whose step waits for a turn to come */
};

struct conn {
    struct conns *conns;
    const struct conn_events *events;
    void *ctx;
    struct ring_op recv_op;
    struct ring_op send_op;     /* connect first, then every send */
    struct ring_deferred later; /* delivery of the backlog, or the end of a closing conn */
    struct block *sending;      /* owned while send_op is in flight */
    struct conn_tunnel *tunnel; /* NULL: none is to be opened (any more) */
    struct tls *tls;            /* NULL: plain */
    struct fault fault;         /* of TLS or the tunnel; why is valid as long as the conn */
    struct block *backlog;      /* received while paused; NULL if nothing */
    struct block *receive;      /* single-shot receive buffer, once it has paused */
    struct list link;           /* the pool's: idle list of the route */
    struct list age_link;       /* the pool's: idle list of all routes */
    void *route;                /* the pool's */
    uint64_t idle_since_ns;     /* the pool's; valid while idle */
    uint8_t remote_address[16]; /* network order, 4 or 16 bytes */
    uint16_t remote_port;
    uint16_t connect_status;   /* of the proxy's answer to CONNECT; 0 = none */
    uint8_t remote_family;     /* 4, 6, 1 = unix */
    uint32_t retransmits_told; /* by conn_sample */
    int fd;
    int end_error;  /* with ended */
    int send_error; /* the send failed; the receiving half has not ended yet */
    uint8_t state;  /* enum conn_state */
    bool paused;
    bool single; /* receives one buffer at a time */
    bool ended;  /* end of file or error was received */
    bool end_told;
    bool end_sending;
    bool answered;       /* bytes came since the latest send began */
    bool used;           /* has served an exchange before */
    bool cut_short;      /* with ended: TLS, and the peer had not said that nothing follows */
    bool request_waits;  /* TLS: bytes of the holder are still with the engine */
    bool request_leaves; /* TLS: send_op carries the last of them */
    bool step_waits;     /* TLS: backlog is for the handshake, in a turn to come */
};

int conns_init(struct conns *conns, struct ring *ring, unsigned conns_max,
               void (*on_gone)(void *ctx), void *ctx);
void conns_deinit(struct conns *conns);

struct conn_target {
    const union conn_address *address;
    socklen_t address_bytes;
    const union conn_address *local; /* to bind to, or NULL */
    socklen_t local_bytes;
    struct tls *tls;          /* or NULL; the conn's from here on, unless conn_open fails */
    struct span connect_head; /* for the proxy at address, copied: what asks it for a tunnel; or
                                 empty: there is no proxy, or no tunnel */
};

/* Starts connecting; the addresses are copied. 0, or -ENOMEM, -EMFILE, -EADDRNOTAVAIL, ... and then
 * nothing was opened. */
int conn_open(struct conns *conns, const struct conn_target *target,
              const struct conn_events *events, void *ctx, struct conn **ret_conn);

void conn_adopt(struct conn *conn, const struct conn_events *events, void *ctx);

/* Takes the block over. One at a time. */
void conn_send(struct conn *conn, struct block *block);

/* No bytes are delivered until conn_resume; rest is what the holder has not consumed of the present
 * event and comes first then. What the kernel had taken already is kept aside. */
void conn_pause(struct conn *conn, struct span rest);
void conn_resume(struct conn *conn); /* bytes follow from the ring's deferred list, never inside */

/* The holder is done with bytes for now: back to the shared buffers, own memory is given back. */
void conn_rest(struct conn *conn);

/* For the next connection to the same server; NULL if there is nothing new. The caller's. */
struct tls_session *conn_take_session(struct conn *conn);

/* What the kernel knows of it now. A system call: for some exchanges, not for each. */
struct conn_sample {
    uint32_t rtt_us;      /* smoothed; > 0 */
    uint32_t retransmits; /* since the sample before, or since it was opened */
};

static inline bool conn_is_tcp(const struct conn *conn)
{
    return conn->remote_family != 1;
}

/* False: the kernel says nothing. Of TCP only, and not when closed. */
bool conn_sample(struct conn *conn, struct conn_sample *ret_sample);

/* Everything is quiet: open, nothing sent half, nothing received unread, not ended. */
bool conn_is_reusable(const struct conn *conn);

void conn_close(struct conn *conn);

void conn_check(const struct conn *conn);

#endif
