/*
 * test_options.c - the command line is read as curl's users write it, and what is not there is
 * refused by name.
 */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define WORDS_MAX 16

struct line {
    struct options options;
    char *why;
    bool is_taken;
    char text[512];
};

/* Words are separated by single blanks. */
static void user_types(struct line *line, const char *command)
{
    char *argv[WORDS_MAX + 1] = { (char[]){ "haul" } };
    int argc = 1;

    line->why = NULL;
    strncpy(line->text, command, sizeof(line->text) - 1);
    line->text[sizeof(line->text) - 1] = '\0';
    for (char *word = strtok(line->text, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    line->is_taken = options_parse(&line->options, argc, argv, &line->why);
}

static void user_is_done(struct line *line)
{
    free(line->why);
    options_deinit(&line->options);
}

static void expect_taken(struct line *line, const char *command)
{
    user_types(line, command);
    if (!line->is_taken)
        fail_msg("%s: %s", command, line->why);
}

static void expect_refused(const char *command, const char *part)
{
    struct line line;

    user_types(&line, command);
    if (line.is_taken)
        fail_msg("%s: taken", command);
    if (!line.why || !strstr(line.why, part))
        fail_msg("%s: said '%s', not '%s'", command, line.why ? line.why : "", part);
    user_is_done(&line);
}

static void finds_the_verb_behind_global_flags(void **state)
{
    static const struct {
        const char *command;
        enum verb verb;
        size_t words;
    } rows[] = {
        { "get http://a/", VERB_GET, 1 },
        { "batch http://a/ http://b/", VERB_BATCH, 2 },
        { "--private get http://a/", VERB_GET, 1 },
        { "--socket batch ping", VERB_PING, 0 },
        { "--socket=x ping", VERB_PING, 0 },
        { "-qv batch -", VERB_BATCH, 1 },
        { "http://a/", VERB_GET, 1 },
        { "a.test", VERB_GET, 1 },
        { "localhost", VERB_GET, 1 },
        { "-d get http://a/", VERB_GET, 1 },
        { "-o file http://a/", VERB_GET, 1 },
        { "help batch", VERB_HELP, 1 },
        { "", VERB_HELP, 0 },
        { "get -- -x", VERB_GET, 1 },
    };
    struct line line;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expect_taken(&line, rows[i].command);
        if (line.options.verb != rows[i].verb || line.options.words.count != rows[i].words)
            fail_msg("%s: verb %d, %zu words", rows[i].command, (int)line.options.verb,
                     line.options.words.count);
        user_is_done(&line);
    }
}

static void joins_letters_and_their_values(void **state)
{
    struct line line;

    (void)state;
    expect_taken(&line, "get -XPUT -sSo file -H A:1 -HB:2 u");
    assert_string_equal(line.options.method, "PUT");
    assert_true(line.options.silent && line.options.show_error);
    assert_int_equal(line.options.output.count, 1);
    assert_string_equal(line.options.output.values[0], "file");
    assert_int_equal(line.options.headers.count, 2);
    assert_string_equal(line.options.headers.values[1], "B:2");
    user_is_done(&line);
}

static void takes_long_values_after_equals_or_a_blank(void **state)
{
    struct line line;

    (void)state;
    expect_taken(&line, "batch --concurrency=10k --max-time 1.5m --max-body=1k --records failed u");
    assert_int_equal(line.options.concurrency, 10000);
    assert_int_equal(line.options.max_time_ns, 90000000000ull);
    assert_int_equal(line.options.body_bytes_max, 1024);
    assert_int_equal(line.options.records, RECORDS_FAILED);
    user_is_done(&line);
}

static void a_timeout_of_0_is_no_limit(void **state)
{
    struct line line;

    (void)state;
    expect_taken(&line, "batch -m 5 -m 0 --connect-timeout 0.0 --dns-timeout 0s --tls-timeout 0 "
                        "--ttfb-timeout 0ms --idle-timeout 0 --retry-delay 3 --retry-delay 0 u");
    assert_true(line.options.max_time_ns == OPTIONS_NO_TIMEOUT);
    assert_true(line.options.connect_timeout_ns == OPTIONS_NO_TIMEOUT);
    assert_true(line.options.dns_timeout_ns == OPTIONS_NO_TIMEOUT);
    assert_true(line.options.tls_timeout_ns == OPTIONS_NO_TIMEOUT);
    assert_true(line.options.first_byte_timeout_ns == OPTIONS_NO_TIMEOUT);
    assert_true(line.options.idle_timeout_ns == OPTIONS_NO_TIMEOUT);
    assert_int_equal(line.options.retry_delay_ns, 0); /* the default, as for curl */
    user_is_done(&line);
    expect_taken(&line, "get -m 0 -m .5 --connect-timeout 0.25 u");
    assert_int_equal(line.options.max_time_ns, 500000000);
    assert_int_equal(line.options.connect_timeout_ns, 250000000);
    assert_int_equal(line.options.idle_timeout_ns, 0);
    user_is_done(&line);
}

static void a_letter_means_what_its_verb_says(void **state)
{
    struct line line;

    (void)state;
    expect_taken(&line, "get -i u");
    assert_true(line.options.include_head);
    user_is_done(&line);
    expect_taken(&line, "batch -i -");
    assert_int_equal(line.options.input.count, 1);
    user_is_done(&line);
}

static void keeps_data_in_the_order_it_was_given(void **state)
{
    struct line line;

    (void)state;
    expect_taken(&line, "get -d a=1 --data-urlencode b=2 --data-raw @c u");
    assert_int_equal(line.options.data_count, 3);
    assert_int_equal(line.options.data[0].kind, DATA_FORM);
    assert_int_equal(line.options.data[1].kind, DATA_URLENCODE);
    assert_int_equal(line.options.data[2].kind, DATA_RAW);
    assert_string_equal(line.options.data[2].value, "@c");
    user_is_done(&line);
}

/* As curl: the last template counts, and an empty one is one. */
static void takes_a_template_of_either_verb(void **state)
{
    struct line line;

    (void)state;
    expect_taken(&line, "get -w %{http_code} u");
    assert_string_equal(line.options.write_out, "%{http_code}");
    user_is_done(&line);
    expect_taken(&line, "batch --write-out=@file --write-out= u");
    assert_string_equal(line.options.write_out, "");
    user_is_done(&line);
    expect_taken(&line, "batch u");
    assert_null(line.options.write_out);
    user_is_done(&line);
    expect_refused("get u -w", "-w needs a value");
    expect_refused("ping -w x", "-w is no flag");
}

static void takes_cookies_and_a_jar(void **state)
{
    struct line line;

    (void)state;
    expect_taken(&line, "get -ba=1 --cookie file -c jar -j u");
    assert_int_equal(line.options.cookies.count, 2);
    assert_string_equal(line.options.cookies.values[0], "a=1");
    assert_string_equal(line.options.cookies.values[1], "file");
    assert_string_equal(line.options.cookie_jar, "jar");
    assert_true(line.options.junk_session_cookies);
    user_is_done(&line);
    expect_taken(&line, "batch -b f --junk-session-cookies --cookie-jar=jar -c 5 u");
    assert_string_equal(line.options.cookie_jar, "jar"); /* -c is the concurrency there */
    assert_int_equal(line.options.concurrency, 5);
    user_is_done(&line);
    expect_refused("get u -b", "-b needs a value");
    expect_refused("get u -c", "-c needs a value");
    expect_refused("ping -b a=1", "-b is no flag");
    expect_refused("ping --cookie-jar f", "no flag");
}

static void refuses_what_the_contract_names_and_this_build_lacks(void **state)
{
    static const char *const commands[] = {
        "submit -i x",
        "jobs",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(commands); i++)
        expect_refused(commands[i], "not in this build");
}

static void refuses_and_says_the_nearest_way(void **state)
{
    (void)state;
    expect_refused("get -F a=b u", "--data-binary");
    expect_refused("get -K file u", "-i FILE");
    expect_refused("get -Z u", "haul batch");
    expect_refused("get --form=a u", "--data-binary");
    expect_refused("batch --concurency 3 u", "did you mean --concurrency?");
    expect_refused("get --haeder x u", "did you mean --header?");
    expect_refused("batch --include u", "no flag of `haul batch`");
    expect_refused("get --concurrency 3 u", "no flag of `haul get`");
    expect_refused("batsh", "did you mean `haul batch`?");
    expect_refused("frobnicate", "neither a verb nor a URL");
}

static void refuses_values_that_are_none(void **state)
{
    static const struct {
        const char *command;
        const char *part;
    } rows[] = {
        { "batch -c 0 u", "--concurrency takes a count" },
        { "batch -c -1 u", "--concurrency takes a count" },
        { "batch -c 5000000000 u", "--concurrency takes a count" },
        { "batch -c many u", "--concurrency takes a count" },
        { "get -m -1 u", "--max-time takes a time" },
        { "get -m= u", "--max-time takes a time" },
        { "get -m 0x u", "--max-time takes a time" },
        { "get --retry-delay -0 u", "--retry-delay takes a time" },
        { "get --max-body 0 u", "--max-body takes a size" },
        { "get -m 1x u", "--max-time takes a time" },
        { "get --max-body 1.5.5 u", "--max-body takes a size" },
        { "batch --records some u", "--records takes one of all, failed, none, not" },
        { "get --color red u", "--color takes" },
        { "get --fail=1 u", "--fail takes no value" },
        { "get -X", "-X needs a value" },
        { "get --header", "--header needs a value" },
        { "get -y u", "-y is no flag" },
        { "get -sy u", "-y is no flag" },
        { "get --=x u", "is no flag" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_refused(rows[i].command, rows[i].part);
}

/* A row that is shadowed by an earlier one with the same letter or name could never be reached. */
static void no_row_hides_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_rows_count; i++) {
        const struct option_row *a = &option_rows[i];

        for (size_t j = i + 1; j < option_rows_count; j++) {
            const struct option_row *b = &option_rows[j];

            if (!(a->verbs & b->verbs))
                continue;
            if (strcmp(a->name, b->name) == 0 || (a->letter && a->letter == b->letter))
                fail_msg("--%s and --%s", a->name, b->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_verb_behind_global_flags),
        cmocka_unit_test(joins_letters_and_their_values),
        cmocka_unit_test(takes_long_values_after_equals_or_a_blank),
        cmocka_unit_test(a_timeout_of_0_is_no_limit),
        cmocka_unit_test(a_letter_means_what_its_verb_says),
        cmocka_unit_test(keeps_data_in_the_order_it_was_given),
        cmocka_unit_test(takes_a_template_of_either_verb),
        cmocka_unit_test(takes_cookies_and_a_jar),
        cmocka_unit_test(refuses_what_the_contract_names_and_this_build_lacks),
        cmocka_unit_test(refuses_and_says_the_nearest_way),
        cmocka_unit_test(refuses_values_that_are_none),
        cmocka_unit_test(no_row_hides_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
