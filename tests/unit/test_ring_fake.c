/*
 * The fake ring keeps the contract of ring.h, with and without luck, so that what is tested on it
 * may be believed. test_ring.c runs the same script on the kernel.
 */
#include "ring_fake.h"
#include "ring_script.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

struct seen {
    struct ring_op op;
    unsigned events;
    int32_t result;
    bool has_ended;
    uint64_t submitted_ns, completed_ns;
    char text[64];
    size_t bytes;
};

static void on_event(struct ring_op *op, const struct ring_event *event)
{
    struct seen *seen = container_of(op, struct seen, op);

    seen->events++;
    seen->result = event->result;
    seen->has_ended = !event->more;
    seen->submitted_ns = event->submitted_ns;
    seen->completed_ns = event->completed_ns;
    for (size_t i = 0; i < event->bytes.bytes && seen->bytes < sizeof(seen->text) - 1; i++)
        seen->text[seen->bytes++] = event->bytes.data[i];
}

static struct seen watch(void)
{
    return (struct seen){ .op.done = on_event };
}

static const struct sockaddr_in somewhere = { .sin_family = AF_INET, .sin_port = 80 };

static void start_connect(struct ring *ring, struct seen *seen, int fd)
{
    ring_connect(ring, &seen->op, fd, (const struct sockaddr *)&somewhere, sizeof(somewhere));
}

static void tells_the_same_story_as_the_kernel(void **state)
{
    char story[RING_SCRIPT_BYTES];
    struct ring *ring = fake_new();

    (void)state;
    ring_script_run(ring, fake_pair, story);
    assert_string_equal(story, ring_script_expected);
    fake_check_quiet(ring);
    ring_free(ring);
}

static void tells_the_same_story_with_any_luck(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 500; seed++) {
        char story[RING_SCRIPT_BYTES];
        struct ring *ring = fake_new_random(seed);

        ring_script_run(ring, fake_pair, story);
        if (strcmp(story, ring_script_expected) != 0)
            print_message("seed %llu\n", (unsigned long long)seed);
        assert_string_equal(story, ring_script_expected);
        fake_check_quiet(ring);
        ring_free(ring);
    }
}

static void connects_at_once_unless_told_otherwise(void **state)
{
    static const int32_t results[] = { 0, -ECONNREFUSED, -ENETUNREACH };
    struct ring *ring = fake_new();

    (void)state;
    fake_connect_result(ring, 0);
    fake_connect_result(ring, -ECONNREFUSED);
    fake_connect_result(ring, -ENETUNREACH);
    for (unsigned i = 0; i < 4; i++) {
        struct seen seen = watch();
        int fd = ring_socket(ring, AF_INET, SOCK_STREAM);

        assert_int_equal(fd, fake_fd(i + 1));
        assert_null(fake_connected_to(ring, fd));
        start_connect(ring, &seen, fd);
        assert_int_equal(seen.events, 0); /* not inside the call */
        assert_int_equal(fake_run(ring), 1);
        assert_int_equal(seen.result, i < 3 ? results[i] : 0);
        assert_true(seen.has_ended);
        assert_int_equal(fake_connected_to(ring, fd)->sa_family, AF_INET);
        ring_close(ring, fd);
    }
    fake_check_quiet(ring);
    ring_free(ring);
}

static void connect_hangs_until_finished_or_cancelled(void **state)
{
    struct ring *ring = fake_new();
    struct seen first = watch(), second = watch();
    int fds[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        fake_connect_result(ring, FAKE_NEVER);
        fds[i] = ring_socket(ring, AF_INET, SOCK_STREAM);
        start_connect(ring, i ? &second : &first, fds[i]);
    }
    assert_int_equal(fake_run(ring), 0);
    assert_int_equal(fake_ops_in_flight(ring), 2);
    fake_connect_finish(ring, fds[0], 0);
    ring_cancel(ring, &second.op);
    assert_int_equal(second.events, 0);
    assert_int_equal(fake_run(ring), 2);
    assert_int_equal(first.result, 0);
    assert_int_equal(second.result, -ECANCELED);
    ring_close(ring, fds[0]);
    ring_close(ring, fds[1]);
    ring_free(ring);
}

static void calls_fail_when_told_to(void **state)
{
    struct ring *ring = fake_new();
    int on = 1;
    int fd;

    (void)state;
    fake_socket_result(ring, -EMFILE);
    fake_bind_result(ring, -EADDRINUSE);
    assert_int_equal(ring_socket(ring, AF_INET, SOCK_STREAM), -EMFILE);
    fd = ring_socket(ring, AF_INET, SOCK_STREAM);
    assert_int_equal(fd, fake_last_fd(ring));
    assert_int_equal(ring_bind(ring, fd, (const void *)&somewhere, sizeof(somewhere)), -EADDRINUSE);
    assert_int_equal(ring_bind(ring, fd, (const void *)&somewhere, sizeof(somewhere)), 0);
    assert_int_equal(fake_option(ring, fd, 6, 1), -1);
    assert_int_equal(ring_option(ring, fd, 6, 1, &on, sizeof(on)), 0);
    assert_int_equal(fake_option(ring, fd, 6, 1), 1);
    ring_abort(ring, fd);
    assert_true(fake_was_aborted(ring, fd));
    assert_false(fake_is_open(ring, fd));
    ring_free(ring);
}

static void time_passes_only_by_hand_or_by_waiting(void **state)
{
    struct ring *ring = fake_new();
    uint64_t now_ns = ring_now_ns(ring);

    (void)state;
    assert_true(now_ns == FAKE_START_NS);
    (void)fake_run(ring);
    (void)ring_turn(ring, 0);
    (void)ring_turn(ring, UINT64_MAX);
    assert_true(ring_clock_ns(ring) == now_ns);
    fake_advance(ring, SECOND);
    assert_true(ring_now_ns(ring) == now_ns + SECOND);
    (void)ring_turn(ring, now_ns + 3 * SECOND);
    assert_true(ring_now_ns(ring) == now_ns + 3 * SECOND);
    ring_free(ring);
}

static void stamps_the_turn_that_submitted(void **state)
{
    struct ring *ring = fake_new();
    struct seen seen = watch();
    int fd = fake_connected_socket(ring);

    (void)state;
    fake_send_result(ring, fd, FAKE_NEVER);
    ring_send(ring, &seen.op, fd, SPAN_LITERAL("x"));
    (void)fake_run(ring);
    fake_advance(ring, SECOND);
    assert_int_equal(seen.events, 0);
    fake_send_release(ring, fd);
    (void)fake_run(ring);
    assert_int_equal(seen.result, 1);
    assert_true(seen.submitted_ns == FAKE_START_NS);
    assert_true(seen.completed_ns == FAKE_START_NS + SECOND);
    ring_close(ring, fd);
    ring_free(ring);
}

static void keeps_what_was_sent_and_sends_what_is_scripted(void **state)
{
    struct ring *ring = fake_new();
    struct seen many = watch(), send = watch();
    int fd = fake_connected_socket(ring);

    (void)state;
    fake_reply(ring, "pong");
    ring_recv_start(ring, &many.op, fd);
    ring_send(ring, &send.op, fd, SPAN_LITERAL("ping"));
    (void)fake_run(ring);
    assert_true(span_equals(fake_sent(ring, fd), SPAN_LITERAL("ping")));
    assert_string_equal(many.text, "pong");

    fake_sent_clear(ring, fd);
    fake_send_result(ring, fd, -EPIPE);
    ring_send(ring, &send.op, fd, SPAN_LITERAL("ping"));
    fake_receive_text(ring, fd, ", and more");
    fake_receive_error(ring, fd, -ECONNRESET);
    (void)fake_run(ring);
    assert_int_equal(send.result, -EPIPE);
    assert_true(span_is_empty(fake_sent(ring, fd)));
    assert_string_equal(many.text, "pong, and more");
    assert_int_equal(many.result, -ECONNRESET);
    assert_true(many.has_ended);
    ring_close(ring, fd);
    fake_check_quiet(ring);
    ring_free(ring);
}

static void sendmsg_is_as_short_as_told(void **state)
{
    struct ring *ring = fake_new();
    struct seen send = watch();
    int fd = fake_connected_socket(ring);
    struct iovec parts[] = { { (void *)"abc", 3 }, { (void *)"def", 3 } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

    (void)state;
    fake_send_result(ring, fd, 4);
    ring_sendmsg(ring, &send.op, fd, &message);
    (void)fake_run(ring);
    assert_int_equal(send.result, 4);
    assert_true(span_equals(fake_sent(ring, fd), SPAN_LITERAL("abcd")));
    ring_close(ring, fd);
    ring_free(ring);
}

static void descriptors_arrive_with_their_bytes(void **state)
{
    struct ring *ring = fake_new();
    struct seen receive = watch();
    int fd = fake_connected_socket(ring);
    char control[CMSG_SPACE(4 * sizeof(int))];
    char text[3];
    struct iovec part = { text, sizeof(text) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control };
    int passed = dup(0);
    int got;

    (void)state;
    fake_receive_fds(ring, fd, SPAN_LITERAL("abcd"), &passed, 1);
    for (unsigned i = 0; i < 2; i++) {
        message.msg_controllen = sizeof(control);
        ring_recvmsg(ring, &receive.op, fd, &message);
        (void)fake_run(ring);
        assert_int_equal(receive.result, i ? 1 : 3);
        assert_int_equal(message.msg_controllen > 0, i == 0);
        if (i == 0) {
            memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
            assert_true(got >= 0);
            assert_int_not_equal(got, passed);
            assert_int_equal(close(got), 0);
        }
    }
    assert_int_equal(close(passed), 0);
    ring_close(ring, fd);
    ring_free(ring);
}

static void accepts_and_polls_foreign_numbers(void **state)
{
    struct ring *ring = fake_new();
    struct seen accept = watch(), poll = watch();
    int fd;

    (void)state;
    ring_accept(ring, &accept.op, 7);
    ring_poll(ring, &poll.op, 8, POLLIN);
    assert_int_equal(fake_run(ring), 0);
    fd = fake_accept(ring, 7);
    fake_poll_ready(ring, 8, POLLIN);
    assert_int_equal(fake_run(ring), 2);
    assert_int_equal(accept.result, fd);
    assert_int_equal(poll.result, POLLIN);
    fake_accept_error(ring, 7, -EMFILE);
    ring_accept(ring, &accept.op, 7);
    (void)fake_run(ring);
    assert_int_equal(accept.result, -EMFILE);
    assert_int_equal(fake_open_sockets(ring), 1);
    ring_close(ring, fd);
    fake_check_quiet(ring);
    ring_free(ring);
}

static void luck_is_the_same_for_the_same_seed(void **state)
{
    char text[2][2000] = { "", "" };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct ring *ring = fake_new_random(42);
        struct seen many = watch();
        int fd = fake_connected_socket(ring);

        for (unsigned n = 0; n < 40; n++) {
            size_t length = strlen(text[i]);

            fake_receive_text(ring, fd, "some bytes to cut");
            if (!many.op.in_flight)
                ring_recv_start(ring, &many.op, fd);
            (void)fake_run(ring);
            (void)snprintf(text[i] + length, sizeof(text[i]) - length, "%u %d ", many.events,
                           many.result);
        }
        ring_free(ring); /* with an op in flight, as at the end of a process */
    }
    assert_string_equal(text[0], text[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_same_story_as_the_kernel),
        cmocka_unit_test(tells_the_same_story_with_any_luck),
        cmocka_unit_test(connects_at_once_unless_told_otherwise),
        cmocka_unit_test(connect_hangs_until_finished_or_cancelled),
        cmocka_unit_test(calls_fail_when_told_to),
        cmocka_unit_test(time_passes_only_by_hand_or_by_waiting),
        cmocka_unit_test(stamps_the_turn_that_submitted),
        cmocka_unit_test(keeps_what_was_sent_and_sends_what_is_scripted),
        cmocka_unit_test(sendmsg_is_as_short_as_told),
        cmocka_unit_test(descriptors_arrive_with_their_bytes),
        cmocka_unit_test(accepts_and_polls_foreign_numbers),
        cmocka_unit_test(luck_is_the_same_for_the_same_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
