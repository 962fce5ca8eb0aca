/*
 * progress.c - one line. The ETA assumes that the rest goes as fast as what is done.
 */
#include "progress.h"

#include "units.h"

#define ETA_MAX_S 1e9 /* what fits in nanoseconds; nobody waits that long */

void progress_init(struct progress *progress, uint64_t start_ns, bool is_wanted)
{
    *progress = (struct progress){
        .start_ns = start_ns,
        .next_ns = is_wanted ? start_ns + PROGRESS_AFTER_NS : UINT64_MAX,
    };
}

static void put_count(struct text *out, const struct progress_state *state)
{
    text_put_u64(out, state->done);
    if (state->total) {
        text_put_char(out, '/');
        text_put_u64(out, state->total);
    }
    text_put_literal(out, "   ");
}

static void put_failed(struct text *out, const struct progress_state *state)
{
    text_put_format(out, "   %llu failed", (unsigned long long)state->failed);
}

static void put_eta(struct text *out, uint64_t rest, double per_second)
{
    double rest_s = per_second > 0 ? (double)rest / per_second : 0;
    char eta[UNITS_TEXT_BYTES];

    if (rest_s > 0 && rest_s < ETA_MAX_S)
        text_put_format(out, "   ETA %s",
                        units_format_duration((uint64_t)(rest_s * 1e9), eta, sizeof(eta)));
}

static double per_second(uint64_t count, uint64_t spent_ns)
{
    return spent_ns ? (double)count * 1e9 / (double)spent_ns : 0;
}

static void put_items(struct text *out, const struct progress_state *state, uint64_t spent_ns)
{
    double rate = per_second(state->done, spent_ns);
    char text[UNITS_TEXT_BYTES];

    put_count(out, state);
    text_put_format(out, "%s/s", units_format_count(rate, text, sizeof(text)));
    put_failed(out, state);
    put_eta(out, state->total > state->done ? state->total - state->done : 0, rate);
}

/* A body can be longer than its header says: then it fails, but not here. */
static void put_body(struct text *out, const struct progress_state *state, uint64_t spent_ns)
{
    char text[UNITS_TEXT_BYTES], size[UNITS_TEXT_BYTES];
    uint64_t bytes = state->body_bytes;
    double rate = per_second(state->bytes, spent_ns);

    if (state->total != 1)
        put_count(out, state);
    if (state->body_size && bytes <= state->body_size)
        text_put_format(out, "%u%%   %s of %s",
                        (unsigned)((double)bytes * 100 / (double)state->body_size),
                        units_format_bytes(bytes, text, sizeof(text)),
                        units_format_bytes(state->body_size, size, sizeof(size)));
    else
        text_put_format(out, "%s in %s", units_format_bytes(state->bytes, text, sizeof(text)),
                        units_format_duration(spent_ns, size, sizeof(size)));
    text_put_format(out, "   %s/s", units_format_bytes((uint64_t)rate, text, sizeof(text)));
    put_eta(out, state->body_size > bytes ? state->body_size - bytes : 0, rate);
    if (state->total != 1)
        put_failed(out, state);
}

void progress_write(struct progress *progress, struct text *out, const struct progress_state *state,
                    uint64_t now_ns)
{
    progress->next_ns = now_ns + PROGRESS_EVERY_NS;
    (state->shows_body ? put_body : put_items)(out, state, now_ns - progress->start_ns);
}
