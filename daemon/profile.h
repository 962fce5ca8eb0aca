/*
 * profile.h - what many requests of one session share.
 */
#ifndef HAULD_PROFILE_H
#define HAULD_PROFILE_H

#include "config.h"
#include "list.h"
#include "message.h"
#include "policy.h"
#include "proxy.h"
#include "request_defaults.h"
#include "retry.h"
#include "tls_context.h"

struct profile {
    struct list link; /* in its session */
    uint64_t id;
    struct message_profile message; /* spans into bytes */
    struct request_defaults defaults;
    uint64_t dns_timeout_ns; /* the defaults filled in */
    uint64_t connect_timeout_ns;
    uint64_t tls_timeout_ns;
    uint64_t first_byte_timeout_ns;
    uint64_t idle_timeout_ns;
    uint64_t total_timeout_ns; /* never 0: the daemon's ceiling bounds it */
    struct retry_policy retry;
    struct tls_options tls; /* sealed; spans into bytes */
    enum policy policy;     /* where its requests may lead */
    struct proxies proxies; /* likewise */
    bool unix_denied;       /* the unix path is not allowed to this peer */
    char bytes[];
};

/* A copy of a PROFILE frame of a client that this user runs; NULL with *ret_error 0 when out of
 * memory, else *ret_error says what is wrong with the frame. */
struct profile *profile_new(const struct frame *frame, uint32_t uid, const struct config *config,
                            message_error *ret_error);
void profile_free(struct profile *profile);

enum profile_pins {
    PROFILE_PINS_ALL,
    PROFILE_PINS_LOOKUPS, /* those to an address: --resolve */
    PROFILE_PINS_MOVES,   /* the others: --connect-to */
};

/* Where to connect for host and port: the first pin of these that matches, or the same again. */
struct message_pin profile_pin(const struct profile *profile, enum profile_pins which,
                               struct span host, uint16_t port);

#endif
