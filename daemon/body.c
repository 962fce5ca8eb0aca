/*
 * body.c - undoes the codings of a body in front of its sink.
 *
 *   piece --> decoder --> scratch --> sink            (a plain one: piece --> sink)
 *      \        ^
 *       v       |
 *      held ----+
 *
 * A piece of a few kilobytes can decode to megabytes. So the sink is asked after each scratchful,
 * and when it is FULL everything stays where it is: the rest of the piece is copied once, the
 * decoder keeps what it has not yet given, and no later piece is taken before both are used up. The
 * owner pauses the connection meanwhile. Nothing here grows with what a body decodes to.
 *
 * A sink that is never full (a body that is only counted) would let one such piece hold up the loop
 * for all others: after so many scratchfuls we are BUSY, and go on when it has been round.
 *
 * Rejected: leaving the rest of a piece with the connection, whose backlog would give it back. A
 * bomb pauses after every few bytes of it, and each time the backlog would be copied.
 */
#include "body.h"

#include <assert.h>
#include <errno.h>

#define SCRATCH_BYTES ((size_t)32 << 10)
#define STEPS_PER_CALL 8u

void body_init(struct body *body, const struct body_options *options)
{
    *body = (struct body){ .sink = options->sink,
                           .decodes = options->decodes,
                           .bytes_max = options->bytes_max };
}

void body_deinit(struct body *body)
{
    decode_free(body->decode);
    block_free(body->held);
    body->decode = NULL;
    body->held = NULL;
    body->has_more = false;
}

void body_set_codings(struct body *body, const struct decode_list *codings)
{
    assert(!body->has_begun);
    body->codings = *codings;
}

static enum body_verdict body_fail(struct body *body, enum fault_code code, int error,
                                   const char *why)
{
    fault_set(&body->fault, code, PHASE_RECEIVE, error, why);
    return BODY_FAILED;
}

static enum body_verdict body_to_sink(struct body *body, struct span bytes)
{
    body->bytes += bytes.bytes;
    switch (sink_write(body->sink, bytes)) {
    case SINK_TAKEN:
        return BODY_TAKEN;
    case SINK_FULL:
        return BODY_FULL;
    case SINK_FAILED:
        break;
    }
    body->fault = body->sink->fault;
    return BODY_FAILED;
}

/* Before the first byte; true: it can go on. */
static bool body_begin(struct body *body)
{
    const char *why = NULL;

    body->has_begun = true;
    if (!body->decodes)
        return true;
    switch (decode_list_judge(&body->codings, &why)) {
    case DECODE_LIST_PLAIN:
        return true;
    case DECODE_LIST_CODED:
        if (decode_new(&body->decode, &body->codings) == 0)
            return true;
        (void)body_fail(body, FAULT_LOCAL_NO_MEMORY, ENOMEM, NULL); /* told by the return */
        return false;
    case DECODE_LIST_UNKNOWN:
    case DECODE_LIST_TOO_MANY:
        break;
    }
    (void)body_fail(body, FAULT_HTTP_ENCODING, 0, why); /* likewise */
    return false;
}

/* One byte more than the limit leaves is enough to know. */
static size_t body_scratch_room(const struct body *body)
{
    uint64_t left = body->bytes_max - body->bytes;

    return body->bytes_max > 0 && left < SCRATCH_BYTES ? (size_t)left + 1 : SCRATCH_BYTES;
}

/* One scratchful, from the front of *in. */
static enum body_verdict body_step(struct body *body, struct span *in)
{
    char scratch[SCRATCH_BYTES];
    size_t bytes;
    enum decode_verdict decoded =
        decode_step(body->decode, in, scratch, body_scratch_room(body), &bytes);
    enum body_verdict verdict = BODY_TAKEN;

    body->has_more = decoded == DECODE_AGAIN;
    if (body->bytes_max > 0 && bytes > body->bytes_max - body->bytes)
        return body_fail(body, FAULT_HTTP_TOO_BIG, 0, "the decoded body is over its limit");
    if (bytes > 0)
        verdict = body_to_sink(body, span_of(scratch, bytes));
    if (decoded == DECODE_BAD && verdict != BODY_FAILED) {
        body->fault = *decode_fault(body->decode);
        return BODY_FAILED;
    }
    return verdict;
}

static enum body_verdict body_decode(struct body *body, struct span *in)
{
    enum body_verdict verdict = BODY_TAKEN;

    for (unsigned i = 0; i < STEPS_PER_CALL; i++) {
        verdict = body_step(body, in);
        if (verdict != BODY_TAKEN || !body->has_more)
            return verdict;
    }
    return BODY_BUSY;
}

enum body_verdict body_write(struct body *body, struct span piece)
{
    enum body_verdict verdict;

    assert(!body->has_more && !span_is_empty(piece));
    if (!body->has_begun && !body_begin(body))
        return BODY_FAILED;
    if (!body->decode)
        return body_to_sink(body, piece);

    verdict = body_decode(body, &piece);
    if (verdict == BODY_FAILED || span_is_empty(piece))
        return verdict;
    assert(body->has_more);
    body->held = block_copy(piece, 0);
    body->held_taken = 0;
    return body->held ? verdict : body_fail(body, FAULT_LOCAL_NO_MEMORY, ENOMEM, NULL);
}

enum body_verdict body_go_on(struct body *body)
{
    struct span rest = body->held ? block_span(body->held) : span_of("", 0);
    enum body_verdict verdict;

    assert(body->has_more);
    span_advance(&rest, body->held_taken);
    verdict = body_decode(body, &rest);
    if (!span_is_empty(rest)) {
        body->held_taken = body->held->bytes - rest.bytes;
    } else {
        block_free(body->held);
        body->held = NULL;
        body->held_taken = 0;
    }
    return verdict;
}

bool body_finish(struct body *body)
{
    assert(!body->has_more);
    if (!body->decode || decode_finish(body->decode))
        return true;
    body->fault = *decode_fault(body->decode);
    return false;
}

void body_check(const struct body *body)
{
    decode_list_check(&body->codings);
    if (body->decode)
        decode_check(body->decode);
    assert(!body->decode || (body->decodes && body->has_begun));
    assert(!body->has_more || body->decode);
    assert(body->held_taken == 0 || body->held_taken < body->held->bytes);
    assert(!body->held || body->has_more || fault_is_set(&body->fault));
    assert(!body->decode || !body->bytes_max || body->bytes <= body->bytes_max);
}
