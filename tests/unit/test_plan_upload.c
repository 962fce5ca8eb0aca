/*
 * test_plan_upload.c - -T: which file goes to which URL, under which name, and with what it does
 * not go together.
 */
#include "plan_body.h"
#include "plan_upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define WORDS_MAX 16

struct made {
    struct options options;
    struct plan plan;
    char path[64];
    char *why;
    bool is_made;
};

/* Words are separated by single blanks; FILE is a file with these bytes. */
static void user_types(struct made *made, const char *command, size_t file_bytes)
{
    char *argv[WORDS_MAX] = { (char[]){ "haul" } };
    static char copy[256];
    char *data = calloc(1, file_bytes + 1);
    int argc = 1;
    int fd;

    *made = (struct made){ .path = "/tmp/haul-plan-XXXXXX" };
    fd = mkstemp(made->path);
    assert_true(fd >= 0 && data);
    assert_int_equal(write(fd, data, file_bytes), file_bytes);
    assert_int_equal(close(fd), 0);
    free(data);
    strcpy(copy, command);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        assert_true(argc < WORDS_MAX);
        if (strcmp(word, "EMPTY") == 0)
            word = word + strlen(word);
        argv[argc++] = strcmp(word, "FILE") == 0 ? made->path : word;
    }
    assert_true(options_parse(&made->options, argc, argv, &made->why));
    made->is_made = plan_init(&made->plan, &made->options, &made->why);
    assert_int_equal(unlink(made->path), 0);
}

static void user_is_done(struct made *made)
{
    plan_deinit(&made->plan);
    options_deinit(&made->options);
    free(made->why);
}

static void a_url_without_a_file_gets_the_name_of_ours(void **state)
{
    static const struct {
        const char *path;
        const char *url;
        const char *asked; /* NULL = the same */
    } rows[] = {
        { "f", "http://h", "http://h/f" },
        { "f", "http://h/", "http://h/f" },
        { "f", "http://h:80?q", "http://h:80/f?q" },
        { "f", "http://h#x", "http://h/f#x" },
        { "f", "http://h/?a/b", "http://h/f?a/b" },
        { "f", "http://h/d/?q=1#f", "http://h/d/f?q=1#f" },
        { "f", "http://h/d/..", "http://h/d/../f" },
        { "f", "http://h/d/.", "http://h/d/./f" },
        { "f", "http://h/d", NULL },
        { "f", "http://h/d/...", NULL },
        { "f", "http://h/d?/", NULL },
        { "f", "HTTPS://u:p@h/d//", "HTTPS://u:p@h/d//f" },
        { "f", "h", "h/f" },
        { "f", "h/", "h/f" },
        { "f", "h/x://y", NULL },
        { "f", "h/x://", "h/x://f" },
        { "/a/b/f", "http://h/", "http://h/f" },
        { "a b#?%/", "http://h/d/", "http://h/d/" }, /* a directory; nothing reads it */
        { "a b#?%\xc3\xa4+~_.-", "http://h/", "http://h/a%20b%23%3F%25%C3%A4%2B~_.-" },
        { "-", "http://h/", NULL },
        { ".", "http://h", NULL },
        { "./-", "http://h/", "http://h/-" },
        { "f", "", "/f" }, /* url_parse refuses it */
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct plan_upload upload = { .path = rows[i].path };
        const char *asked = rows[i].asked ? rows[i].asked : rows[i].url;
        char *unterminated = malloc(strlen(rows[i].url) + 1);
        struct text out;

        memcpy(unterminated, rows[i].url, strlen(rows[i].url));
        unterminated[strlen(rows[i].url)] = '/'; /* not part of it */
        text_init(&out);
        plan_put_upload_url(&out, span_of(unterminated, strlen(rows[i].url)), &upload);
        if (!span_equals(text_span(&out), span_of_string(asked)))
            fail_msg("%s %s: got %.*s", rows[i].path, rows[i].url, (int)out.bytes, out.data);
        text_deinit(&out);
        free(unterminated);
    }
}

static void with_get_each_url_has_its_file(void **state)
{
    struct made made;

    (void)state;
    user_types(&made, "get -T FILE -T EMPTY --upload-file FILE u v w x", 3);
    assert_true(made.is_made);
    assert_int_equal(plan_find_upload(&made.plan, 0)->body.bytes, 3);
    assert_null(plan_find_upload(&made.plan, 1)); /* as curl: this one is fetched */
    assert_int_equal(plan_find_upload(&made.plan, 2)->body.bytes, 3);
    assert_null(plan_find_upload(&made.plan, 3));
    assert_false(made.plan.has_body); /* nothing is said of its type */
    user_is_done(&made);
}

static void with_batch_one_file_is_for_all(void **state)
{
    struct made made;

    (void)state;
    user_types(&made, "batch -T FILE u v", 0);
    assert_true(made.is_made);
    assert_non_null(plan_find_upload(&made.plan, 0));
    assert_ptr_equal(plan_find_upload(&made.plan, 0), plan_find_upload(&made.plan, 1));
    assert_ptr_equal(plan_find_upload(&made.plan, 0), plan_find_upload(&made.plan, SIZE_MAX));
    user_is_done(&made);
    user_types(&made, "get u", 0);
    assert_null(plan_find_upload(&made.plan, 0));
    user_is_done(&made);
}

static void what_is_no_file_is_streamed_by_get_and_read_by_batch(void **state)
{
    struct message_request request = { 0 };
    int saved = dup(STDIN_FILENO);
    struct made made;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "abc", 3), 3);
    assert_int_equal(close(fds[1]), 0);
    assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    user_types(&made, "get -T - u", 0);
    assert_true(made.is_made);
    assert_true(made.plan.uploads[0].large.is_there);
    assert_int_equal(made.plan.uploads[0].large.fd, STDIN_FILENO);
    assert_true(made.plan.uploads[0].large.bytes == LARGE_BODY_UNKNOWN);
    assert_ptr_equal(plan_give_body(&made.plan, made.plan.uploads, &request),
                     &made.plan.uploads[0].large);
    assert_true(request.fixed.flags & WIRE_REQUEST_EXPECT);
    user_is_done(&made); /* nothing was read, and it is still open */
    user_types(&made, "batch -T - u", 0);
    assert_true(made.is_made);
    assert_false(made.plan.uploads[0].large.is_there);
    assert_int_equal(made.plan.uploads[0].body.bytes, 3);
    user_is_done(&made);
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    (void)close(saved);
    (void)close(fds[0]);
}

static void refuses_what_does_not_go_together(void **state)
{
    static const struct {
        const char *command;
        const char *part;
    } rows[] = {
        { "get -T FILE -d x u", "-T and -d exclude each other" },
        { "get -T FILE --json {} u", "-T and -d exclude each other" },
        { "get -T FILE -G -d x u", "-T and -d exclude each other" },
        { "get -T EMPTY -d x u", "-T and -d exclude each other" },
        { "get -T FILE -I u", "-T and -I exclude each other" },
        { "get -T FILE -r 0-1 u", "not with -r" },
        { "get -T FILE -C - -o x u", "not with -C" },
        { "get -T FILE -T FILE u", "more -T than URLs" },
        { "batch -T FILE -T FILE u v", "one file goes to all" },
        { "get -T /nonexistent u", "-T /nonexistent: No such file" },
        { "get -T FILE -T /nonexistent u v", "-T /nonexistent: No such file" },
        { "get -T /tmp u", "-T /tmp: Is a directory" },
        { "get -T - -H @- u", "-T - and -H @- cannot both" },
        { "get -T . -T - u v", "-T - and -T - cannot both" },
        { "batch -T - -i -", "the list and -T - cannot both" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct made made;

        user_types(&made, rows[i].command, 1);
        if (made.is_made || !strstr(made.why, rows[i].part))
            fail_msg("%s: %s", rows[i].command, made.is_made ? "taken" : made.why);
        user_is_done(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_without_a_file_gets_the_name_of_ours),
        cmocka_unit_test(with_get_each_url_has_its_file),
        cmocka_unit_test(with_batch_one_file_is_for_all),
        cmocka_unit_test(what_is_no_file_is_streamed_by_get_and_read_by_batch),
        cmocka_unit_test(refuses_what_does_not_go_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
