/*
 * attempts.h - the front's side of an engine, played by the test: attempts in, what became of them
 * out. For tests of one exchange and of many; the ring is the fake.
 */
#ifndef HAUL_ATTEMPTS_H
#define HAUL_ATTEMPTS_H

#include "engine.h"
#include "ring_fake.h"
#include "silent_dns.h"

#define ATTEMPTS_MAX 256
#define ATTEMPTS_MS UINT64_C(1000000)
#define ATTEMPTS_S UINT64_C(1000000000)

/* What the engine has said of one attempt. */
struct outcome {
    bool is_begun;
    unsigned done_count;
    unsigned heads_count;
    uint16_t head_status;
    struct attempt_result result;
    char content_type[64];
    char *body;
    size_t body_bytes;
    size_t kept_bytes; /* of the body, not yet returned */
    unsigned order;    /* the how-manyth to be done */
};

struct attempts {
    struct ring *ring;
    struct timers timers;
    struct silent_dns dns;
    struct resolve *resolve;
    struct writer *writer;
    struct engine engine;
    struct mailbox_engine mailbox;
    struct outcome outcomes[ATTEMPTS_MAX];
    unsigned done_count;
    bool keeps_bodies;        /* does not return blocks by itself */
    uint64_t cancels_in_done; /* an id to cancel inside the next done; 0: none */
};

struct attempts_options {
    uint64_t seed;
    unsigned conns_max;            /* 0: 64 */
    unsigned per_origin_total_max; /* 0: none */
    uint64_t rate_per_origin_uhz;  /* 0: none */
};

void attempts_begin(struct attempts *t, const struct attempts_options *options);
/* Asserts that every attempt has its outcome and that nothing is left. */
void attempts_end(struct attempts *t);
void attempts_settle(struct attempts *t);
void attempts_wait(struct attempts *t, uint64_t ns);

/* A GET of 127.0.0.1:80 with no body to keep, and generous limits: dns 5 s, connect 10 s, first
 * byte 60 s, idle 60 s, window 64 KiB. */
struct attempt plain_attempt(uint64_t id);
void front_starts(struct attempts *t, const struct attempt *attempt);
void front_starts_plain(struct attempts *t, uint64_t id);
void front_cancels(struct attempts *t, uint64_t id, enum fault_code code);
void front_returns(struct attempts *t, uint64_t id, size_t bytes);

/* What it must have been told by now. */
const struct outcome *front_has(const struct attempts *t, uint64_t id);
void front_has_nothing(const struct attempts *t, uint64_t id);
void front_has_response(const struct attempts *t, uint64_t id, unsigned status, const char *body);
void front_has_fault(const struct attempts *t, uint64_t id, enum fault_code code, enum phase phase);

/* The server's side; its connections are counted from 1, as all sockets here are its. */
void server_says(struct attempts *t, unsigned nth, const char *text);
void server_says_bytes(struct attempts *t, unsigned nth, struct span bytes);
void server_closes(struct attempts *t, unsigned nth);
void server_resets(struct attempts *t, unsigned nth);

#endif
