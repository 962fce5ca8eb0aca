/*
 * Log lines: one write each, at the right level, in the journal's form when stderr is the journal's
 * stream. stderr is a pipe here.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct capture {
    int read_fd;
    int saved_stderr;
    char text[8192];
};

static void capture_begin(struct capture *capture)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    capture->saved_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
    (void)close(fds[1]);
    capture->read_fd = fds[0];
}

static const char *capture_end(struct capture *capture)
{
    ssize_t bytes;

    (void)dup2(capture->saved_stderr, STDERR_FILENO);
    (void)close(capture->saved_stderr);
    bytes = read(capture->read_fd, capture->text, sizeof(capture->text) - 1);
    (void)close(capture->read_fd);
    capture->text[bytes > 0 ? bytes : 0] = '\0';
    return capture->text;
}

static void writes_name_level_and_text(void **state)
{
    struct capture capture;

    (void)state;
    capture_begin(&capture);
    (void)unsetenv("JOURNAL_STREAM");
    log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_WARNING, "%d of %s", 3, "them");
    log_line(LOG_LEVEL_ERR, "end");
    assert_string_equal(capture_end(&capture), "hauld: warning: 3 of them\nhauld: error: end\n");
}

static void writes_only_up_to_its_level(void **state)
{
    struct capture capture;

    (void)state;
    capture_begin(&capture);
    log_init(LOG_LEVEL_NOTICE);
    log_line(LOG_LEVEL_INFO, "not this");
    log_line(LOG_LEVEL_NOTICE, "this");
    log_set_level(LOG_LEVEL_DEBUG);
    log_line(LOG_LEVEL_DEBUG, "and this");
    assert_string_equal(capture_end(&capture), "hauld: notice: this\nhauld: debug: and this\n");
    assert_true(log_is_on(LOG_LEVEL_DEBUG));
}

static void journal_gets_the_priority(void **state)
{
    struct capture capture;
    struct stat status;
    char stream[64];

    (void)state;
    capture_begin(&capture);
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "text");
    (void)setenv("JOURNAL_STREAM", "1:1", 1); /* redirected since */
    log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "text");
    (void)setenv("JOURNAL_STREAM", "nonsense", 1);
    log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "text");
    assert_string_equal(capture_end(&capture), "<6>text\nhauld: info: text\nhauld: info: text\n");
}

static void text_from_outside_cannot_forge_a_line(void **state)
{
    struct capture capture;

    (void)state;
    (void)unsetenv("JOURNAL_STREAM");
    capture_begin(&capture);
    log_init(LOG_LEVEL_INFO);
    log_line(LOG_LEVEL_INFO, "host %s", "a\n<3>forged\x1b[2J\x7f\r");
    assert_string_equal(capture_end(&capture), "hauld: info: host a?<3>forged?[2J??\n");
}

static void cuts_a_long_text_and_keeps_errno(void **state)
{
    struct capture capture;
    char text[5000];
    const char *seen;

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    capture_begin(&capture);
    log_init(LOG_LEVEL_INFO);
    errno = ENOENT;
    log_line(LOG_LEVEL_INFO, "%s", text);
    assert_int_equal(errno, ENOENT);
    seen = capture_end(&capture);
    assert_int_equal(strlen(seen), 2048);
    assert_int_equal(seen[2047], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_name_level_and_text),
        cmocka_unit_test(writes_only_up_to_its_level),
        cmocka_unit_test(journal_gets_the_priority),
        cmocka_unit_test(text_from_outside_cannot_forge_a_line),
        cmocka_unit_test(cuts_a_long_text_and_keeps_errno),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
