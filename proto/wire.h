/*
 * wire.h - every number on the wire; PROTOCOL.md is the specification.
 *
 * Integers are little-endian and structs are laid out by hand, without holes, so that the bytes of
 * a struct are the bytes on the wire. A payload starts with its fixed struct, whose first field is
 * the struct's own size: a newer peer may send a longer one, and the surplus is skipped.
 *
 * Adding a frame type: (1) the enum below, (2) PROTOCOL.md, (3) message.c encode and decode,
 * (4) the fuzz corpus, (5) WIRE_VERSION if old peers would misread it.
 */
#ifndef HAUL_WIRE_H
#define HAUL_WIRE_H

#include <assert.h>
#include <stdint.h>

#define WIRE_VERSION 1u

/* Limits. The client keeps to them; the daemon enforces them. */
#define WIRE_FRAME_BYTES_MAX (1u << 20)   /* header included */
#define WIRE_VARLINK_BYTES_MAX (1u << 20) /* one message, its NUL included */
#define WIRE_VARLINK_DEPTH_MAX 16u
#define WIRE_URL_BYTES_MAX (64u << 10)
#define WIRE_HEADER_BYTES_MAX (128u << 10) /* all request fields of an item together */
#define WIRE_HEADERS_MAX 256u              /* request fields of an item */
#define WIRE_HEADS_BYTES_MAX (1u << 20)    /* response heads of an item, over all hops */
#define WIRE_SLOTS_PER_SESSION 65536u      /* items without a RESULT */
#define WIRE_REQUEST_BYTES_PER_SESSION (64u << 20)
#define WIRE_BODY_WINDOW_BYTES (4u << 20) /* HEAD and DATA payload not yet credited back */
#define WIRE_PROFILES_PER_SESSION 256u
#define WIRE_BATCHES_PER_SESSION 256u
#define WIRE_FRAME_FDS_MAX 2u           /* descriptors one frame can take */
#define WIRE_FDS_PER_SESSION 1024u      /* descriptors held for one session */
#define WIRE_RETRIES_MAX 1000u          /* of an item */
#define WIRE_PEM_BYTES_MAX (256u << 10) /* CA, certificate and key of a profile together */
#define WIRE_PINS_MAX 64u               /* --resolve and --connect-to rows of a profile */
#define WIRE_PROXY_BYTES_MAX 4096u      /* the URL of a proxy */
#define WIRE_NO_PROXY_BYTES_MAX 16384u  /* the hosts that need none */
/* Cookies: RFC 6265 section 6.1 asks for as many. */
#define WIRE_COOKIE_BYTES_MAX 4096u /* of name and value together */
#define WIRE_COOKIE_PATH_BYTES_MAX 1024u
#define WIRE_COOKIE_DOMAIN_BYTES_MAX 254u
#define WIRE_COOKIES_PER_DOMAIN 50u
#define WIRE_COOKIES_PER_JAR 3000u
#define WIRE_JAR_BYTES_MAX (4u << 20) /* of a jar's cookies as they are kept */
#define WIRE_JARS_PER_SESSION 16u     /* batches with a jar */

enum wire_type {
    /* client to daemon */
    WIRE_PROFILE = 1,
    WIRE_BATCH_BEGIN = 2,
    WIRE_BATCH_END = 3,
    WIRE_REQUEST = 4,
    WIRE_CANCEL = 5,
    WIRE_PING = 7,
    WIRE_COOKIE = 8,
    /* both ways */
    WIRE_CREDIT = 6,
    /* daemon to client */
    WIRE_HEAD = 65,
    WIRE_DATA = 66,
    WIRE_RESULT = 67,
    WIRE_BATCH_DONE = 68,
    WIRE_PONG = 69,
    WIRE_GOAWAY = 70,
    WIRE_ERROR = 71,
    WIRE_COOKIE_BACK = 72,
};

/* Before every payload. length counts header and payload, padding to 8 bytes included. */
struct wire_header {
    uint32_t length;
    uint8_t type;      /* enum wire_type */
    uint8_t flags;     /* per type; unknown bits are refused */
    uint16_t fd_count; /* descriptors that come with this frame */
    uint64_t id;       /* profile, batch or item, by type; the client chooses them */
};
static_assert(sizeof(struct wire_header) == 16, "wire layout");

/* flags of CANCEL */
#define WIRE_CANCEL_BATCH 0x01u   /* id is a batch; otherwise an item */
#define WIRE_CANCEL_WAITING 0x02u /* only what has not been begun */
/* flags of DATA */
#define WIRE_DATA_LAST 0x01u
#define WIRE_DATA_RESTART 0x02u /* forget this item's bytes so far: a new attempt begins */

/* Where the body of an item goes. */
enum wire_body_mode {
    WIRE_BODY_DISCARD = 0, /* counted, not kept */
    WIRE_BODY_DATA = 1,    /* DATA frames */
    WIRE_BODY_FD = 2,      /* the regular file whose descriptor came with the REQUEST */
};

/* A profile is what many requests share. Its id is in the frame header; it holds for the rest of
 * the session, and its id is not used again. */
struct wire_profile {
    uint32_t fixed_bytes;
    uint32_t flags;          /* WIRE_PROFILE_* */
    uint64_t dns_timeout_ns; /* of each timeout: 0 = the daemon's default */
    uint64_t connect_timeout_ns;
    uint64_t tls_timeout_ns;
    uint64_t first_byte_timeout_ns;
    uint64_t idle_timeout_ns;
    uint64_t total_timeout_ns; /* 0 = none but the daemon's ceiling */
    uint64_t body_bytes_max;   /* 0 = none */
    uint8_t body_mode;         /* enum wire_body_mode */
    uint8_t address_family;    /* 0 = any, 4, 6 */
    uint16_t header_count;     /* default request fields, after each other as wire_field */
    uint32_t header_bytes;
    uint16_t pin_count;       /* then the pins, as wire_pin */
    uint16_t unix_path_bytes; /* then the path of a unix socket to connect to, or nothing */
    uint16_t interface_bytes; /* then the local address to bind to, as text, or nothing */
    uint16_t redirects_max;   /* with WIRE_PROFILE_FOLLOW: one more is http/redirects */
    uint8_t redirect_schemes; /* WIRE_SCHEME_* that a redirect may lead to; 0 = any */
    uint8_t reserved[5];      /* zero */
    uint16_t retries_max;     /* 0 = nothing is retried; at most WIRE_RETRIES_MAX */
    uint64_t retry_delay_ns;  /* before each; 0 = random, up to 1 s doubled each time, up to 60 s */
    uint64_t retry_max_time_ns;  /* no retry begins later after the first attempt; 0 = no limit */
    uint64_t retry_faults;       /* bit n: enum fault_code n is retried */
    uint16_t retry_statuses[16]; /* 100 to 599, or 1 to 5 for a class; the first 0 ends the list */
    uint32_t ca_bytes;           /* of each: PEM, or nothing; then they follow, in this order */
    uint32_t cert_bytes;         /* with the certificates up to its issuer */
    uint32_t key_bytes;
    uint8_t tls_min;           /* 12 = TLS 1.2, 13 = 1.3, 0 = 1.2 */
    uint8_t tls_max;           /* likewise, 0 = 1.3 */
    uint16_t proxy_http_bytes; /* of each: the URL of a proxy, or nothing; after the PEM */
    uint16_t proxy_https_bytes;
    uint16_t no_proxy_bytes; /* then the hosts that need no proxy, as curl's --noproxy */
    uint8_t reserved2[60];   /* zero */
};
static_assert(sizeof(struct wire_profile) == 224, "wire layout");

#define WIRE_SCHEME_HTTP 0x1u
#define WIRE_SCHEME_HTTPS 0x2u

#define WIRE_PROFILE_HEAD 0x1u         /* send a HEAD frame for each response */
#define WIRE_PROFILE_FRESH_CONN 0x2u   /* a new connection for every request */
#define WIRE_PROFILE_NO_REUSE 0x4u     /* close the connection after the response */
#define WIRE_PROFILE_FOLLOW 0x8u       /* redirects are followed; each hop has its HEAD frame */
#define WIRE_PROFILE_RETRY_ALL 0x10u   /* methods that are not idempotent are retried too */
#define WIRE_PROFILE_INSECURE 0x20u    /* certificates of servers are not checked */
#define WIRE_PROFILE_DECODE 0x40u      /* what Content-Encoding names is undone */
#define WIRE_PROFILE_PUBLIC_ONLY 0x80u /* only to public addresses; else policy/denied */

/* One header field: this, then name, then value. */
struct wire_field {
    uint32_t name_bytes;
    uint32_t value_bytes;
};
static_assert(sizeof(struct wire_field) == 8, "wire layout");

/* One row of --resolve or --connect-to: this, then the texts. A port of 0 or an empty host matches
 * any. With to_is_address the target is IP literals and stands for a lookup: through a proxy,
 * which looks up by itself, it counts for the name of the proxy only. */
struct wire_pin {
    uint16_t host_bytes;
    uint16_t port;
    uint16_t to_host_bytes;
    uint16_t to_port; /* 0 = unchanged */
    uint8_t to_is_address;
    uint8_t reserved[7];
};
static_assert(sizeof(struct wire_pin) == 16, "wire layout");

struct wire_batch_begin {
    uint32_t fixed_bytes;
    uint32_t concurrency;         /* items in progress at once; 0 = the daemon's default */
    uint32_t max_per_origin;      /* 0 = the daemon's MaxPerOrigin= */
    uint32_t flags;               /* WIRE_BATCH_* */
    uint64_t rate_uhz;            /* requests in 10^6 s, over all origins; 0 = no limit */
    uint64_t rate_per_origin_uhz; /* the same at each origin */
    uint8_t reserved[16];         /* zero */
};
static_assert(sizeof(struct wire_batch_begin) == 48, "wire layout");

#define WIRE_BATCH_COOKIES 0x1u      /* the batch has a jar: cookies are kept and sent back */
#define WIRE_BATCH_COOKIES_BACK 0x2u /* what is in it at the end comes as COOKIE_BACK */

enum wire_same_site {
    WIRE_SAME_SITE_UNSAID = 0,
    WIRE_SAME_SITE_NONE = 1,
    WIRE_SAME_SITE_LAX = 2,
    WIRE_SAME_SITE_STRICT = 3,
    WIRE_SAME_SITE_COUNT
};

/* One cookie of a jar, in COOKIE and COOKIE_BACK. */
struct wire_cookie {
    uint32_t fixed_bytes;
    uint16_t flags;        /* WIRE_COOKIE_* */
    uint8_t same_site;     /* enum wire_same_site */
    uint8_t reserved;      /* zero */
    uint64_t expires_s;    /* since 1970, UTC; 0 = with the session */
    uint16_t domain_bytes; /* after the struct: domain, path, name, value */
    uint16_t path_bytes;
    uint16_t name_bytes;
    uint16_t value_bytes;
};
static_assert(sizeof(struct wire_cookie) == 24, "wire layout");

#define WIRE_COOKIE_HOST_ONLY 0x1u /* not for hosts below the domain */
#define WIRE_COOKIE_SECURE 0x2u    /* https only */
#define WIRE_COOKIE_HTTP_ONLY 0x4u

/* No REQUEST of this batch follows. BATCH_DONE comes after the last RESULT. */
struct wire_batch_end {
    uint32_t fixed_bytes;
    uint32_t reserved;
};
static_assert(sizeof(struct wire_batch_end) == 8, "wire layout");

struct wire_request {
    uint32_t fixed_bytes;
    uint32_t flags; /* WIRE_REQUEST_* */
    uint64_t batch_id;
    uint64_t profile_id;
    uint64_t planned_ns; /* CLOCK_MONOTONIC; 0 = now */
    uint64_t timeout_ns; /* of the whole item; 0 = the profile's */
    uint32_t url_bytes;  /* after the struct: method, url, fields, body */
    uint32_t header_bytes;
    uint32_t body_bytes;
    uint16_t header_count;
    uint8_t method_bytes; /* 0 = GET */
    uint8_t body_mode;    /* enum wire_body_mode, or WIRE_BODY_OF_PROFILE */
};
static_assert(sizeof(struct wire_request) == 56, "wire layout");

#define WIRE_BODY_OF_PROFILE 255u
#define WIRE_REQUEST_HAS_BODY 0x1u   /* set whenever body_bytes > 0; with 0: Content-Length: 0 */
#define WIRE_REQUEST_REPLAYABLE 0x2u /* the user says: safe to send twice */
#define WIRE_REQUEST_KEPT 0x4u       /* what was delivered cannot be taken back: no RESTART */
#define WIRE_REQUEST_BODY_FD                                                                       \
    0x8u                          /* with HAS_BODY: the body is in the first descriptor of the     \
                                     frame, and body_bytes 0 */
#define WIRE_REQUEST_EXPECT 0x10u /* with BODY_FD: it waits for 100 (Continue), at most 1 s */

struct wire_credit {
    uint32_t fixed_bytes;
    uint32_t slots;      /* daemon to client: the session's slots, a total and no increment */
    uint64_t body_bytes; /* client to daemon: payload bytes of HEAD and DATA consumed, padding
                            included, as they were counted against the window */
};
static_assert(sizeof(struct wire_credit) == 16, "wire layout");

/* The whole head of a response. The fields follow as wire_field. */
struct wire_head {
    uint32_t fixed_bytes;
    uint16_t status;
    uint8_t version_major;
    uint8_t version_minor;
    uint64_t content_bytes; /* Content-Length, or UINT64_MAX when unknown */
    uint32_t header_bytes;
    uint16_t header_count;
    uint16_t reason_bytes; /* the reason phrase, before the fields */
};
static_assert(sizeof(struct wire_head) == 24, "wire layout");

#define WIRE_NOT_REACHED UINT64_MAX /* an offset of a step that this item did not reach */

struct wire_result {
    uint32_t fixed_bytes;
    uint16_t fault;      /* enum fault_code */
    uint8_t fault_phase; /* enum phase */
    uint8_t flags;       /* WIRE_RESULT_* */
    int32_t fault_errno; /* positive, 0 = none */
    uint16_t status;     /* 0 = no response */
    uint8_t version_major;
    uint8_t version_minor;
    uint16_t attempts; /* requests begun, replays included */
    uint16_t hops;     /* redirects followed */
    uint16_t remote_port;
    uint8_t remote_family; /* 4, 6, 1 = unix, 0 = never connected */
    uint8_t reserved;      /* zero */
    uint8_t remote_address[16];
    uint64_t wire_bytes; /* body as received, without framing */
    uint64_t body_bytes; /* body as handed to the sink */
    uint64_t batch_id;
    uint64_t t0_ns;     /* CLOCK_MONOTONIC: planned time, or acceptance */
    uint64_t queued_ns; /* offsets from t0_ns: left the queue, the attempt starts */
    uint64_t dns_ns;    /* address known */
    uint64_t connected_ns;
    uint64_t tls_ns;
    uint64_t sent_ns; /* first byte of the request handed to the kernel */
    uint64_t first_byte_ns;
    uint64_t last_byte_ns;
    uint64_t delivered_ns;
    uint64_t late_ns;       /* sent - planned, 0 without a planned time */
    uint64_t request_bytes; /* head and body sent */
    uint16_t message_bytes; /* after the struct: message, then content type */
    uint16_t content_type_bytes;
    uint32_t held_by;    /* enum wire_cap that held the item last, 0 = none */
    uint64_t attempt_ns; /* offset: the last attempt was begun; 0 when it was the first */
    uint32_t
        url_bytes; /* after the content type: the URL that answered, when redirects led there */
    uint32_t head_bytes;       /* of the heads received over all hops */
    uint16_t connect_status;   /* of a proxy's answer to this item's CONNECT; 0 = none was sent */
    uint8_t tls_version_bytes; /* after the URL: the last attempt's, as OpenSSL names them; */
    uint8_t tls_cipher_bytes;  /* both empty when it was not over TLS */
    uint8_t reserved2[4];      /* zero */
    uint64_t upload_bytes;     /* of the request's body, sent by the last attempt, unframed */
    uint32_t rtt_us;      /* smoothed, of the last attempt's connection; 0 = it was not asked */
    uint32_t retransmits; /* by its kernel, since that connection was asked before */
};
static_assert(sizeof(struct wire_result) == 200, "wire layout");

#define WIRE_RESULT_BYTES_MIN 192u /* as it first was: what a sender leaves out is 0 */

#define WIRE_RESULT_REUSED 0x01u    /* over a connection that had served before */
#define WIRE_RESULT_RESUMED 0x02u   /* TLS session resumed */
#define WIRE_RESULT_TRUNCATED 0x04u /* bytes of the body were delivered, then it failed */
#define WIRE_RESULT_DECODED 0x08u   /* a coding of the body was undone */
#define WIRE_RESULT_COMPLETE 0x10u  /* a response was received whole */
#define WIRE_RESULT_PROXIED 0x20u   /* the last attempt went through a proxy */

/* Which bound an item waited for. */
enum wire_cap {
    WIRE_CAP_NONE = 0,
    WIRE_CAP_CONCURRENCY = 1,           /* the batch's own concurrency */
    WIRE_CAP_PER_ORIGIN = 2,            /* the batch's connections per origin */
    WIRE_CAP_PER_ORIGIN_TOTAL = 3,      /* the daemon's ceiling per origin, over all batches */
    WIRE_CAP_CONNECTIONS = 4,           /* the daemon's MaxConnections= */
    WIRE_CAP_RATE = 5,                  /* the batch's own rate */
    WIRE_CAP_RATE_PER_ORIGIN = 6,       /* the batch's rate at each origin */
    WIRE_CAP_COOLING = 7,               /* the origin had asked to be left alone for a while */
    WIRE_CAP_RATE_PER_ORIGIN_TOTAL = 8, /* the daemon's RatePerOrigin=, over all batches */
    WIRE_CAP_COUNT
};

struct wire_batch_done {
    uint32_t fixed_bytes;
    uint32_t reserved;
    uint64_t items; /* accepted */
    uint64_t ok;
    uint64_t failed; /* cancelled ones included */
    uint64_t cancelled;
    uint64_t new_conns; /* items over a fresh connection */
    uint64_t reused_conns;
    uint64_t receives; /* this and the next three: of the whole daemon while the batch lasted */
    uint64_t starved;  /* receives that found no buffer and had to wait for one */
    uint64_t cq_overflows;
    uint64_t lost_completions;
};
static_assert(sizeof(struct wire_batch_done) == 88, "wire layout");

#define WIRE_BATCH_DONE_BYTES_MIN 56u /* likewise */

/* The daemon is stopping: nothing new is accepted, what runs is finished or failed. */
struct wire_goaway {
    uint32_t fixed_bytes;
    uint32_t reserved;
};
static_assert(sizeof(struct wire_goaway) == 8, "wire layout");

/* The last frame before the daemon closes a session that broke the protocol. The text follows. */
struct wire_error {
    uint32_t fixed_bytes;
    uint32_t code; /* enum wire_error_code */
    uint32_t message_bytes;
    uint32_t reserved;
};
static_assert(sizeof(struct wire_error) == 16, "wire layout");

enum wire_error_code {
    WIRE_ERROR_MALFORMED = 1,  /* a length or a count does not fit */
    WIRE_ERROR_TYPE = 2,       /* unknown frame type, or one that flows the other way */
    WIRE_ERROR_RESERVED = 3,   /* a reserved bit or field is set */
    WIRE_ERROR_UNKNOWN_ID = 4, /* a batch or a profile that does not exist */
    WIRE_ERROR_DUPLICATE = 5,  /* an item id or a batch id that is live already */
    WIRE_ERROR_SLOTS = 6,      /* more requests than slots */
    WIRE_ERROR_FDS = 7,        /* descriptors missing, surplus or over the quota */
    WIRE_ERROR_TIMEOUT = 8,    /* half a frame for too long */
    WIRE_ERROR_SLOW = 9,       /* results not read for too long */
    WIRE_ERROR_LIMIT = 10,     /* too many profiles or batches */
};

#endif
