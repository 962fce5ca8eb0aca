/*
 * test_plan_files.c - -d @FILE, -H @FILE and their kin: what is in the file becomes the request.
 */
#include "plan_body.h"
#include "plan_upload.h"
#include "typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define AGENT "User-Agent: haul/" HAUL_VERSION

/* Words are separated by single blanks; every FILE in them is a file with these bytes. */
static void user_types_with(struct made *made, const char *command, struct span file)
{
    char path[] = "/tmp/haul-plan-XXXXXX", copy[256], texts[TYPED_WORDS_MAX][128];
    const char *words[TYPED_WORDS_MAX] = { NULL };
    int fd = mkstemp(path);
    size_t count = 0;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, file.data, file.bytes), file.bytes);
    assert_int_equal(close(fd), 0);
    strcpy(copy, command);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        const char *at = strstr(word, "FILE");

        (void)snprintf(texts[count], 128, "%.*s%s%s", at ? (int)(at - word) : 0, word,
                       at ? path : "", at ? at + 4 : word);
        words[count] = texts[count];
        assert_true(++count < TYPED_WORDS_MAX);
    }
    user_types(made, words);
    assert_int_equal(unlink(path), 0);
}

static void expect_same(const char *command, struct span got, struct span expected)
{
    if (!span_equals(got, expected))
        fail_msg("%s: got '%.*s', not '%.*s'", command, (int)got.bytes, got.data,
                 (int)expected.bytes, expected.data);
}

static void each_kind_of_data_reads_a_file_its_own_way(void **state)
{
    static const char data[] = "a b\r\nc\n\0d";
    const struct {
        const char *command;
        struct span file;
        struct span body;
    } rows[] = {
        { "get -d @FILE u", SPAN_LITERAL(data), SPAN_LITERAL("a bcd") },
        { "get --data @FILE u", SPAN_LITERAL("\r\n\0\n"), SPAN_LITERAL("") },
        { "get --data-binary @FILE u", SPAN_LITERAL(data), SPAN_LITERAL(data) },
        { "get --json @FILE u", SPAN_LITERAL(data), SPAN_LITERAL(data) },
        { "get --json [1, --json @FILE u", SPAN_LITERAL("2]"), SPAN_LITERAL("[1,2]") },
        { "get --data-urlencode @FILE u", SPAN_LITERAL(data), SPAN_LITERAL("a+b%0D%0Ac%0A%00d") },
        { "get --data-urlencode n@FILE u", SPAN_LITERAL("\xc3\xa4=@"),
          SPAN_LITERAL("n=%C3%A4%3D%40") },
        { "get --data-urlencode n@FILE u", SPAN_LITERAL(""), SPAN_LITERAL("") },
        { "get --data-urlencode =@FILE u", SPAN_LITERAL("x"), SPAN_LITERAL("") },
        { "get --data-raw @FILE u", SPAN_LITERAL("x"), SPAN_LITERAL("") },
        { "get -d x -d @FILE -d @FILE u", SPAN_LITERAL("f\n"), SPAN_LITERAL("x&f&f") },
        { "get -d @FILE -d x u", SPAN_LITERAL(""), SPAN_LITERAL("&x") },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bool is_text = strstr(rows[i].command, "=@FILE") || strstr(rows[i].command, "raw");
        struct made made;

        user_types_with(&made, rows[i].command, rows[i].file);
        if (!made.is_made)
            fail_msg("%s: %s", rows[i].command, made.why);
        assert_true(made.plan.has_body);
        assert_true(span_equals(made.plan.method, SPAN_LITERAL("POST")));
        if (is_text) /* the name of the file, not what is in it */
            assert_non_null(memmem(made.plan.body.data, made.plan.body.bytes, "haul-plan-", 10));
        else
            expect_same(rows[i].command, text_span(&made.plan.body), rows[i].body);
        user_is_done(&made);
    }
}

static void data_of_a_file_can_go_into_the_query(void **state)
{
    struct made made;

    (void)state;
    user_types_with(&made, "get -G -d a=1 -d @FILE u", SPAN_LITERAL("b=\n2"));
    assert_true(made.is_made);
    assert_false(made.plan.has_body);
    expect_same("-G", text_span(&made.plan.query), SPAN_LITERAL("a=1&b=2"));
    user_is_done(&made);
}

static void a_body_that_no_frame_holds_is_passed_by_descriptor(void **state)
{
    const size_t frame_max = 768u << 10;
    char *data = malloc(2u << 20);
    const struct {
        const char *command;
        size_t bytes;
        char filler;
        size_t large_bytes; /* 0 = it is in the frame */
        bool expects;
    } rows[] = {
        { "get --data-binary @FILE u", frame_max, 'x', 0, false },
        { "get --data-binary @FILE u", frame_max + 1, 'x', frame_max + 1, false },
        { "get --data-binary @FILE u", 1u << 20, 'x', 1u << 20, false },
        { "get --data-binary @FILE u", (1u << 20) + 1, 'x', (1u << 20) + 1, true },
        { "get --data-binary @FILE -H Expect: u", 2u << 20, 'x', 2u << 20, false },
        { "get --data-urlencode @FILE u", frame_max / 2, '&', frame_max / 2 * 3, true },
        { "get -d @FILE u", frame_max + 1, '\n', 0, false }, /* nothing is left of it */
        { "get -d @FILE -H Expect:100-Continue u", 3, 'x', 3, true },
        { "get -T FILE u", frame_max, 'x', 0, false },
        { "get -T FILE u", frame_max + 1, 'x', frame_max + 1, false },
        { "batch -T FILE u", 2u << 20, 'x', 2u << 20, true },
        { "get -T FILE -H expect:100-continue u", 3, 'x', 3, true },
    };

    (void)state;
    assert_non_null(data);
    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct large_body *large;
        struct made made;

        memset(data, rows[i].filler, rows[i].bytes);
        user_types_with(&made, rows[i].command, span_of(data, rows[i].bytes));
        if (!made.is_made)
            fail_msg("row %zu: %s", i, made.why);
        large = made.plan.uploads ? &made.plan.uploads[0].large : &made.plan.large_body;
        if (large->is_there != (rows[i].large_bytes > 0) || large->bytes != rows[i].large_bytes)
            fail_msg("row %zu: %zu bytes by descriptor", i, (size_t)large->bytes);
        assert_int_equal(plan_has_large_body(&made.plan), large->is_there);
        if (large->is_there) {
            struct message_request request = { 0 };
            char first;

            assert_int_equal(pread(large->fd, &first, 1, 0), 1);
            assert_int_equal(lseek(large->fd, 0, SEEK_CUR), 0); /* where the daemon begins */
            assert_ptr_equal(plan_give_body(&made.plan, made.plan.uploads, &request), large);
            assert_int_equal(request.fixed.flags & WIRE_REQUEST_EXPECT ? 1 : 0, rows[i].expects);
        }
        user_is_done(&made);
    }
    free(data);
}

/* "Name: value|Name: value" */
static void expect_fields(const struct made *made, const char *command, const char *expected)
{
    struct span fields = text_span(&made->plan.fields);
    struct message_field field;
    struct text all = { 0 };

    while (message_next_field(&fields, &field)) {
        if (all.bytes)
            text_put_char(&all, '|');
        text_put_span(&all, field.name);
        text_put_literal(&all, ": ");
        text_put_span(&all, field.value);
    }
    expect_same(command, text_span(&all), span_of_string(expected));
    text_deinit(&all);
}

static void lines_of_a_file_are_lines_of_H(void **state)
{
    const struct {
        const char *command;
        const char *file;
        const char *fields;
    } rows[] = {
        { "get -H @FILE u", "A: 1\r\nB: 2\n", "A: 1|B: 2|" AGENT "|Accept: */*" },
        { "get -H @FILE u", "\n\r\nA: 1", "A: 1|" AGENT "|Accept: */*" },
        { "get -H @FILE u", "A:\t 1 \t\rB;\n", "A: 1|B: |" AGENT "|Accept: */*" },
        { "get -H @FILE u", "accept: x\nUser-Agent:\n", "accept: x" },
        { "get -H @FILE u", "", AGENT "|Accept: */*" },
        { "get -H X:1 -H @FILE -H Y:2 u", "A: 1\n", "X: 1|A: 1|Y: 2|" AGENT "|Accept: */*" },
        { "get -u a:b -H @FILE u", "Authorization: secret\n",
          "Authorization: secret|" AGENT "|Accept: */*" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct made made;

        user_types_with(&made, rows[i].command, span_of_string(rows[i].file));
        if (!made.is_made)
            fail_msg("row %zu: %s", i, made.why);
        expect_fields(&made, rows[i].command, rows[i].fields);
        user_is_done(&made);
    }
}

/* What the file holds is not for the screen. */
static void refuses_a_line_by_its_number(void **state)
{
    static const struct {
        const char *file;
        const char *part;
    } rows[] = {
        { "A: 1\r\n\r\nsecret\r\n", ", line 3: this is no field" },
        { "secret;x\n", ", line 1: this is no field" },
        { "\n: secret\n", ", line 2: this is no field" },
        { "Host:\n", ", line 1: the field frames" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct made made;

        user_types_with(&made, "get -H @FILE u", span_of_string(rows[i].file));
        assert_false(made.is_made);
        if (!strstr(made.why, rows[i].part) || strstr(made.why, "secret"))
            fail_msg("row %zu: %s", i, made.why);
        user_is_done(&made);
    }
}

static void bounds_fields_of_a_file(void **state)
{
    struct text many;
    struct made made;

    (void)state;
    text_init(&many);
    for (int i = 0; i < 249; i++)
        text_put_literal(&many, "A: 1\n");
    user_types_with(&made, "get -H @FILE u", text_span(&many));
    assert_non_null(strstr(made.why, "more than 248 fields"));
    user_is_done(&made);
    while (many.bytes <= WIRE_HEADER_BYTES_MAX)
        text_put_literal(&many, "A: 1\n");
    user_types_with(&made, "get -H @FILE u", text_span(&many));
    assert_non_null(strstr(made.why, "more than 131072 bytes"));
    user_is_done(&made);
    user_types_with(&made, "get -H @FILE u", SPAN_LITERAL("A: 1\0B: 2"));
    assert_non_null(strstr(made.why, "a NUL byte"));
    user_is_done(&made);
    text_deinit(&many);
}

static void refuses_what_cannot_be_read(void **state)
{
    static const struct {
        const char *command;
        const char *part;
    } rows[] = {
        { "get -d @/nonexistent/f u", "-d @/nonexistent/f: No such file" },
        { "get -d @ u", "-d @: No such file" },
        { "get --data-binary @/tmp u", "--data-binary @/tmp: Is a directory" },
        { "get --data-urlencode n@/nonexistent/f u", "--data-urlencode @/nonexistent/f: No such" },
        { "get --json @/nonexistent/f u", "--json @/nonexistent/f: No such file" },
        { "get -H @/nonexistent/f u", "-H @/nonexistent/f: No such file" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct made made;

        user_types_with(&made, rows[i].command, SPAN_LITERAL(""));
        assert_false(made.is_made);
        if (!strstr(made.why, rows[i].part))
            fail_msg("%s: %s", rows[i].command, made.why);
        user_is_done(&made);
    }
}

static void netrc_is_read_when_a_login_is_lacking(void **state)
{
    static const char data[] = "machine a login b password c";
    static const struct {
        const char *command;
        size_t count;
    } rows[] = {
        { "get --netrc-file FILE u", 1 },
        { "get --netrc-optional --netrc-file FILE u", 1 },
        { "get -n --netrc-file FILE u", 1 },
        { "get --netrc-file FILE -u x:y u", 0 },
        { "get --netrc-file FILE --bearer x u", 0 },
        { "get --netrc-file FILE -H authorization: u", 0 },
        { "get --netrc-file /nonexistent/f --netrc-optional u", 0 },
        { "get u", 0 },
    };

    (void)state;
    assert_int_equal(setenv("HOME", "/nonexistent", 1), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct made made;

        user_types_with(&made, rows[i].command, SPAN_LITERAL(data));
        if (!made.is_made)
            fail_msg("%s: %s", rows[i].command, made.why);
        if (made.plan.netrc.count != rows[i].count || made.plan.note)
            fail_msg("%s: %zu entries; %s", rows[i].command, made.plan.netrc.count,
                     made.plan.note ? made.plan.note : "");
        user_is_done(&made);
    }
}

static void netrc_that_cannot_be_used_is_told(void **state)
{
    static const struct {
        const char *command;
        const char *file;
        const char *why;  /* NULL = taken */
        const char *note; /* NULL = none */
    } rows[] = {
        { "get --netrc-file /nonexistent/f u", "", "/nonexistent/f: No such file", NULL },
        { "get --netrc-file /tmp u", "", "/tmp: Is a directory", NULL },
        { "get --netrc-file /tmp --netrc-optional u", "", "/tmp: Is a directory", NULL },
        { "get --netrc-file FILE u", "machine a\nlogin \"b", ", line 2: a quote", NULL },
        { "get -n u", "", NULL, "/nonexistent/.netrc does not exist" },
        { "get --netrc-optional u", "", NULL, NULL },
    };

    (void)state;
    assert_int_equal(setenv("HOME", "/nonexistent", 1), 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct made made;

        user_types_with(&made, rows[i].command, span_of_string(rows[i].file));
        assert_int_equal(made.is_made, rows[i].why == NULL);
        if (rows[i].why && !strstr(made.why, rows[i].why))
            fail_msg("%s: %s", rows[i].command, made.why);
        assert_int_equal(made.plan.note != NULL, rows[i].note != NULL);
        if (rows[i].note && !strstr(made.plan.note, rows[i].note))
            fail_msg("%s: %s", rows[i].command, made.plan.note);
        user_is_done(&made);
    }
}

static void a_netrc_file_ends_at_a_mebibyte(void **state)
{
    char *data = malloc(NETRC_BYTES_MAX + 1);
    struct made made;

    (void)state;
    assert_non_null(data);
    memset(data, ' ', NETRC_BYTES_MAX + 1);
    user_types_with(&made, "get --netrc-file FILE u", span_of(data, NETRC_BYTES_MAX));
    assert_true(made.is_made);
    user_is_done(&made);
    user_types_with(&made, "get --netrc-file FILE u", span_of(data, NETRC_BYTES_MAX + 1));
    assert_non_null(strstr(made.why, "more than 1 MiB"));
    user_is_done(&made);
    free(data);
}

static void standard_input_has_one_reader(void **state)
{
    static const struct {
        const char *command;
        const char *part;
    } rows[] = {
        { "batch -i - -d @-", "the list and -d cannot both" },
        { "batch -i x -i - --json @-", "the list and --json cannot both" },
        { "batch -i - -H @-", "the list and -H @- cannot both" },
        { "batch -i - -w @-", "the list and -w @- cannot both" },
        { "batch -i - -i -", "the list and the list cannot both" },
        { "get -d @- -d @- u", "-d and -d cannot both" },
        { "get --data-urlencode n@- -H @- u", "--data-urlencode and -H @- cannot both" },
        { "get --data-binary @- -w @- u", "--data-binary and -w @- cannot both" },
        { "get -H @- -H @- u", "-H @- and -H @- cannot both" },
        { "batch -i - --netrc-file -", "the list and --netrc-file - cannot both" },
        { "batch -i - -b -", "the list and -b - cannot both" },
        { "get -d @- -b @- u", "-d and -b - cannot both" },
        { "batch -i - --cacert -", "the list and --cacert - cannot both" },
        { "get --cert - --key - u", "--cert - and --key - cannot both" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct made made;

        user_types_with(&made, rows[i].command, SPAN_LITERAL(""));
        assert_false(made.is_made);
        if (!strstr(made.why, rows[i].part))
            fail_msg("%s: %s", rows[i].command, made.why);
        user_is_done(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_data_reads_a_file_its_own_way),
        cmocka_unit_test(data_of_a_file_can_go_into_the_query),
        cmocka_unit_test(a_body_that_no_frame_holds_is_passed_by_descriptor),
        cmocka_unit_test(lines_of_a_file_are_lines_of_H),
        cmocka_unit_test(refuses_a_line_by_its_number),
        cmocka_unit_test(bounds_fields_of_a_file),
        cmocka_unit_test(refuses_what_cannot_be_read),
        cmocka_unit_test(netrc_is_read_when_a_login_is_lacking),
        cmocka_unit_test(netrc_that_cannot_be_used_is_told),
        cmocka_unit_test(a_netrc_file_ends_at_a_mebibyte),
        cmocka_unit_test(standard_input_has_one_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
