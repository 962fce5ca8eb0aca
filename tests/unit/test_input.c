/*
 * test_input.c - lines are the same however they arrive; a bad one is an item with a fault.
 */
#include "input.h"

#include "feed.h"
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define EXPECTED_MAX 8

struct expected_lines {
    const char *lines[EXPECTED_MAX]; /* NULL ends them */
};

/* Feeds the pieces and compares the lines with what is expected. */
static void run_lines(void *ctx, const struct span *pieces, size_t pieces_count)
{
    const struct expected_lines *expected = ctx;
    size_t lines = 0;
    struct input input;
    struct span line;

    input_init(&input, -1);
    for (size_t i = 0; i <= pieces_count; i++) {
        enum input_verdict verdict;

        if (i < pieces_count)
            input_feed(&input, pieces[i]);
        else
            input_finish(&input);
        while ((verdict = input_next(&input, &line)) == INPUT_LINE) {
            assert_non_null(expected->lines[lines]);
            if (!span_equals(line, span_of_string(expected->lines[lines])))
                fail_msg("got '%.*s'", (int)line.bytes, line.data);
            lines++;
            assert_int_equal(input.line_number, lines);
        }
        assert_int_equal(verdict, i < pieces_count ? INPUT_NEED_MORE : INPUT_END);
    }
    assert_null(expected->lines[lines]);
    input_deinit(&input);
}

static void cuts_the_same_lines_at_every_split(void **state)
{
    static const struct {
        const char *text;
        struct expected_lines expected;
    } rows[] = {
        { "", { { NULL } } },
        { "\n", { { "", NULL } } },
        { "a\nb\n", { { "a", "b", NULL } } },
        { "a\nb", { { "a", "b", NULL } } },
        { "a\r\nb\r\n", { { "a", "b", NULL } } },
        { "\xef\xbb\xbf"
          "a\nb\n",
          { { "a", "b", NULL } } },
        { "a\n\xef\xbb\xbf"
          "b\n",
          { { "a",
              "\xef\xbb\xbf"
              "b",
              NULL } } },
        { "\n\n a\n", { { "", "", " a", NULL } } },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        feed_every_split(span_of_string(rows[i].text), run_lines,
                         (void *)(uintptr_t)&rows[i].expected);
}

static void skips_the_rest_of_a_line_that_is_too_long(void **state)
{
    size_t bytes = INPUT_LINE_BYTES_MAX + 1;
    char *giant = malloc(bytes);
    struct input input;
    struct span line;

    (void)state;
    assert_non_null(giant);
    memset(giant, 'x', bytes);
    input_init(&input, -1);
    input_feed(&input, span_of(giant, bytes));
    assert_int_equal(input_next(&input, &line), INPUT_TOO_LONG);
    for (int i = 0; i < 3; i++) {
        input_feed(&input, span_of(giant, bytes));
        assert_int_equal(input_next(&input, &line), INPUT_NEED_MORE);
    }
    assert_true(input.buffer.capacity <= 4 * INPUT_LINE_BYTES_MAX);
    input_feed(&input, SPAN_LITERAL("xxx\nafter\n"));
    assert_int_equal(input_next(&input, &line), INPUT_LINE);
    assert_true(span_equals(line, SPAN_LITERAL("after")));
    assert_int_equal(input.line_number, 2);
    input_feed(&input, span_of(giant, bytes));
    assert_int_equal(input_next(&input, &line), INPUT_TOO_LONG);
    input_finish(&input);
    assert_int_equal(input_next(&input, &line), INPUT_END);
    input_deinit(&input);
    free(giant);
}

static void takes_urls_and_skips_comments(void **state)
{
    static const struct {
        const char *line;
        enum input_kind kind;
        const char *url;
    } rows[] = {
        { "http://a/", INPUT_ITEM, "http://a/" },
        { "  http://a/ \t", INPUT_ITEM, "http://a/" },
        { "a.test/#x", INPUT_ITEM, "a.test/#x" },
        { "http://a b/", INPUT_ITEM, "http://a b/" }, /* the URL parser's business */
        { "# http://a/", INPUT_EMPTY, NULL },
        { "  # x", INPUT_EMPTY, NULL },
        { "", INPUT_EMPTY, NULL },
        { " \t\r", INPUT_EMPTY, NULL },
    };
    struct input_parser parser;
    struct input_item item;

    (void)state;
    input_parser_init(&parser);
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(input_parse(&parser, span_of_string(rows[i].line), &item), rows[i].kind);
        if (rows[i].url && !span_equals(item.url, span_of_string(rows[i].url)))
            fail_msg("'%s': got '%.*s'", rows[i].line, (int)item.url.bytes, item.url.data);
    }
    input_parser_deinit(&parser);
}

static void takes_every_key_of_a_json_line(void **state)
{
    static const char line[] =
        "{\"url\":\"http://a/\",\"id\":\"one\\\"two\",\"method\":\"PUT\","
        "\"headers\":{\"A\":\"1\",\"B\":[\"2\",\"3\"]},\"body\":\"x\\u0000y\","
        "\"output\":\"file\",\"timeout\":2.5}";
    struct input_parser parser;
    struct message_field field;
    struct input_item item;

    (void)state;
    input_parser_init(&parser);
    assert_int_equal(input_parse(&parser, span_of_string(line), &item), INPUT_ITEM);
    assert_true(span_equals(item.url, SPAN_LITERAL("http://a/")));
    assert_true(span_equals(item.label, SPAN_LITERAL("\"one\\\"two\"")));
    assert_true(span_equals(item.method, SPAN_LITERAL("PUT")));
    assert_true(item.has_body && span_equals(item.body, SPAN_LITERAL("x\0y")));
    assert_true(span_equals(item.output, SPAN_LITERAL("file")));
    assert_int_equal(item.timeout_ns, 2500000000ull);
    assert_int_equal(item.field_count, 3);
    for (char c = '1'; c <= '3'; c++) {
        assert_true(message_next_field(&item.fields, &field));
        assert_true(span_equals(field.value, span_of(&c, 1)));
    }
    assert_false(message_next_field(&item.fields, &field));
    input_parser_deinit(&parser);
}

static void gives_ids_back_as_they_were(void **state)
{
    static const struct {
        const char *id;
        const char *label;
    } rows[] = {
        { "7", "7" },
        { "-7", "-7" },
        { "18446744073709551615", "18446744073709551615" },
        { "\"x\"", "\"x\"" },
        { "\"\\u00e4\\n\"", "\"\xc3\xa4\\n\"" },
        { "\"\"", "\"\"" },
    };
    struct input_parser parser;
    struct input_item item;
    char line[128];

    (void)state;
    input_parser_init(&parser);
    for (size_t i = 0; i < ROWS(rows); i++) {
        (void)snprintf(line, sizeof(line), "{\"id\":%s,\"url\":\"u\"}", rows[i].id);
        assert_int_equal(input_parse(&parser, span_of_string(line), &item), INPUT_ITEM);
        if (!span_equals(item.label, span_of_string(rows[i].label)))
            fail_msg("%s: got %.*s", rows[i].id, (int)item.label.bytes, item.label.data);
    }
    input_parser_deinit(&parser);
}

static void decodes_base64_bodies(void **state)
{
    static const struct {
        const char *text;
        struct span body;
    } rows[] = {
        { "", { "", 0 } },        { "AA==", { "\0", 1 } },       { "/+8=", { "\xff\xef", 2 } },
        { "eHl6", { "xyz", 3 } }, { "eHl6QQ==", { "xyzA", 4 } },
    };
    struct input_parser parser;
    struct input_item item;
    char line[128];

    (void)state;
    input_parser_init(&parser);
    for (size_t i = 0; i < ROWS(rows); i++) {
        (void)snprintf(line, sizeof(line), "{\"url\":\"u\",\"body_base64\":\"%s\"}", rows[i].text);
        assert_int_equal(input_parse(&parser, span_of_string(line), &item), INPUT_ITEM);
        assert_true(item.has_body);
        assert_true(span_equals(item.body, rows[i].body));
    }
    input_parser_deinit(&parser);
}

static void refuses_bad_json_lines_and_says_why(void **state)
{
    static const struct {
        const char *line;
        enum fault_code code;
        const char *part;
    } rows[] = {
        { "{", FAULT_INPUT_ARGUMENT, "not JSON" },
        { "{\"url\":\"u\"} x", FAULT_INPUT_ARGUMENT, "not JSON" },
        { "{\"url\":\"u\",}", FAULT_INPUT_ARGUMENT, "not JSON" },
        { "{\"url\":\"\xff\"}", FAULT_INPUT_ARGUMENT, "not JSON" },
        { "{}", FAULT_INPUT_URL, "\"url\" is missing" },
        { "{\"url\":\"\"}", FAULT_INPUT_URL, "\"url\" is missing" },
        { "{\"url\":1}", FAULT_INPUT_ARGUMENT, "\"url\" is not a string" },
        { "{\"url\":null}", FAULT_INPUT_ARGUMENT, "\"url\" is not a string" },
        { "{\"url\":\"u\",\"heders\":{}}", FAULT_INPUT_ARGUMENT, "an unknown key: heders" },
        { "{\"url\":\"u\",\"id\":1.5}", FAULT_INPUT_ARGUMENT, "\"id\"" },
        { "{\"url\":\"u\",\"id\":{}}", FAULT_INPUT_ARGUMENT, "\"id\"" },
        { "{\"url\":\"u\",\"method\":\"\"}", FAULT_INPUT_ARGUMENT, "\"method\"" },
        { "{\"url\":\"u\",\"method\":7}", FAULT_INPUT_ARGUMENT, "\"method\"" },
        { "{\"url\":\"u\",\"headers\":[]}", FAULT_INPUT_ARGUMENT, "\"headers\"" },
        { "{\"url\":\"u\",\"headers\":{\"a\":1}}", FAULT_INPUT_ARGUMENT, "not a string" },
        { "{\"url\":\"u\",\"headers\":{\"a\":[[]]}}", FAULT_INPUT_ARGUMENT, "not a string" },
        { "{\"url\":\"u\",\"body\":1}", FAULT_INPUT_ARGUMENT, "\"body\"" },
        { "{\"url\":\"u\",\"body\":\"\",\"body_base64\":\"\"}", FAULT_INPUT_ARGUMENT, "exclude" },
        { "{\"url\":\"u\",\"body_base64\":\"A\"}", FAULT_INPUT_ARGUMENT, "not base64" },
        { "{\"url\":\"u\",\"body_base64\":\"A===\"}", FAULT_INPUT_ARGUMENT, "not base64" },
        { "{\"url\":\"u\",\"body_base64\":\"AA\\n=\"}", FAULT_INPUT_ARGUMENT, "not base64" },
        { "{\"url\":\"u\",\"output\":\"\"}", FAULT_INPUT_ARGUMENT, "\"output\"" },
        { "{\"url\":\"u\",\"output\":\"a\\u0000b\"}", FAULT_INPUT_ARGUMENT, "\"output\"" },
        { "{\"url\":\"u\",\"timeout\":0}", FAULT_INPUT_ARGUMENT, "\"timeout\"" },
        { "{\"url\":\"u\",\"timeout\":-1}", FAULT_INPUT_ARGUMENT, "\"timeout\"" },
        { "{\"url\":\"u\",\"timeout\":1e99}", FAULT_INPUT_ARGUMENT, "\"timeout\"" },
        { "{\"url\":\"u\",\"timeout\":\"x\"}", FAULT_INPUT_ARGUMENT, "\"timeout\"" },
        { "{\"url\":\"u\",\"expect_hash\":\"x\"}", FAULT_INPUT_ARGUMENT, "neither sha256:" },
        { "{\"url\":\"u\",\"expect_hash\":7}", FAULT_INPUT_ARGUMENT, "neither sha256:" },
    };
    struct input_parser parser;
    struct input_item item;

    (void)state;
    input_parser_init(&parser);
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (input_parse(&parser, span_of_string(rows[i].line), &item) != INPUT_BAD)
            fail_msg("%s: taken", rows[i].line);
        if (item.fault.code != rows[i].code || item.fault.phase != PHASE_INPUT ||
            !strstr(item.why, rows[i].part))
            fail_msg("%s: %u '%s'", rows[i].line, item.fault.code, item.why);
    }
    input_parser_deinit(&parser);
}

/* On the command line nothing is a comment, blank or JSON. */
static void a_word_is_a_url_and_nothing_else(void **state)
{
    static const char *const words[] = { "http://a/", "#x", "{\"url\":\"u\"}", " a ", "\t" };
    struct input_parser parser;
    struct input_item item;

    (void)state;
    input_parser_init(&parser);
    for (size_t i = 0; i < ROWS(words); i++) {
        assert_int_equal(input_parse_word(&parser, span_of_string(words[i]), &item), INPUT_ITEM);
        assert_true(span_equals(item.url, span_of_string(words[i])));
    }
    assert_int_equal(input_parse_word(&parser, span_of("", 0), &item), INPUT_BAD);
    assert_int_equal(item.fault.code, FAULT_INPUT_URL);
    input_parser_deinit(&parser);
}

static void a_bad_line_keeps_its_id_and_url(void **state)
{
    struct input_parser parser;
    struct input_item item;

    (void)state;
    input_parser_init(&parser);
    assert_int_equal(
        input_parse(&parser, SPAN_LITERAL("{\"timeout\":0,\"x\":1,\"id\":9,\"url\":\"u\"}"), &item),
        INPUT_BAD);
    assert_true(span_equals(item.label, SPAN_LITERAL("9")));
    assert_true(span_equals(item.url, SPAN_LITERAL("u")));
    assert_non_null(strstr(item.why, "timeout"));
    input_parser_deinit(&parser);
}

static void refuses_urls_and_headers_over_the_limits(void **state)
{
    struct input_parser parser;
    struct input_item item;
    struct text line;

    (void)state;
    input_parser_init(&parser);
    text_init(&line);
    for (size_t i = 0; i < 65537; i++)
        text_put_char(&line, 'x');
    assert_int_equal(input_parse(&parser, text_span(&line), &item), INPUT_BAD);
    assert_int_equal(item.fault.code, FAULT_INPUT_TOO_BIG);
    line.bytes--;
    assert_int_equal(input_parse(&parser, text_span(&line), &item), INPUT_ITEM);
    text_clear(&line, 0);
    text_put_literal(&line, "{\"url\":\"u\",\"headers\":{\"a\":[\"\"");
    for (size_t i = 1; i < 256; i++)
        text_put_literal(&line, ",\"\"");
    text_put_literal(&line, "]}}");
    assert_int_equal(input_parse(&parser, text_span(&line), &item), INPUT_ITEM);
    assert_int_equal(item.field_count, 256);
    line.bytes -= 3;
    text_put_literal(&line, ",\"\"]}}");
    assert_int_equal(input_parse(&parser, text_span(&line), &item), INPUT_BAD);
    assert_int_equal(item.fault.code, FAULT_INPUT_TOO_BIG);
    text_deinit(&line);
    input_parser_deinit(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_the_same_lines_at_every_split),
        cmocka_unit_test(skips_the_rest_of_a_line_that_is_too_long),
        cmocka_unit_test(takes_urls_and_skips_comments),
        cmocka_unit_test(takes_every_key_of_a_json_line),
        cmocka_unit_test(gives_ids_back_as_they_were),
        cmocka_unit_test(decodes_base64_bodies),
        cmocka_unit_test(refuses_bad_json_lines_and_says_why),
        cmocka_unit_test(a_word_is_a_url_and_nothing_else),
        cmocka_unit_test(a_bad_line_keeps_its_id_and_url),
        cmocka_unit_test(refuses_urls_and_headers_over_the_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
