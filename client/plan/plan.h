/*
 * plan.h - what all requests of one command share: the profile, method, body and query.
 *
 * Options and the files they name in, wire form out. What curl's users expect of -d, -G, --json,
 * -H 'Name:' and the like is decided here, once; the daemon gets fields and bytes.
 */
#ifndef HAUL_PLAN_H
#define HAUL_PLAN_H

#include "large_body.h"
#include "message.h"
#include "netrc.h"
#include "options.h"
#include "text.h"

#define PLAN_PROFILE_ID 1u
#define PLAN_BATCH_ID 1u

#define PLAN_BATCH_TIMEOUT_NS 300000000000ull /* of an item, when -m does not say */
#define PLAN_INLINE_BYTES_MAX (64ull << 20)   /* of a body that goes into a record */
#define PLAN_CONCURRENCY 100u                 /* of batch, when -c does not say */

/* Which bodies wait for 100 (Continue). */
enum plan_expect {
    PLAN_EXPECT_LARGE,  /* those of more than 1 MiB, or of unknown length */
    PLAN_EXPECT_NEVER,  /* -H 'Expect:' */
    PLAN_EXPECT_ALWAYS, /* -H 'Expect: 100-continue' */
};

struct plan {
    struct text fields;       /* wire form: user's fields and the defaults they left */
    struct text header_lines; /* all of -H, files too, each ended by NUL */
    struct text pins;
    struct text body; /* unless it is large */
    struct large_body large_body;
    enum plan_expect expect;
    struct text query;     /* of -G, without '?' */
    struct text part_etag; /* of -C with --etag-compare; empty = not known */
    struct text unix_path; /* absolute */
    struct text cookies;   /* COOKIE frames for the batch's jar */
    uint32_t batch_flags;  /* of BATCH_BEGIN */
    struct text ca_pem;
    struct text cert_pem;
    struct text key_pem;
    struct text proxy_http; /* URLs */
    struct text proxy_https;
    struct span no_proxy;
    struct span interface;
    uint16_t field_count;
    uint16_t pin_count;
    bool has_body;
    struct plan_upload *uploads; /* owned; of -T, in its order */
    size_t uploads_count;
    bool upload_is_for_all; /* of a batch */
    struct span method;     /* empty = GET */
    enum wire_body_mode body_mode;
    bool wants_head;
    bool has_authorization; /* the user's own: user:password in a URL and netrc yield */
    struct netrc netrc;     /* looked up by host for each item */
    char *note;             /* one line that the user should know; NULL = none; owned */
    struct wire_profile profile;
    enum hash_kind hash;               /* of every body; an item may expect one of another kind */
    char expect_hash[HASH_TEXT_BYTES]; /* "" = none */
    uint32_t concurrency;
    uint32_t max_per_origin;
    uint64_t rate_uhz; /* requests in 10^6 s; 0 = no limit */
    uint64_t rate_per_origin_uhz;
};

/* False: *ret_why is one line for the user, malloc'd. options must outlive the plan. */
bool plan_init(struct plan *plan, const struct options *options, char **ret_why);
void plan_deinit(struct plan *plan);

/* Asks for the header of each response, whatever the flags say. */
void plan_want_heads(struct plan *plan);

/* The PROFILE frame; 0, or -ENOMEM. */
int plan_write_profile(const struct plan *plan, struct text *frame);

/* Appends one field in wire form. */
void plan_put_field(struct text *fields, struct span name, struct span value);

/* Adds a field of the profile. */
void plan_add_field(struct plan *plan, struct span name, struct span value);

/* The same, unless an -H line has set, emptied or removed it. */
void plan_add_unless_named(struct plan *plan, const char *name, struct span value);

/* "Basic ..." of decoded user and password. */
void plan_put_basic(struct text *value, struct span user, struct span password);

#endif
