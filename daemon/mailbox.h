/*
 * mailbox.h - what the front and an engine say to each other, and nothing else.
 *
 * The front posts attempts, the engine answers each with exactly one done. With one worker both
 * tables are called directly, on one thread; with more, they will write to queues: so neither side
 * keeps a pointer of the other beyond what is said here, and every body is a block that changes its
 * owner.
 */
#ifndef HAULD_MAILBOX_H
#define HAULD_MAILBOX_H

#include "block.h"
#include "fault.h"
#include "policy.h"
#include "proxy.h"
#include "retry_on.h"
#include "span.h"
#include "tls.h"
#include "upload.h"
#include "wire.h"

/* Where a body goes, as an engine sees it. */
enum attempt_sink {
    ATTEMPT_SINK_DISCARD,
    ATTEMPT_SINK_DATA, /* blocks to the front */
    ATTEMPT_SINK_FILE, /* the front's open file, written by the writer */
};

/* One attempt at one hop. Spans and strings are read during start only. */
struct attempt {
    uint64_t id;             /* the front's; unique among those not done */
    uint64_t client_key;     /* whose turns those of its requests are: its user */
    uint64_t batch_key;      /* for turns and per-origin bounds; never that of an earlier batch */
    unsigned per_origin_max; /* > 0 */
    uint64_t rate_uhz;       /* of the batch's requests to this origin; 0 = none */
    enum wire_cap rate_cap;  /* what held_by calls that */
    uint64_t asked_rate_uhz; /* of all that name one for this origin; 0 = it does not */
    struct span host;
    uint16_t port;
    struct span dial_host; /* with a proxy: the proxy */
    uint16_t dial_port;
    enum proxy_way way;
    struct span to_proxy;   /* see pool_key */
    uint8_t address_family; /* 0, 4, 6 */
    enum policy policy;
    struct span interface;
    struct span unix_path;
    const struct tls_options *tls; /* sealed; lives until done; NULL: plain */
    struct block *request;         /* head and body; the engine's from here on */
    const struct upload *upload;   /* what follows it; lives until done; NULL: nothing does */
    bool is_head_request;          /* the response has no body */
    bool wants_head;               /* post head */
    bool wants_cookies;            /* say what it sets */
    bool fresh_conn;
    bool close_after;
    bool decodes;            /* the body: what Content-Encoding says is undone */
    bool follows;            /* a redirect's body is nobody's */
    struct retry_on drops;   /* nor is that of these statuses: it will be asked again */
    uint64_t dns_timeout_ns; /* each > 0 */
    uint64_t connect_timeout_ns;
    uint64_t tls_timeout_ns;
    uint64_t first_byte_timeout_ns;
    uint64_t idle_timeout_ns;
    uint64_t body_bytes_max; /* 0 = none */
    enum attempt_sink sink;
    void *file;          /* struct writer_file; for ATTEMPT_SINK_FILE */
    size_t window_bytes; /* body bytes the front takes without having returned any */
};

struct attempt_head {
    uint16_t status;
    uint8_t version_major;
    uint8_t version_minor;
    uint64_t content_bytes; /* UINT64_MAX unknown */
    struct span reason;
    struct span fields; /* wire form */
    uint16_t fields_count;
};

/* The end of an attempt. Stamps are CLOCK_MONOTONIC, 0 = not reached. */
struct attempt_result {
    struct fault fault; /* why: of tls/... and policy/..., during the call; else static */
    uint16_t status;    /* 0 = no final head was received */
    uint8_t version_major;
    uint8_t version_minor;
    bool complete; /* a response was received whole */
    bool reused;
    bool decoded;           /* its body, as far as it came */
    bool resumed;           /* its TLS session was */
    bool replayable;        /* a reused connection went stale before any byte of an answer */
    bool was_not_to_expect; /* 417: what was asked for with Expect is to be asked for without */
    bool began_pause;       /* with cools_until_ns: it is this answer that asked for it */
    bool upload_read;       /* bytes of the upload were read */
    uint8_t remote_family;
    uint16_t remote_port;
    uint16_t connect_status; /* of a proxy's answer to the CONNECT made for it; 0 = none */
    uint8_t remote_address[16];
    struct tls_names tls; /* of the connection it went over */
    uint64_t wire_bytes;  /* of the body, as received */
    uint64_t body_bytes;  /* handed to the sink */
    uint64_t request_bytes;
    uint64_t upload_bytes; /* of the upload, sent, without framing */
    uint32_t head_bytes;   /* received, interim responses and trailers included */
    uint32_t rtt_us;       /* of the connection, smoothed; 0 = it was not asked */
    uint32_t retransmits;  /* of it, since it was asked before */
    uint64_t started_ns;   /* left the queue */
    uint64_t resolved_ns;
    uint64_t connected_ns;
    uint64_t tls_ns;
    uint64_t sent_ns;
    uint64_t first_byte_ns;
    uint64_t last_byte_ns;
    enum wire_cap held_by;
    uint64_t cools_until_ns;  /* the origin takes no request before; 0 = it does */
    struct span content_type; /* this and the next three during the call */
    struct span location;     /* of a whole response; data NULL = none */
    struct span retry_after;
    struct span set_cookies; /* with wants_cookies: response_cookies */
};

/* The engine's side. */
struct mailbox_engine {
    /* Always answered by one done; inside the call only when there is no memory to put it off. */
    void (*start)(void *ctx, const struct attempt *attempt);
    /* done follows with this fault, unless the attempt has ended meanwhile. Unknown ids are fine.
     */
    void (*cancel)(void *ctx, uint64_t id, enum fault_code code);
    /* bytes of the body have reached the client's socket or the file; error is a positive errno of
     * the file, or 0. */
    void (*sink_ready)(void *ctx, uint64_t id, size_t bytes, int error);
    void *ctx;
};

/* The front's side. */
struct mailbox_front {
    void (*head)(void *ctx, uint64_t id, const struct attempt_head *head);
    void (*body)(void *ctx, uint64_t id, struct block *block); /* the front's from here on */
    void (*done)(void *ctx, uint64_t id, const struct attempt_result *result);
    void *ctx;
};

#endif
