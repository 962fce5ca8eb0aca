/*
 * test_source.c - a request's body is read piece by piece and framed, whatever the reads bring.
 */
#include "ring_fake.h"
#include "source.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct scene {
    struct ring *ring;
    struct upload upload;
    struct source source;
    unsigned ready_count;
    unsigned stopped_count;
};

static void on_ready(struct source *source)
{
    ((struct scene *)source->owner)->ready_count++;
}

static void on_stopped(struct source *source)
{
    ((struct scene *)source->owner)->stopped_count++;
}

/* What is in the file or pipe is said by fake_receive on its descriptor. */
static void source_begins(struct scene *t, uint64_t file_bytes)
{
    *t = (struct scene){ .ring = fake_new() };
    t->upload = (struct upload){ .fd = fake_connected_socket(t->ring), .bytes = file_bytes };
    t->upload.is_stream = file_bytes == UPLOAD_BYTES_UNKNOWN;
    source_init(&t->source, t->ring, &t->upload, on_ready, on_stopped, t);
}

static void scene_ends(struct scene *t)
{
    source_deinit(&t->source);
    ring_close(t->ring, t->upload.fd);
    fake_check_quiet(t->ring);
    ring_free(t->ring);
}

static void source_brings(struct scene *t, const char *framed, size_t payload)
{
    size_t payload_bytes = 0;
    struct block *block;

    assert_true(source_read(&t->source));
    (void)fake_run(t->ring);
    block = source_take(&t->source, &payload_bytes);
    assert_non_null(block);
    if (!span_equals(block_span(block), span_of_string(framed)))
        fail_msg("got '%.*s', not '%s'", (int)block->bytes, block->data, framed);
    assert_int_equal(payload_bytes, payload);
    block_free(block);
}

static void a_stream_comes_in_chunks_as_it_is_read(void **state)
{
    struct scene t;

    (void)state;
    source_begins(&t, UPLOAD_BYTES_UNKNOWN);
    assert_true(source_read(&t.source));
    (void)fake_run(t.ring);
    assert_int_equal(t.ready_count, 0); /* nothing is there yet, and nothing is said */
    fake_receive_text(t.ring, t.upload.fd, "hello");
    source_brings(&t, "5\r\nhello\r\n", 5);
    fake_receive_text(t.ring, t.upload.fd, "0123456789abcdef0");
    source_brings(&t, "11\r\n0123456789abcdef0\r\n", 17);
    assert_false(t.source.ended);
    fake_receive_eof(t.ring, t.upload.fd);
    source_brings(&t, "0\r\n\r\n", 0);
    assert_true(t.source.ended);
    assert_true(source_read(&t.source)); /* nothing more is read */
    assert_false(source_is_reading(&t.source));
    assert_int_equal(t.ready_count, 3);
    scene_ends(&t);
}

static void a_full_piece_is_one_chunk(void **state)
{
    const size_t bytes = SOURCE_PIECE_BYTES + 1;
    char *data = malloc(bytes);
    size_t payload_bytes;
    struct block *block;
    struct scene t;

    (void)state;
    memset(data, 'x', bytes);
    source_begins(&t, UPLOAD_BYTES_UNKNOWN);
    fake_receive(t.ring, t.upload.fd, span_of(data, bytes));
    assert_true(source_read(&t.source));
    (void)fake_run(t.ring);
    block = source_take(&t.source, &payload_bytes);
    assert_non_null(block);
    assert_int_equal(payload_bytes, SOURCE_PIECE_BYTES);
    assert_int_equal(block->bytes, 7 + SOURCE_PIECE_BYTES + 2);
    assert_memory_equal(block->data, "10000\r\nxxx", 10);
    assert_memory_equal(block->data + block->bytes - 3, "x\r\n", 3);
    block_free(block);
    source_brings(&t, "1\r\nx\r\n", 1);
    free(data);
    scene_ends(&t);
}

static void a_file_ends_at_its_length(void **state)
{
    struct scene t;

    (void)state;
    source_begins(&t, 6);
    fake_receive_text(t.ring, t.upload.fd, "abcdefgh"); /* it has grown meanwhile */
    source_brings(&t, "abcdef", 6);
    assert_true(t.source.ended);
    scene_ends(&t);

    source_begins(&t, 4);
    fake_receive_text(t.ring, t.upload.fd, "abc");
    source_brings(&t, "abc", 3); /* a short read */
    fake_receive_text(t.ring, t.upload.fd, "d");
    source_brings(&t, "d", 1);
    assert_true(t.source.ended);
    scene_ends(&t);
}

static void fails(struct scene *t, int error)
{
    size_t payload_bytes;

    assert_true(source_read(&t->source));
    (void)fake_run(t->ring);
    assert_true(t->ready_count > 0);
    assert_null(source_take(&t->source, &payload_bytes));
    assert_int_equal(t->source.fault.code, FAULT_IO_SEND);
    assert_int_equal(t->source.fault.phase, PHASE_SEND);
    assert_int_equal(t->source.fault.error, error);
    assert_true(source_read(&t->source)); /* and that is that */
    assert_false(source_is_reading(&t->source));
}

static void a_file_that_has_become_shorter_is_a_fault(void **state)
{
    struct scene t;

    (void)state;
    source_begins(&t, 4);
    fake_receive_text(t.ring, t.upload.fd, "abc");
    source_brings(&t, "abc", 3);
    fake_receive_eof(t.ring, t.upload.fd);
    fails(&t, 0);
    scene_ends(&t);
}

static void what_cannot_be_read_is_a_fault(void **state)
{
    struct scene t;

    (void)state;
    source_begins(&t, UPLOAD_BYTES_UNKNOWN);
    fake_receive_error(t.ring, t.upload.fd, -EIO);
    fails(&t, EIO);
    assert_false(t.source.has_read);
    scene_ends(&t);
}

static void an_interrupted_read_goes_on(void **state)
{
    struct scene t;

    (void)state;
    source_begins(&t, UPLOAD_BYTES_UNKNOWN);
    fake_receive_error(t.ring, t.upload.fd, -EINTR);
    assert_true(source_read(&t.source));
    (void)fake_run(t.ring);
    assert_true(source_is_reading(&t.source));
    assert_int_equal(t.ready_count, 0);
    assert_false(source_stop(&t.source));
    (void)fake_run(t.ring);
    scene_ends(&t);
}

/* A descriptor may have come with O_NONBLOCK set, which is the client's to choose. */
static void one_that_does_not_wait_is_waited_for(void **state)
{
    struct scene t;

    (void)state;
    source_begins(&t, UPLOAD_BYTES_UNKNOWN);
    fake_receive_error(t.ring, t.upload.fd, -EAGAIN);
    assert_true(source_read(&t.source));
    (void)fake_run(t.ring);
    assert_int_equal(t.ready_count, 0);
    assert_true(t.source.is_polling);
    assert_false(source_stop(&t.source));
    (void)fake_run(t.ring);
    assert_int_equal(t.stopped_count, 1);
    assert_int_equal(t.ready_count, 0);
    scene_ends(&t);
}

static void a_stop_ends_a_read_that_waits(void **state)
{
    struct scene t;

    (void)state;
    source_begins(&t, UPLOAD_BYTES_UNKNOWN);
    assert_true(source_stop(&t.source)); /* nothing was being read */
    assert_true(source_read(&t.source));
    assert_false(source_is_reading(&t.source));
    scene_ends(&t);

    source_begins(&t, UPLOAD_BYTES_UNKNOWN);
    assert_true(source_read(&t.source));
    (void)fake_run(t.ring);
    assert_false(source_stop(&t.source));
    assert_int_equal(t.stopped_count, 0);
    (void)fake_run(t.ring);
    assert_int_equal(t.stopped_count, 1);
    assert_int_equal(t.ready_count, 0);
    scene_ends(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_comes_in_chunks_as_it_is_read),
        cmocka_unit_test(a_full_piece_is_one_chunk),
        cmocka_unit_test(a_file_ends_at_its_length),
        cmocka_unit_test(a_file_that_has_become_shorter_is_a_fault),
        cmocka_unit_test(what_cannot_be_read_is_a_fault),
        cmocka_unit_test(an_interrupted_read_goes_on),
        cmocka_unit_test(one_that_does_not_wait_is_waited_for),
        cmocka_unit_test(a_stop_ends_a_read_that_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
