/*
 * outcome.h - an item as it ended: what records, tallies, drawings and error lines are made of.
 */
#ifndef HAUL_OUTCOME_H
#define HAUL_OUTCOME_H

#include "fault.h"
#include "span.h"
#include "timing.h"
#include "wire.h"

struct outcome {
    uint64_t number; /* 1 is the first item of the command */
    uint64_t line;   /* of the input, 0 = from the command line */
    struct span label;
    struct span url;
    struct span sent_url; /* with its host in ASCII; empty = url is that */
    size_t implied_bytes; /* of url: the "http://" that nobody wrote */
    struct span hop_url;  /* where redirects led, or empty */
    struct span method;   /* empty = GET */
    const struct wire_result *result;
    struct timing timing;
    bool is_ok;         /* no fault: a response was received whole, and -f has nothing against it */
    bool is_skipped;    /* --skip-existing: ok without having been fetched */
    struct fault fault; /* ours (-f, a sink that failed) or the daemon's */
    struct span message; /* what happened, in words */
    struct span content_type;
    struct span tls_version; /* empty = not over TLS */
    struct span tls_cipher;
    const char *output; /* the file written, or found there; NULL = none */
    const char *path;   /* the file the body was meant for, or NULL */
    const char *hash;   /* "sha256:HEX", or NULL */
    bool has_headers;
    struct span headers; /* wire form */
    bool has_body;
    struct span body;
};

/* The URL that was asked for, its host in ASCII. */
static inline struct span outcome_sent_url(const struct outcome *item)
{
    return item->sent_url.bytes ? item->sent_url : item->url;
}

#endif
