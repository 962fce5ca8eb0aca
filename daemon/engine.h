/*
 * engine.h - one per loop: attempts in, results out.
 */
#ifndef HAULD_ENGINE_H
#define HAULD_ENGINE_H

#include "exchange.h"
#include "table.h"

struct engine_options {
    struct pool_options pool;
    struct response_limits limits;
    unsigned exchanges_max;
    unsigned per_origin_total_max;     /* 0 = none */
    uint64_t rate_per_origin_uhz;      /* over all batches; 0 = none */
    unsigned rate_burst;               /* of that; 0 = bucket_burst */
    const struct governor_rule *rules; /* of single origins; see governor_options */
    unsigned rules_count;
    unsigned idle_origins_max; /* remembered for a rate or a cool-down; > 0 */
    uint64_t sink_timeout_ns;
};

struct engine {
    struct ring *ring;
    struct pool pool;
    struct governor governor;
    struct timer governor_timer; /* armed iff time lets something go */
    struct slab exchanges;
    struct table by_id;
    struct response_limits limits;
    struct exchange_env env;
    struct mailbox_front front;
    struct engine_counters {
        uint64_t started;
        uint64_t finished;
    } counters;
};

/* front and what it points to outlive the engine. writer may be NULL when no attempt goes to a
 * file. */
int engine_init(struct engine *engine, struct ring *ring, struct timers *timers,
                struct resolve *resolve, struct writer *writer,
                const struct engine_options *options, const struct mailbox_front *front);
void engine_deinit(struct engine *engine);

/* From now on: rates, connections and rules of origins, the idle timeout of pool, the timeout of
 * sinks. The rest of options stays as it was. */
void engine_change(struct engine *engine, const struct engine_options *options);

/* The table by which a front talks to this engine. */
struct mailbox_engine engine_mailbox(struct engine *engine);

/* No new connection is kept; over when engine_is_closed. Attempts are the front's to cancel. */
void engine_close(struct engine *engine);
bool engine_is_closed(const struct engine *engine);

/* What an attempt is doing; PHASE_NONE when there is none of this id. */
enum phase engine_phase(const struct engine *engine, uint64_t id);

void engine_check(const struct engine *engine);

#endif
