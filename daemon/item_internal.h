/*
 * item_internal.h - what the files of the item share.
 *
 * item.c has the states, item_attempt.c makes attempts of an item, item_outcome.c judges what came
 * of one, item_retry.c tries again, item_cookies.c asks the jar. Nobody else includes this.
 */
#ifndef HAULD_ITEM_INTERNAL_H
#define HAULD_ITEM_INTERNAL_H

#include "item.h"

#include "batch.h"

static inline struct item *item_of_attempt(uint64_t id)
{
    return (struct item *)(uintptr_t)id;
}

/* As the client gave it; its url may be where redirects led. */
static inline struct span item_first_url(const struct item *item)
{
    return span_of(item->first_url, item->fixed.url_bytes);
}

/* item.c: the result is known. */
void item_conclude(struct item *item);

/* item_attempt.c: hands the next attempt to the engine, or concludes the item when it cannot be
 * sent. The item is ACTIVE. */
void item_begin_attempt(struct item *item);

/* item_attempt.c: the same for one that has asked before, at its batch's rate: now, or HELD until
 * then. ACTIVE or PAUSED. */
void item_begin_again(struct item *item);

/* Where its body goes. */
enum attempt_sink item_sink(const struct item *item);

/* item_cookies.c. What a request to url takes along from the jar of its batch, which has one; valid
 * until the jar is used again, and left as it is when that is nothing. 0 or -ENOMEM. */
struct url;
int item_find_cookie(const struct item *item, const struct url *url, struct span *ret_value);
/* What an answer to item->url sets (attempt_result). */
void item_take_cookies(struct item *item, struct span set_cookies);

/* item_outcome.c: the body of its request is there as it was for the first attempt. */
bool item_can_send_again(const struct item *item);

/* item_retry.c: an attempt is over. Pauses the item until it is tried again, or returns false. */
bool item_retry(struct item *item, const struct attempt_result *result);
void item_on_pause(struct timer *timer, uint64_t now_ns);

/* item.c: a legal step. */
void item_enter(struct item *item, enum item_state next);

/* item_outcome.c: an attempt is over (mailbox_front.done). */
void item_on_done(void *ctx, uint64_t id, const struct attempt_result *result);

/* item_log.c: its origin asks for a pause. */
void item_log_pause(const struct item *item, uint64_t until_ns);

#endif
