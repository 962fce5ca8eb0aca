/*
 * progress.c - one line. The ETA assumes that the rest goes as fast as what is done.
 */
#include "progress.h"

#include "units.h"

void progress_init(struct progress *progress, uint64_t start_ns, bool is_wanted)
{
    *progress = (struct progress){
        .start_ns = start_ns,
        .next_ns = is_wanted ? start_ns + PROGRESS_AFTER_NS : UINT64_MAX,
    };
}

static void progress_put_bytes(struct text *out, uint64_t bytes, uint64_t spent_ns)
{
    char size[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];
    uint64_t per_second = spent_ns ? (uint64_t)((double)bytes * 1e9 / (double)spent_ns) : 0;

    text_put_format(out, "   %s   %s/s", units_format_bytes(bytes, size, sizeof(size)),
                    units_format_bytes(per_second, rate, sizeof(rate)));
}

void progress_write(struct progress *progress, struct text *out, const struct progress_state *state,
                    uint64_t now_ns)
{
    char rate[UNITS_TEXT_BYTES], eta[UNITS_TEXT_BYTES];
    uint64_t spent_ns = now_ns - progress->start_ns;
    double per_second = spent_ns ? (double)state->done * 1e9 / (double)spent_ns : 0;

    progress->next_ns = now_ns + PROGRESS_EVERY_NS;
    text_put_u64(out, state->done);
    if (state->total) {
        text_put_char(out, '/');
        text_put_u64(out, state->total);
    }
    if (state->has_bytes)
        progress_put_bytes(out, state->bytes, spent_ns);
    else
        text_put_format(out, "   %s/s", units_format_count(per_second, rate, sizeof(rate)));
    text_put_format(out, "   %llu failed", (unsigned long long)state->failed);
    if (state->total > state->done && per_second > 0) {
        double rest_ns = (double)(state->total - state->done) / per_second * 1e9;

        text_put_format(out, "   ETA %s",
                        units_format_duration((uint64_t)rest_ns, eta, sizeof(eta)));
    }
}
