/*
 * Log lines: one write each, at the right level, in the journal's form when stderr is the journal's
 * stream. stderr is a pipe here.
 */
#include "log_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
    log_init_at(LOG_LEVEL_INFO, "/nonexistent/socket");
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
    assert_string_equal(seen + 2048 - 6, "xx...\n");
}

/* ---- the journal's socket ---- */

struct journal {
    char path[64];
    int fd;
    struct capture capture; /* stderr is the journal's stream */
};

static void journal_begin(struct journal *journal)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat status;
    char stream[64];

    (void)snprintf(journal->path, sizeof(journal->path), "/tmp/haul-log-%ld", (long)getpid());
    strcpy(address.sun_path, journal->path);
    (void)unlink(journal->path);
    journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(journal->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    capture_begin(&journal->capture);
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    log_init_at(LOG_LEVEL_INFO, journal->path);
}

static const char *journal_end(struct journal *journal)
{
    (void)close(journal->fd);
    (void)unlink(journal->path);
    (void)unsetenv("JOURNAL_STREAM");
    log_init(LOG_LEVEL_INFO);
    return capture_end(&journal->capture);
}

/* The next datagram, as a string; empty when there is none. */
static const char *journal_gets(struct journal *journal)
{
    static char bytes[65536];
    ssize_t got = recv(journal->fd, bytes, sizeof(bytes) - 1, 0);

    bytes[got > 0 ? got : 0] = '\0';
    return bytes;
}

static void the_journal_gets_fields(void **state)
{
    const struct log_about about = { .has_item = true,
                                     .batch = 7,
                                     .item = UINT64_MAX,
                                     .has_uid = true,
                                     .uid = 1000,
                                     .origin = "https://a.test:443",
                                     .fault = "connect/refused" };
    struct journal journal;

    (void)state;
    journal_begin(&journal);
    log_line(LOG_LEVEL_WARNING, "a %s", "b\nPRIORITY=0");
    assert_string_equal(journal_gets(&journal),
                        "PRIORITY=4\nSYSLOG_IDENTIFIER=hauld\nMESSAGE=a b?PRIORITY=0\n");
    log_about(LOG_LEVEL_NOTICE, &about, "text");
    assert_string_equal(journal_gets(&journal),
                        "PRIORITY=5\nSYSLOG_IDENTIFIER=hauld\nMESSAGE=text\nHAUL_UID=1000\n"
                        "HAUL_BATCH=7\nHAUL_ITEM=18446744073709551615\n"
                        "HAUL_ORIGIN=https://a.test:443\nHAUL_FAULT=connect/refused\n");
    log_about(LOG_LEVEL_DEBUG, &about, "not at this level");
    assert_string_equal(journal_gets(&journal), "");
    assert_string_equal(journal_end(&journal), "");
}

static void a_value_with_a_line_end_has_its_length(void **state)
{
    static const char expected[] = "NAME\n\3\0\0\0\0\0\0\0a\nb\n";
    char out[64];

    (void)state;
    assert_int_equal(log_journal_field(out, "NAME", SPAN_LITERAL("a\nb")), sizeof(expected) - 1);
    assert_memory_equal(out, expected, sizeof(expected) - 1);
    assert_int_equal(log_journal_field(out, "NAME", SPAN_LITERAL("a")), 7);
    assert_memory_equal(out, "NAME=a\n", 7);
}

static void a_journal_that_is_gone_is_no_reason_to_be_silent(void **state)
{
    struct journal journal;

    (void)state;
    journal_begin(&journal);
    (void)unlink(journal.path);
    log_line(LOG_LEVEL_INFO, "where is it");
    assert_string_equal(journal_end(&journal), "<6>where is it\n");
}

static void what_a_full_journal_loses_is_told_with_the_next(void **state)
{
    struct journal journal;
    unsigned written = 0, taken = 0, lost = 0;

    (void)state;
    journal_begin(&journal);
    for (; written < 2000; written++) /* far more than net.unix.max_dgram_qlen */
        log_line(LOG_LEVEL_INFO, "line");
    while (*journal_gets(&journal))
        taken++;
    assert_true(taken > 0 && taken < written);
    log_line(LOG_LEVEL_INFO, "next");
    assert_int_equal(sscanf(journal_gets(&journal),
                            "PRIORITY=4\nSYSLOG_IDENTIFIER=hauld\nMESSAGE=%u lines were lost",
                            &lost),
                     1);
    assert_int_equal(taken + lost, written);
    assert_non_null(strstr(journal_gets(&journal), "MESSAGE=next\n"));
    log_line(LOG_LEVEL_INFO, "told once");
    assert_non_null(strstr(journal_gets(&journal), "MESSAGE=told once\n"));
    assert_string_equal(journal_end(&journal), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_name_level_and_text),
        cmocka_unit_test(writes_only_up_to_its_level),
        cmocka_unit_test(journal_gets_the_priority),
        cmocka_unit_test(text_from_outside_cannot_forge_a_line),
        cmocka_unit_test(cuts_a_long_text_and_keeps_errno),
        cmocka_unit_test(the_journal_gets_fields),
        cmocka_unit_test(a_value_with_a_line_end_has_its_length),
        cmocka_unit_test(a_journal_that_is_gone_is_no_reason_to_be_silent),
        cmocka_unit_test(what_a_full_journal_loses_is_told_with_the_next),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
