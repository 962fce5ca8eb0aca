/*
 * exchange.h - one attempt at one hop on one connection.
 */
#ifndef HAULD_EXCHANGE_H
#define HAULD_EXCHANGE_H

#include "body.h"
#include "bucket.h"
#include "governor.h"
#include "pool.h"
#include "response.h"
#include "sink.h"
#include "source.h"

struct exchange;

enum exchange_state {
    EXCHANGE_QUEUED,     /* the governor has not let it start */
    EXCHANGE_WAITING,    /* no conn yet; on the pool's lists */
    EXCHANGE_OPEN,       /* conn leased; request and response in progress, each by itself */
    EXCHANGE_DELIVERING, /* response whole, conn gone; the sink has not handed on all of it */
    EXCHANGE_DONE,       /* outcome known; on its way to the front */
};

/* The request's half of OPEN; drawn in exchange_send.c. */
enum exchange_request {
    REQUEST_BEGUN,     /* the head is being sent, and the body if it is in the same block */
    REQUEST_HELD,      /* the body waits for 100 (Continue) */
    REQUEST_BODY,      /* the body is being sent, piece by piece */
    REQUEST_SENT,      /* all of it */
    REQUEST_ABANDONED, /* the answer came first, and wants no body */
};

/* What exchanges of an engine share. */
struct exchange_env {
    struct ring *ring;
    struct timers *timers;
    struct pool *pool;
    struct writer *writer;
    const struct mailbox_front *front;
    const struct response_limits *limits;
    uint64_t sink_timeout_ns;
    struct bucket samples; /* how often a connection's kernel may be asked */
    uint64_t body_bytes;   /* of all attempts, counted as they come */
    /* The exchange is over: result is complete. Called once, never inside exchange_begin,
     * exchange_cancel or exchange_sink_returned. */
    void (*on_done)(void *ctx, struct exchange *exchange);
    void *ctx;
};

struct exchange {
    struct exchange_env *env;
    uint64_t id;
    struct governor_ticket ticket; /* the engine's */
    struct pool_lease lease;
    struct conn *conn;           /* leased iff OPEN */
    struct block *request;       /* ours until sent */
    const struct upload *upload; /* the front's; NULL: request is all of it */
    struct source *source;       /* owned, reads from it; NULL before the first piece */
    size_t piece_payload;        /* of the body, in what is being sent */
    struct response_limits limits;
    struct response response;
    struct sink sink;
    struct body body;           /* to the sink */
    struct timer timer;         /* fires at or before deadline_ns */
    struct ring_deferred later; /* start and end outside the engine's calls */
    struct ring_deferred more;  /* there is more to decode than one call does */
    uint64_t deadline_ns;       /* moved with progress; the timer follows when it fires */
    uint64_t first_byte_timeout_ns;
    uint64_t idle_timeout_ns;
    struct attempt_result result;
    char *words;   /* owned: the why of a fault whose words are the connection's or the dial's */
    uint8_t state; /* enum exchange_state */
    uint8_t request_state; /* enum exchange_request */
    bool is_sending;       /* the conn has a piece of the request */
    bool wants_head;
    bool close_after;
    bool sink_full;
    bool follows;
    bool drops_body; /* the answer is a redirect or a refusal, and not the last word */
    struct retry_on drops;
};

/* Of a zeroed exchange, as slabs give it. Takes what it needs of attempt (the request block at
 * once) and stays QUEUED. */
void exchange_init(struct exchange *x, struct exchange_env *env, const struct attempt *attempt);
void exchange_deinit(struct exchange *x);

/* The governor said go. key is read during the call. */
void exchange_begin(struct exchange *x, const struct pool_key *key, bool fresh_conn);

enum phase exchange_phase(const struct exchange *x); /* what it is doing */

/* Ends it with this fault, in the phase it is in. Fine when DONE already. */
void exchange_cancel(struct exchange *x, enum fault_code code);

/* See mailbox sink_ready. */
void exchange_sink_returned(struct exchange *x, size_t bytes, int error);

void exchange_check(const struct exchange *x);

#endif
