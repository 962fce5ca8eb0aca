/*
 * The ring on the kernel that is here: real sockets over loopback, with queues and buffers so small
 * that every shortage happens. Nothing is timed; the deadlines only keep a failure from hanging.
 */
#include "ring.h"
#include "ring_script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
#define PATIENCE_NS (10 * SECOND)
#define MANY 100

struct seen {
    struct ring_op op;
    struct ring *ring;
    unsigned events;
    int32_t result;
    bool has_ended;
    size_t bytes;
    uint64_t hash; /* of all bytes, in order */
    uint64_t submitted_ns, completed_ns;
    bool starts_again; /* when a multishot has ended with bytes */
    bool cancels_itself;
};

static uint64_t hash_bytes(uint64_t hash, const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static void on_event(struct ring_op *op, const struct ring_event *event)
{
    struct seen *seen = container_of(op, struct seen, op);

    assert_false(seen->has_ended); /* an op ends once */
    assert_int_equal(event->more, op->in_flight);
    seen->events++;
    seen->result = event->result;
    seen->has_ended = !event->more;
    seen->bytes += event->bytes.bytes;
    seen->hash = hash_bytes(seen->hash, event->bytes.data, event->bytes.bytes);
    seen->submitted_ns = event->submitted_ns;
    seen->completed_ns = event->completed_ns;
    if (seen->has_ended && event->result > 0 && seen->starts_again) {
        seen->has_ended = false;
        ring_recv_start(seen->ring, op, op->fd);
    }
    if (seen->cancels_itself)
        ring_cancel(seen->ring, op);
}

static struct seen watch(struct ring *ring)
{
    return (struct seen){ .op.done = on_event, .ring = ring };
}

static struct ring *new_ring(const struct ring_options *options)
{
    struct ring_trouble trouble;
    struct ring *ring;

    if (ring_new(&ring, options, &trouble) < 0)
        fail_msg("%s", trouble.text);
    return ring;
}

static void turn_until_ended(struct ring *ring, const struct seen *seen)
{
    uint64_t deadline_ns = ring_clock_ns(ring) + PATIENCE_NS;

    while (!seen->has_ended) {
        assert_true(ring_now_ns(ring) < deadline_ns);
        assert_int_equal(ring_turn(ring, deadline_ns), 0);
        ring_check(ring);
    }
}

static void turn_until_bytes(struct ring *ring, const struct seen *seen, size_t bytes)
{
    uint64_t deadline_ns = ring_clock_ns(ring) + PATIENCE_NS;

    while (seen->bytes < bytes) {
        assert_false(seen->has_ended);
        assert_true(ring_now_ns(ring) < deadline_ns);
        assert_int_equal(ring_turn(ring, deadline_ns), 0);
        ring_check(ring);
    }
}

/* Two ends of a TCP connection. */
static void make_pair(struct ring *ring, int ret_fds[2])
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct sockaddr *name = (struct sockaddr *)&address;
    socklen_t bytes = sizeof(address);
    int listener = ring_socket(ring, AF_INET, SOCK_STREAM);

    ret_fds[0] = ring_socket(ring, AF_INET, SOCK_STREAM);
    assert_true(listener >= 0 && ret_fds[0] >= 0);
    assert_int_equal(bind(listener, name, bytes), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, name, &bytes), 0);
    assert_int_equal(connect(ret_fds[0], name, bytes), 0);
    ret_fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(ret_fds[1] >= 0);
    assert_int_equal(close(listener), 0);
}

static void close_pair(struct ring *ring, const int fds[2])
{
    ring_close(ring, fds[0]);
    ring_close(ring, fds[1]);
}

/* ---- the contract ---- */

static void tells_the_story_that_the_fake_tells(void **state)
{
    static const struct ring_options rows[] = {
        { 0 },
        { .sq_entries = 1, .cq_entries = 2 },
        { .buffers_published = 1, .buffers_max = 1, .buffer_bytes = 512 },
        { .buffers_published = 2, .buffers_max = 3, .buffer_bytes = 64 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char story[RING_SCRIPT_BYTES];
        struct ring *ring = new_ring(&rows[i]);

        ring_script_run(ring, make_pair, story);
        assert_string_equal(story, ring_script_expected);
        ring_free(ring);
    }
}

static void says_what_it_found(void **state)
{
    struct ring *ring = new_ring(NULL);

    (void)state;
    print_message("ring: %s\n", ring_tier(ring));
    assert_non_null(strstr(ring_tier(ring), ", "));
    assert_int_equal(ring_counters(ring)->turns, 0);
    ring_free(ring);
    ring_free(NULL);
}

static void connects_and_accepts(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct seen connects = watch(ring), accepts = watch(ring);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct sockaddr *name = (struct sockaddr *)&address;
    socklen_t bytes = sizeof(address);
    int listener = ring_socket(ring, AF_INET, SOCK_STREAM);
    int fd = ring_socket(ring, AF_INET, SOCK_STREAM);

    (void)state;
    assert_int_equal(ring_bind(ring, listener, name, bytes), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, name, &bytes), 0);
    ring_accept(ring, &accepts.op, listener);
    ring_connect(ring, &connects.op, fd, name, bytes);
    turn_until_ended(ring, &connects);
    turn_until_ended(ring, &accepts);
    assert_int_equal(connects.result, 0);
    assert_true(connects.submitted_ns > 0);
    assert_true(connects.submitted_ns <= connects.completed_ns);
    assert_true(accepts.result >= 0);
    ring_close(ring, accepts.result);
    ring_close(ring, fd);
    ring_close(ring, listener);

    /* Nobody listens there any more. */
    fd = ring_socket(ring, AF_INET, SOCK_STREAM);
    connects = watch(ring);
    ring_connect(ring, &connects.op, fd, name, bytes);
    turn_until_ended(ring, &connects);
    assert_int_equal(connects.result, -ECONNREFUSED);
    ring_close(ring, fd);
    ring_free(ring);
}

static void polls_and_reads_an_eventfd(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct seen polls = watch(ring), reads = watch(ring);
    uint64_t value = 5;
    int fd = eventfd(0, EFD_CLOEXEC);

    (void)state;
    ring_poll(ring, &polls.op, fd, POLLIN);
    assert_int_equal(ring_turn(ring, 0), 0);
    assert_false(polls.has_ended);
    assert_int_equal(write(fd, &value, sizeof(value)), sizeof(value));
    turn_until_ended(ring, &polls);
    assert_int_equal(polls.result, POLLIN);
    value = 0;
    ring_read(ring, &reads.op, fd, &value, sizeof(value));
    turn_until_ended(ring, &reads);
    assert_int_equal(reads.result, sizeof(value));
    assert_int_equal(value, 5);
    ring_close(ring, fd);
    ring_free(ring);
}

static void passes_descriptors(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct seen sends = watch(ring), receives = watch(ring);
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    char byte = 'x';
    struct iovec part = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct ucred peer;
    int fds[2];
    int fd;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(ring_peer(ring, fds[0], &peer), 0);
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(ring_peer(ring, -1, &peer), -EBADF);
    *header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
    memcpy(CMSG_DATA(header), &fds[0], sizeof(int));
    ring_sendmsg(ring, &sends.op, fds[0], &message);
    turn_until_ended(ring, &sends);
    assert_int_equal(sends.result, 1);
    memset(control, 0, sizeof(control));
    ring_recvmsg(ring, &receives.op, fds[1], &message);
    turn_until_ended(ring, &receives);
    assert_int_equal(receives.result, 1);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
    assert_true(fd > fds[1]);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ring_close(ring, fd);
    close_pair(ring, fds);
    ring_free(ring);
}

/* A socket buffer of a few KiB and a megabyte to send: one event. */
static void send_ends_when_all_is_sent(void **state)
{
    static char data[1 << 20];
    struct ring *ring = new_ring(NULL);
    struct seen sends = watch(ring), receives = watch(ring);
    int small = 4096;
    int fds[2];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (char)(i * 7 + i / 251);
    make_pair(ring, fds);
    (void)ring_option(ring, fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    receives.starts_again = true;
    ring_recv_start(ring, &receives.op, fds[1]);
    ring_send(ring, &sends.op, fds[0], span_of(data, sizeof(data)));
    turn_until_bytes(ring, &receives, sizeof(data));
    turn_until_ended(ring, &sends);
    assert_int_equal(sends.result, sizeof(data));
    assert_int_equal(sends.events, 1);
    assert_true(receives.hash == hash_bytes(0, data, sizeof(data)));
    ring_cancel(ring, &receives.op);
    turn_until_ended(ring, &receives);
    close_pair(ring, fds);
    ring_free(ring);
}

static void send_to_a_closed_peer_is_an_error_and_no_signal(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct seen sends = watch(ring);
    int fds[2];

    (void)state;
    make_pair(ring, fds);
    ring_abort(ring, fds[1]);
    for (unsigned i = 0; i < 3 && sends.result >= 0; i++) {
        sends = watch(ring);
        ring_send(ring, &sends.op, fds[0], SPAN_LITERAL("x"));
        turn_until_ended(ring, &sends);
    }
    assert_true(sends.result == -EPIPE || sends.result == -ECONNRESET);
    ring_close(ring, fds[0]);
    ring_free(ring);
}

/* ---- shortage ---- */

static unsigned char pattern(unsigned socket, size_t i)
{
    return (unsigned char)(socket * 31 + i * 7);
}

/* More sockets than buffers, and more bytes for each than all buffers hold: all get everything, in
 * order. */
static void starved_receives_all_finish(void **state)
{
    enum {
        SOCKETS = 50,
        BYTES = 3000
    };
    const struct ring_options options = {
        .buffers_published = 2,
        .buffers_max = 4,
        .buffer_bytes = 64,
    };
    struct ring *ring = new_ring(&options);
    struct seen receives[SOCKETS];
    int fds[SOCKETS][2];
    char data[BYTES];

    (void)state;
    for (unsigned i = 0; i < SOCKETS; i++) {
        make_pair(ring, fds[i]);
        receives[i] = watch(ring);
        receives[i].starts_again = true;
        ring_recv_start(ring, &receives[i].op, fds[i][1]);
    }
    assert_int_equal(ring_turn(ring, 0), 0);
    for (unsigned i = 0; i < SOCKETS; i++) {
        for (size_t n = 0; n < BYTES; n++)
            data[n] = (char)pattern(i, n);
        assert_int_equal(send(fds[i][0], data, BYTES, 0), BYTES);
        ring_close(ring, fds[i][0]);
    }
    for (unsigned i = 0; i < SOCKETS; i++) {
        turn_until_ended(ring, &receives[i]);
        assert_int_equal(receives[i].result, 0);
        assert_int_equal(receives[i].bytes, BYTES);
        for (size_t n = 0; n < BYTES; n++)
            data[n] = (char)pattern(i, n);
        assert_true(receives[i].hash == hash_bytes(0, data, BYTES));
        ring_close(ring, fds[i][1]);
    }
    if (strstr(ring_tier(ring), "multishot"))
        assert_true(ring_counters(ring)->starved > 0);
    ring_free(ring);
}

/* A cancel may find the receive armed, starved, or with its last completion on the way: it ends
 * exactly once whatever it is. */
static void cancel_ends_a_receive_in_each_state(void **state)
{
    enum {
        SOCKETS = 30
    };
    const struct ring_options options = {
        .buffers_published = 1,
        .buffers_max = 1,
        .buffer_bytes = 64,
    };

    (void)state;
    for (unsigned turns = 0; turns < 8; turns++) {
        struct ring *ring = new_ring(&options);
        struct seen receives[SOCKETS];
        int fds[SOCKETS][2];
        char data[200] = { 0 };

        for (unsigned i = 0; i < SOCKETS; i++) {
            make_pair(ring, fds[i]);
            receives[i] = watch(ring);
            receives[i].cancels_itself = i % 3 == 0;
            ring_recv_start(ring, &receives[i].op, fds[i][1]);
            if (i % 2 == 0) { /* some fit one buffer, some do not */
                size_t bytes = i % 4 == 0 ? sizeof(data) : 40;

                assert_int_equal(send(fds[i][0], data, bytes, 0), bytes);
            }
        }
        for (unsigned i = 0; i < turns; i++)
            assert_int_equal(ring_turn(ring, 0), 0);
        for (unsigned i = 0; i < SOCKETS; i++) {
            unsigned events = receives[i].events;

            ring_cancel(ring, &receives[i].op);
            ring_cancel(ring, &receives[i].op);
            assert_int_equal(receives[i].events, events); /* never inside the call */
        }
        for (unsigned i = 0; i < SOCKETS; i++) {
            turn_until_ended(ring, &receives[i]);
            assert_true(receives[i].result == -ECANCELED || receives[i].result > 0);
            ring_cancel(ring, &receives[i].op);
            close_pair(ring, fds[i]);
        }
        assert_int_equal(ring_turn(ring, 0), 0);
        ring_free(ring);
    }
}

static void cancel_in_the_turn_of_arming_ends_the_op(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct seen ops[4];
    char byte;
    int fds[2];

    (void)state;
    make_pair(ring, fds);
    for (unsigned i = 0; i < 4; i++)
        ops[i] = watch(ring);
    ring_recv_start(ring, &ops[0].op, fds[0]);
    ring_recv(ring, &ops[1].op, fds[1], &byte, 1);
    ring_poll(ring, &ops[2].op, fds[1], POLLPRI);
    ring_accept(ring, &ops[3].op, fds[0]); /* fails by itself: not a listener */
    for (unsigned i = 0; i < 4; i++)
        ring_cancel(ring, &ops[i].op);
    for (unsigned i = 0; i < 4; i++) {
        turn_until_ended(ring, &ops[i]);
        assert_int_equal(ops[i].result, i < 3 ? -ECANCELED : -EINVAL);
    }
    close_pair(ring, fds);
    ring_free(ring);
}

/* The queues are smaller than what is armed at once, so arming itself submits, and completions
 * overflow into the kernel's memory. */
static void small_queues_lose_nothing(void **state)
{
    static const struct ring_options rows[] = {
        { .sq_entries = 4, .cq_entries = 8 },
        { .sq_entries = 1, .cq_entries = 2, .buffers_published = 2, .buffers_max = 8 },
        { .sq_entries = 256, .cq_entries = 256 },
    };

    (void)state;
    for (unsigned row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        struct ring *ring = new_ring(&rows[row]);
        struct seen sends[MANY], receives[MANY];
        int fds[MANY][2];

        for (unsigned i = 0; i < MANY; i++) {
            make_pair(ring, fds[i]);
            sends[i] = watch(ring);
            receives[i] = watch(ring);
            receives[i].starts_again = true;
        }
        for (unsigned i = 0; i < MANY; i++) {
            ring_recv_start(ring, &receives[i].op, fds[i][0]);
            ring_send(ring, &sends[i].op, fds[i][1], SPAN_LITERAL("0123456789"));
        }
        for (unsigned i = 0; i < MANY; i++) {
            turn_until_bytes(ring, &receives[i], 10);
            turn_until_ended(ring, &sends[i]);
            assert_int_equal(sends[i].result, 10);
            assert_true(sends[i].submitted_ns > 0);
            assert_true(sends[i].submitted_ns <= sends[i].completed_ns);
            assert_int_equal(receives[i].bytes, 10);
        }
        for (unsigned i = 0; i < MANY; i++)
            ring_cancel(ring, &receives[i].op);
        for (unsigned i = 0; i < MANY; i++) {
            turn_until_ended(ring, &receives[i]);
            close_pair(ring, fds[i]);
        }
        assert_int_equal(ring_counters(ring)->cq_overflows > 0, row < 2);
        assert_int_equal(ring_counters(ring)->lost_completions, 0);
        ring_free(ring);
    }
}

/* ---- the loop ---- */

static void turn_ends_at_its_deadline_or_at_once(void **state)
{
    struct ring *ring = new_ring(NULL);
    uint64_t before_ns = ring_clock_ns(ring);

    (void)state;
    assert_int_equal(ring_turn(ring, 0), 0);
    assert_int_equal(ring_turn(ring, before_ns), 0);
    assert_int_equal(ring_turn(ring, before_ns + SECOND / 100), 0);
    assert_true(ring_now_ns(ring) >= before_ns + SECOND / 100);
    assert_true(ring_clock_ns(ring) >= ring_now_ns(ring));
    assert_true(ring_wall_ns(ring) > SECOND);
    assert_int_equal(ring_counters(ring)->turns, 3);
    assert_int_equal(ring_counters(ring)->enters, 3);
    ring_free(ring);
}

/* With many ops expected the ring may wait for several, but a single one is not left waiting. */
static void one_completion_ends_the_wait_under_load_too(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct seen receives = watch(ring), sends = watch(ring);
    uint64_t start_ns = ring_clock_ns(ring);
    int fds[2];

    (void)state;
    make_pair(ring, fds);
    ring_set_load(ring, 1000);
    ring_recv_start(ring, &receives.op, fds[0]);
    ring_send(ring, &sends.op, fds[1], SPAN_LITERAL("x"));
    for (unsigned i = 0; i < 10 && !(sends.has_ended && receives.bytes); i++)
        assert_int_equal(ring_turn(ring, UINT64_MAX), 0);
    assert_int_equal(receives.bytes, 1);
    assert_true(sends.has_ended);
    ring_cancel(ring, &receives.op);
    assert_int_equal(ring_turn(ring, start_ns + PATIENCE_NS), 0);
    turn_until_ended(ring, &receives);
    close_pair(ring, fds);
    ring_free(ring);
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void a_signal_ends_the_wait_without_error(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct sigaction handle = { .sa_handler = on_alarm }, before;
    uint64_t start_ns = ring_clock_ns(ring);

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &handle, &before), 0);
    (void)ualarm(20000, 0);
    assert_int_equal(ring_turn(ring, start_ns + PATIENCE_NS), 0);
    assert_true(ring_now_ns(ring) < start_ns + PATIENCE_NS);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    ring_free(ring);
}

static void knows_what_the_kernel_knows_of_a_connection(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct ring_tcp_info info = { .retransmits = 77 };
    int fds[2], unix_fds[2];

    (void)state;
    make_pair(ring, fds);
    assert_int_equal(ring_tcp_info(ring, fds[1], &info), 0);
    assert_in_range(info.rtt_us, 1, 1000000); /* of its handshake, over loopback */
    assert_int_equal(info.retransmits, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, unix_fds), 0);
    assert_true(ring_tcp_info(ring, unix_fds[0], &info) < 0);
    close_pair(ring, fds);
    close_pair(ring, unix_fds);
    ring_free(ring);
}

static void random_numbers_differ(void **state)
{
    struct ring *ring = new_ring(NULL);
    uint64_t numbers[200];

    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        numbers[i] = ring_random(ring);
        for (unsigned j = 0; j < i; j++)
            assert_true(numbers[i] != numbers[j]);
    }
    ring_free(ring);
}

/* As at the end of a process that has no time to wait. */
static void frees_with_ops_in_flight(void **state)
{
    struct ring *ring = new_ring(NULL);
    struct seen receives = watch(ring), once = watch(ring);
    char buffer[16];
    int fds[2];

    (void)state;
    make_pair(ring, fds);
    ring_recv_start(ring, &receives.op, fds[0]);
    ring_recv(ring, &once.op, fds[1], buffer, sizeof(buffer));
    assert_int_equal(ring_turn(ring, 0), 0);
    ring_free(ring);
    assert_int_equal(close(fds[0]), 0);
    assert_int_equal(close(fds[1]), 0);
}

static int set_up(void **state)
{
    struct ring_trouble trouble;
    struct ring *ring;

    (void)state;
    if (ring_new(&ring, NULL, &trouble) < 0) {
        print_message("test_ring: skipped: %s\n", trouble.text);
        exit(77);
    }
    ring_free(ring);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_story_that_the_fake_tells),
        cmocka_unit_test(says_what_it_found),
        cmocka_unit_test(connects_and_accepts),
        cmocka_unit_test(polls_and_reads_an_eventfd),
        cmocka_unit_test(passes_descriptors),
        cmocka_unit_test(send_ends_when_all_is_sent),
        cmocka_unit_test(send_to_a_closed_peer_is_an_error_and_no_signal),
        cmocka_unit_test(starved_receives_all_finish),
        cmocka_unit_test(cancel_ends_a_receive_in_each_state),
        cmocka_unit_test(cancel_in_the_turn_of_arming_ends_the_op),
        cmocka_unit_test(small_queues_lose_nothing),
        cmocka_unit_test(turn_ends_at_its_deadline_or_at_once),
        cmocka_unit_test(one_completion_ends_the_wait_under_load_too),
        cmocka_unit_test(a_signal_ends_the_wait_without_error),
        cmocka_unit_test(knows_what_the_kernel_knows_of_a_connection),
        cmocka_unit_test(random_numbers_differ),
        cmocka_unit_test(frees_with_ops_in_flight),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
