/*
 * Descriptors that come with frames: matched by what frames declare, closed when nobody does.
 */
#include "scene.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ORIGIN "http://origin.test/"

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int open_null(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void descriptors_that_nobody_declared_are_closed_and_a_breach(void **state)
{
    struct scene *t = *state;
    int fd = open_null();
    unsigned before;
    char out[16];

    client_begins(t, 1);
    before = open_descriptors();
    message_encode_fixed(out, WIRE_PING, 0, 5, NULL, 0);
    fake_receive_fds(t->ring, t->client->fd, span_of(out, 16), (int[]){ fd, fd, fd }, 3);
    scene_settle(t);
    assert_int_equal(t->client->pongs_count, 1);
    client_is_refused(t, WIRE_ERROR_FDS);
    assert_int_equal(open_descriptors(), before);
    (void)close(fd);
}

/* All descriptors of frames that are written at once may come with the first byte of the first; a
 * read that is full at the border of two of these frames is not their end. */
static void descriptors_wait_for_their_frame_behind_a_full_read(void **state)
{
    enum {
        PINGS = (128 << 10) / 16
    };
    const struct message_request message = {
        .fixed = { .batch_id = 1, .profile_id = 1, .body_mode = WIRE_BODY_FD },
        .url = SPAN_LITERAL(ORIGIN)
    };
    char *out = malloc(PINGS * 16 + 512);
    struct scene *t = *state;
    int fd = open_null();
    size_t bytes = 0;

    client_begins(t, 1);
    for (unsigned i = 0; i < PINGS; i++)
        bytes += message_encode_fixed(out + bytes, WIRE_PING, 0, i, NULL, 0);
    bytes += message_encode_request(out + bytes, 1, &message, 1);
    t->client->items[1].is_open = true;
    fake_receive_fds(t->ring, t->client->fd, span_of(out, bytes), &fd, 1);
    scene_settle(t);
    assert_int_equal(t->client->error_code, 0);
    origin_replies(t, 1, HELLO);
    client_receives(t, 1, 200, "");
    free(out);
    (void)close(fd);
}

static void refuses_descriptors_that_do_not_agree_with_the_body_mode(void **state)
{
    struct scene *t = *state;
    int fd = open_null();
    unsigned before = open_descriptors();
    const struct scene_request surplus = { .url = ORIGIN, .fd = &fd };
    const struct scene_request missing = { .url = ORIGIN, .body_mode = WIRE_BODY_FD };

    client_begins(t, 1);
    client_submits_as(t, 1, &surplus);
    client_is_refused(t, WIRE_ERROR_FDS);
    client_begins(t, 1);
    client_submits_as(t, 1, &missing);
    client_is_refused(t, WIRE_ERROR_FDS);
    assert_int_equal(open_descriptors(), before);
    (void)close(fd);
}

static void refuses_more_descriptors_than_the_quota(void **state)
{
    struct scene *t = *state;
    unsigned before = open_descriptors();
    struct rlimit limit;
    int fds[16];

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 2 * WIRE_FDS_PER_SESSION)
        skip();
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    for (unsigned i = 0; i < 16; i++)
        fds[i] = open_null();
    client_begins(t, 1);
    client_says(t, span_of("\0\x10\0\0\x04\0\1", 7)); /* they may belong to this frame */
    for (unsigned i = 0; i < WIRE_FDS_PER_SESSION / 16; i++)
        fake_receive_fds(t->ring, t->client->fd, span_of("", 1), fds, 16);
    scene_settle(t);
    assert_int_equal(open_descriptors(), before + 16 + WIRE_FDS_PER_SESSION);
    fake_receive_fds(t->ring, t->client->fd, span_of("", 1), fds, 1);
    scene_settle(t);
    client_is_refused(t, WIRE_ERROR_FDS);
    for (unsigned i = 0; i < 16; i++)
        (void)close(fds[i]);
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(descriptors_that_nobody_declared_are_closed_and_a_breach),
        SCENE(descriptors_wait_for_their_frame_behind_a_full_read),
        SCENE(refuses_descriptors_that_do_not_agree_with_the_body_mode),
        SCENE(refuses_more_descriptors_than_the_quota),
    };
#undef SCENE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
