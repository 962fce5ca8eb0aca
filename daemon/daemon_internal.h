/*
 * daemon_internal.h - what the files of daemon share.
 *
 * daemon.c builds the graph and runs the loop, daemon_stop.c ends it, daemon_reload.c changes its
 * settings, daemon_service.c tells the service manager, daemon_describe.c tells clients. Nobody
 * else includes this.
 */
#ifndef HAULD_DAEMON_INTERNAL_H
#define HAULD_DAEMON_INTERNAL_H

#include "daemon.h"

/* What the engine is told of the settings; also fills the rules that it points to. */
struct engine_options daemon_engine_options(struct daemon *daemon);

/* Reads the settings again. False: they are bad, and all is as it was. */
bool daemon_reload(struct daemon *daemon, struct config_trouble *ret_trouble);

/* The first time what runs may go on for DrainTime=, the second time it may not. */
void daemon_ask_to_stop(struct daemon *daemon);
void daemon_init_stop(struct daemon *daemon);
void daemon_stop(struct daemon *daemon);       /* what runs is cancelled; over in a second */
void daemon_watch_idle(struct daemon *daemon); /* a client has come or gone: see IdleExit= */

/* Tells the service manager READY=1 and, as often as it wants, that the loop turns. */
void daemon_init_service(struct daemon *daemon);
void daemon_tell_ready(struct daemon *daemon);
void daemon_tell_stopping(struct daemon *daemon);
void daemon_tell_reloading(struct daemon *daemon);

/* For control_ops. */
char *daemon_metrics(void *ctx, bool is_open, size_t *ret_bytes);
void daemon_describe(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *out);
void daemon_describe_origins(void *ctx, yyjson_mut_doc *doc, yyjson_mut_val *out);
void daemon_describe_inflight(void *ctx, const struct control_inflight *wanted, yyjson_mut_doc *doc,
                              yyjson_mut_val *out);

#endif
