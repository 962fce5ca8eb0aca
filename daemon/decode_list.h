/*
 * decode_list.h - which codings a body is in, as Content-Encoding says (RFC 9110 section 8.4).
 *
 * Pure. Values are read in whatever pieces they come and are not kept: a list is a few bytes,
 * nothing to free. Known are gzip and x-gzip, deflate, br, zstd; identity (and curl's "none") is
 * no coding. Names have no case; white space around them and empty elements mean nothing; anything
 * else in an element (parameters, quotes, inner spaces) makes it unknown.
 */
#ifndef HAULD_DECODE_LIST_H
#define HAULD_DECODE_LIST_H

#include "span.h"

#define DECODE_CODINGS_MAX 3u

/* What a request may say in Accept-Encoding when its answer will be decoded. */
#define DECODE_ACCEPT_ENCODING "gzip, deflate, br, zstd"

enum decode_coding {
    DECODE_UNKNOWN,
    DECODE_IDENTITY,
    DECODE_GZIP,
    DECODE_DEFLATE,
    DECODE_BROTLI,
    DECODE_ZSTD,
    DECODE_CODING_COUNT
};

#define DECODE_NAME_BYTES_MAX 8u

struct decode_list {                     /* starts as zero */
    uint8_t codings[DECODE_CODINGS_MAX]; /* enum decode_coding, in the order they were applied;
                                            never DECODE_IDENTITY */
    uint8_t count;                       /* DECODE_CODINGS_MAX + 1: that many or more */
    uint8_t name_bytes;                  /* of the element being read; one above the limit: no
                                            coding has this name */
    bool name_has_ended;                 /* white space was seen behind it */
    char name[DECODE_NAME_BYTES_MAX];
};

enum decode_list_verdict {
    DECODE_LIST_PLAIN,    /* nothing to decode */
    DECODE_LIST_CODED,    /* decode_new can undo it */
    DECODE_LIST_UNKNOWN,  /* a coding that is not known; what to do with it is the caller's choice.
                             curl --compressed fails (61) at the first byte of such a body and
                             accepts an empty one */
    DECODE_LIST_TOO_MANY, /* known or not: FAULT_HTTP_ENCODING */
};

/* The next piece of a field's value; then the end of the value. A further field's value goes on
 * where the last one ended, as if joined by a comma. */
void decode_list_feed(struct decode_list *list, struct span piece);
void decode_list_end_value(struct decode_list *list);

/* Between two values. *ret_why (static, one clause) is set with UNKNOWN and TOO_MANY. */
enum decode_list_verdict decode_list_judge(const struct decode_list *list, const char **ret_why);

void decode_list_check(const struct decode_list *list);

#endif
