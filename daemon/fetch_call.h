/*
 * fetch_call.h - one io.haul.Fetch.Get: what a script asks for, and what it is answered.
 *
 * Pure. The call becomes the frames that a stream's client would send for the same fetch, so that
 * no limit and no check is made twice; head and body are gathered here until the item has ended.
 */
#ifndef HAULD_FETCH_CALL_H
#define HAULD_FETCH_CALL_H

#include "block.h"
#include "message.h"
#include "varlink.h"

/* Of one answer, whose base64 leaves room for the rest of a Varlink message. */
#define FETCH_CALL_BODY_BYTES_MAX ((size_t)720 << 10)
#define FETCH_CALL_TIMEOUT_NS UINT64_C(300000000000) /* of a call that names none */
#define FETCH_CALL_REDIRECTS_MAX 10u                 /* likewise */

struct fetch_call {
    bool is_oneway; /* nobody waits for the answer */
    bool has_no_memory;
    struct block *profile_bytes;
    struct block *request_bytes;
    struct frame profile; /* PROFILE and REQUEST, in those: profile 1, batch 1, item 1 */
    struct frame request;
    struct span url;      /* in the latter */
    struct block *fields; /* of the last head, as wire_field; NULL: none */
    char *body;
    size_t body_bytes;
    size_t body_capacity;
};

/* The definition of the interface. */
extern const char fetch_call_description[];

/* The method. Refuses the call by a parameter, or leaves a struct fetch_call pending. */
void fetch_call_on_get(void *ctx, const struct varlink_call *call, struct varlink_reply *reply);
void fetch_call_free(struct fetch_call *call);

/* What comes of the item. A lack of memory is remembered and becomes the answer. */
void fetch_call_take_head(struct fetch_call *call, struct span fields);
void fetch_call_take_body(struct fetch_call *call, struct span body);
void fetch_call_forget_body(struct fetch_call *call); /* another attempt begins */

/* The reply, malloc'd, with its NUL, at most WIRE_VARLINK_BYTES_MAX; NULL when out of memory. */
char *fetch_call_answer(const struct fetch_call *call, const struct message_result *result,
                        size_t *ret_bytes);

/* Of one that has not become an item. */
struct message_result fetch_call_failure(enum fault_code code);

/* fetch_call_answer.c: the parameters of io.haul.Fetch.Failed. */
yyjson_mut_val *fetch_call_write_failure(yyjson_mut_doc *doc, const struct message_result *result);
#define FETCH_CALL_FAILED "io.haul.Fetch.Failed"

#endif
