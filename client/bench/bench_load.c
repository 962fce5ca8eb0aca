/*
 * bench_load.c - how many requests, and when each of them goes to the daemon.
 *
 * Open loop: a request is handed over a little before its time, with that time in it, and the
 * daemon begins it then. So what this process does in between (reading results, being preempted)
 * moves no request. When no connection is free the request waits in the daemon, and its response
 * time runs: nothing is omitted. If even the slots are used up, requests are handed over after
 * their time; they count from it all the same, and the verdict says so.
 *
 * Closed loop: some more requests than connections are with the daemon, so that a connection that
 * becomes free has its next one at once.
 */
#include "bench_load.h"

#include "clock.h"
#include "units.h"
#include "why.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define DURATION_DEFAULT_NS (10 * NS_PER_SECOND)
#define AHEAD_NS UINT64_C(100000000)
#define AHEAD_REQUESTS_MAX 32768.0
#define BEGIN_NS UINT64_C(10000000) /* from the handing over of the first request to its time */
#define OUTPUT_MAX (256u << 10)     /* frames waiting for the daemon to read them */

bool bench_load_init(struct bench *bench, char **why)
{
    const struct options *options = bench->options;
    struct schedule_options schedule = { .ramp_ns = options->ramp_ns,
                                         .is_poisson = options->arrival == ARRIVAL_POISSON,
                                         .seed = clock_ns(CLOCK_MONOTONIC) };
    uint64_t rate_uhz = 0;

    if (options->bench_rate) {
        if (!units_parse_rate_uhz(span_of_string(options->bench_rate), &rate_uhz) || !rate_uhz)
            return why_fail(why, "--rate takes requests per second, as 100 or 20k, not '%s'",
                            options->bench_rate);
        bench->is_open_loop = true;
        bench->rate_per_s = (double)rate_uhz / 1e6;
        schedule.rate_per_s = bench->rate_per_s;
        schedule_init(&bench->schedule, &schedule);
    } else if (options->ramp_ns || schedule.is_poisson) {
        return why_fail(why, "--%s is for an open loop: add --rate",
                        options->ramp_ns ? "ramp" : "arrival");
    }
    bench->requests_max = options->requests_max ? options->requests_max : UINT64_MAX;
    bench->duration_ns = options->duration_ns    ? options->duration_ns
                         : options->requests_max ? UINT64_MAX
                                                 : DURATION_DEFAULT_NS;
    bench->lead_in_ns = options->ramp_ns + options->warm_up_ns;
    return true;
}

void bench_load_choose_window(struct bench *bench)
{
    double ahead_ns = AHEAD_REQUESTS_MAX / bench->rate_per_s * 1e9;

    bench->window = bench->plan.concurrency * 4;
    if (bench->window > WIRE_SLOTS_PER_SESSION)
        bench->window = WIRE_SLOTS_PER_SESSION;
    bench->ahead_ns = AHEAD_NS;
    if (bench->is_open_loop && ahead_ns < (double)AHEAD_NS)
        bench->ahead_ns = (uint64_t)ahead_ns;
}

void bench_load_start(struct bench *bench)
{
    bench->start_ns = clock_ns(CLOCK_MONOTONIC) + (bench->is_open_loop ? BEGIN_NS : 0);
    bench->measure_ns = bench->start_ns + bench->lead_in_ns;
    bench->end_ns =
        bench->duration_ns == UINT64_MAX ? UINT64_MAX : bench->measure_ns + bench->duration_ns;
    bench->give_up_ns = bench->end_ns == UINT64_MAX ? UINT64_MAX : bench->end_ns + BENCH_GRACE_NS;
    bench->lead_in.start_ns = bench->lead_in.end_ns = bench->start_ns;
    bench->tally.start_ns = bench->tally.end_ns = bench->measure_ns;
    progress_init(&bench->progress, bench->start_ns,
                  bench->say->wants_notes && bench->say->is_terminal);
    if (bench->is_open_loop)
        bench->next_ns = bench->start_ns + schedule_next(&bench->schedule);
}

/* ---- handing over ---- */

const struct bench_request *bench_request_of(const struct bench *bench, uint64_t number)
{
    return &bench->list.requests[(number - 1) % bench->list.count];
}

/* One more; false when it cannot be now. */
static bool send_one(struct bench *bench, uint64_t planned_ns)
{
    const struct bench_request *request = bench_request_of(bench, bench->sent + 1);
    struct message_request message = request->message;
    bool is_large = message.fixed.flags & WIRE_REQUEST_BODY_FD;
    struct client_request_fds fds = { .body = is_large ? bench->plan.large_body.fd : -1,
                                      .file = -1 };
    size_t bytes = message_request_bytes(&message);

    if (!client_has_room(&bench->client, bytes) || bench->client.output.bytes > OUTPUT_MAX)
        return false;
    message.fixed.planned_ns = planned_ns;
    if (client_request(&bench->client, bench->sent + 1, &message, &fds) < 0)
        return false;
    bench->sent++;
    return true;
}

static void submit_open(struct bench *bench, uint64_t at_ns)
{
    bench->is_held = false;
    while (bench->next_ns < bench->end_ns && bench->sent < bench->requests_max) {
        if (bench->next_ns > at_ns + bench->ahead_ns)
            return;
        if (!send_one(bench, bench->next_ns)) {
            bench->is_held = true;
            bench->slots_exhausted |=
                bench->next_ns <= at_ns && bench->client.slots_used >= bench->client.slots;
            return;
        }
        bench->planned += bench->next_ns >= bench->measure_ns;
        bench->next_ns = bench->start_ns + schedule_next(&bench->schedule);
    }
    /* So many requests at this rate were to be over before the next one's time. */
    if (bench->next_ns < bench->end_ns)
        bench->end_ns = bench->next_ns;
    bench->is_stopped = true;
}

static void submit_closed(struct bench *bench, uint64_t at_ns)
{
    if (at_ns >= bench->end_ns || bench->sent >= bench->requests_max) {
        bench->is_stopped = true;
        if (at_ns >= bench->end_ns)
            (void)client_cancel_waiting(&bench->client, PLAN_BATCH_ID); /* they would just run */
        return;
    }
    while (bench->sent - bench->ended < bench->window && bench->sent < bench->requests_max)
        if (!send_one(bench, 0))
            break;
}

void bench_load_submit(struct bench *bench, uint64_t at_ns)
{
    if (bench->is_stopped)
        return;
    if (bench->is_open_loop)
        submit_open(bench, at_ns);
    else
        submit_closed(bench, at_ns);
}

uint64_t bench_load_turn_ns(const struct bench *bench)
{
    if (!bench->is_open_loop)
        return bench->end_ns;
    return bench->is_held ? UINT64_MAX : bench->next_ns - bench->ahead_ns / 2;
}

void bench_load_plan_rest(struct bench *bench)
{
    uint64_t from_ns = bench->next_ns > bench->measure_ns ? bench->next_ns : bench->measure_ns;
    double rest = (double)(bench->end_ns - from_ns) / 1e9 * bench->rate_per_s;
    uint64_t most = bench->requests_max - bench->sent;

    bench->planned += rest < (double)most ? (uint64_t)rest : most;
}
