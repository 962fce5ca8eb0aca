/*
 * Where a body goes: nothing of it is lost or counted twice, and a full place is said in time.
 */
#include "sink.h"

#include "ring_fake.h"
#include "writer_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct scene {
    struct ring *ring;
    struct writer *writer;
    struct writer_file *file;
    struct sink sink;
    struct list blocks;
    size_t got_bytes;
    unsigned ready_count, closed_count;
};

static void on_body(void *ctx, uint64_t id, struct block *block)
{
    struct scene *t = ctx;

    assert_int_equal(id, 7);
    assert_true(block_room(block) >= 7); /* for the padding of its frame */
    t->got_bytes += block->bytes;
    list_link_back(&t->blocks, &block->link);
}

static void on_ready(struct sink *sink)
{
    container_of(sink, struct scene, sink)->ready_count++;
}

static void on_written(void *ctx, int error, size_t bytes)
{
    sink_returned(&((struct scene *)ctx)->sink, bytes, error);
}

static void on_file_closed(void *ctx, int error)
{
    (void)error;
    ((struct scene *)ctx)->closed_count++;
}

static const struct mailbox_front *front_of(struct scene *t)
{
    static struct mailbox_front front;

    front = (struct mailbox_front){ .body = on_body, .ctx = t };
    return &front;
}

static int begin(void **state)
{
    static const struct writer_file_ops ops = { .written = on_written, .closed = on_file_closed };
    static struct scene scene;
    struct scene *t = &scene;

    *t = (struct scene){ .ring = fake_new() };
    list_init(&t->blocks);
    assert_int_equal(writer_new(&t->writer, t->ring, NULL), 0);
    assert_int_equal(
        writer_open(t->writer, open("/dev/null", O_WRONLY | O_CLOEXEC), &ops, t, &t->file), 0);
    *state = t;
    return 0;
}

static int end(void **state)
{
    struct scene *t = *state;

    sink_deinit(&t->sink);
    sink_deinit(&t->sink); /* harmless */
    block_free_all(&t->blocks);
    writer_close(t->writer, t->file, false);
    fake_run(t->ring);
    assert_int_equal(t->closed_count, 1);
    writer_free(t->writer);
    ring_free(t->ring);
    return 0;
}

static void goes_to(struct scene *t, enum attempt_sink kind, size_t window_bytes)
{
    const struct sink_options options = { .kind = kind,
                                          .front = front_of(t),
                                          .writer = t->writer,
                                          .file = t->file,
                                          .id = 7,
                                          .window_bytes = window_bytes };

    sink_init(&t->sink, &options, on_ready);
}

static enum sink_verdict writes(struct scene *t, size_t bytes)
{
    char *body = calloc(1, bytes);
    enum sink_verdict verdict = sink_write(&t->sink, span_of(body, bytes));

    free(body);
    return verdict;
}

static void nowhere_is_never_full(void **state)
{
    struct scene *t = *state;

    goes_to(t, ATTEMPT_SINK_DISCARD, 1);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(writes(t, 1u << 20), SINK_TAKEN);
    assert_true(sink_is_settled(&t->sink));
    assert_int_equal(t->got_bytes, 0);
}

static void data_is_full_at_its_window_and_takes_the_piece_all_the_same(void **state)
{
    struct scene *t = *state;

    goes_to(t, ATTEMPT_SINK_DATA, 100);
    assert_int_equal(writes(t, 99), SINK_TAKEN);
    assert_int_equal(writes(t, 50), SINK_FULL);
    assert_int_equal(t->got_bytes, 149);
    sink_returned(&t->sink, 49, 0); /* 100 are still on their way */
    assert_int_equal(t->ready_count, 0);
    sink_returned(&t->sink, 1, 0);
    assert_int_equal(t->ready_count, 1);
    sink_returned(&t->sink, 99, 0);
    assert_int_equal(t->ready_count, 1); /* told once */
    assert_true(sink_is_settled(&t->sink));
}

static void a_file_is_full_when_too_much_is_on_its_way(void **state)
{
    struct scene *t = *state;

    goes_to(t, ATTEMPT_SINK_FILE, 1);
    fake_writer_hold(t->writer);
    assert_int_equal(writes(t, SINK_BYTES_MAX - 1), SINK_TAKEN);
    assert_int_equal(writes(t, 1), SINK_FULL);
    fake_writer_release(t->writer);
    fake_run(t->ring);
    assert_int_equal(t->ready_count, 1);
    assert_int_equal(fake_writer_text(t->writer).bytes, SINK_BYTES_MAX);
}

static void what_the_writer_has_no_room_for_is_kept_and_not_lost(void **state)
{
    struct scene *t = *state;

    goes_to(t, ATTEMPT_SINK_FILE, 1);
    assert_int_equal(writes(t, 10), SINK_TAKEN);
    fake_writer_fill(t->writer);
    assert_int_equal(writes(t, 20), SINK_FULL);
    assert_false(sink_is_settled(&t->sink));
    fake_run(t->ring);
    assert_int_equal(t->ready_count, 0); /* the ten are written; there is still no room */
    fake_writer_empty(t->writer);
    fake_run(t->ring);
    assert_int_equal(t->ready_count, 1);
    assert_true(sink_is_settled(&t->sink));
    assert_int_equal(fake_writer_text(t->writer).bytes, 30);
}

static void a_file_that_fails_says_so_once_and_takes_nothing_more(void **state)
{
    struct scene *t = *state;

    goes_to(t, ATTEMPT_SINK_FILE, 1);
    fake_writer_fails(t->writer, ENOSPC);
    assert_int_equal(writes(t, 10), SINK_TAKEN);
    fake_run(t->ring);
    assert_int_equal(t->ready_count, 1);
    assert_int_equal(t->sink.fault.code, FAULT_SINK_WRITE);
    assert_int_equal(t->sink.fault.phase, PHASE_DELIVER);
    assert_int_equal(t->sink.fault.error, ENOSPC);
    assert_int_equal(writes(t, 10), SINK_FAILED);
}

static void what_was_kept_is_dropped_when_the_file_fails(void **state)
{
    struct scene *t = *state;

    goes_to(t, ATTEMPT_SINK_FILE, 1);
    assert_int_equal(writes(t, 10), SINK_TAKEN);
    fake_writer_fill(t->writer);
    assert_int_equal(writes(t, 20), SINK_FULL);
    fake_writer_fails(t->writer, EIO);
    fake_run(t->ring);
    assert_int_equal(t->ready_count, 1);
    assert_true(sink_is_settled(&t->sink));
    assert_int_equal(t->sink.fault.error, EIO);
}

int main(void)
{
#define SINK(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        SINK(nowhere_is_never_full),
        SINK(data_is_full_at_its_window_and_takes_the_piece_all_the_same),
        SINK(a_file_is_full_when_too_much_is_on_its_way),
        SINK(what_the_writer_has_no_room_for_is_kept_and_not_lost),
        SINK(a_file_that_fails_says_so_once_and_takes_nothing_more),
        SINK(what_was_kept_is_dropped_when_the_file_fails),
    };
#undef SINK

    return cmocka_run_group_tests(tests, NULL, NULL);
}
