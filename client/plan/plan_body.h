/*
 * plan_body.h - -d and its kin: the body, or with -G the query, that all requests share.
 */
#ifndef HAUL_PLAN_BODY_H
#define HAUL_PLAN_BODY_H

#include "plan.h"

/* Larger ones are passed by a descriptor. */
#define PLAN_BODY_FRAME_MAX (WIRE_FRAME_BYTES_MAX - (256u << 10))
#define PLAN_BODY_BYTES_MAX (1ull << 30) /* of what is read into memory */
#define PLAN_BODY_TOO_LARGE "more than 1 GiB; -T sends a file of any size"

/* Reads the files that are named and fills body and has_body. False: *ret_why is one line for the
 * user, malloc'd. */
bool plan_build_body(struct plan *plan, const struct options *options, char **ret_why);

/* How the bodies travel, when all of them are known: those too large for a frame, or which are to
 * wait for 100 (Continue), by descriptor. */
bool plan_place_bodies(struct plan *plan, char **ret_why);

bool plan_has_large_body(const struct plan *plan);

/* Gives a request without a body of its own that of -T (NULL = none) or of -d and its kin, if there
 * is one. What is to go by descriptor then, or NULL. */
const struct large_body *plan_give_body(const struct plan *plan, const struct plan_upload *upload,
                                        struct message_request *request);

/* The file that a part is read from, "-" = standard input; NULL when it is the text itself. */
const char *plan_data_file(const struct data_part *part);

/* Appends value; all but unreserved characters (RFC 3986 section 2.3) as %XX. */
void plan_put_percent_encoded(struct text *text, struct span value);

/* "-d", "--json", ... */
const char *plan_data_flag(enum data_kind kind);

#endif
