/*
 * resolve_dns.h - questions to DNS servers: c-ares with its sockets on the ring.
 *
 * The resolver's own. A question that has no answer after a quarter of a second is slow: it makes
 * room for others, and if it is for both versions of IP, the IPv4 addresses are asked for alone as
 * well, so that servers which are silent about AAAA (RFC 4074) delay a connection and do not
 * prevent it. What comes first is the answer; with both versions from one question, always, as only
 * then the search domains of resolv.conf cannot mix two hosts.
 *
 * The channel is made with the first question, and made anew when resolv.conf
 * has changed and no question is open.
 */
#ifndef HAULD_RESOLVE_DNS_H
#define HAULD_RESOLVE_DNS_H

#include "resolve.h"

#include <sys/types.h>
#include <time.h>

#include <ares.h>

#define RESOLVE_DNS_BURST_MAX 128u  /* just asked: more would overflow the UDP buffers */
#define RESOLVE_DNS_CALLS_MAX 2048u /* c-ares has at once, those included nobody waits for */

struct resolve_dns_answer {
    struct fault fault; /* unset: there is at least one address */
    bool is_negative;   /* the fault is knowledge (no such name), not trouble */
    /* The fault is that of a connection to a server, and may be due to another question. */
    bool failed_together;
    uint32_t ttl_seconds;
    unsigned addresses_count;
    struct resolve_address addresses[RESOLVE_ADDRESSES_MAX];
};

struct resolve_dns_question;

/* Runs once per question; perhaps inside resolve_dns_ask, and inside c-ares: it must not call
 * anything here. */
typedef void (*resolve_dns_answered)(struct resolve_dns_question *question,
                                     const struct resolve_dns_answer *answer);

struct resolve_dns_question {
    resolve_dns_answered answered;
    struct resolve_dns *dns;
};

struct resolve_dns {
    struct ring *ring;
    struct timers *timers;
    char *servers; /* owned; NULL: resolv.conf */
    int timeout_ms;
    int tries;
    ares_channel channel;
    bool has_library;
    bool has_channel;
    unsigned questions_open; /* without an answer */
    unsigned calls_open;     /* of c-ares without an end */
    unsigned young_count;
    struct list young;                        /* searches that are not slow yet; the oldest first */
    struct timer slow_timer;                  /* armed for the oldest */
    void (*on_room)(struct resolve_dns *dns); /* resolve_dns_can_ask may say true again */
    void *ctx;                                /* the caller's */
    struct timer timer;                       /* c-ares' next deadline */
    struct list sockets;                      /* of c-ares, polled on the ring */
    uint64_t checked_ns;                      /* when resolv.conf was looked at last */
    bool config_changed;
    ino_t config_inode;
    struct timespec config_modified;
};

/* 0 or -ENOMEM; deinit is safe after both. on_room and ctx are for the caller to set. */
int resolve_dns_init(struct resolve_dns *dns, struct ring *ring, struct timers *timers,
                     const struct resolve_options *options);
/* Asserts that it is idle. */
void resolve_dns_deinit(struct resolve_dns *dns);

/* False while too many questions are open, or while they must end before the servers change. */
bool resolve_dns_can_ask(struct resolve_dns *dns);

/* host lives during the call only; question->answered is set before. */
void resolve_dns_ask(struct resolve_dns *dns, struct resolve_dns_question *question,
                     const char *host, enum resolve_family family);

/* Open questions end with a fault, sockets close; idle when the ring has given the polls back. */
void resolve_dns_shutdown(struct resolve_dns *dns);
bool resolve_dns_is_idle(const struct resolve_dns *dns);

void resolve_dns_check(const struct resolve_dns *dns);

#endif
