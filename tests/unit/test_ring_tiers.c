/*
 * Lesser kernels, simulated by not asking this one for what it could do: the story stays the same.
 * And the explanations when there is no ring at all.
 */
#include "ring_internal.h"
#include "ring_script.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct ring_tier rows[] = {
    { .multishot = true, .defer_taskrun = true, .min_wait = true, .absolute_wait = true },
    { .multishot = true, .defer_taskrun = true, .min_wait = true, .absolute_wait = false },
    { .multishot = true, .defer_taskrun = true, .min_wait = false, .absolute_wait = true },
    { .multishot = true, .defer_taskrun = true, .min_wait = false, .absolute_wait = false },
    { .multishot = true, .defer_taskrun = false, .min_wait = false, .absolute_wait = false },
    { .multishot = false, .defer_taskrun = true, .min_wait = true, .absolute_wait = true },
    { .multishot = false, .defer_taskrun = false, .min_wait = false, .absolute_wait = false },
};

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
    assert_int_equal(bind(listener, name, bytes), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, name, &bytes), 0);
    assert_int_equal(connect(ret_fds[0], name, bytes), 0);
    ret_fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(ret_fds[1] >= 0);
    assert_int_equal(close(listener), 0);
}

static void every_tier_tells_the_same_story(void **state)
{
    const struct ring_options options = {
        .sq_entries = 8,
        .cq_entries = 32,
        .buffers_published = 2,
        .buffers_max = 4,
        .buffer_bytes = 256,
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char story[RING_SCRIPT_BYTES];
        struct ring *ring;

        assert_int_equal(ring_open(&ring, &options, &rows[i]), 0);
        assert_int_equal(ring->tier.multishot, rows[i].multishot);
        assert_int_equal(strstr(ring_tier(ring), "polled receive") != NULL, !rows[i].multishot);
        ring_script_run(ring, make_pair, story);
        assert_string_equal(story, ring_script_expected);
        ring_free(ring);
    }
}

struct seen {
    struct ring_op op;
    struct ring *ring;
    unsigned events;
    int32_t result;
};

static void cancel_from_within(struct ring_op *op, const struct ring_event *event)
{
    struct seen *seen = container_of(op, struct seen, op);

    seen->events++;
    seen->result = event->result;
    ring_cancel(seen->ring, op);
}

/* Between two polls the kernel does not know of the op, and a cancel there must not get lost. */
static void cancel_within_a_polled_receive_ends_it(void **state)
{
    const struct ring_options options = {
        .sq_entries = 8,
        .cq_entries = 32,
        .buffers_max = 1,
        .buffer_bytes = 1,
    };
    struct seen seen = { .op.done = cancel_from_within };
    int fds[2];

    (void)state;
    assert_int_equal(ring_open(&seen.ring, &options, &rows[5]), 0);
    make_pair(seen.ring, fds);
    ring_recv_start(seen.ring, &seen.op, fds[0]);
    assert_int_equal(send(fds[1], "abc", 3, 0), 3);
    while (seen.op.in_flight)
        assert_int_equal(ring_turn(seen.ring, UINT64_MAX), 0);
    assert_int_equal(seen.events, 2);
    assert_int_equal(seen.result, -ECANCELED);
    ring_close(seen.ring, fds[0]);
    ring_close(seen.ring, fds[1]);
    ring_free(seen.ring);
}

static void trouble_names_cause_and_cure(void **state)
{
    static const struct {
        int error;
        const char *says;
    } causes[] = {
        { -ENOSYS, "Linux 6.1" },  { -EPERM, "io_uring" },       { -EACCES, "io_uring" },
        { -EINVAL, "Linux 6.1" },  { -ENOTSUP, "Linux 6.1" },    { -ENOMEM, "locked memory" },
        { -EMFILE, "open files" }, { -ENFILE, "Too many open" },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        struct ring_trouble trouble = { 0 };

        ring_probe_explain(causes[i].error, &trouble);
        assert_int_equal(trouble.error, -causes[i].error);
        assert_non_null(strstr(trouble.text, causes[i].says));
        assert_true(strlen(trouble.text) < sizeof(trouble.text) - 1);
    }
}

static int set_up(void **state)
{
    struct ring_trouble trouble;
    struct ring *ring;

    (void)state;
    if (ring_new(&ring, NULL, &trouble) < 0) {
        print_message("test_ring_tiers: skipped: %s\n", trouble.text);
        exit(77);
    }
    ring_free(ring);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tier_tells_the_same_story),
        cmocka_unit_test(cancel_within_a_polled_receive_ends_it),
        cmocka_unit_test(trouble_names_cause_and_cure),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
