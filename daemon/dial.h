/*
 * dial.h - turns a route into an open connection: look up, then race the addresses, then the
 * proxy's tunnel and TLS as far as the route has them.
 */
#ifndef HAULD_DIAL_H
#define HAULD_DIAL_H

#include "conn.h"
#include "policy.h"
#include "resolve.h"
#include "timer.h"

/* Where a route leads. Strings are copied by dial_start as far as it needs them later. */
struct dial_route {
    const char *host; /* to look up, or literals with a comma between; NULL with unix_path */
    uint16_t port;
    enum resolve_family family;
    enum policy policy;       /* asked of every address just before it is connected to */
    const char *interface;    /* local address to bind to, as text, or NULL */
    const char *unix_path;    /* or NULL */
    struct tls_context *tls;  /* held by the route; NULL: plain */
    const char *server_name;  /* with tls: whom the certificate must be for */
    bool is_proxy;            /* host and port are a proxy's */
    struct span connect_head; /* what asks it for a tunnel, or empty: see conn_target */
};

struct dial_options {
    uint64_t dns_timeout_ns;     /* each > 0 */
    uint64_t connect_timeout_ns; /* over all addresses, the proxy's tunnel included */
    uint64_t tls_timeout_ns;     /* from connected (or tunnelled) to the end of the handshake */
};

struct dial;

struct dial_events {
    /* Exactly one of the two, never inside dial_start; the dial is over and may be started again or
     * forgotten. The fault's why is valid during the call. */
    void (*open)(struct dial *dial, struct conn *conn);
    void (*failed)(struct dial *dial, const struct fault *fault);
};

/* What dials share. */
struct dialer {
    struct ring *ring;
    struct timers *timers;
    struct resolve *resolve;
    struct conns *conns;
};

struct dial {
    struct dialer *dialer;
    const struct dial_events *events;
    struct resolve_query query;
    struct timer timer;
    struct ring_deferred later;
    struct conn *conn;          /* connected; the tunnel or the handshake is in progress */
    struct tls_session *resume; /* owned: to begin with, or NULL */
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
    struct conn
        *racers[RESOLVE_ADDRESSES_MAX]; /* being connected, by address; NULL: not, or over */
    unsigned addresses_count;
    unsigned address_index; /* the next to try */
    unsigned racers_count;
    unsigned yielded_for;    /* the address that an attempt gave way to last; 0: none */
    uint64_t next_ns;        /* when it is tried, if nothing happens before; UINT64_MAX: never */
    struct dial_route route; /* its strings are the pool's route, which outlives us */
    struct dial_options options;
    struct fault fault;            /* of the last address, or the final one */
    char words[POLICY_WORDS_ROOM]; /* its why, of policy/denied */
    uint64_t resolved_ns;          /* stamps, 0 = not reached */
    uint64_t connected_ns;
    uint64_t tls_ns;
    uint64_t deadline_ns;    /* of the connect phase, then of the handshake */
    uint16_t connect_status; /* of the proxy's answer to CONNECT; 0 = none */
    bool resolving;
    bool tunnelling; /* connected, and the proxy is asked for a tunnel */
    bool active;
};

/* route's strings and context must live until the dial is over. resume is taken over; NULL: none.
 */
void dial_start(struct dial *dial, struct dialer *dialer, const struct dial_route *route,
                const struct dial_options *options, struct tls_session *resume,
                const struct dial_events *events);

/* No event follows. Fine when it is not active. */
void dial_cancel(struct dial *dial);

/* PHASE_DNS, PHASE_CONNECT or PHASE_TLS. */
enum phase dial_phase(const struct dial *dial);

#endif
