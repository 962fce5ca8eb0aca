/*
 * bench_list.c - lines like those of a batch, but all of them before the run begins.
 *
 * A list that is read while the load runs would measure the reading. So is a bad line: it is told
 * before anything is sent, with its number.
 */
#include "bench_list.h"

#include "idn.h"
#include "input.h"
#include "plan_body.h"
#include "slurp.h"
#include "url.h"
#include "why.h"

#include <errno.h>
#include <stdlib.h>

/* Copies it; spans are offsets into store until the list is complete: it moves while it grows. */
static void keep(struct text *store, struct span *span)
{
    size_t at = store->bytes;

    text_put_span(store, *span);
    span->data = (const char *)(uintptr_t)at;
}

static void settle(const struct text *store, struct span *span)
{
    span->data = store->data + (uintptr_t)span->data;
}

static struct bench_request *add_request(struct bench_list *list)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 16;
        struct bench_request *requests =
            realloc(list->requests, capacity * sizeof(*list->requests));

        if (!requests)
            return NULL;
        list->requests = requests;
        list->capacity = capacity;
    }
    return &list->requests[list->count++];
}

/* The host in ASCII, if the URL is one that the daemon will take. */
static const char *spell_url(struct span written, struct text *ret_url)
{
    struct url_fault fault;
    const char *why = NULL;
    struct text given;
    struct url url;

    text_init(&given);
    if (!url_has_scheme(written))
        text_put_literal(&given, "http://");
    text_put_span(&given, written);
    switch (idn_convert_url(text_span(&given), ret_url, &why)) {
    case IDN_IS_ASCII:
        text_put_span(ret_url, text_span(&given));
        break;
    case IDN_CONVERTED:
    case IDN_REFUSED:
        break;
    }
    text_deinit(&given);
    if (!why && !url_parse(text_span(ret_url), &url, &fault))
        why = fault.why;
    return why;
}

static const char *add_item(struct bench_list *list, const struct plan *plan,
                            const struct input_item *in)
{
    struct bench_request *request = add_request(list);
    struct message_request message;
    struct text url;
    const char *why;

    if (!request)
        return "out of memory";
    if (fault_is_set(&in->fault))
        return in->why;
    if (in->output.bytes || in->expect_hash)
        return "\"output\" and \"expect_hash\" are for batch: bench keeps no bodies";
    text_init(&url);
    why = spell_url(in->url, &url);
    message = (struct message_request){
        .fixed = { .batch_id = PLAN_BATCH_ID,
                   .profile_id = PLAN_PROFILE_ID,
                   .flags = in->has_body ? WIRE_REQUEST_HAS_BODY : 0,
                   .timeout_ns = in->timeout_ns,
                   .header_count = in->field_count,
                   .body_mode = WIRE_BODY_DISCARD },
        .method = in->method.bytes     ? in->method
                  : plan->method.bytes ? plan->method
                  : in->has_body       ? SPAN_LITERAL("POST")
                                       : SPAN_LITERAL(""),
        .url = text_span(&url),
        .headers = in->fields,
        .body = in->body,
    };
    (void)plan_give_body(plan, NULL, &message); /* the flag says that it is the plan's descriptor */
    *request = (struct bench_request){ .message = message };
    keep(&list->store, &request->message.method);
    keep(&list->store, &request->message.url);
    keep(&list->store, &request->message.headers);
    keep(&list->store, &request->message.body);
    text_deinit(&url);
    return why;
}

static bool read_lines(struct bench_list *list, const struct plan *plan, const char *path,
                       struct text *data, char **why)
{
    struct input_parser parser;
    struct input input;
    const char *problem = NULL;
    struct span line;
    enum input_verdict verdict;

    input_init(&input, -1);
    input_parser_init(&parser);
    input_feed(&input, text_span(data));
    input_finish(&input);
    while (!problem && (verdict = input_next(&input, &line)) != INPUT_END) {
        struct input_item in;

        if (verdict == INPUT_TOO_LONG)
            problem = "a line has at most 1 MiB";
        else if (verdict == INPUT_LINE && input_parse(&parser, line, &in) != INPUT_EMPTY)
            problem = add_item(list, plan, &in);
    }
    if (problem)
        (void)why_fail(why, "-i %s, line %llu: %s", path, (unsigned long long)input.line_number,
                       problem);
    input_parser_deinit(&parser);
    input_deinit(&input);
    return !problem;
}

static bool read_file(struct bench_list *list, const struct plan *plan, const char *path,
                      char **why)
{
    struct text data;
    bool fits;
    int r;

    text_init(&data);
    r = slurp(path, BENCH_LIST_BYTES_MAX, &data);
    if (r == -EFBIG)
        fits = why_fail(why, "-i %s: more than 256 MiB; a run needs all of it in memory", path);
    else if (r < 0)
        fits = why_fail(why, "-i %s: %s", path, strerror(-r));
    else
        fits = read_lines(list, plan, path, &data, why);
    text_deinit(&data);
    return fits;
}

static bool read_words(struct bench_list *list, const struct options *options,
                       const struct plan *plan, char **why)
{
    struct input_parser parser;
    const char *problem = NULL;
    size_t i;

    input_parser_init(&parser);
    for (i = 0; !problem && i < options->words.count; i++) {
        struct input_item in;

        (void)input_parse_word(&parser, span_of_string(options->words.values[i]), &in);
        problem = add_item(list, plan, &in);
    }
    if (problem)
        (void)why_fail(why, "%s: %s", options->words.values[i - 1], problem);
    input_parser_deinit(&parser);
    return !problem;
}

bool bench_list_read(struct bench_list *list, const struct options *options,
                     const struct plan *plan, char **ret_why)
{
    if (!read_words(list, options, plan, ret_why))
        return false;
    for (size_t i = 0; i < options->input.count; i++)
        if (!read_file(list, plan, options->input.values[i], ret_why))
            return false;
    if (list->count == 0)
        return why_fail(ret_why, "the list has no request in it");
    text_put_char(&list->store, '\0'); /* an empty store has an address, too */
    if (list->store.failed)
        return why_fail(ret_why, "out of memory");
    for (size_t i = 0; i < list->count; i++) {
        struct message_request *message = &list->requests[i].message;

        settle(&list->store, &message->method);
        settle(&list->store, &message->url);
        settle(&list->store, &message->headers);
        settle(&list->store, &message->body);
        list->requests[i].url = message->url;
        if (message_request_bytes(message) > WIRE_FRAME_BYTES_MAX)
            return why_fail(ret_why, "request %zu: more than 1 MiB", i + 1);
    }
    return true;
}

void bench_list_deinit(struct bench_list *list)
{
    free(list->requests);
    text_deinit(&list->store);
    *list = (struct bench_list){ 0 };
}
