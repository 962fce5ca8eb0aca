/*
 * The writer: what is posted is in the file, what cannot be written is told, nothing blocks the
 * loop. Runs on a real ring, because the eventfd between the threads is what is tested.
 */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS_MAX 100000

struct scene {
    struct ring *ring;
    struct writer *writer;
};

/* What one file's callbacks have said. */
struct heard {
    struct scene *scene;
    struct writer_file *file;
    size_t bytes;
    unsigned written_count;
    unsigned closed_count;
    int error;
    int closed_error;
    bool close_on_written;
};

static void heard_written(void *ctx, int error, size_t bytes)
{
    struct heard *heard = ctx;

    assert_int_equal(heard->closed_count, 0);
    heard->written_count++;
    heard->bytes += bytes;
    heard->error = heard->error ? heard->error : error;
    if (heard->close_on_written) {
        heard->close_on_written = false;
        writer_close(heard->scene->writer, heard->file, true);
    }
}

static void heard_closed(void *ctx, int error)
{
    struct heard *heard = ctx;

    heard->closed_count++;
    heard->closed_error = error;
}

static const struct writer_file_ops heard_ops = { heard_written, heard_closed };

static void scene_begin(struct scene *scene, size_t queue_bytes_max)
{
    const struct writer_options options = { .queue_bytes_max = queue_bytes_max };
    struct ring_trouble trouble;

    assert_int_equal(ring_new(&scene->ring, NULL, &trouble), 0);
    assert_int_equal(writer_new(&scene->writer, scene->ring, &options), 0);
}

static void scene_turn(struct scene *scene)
{
    assert_int_equal(ring_turn(scene->ring, ring_clock_ns(scene->ring) + 1000000000), 0);
    writer_check(scene->writer);
}

static void scene_end(struct scene *scene)
{
    writer_shutdown(scene->writer);
    for (unsigned i = 0; !writer_is_idle(scene->writer); i++) {
        assert_true(i < TURNS_MAX);
        scene_turn(scene);
    }
    writer_free(scene->writer);
    ring_free(scene->ring);
}

/* A file without a name. */
static int temporary_file(int more_flags)
{
    char path[] = "/tmp/hauld-test-writer-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC | more_flags);

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    return fd;
}

/* Opens fd for the writer and keeps a second descriptor to look at the file with. */
static int client_passes(struct scene *scene, struct heard *heard, int fd)
{
    int mine = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    *heard = (struct heard){ .scene = scene };
    assert_int_equal(writer_open(scene->writer, fd, &heard_ops, heard, &heard->file), 0);
    return mine;
}

static void client_waits_closed(struct heard *heard)
{
    for (unsigned i = 0; heard->closed_count == 0; i++) {
        assert_true(i < TURNS_MAX);
        scene_turn(heard->scene);
    }
}

static void client_closes(struct heard *heard)
{
    writer_close(heard->scene->writer, heard->file, false);
    client_waits_closed(heard);
    assert_int_equal(heard->closed_count, 1);
}

static void client_writes(struct heard *heard, const char *text)
{
    assert_true(writer_write(heard->scene->writer, heard->file, span_of_string(text)));
}

static void file_holds(int fd, const char *text)
{
    char seen[4096];
    ssize_t bytes = pread(fd, seen, sizeof(seen) - 1, 0);

    assert_true(bytes >= 0);
    seen[bytes] = '\0';
    assert_string_equal(seen, text);
    (void)close(fd);
}

static void written_blocks_are_in_the_file_in_order(void **state)
{
    struct scene scene;
    struct heard heard;
    int fd;

    (void)state;
    scene_begin(&scene, 0);
    fd = client_passes(&scene, &heard, temporary_file(0));
    client_writes(&heard, "one ");
    client_writes(&heard, "");
    client_writes(&heard, "two ");
    client_writes(&heard, "three");
    client_closes(&heard);
    assert_int_equal(heard.closed_error, 0);
    file_holds(fd, "one two three");
    scene_end(&scene);
}

/* The client shares the file offset with us: it stays where it was. */
static void writes_begin_at_the_offset_and_leave_it_alone(void **state)
{
    struct scene scene;
    struct heard heard;
    int fd, mine;

    (void)state;
    scene_begin(&scene, 0);
    fd = temporary_file(0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
    mine = client_passes(&scene, &heard, fd);
    client_writes(&heard, "abc");
    client_closes(&heard);
    assert_int_equal(lseek(mine, 0, SEEK_CUR), 4);
    file_holds(mine, "0123abc789");
    scene_end(&scene);
}

static void append_only_begins_at_the_end(void **state)
{
    struct scene scene;
    struct heard heard;
    int fd, mine;

    (void)state;
    scene_begin(&scene, 0);
    fd = temporary_file(O_APPEND);
    assert_int_equal(write(fd, "old ", 4), 4);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    mine = client_passes(&scene, &heard, fd);
    client_writes(&heard, "lost");
    writer_restart(scene.writer, heard.file);
    client_writes(&heard, "new");
    client_closes(&heard);
    file_holds(mine, "old new");
    scene_end(&scene);
}

static void restart_forgets_what_was_written_before_it(void **state)
{
    struct scene scene;
    struct heard heard;
    int fd, mine;

    (void)state;
    scene_begin(&scene, 0);
    fd = temporary_file(0);
    assert_int_equal(write(fd, "base ", 5), 5);
    mine = client_passes(&scene, &heard, fd);
    writer_restart(scene.writer, heard.file);
    client_writes(&heard, "first attempt, long");
    for (unsigned i = 0; heard.bytes < 19 && i < TURNS_MAX; i++)
        scene_turn(&scene);
    writer_restart(scene.writer, heard.file);
    writer_restart(scene.writer, heard.file);
    client_writes(&heard, "second");
    writer_restart(scene.writer, heard.file);
    client_writes(&heard, "third");
    client_closes(&heard);
    assert_int_equal(heard.closed_error, 0);
    file_holds(mine, "base third");
    scene_end(&scene);
}

static void restart_right_before_the_close_leaves_the_base(void **state)
{
    struct scene scene;
    struct heard heard;
    int mine;

    (void)state;
    scene_begin(&scene, 0);
    mine = client_passes(&scene, &heard, temporary_file(0));
    client_writes(&heard, "gone");
    writer_restart(scene.writer, heard.file);
    client_closes(&heard);
    file_holds(mine, "");
    scene_end(&scene);
}

static void every_posted_byte_is_reported_once(void **state)
{
    struct scene scene;
    struct heard heard;
    char block[10000];
    size_t posted = 0;
    struct stat status;
    int mine;

    (void)state;
    memset(block, 'x', sizeof(block));
    scene_begin(&scene, 0);
    mine = client_passes(&scene, &heard, temporary_file(0));
    for (size_t bytes = 1; bytes < sizeof(block); bytes += 97) {
        assert_true(writer_write(scene.writer, heard.file, span_of(block, bytes)));
        posted += bytes;
    }
    for (unsigned i = 0; heard.bytes < posted; i++) {
        assert_true(i < TURNS_MAX);
        scene_turn(&scene);
    }
    assert_int_equal(heard.bytes, posted);
    client_closes(&heard);
    assert_int_equal(fstat(mine, &status), 0);
    assert_int_equal(status.st_size, posted);
    (void)close(mine);
    scene_end(&scene);
}

/* The bound of the queue is reached, refused writes are told when there is room, and a file that
 * has nothing queued of its own is told as well. */
static void full_queue_says_no_and_then_calls(void **state)
{
    static const char block[8192] = "";
    struct scene scene;
    struct heard busy, other;
    int mine, others;
    unsigned taken = 0;

    (void)state;
    scene_begin(&scene, 64 << 10);
    mine = client_passes(&scene, &busy, temporary_file(0));
    others = client_passes(&scene, &other, temporary_file(0));
    while (writer_write(scene.writer, busy.file, span_of(block, sizeof(block)))) {
        taken++;
        assert_true(taken <= 8);
    }
    assert_int_equal(taken, 8);
    assert_false(writer_write(scene.writer, other.file, SPAN_LITERAL("refused")));
    for (unsigned i = 0; other.written_count == 0; i++) {
        assert_true(i < TURNS_MAX);
        scene_turn(&scene);
    }
    assert_int_equal(other.bytes, 0);
    assert_int_equal(other.error, 0);
    client_writes(&other, "taken");
    client_closes(&other);
    client_closes(&busy);
    file_holds(others, "taken");
    (void)close(mine);
    scene_end(&scene);
}

static void block_beyond_the_bound_fits_an_empty_queue(void **state)
{
    static const char block[100000] = "";
    struct scene scene;
    struct heard heard;
    struct stat status;
    int mine;

    (void)state;
    scene_begin(&scene, 4096);
    mine = client_passes(&scene, &heard, temporary_file(0));
    assert_true(writer_write(scene.writer, heard.file, span_of(block, sizeof(block))));
    assert_false(writer_write(scene.writer, heard.file, span_of(block, 1)));
    client_closes(&heard);
    assert_int_equal(fstat(mine, &status), 0);
    assert_int_equal(status.st_size, sizeof(block));
    (void)close(mine);
    scene_end(&scene);
}

/* CASES I08. */
static void refuses_what_is_no_regular_file_open_for_writing(void **state)
{
    static const struct {
        const char *path;
        int flags;
        int error;
    } rows[] = {
        { "/tmp", O_RDONLY | O_DIRECTORY, EISDIR }, { "/tmp", O_PATH, EISDIR },
        { "/dev/null", O_WRONLY, EINVAL },          { "/dev/full", O_WRONLY, EINVAL },
        { "/proc/self/exe", O_RDONLY, EBADF },      { "/proc/self/exe", O_PATH, EBADF },
    };
    struct writer_file *file;
    struct scene scene;
    int fds[2];

    (void)state;
    scene_begin(&scene, 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = open(rows[i].path, rows[i].flags | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(writer_open(scene.writer, fd, &heard_ops, NULL, &file), -rows[i].error);
        assert_int_equal(close(fd), 0); /* it stayed ours */
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(writer_open(scene.writer, fds[0], &heard_ops, NULL, &file), -EINVAL);
    (void)close(fds[0]);
    (void)close(fds[1]);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(writer_open(scene.writer, fds[1], &heard_ops, NULL, &file), -EINVAL);
    (void)close(fds[0]);
    (void)close(fds[1]);
    assert_int_equal(writer_open(scene.writer, -1, &heard_ops, NULL, &file), -EBADF);
    assert_true(writer_is_idle(scene.writer));
    scene_end(&scene);
}

static void sealed_file_fails_and_the_rest_is_dropped_with_the_same_error(void **state)
{
    struct scene scene;
    struct heard heard, good;
    int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int mine, goods;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    scene_begin(&scene, 0);
    mine = client_passes(&scene, &heard, fd);
    goods = client_passes(&scene, &good, temporary_file(0));
    client_writes(&heard, "refused");
    client_writes(&good, "fine");
    client_writes(&heard, "dropped");
    for (unsigned i = 0; heard.bytes < 14 && i < TURNS_MAX; i++)
        scene_turn(&scene);
    assert_int_equal(heard.bytes, 14);
    assert_int_equal(heard.error, EPERM);
    client_closes(&heard);
    client_closes(&good);
    assert_int_equal(heard.closed_error, EPERM);
    assert_int_equal(good.closed_error, 0);
    file_holds(mine, "");
    file_holds(goods, "fine");
    scene_end(&scene);
}

/* SIGXFSZ would end the process. */
static void file_size_limit_is_an_error_and_kills_nobody(void **state)
{
    struct rlimit before, low;
    struct scene scene;
    struct heard heard;
    char block[8192];
    int mine;

    (void)state;
    memset(block, 'x', sizeof(block));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    scene_begin(&scene, 0);
    mine = client_passes(&scene, &heard, temporary_file(0));
    low = (struct rlimit){ .rlim_cur = 5000, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    assert_true(writer_write(scene.writer, heard.file, span_of(block, sizeof(block))));
    client_closes(&heard);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(heard.closed_error, EFBIG);
    assert_int_equal(lseek(mine, 0, SEEK_END), 5000); /* the short write before the limit */
    (void)close(mine);
    scene_end(&scene);
}

static void discard_drops_and_still_closes(void **state)
{
    static char block[1 << 20];
    struct scene scene;
    struct heard heard;
    int mine;

    (void)state;
    scene_begin(&scene, 0);
    mine = client_passes(&scene, &heard, temporary_file(0));
    for (unsigned i = 0; i < 8; i++)
        assert_true(writer_write(scene.writer, heard.file, span_of(block, sizeof(block))));
    writer_close(scene.writer, heard.file, true);
    client_waits_closed(&heard);
    assert_int_equal(heard.closed_error, 0);
    assert_int_equal(heard.written_count, 0); /* it does not run after the close */
    (void)close(mine);
    scene_end(&scene);
}

static void close_inside_written_is_fine(void **state)
{
    struct scene scene;
    struct heard heard;
    int mine;

    (void)state;
    scene_begin(&scene, 0);
    mine = client_passes(&scene, &heard, temporary_file(0));
    heard.close_on_written = true;
    client_writes(&heard, "text");
    client_waits_closed(&heard);
    file_holds(mine, "text");
    scene_end(&scene);
}

static void many_files_at_once_each_get_their_own_bytes(void **state)
{
    enum {
        FILES = 100
    };
    static struct heard heard[FILES];
    struct scene scene;
    int mine[FILES];
    char text[32];

    (void)state;
    scene_begin(&scene, 0);
    for (unsigned i = 0; i < FILES; i++)
        mine[i] = client_passes(&scene, &heard[i], temporary_file(0));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < FILES; i++) {
            (void)snprintf(text, sizeof(text), "%u.%u ", i, round);
            client_writes(&heard[i], text);
        }
    }
    for (unsigned i = 0; i < FILES; i++)
        writer_close(scene.writer, heard[i].file, false);
    for (unsigned i = 0; i < FILES; i++) {
        client_waits_closed(&heard[i]);
        (void)snprintf(text, sizeof(text), "%u.0 %u.1 %u.2 ", i, i, i);
        file_holds(mine[i], text);
    }
    assert_true(writer_is_idle(scene.writer));
    scene_end(&scene);
}

static void idle_without_files_and_again_after_the_last(void **state)
{
    struct scene scene;
    struct heard heard;

    (void)state;
    scene_begin(&scene, 0);
    assert_true(writer_is_idle(scene.writer));
    for (unsigned i = 0; i < 3; i++) {
        (void)close(client_passes(&scene, &heard, temporary_file(0)));
        assert_false(writer_is_idle(scene.writer));
        client_closes(&heard);
        assert_true(writer_is_idle(scene.writer));
    }
    scene_end(&scene);
}

static void after_shutdown_files_finish_and_none_is_opened(void **state)
{
    struct scene scene;
    struct heard heard;
    struct writer_file *file;
    int mine, late;

    (void)state;
    scene_begin(&scene, 0);
    mine = client_passes(&scene, &heard, temporary_file(0));
    client_writes(&heard, "kept");
    writer_shutdown(scene.writer);
    late = temporary_file(0);
    assert_int_equal(writer_open(scene.writer, late, &heard_ops, NULL, &file), -ESHUTDOWN);
    assert_int_equal(close(late), 0);
    assert_false(writer_is_idle(scene.writer));
    client_writes(&heard, " still");
    client_closes(&heard);
    assert_true(writer_is_idle(scene.writer));
    file_holds(mine, "kept still");
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_blocks_are_in_the_file_in_order),
        cmocka_unit_test(writes_begin_at_the_offset_and_leave_it_alone),
        cmocka_unit_test(append_only_begins_at_the_end),
        cmocka_unit_test(restart_forgets_what_was_written_before_it),
        cmocka_unit_test(restart_right_before_the_close_leaves_the_base),
        cmocka_unit_test(every_posted_byte_is_reported_once),
        cmocka_unit_test(full_queue_says_no_and_then_calls),
        cmocka_unit_test(block_beyond_the_bound_fits_an_empty_queue),
        cmocka_unit_test(refuses_what_is_no_regular_file_open_for_writing),
        cmocka_unit_test(sealed_file_fails_and_the_rest_is_dropped_with_the_same_error),
        cmocka_unit_test(file_size_limit_is_an_error_and_kills_nobody),
        cmocka_unit_test(discard_drops_and_still_closes),
        cmocka_unit_test(close_inside_written_is_fine),
        cmocka_unit_test(many_files_at_once_each_get_their_own_bytes),
        cmocka_unit_test(idle_without_files_and_again_after_the_last),
        cmocka_unit_test(after_shutdown_files_finish_and_none_is_opened),
    };
    struct ring_trouble trouble;
    struct ring *ring;

    if (ring_new(&ring, NULL, &trouble) < 0) {
        (void)fprintf(stderr, "skipped: %s\n", trouble.text);
        return 77;
    }
    ring_free(ring);
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
