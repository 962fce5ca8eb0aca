/*
 * What a plan in HAULD_FAULTS makes of ops: the results it names, and the real op did not run;
 * short sends and receives without a byte lost. Needs a build with -Dfaults=true, else it is
 * skipped.
 */
#include "ring.h"

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
    int32_t first, result;
    bool has_ended;
    char text[64];
    size_t bytes;
};

static void on_event(struct ring_op *op, const struct ring_event *event)
{
    struct seen *seen = container_of(op, struct seen, op);

    assert_false(seen->has_ended);
    if (seen->events++ == 0)
        seen->first = event->result;
    seen->result = event->result;
    seen->has_ended = !event->more;
    for (size_t i = 0; i < event->bytes.bytes && seen->bytes < sizeof(seen->text) - 1; i++)
        seen->text[seen->bytes++] = event->bytes.data[i];
}

static struct seen watch(void)
{
    return (struct seen){ .op.done = on_event };
}

static struct ring *ring_with_plan(const char *plan)
{
    struct ring_trouble trouble;
    struct ring *ring;

    assert_int_equal(setenv("HAULD_FAULTS", plan, 1), 0);
    if (ring_new(&ring, NULL, &trouble) < 0)
        fail_msg("%s", trouble.text);
    assert_int_equal(unsetenv("HAULD_FAULTS"), 0);
    return ring;
}

static void make_pair(int ret_fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds), 0);
}

static void free_all(struct ring *ring, const int fds[2])
{
    ring_close(ring, fds[0]);
    ring_close(ring, fds[1]);
    ring_free(ring);
}

static void turn_until_ended(struct ring *ring, const struct seen *seen)
{
    uint64_t deadline_ns = ring_clock_ns(ring) + 10 * SECOND;

    while (!seen->has_ended) {
        assert_true(ring_now_ns(ring) < deadline_ns);
        assert_int_equal(ring_turn(ring, deadline_ns), 0);
    }
}

static int32_t send_text(struct ring *ring, int fd, struct span text)
{
    struct seen seen = watch();

    ring_send(ring, &seen.op, fd, text);
    turn_until_ended(ring, &seen);
    assert_int_equal(seen.events, 1);
    return seen.result;
}

static void the_nth_send_fails_and_sends_nothing(void **state)
{
    struct ring *ring = ring_with_plan("send:2:-104");
    char text[8] = "";
    int fds[2];

    (void)state;
    make_pair(fds);
    assert_int_equal(send_text(ring, fds[0], SPAN_LITERAL("ab")), 2);
    assert_int_equal(send_text(ring, fds[0], SPAN_LITERAL("cd")), -ECONNRESET);
    assert_int_equal(send_text(ring, fds[0], SPAN_LITERAL("ef")), 2);
    assert_int_equal(recv(fds[1], text, sizeof(text), MSG_DONTWAIT), 4);
    assert_string_equal(text, "abef");
    free_all(ring, fds);
}

static void a_short_send_is_resumed(void **state)
{
    struct ring *ring = ring_with_plan("send:1:short=1,send:2+:short=3");
    char text[16] = "";
    int fds[2];

    (void)state;
    make_pair(fds);
    assert_int_equal(send_text(ring, fds[0], SPAN_LITERAL("hello ")), 6);
    assert_int_equal(send_text(ring, fds[0], SPAN_LITERAL("world")), 5);
    assert_int_equal(recv(fds[1], text, sizeof(text), MSG_DONTWAIT), 11);
    assert_string_equal(text, "hello world");
    free_all(ring, fds);
}

static void a_short_sendmsg_says_so(void **state)
{
    struct ring *ring = ring_with_plan("sendmsg:1:short=2");
    struct seen seen = watch();
    struct iovec parts[] = { { (void *)"abc", 3 }, { (void *)"def", 3 } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    int fds[2];

    (void)state;
    make_pair(fds);
    ring_sendmsg(ring, &seen.op, fds[0], &message);
    turn_until_ended(ring, &seen);
    assert_int_equal(seen.result, 2);
    free_all(ring, fds);
}

static void every_connect_from_the_nth_on_fails(void **state)
{
    static const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = 1 };
    struct ring *ring = ring_with_plan("connect:2+:-99");

    (void)state;
    for (unsigned i = 1; i <= 4; i++) {
        struct seen seen = watch();
        int fd = ring_socket(ring, AF_INET, SOCK_STREAM);

        ring_connect(ring, &seen.op, fd, (const void *)&address, sizeof(address));
        turn_until_ended(ring, &seen);
        assert_int_equal(seen.result == -EADDRNOTAVAIL, i >= 2);
        ring_close(ring, fd);
    }
    ring_free(ring);
}

static void calls_fail_by_number(void **state)
{
    struct ring *ring = ring_with_plan("socket:1:-24,bind:1:-98,option:1+:-92");
    int fd = ring_socket(ring, AF_INET, SOCK_STREAM);
    int on = 1;

    (void)state;
    assert_int_equal(fd, -EMFILE);
    fd = ring_socket(ring, AF_INET, SOCK_STREAM);
    assert_true(fd >= 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(ring_option(ring, fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)),
                         -ENOPROTOOPT);
    assert_int_equal(ring_bind(ring, fd, NULL, 0), -EADDRINUSE);
    ring_close(ring, fd);
    ring_free(ring);
}

static void other_kinds_fail_without_running(void **state)
{
    struct ring *ring =
        ring_with_plan("accept:1:-24,poll:1:-12,read:1:-5,recvmsg:1:-104,sendmsg:1:-32");
    struct seen seen[5];
    static const int32_t results[] = { -EMFILE, -ENOMEM, -EIO, -ECONNRESET, -EPIPE };
    struct iovec part;
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    char byte = 'x';
    int fds[2];

    (void)state;
    part = (struct iovec){ &byte, 1 };
    make_pair(fds);
    for (unsigned i = 0; i < 5; i++)
        seen[i] = watch();
    ring_accept(ring, &seen[0].op, fds[0]);
    ring_poll(ring, &seen[1].op, fds[0], POLLIN);
    ring_read(ring, &seen[2].op, fds[0], &byte, 1);
    ring_recvmsg(ring, &seen[3].op, fds[0], &message);
    ring_sendmsg(ring, &seen[4].op, fds[1], &message);
    ring_cancel(ring, &seen[1].op); /* comes too late */
    for (unsigned i = 0; i < 5; i++) {
        turn_until_ended(ring, &seen[i]);
        assert_int_equal(seen[i].result, results[i]);
    }
    assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), -1);
    free_all(ring, fds);
}

/* The multishot is still armed when the plan strikes: it ends once, with the planned result, and
 * what comes later is left to others. */
static void the_nth_receive_breaks_a_multishot(void **state)
{
    static const struct {
        const char *plan;
        int32_t result;
    } rows[] = { { "recv:2:-104", -ECONNRESET }, { "recv:2:0", 0 } };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct ring *ring = ring_with_plan(rows[i].plan);
        struct seen seen = watch();
        int fds[2];

        make_pair(fds);
        ring_recv_start(ring, &seen.op, fds[1]);
        (void)send_text(ring, fds[0], SPAN_LITERAL("one"));
        while (seen.bytes < 3)
            assert_int_equal(ring_turn(ring, UINT64_MAX), 0);
        (void)send_text(ring, fds[0], SPAN_LITERAL("two"));
        turn_until_ended(ring, &seen);
        assert_string_equal(seen.text, "one");
        assert_int_equal(seen.result, rows[i].result);
        assert_int_equal(seen.events, 2);

        seen = watch();
        ring_recv_start(ring, &seen.op, fds[1]);
        (void)send_text(ring, fds[0], SPAN_LITERAL("three"));
        while (seen.bytes < 5)
            assert_int_equal(ring_turn(ring, UINT64_MAX), 0);
        ring_cancel(ring, &seen.op);
        turn_until_ended(ring, &seen);
        free_all(ring, fds);
    }
}

static void a_receive_without_a_buffer_is_counted_and_loses_nothing(void **state)
{
    struct ring *ring = ring_with_plan("recv:2:-105");
    struct seen seen = watch();
    int fds[2];

    (void)state;
    make_pair(fds);
    ring_recv_start(ring, &seen.op, fds[1]);
    for (unsigned i = 1; i <= 3; i++) {
        (void)send_text(ring, fds[0], SPAN_LITERAL("x"));
        while (seen.bytes < i)
            assert_int_equal(ring_turn(ring, UINT64_MAX), 0);
        assert_int_equal(ring_counters(ring)->starved, i >= 2);
    }
    assert_int_equal(ring_counters(ring)->receives, 3);
    ring_cancel(ring, &seen.op);
    turn_until_ended(ring, &seen);
    free_all(ring, fds);
}

static void a_short_receive_loses_nothing(void **state)
{
    struct ring *ring = ring_with_plan("recv:1+:short=2");
    struct seen seen = watch();
    int fds[2];

    (void)state;
    make_pair(fds);
    ring_recv_start(ring, &seen.op, fds[1]);
    (void)send_text(ring, fds[0], SPAN_LITERAL("hello"));
    while (seen.bytes < 5)
        assert_int_equal(ring_turn(ring, UINT64_MAX), 0);
    assert_int_equal(seen.first, 2);
    assert_int_equal(seen.events, 2);
    assert_string_equal(seen.text, "hello");
    ring_cancel(ring, &seen.op);
    turn_until_ended(ring, &seen);
    free_all(ring, fds);
}

static void a_single_receive_fails(void **state)
{
    struct ring *ring = ring_with_plan("recv:1:-104");
    struct seen seen = watch();
    char text[8];
    int fds[2];

    (void)state;
    make_pair(fds);
    (void)send_text(ring, fds[0], SPAN_LITERAL("hello"));
    ring_recv(ring, &seen.op, fds[1], text, sizeof(text));
    turn_until_ended(ring, &seen);
    assert_int_equal(seen.result, -ECONNRESET);
    free_all(ring, fds);
}

static void a_plan_that_makes_no_sense_is_refused(void **state)
{
    static const char *const plans[] = {
        "send",      "send:",          "send:1",        "send:0:-1",     "send:x:-1",
        "sned:1:-1", "send:1:",        "send:1:-1x",    "send:1:short=", "send:1:short=0",
        ":1:-1",     "send:1:-1,,",    "send:1:short",  "send:-:-1",     ",",
        "send 1 -1", "send:1:-1,recv", "recv:1:-1:2+2",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        struct ring_trouble trouble = { 0 };
        struct ring *ring = NULL;

        assert_int_equal(setenv("HAULD_FAULTS", plans[i], 1), 0);
        if (ring_new(&ring, NULL, &trouble) != -EINVAL)
            fail_msg("accepted: %s", plans[i]);
        assert_non_null(strstr(trouble.text, "HAULD_FAULTS"));
        assert_null(ring);
    }
    assert_int_equal(unsetenv("HAULD_FAULTS"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_send_fails_and_sends_nothing),
        cmocka_unit_test(a_short_send_is_resumed),
        cmocka_unit_test(a_short_sendmsg_says_so),
        cmocka_unit_test(every_connect_from_the_nth_on_fails),
        cmocka_unit_test(calls_fail_by_number),
        cmocka_unit_test(other_kinds_fail_without_running),
        cmocka_unit_test(the_nth_receive_breaks_a_multishot),
        cmocka_unit_test(a_receive_without_a_buffer_is_counted_and_loses_nothing),
        cmocka_unit_test(a_short_receive_loses_nothing),
        cmocka_unit_test(a_single_receive_fails),
        cmocka_unit_test(a_plan_that_makes_no_sense_is_refused),
    };
    struct ring_trouble trouble;
    struct ring *ring;
    int r;

    (void)setenv("HAULD_FAULTS", "nonsense", 1);
    r = ring_new(&ring, NULL, &trouble);
    (void)unsetenv("HAULD_FAULTS");
    if (r == 0) {
        ring_free(ring);
        print_message("test_ring_faults: skipped: built without -Dfaults=true\n");
        return 77;
    }
    if (!strstr(trouble.text, "HAULD_FAULTS")) {
        print_message("test_ring_faults: skipped: %s\n", trouble.text);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
