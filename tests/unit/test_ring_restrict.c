/*
 * A ring does what hauld needs of it and nothing else, whoever writes its entries: each operation,
 * flag and registration beyond that is refused by the kernel. What it still does is test_ring's.
 */
#include "ring_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_needed(unsigned opcode)
{
    switch (opcode) {
    case IORING_OP_CONNECT:
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
    case IORING_OP_RECVMSG:
    case IORING_OP_RECV:
    case IORING_OP_ACCEPT:
    case IORING_OP_POLL_ADD:
    case IORING_OP_READ:
    case IORING_OP_ASYNC_CANCEL:
        return true;
    case IORING_OP_NOP:
#ifdef HAUL_WITH_FAULTS
        return true; /* what never happens is played by it */
#endif
    default:
        return false;
    }
}

/* To all but root a ring that was freed counts as locked memory (RLIMIT_MEMLOCK) for a moment more:
 * the kernel takes it apart behind our back. */
static struct ring *open_ring(void)
{
    struct ring_trouble trouble;
    struct ring *ring;
    int r = -ENOMEM;

    for (unsigned i = 0; i < 5000 && r == -ENOMEM; i++) {
        if (i > 0)
            (void)poll(NULL, 0, 1);
        r = ring_new(&ring, NULL, &trouble);
    }
    assert_int_equal(r, 0);
    assert_true(ring_is_restricted(ring));
    return ring;
}

/* As somebody would who has taken over the process: past ring_ops.c. */
static int submit(struct ring *ring, const struct io_uring_sqe *entry)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
    struct io_uring_cqe *cqe;
    int result;

    assert_non_null(sqe);
    *sqe = *entry;
    assert_int_equal(io_uring_submit_and_wait(&ring->uring, 1), 1);
    assert_int_equal(io_uring_peek_cqe(&ring->uring, &cqe), 0);
    result = cqe->res;
    io_uring_cqe_seen(&ring->uring, cqe);
    return result;
}

static void every_other_operation_is_refused(void **state)
{
    struct ring *ring = open_ring();
    struct io_uring_probe *kernel = io_uring_get_probe();

    (void)state;
    assert_non_null(kernel);
    for (unsigned opcode = 0; opcode <= kernel->last_op; opcode++) {
        const struct io_uring_sqe entry = { .opcode = (uint8_t)opcode, .fd = -1 };

        if (is_needed(opcode))
            continue;
        if (submit(ring, &entry) != -EACCES)
            fail_msg("operation %u is not refused", opcode);
    }
    io_uring_free_probe(kernel);
    ring_free(ring);
}

static void a_file_cannot_be_opened_or_removed_on_the_ring(void **state)
{
    struct ring *ring = open_ring();
    char path[] = "/tmp/haul-test-XXXXXX";
    int fd = mkstemp(path);
    struct io_uring_sqe entry = { 0 };

    (void)state;
    assert_true(fd >= 0);
    io_uring_prep_openat(&entry, AT_FDCWD, path, O_RDONLY, 0);
    assert_int_equal(submit(ring, &entry), -EACCES);
    io_uring_prep_unlinkat(&entry, AT_FDCWD, path, 0);
    assert_int_equal(submit(ring, &entry), -EACCES);
    io_uring_prep_write(&entry, fd, "x", 1, 0);
    assert_int_equal(submit(ring, &entry), -EACCES);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    assert_int_equal(access(path, F_OK), 0);
    (void)unlink(path);
    (void)close(fd);
    ring_free(ring);
}

static void no_entry_has_a_flag_but_that_of_the_shared_buffers(void **state)
{
    static const unsigned flags[] = { IOSQE_FIXED_FILE,  IOSQE_IO_DRAIN, IOSQE_IO_LINK,
                                      IOSQE_IO_HARDLINK, IOSQE_ASYNC,    IOSQE_CQE_SKIP_SUCCESS };
    struct ring *ring = open_ring();
    char byte;
    int ends[2];
    struct io_uring_sqe entry = { 0 };

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    io_uring_prep_read(&entry, ends[0], &byte, 1, 0);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        entry.flags = (uint8_t)flags[i];
        assert_int_equal(submit(ring, &entry), -EACCES);
    }
    entry.flags = 0;
    assert_int_equal(submit(ring, &entry), 1);
    assert_true(ring->tier.multishot); /* which lives on the one flag */
    (void)close(ends[0]);
    (void)close(ends[1]);
    ring_free(ring);
}

static void nothing_more_can_be_registered(void **state)
{
    struct ring *ring = open_ring();
    unsigned workers[2] = { 4, 4 };
    int fd = STDIN_FILENO;

    (void)state;
    assert_int_equal(io_uring_register_files(&ring->uring, &fd, 1), -EACCES);
    assert_int_equal(io_uring_register_eventfd(&ring->uring, fd), -EACCES);
    assert_int_equal(io_uring_register_personality(&ring->uring), -EACCES);
    assert_int_equal(io_uring_register_iowq_max_workers(&ring->uring, workers), -EACCES);
    assert_true(io_uring_register_restrictions(&ring->uring, NULL, 0) < 0);
    ring_free(ring);
}

/* The task has sixteen places for registered rings. */
static void a_closed_ring_leaves_nothing_behind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        struct ring *ring = open_ring();

        assert_true(ring->enter_flags & IORING_ENTER_REGISTERED_RING);
        ring_free(ring);
    }
}

/* Asked without our code: a mistake there is no reason to skip. */
static bool kernel_can_restrict(void)
{
    struct io_uring_restriction row = { .opcode = IORING_RESTRICTION_SQE_OP,
                                        .sqe_op = IORING_OP_NOP };
    struct io_uring uring;
    bool can;

    if (io_uring_queue_init(2, &uring, IORING_SETUP_R_DISABLED) < 0)
        return false;
    can = io_uring_register_restrictions(&uring, &row, 1) == 0;
    io_uring_queue_exit(&uring);
    return can;
}

int main(void)
{
    const struct CMUnitTest unit_tests[] = {
        cmocka_unit_test(every_other_operation_is_refused),
        cmocka_unit_test(a_file_cannot_be_opened_or_removed_on_the_ring),
        cmocka_unit_test(no_entry_has_a_flag_but_that_of_the_shared_buffers),
        cmocka_unit_test(nothing_more_can_be_registered),
        cmocka_unit_test(a_closed_ring_leaves_nothing_behind),
    };

    if (!kernel_can_restrict()) {
        print_message("test_ring_restrict: skipped: this kernel cannot restrict a ring\n");
        return 77;
    }
    return cmocka_run_group_tests(unit_tests, NULL, NULL);
}
