/*
 * attempts.c - an engine between a front that remembers everything and a server that the test
 * speaks for.
 */
#include "attempts.h"

#include "writer_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define QUIET_TURNS 3
#define QUIET_TURNS_RANDOM 30
#define TURNS_MAX 200000

static struct outcome *outcome_of(struct attempts *t, uint64_t id)
{
    struct outcome *o = &t->outcomes[id % ATTEMPTS_MAX];

    assert_true(o->is_begun);
    assert_int_equal(o->done_count, 0); /* nothing follows the outcome */
    return o;
}

static void on_head(void *ctx, uint64_t id, const struct attempt_head *head)
{
    struct outcome *o = outcome_of(ctx, id);

    o->heads_count++;
    o->head_status = head->status;
}

static void on_body(void *ctx, uint64_t id, struct block *block)
{
    struct attempts *t = ctx;
    struct outcome *o = outcome_of(t, id);

    o->body = realloc(o->body, o->body_bytes + block->bytes + 1);
    assert_non_null(o->body);
    memcpy(o->body + o->body_bytes, block->data, block->bytes);
    o->body_bytes += block->bytes;
    o->body[o->body_bytes] = '\0';
    o->kept_bytes += block->bytes;
    block_free(block);
}

static void on_done(void *ctx, uint64_t id, const struct attempt_result *result)
{
    struct attempts *t = ctx;
    struct outcome *o = outcome_of(t, id);

    o->done_count++;
    o->order = ++t->done_count;
    o->result = *result;
    (void)snprintf(o->content_type, sizeof(o->content_type), "%.*s",
                   (int)result->content_type.bytes, result->content_type.data);
    if (t->cancels_in_done)
        t->mailbox.cancel(t->mailbox.ctx, t->cancels_in_done, FAULT_CANCELLED_CLIENT);
    t->cancels_in_done = 0;
}

void attempts_begin(struct attempts *t, const struct attempts_options *options)
{
    const struct resolve_options resolve = { .servers = t->dns.address };
    const struct mailbox_front front = {
        .head = on_head, .body = on_body, .done = on_done, .ctx = t
    };
    const struct engine_options engine = {
        .pool = { .conns_max = options->conns_max ? options->conns_max : 64,
                  .idle_timeout_ns = 30 * ATTEMPTS_S },
        .limits = { .head_bytes_max = 64u << 10,
                    .fields_max = 100,
                    .interim_max = 16,
                    .trailer_bytes_max = 4u << 10 },
        .exchanges_max = ATTEMPTS_MAX,
        .per_origin_total_max = options->per_origin_total_max,
        .rate_per_origin_uhz = options->rate_per_origin_uhz,
        .idle_origins_max = 64,
        .sink_timeout_ns = 30 * ATTEMPTS_S,
    };

    *t = (struct attempts){ .ring = options->seed ? fake_new_random(options->seed) : fake_new() };
    timers_init(&t->timers, ring_now_ns(t->ring));
    silent_dns_open(&t->dns);
    assert_int_equal(resolve_new(&t->resolve, t->ring, &t->timers, &resolve), 0);
    assert_int_equal(writer_new(&t->writer, t->ring, NULL), 0);
    assert_int_equal(
        engine_init(&t->engine, t->ring, &t->timers, t->resolve, t->writer, &engine, &front), 0);
    t->mailbox = engine_mailbox(&t->engine);
}

static void attempts_turn(struct attempts *t)
{
    assert_int_equal(ring_turn(t->ring, 0), 0);
    timers_advance(&t->timers, ring_now_ns(t->ring));
    engine_check(&t->engine);
    timers_check(&t->timers);
    for (uint64_t id = 0; id < ATTEMPTS_MAX && !t->keeps_bodies; id++) {
        struct outcome *o = &t->outcomes[id];
        size_t bytes = o->kept_bytes;

        o->kept_bytes = 0;
        if (bytes > 0 && o->done_count == 0)
            t->mailbox.sink_ready(t->mailbox.ctx, id, bytes, 0);
    }
}

void attempts_settle(struct attempts *t)
{
    unsigned quiet_max = strcmp(ring_tier(t->ring), "fake") != 0 ? QUIET_TURNS_RANDOM : QUIET_TURNS;

    for (unsigned turns = 0, quiet = 0; quiet < quiet_max; turns++) {
        uint64_t cqes = ring_counters(t->ring)->cqes;

        assert_true(turns < TURNS_MAX);
        attempts_turn(t);
        quiet = ring_counters(t->ring)->cqes == cqes ? quiet + 1 : 0;
    }
}

void attempts_wait(struct attempts *t, uint64_t ns)
{
    uint64_t end_ns = ring_now_ns(t->ring) + ns;

    for (;;) {
        uint64_t now_ns = ring_now_ns(t->ring);
        uint64_t next_ns = timers_next_ns(&t->timers);

        next_ns = next_ns > now_ns ? next_ns : now_ns + ATTEMPTS_MS;
        if (next_ns >= end_ns)
            break;
        fake_advance(t->ring, next_ns - now_ns);
        attempts_settle(t);
    }
    if (end_ns > ring_now_ns(t->ring))
        fake_advance(t->ring, end_ns - ring_now_ns(t->ring));
    attempts_settle(t);
}

void attempts_end(struct attempts *t)
{
    attempts_settle(t);
    engine_close(&t->engine);
    resolve_shutdown(t->resolve);
    attempts_settle(t);
    for (unsigned id = 0; id < ATTEMPTS_MAX; id++) {
        if (t->outcomes[id].is_begun)
            assert_int_equal(t->outcomes[id].done_count, 1);
        free(t->outcomes[id].body);
    }
    assert_true(engine_is_closed(&t->engine));
    assert_int_equal(t->engine.counters.started, t->engine.counters.finished);
    fake_check_quiet(t->ring);
    engine_deinit(&t->engine);
    resolve_free(t->resolve);
    silent_dns_close(&t->dns);
    writer_free(t->writer);
    ring_free(t->ring);
}

/* ---- the front ---- */

struct attempt plain_attempt(uint64_t id)
{
    return (struct attempt){ .id = id,
                             .batch_key = 1,
                             .per_origin_max = 64,
                             .host = SPAN_LITERAL("127.0.0.1"),
                             .port = 80,
                             .dial_host = SPAN_LITERAL("127.0.0.1"),
                             .dial_port = 80,
                             .dns_timeout_ns = 5 * ATTEMPTS_S,
                             .connect_timeout_ns = 10 * ATTEMPTS_S,
                             .first_byte_timeout_ns = 60 * ATTEMPTS_S,
                             .idle_timeout_ns = 60 * ATTEMPTS_S,
                             .sink = ATTEMPT_SINK_DATA,
                             .window_bytes = 64u << 10 };
}

void front_starts(struct attempts *t, const struct attempt *attempt)
{
    static const struct span request = { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27 };
    struct attempt mine = *attempt;
    struct outcome *o = &t->outcomes[attempt->id % ATTEMPTS_MAX];

    free(o->body);
    *o = (struct outcome){ .is_begun = true };
    mine.request = block_copy(request, 0);
    t->mailbox.start(t->mailbox.ctx, &mine);
    assert_int_equal(o->done_count, 0); /* never inside start */
    attempts_settle(t);
}

void front_starts_plain(struct attempts *t, uint64_t id)
{
    const struct attempt attempt = plain_attempt(id);

    front_starts(t, &attempt);
}

void front_cancels(struct attempts *t, uint64_t id, enum fault_code code)
{
    unsigned before = t->outcomes[id % ATTEMPTS_MAX].done_count;

    t->mailbox.cancel(t->mailbox.ctx, id, code);
    assert_int_equal(t->outcomes[id % ATTEMPTS_MAX].done_count, before); /* never inside */
    attempts_settle(t);
}

void front_returns(struct attempts *t, uint64_t id, size_t bytes)
{
    struct outcome *o = &t->outcomes[id % ATTEMPTS_MAX];

    assert_true(bytes <= o->kept_bytes);
    o->kept_bytes -= bytes;
    t->mailbox.sink_ready(t->mailbox.ctx, id, bytes, 0);
    attempts_settle(t);
}

const struct outcome *front_has(const struct attempts *t, uint64_t id)
{
    const struct outcome *o = &t->outcomes[id % ATTEMPTS_MAX];

    if (o->done_count != 1)
        fail_msg("attempt %llu has %u outcomes", (unsigned long long)id, o->done_count);
    return o;
}

void front_has_nothing(const struct attempts *t, uint64_t id)
{
    assert_int_equal(t->outcomes[id % ATTEMPTS_MAX].done_count, 0);
}

void front_has_response(const struct attempts *t, uint64_t id, unsigned status, const char *body)
{
    const struct outcome *o = front_has(t, id);

    if (fault_is_set(&o->result.fault))
        fail_msg("attempt %llu failed: %s in %s", (unsigned long long)id,
                 fault_name(o->result.fault.code), phase_name(o->result.fault.phase));
    assert_int_equal(o->result.status, status);
    assert_true(o->result.complete);
    if (body)
        assert_string_equal(o->body ? o->body : "", body);
}

void front_has_fault(const struct attempts *t, uint64_t id, enum fault_code code, enum phase phase)
{
    const struct outcome *o = front_has(t, id);

    assert_string_equal(fault_name(o->result.fault.code), fault_name(code));
    assert_int_equal(o->result.fault.code, code);
    assert_string_equal(phase_name(o->result.fault.phase), phase_name(phase));
}

/* ---- the server ---- */

void server_says_bytes(struct attempts *t, unsigned nth, struct span bytes)
{
    fake_receive(t->ring, fake_fd(nth), bytes);
    attempts_settle(t);
}

void server_says(struct attempts *t, unsigned nth, const char *text)
{
    server_says_bytes(t, nth, span_of_string(text));
}

void server_closes(struct attempts *t, unsigned nth)
{
    fake_receive_eof(t->ring, fake_fd(nth));
    attempts_settle(t);
}

void server_resets(struct attempts *t, unsigned nth)
{
    fake_receive_error(t->ring, fake_fd(nth), -ECONNRESET);
    attempts_settle(t);
}
