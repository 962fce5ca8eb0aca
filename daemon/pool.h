/*
 * pool.h - connections kept warm, per route.
 */
#ifndef HAULD_POOL_H
#define HAULD_POOL_H

#include "dial.h"
#include "proxy.h"
#include "turn_queue.h"
#include "wire.h"

struct pool_route;

struct pool_options {
    unsigned conns_max; /* sockets at once, all routes; > 0 */
    struct conn_ports ports;
    uint64_t idle_timeout_ns;
};

struct pool {
    struct ring *ring;
    struct timers *timers;
    struct dialer dialer;
    struct conns conns;
    struct tls_contexts contexts;
    struct pool_options options;
    struct slab dials;
    struct pool_route **buckets;
    unsigned buckets_count;
    unsigned routes_count;
    unsigned leased_count;
    unsigned idle_count;
    unsigned dialing_count;
    struct list idle_by_age;  /* newest first: the last is evicted first */
    struct turn_queue capped; /* leases that wait for a socket of their own; clients take turns */
    struct list spare_dials;  /* whose lease was served otherwise */
    struct list asleep;       /* routes without users that have TLS sessions; the oldest first */
    unsigned asleep_count;
    struct timer idle_timer;
    struct ring_deferred serve;
    uint64_t hash_seed;
    bool closing;
};

/* What makes two connections interchangeable. Spans are read during pool_acquire only. */
struct pool_key {
    struct span host; /* of the origin */
    uint16_t port;
    struct span dial_host; /* where to connect instead, or the same; with a proxy: the proxy */
    uint16_t dial_port;
    uint8_t family; /* enum resolve_family */
    enum policy policy;
    struct span interface;
    struct span unix_path;
    const struct tls_options *tls; /* sealed; NULL: plain */
    enum proxy_way way;
    struct span to_proxy; /* what it is told, credentials included: TUNNEL: the head that asks for
                             the tunnel; FORWARD: the fields of each request that are its own */
};

/* Embedded in who wants a connection. */
struct pool_lease {
    /* Later answers of pool_acquire; exactly one of them. */
    void (*ready)(struct pool_lease *lease, struct conn *conn);
    void (*failed)(struct pool_lease *lease, const struct fault *fault);
    struct list link;         /* linked: waiting for the route */
    struct turn_entry turn;   /* queued: capped */
    uint64_t client_key;      /* who asks, for turns; set before pool_acquire */
    struct pool_route *route; /* NULL: neither waiting nor leased */
    struct pool_dial *dial;   /* made for us */
    struct dial_options options;
    enum wire_cap held_by;
    uint64_t resolved_ns; /* stamps of the connection's own making, 0 when reused */
    uint64_t connected_ns;
    uint64_t tls_ns;
    uint16_t connect_status; /* of the proxy's answer, 0 when the conn was not made for us */
    bool fresh;              /* takes no conn that has served before */
    bool reused;             /* the conn has served before */
    bool resumed;            /* its TLS session was */
    struct tls_names tls;    /* of any conn */
};

int pool_init(struct pool *pool, struct ring *ring, struct timers *timers, struct resolve *resolve,
              const struct pool_options *options);
void pool_deinit(struct pool *pool); /* nothing leased, waiting or open */

/* An idle conn at once, or NULL: then lease->ready or ->failed comes later. fresh: never an idle
 * one. When there is no memory for the wait itself, *ret_fault is set and nothing comes later. */
struct conn *pool_acquire(struct pool *pool, struct pool_lease *lease, const struct pool_key *key,
                          bool fresh, struct fault *ret_fault);

/* PHASE_QUEUE, PHASE_DNS, PHASE_CONNECT or PHASE_TLS: what a waiting lease waits for. */
enum phase pool_waiting_phase(const struct pool_lease *lease);

/* Gives up waiting. */
void pool_cancel(struct pool *pool, struct pool_lease *lease);

/* Ends a lease. The conn is kept if reuse is set and it is quiet, else closed. */
void pool_release(struct pool *pool, struct pool_lease *lease, struct conn *conn, bool reuse);

/* Of the connections that are idle now too. */
void pool_change_idle_timeout(struct pool *pool, uint64_t timeout_ns);

/* Closes what is idle and takes no new work; it is over when pool_is_closed. */
void pool_close(struct pool *pool);
bool pool_is_closed(const struct pool *pool);

void pool_check(const struct pool *pool);

#endif
