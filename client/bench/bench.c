/*
 * bench.c - the loop of a latency run: results in, until the end that bench_load.c or the clock
 * brings.
 *
 * How long a request of a closed loop had waited with the daemon says nothing about the server and
 * is left out: the times of a closed loop begin when a request leaves the queue.
 *
 * At the end by the clock nothing is cut off that had begun: what still waits is taken back
 * (CANCEL of what waits), what runs has a few seconds to end. What then still runs is cancelled,
 * and counts as failed, with the time that it took so far. Otherwise a server that stops answering
 * would look better the longer it is silent.
 */
#include "bench_load.h"

#include "clock.h"
#include "interrupt.h"

#include <errno.h>
#include <stdlib.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define CONNECTIONS_DEFAULT 50u
#define LATE_NS UINT64_C(1000000)
#define NAP_NS UINT64_C(500000)
#define NAP_RESULTS_MIN 4u

static void bench_set_handlers(struct bench *bench);

bool bench_init(struct bench *bench, const struct options *options, struct say *say, char **ret_why)
{
    bool has_report = options->report.count || options->save || options->format;
    const struct tally_options kept = { .has_series = has_report,
                                        .has_waterfall = has_report,
                                        .by = options->by };

    *bench = (struct bench){ .options = options, .say = say, .client.fd = -1 };
    bench->reach.daemon = PRIVATE_DAEMON_NONE;
    tally_init(&bench->lead_in, 0, NULL);
    tally_init(&bench->tally, 0, &kept);
    bench_set_handlers(bench);
    if (!plan_init(&bench->plan, options, ret_why) || !bench_load_init(bench, ret_why))
        return false;
    if (!options->concurrency)
        bench->plan.concurrency = CONNECTIONS_DEFAULT;
    if (!bench->plan.max_per_origin)
        bench->plan.max_per_origin = bench->plan.concurrency;
    bench_load_choose_window(bench);
    return bench_list_read(&bench->list, options, &bench->plan, ret_why);
}

void bench_deinit(struct bench *bench)
{
    tally_deinit(&bench->lead_in);
    tally_deinit(&bench->tally);
    bench_list_deinit(&bench->list);
    plan_deinit(&bench->plan);
    text_deinit(&bench->line);
    reach_close(&bench->reach, &bench->client);
}

/* ---- results ---- */

/* A closed loop knows no waiting before a request: what there is is our lookahead. Its one clock is
 * service, and what looks for response (bounds, plotters' files, compare) finds that. */
static void forget_queue(struct outcome *o, struct wire_result *result)
{
    uint64_t queue_ns = o->timing.phase_ns[0];

    o->timing.phase_ns[0] = 0;
    o->timing.response_ns =
        o->timing.service_ns ? o->timing.service_ns : o->timing.response_ns - queue_ns;
    result->t0_ns += queue_ns;
    result->held_by = WIRE_CAP_NONE;
}

/* From its time to its leaving, unless it had to wait for a connection. */
static void bench_record_lateness(struct bench *bench, const struct outcome *o)
{
    uint64_t late_ns = o->timing.phase_ns[PHASE_QUEUE - PHASE_QUEUE] +
                       o->timing.phase_ns[PHASE_SEND - PHASE_QUEUE];

    if (o->result->held_by == WIRE_CAP_NONE && o->result->sent_ns != WIRE_NOT_REACHED)
        if (histogram_record(&bench->tally.lateness, late_ns) < 0)
            bench->tally.failed_memory = true;
}

static bool was_not_begun(const struct bench *bench, const struct wire_result *result)
{
    return bench->is_stopped && result->fault == FAULT_CANCELLED_CLIENT &&
           result->fault_phase == PHASE_QUEUE && result->attempts == 0;
}

/* The last ones may leave that much after the end: they are late, but no part of the rate was
 * missed. Of a run of a few milliseconds they would be a large part. */
static bool was_begun_in_time(const struct bench *bench, const struct wire_result *result)
{
    return result->sent_ns != WIRE_NOT_REACHED &&
           (bench->end_ns == UINT64_MAX ||
            result->t0_ns + result->sent_ns <= bench->end_ns + LATE_NS);
}

static void bench_take(struct bench *bench, struct outcome *o, struct wire_result *result)
{
    bool is_measured;

    if (!bench->is_open_loop)
        forget_queue(o, result);
    is_measured = result->t0_ns >= bench->measure_ns;
    tally_add(is_measured ? &bench->tally : &bench->lead_in, o);
    if (!is_measured)
        return;
    if (was_begun_in_time(bench, result))
        bench->begun_in_time++;
    if (bench->is_open_loop)
        bench_record_lateness(bench, o);
}

static void bench_on_result(void *ctx, uint64_t id, const struct message_result *message)
{
    struct bench *bench = ctx;
    const struct bench_request *request;
    struct wire_result result = message->fixed;
    struct outcome o = { .number = id, .result = &result, .message = message->message };

    if (id == 0 || id > bench->sent)
        return; /* not one of ours */
    request = bench_request_of(bench, id);
    client_release(&bench->client, message_request_bytes(&request->message));
    bench->ended++;
    bench->results_count++;
    if (was_not_begun(bench, &result) && (!bench->is_open_loop || bench->is_interrupted)) {
        bench->not_begun++;
        if (bench->is_open_loop && result.t0_ns >= bench->measure_ns)
            bench->planned--;
        return;
    }
    o.url = request->url;
    o.method = request->message.method;
    o.is_ok = result.fault == FAULT_NONE;
    o.fault = (struct fault){ .code = result.fault,
                              .phase = result.fault_phase,
                              .error = result.fault_errno };
    if (!o.is_ok && !o.message.bytes)
        o.message = span_of_string(fault_message(o.fault.code));
    timing_of_result(&result, &o.timing);
    bench_take(bench, &o, &result);
}

static void bench_on_head(void *ctx, uint64_t id, const struct message_head *head,
                          size_t window_bytes)
{
    struct bench *bench = ctx;

    (void)id;
    (void)head;
    client_consume(&bench->client, window_bytes);
}

static void bench_on_data(void *ctx, uint64_t id, uint8_t flags, struct span body,
                          size_t window_bytes)
{
    struct bench *bench = ctx;

    (void)id;
    (void)flags;
    (void)body;
    client_consume(&bench->client, window_bytes);
}

static void bench_on_batch_done(void *ctx, uint64_t id, const struct wire_batch_done *done)
{
    struct bench *bench = ctx;

    (void)id; /* there is one */
    tally_add_batch(&bench->tally, done);
    bench->is_batch_done = true;
}

static void bench_on_other(void *ctx, uint64_t id)
{
    (void)ctx;
    (void)id;
}

static void bench_on_goaway(void *ctx)
{
    struct bench *bench = ctx;

    bench->tally.daemon.is_lost |= !bench->is_stopped;
    bench->is_stopped = true;
}

static void bench_set_handlers(struct bench *bench)
{
    bench->handlers = (struct client_handlers){ .ctx = bench,
                                                .on_head = bench_on_head,
                                                .on_data = bench_on_data,
                                                .on_result = bench_on_result,
                                                .on_batch_done = bench_on_batch_done,
                                                .on_pong = bench_on_other,
                                                .on_goaway = bench_on_goaway };
}

static bool bench_begin(struct bench *bench, enum exit_code *ret_exit)
{
    struct wire_batch_begin batch = { .concurrency = bench->plan.concurrency,
                                      .max_per_origin = bench->plan.max_per_origin };
    int r;

    *ret_exit = reach_open(&bench->reach, &bench->client, &bench->handlers, bench->options, true,
                           bench->say);
    if (*ret_exit != EXITS_OK)
        return false;
    r = plan_write_profile(&bench->plan, &bench->client.output);
    if (r == 0)
        r = client_begin_batch(&bench->client, PLAN_BATCH_ID, &batch);
    if (r < 0)
        *ret_exit = EXITS_NO_MEMORY;
    return r == 0;
}

/* ---- the loop ---- */

static bool bench_has_all_results(const struct bench *bench)
{
    return bench->is_stopped && bench->ended == bench->sent;
}

static bool bench_is_over(const struct bench *bench)
{
    return bench->is_lost || (bench_has_all_results(bench) && bench->is_batch_done);
}

static void bench_give_up(struct bench *bench)
{
    if (!bench->is_stopped && bench->is_open_loop)
        bench_load_plan_rest(bench);
    bench->is_stopped = bench->is_given_up = true;
    if (client_is_open(&bench->client))
        (void)client_cancel_batch(&bench->client, PLAN_BATCH_ID); /* else it is over anyway */
}

/* BATCH_DONE follows the last result. A run without an end by time does not wait for ever for it.
 */
static void bench_end_batch(struct bench *bench, uint64_t at_ns)
{
    if (bench->is_stopped && !bench->is_batch_ended) {
        bench->is_batch_ended = true;
        (void)client_end_batch(&bench->client, PLAN_BATCH_ID); /* else we give up in the end */
    }
    if (bench->give_up_ns == UINT64_MAX && bench_has_all_results(bench))
        bench->give_up_ns = at_ns + BENCH_GRACE_NS;
}

static void bench_check_end(struct bench *bench, uint64_t at_ns)
{
    if (interrupt_is_pending() && !bench->is_interrupted) {
        interrupt_take();
        bench->is_interrupted = true;
        bench->is_stopped = true;
        if (client_is_open(&bench->client))
            (void)client_cancel_waiting(&bench->client, PLAN_BATCH_ID);
        bench->give_up_ns = at_ns + NS_PER_SECOND;
    }
    if (at_ns >= bench->give_up_ns && !bench->is_given_up) {
        bench_give_up(bench);
        bench->give_up_ns = at_ns + 2 * NS_PER_SECOND; /* for the results of that */
    } else if (at_ns >= bench->give_up_ns) {
        bench->is_lost = true;
    }
}

/* A daemon that stops may leave without its counters when it has nothing else for us. */
static void bench_lose(struct bench *bench)
{
    if (bench_has_all_results(bench)) {
        bench->is_batch_done = true;
        return;
    }
    say_error(bench->say, "%s", bench->client.why);
    bench->is_lost = true;
}

static bool bench_is_busy(const struct bench *bench)
{
    if (bench->is_open_loop)
        return bench->results_count >= NAP_RESULTS_MIN && !bench->is_given_up;
    return bench->results_count >= NAP_RESULTS_MIN && !bench->is_stopped &&
           bench->sent - bench->ended > bench->plan.concurrency + 2 * bench->results_count;
}

static uint64_t bench_timeout_ns(const struct bench *bench, uint64_t at_ns)
{
    uint64_t turn_ns = bench_load_turn_ns(bench);
    uint64_t due_ns = bench->progress.next_ns;

    if (!bench->is_stopped && turn_ns < due_ns)
        due_ns = turn_ns;
    if (bench->give_up_ns < due_ns)
        due_ns = bench->give_up_ns;
    if (due_ns == UINT64_MAX)
        return UINT64_MAX;
    return due_ns > at_ns ? due_ns - at_ns : 0;
}

static void bench_wait(struct bench *bench, uint64_t at_ns)
{
    bool is_napping = bench_is_busy(bench);
    bool has_output = client_has_output(&bench->client);
    struct pollfd fd = { .fd = is_napping ? -1 : bench->client.fd,
                         .events = (short)(POLLIN | (has_output ? POLLOUT : 0)) };
    uint64_t timeout_ns = bench_timeout_ns(bench, at_ns);

    if (is_napping && timeout_ns > NAP_NS)
        timeout_ns = NAP_NS;
    bench->results_count = 0;
    if (interrupt_poll(&fd, 1, timeout_ns) < 0)
        return;
    if ((is_napping || fd.revents & ~POLLOUT) && client_receive(&bench->client) < 0)
        bench_lose(bench);
}

static void bench_show_progress(struct bench *bench, uint64_t at_ns)
{
    struct progress_state state = { .done = bench->ended,
                                    .failed = bench->tally.failed + bench->lead_in.failed };

    if (bench->requests_max != UINT64_MAX)
        state.total = bench->requests_max;
    if (!progress_is_due(&bench->progress, at_ns))
        return;
    text_clear(&bench->line, SIZE_MAX);
    progress_write(&bench->progress, &bench->line, &state, at_ns);
    say_progress(bench->say, text_span(&bench->line));
}

static void bench_sum_up(struct bench *bench)
{
    struct tally *tally = &bench->tally;
    uint64_t end_ns = bench->end_ns;
    double seconds;

    /* Cut short by the user, or by what has ended the daemon. */
    if ((bench->is_interrupted || end_ns == UINT64_MAX) && tally->end_ns < end_ns)
        end_ns = tally->end_ns;
    seconds = end_ns > bench->measure_ns ? (double)(end_ns - bench->measure_ns) / 1e9 : 0;
    tally->cpu_share_max = bench->cpu.most;
    tally->cpu_waited = bench->cpu.waited;
    tally->load.is_empty = tally->service.count == 0;
    tally->daemon.is_lost |= bench->is_lost && !bench->is_interrupted;
    if (bench->is_open_loop) {
        tally->load.asked_per_s = seconds > 0 ? (double)bench->planned / seconds : 0;
        tally->load.reached_per_s = seconds > 0 ? (double)bench->begun_in_time / seconds : 0;
        tally->load.slots_exhausted = bench->slots_exhausted;
    }
    tally_finish(tally);
}

enum exit_code bench_run(struct bench *bench)
{
    enum exit_code exit;

    if (!bench_begin(bench, &exit))
        return exit;
    bench_load_start(bench);
    while (!bench_is_over(bench)) {
        uint64_t at_ns = clock_ns(CLOCK_MONOTONIC);

        bench_check_end(bench, at_ns);
        bench_load_submit(bench, at_ns);
        bench_end_batch(bench, at_ns);
        if (client_flush(&bench->client) < 0) {
            bench_lose(bench);
            break;
        }
        bench_show_progress(bench, at_ns);
        cpu_share_sample(&bench->cpu, bench->reach.daemon.pid, at_ns);
        if (!bench_is_over(bench))
            bench_wait(bench, at_ns);
    }
    say_progress(bench->say, span_of("", 0));
    bench_sum_up(bench);
    return bench->is_lost && !bench->is_interrupted ? EXITS_FAILED : EXITS_OK;
}
