/*
 * fetch_submit.c - from a line to a REQUEST.
 *
 * The daemon's URL parser is the judge, and a batch sends its lines there as they are. Only what
 * the client itself needs from a URL (a file name, credentials, a refusal before a daemon is even
 * started) makes it parse one here, with the same parser.
 */
#include "fetch.h"

#include "idn.h"
#include "plan_body.h"
#include "plan_upload.h"
#include "url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLIENT_OUTPUT_MAX (1u << 20) /* frames waiting for the daemon to read them */

/* Opens the next -i; false when there is none or it cannot be opened. */
static bool fetch_open_input(struct fetch *fetch)
{
    const char *path = fetch->options->input.values[fetch->files_at++];
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        say_error(fetch->say, "-i %s: %s", path, fd < 0 ? strerror(errno) : strerror(EISDIR));
        fetch->has_input_error = true;
        return false;
    }
    if (fetch->input.fd > STDIN_FILENO)
        (void)close(fetch->input.fd); /* only read from */
    input_deinit(&fetch->input);
    input_init(&fetch->input, fd);
    fetch->input_is_file = S_ISREG(st.st_mode);
    fetch->input_file_bytes = fetch->input_is_file ? (uint64_t)st.st_size : 0;
    return true;
}

enum line_source {
    LINE_TAKEN,
    LINE_TOO_LONG,
    LINE_LATER, /* nothing complete yet */
    LINE_NONE,  /* the input has ended */
};

/* The next line of the command: its words, then its files. */
static enum line_source fetch_next_line(struct fetch *fetch, struct span *ret_line,
                                        uint64_t *ret_number)
{
    const struct options *options = fetch->options;

    *ret_number = 0;
    if (fetch->words_at < options->words.count) {
        *ret_line = span_of_string(options->words.values[fetch->words_at++]);
        return LINE_TAKEN;
    }
    for (;;) {
        switch (input_next(&fetch->input, ret_line)) {
        case INPUT_LINE:
            *ret_number = fetch->input.line_number;
            return LINE_TAKEN;
        case INPUT_TOO_LONG:
            *ret_number = fetch->input.line_number;
            return LINE_TOO_LONG;
        case INPUT_NEED_MORE:
            if (!fetch->input_is_file)
                return LINE_LATER;
            if (input_read(&fetch->input) < 0) {
                say_error(fetch->say, "reading the input: %s", strerror(errno));
                fetch->has_input_error = true;
                fetch->input.ended = true;
            }
            break;
        case INPUT_END:
            if (fetch->files_at >= options->input.count || !fetch_open_input(fetch))
                return LINE_NONE;
            break;
        }
    }
}

/* NULL = none, or the item has a body of its own. */
static const struct plan_upload *fetch_upload(const struct fetch *fetch,
                                              const struct input_item *in, uint64_t line)
{
    return in->has_body
               ? NULL
               : plan_find_upload(&fetch->plan, line == 0 ? fetch->words_at - 1 : SIZE_MAX);
}

/* With the query of -G before a fragment. */
static void put_query(struct fetch *fetch, struct text *store, struct span url)
{
    const char *fragment;
    size_t bytes;

    if (fetch->plan.query.bytes == 0) {
        text_put_span(store, url);
        return;
    }
    fragment = memchr(url.data, '#', url.bytes);
    bytes = fragment ? (size_t)(fragment - url.data) : url.bytes;
    text_put(store, url.data, bytes);
    text_put_char(store, memchr(url.data, '?', bytes) ? '&' : '?');
    text_put_span(store, text_span(&fetch->plan.query));
    text_put(store, url.data + bytes, url.bytes - bytes);
}

/* "http://" where no scheme is written, and what -T or -G add. */
static void put_url(struct fetch *fetch, struct item *item, struct span url)
{
    if (!url_has_scheme(url))
        text_put_literal(&item->store, "http://");
    if (item->upload)
        plan_put_upload_url(&item->store, url, item->upload);
    else
        put_query(fetch, &item->store, url);
}

/* Takes a place for the item; NULL when out of memory. */
static struct item *fetch_new_item(struct fetch *fetch, const struct input_item *in, uint64_t line)
{
    struct span method = in->method.bytes ? in->method : fetch->plan.method;
    struct item *item = items_acquire(&fetch->items);

    if (!item)
        return NULL;
    item->number = ++fetch->number;
    item->line = line;
    item->upload = fetch_upload(fetch, in, line);
    item->request_bytes = 0;
    item->sent_url_bytes = 0;
    item->implied_bytes = 0;
    if (in->url.bytes) {
        item->implied_bytes = url_has_scheme(in->url) ? 0 : strlen("http://");
        put_url(fetch, item, in->url);
    }
    item->url_bytes = (uint32_t)item->store.bytes;
    text_put_span(&item->store, in->label);
    item->label_bytes = (uint32_t)in->label.bytes;
    if (method.bytes == 0 && item->upload)
        method = SPAN_LITERAL("PUT");
    else if (method.bytes == 0 && in->has_body)
        method = SPAN_LITERAL("POST");
    text_put_span(&item->store, method);
    item->method_bytes = (uint32_t)method.bytes;
    return item;
}

/* What the item lacks of its file, if that is of the version we have a part of. A weak ETag cannot
 * tell (RFC 9110 section 13.1.5): then all of it is asked for. Returns how many fields that is. */
static unsigned add_range(struct fetch *fetch, const struct item *item)
{
    struct span etag = text_span(&fetch->plan.part_etag);
    char value[40];

    if (item->body.offset == 0 || span_starts_with(etag, SPAN_LITERAL("W/")))
        return 0;
    (void)snprintf(value, sizeof(value), "bytes=%llu-", (unsigned long long)item->body.offset);
    plan_put_field(&fetch->fields, SPAN_LITERAL("Range"), span_of_string(value));
    if (etag.bytes == 0)
        return 1;
    plan_put_field(&fetch->fields, SPAN_LITERAL("If-Range"), etag);
    return 2;
}

/* The line's fields and ours; ours are rare. False: *ret_fault and *ret_why say why not. */
static bool add_fields(struct fetch *fetch, const struct item *item, const struct input_item *in,
                       const struct url *url, struct message_request *request,
                       struct fault *ret_fault, const char **ret_why)
{
    unsigned count = 0;

    text_clear(&fetch->fields, SIZE_MAX);
    text_put_span(&fetch->fields, in->fields);
    switch (fetch_add_login(fetch, in, url)) {
    case FETCH_LOGIN_NONE:
        break;
    case FETCH_LOGIN_ADDED:
        count++;
        break;
    case FETCH_LOGIN_BAD:
        fault_set(ret_fault, FAULT_INPUT_ARGUMENT, PHASE_INPUT, 0, NULL);
        *ret_why = "the netrc file has a login with a colon, or one with control characters";
        return false;
    }
    count += add_range(fetch, item);
    if (count == 0)
        return true;
    request->headers = text_span(&fetch->fields);
    request->fixed.header_count = (uint16_t)(request->fixed.header_count + count);
    return true;
}

/* The daemon takes hosts in ASCII only. False: *ret_fault and *ret_why say why it is no host. */
static bool convert_host(struct item *item, struct fault *ret_fault, const char **ret_why)
{
    struct text url;
    bool fits = true;

    text_init(&url);
    switch (idn_convert_url(item_url(item), &url, ret_why)) {
    case IDN_IS_ASCII:
        break;
    case IDN_CONVERTED:
        text_put_span(&item->store, text_span(&url));
        item->sent_url_bytes = (uint32_t)url.bytes;
        item->store.failed |= url.failed;
        break;
    case IDN_REFUSED:
        fault_set(ret_fault, FAULT_INPUT_URL, PHASE_INPUT, 0, NULL);
        fits = false;
        break;
    }
    text_deinit(&url);
    return fits;
}

static bool needs_url(const struct fetch *fetch, struct span url)
{
    return fetch->options->verb == VERB_GET || fetch_names_files(fetch) ||
           fetch->plan.netrc.count || memchr(url.data, '@', url.bytes);
}

/* The same verdict as the daemon's, without it. */
static bool check_url(struct span text, struct url *url, struct fault *ret_fault,
                      const char **ret_why)
{
    struct url_fault bad;

    *ret_fault = (struct fault){ 0 };
    if (!url_parse(text, url, &bad)) {
        fault_set(ret_fault, bad.code, PHASE_INPUT, 0, NULL);
        *ret_why = bad.why;
        return false;
    }
    return true;
}

/* The first item that needs it brings the daemon. */
static bool fetch_ensure_daemon(struct fetch *fetch)
{
    struct wire_batch_begin batch = { 0 };
    int r;

    if (client_is_open(&fetch->client))
        return true;
    fetch->exit = reach_open(&fetch->reach, &fetch->client, &fetch->handlers, fetch->options, true,
                             fetch->say);
    if (fetch->exit != EXITS_OK)
        return false;
    batch.concurrency = fetch->plan.concurrency;
    batch.flags = fetch->plan.batch_flags;
    batch.max_per_origin = fetch->plan.max_per_origin;
    if (!batch.max_per_origin && reach_is_private(&fetch->reach))
        batch.max_per_origin = batch.concurrency;
    batch.rate_uhz = fetch->plan.rate_uhz;
    batch.rate_per_origin_uhz = fetch->plan.rate_per_origin_uhz;
    r = plan_write_profile(&fetch->plan, &fetch->client.output);
    if (r == 0)
        r = client_begin_batch(&fetch->client, PLAN_BATCH_ID, &batch);
    text_put_span(&fetch->client.output, text_span(&fetch->plan.cookies));
    if (r == 0 && fetch->client.output.failed)
        r = -ENOMEM;
    fetch->is_begun = r == 0;
    fetch->awaits_done = r == 0;
    if (r < 0)
        fetch->exit = EXITS_NO_MEMORY;
    return r == 0;
}

/* Returns what of it is to go by descriptor, or NULL. */
static const struct large_body *fill_request(const struct fetch *fetch, const struct input_item *in,
                                             const struct item *item,
                                             struct message_request *request)
{
    uint8_t body_mode = WIRE_BODY_OF_PROFILE;

    if (item->body.kind == BODY_DAEMON_FILE)
        body_mode = WIRE_BODY_FD;
    else if (item->body.kind != BODY_DISCARD)
        body_mode = WIRE_BODY_DATA;
    *request = (struct message_request){
        .fixed = { .batch_id = PLAN_BATCH_ID,
                   .profile_id = PLAN_PROFILE_ID,
                   .flags = in->has_body ? WIRE_REQUEST_HAS_BODY : 0,
                   .timeout_ns = in->timeout_ns,
                   .header_count = in->field_count,
                   .body_mode = body_mode },
        .method = item_method(item),
        .url = item_sent_url(item),
        .headers = in->fields,
        .body = in->body,
    };
    if (item->body.kind == BODY_OUTPUT) /* what is printed cannot be taken back */
        request->fixed.flags |= WIRE_REQUEST_KEPT;
    return plan_give_body(&fetch->plan, item->upload, request);
}

/* Sends the item. False: *ret_fault and *ret_why say why not. */
static bool fetch_send_item(struct fetch *fetch, struct item *item, const struct input_item *in,
                            const struct url *url, struct fault *ret_fault, const char **ret_why)
{
    struct message_request request;
    const struct large_body *large = fill_request(fetch, in, item, &request);
    const struct client_request_fds fds = {
        .body = large ? large->fd : -1,
        .file = item->body.kind == BODY_DAEMON_FILE ? item->body.file.fd : -1,
    };
    size_t bytes;
    int r;

    *ret_fault = (struct fault){ 0 };
    if (!add_fields(fetch, item, in, url, &request, ret_fault, ret_why))
        return false;
    bytes = message_request_bytes(&request);
    if (bytes > WIRE_FRAME_BYTES_MAX) {
        fault_set(ret_fault, FAULT_INPUT_TOO_BIG, PHASE_INPUT, 0, NULL);
        *ret_why = "URL, fields and body together have more than 1 MiB";
        return false;
    }
    r = item->store.failed ? -ENOMEM : client_request(&fetch->client, item->id, &request, &fds);
    if (r < 0) {
        fault_set(ret_fault, FAULT_LOCAL_NO_MEMORY, PHASE_INPUT, -r, NULL);
        *ret_why = "out of memory";
        return false;
    }
    item->request_bytes = (uint32_t)bytes;
    if (fetch->options->verb == VERB_GET && fetch->options->verbose && url)
        fetch_show_request(fetch, url, &request, large ? large->bytes : request.body.bytes);
    return true;
}

static void fetch_take_item(struct fetch *fetch, const struct input_item *in, uint64_t line)
{
    struct item *item = fetch_new_item(fetch, in, line);
    const char *why = in->why;
    struct fault fault = in->fault;
    struct url url;
    bool has_url;
    bool fits = !fault_is_set(&fault);

    if (!item) {
        say_error(fetch->say, "out of memory");
        fetch->exit = EXITS_NO_MEMORY;
        fetch_cancel(fetch);
        return;
    }
    if (fits)
        fits = convert_host(item, &fault, &why);
    has_url = fits && needs_url(fetch, item_sent_url(item));
    if (has_url)
        fits = check_url(item_sent_url(item), &url, &fault, &why);
    if (fits)
        fits = fetch_choose_body(fetch, item, in, has_url ? &url : NULL, &fault, &why);
    if (fits && item->is_skipped) {
        fetch_skip_item(fetch, item);
        return;
    }
    if (fits && !fetch_ensure_daemon(fetch)) {
        fetch->input_ended = true;
        fetch->number--;
        items_release(&fetch->items, item);
        return;
    }
    if (fits)
        fits = fetch_send_item(fetch, item, in, has_url ? &url : NULL, &fault, &why);
    if (!fits)
        fetch_fail_item(fetch, item, &fault, span_of_string(why));
}

/* A word of the command line is a URL, whatever it looks like: an empty variable of a script must
 * not pass as an empty line. */
static enum input_kind fetch_parse(struct fetch *fetch, struct span line, uint64_t number,
                                   struct input_item *ret_item)
{
    if (number == 0)
        return input_parse_word(&fetch->parser, line, ret_item);
    return input_parse(&fetch->parser, line, ret_item);
}

static bool fetch_has_room(const struct fetch *fetch)
{
    return fetch->items.used < fetch->window && !output_is_full(&fetch->output) &&
           fetch->client.output.bytes < CLIENT_OUTPUT_MAX &&
           (!client_is_open(&fetch->client) ||
            client_has_room(&fetch->client, WIRE_FRAME_BYTES_MAX));
}

void fetch_submit(struct fetch *fetch)
{
    struct input_item in;
    struct span line;
    uint64_t number;

    fetch->has_more_lines = fetch->has_full_output = false;
    for (unsigned taken = 0; !fetch->input_ended && fetch_has_room(fetch); taken++) {
        if (taken == FETCH_LINES_PER_TURN) {
            fetch->has_more_lines = true;
            return;
        }
        switch (fetch_next_line(fetch, &line, &number)) {
        case LINE_TAKEN:
            if (fetch_parse(fetch, line, number, &in) != INPUT_EMPTY)
                fetch_take_item(fetch, &in, number);
            break;
        case LINE_TOO_LONG:
            in = (struct input_item){ 0 };
            (void)input_refuse(&fetch->parser, &in, FAULT_INPUT_TOO_BIG,
                               "a line has at most 1 MiB"); /* always INPUT_BAD */
            fetch_take_item(fetch, &in, number);
            break;
        case LINE_LATER:
            fetch->wants_input = true;
            return;
        case LINE_NONE:
            fetch->input_ended = true;
            return;
        }
    }
    fetch->has_full_output = fetch->client.output.bytes >= CLIENT_OUTPUT_MAX;
}
