/*
 * What -b, -c and -j mean on the wire: a Cookie field, frames for the jar, flags of the batch; and
 * which lines of a file are cookies.
 */
#include "plan_cookies.h"
#include "typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NOW UINT64_C(1700000000)
#define JAR WIRE_BATCH_COOKIES
#define JAR_BACK (WIRE_BATCH_COOKIES | WIRE_BATCH_COOKIES_BACK)

static char file_path[] = "/tmp/haul-test-cookies-XXXXXX";

/* "domain path name=value|" of each COOKIE frame, in order. */
static void expect_frames(struct span frames, const char *expected)
{
    struct text all = { 0 };

    while (frames.bytes > 0) {
        struct cookie cookie;
        struct frame frame;

        assert_true(span_take_copy(&frames, &frame.header, sizeof(frame.header)));
        assert_true(span_take(&frames, frame.header.length - sizeof(frame.header), &frame.payload));
        assert_int_equal(frame.header.type, WIRE_COOKIE);
        assert_int_equal(frame.header.id, PLAN_BATCH_ID);
        assert_int_equal(message_decode_cookie(&frame, &cookie), 0);
        text_put_span(&all, cookie.domain);
        text_put_char(&all, ' ');
        text_put_span(&all, cookie.path);
        text_put_char(&all, ' ');
        text_put_span(&all, cookie.name);
        text_put_char(&all, '=');
        text_put_span(&all, cookie.value);
        text_put_char(&all, '|');
    }
    if (!span_equals(text_span(&all), span_of_string(expected)))
        fail_msg("got '%.*s', not '%s'", (int)all.bytes, all.data, expected);
    text_deinit(&all);
}

/* NULL: there is no such field; more than one fails. */
static void expect_field(const struct plan *plan, const char *expected)
{
    struct span fields = text_span(&plan->fields);
    struct message_field field;
    unsigned seen = 0;

    while (message_next_field(&fields, &field)) {
        if (!span_equals_nocase(field.name, SPAN_LITERAL("cookie")))
            continue;
        if (!expected || !span_equals(field.value, span_of_string(expected)))
            fail_msg("Cookie: %.*s", (int)field.value.bytes, field.value.data);
        seen++;
    }
    assert_int_equal(seen, expected != NULL);
}

static void write_file(const char *text)
{
    FILE *file = fopen(file_path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#define WORDS(...) ((const char *const[]){ "get", __VA_ARGS__, "u", NULL })

static void text_becomes_a_field_and_a_file_a_jar(void **state)
{
    const struct {
        const char *const *words;
        const char *field; /* NULL = none */
        uint32_t flags;
        const char *frames;
    } rows[] = {
        { WORDS("-s"), NULL, 0, "" },
        { WORDS("-b", "a=1"), "a=1", 0, "" },
        { WORDS("-b", "a=1; b=2"), "a=1; b=2", 0, "" },
        { WORDS("-b", "a=1", "-b", "b=2"), "a=1; b=2", 0, "" },
        { WORDS("-b", " \ta=1 ", "-b", "\tb=2\t"), "a=1; b=2", 0, "" },
        { WORDS("-b", "="), "=", 0, "" },
        { WORDS("-b", "a=1", "-H", "Cookie: own=1"), "own=1", 0, "" },
        { WORDS("-b", "a=1", "-H", "cookie:"), NULL, 0, "" },
        { WORDS("-b", ""), NULL, JAR, "" }, /* curl's way to say: a jar, from nothing */
        { WORDS("-b", "/nonexistent/jar"), NULL, JAR, "" },
        { WORDS("-b", "/dev/null"), NULL, JAR, "" },
        { WORDS("-c", "jar"), NULL, JAR_BACK, "" },
        { WORDS("-b", "a=1", "-c", "jar"), "a=1", JAR_BACK, "" },
        { WORDS("-b", file_path), NULL, JAR, "a.test / s=1|a.test / k=2|" },
        { WORDS("-b", "x=9", "-b", file_path), "x=9", JAR, "a.test / s=1|a.test / k=2|" },
        { WORDS("-j", "-b", file_path), NULL, JAR, "a.test / k=2|" },
        { WORDS("-b", file_path, "-b", file_path, "-j"), NULL, JAR, "a.test / k=2|a.test / k=2|" },
        { WORDS("-j"), NULL, 0, "" },
    };
    struct made made;
    char at[64];

    (void)state;
    write_file("a.test\tFALSE\t/\tFALSE\t0\ts\t1\na.test\tFALSE\t/\tFALSE\t1798761600\tk\t2\n");
    for (size_t i = 0; i < ROWS(rows); i++) {
        user_types(&made, rows[i].words);
        if (!made.is_made)
            fail_msg("row %zu: %s", i, made.why);
        expect_field(&made.plan, rows[i].field);
        assert_int_equal(made.plan.batch_flags, rows[i].flags);
        expect_frames(text_span(&made.plan.cookies), rows[i].frames);
        user_is_done(&made);
    }
    (void)snprintf(at, sizeof(at), "@%s", file_path); /* a file, even with '=' in its name */
    user_types(&made, WORDS("-b", at));
    assert_true(made.is_made);
    expect_frames(text_span(&made.plan.cookies), "a.test / s=1|a.test / k=2|");
    user_is_done(&made);
}

static void says_which_file_cannot_be_read(void **state)
{
    const struct {
        const char *const *words;
        const char *part;
    } rows[] = {
        { WORDS("-b", "/tmp"), "-b /tmp: Is a directory" },
        { WORDS("-b", "/dev/null/x"), "-b /dev/null/x: Not a directory" },
        { WORDS("-b", "/dev/zero"), "-b /dev/zero: File too large" },
    };
    struct made made;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        user_types(&made, rows[i].words);
        assert_false(made.is_made);
        if (!strstr(made.why, rows[i].part))
            fail_msg("row %zu: %s", i, made.why);
        user_is_done(&made);
    }
    user_types(&made, (const char *const[]){ "batch", "-i", "-", "-b", "-", NULL });
    assert_false(made.is_made);
    assert_non_null(strstr(made.why, "standard input"));
    user_is_done(&made);
}

static void takes_the_lines_that_are_cookies(void **state)
{
    static const struct {
        const char *file;
        const char *frames;
    } rows[] = {
        { "", "" },
        { "\n\n\r\n", "" },
        { "# Netscape HTTP Cookie File\n\n.a.test\tTRUE\t/x\tFALSE\t0\tn\tv\n", "a.test /x n=v|" },
        { "a.test\tFALSE\t/\tFALSE\t0\tn\tv", "a.test / n=v|" }, /* no last line break */
        { "a.test\tFALSE\t/\tFALSE\t0\tn\tv\r\n#HttpOnly_b.test\tFALSE\t/\tTRUE\t0\tn\tw\r\n",
          "a.test / n=v|b.test / n=w|" },
        { "a.test\tFALSE\t/\tFALSE\t0\tn\tv\nrubbish\nb.test\tFALSE\t/\tFALSE\t0\tn\tv\n",
          "a.test / n=v|b.test / n=v|" },
        /* what -i or a browser's tools have saved */
        { "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=.a.test; Path=/x\r\n"
          "set-cookie:b=2;domain=a.test\r\n\r\nbody",
          "a.test /x a=1|a.test / b=2|" },
        /* nobody's */
        { "Set-Cookie: a=1\r\n", "" },
        { "Set-Cookie: a=1; Path=/\r\n", "" },
        { "Set-Cookie:\r\n", "" },
        { "Set-Cookie: =1; Domain=a.test\r\n", "" },
        { "Set-Cookie\r\n", "" },
        { "Cookie: a=1; Domain=a.test\r\n", "" },
        { "X-Set-Cookie: a=1; Domain=a.test\r\n", "" },
        { "a=1", "" },
        { "a.test FALSE / FALSE 0 n v\n", "" },
        { "a.test\tFALSE\t/\tFALSE\t0\tn\tv\x01\n", "" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct text frames = { 0 };
        size_t bytes = strlen(rows[i].file);
        char *copy = malloc(bytes + !bytes); /* the sanitizer sees a read beyond it */

        assert_non_null(copy);
        memcpy(copy, rows[i].file, bytes);
        plan_put_cookies(&frames, span_of(copy, bytes), NOW, false);
        free(copy);
        expect_frames(text_span(&frames), rows[i].frames);
        text_deinit(&frames);
    }
}

/* A Max-Age of the header counts from now; so it is no session cookie. */
static void junks_session_cookies_alone(void **state)
{
    static const char file[] = "Set-Cookie: a=1; Domain=a.test\nSet-Cookie: b=2; Domain=a.test; "
                               "Max-Age=10\na.test\tFALSE\t/\tFALSE\t0\tc\t3\n"
                               "a.test\tFALSE\t/\tFALSE\t1\td\t4\n";
    struct text frames = { 0 };

    (void)state;
    plan_put_cookies(&frames, SPAN_LITERAL(file), NOW, true);
    expect_frames(text_span(&frames), "a.test / b=2|a.test / d=4|");
    text_deinit(&frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_becomes_a_field_and_a_file_a_jar),
        cmocka_unit_test(says_which_file_cannot_be_read),
        cmocka_unit_test(takes_the_lines_that_are_cookies),
        cmocka_unit_test(junks_session_cookies_alone),
    };
    int fd = mkstemp(file_path);
    int failed;

    if (fd < 0)
        return 1;
    (void)close(fd);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(file_path);
    return failed;
}
