/*
 * fetch.c - the loop.
 *
 * A turn: take items from the input while the window has room, send, wait, receive. Whatever is
 * slow (input, daemon, reader of our output) only stops what depends on it.
 *
 * Under load each turn would carry a handful of results, and both processes would spend their time
 * waking each other. So when results come in numbers and the daemon has enough to do, we do not
 * listen to it for half a millisecond: turns become larger and fewer, nobody waits for us. Not so
 * when bodies come along: then the daemon waits for room in the socket.
 */
#include "fetch.h"

#include "clock.h"
#include "interrupt.h"
#include "plan_body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000ull
#define NAP_NS 500000
#define NAP_RESULTS_MIN 4u
#define NAP_RECEIVED_BYTES_MAX (64u << 10)

static bool records_go_to_output(const struct options *options)
{
    return options->verb == VERB_BATCH || options->body_inline || options->write_out ||
           (options->records != RECORDS_DEFAULT && options->records != RECORDS_NONE);
}

static void fetch_choose_records(struct fetch *fetch)
{
    const struct options *options = fetch->options;

    fetch->records = options->records;
    if (options->records == RECORDS_DEFAULT)
        fetch->records = records_go_to_output(options) ? RECORDS_ALL : RECORDS_NONE;
    fetch->is_human = options->verb == VERB_BATCH && isatty(STDOUT_FILENO) &&
                      !options->body_inline && !options->write_out;
}

/* A descriptor per file being written; the usual soft limit is too low for a large -c. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* then we live with what we have */
    }
}

/* Where bodies are printed on the terminal, they are the progress. */
static bool wants_progress(const struct options *options, const struct say *say)
{
    const struct option_list *files = &options->output;
    bool to_files = options->remote_name || options->output_dir || options->output_template ||
                    options->discard || (files->count && strcmp(files->values[0], "-") != 0);

    if (!say->wants_notes || !say->is_terminal)
        return false;
    return options->verb == VERB_BATCH || to_files || !isatty(STDOUT_FILENO);
}

bool fetch_init(struct fetch *fetch, const struct options *options, struct say *say, char **ret_why)
{
    *fetch = (struct fetch){ .options = options, .say = say, .client.fd = -1 };
    fetch->reach.daemon = PRIVATE_DAEMON_NONE;
    fetch->start_ns = clock_ns(CLOCK_MONOTONIC);
    input_init(&fetch->input, -1);
    input_parser_init(&fetch->parser);
    output_init(&fetch->output, STDOUT_FILENO);
    filename_set_init(&fetch->names);
    tally_init(
        &fetch->tally, fetch->start_ns,
        &(struct tally_options){ .has_series = options->report.count > 0,
                                 .has_waterfall = options->report.count > 0 || options->timeline,
                                 .by = options->by });
    record_clock_init(&fetch->clock, fetch->start_ns, clock_ns(CLOCK_REALTIME));
    progress_init(&fetch->progress, fetch->start_ns, wants_progress(options, say));
    fetch_set_handlers(fetch);
    fetch_choose_records(fetch);
    if (!plan_init(&fetch->plan, options, ret_why) || !fetch_open_writeout(fetch, ret_why))
        return false;
    if (progress_is_wanted(&fetch->progress) && options->verb == VERB_GET)
        plan_want_heads(&fetch->plan); /* they say how much is to come */
    if (fetch->plan.note)
        say_note(say, "%s", fetch->plan.note);
    fetch->window = fetch->plan.concurrency * 4;
    if (fetch->window < FETCH_WINDOW_MIN)
        fetch->window = FETCH_WINDOW_MIN;
    if (fetch->window > WIRE_SLOTS_PER_SESSION)
        fetch->window = WIRE_SLOTS_PER_SESSION;
    if (plan_has_large_body(&fetch->plan) && fetch->window > FETCH_UPLOADS_MAX)
        fetch->window = FETCH_UPLOADS_MAX;
    if (options->verb == VERB_GET || options->serial)
        fetch->window = 1;
    items_init(&fetch->items, fetch->window + 1);
    raise_descriptor_limit();
    return true;
}

void fetch_deinit(struct fetch *fetch)
{
    items_deinit(&fetch->items);
    plan_deinit(&fetch->plan);
    writeout_deinit(&fetch->writeout);
    if (fetch->input.fd > STDIN_FILENO)
        (void)close(fetch->input.fd); /* only read from */
    input_deinit(&fetch->input);
    input_parser_deinit(&fetch->parser);
    output_deinit(&fetch->output);
    filename_set_deinit(&fetch->names);
    tally_deinit(&fetch->tally);
    text_deinit(&fetch->fields);
    text_deinit(&fetch->name);
    text_deinit(&fetch->line);
    text_deinit(&fetch->etag);
    text_deinit(&fetch->jar);
    reach_close(&fetch->reach, &fetch->client);
}

/* ---- the loop ---- */

/* A daemon that stops may leave without its counters when it has nothing else for us. */
static void fetch_lose(struct fetch *fetch)
{
    fetch->awaits_done = false;
    if (fetch->input_ended && fetch->items.used == 0 && !fetch->options->cookie_jar)
        return;
    say_error(fetch->say, "%s", fetch->client.why);
    fetch->is_lost = true;
    fetch->tally.daemon.is_lost = true;
    fetch->input_ended = true;
    fetch_fail_all(fetch, FAULT_CANCELLED_DAEMON, fetch->client.why);
}

static bool fetch_is_over(const struct fetch *fetch)
{
    return fetch->input_ended && fetch->items.used == 0 && !fetch->awaits_done;
}

static void fetch_end_batch(struct fetch *fetch)
{
    if (!fetch->is_begun || fetch->is_ended || !client_is_open(&fetch->client))
        return;
    fetch->is_ended = true;
    (void)client_end_batch(&fetch->client, PLAN_BATCH_ID); /* without it, closing ends it */
}

void fetch_cancel(struct fetch *fetch)
{
    if (fetch->is_cancelled)
        return;
    fetch->is_cancelled = true;
    fetch->input_ended = true;
    fetch->cancel_deadline_ns = clock_ns(CLOCK_MONOTONIC) + FETCH_CANCEL_NS;
    if (fetch->is_begun && client_is_open(&fetch->client))
        (void)client_cancel_batch(&fetch->client, PLAN_BATCH_ID); /* the deadline covers it */
}

static void fetch_check_interrupt(struct fetch *fetch)
{
    if (!interrupt_is_pending() || fetch->is_interrupted)
        return;
    interrupt_take();
    fetch->is_interrupted = true;
    fetch_cancel(fetch);
}

static void fetch_check_output(struct fetch *fetch)
{
    if (!fetch->output.error || fetch->exit == EXITS_OUTPUT)
        return;
    fetch->exit = EXITS_OUTPUT;
    say_error(fetch->say, "(23) sink/write: standard output: %s", strerror(fetch->output.error));
    fetch_cancel(fetch);
}

/* Known once the input has ended; before that a file's size gives an estimate. */
static uint64_t fetch_estimate_total(const struct fetch *fetch)
{
    uint64_t used_bytes = fetch->input.bytes_read - (fetch->input.buffer.bytes - fetch->input.at);

    if (fetch->input_ended)
        return fetch->number;
    if (fetch->options->input.count == 0)
        return fetch->options->words.count;
    if (!fetch->input_file_bytes || !used_bytes)
        return 0;
    return (uint64_t)((double)fetch->number * (double)fetch->input_file_bytes / (double)used_bytes);
}

/* get has one item at a time, and sees its body unless that is discarded. */
static void fetch_add_body(struct fetch *fetch, struct progress_state *state)
{
    uint32_t position = 0;
    const struct item *item = items_next(&fetch->items, &position);

    state->shows_body = fetch->options->verb == VERB_GET && !fetch->options->discard;
    state->bytes = fetch->tally.bytes;
    if (!state->shows_body || !item)
        return;
    state->body_bytes = body_received(&item->body);
    state->body_size = item->body.size;
    state->bytes += state->body_bytes;
}

static void fetch_show_progress(struct fetch *fetch, uint64_t now_ns)
{
    struct progress_state state = {
        .done = fetch->tally.requests,
        .failed = fetch->tally.failed,
        .total = fetch_estimate_total(fetch),
    };

    if (!progress_is_due(&fetch->progress, now_ns))
        return;
    fetch_add_body(fetch, &state);
    text_clear(&fetch->line, SIZE_MAX);
    progress_write(&fetch->progress, &fetch->line, &state, now_ns);
    say_progress(fetch->say, text_span(&fetch->line));
}

/* Many results came and the daemon has enough to do while we sleep. */
static bool fetch_is_busy(const struct fetch *fetch)
{
    return fetch->results_count >= NAP_RESULTS_MIN && !fetch->is_cancelled &&
           fetch->client.received_bytes <= NAP_RECEIVED_BYTES_MAX &&
           fetch->items.used > fetch->plan.concurrency + 2 * fetch->results_count;
}

static uint64_t fetch_timeout_ns(const struct fetch *fetch, uint64_t now_ns)
{
    uint64_t due_ns = fetch->progress.next_ns;

    /* An output that has left whole wakes nobody. */
    if (!fetch->input_ended &&
        (fetch->has_more_lines || (fetch->has_full_output && !client_has_output(&fetch->client))))
        due_ns = now_ns;
    if (fetch->is_cancelled && fetch->cancel_deadline_ns < due_ns)
        due_ns = fetch->cancel_deadline_ns;
    if (due_ns == UINT64_MAX)
        return UINT64_MAX;
    return due_ns > now_ns ? due_ns - now_ns : 0;
}

static void fetch_take_input(struct fetch *fetch)
{
    int r = input_read(&fetch->input);

    if (r < 0) {
        say_error(fetch->say, "reading the input: %s", strerror(-r));
        fetch->has_input_error = true;
        fetch->input.ended = true;
    }
    fetch->wants_input = false;
}

enum {
    POLL_CLIENT,
    POLL_INPUT,
    POLL_OUTPUT,
    POLL_COUNT
};

static void fetch_wait(struct fetch *fetch, uint64_t now_ns)
{
    bool has_output = client_has_output(&fetch->client);
    bool is_napping = fetch_is_busy(fetch);
    bool is_listening = client_is_open(&fetch->client) && !is_napping;
    bool is_writing = output_is_waiting(&fetch->output) && !is_napping;
    struct pollfd fds[POLL_COUNT] = {
        [POLL_CLIENT] = { .fd = is_listening ? fetch->client.fd : -1,
                          .events = (short)(POLLIN | (has_output ? POLLOUT : 0)) },
        [POLL_INPUT] = { .fd = fetch->wants_input && !fetch->input_ended ? fetch->input.fd : -1,
                         .events = POLLIN },
        [POLL_OUTPUT] = { .fd = is_writing ? fetch->output.fd : -1, .events = POLLOUT },
    };
    uint64_t timeout_ns = is_napping ? NAP_NS : fetch_timeout_ns(fetch, now_ns);

    fetch->results_count = 0;
    if (interrupt_poll(fds, POLL_COUNT, timeout_ns) < 0)
        return;
    if (fds[POLL_OUTPUT].revents)
        output_flush(&fetch->output);
    if (fds[POLL_INPUT].revents)
        fetch_take_input(fetch);
    if ((is_napping || fds[POLL_CLIENT].revents & ~POLLOUT) && client_receive(&fetch->client) < 0)
        fetch_lose(fetch);
}

/* What was printed may be credited back as it leaves. */
static void fetch_give_back(struct fetch *fetch)
{
    uint64_t waiting_bytes = output_is_waiting(&fetch->output) ? fetch->output.buffer.bytes : 0;

    if (fetch->withheld_bytes <= waiting_bytes)
        return;
    client_consume(&fetch->client, fetch->withheld_bytes - waiting_bytes);
    fetch->withheld_bytes = waiting_bytes;
}

static void fetch_turn(struct fetch *fetch)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

    fetch_check_interrupt(fetch);
    /* Before items are taken: a full output takes none, and if it were emptied after that, nothing
     * would wake us to take them. */
    if (!fetch_is_busy(fetch))
        output_flush(&fetch->output);
    fetch_check_output(fetch);
    if (!fetch->input_ended)
        fetch_submit(fetch);
    if (fetch->input_ended)
        fetch_end_batch(fetch);
    fetch_give_back(fetch);
    if (client_is_open(&fetch->client) && client_flush(&fetch->client) < 0)
        fetch_lose(fetch);
    fetch_show_progress(fetch, now_ns);
    cpu_share_sample(&fetch->cpu, fetch->reach.daemon.pid, now_ns);
    if (fetch->is_cancelled && now_ns >= fetch->cancel_deadline_ns) {
        fetch_fail_all(fetch, FAULT_CANCELLED_CLIENT, "cancelled");
        fetch->awaits_done = false;
    }
    if (!fetch_is_over(fetch))
        fetch_wait(fetch, now_ns);
}

/* Waits for the reader of our output. After Ctrl-C not longer than for the results: a reader that
 * has stopped reading must not keep us. */
static void fetch_drain(struct fetch *fetch)
{
    struct pollfd ready = { .fd = fetch->output.fd, .events = POLLOUT };

    output_flush(&fetch->output);
    while (output_is_waiting(&fetch->output)) {
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        uint64_t rest_ns = UINT64_MAX;

        fetch_check_interrupt(fetch);
        if (fetch->is_interrupted && now_ns >= fetch->cancel_deadline_ns)
            break;
        if (fetch->is_interrupted)
            rest_ns = fetch->cancel_deadline_ns - now_ns;
        (void)interrupt_poll(&ready, 1, rest_ns); /* whatever it says, we look again */
        output_flush(&fetch->output);
    }
}

enum exit_code fetch_run(struct fetch *fetch)
{
    while (!fetch_is_over(fetch))
        fetch_turn(fetch);
    fetch_end_batch(fetch);
    if (client_is_open(&fetch->client))
        (void)client_flush(&fetch->client); /* closing ends the batch as well */
    fetch_write_cookies(fetch);
    fetch_drain(fetch);
    fetch_check_output(fetch);
    say_progress(fetch->say, span_of("", 0));
    fetch->tally.cpu_share_max = fetch->cpu.most;
    tally_finish(&fetch->tally);
    if (fetch->is_interrupted)
        return EXITS_INTERRUPTED;
    if (fetch->exit == EXITS_OK && fetch->has_input_error && fetch->number == 0)
        return EXITS_USAGE;
    if (fetch->exit == EXITS_OK && (fetch->has_input_error || fetch->is_lost))
        return fetch->options->verb == VERB_GET ? EXITS_CANCELLED : EXITS_FAILED;
    return fetch->exit;
}
