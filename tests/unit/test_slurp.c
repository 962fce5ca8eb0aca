/*
 * test_slurp.c - a file comes whole, or says why not.
 */
#include "slurp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void write_file(char *path, const char *data, size_t bytes)
{
    int fd;

    strcpy(path, "/tmp/haul-slurp-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), bytes);
    assert_int_equal(close(fd), 0);
}

static void appends_a_file_as_it_is(void **state)
{
    struct text text;
    char path[64];

    (void)state;
    text_init(&text);
    text_put_literal(&text, "before:");
    write_file(path, "a\r\n\0b", 5);
    assert_int_equal(slurp(path, 5, &text), 0);
    assert_true(span_equals(text_span(&text), SPAN_LITERAL("before:a\r\n\0b")));
    (void)unlink(path);
    text_deinit(&text);
}

static void reads_more_than_one_piece_up_to_its_limit(void **state)
{
    const size_t bytes = (3u << 16) + 1;
    char *data = malloc(bytes);
    struct text text;
    char path[64];

    (void)state;
    assert_non_null(data);
    memset(data, 'x', bytes);
    write_file(path, data, bytes);
    text_init(&text);
    assert_int_equal(slurp(path, bytes, &text), 0);
    assert_int_equal(text.bytes, bytes);
    assert_memory_equal(text.data, data, bytes);
    text_clear(&text, 0);
    assert_int_equal(slurp(path, bytes - 1, &text), -EFBIG);
    (void)unlink(path);
    text_deinit(&text);
    free(data);
}

static void reads_standard_input(void **state)
{
    int kept = dup(STDIN_FILENO);
    struct text text;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    assert_int_equal(close(ends[1]), 0);
    assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
    text_init(&text);
    assert_int_equal(slurp("-", 100, &text), 0);
    assert_true(span_equals(text_span(&text), SPAN_LITERAL("piped")));
    assert_int_equal(slurp("-", 100, &text), 0); /* it is still open, and at its end */
    assert_int_equal(text.bytes, 5);
    text_deinit(&text);
    if (kept >= 0)
        (void)dup2(kept, STDIN_FILENO);
    (void)close(kept);
    (void)close(ends[0]);
}

static void says_what_keeps_a_file_from_being_read(void **state)
{
    struct text text;

    (void)state;
    text_init(&text);
    assert_int_equal(slurp("/nonexistent/file", 100, &text), -ENOENT);
    assert_int_equal(slurp("", 100, &text), -ENOENT);
    assert_int_equal(slurp("/tmp", 100, &text), -EISDIR);
    assert_int_equal(slurp("/dev/zero", 1u << 20, &text), -EFBIG);
    text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_a_file_as_it_is),
        cmocka_unit_test(reads_more_than_one_piece_up_to_its_limit),
        cmocka_unit_test(reads_standard_input),
        cmocka_unit_test(says_what_keeps_a_file_from_being_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
