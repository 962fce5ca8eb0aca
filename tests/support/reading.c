/*
 * reading.c - drives response_feed as an exchange does, and compares.
 */
#include "reading.h"

#include "feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

const struct response_limits reading_limits = {
    .head_bytes_max = 256 << 10,
    .fields_max = 1000,
    .interim_max = 16,
    .trailer_bytes_max = 16 << 10,
};

struct outcome {
    enum response_verdict verdict;
    unsigned heads_count;
    size_t surplus;
    bool by_close;
    char body[4096];
    size_t body_bytes;
};

struct context {
    const struct reading *reading;
    bool wants_head;
    const char *why; /* of the first run: all the others must say the same */
};

static void outcome_add_body(struct outcome *outcome, struct span body)
{
    assert_true(body.bytes > 0);
    assert_true(outcome->body_bytes + body.bytes <= sizeof(outcome->body));
    memcpy(outcome->body + outcome->body_bytes, body.data, body.bytes);
    outcome->body_bytes += body.bytes;
}

/* All that one piece brings. */
static void feed_piece(struct response *response, struct span *in, struct outcome *outcome)
{
    struct span body = { NULL, 0 };

    do {
        struct span before = *in;

        outcome->verdict = response_feed(response, in, &body);
        response_check(response);
        assert_true(in->bytes <= before.bytes &&
                    in->data + in->bytes == before.data + before.bytes);
        if (outcome->verdict == RESPONSE_BODY) {
            assert_true(body.data >= before.data && body.data + body.bytes <= in->data);
            assert_int_equal(outcome->heads_count, 1);
            outcome_add_body(outcome, body);
        }
        if (outcome->verdict == RESPONSE_HEAD)
            outcome->heads_count++;
        if (outcome->verdict == RESPONSE_NEED_MORE)
            assert_int_equal(in->bytes, 0);
    } while (outcome->verdict == RESPONSE_HEAD || outcome->verdict == RESPONSE_BODY);
}

static const char *difference(const struct context *context, const struct response *response,
                              const struct outcome *outcome)
{
    const struct reading *reading = context->reading;
    enum response_verdict verdict = reading->fault ? RESPONSE_BAD : RESPONSE_COMPLETE;

    if (reading->is_waiting)
        verdict = RESPONSE_NEED_MORE;
    if (outcome->verdict != verdict)
        return "another verdict";
    if (response->fault.code != reading->fault)
        return "another fault";
    if (reading->fault &&
        response->fault.phase != (reading->phase ? reading->phase : PHASE_RECEIVE))
        return "another phase";
    if (response->fault.why != context->why)
        return "another reason, by the cut";
    if (response->status != reading->status)
        return "another status";
    if (!span_equals(span_of(outcome->body, outcome->body_bytes), reading->body) ||
        response->body_bytes != reading->body.bytes)
        return "another body";
    if (outcome->surplus != reading->surplus)
        return "another surplus";
    if (outcome->by_close != reading->by_close)
        return "complete at another event";
    if (!reading->fault && outcome->heads_count != (reading->is_waiting ? 0 : 1) &&
        !(reading->is_waiting && reading->status))
        return "not one head";
    if ((response->keep_alive && !outcome->surplus) !=
            (verdict == RESPONSE_COMPLETE && !reading->closes && !reading->by_close &&
             !reading->surplus) &&
        !reading->is_waiting)
        return "another idea of reuse";
    return NULL;
}

static void run(void *ctx, const struct span *pieces, size_t pieces_count)
{
    struct context *context = ctx;
    const struct reading *reading = context->reading;
    struct outcome outcome = { .verdict = RESPONSE_NEED_MORE };
    struct response response;
    const char *wrong;

    response_init(&response, reading->limits ? reading->limits : &reading_limits,
                  reading->is_head_request, context->wants_head);
    response_check(&response);
    for (size_t i = 0; i < pieces_count; i++) {
        struct span in = pieces[i];

        if (outcome.verdict == RESPONSE_NEED_MORE)
            feed_piece(&response, &in, &outcome);
        if (outcome.verdict == RESPONSE_COMPLETE)
            outcome.surplus += in.bytes;
    }
    if (outcome.verdict == RESPONSE_NEED_MORE && !reading->stays_open) {
        outcome.verdict = response_finish(&response);
        outcome.by_close = outcome.verdict == RESPONSE_COMPLETE;
        response_check(&response);
    }
    if (!context->why)
        context->why = response.fault.why;
    wrong = difference(context, &response, &outcome);
    if (wrong)
        fail_msg("%s: %s (verdict %d, fault %s/%s in %s: %s, %zu pieces, first of %zu bytes)",
                 reading->name, wrong, (int)outcome.verdict, fault_domain(response.fault.code),
                 fault_name(response.fault.code), phase_name(response.fault.phase),
                 response.fault.why ? response.fault.why : "-", pieces_count,
                 pieces_count ? pieces[0].bytes : 0);
    response_deinit(&response);
}

void assert_reading(const struct reading *reading)
{
    struct context context = { .reading = reading };

    feed_every_split(reading->input, run, &context);
    context.wants_head = true;
    feed_every_split(reading->input, run, &context);
}

void assert_reading_of(const struct reading *reading, const char *format, const char *text)
{
    struct reading row = *reading;
    char input[4096];
    int bytes;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    bytes = snprintf(input, sizeof(input), format, text);
#pragma GCC diagnostic pop
    assert_in_range(bytes, 0, sizeof(input) - 1);
    row.name = text;
    row.input = span_of(input, (size_t)bytes);
    assert_reading(&row);
}
