/*
 * Bytes on their way to a client: in order, together, however short the sends are.
 */
#include "outbox.h"

#include "ring_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct scene {
    struct ring *ring;
    struct outbox outbox;
    int fd;
    unsigned progress_count, failed_count;
    int error;
};

static void on_progress(void *ctx)
{
    ((struct scene *)ctx)->progress_count++;
}

static void on_failed(void *ctx, int error)
{
    ((struct scene *)ctx)->failed_count++;
    ((struct scene *)ctx)->error = error;
}

static const struct outbox_events events = { .progress = on_progress, .failed = on_failed };

static void begins(struct scene *t, uint64_t seed)
{
    *t = (struct scene){ .ring = seed ? fake_new_random(seed) : fake_new() };
    t->fd = fake_connected_socket(t->ring);
    outbox_init(&t->outbox, t->ring, t->fd, &events, t);
}

static int begin(void **state)
{
    static struct scene scene;

    begins(&scene, 0);
    *state = &scene;
    return 0;
}

static void ends(struct scene *t)
{
    if (outbox_is_sending(&t->outbox))
        outbox_cancel(&t->outbox);
    fake_run(t->ring);
    outbox_deinit(&t->outbox);
    outbox_deinit(&t->outbox); /* harmless */
    ring_close(t->ring, t->fd);
    fake_check_quiet(t->ring);
    ring_free(t->ring);
}

static int end(void **state)
{
    ends(*state);
    return 0;
}

static void writes(struct scene *t, const char *text)
{
    char *out = outbox_reserve(&t->outbox, strlen(text));

    assert_non_null(out);
    memcpy(out, text, strlen(text));
}

static void pushes(struct scene *t, const char *text)
{
    outbox_push_block(&t->outbox, block_copy(span_of_string(text), 0));
}

static void client_has(const struct scene *t, const char *text)
{
    struct span sent = fake_sent(t->ring, t->fd);

    if (!span_equals(sent, span_of_string(text)))
        fail_msg("%.*s, not %s", (int)sent.bytes, sent.data, text);
}

static void what_one_turn_brings_leaves_together(void **state)
{
    struct scene *t = *state;

    writes(t, "one ");
    writes(t, "two ");
    pushes(t, "three ");
    writes(t, "four");
    client_has(t, "");
    fake_run(t->ring);
    client_has(t, "one two three four");
    assert_int_equal(ring_counters(t->ring)->sqes, 1);
    assert_int_equal(t->progress_count, 1);
    assert_true(outbox_is_empty(&t->outbox));
    assert_int_equal(t->outbox.bytes_queued, 0);
}

static void a_short_send_goes_on_where_it_stopped(void **state)
{
    struct scene *t = *state;

    writes(t, "abc");
    pushes(t, "defg");
    writes(t, "hij");
    fake_send_result(t->ring, t->fd, 2);
    fake_send_result(t->ring, t->fd, 1);
    fake_send_result(t->ring, t->fd, 5);
    fake_run(t->ring);
    client_has(t, "abcdefghij");
    assert_int_equal(t->progress_count, 4);
    assert_int_equal(t->outbox.bytes_queued, 0);
}

static void an_interrupted_send_is_tried_again(void **state)
{
    struct scene *t = *state;

    writes(t, "abc");
    fake_send_result(t->ring, t->fd, -EINTR);
    fake_send_result(t->ring, t->fd, -EAGAIN);
    fake_run(t->ring);
    client_has(t, "abc");
    assert_int_equal(t->failed_count, 0);
}

static void what_is_being_sent_is_not_touched(void **state)
{
    struct scene *t = *state;

    writes(t, "abc");
    fake_send_result(t->ring, t->fd, FAKE_NEVER);
    fake_run(t->ring);
    assert_true(outbox_is_sending(&t->outbox));
    writes(t, "def");
    fake_run(t->ring);
    assert_int_equal(t->outbox.bytes_queued, 6);
    client_has(t, "");
    fake_send_release(t->ring, t->fd);
    fake_run(t->ring);
    client_has(t, "abcdef");
}

static void many_pieces_are_sent_in_several_calls(void **state)
{
    struct scene *t = *state;
    char expected[3 * OUTBOX_PIECES_MAX * 4 + 1] = "";

    for (unsigned i = 0; i < 3 * OUTBOX_PIECES_MAX; i++) {
        char text[8];

        (void)snprintf(text, sizeof(text), "%03u ", i);
        pushes(t, text);
        memcpy(expected + strlen(expected), text, 5);
    }
    fake_run(t->ring);
    client_has(t, expected);
    assert_int_equal(ring_counters(t->ring)->sqes, 3);
}

static void a_large_piece_has_room_of_its_own(void **state)
{
    struct scene *t = *state;
    char *out = outbox_reserve(&t->outbox, 1u << 20);

    memset(out, 'x', 1u << 20);
    writes(t, "end");
    fake_run(t->ring);
    assert_int_equal(fake_sent(t->ring, t->fd).bytes, (1u << 20) + 3);
}

static void a_failure_is_told_once_and_ends_it(void **state)
{
    struct scene *t = *state;

    writes(t, "abc");
    fake_send_result(t->ring, t->fd, -EPIPE);
    fake_run(t->ring);
    writes(t, "def");
    fake_run(t->ring);
    assert_int_equal(t->failed_count, 1);
    assert_int_equal(t->error, EPIPE);
    assert_int_equal(ring_counters(t->ring)->sqes, 1);
}

static void cancelled_it_sends_nothing_more(void **state)
{
    struct scene *t = *state;

    writes(t, "abc");
    outbox_cancel(&t->outbox);
    fake_run(t->ring);
    client_has(t, "");
    assert_int_equal(ring_counters(t->ring)->sqes, 0);
}

static void order_survives_bad_luck(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct scene t;
        char expected[8000] = "";

        begins(&t, seed);
        for (unsigned i = 0; i < 500; i++) {
            char text[16];

            (void)snprintf(text, sizeof(text), "%u,", i);
            memcpy(expected + strlen(expected), text, strlen(text) + 1);
            if (ring_random(t.ring) % 3 == 0)
                pushes(&t, text);
            else
                writes(&t, text);
            if (ring_random(t.ring) % 4 == 0)
                (void)ring_turn(t.ring, 0);
        }
        while (!outbox_is_empty(&t.outbox))
            (void)ring_turn(t.ring, 0);
        client_has(&t, expected);
        ends(&t);
    }
}

int main(void)
{
#define OUTBOX(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        OUTBOX(what_one_turn_brings_leaves_together),
        OUTBOX(a_short_send_goes_on_where_it_stopped),
        OUTBOX(an_interrupted_send_is_tried_again),
        OUTBOX(what_is_being_sent_is_not_touched),
        OUTBOX(many_pieces_are_sent_in_several_calls),
        OUTBOX(a_large_piece_has_room_of_its_own),
        OUTBOX(a_failure_is_told_once_and_ends_it),
        OUTBOX(cancelled_it_sends_nothing_more),
        cmocka_unit_test(order_survives_bad_luck),
    };
#undef OUTBOX

    return cmocka_run_group_tests(tests, NULL, NULL);
}
