/*
 * control_call.h - one Varlink call to the daemon that commands would use, and its answer.
 */
#ifndef HAUL_CONTROL_CALL_H
#define HAUL_CONTROL_CALL_H

#include "exits.h"
#include "options.h"
#include "say.h"

#include <yyjson.h>

struct control_answer {
    yyjson_doc *doc;        /* owned */
    yyjson_val *parameters; /* an object of it */
};

/* What no verb that looks at a running daemon takes: words, --private. EXITS_OK, or how to exit. */
enum exit_code control_check(const struct options *options, struct say *say);

/* Connects to the daemon that commands would use. A socket, or -1, and then the user knows why. */
int control_connect(const struct options *options, struct say *say);

/* Takes what the daemon answered; doc is owned from here on, NULL: it was no JSON. EXITS_OK with
 * *ret_answer, or how to exit, and then the user knows why. */
enum exit_code control_take(struct say *say, yyjson_doc *doc, struct control_answer *ret_answer);

/* One call on fd, which stays the caller's: as control_call. */
enum exit_code control_ask(int fd, struct say *say, const char *method, yyjson_mut_doc *doc,
                           yyjson_mut_val *parameters, struct control_answer *ret_answer);

/* For verbs that take no words. parameters is an object of doc; both may be NULL. EXITS_OK with
 * *ret_answer, or how to exit, and then the user knows why. Never starts a daemon. */
enum exit_code control_call(const struct options *options, struct say *say, const char *method,
                            yyjson_mut_doc *doc, yyjson_mut_val *parameters,
                            struct control_answer *ret_answer);

void control_answer_deinit(struct control_answer *answer);

#endif
