/*
 * retry.h - whether a finished attempt gets another, and when.
 *
 * Pure: clocks and random numbers are arguments. An attempt here is one request with its answer or
 * its fault; a stale connection's replay (RFC 9112 section 9.3.1) is not one and is not asked
 * about.
 */
#ifndef HAULD_RETRY_H
#define HAULD_RETRY_H

#include "fault.h"
#include "retry_on.h"
#include "span.h"
#include "wire.h"

#define RETRY_RETRIES_MAX WIRE_RETRIES_MAX /* of one item, whatever its policy says */
#define RETRY_BACKOFF_BASE_NS UINT64_C(1000000000)
#define RETRY_BACKOFF_MAX_NS UINT64_C(60000000000)
#define RETRY_AFTER_MAX_NS UINT64_C(21600000000000) /* 6 h: the most a server can ask for */

/* What the user asked for. All zero: no retries. */
struct retry_policy {
    struct retry_on on;
    uint64_t delay_ns;    /* --retry-delay: exactly this before each; 0 = exponential */
    uint64_t max_time_ns; /* --retry-max-time: none begins later than this after the first attempt
                             began; 0 = no such limit */
    unsigned retries_max; /* --retry */
    bool all_methods;     /* --retry-all-methods, or the item is marked as safe to send twice */
};

/* The item so far. */
struct retry_progress {
    uint64_t first_started_ns; /* when the first attempt began; <= now_ns */
    uint64_t deadline_ns;      /* of the whole item; 0 = none */
    unsigned retries_count;    /* granted before */
};

/* How the attempt ended. */
struct retry_outcome {
    struct fault fault;       /* its code and phase; FAULT_HTTP_STATUS counts as none */
    uint16_t status;          /* of the answer; looked at when there is no fault */
    bool is_idempotent;       /* the method (request_is_idempotent) */
    bool is_body_gone;        /* the request had a body that cannot be sent once more */
    bool is_delivered;        /* bytes of the answer reached a sink that cannot take them back */
    struct span retry_after;  /* the field's value; data NULL = none; valid during the call */
    uint64_t origin_ready_ns; /* it takes nothing before; 0 = it does */
};

struct retry_moment {
    uint64_t now_ns;      /* monotonic, as everything here but the next */
    uint64_t wall_now_ns; /* since 1970: dates in Retry-After are compared with it */
    uint64_t random;      /* 64 uniform bits, fresh for each call */
};

enum retry_verdict {
    RETRY_AGAIN,     /* *ret_at_ns says when */
    RETRY_NOT_ASKED, /* a success, or an outcome that the policy does not name */
    RETRY_DELIVERED, /* part of the answer is with the user already */
    RETRY_UNSAFE,    /* the origin may have acted on the request, and a second time may differ */
    RETRY_BODY_GONE, /* the request's body cannot be sent once more */
    RETRY_USED_UP,   /* retries_max are behind it */
    RETRY_TOO_LATE,  /* it would have to wait beyond deadline or max_time: not worth waiting */
    RETRY_NO_BUDGET, /* too large a part of the batch is being retried */
};

/* A bound on the retries of a batch, so that an origin in trouble is not asked (1 + N) times for
 * a million items. Each item adds a fifth of a token and each retry takes one: retries are at most
 * 20 % of the items, beyond the 1000 that there are at the start: no batch of a few hundred items
 * ever meets it. At most 10 000 are saved up. */
struct retry_budget {
    unsigned fifths; /* of a token */
};

#define RETRY_BUDGET_FLOOR 1000u
#define RETRY_BUDGET_MAX 10000u

void retry_budget_init(struct retry_budget *budget);
void retry_budget_add_item(struct retry_budget *budget); /* when its first attempt begins */

/* Safe to retry are: anything that failed before a byte of the request was sent (fault.phase before
 * PHASE_SEND); otherwise idempotent methods (RFC 9110 section 9.2.2) and, with all_methods, all. A
 * status is an answer: whatever it says, the request was sent.
 *
 * The wait is delay_ns, or random in [0, min(60 s, 1 s * 2^retries_count)] ("full jitter"). A
 * Retry-After that comes with a status moves it: the fixed delay is at least that long, the jitter
 * is added to it, so that those who were told the same time do not come back together. An origin
 * that takes nothing until later moves it to then: the later of the two counts, not their sum.
 *
 * *ret_at_ns (monotonic) is written with RETRY_AGAIN only, and a token is taken from budget (NULL =
 * unbounded) only then. */
enum retry_verdict retry_decide(const struct retry_policy *policy,
                                const struct retry_progress *progress,
                                const struct retry_outcome *outcome,
                                const struct retry_moment *moment, struct retry_budget *budget,
                                uint64_t *ret_at_ns);

/* One clause for the result's message: "not retried: ..."; static, NULL for RETRY_AGAIN and
 * RETRY_NOT_ASKED. */
const char *retry_why(enum retry_verdict verdict);

/* The value of Retry-After (RFC 9110 section 10.2.3): seconds in digits, or an HTTP date, which is
 * 0 when it is past. At most RETRY_AFTER_MAX_NS; what is longer becomes that. White space around it
 * is skipped. Returns false for anything else ("-1", "1.5", "1, 2"), which is as if it were not
 * there. */
bool retry_parse_after(struct span text, uint64_t wall_now_ns, uint64_t *ret_wait_ns);

#endif
