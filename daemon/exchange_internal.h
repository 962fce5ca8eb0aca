/*
 * exchange_internal.h - what the files of the exchange share.
 *
 * exchange.c has the states and the response's half, exchange_send.c the request's, and
 * exchange_limits.c the time that either may take. Nobody else includes this.
 */
#ifndef HAULD_EXCHANGE_INTERNAL_H
#define HAULD_EXCHANGE_INTERNAL_H

#include "exchange.h"

/* exchange.c */
void exchange_fail(struct exchange *x, enum fault_code code, enum phase phase, int error,
                   const char *why);
void exchange_fail_with(struct exchange *x, const struct fault *fault);

/* exchange_limits.c */
void exchange_set_deadline(struct exchange *x, uint64_t deadline_ns);
void exchange_on_timer(struct timer *timer, uint64_t now_ns);

/* exchange_send.c; OPEN, unless said otherwise. */
void exchange_send_head(struct exchange *x);
/* Time is up. True if it was only for the body to wait. */
bool exchange_ends_wait(struct exchange *x);
/* 100 (Continue) has come. */
void exchange_on_continue(struct exchange *x);
/* No byte was read that cannot be read again. */
bool exchange_can_be_repeated(const struct exchange *x);
/* The head of the final response has come. */
void exchange_on_final_status(struct exchange *x);
void exchange_on_conn_sent(void *ctx, struct conn *conn, uint64_t sent_ns);
/* The next step is neither the server's nor ours: no silence of theirs counts. */
bool exchange_is_held_up(const struct exchange *x);
/* True: nothing is being read for the request; else later follows when that is so. */
bool exchange_stop_reading(struct exchange *x);
void exchange_forget_source(struct exchange *x); /* DONE */

#endif
