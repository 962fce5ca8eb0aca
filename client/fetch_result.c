/*
 * fetch_result.c - from what the daemon says about an item to everything that is made of it.
 *
 * All items leave by fetch_end_item: those with a RESULT, those refused here, those whose daemon
 * went away. So counts, records, files and messages agree, whatever happened.
 */
#include "fetch.h"

#include "clock.h"
#include "cure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* "HTTP/1.1 200 OK", the fields, an empty line. */
static void write_head(struct fetch *fetch, struct item *item, const struct message_head *head)
{
    struct text *text = &fetch->line;
    struct span headers = head->headers;
    struct message_field field;

    text_clear(text, SIZE_MAX);
    text_put_format(text, "HTTP/%u.%u %u%s%.*s\r\n", head->fixed.version_major,
                    head->fixed.version_minor, head->fixed.status, head->reason.bytes ? " " : "",
                    (int)head->reason.bytes, head->reason.data);
    while (message_next_field(&headers, &field)) {
        text_put_span(text, field.name);
        text_put_literal(text, ": ");
        text_put_span(text, field.value);
        text_put_literal(text, "\r\n");
    }
    text_put_literal(text, "\r\n");
    body_write_head(&item->body, &fetch->output, text_span(text));
}

static void keep_headers(struct item *item, const struct message_head *head)
{
    free(item->head);
    item->head_bytes = head->headers.bytes;
    item->head = malloc(item->head_bytes + 1);
    if (item->head)
        memcpy(item->head, head->headers.data, item->head_bytes);
}

static struct span find_field(const struct message_head *head, struct span name)
{
    struct span headers = head->headers;
    struct message_field field;

    while (message_next_field(&headers, &field))
        if (span_equals_nocase(field.name, name))
            return field.value;
    return span_of("", 0);
}

/* With a new attempt comes a new head. */
static void keep_etag(struct fetch *fetch, const struct message_head *head)
{
    struct span etag = find_field(head, SPAN_LITERAL("ETag"));

    text_clear(&fetch->etag, SIZE_MAX);
    text_put_span(&fetch->etag, etag);
    if (etag.bytes)
        text_put_char(&fetch->etag, '\n');
}

static void judge_part(struct item *item, const struct message_head *head)
{
    item->resume = resume_judge(head->fixed.status, find_field(head, SPAN_LITERAL("Content-Range")),
                                item->body.offset);
    item->body.is_resumed = item->resume == RESUME_APPEND;
    item->body.is_dropped = item->resume != RESUME_APPEND && item->resume != RESUME_REPLACE;
}

/* A body that the daemon decodes is as long as it turns out to be. */
static void expect_body(struct fetch *fetch, struct item *item, const struct message_head *head)
{
    bool is_decoded =
        fetch->options->compressed && find_field(head, SPAN_LITERAL("Content-Encoding")).bytes > 0;
    bool is_known = head->fixed.content_bytes != UINT64_MAX && !is_decoded;

    item->body.head_bytes = item->body.bytes;
    item->body.size = is_known ? head->fixed.content_bytes : 0;
}

static void on_head(void *ctx, uint64_t id, const struct message_head *head, size_t window_bytes)
{
    struct fetch *fetch = ctx;
    const struct options *options = fetch->options;
    struct item *item = items_find(&fetch->items, id);

    client_consume(&fetch->client, window_bytes);
    if (!item)
        return;
    item->head_status = head->fixed.status;
    if (options->etag_save)
        keep_etag(fetch, head);
    if (options->headers_in_record || fetch->writeout.needs_head)
        keep_headers(item, head);
    if (options->verb == VERB_GET && options->verbose)
        fetch_show_head(fetch, head);
    if (options->include_head || (options->verb == VERB_GET && options->head))
        write_head(fetch, item, head);
    expect_body(fetch, item, head);
    /* With each hop and attempt comes a new head, which may do better than the one before. */
    if (item->body.offset)
        judge_part(item, head);
    else if (options->fail_status) /* the body only: -i and -I show why, as curl's do */
        item->body.is_dropped = head->fixed.status >= 400 || item->body.error;
}

static void on_data(void *ctx, uint64_t id, uint8_t flags, struct span body, size_t window_bytes)
{
    struct fetch *fetch = ctx;
    struct item *item = items_find(&fetch->items, id);

    if (item && (flags & WIRE_DATA_RESTART))
        body_restart(&item->body);
    if (item)
        body_write(&item->body, &fetch->output, body);
    if (item && item->body.kind == BODY_OUTPUT)
        fetch->withheld_bytes += window_bytes;
    else
        client_consume(&fetch->client, window_bytes);
}

/* Of get: number, name, URL, reason, phase, cure. */
static void say_get_failure(struct fetch *fetch, const struct outcome *o)
{
    const char *cure = cure_of_fault(o->fault.code);
    struct text url;

    text_init(&url);
    record_put_effective_url(&url, o->url); /* no password on a screen */
    say_error(fetch->say, "(%d) %s/%s: %.*s: %.*s (phase %s)%s%s", fault_curl_code(o->fault.code),
              fault_domain(o->fault.code), fault_name(o->fault.code), (int)url.bytes, url.data,
              (int)o->message.bytes, o->message.data, phase_name(o->fault.phase), *cure ? "; " : "",
              cure);
    text_deinit(&url);
}

/* Of batch: only what was wrong with the input; all others have their records. */
static void say_bad_input(struct fetch *fetch, const struct outcome *o)
{
    char where[64];

    if (o->fault.phase != PHASE_INPUT || fetch->lines_said > FETCH_LINES_SAID_MAX)
        return;
    if (fetch->lines_said++ == FETCH_LINES_SAID_MAX) {
        say_error(fetch->say, "more bad items follow; the records name them all");
        return;
    }
    if (o->line)
        (void)snprintf(where, sizeof(where), "line %llu", (unsigned long long)o->line);
    else
        (void)snprintf(where, sizeof(where), "URL %llu", (unsigned long long)o->number);
    say_error(fetch->say, "%s: %s/%s: %.*s", where, fault_domain(o->fault.code),
              fault_name(o->fault.code), (int)o->message.bytes, o->message.data);
}

static void write_record(struct fetch *fetch, const struct outcome *o)
{
    if (fetch->records == RECORDS_NONE || (fetch->records == RECORDS_FAILED && o->is_ok))
        return;
    if (fetch->options->write_out) {
        fetch_write_out(fetch, o);
        return;
    }
    if (!fetch->is_human) {
        record_write_json(output_buffer(&fetch->output), &fetch->clock, o);
    } else if (!o->is_ok || fetch->tally.requests <= FETCH_HUMAN_LINES_MAX) {
        say_progress(fetch->say, span_of("", 0));
        record_write_line(output_buffer(&fetch->output), o, fetch->say->is_colored);
    }
    output_settle(&fetch->output);
}

static void fetch_note_failure(struct fetch *fetch, const struct outcome *o)
{
    if (fetch->first_curl_code == 0 || o->number < fetch->first_failed_number) {
        fetch->first_curl_code = fault_curl_code(o->fault.code);
        fetch->first_failed_number = o->number;
    }
    /* After Ctrl-C hundreds of items end the same way: the summary counts them. */
    if (!(fetch->is_cancelled && o->fault.code == FAULT_CANCELLED_CLIENT))
        (fetch->options->verb == VERB_GET ? say_get_failure : say_bad_input)(fetch, o);
    if (fetch->options->fail_early)
        fetch_cancel(fetch);
}

/* A body that is whole has its hash in the record, whether it is the expected one or not. 304 says
 * that there is no body, not that it is empty. */
static void check_hash(struct fetch *fetch, struct item *item, struct outcome *o)
{
    if (fault_is_set(&o->fault) || item->body.is_dropped || o->is_skipped ||
        o->result->status == 304)
        return;
    if (!body_check_hash(&item->body)) {
        fault_set(&o->fault, FAULT_STORAGE_CORRUPT, PHASE_DELIVER, 0, NULL);
        text_clear(&fetch->line, SIZE_MAX);
        text_put_format(&fetch->line, "the body has %s, expected %s", item->body.hash_text,
                        item->body.expect_hash);
        o->message = text_span(&fetch->line);
    }
    if (item->body.hash)
        o->hash = item->body.hash_text;
}

/* After the body: a new ETag beside an old body would never be put right. A new body without an
 * ETag empties the file; a 304 without one, and a failure, leave it alone, unless a part was kept:
 * whoever continues must know of what. */
static void save_etag(struct fetch *fetch, struct outcome *o, bool is_part_kept)
{
    const char *path = fetch->options->etag_save;
    unsigned status = o->result->status;
    int r;

    if (!path || (fault_is_set(&o->fault) && !is_part_kept) || o->is_skipped)
        return;
    if (status / 100 != 2 && !(status == 304 && fetch->etag.bytes))
        return;
    r = fetch->etag.failed ? -ENOMEM : file_write_whole(path, text_span(&fetch->etag));
    if (r < 0) {
        fault_set(&o->fault, FAULT_SINK_WRITE, PHASE_DELIVER, -r, NULL);
        o->message = span_of_string(fetch_name_error(fetch, path, -r));
    }
}

/* Not of an item that was skipped. 304 is not an empty body: what is there stays, unless the header
 * of -i or -I is to be written. */
static bool is_written(const struct item *item, const struct outcome *o)
{
    return !item->is_skipped && (o->result->status != 304 || item->body.bytes);
}

/* A part that does not fit. A status other than that of a part or of the whole is a failure here,
 * because its body must not become part of the file; 416 of a file that is complete is none. */
static void check_part(struct fetch *fetch, struct item *item, struct outcome *o)
{
    struct text *text = &fetch->line;
    enum fault_code code = FAULT_NONE;

    if (item->body.offset == 0 || fault_is_set(&o->fault) || item->head_status == 0)
        return;
    text_clear(text, SIZE_MAX);
    switch (item->resume) {
    case RESUME_APPEND:
    case RESUME_REPLACE:
    case RESUME_COMPLETE:
        return;
    case RESUME_OTHER_PART:
        code = FAULT_HTTP_MALFORMED;
        text_put_literal(text, "another part than was asked for");
        break;
    case RESUME_OTHER_SIZE:
        code = FAULT_STORAGE_CORRUPT;
        text_put_format(text, "%s: has %llu bytes, more than there are or others", item->body.path,
                        (unsigned long long)item->body.offset);
        break;
    case RESUME_REFUSED:
        code = FAULT_HTTP_STATUS;
        text_put_format(text, "HTTP status %u, which is no part of %s", o->result->status,
                        item->body.path);
        break;
    }
    fault_set(&o->fault, code, PHASE_RECEIVE, 0, NULL);
    o->message = text_span(text);
}

/* -f, and failures of our own; the fault that was there first stays. */
static void add_own_faults(struct fetch *fetch, struct item *item, struct outcome *o)
{
    bool is_complete = item->body.offset && item->resume == RESUME_COMPLETE;
    bool is_part_kept = false;

    check_part(fetch, item, o);
    if (fetch->options->fail_status && o->result->status >= 400 && !is_complete &&
        !fault_is_set(&o->fault)) {
        fault_set(&o->fault, FAULT_HTTP_STATUS, PHASE_RECEIVE, 0, NULL);
        text_clear(&fetch->line, SIZE_MAX);
        text_put_format(&fetch->line, "HTTP status %u", o->result->status);
        o->message = text_span(&fetch->line);
    }
    check_hash(fetch, item, o);
    if (fault_is_set(&o->fault) && item->head_status == 200)
        is_part_kept = body_break_off(&item->body);
    else
        body_finish(&item->body, !fault_is_set(&o->fault) && is_written(item, o));
    if (o->fault.code == FAULT_SINK_WRITE && o->fault.error && item->body.path)
        o->message = span_of_string(fetch_name_error(fetch, item->body.path, (int)o->fault.error));
    if (item->body.error && !fault_is_set(&o->fault)) {
        fault_set(&o->fault, FAULT_SINK_WRITE, PHASE_DELIVER, item->body.error, NULL);
        o->message = span_of_string(fetch_name_error(fetch, item->body.path, item->body.error));
    }
    save_etag(fetch, o, is_part_kept);
    o->is_ok = !fault_is_set(&o->fault);
    if (o->is_ok && (item->is_skipped || is_written(item, o)) &&
        (item->body.kind == BODY_FILE || item->body.kind == BODY_DAEMON_FILE))
        o->output = item->body.path;
    if (o->is_ok && item->body.kind == BODY_INLINE) {
        o->has_body = true;
        o->body = text_span(&item->body.kept);
    }
}

static void fetch_end_item(struct fetch *fetch, struct item *item,
                           const struct message_result *result)
{
    struct outcome o = {
        .number = item->number,
        .line = item->line,
        .label = item_label(item),
        .url = item_url(item),
        .sent_url = item->sent_url_bytes ? item_sent_url(item) : (struct span){ 0 },
        .implied_bytes = item->implied_bytes,
        .hop_url = result->url,
        .method = item_method(item),
        .result = &result->fixed,
        .fault = { .code = result->fixed.fault,
                   .phase = result->fixed.fault_phase,
                   .error = result->fixed.fault_errno },
        .message = result->message,
        .content_type = result->content_type,
        .tls_version = result->tls_version,
        .tls_cipher = result->tls_cipher,
        .path = item->body.path,
        .has_headers = item->head != NULL,
        .headers = span_of(item->head, item->head_bytes),
        .is_skipped = item->is_skipped,
    };

    if (o.message.bytes == 0)
        o.message = span_of_string(fault_message(o.fault.code));
    timing_of_result(&result->fixed, &o.timing);
    add_own_faults(fetch, item, &o);
    tally_add(&fetch->tally, &o);
    if (!o.is_ok)
        fetch_note_failure(fetch, &o); /* before what -w may send to stderr, as curl */
    write_record(fetch, &o);
    if (item->request_bytes)
        client_release(&fetch->client, item->request_bytes);
    items_release(&fetch->items, item);
}

static void on_result(void *ctx, uint64_t id, const struct message_result *result)
{
    struct fetch *fetch = ctx;
    struct item *item = items_find(&fetch->items, id);

    fetch->results_count++;
    if (fetch->options->verb == VERB_GET && fetch->options->verbose)
        fetch_show_connection(fetch, result);
    if (item)
        fetch_end_item(fetch, item, result);
}

static void on_cookie(void *ctx, uint64_t id, const struct cookie *cookie, size_t window_bytes)
{
    struct fetch *fetch = ctx;

    (void)id; /* there is one batch */
    fetch_on_cookie(fetch, cookie);
    client_consume(&fetch->client, window_bytes);
}

static void on_batch_done(void *ctx, uint64_t id, const struct wire_batch_done *done)
{
    struct fetch *fetch = ctx;

    (void)id;
    tally_add_batch(&fetch->tally, done); /* not its items: ours include what never reached it */
    fetch->has_done = true;
    fetch->awaits_done = false;
}

static void on_pong(void *ctx, uint64_t id)
{
    (void)ctx; /* a run sends no PING */
    (void)id;
}

static void on_goaway(void *ctx)
{
    struct fetch *fetch = ctx;

    say_note(fetch->say, "the daemon is stopping: new items will fail as admission/draining");
}

void fetch_set_handlers(struct fetch *fetch)
{
    fetch->handlers = (struct client_handlers){
        .ctx = fetch,
        .on_head = on_head,
        .on_data = on_data,
        .on_result = on_result,
        .on_cookie = on_cookie,
        .on_batch_done = on_batch_done,
        .on_pong = on_pong,
        .on_goaway = on_goaway,
    };
}

/* Of an item that the daemon did not have, or had to leave behind. */
static void fetch_end_here(struct fetch *fetch, struct item *item, const struct fault *fault,
                           struct span why)
{
    struct message_result result = {
        .fixed = { .fault = fault->code,
                   .fault_phase = fault->phase,
                   .fault_errno = fault->error,
                   .t0_ns = clock_ns(CLOCK_MONOTONIC),
                   .queued_ns = WIRE_NOT_REACHED,
                   .dns_ns = WIRE_NOT_REACHED,
                   .connected_ns = WIRE_NOT_REACHED,
                   .tls_ns = WIRE_NOT_REACHED,
                   .sent_ns = WIRE_NOT_REACHED,
                   .first_byte_ns = WIRE_NOT_REACHED,
                   .last_byte_ns = WIRE_NOT_REACHED },
        .message = why,
    };

    fetch_end_item(fetch, item, &result);
}

void fetch_fail_item(struct fetch *fetch, struct item *item, const struct fault *fault,
                     struct span why)
{
    fetch_end_here(fetch, item, fault, why);
}

void fetch_skip_item(struct fetch *fetch, struct item *item)
{
    const struct fault none = { 0 };

    if (fetch->options->verb == VERB_GET)
        say_note(fetch->say, "%s is there already; not fetched", item->body.path);
    fetch_end_here(fetch, item, &none, span_of("", 0));
}

void fetch_fail_all(struct fetch *fetch, enum fault_code code, const char *why)
{
    struct fault fault = { .code = code, .phase = PHASE_QUEUE };
    uint32_t position = 0;
    struct item *item;

    while ((item = items_next(&fetch->items, &position)))
        fetch_fail_item(fetch, item, &fault, span_of_string(why));
}
