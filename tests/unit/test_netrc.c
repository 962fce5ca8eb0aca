/*
 * test_netrc.c - a host gets the login that was written for it, and no other.
 */
#include "netrc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void put_part(struct text *text, struct span part)
{
    if (part.data)
        text_put_span(text, part);
    else
        text_put_char(text, '-');
}

/* "login:password", '-' for what is not given; "none" when there is no entry. */
static void find(struct netrc *netrc, const char *host, const char *user, struct text *ret_found)
{
    struct span login = user ? span_of_string(user) : (struct span){ 0 };
    const struct netrc_entry *entry = netrc_find(netrc, span_of_string(host), login);

    text_init(ret_found);
    if (!entry) {
        text_put_literal(ret_found, "none");
        return;
    }
    put_part(ret_found, entry->login);
    text_put_char(ret_found, ':');
    put_part(ret_found, entry->password);
}

static void expect_login(const char *file, const char *host, const char *user, const char *expected)
{
    size_t bytes = strlen(file);
    char *copy = malloc(bytes + 1);
    struct netrc_fault bad;
    struct netrc netrc;
    struct text found;

    assert_non_null(copy);
    memcpy(copy, file, bytes + 1);
    if (!netrc_parse(&netrc, span_of(copy, bytes), &bad))
        fail_msg("'%s': line %u: %s", file, bad.line, bad.why);
    free(copy); /* entries do not point into it */
    find(&netrc, host, user, &found);
    if (!span_equals(text_span(&found), span_of_string(expected)))
        fail_msg("'%s', %s: got '%.*s', not '%s'", file, host, (int)found.bytes, found.data,
                 expected);
    text_deinit(&found);
    netrc_deinit(&netrc);
}

static void finds_the_entry_of_a_host(void **state)
{
    static const char two[] = "machine a login la password pa\nmachine b login lb password pb\n";
    static const struct {
        const char *file;
        const char *host;
        const char *expected;
    } rows[] = {
        { two, "a", "la:pa" },
        { two, "b", "lb:pb" },
        { two, "A", "la:pa" },
        { two, "c", "none" },
        { two, "aa", "none" },
        { "", "a", "none" },
        { "machine a", "a", "-:-" },
        { "machine a login l", "a", "l:-" },
        { "machine a password p", "a", "-:p" },
        { "machine a login", "a", "-:-" },
        { "machine", "a", "none" },
        { "login l password p machine a", "a", "-:-" },
        { "MACHINE a LogIn l PassWord p", "a", "l:p" },
        { "machine\na\r\n\tlogin\n l\n password\n\np", "a", "l:p" },
        { "machine a login l login m password p password q", "a", "m:q" },
        { "machine a login machine password default", "a", "machine:default" },
        { "machine a account x login l account login password p", "a", "l:p" },
        { "machine a port 80 login l bogus password p", "a", "l:p" },
        { "\xef\xbb\xbfmachine a login l", "a", "l:-" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_login(rows[i].file, rows[i].host, NULL, rows[i].expected);
}

static void the_first_entry_wins_and_default_is_one(void **state)
{
    static const struct {
        const char *file;
        const char *host;
        const char *expected;
    } rows[] = {
        { "machine a login x machine a login y", "a", "x:-" },
        { "machine a login x default login d password e", "a", "x:-" },
        { "machine a login x default login d password e", "b", "d:e" },
        { "default login d machine a login x", "a", "d:-" },
        { "default", "a", "-:-" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_login(rows[i].file, rows[i].host, NULL, rows[i].expected);
}

/* curl 7.88 looks on in what follows and sends d:e, or x:p, to a. */
static void nothing_of_another_entry_fills_a_gap(void **state)
{
    (void)state;
    expect_login("machine a login x\nmachine b login y password p", "a", NULL, "x:-");
    expect_login("machine a\ndefault login d password e", "a", NULL, "-:-");
    expect_login("machine a login x\nmachine a password p", "a", NULL, "x:-");
    expect_login("machine a password p\ndefault login d", "a", NULL, "-:p");
}

static void a_user_chooses_among_the_logins_of_a_host(void **state)
{
    static const char file[] = "machine a login x password 1\n"
                               "machine a login y password 2\n"
                               "machine b login y password 3\n"
                               "machine c password 4\n"
                               "default login z password 5\n";

    (void)state;
    expect_login(file, "a", "x", "x:1");
    expect_login(file, "a", "y", "y:2");
    expect_login(file, "a", "X", "none");
    expect_login(file, "a", "", "none");
    expect_login(file, "b", "x", "none");
    expect_login(file, "c", "x", "-:4"); /* without a login it is for any */
    expect_login(file, "a", "z", "z:5");
    expect_login(file, "d", "x", "none");
}

static void reads_over_comments_and_macros(void **state)
{
    static const struct {
        const char *file;
        const char *expected;
    } rows[] = {
        { "# machine a login no\nmachine a login l", "l:-" },
        { "machine a # login no\nlogin l #\npassword p", "l:p" },
        { "machine a login l#m", "l#m:-" },
        { "machine a login l password #p\nq", "l:q" }, /* as curl */
        { "machine a login \"#l\"", "#l:-" },
        { "#", "none" },
        { "macdef m\nmachine a login no\n\nmachine a login l", "l:-" },
        { "macdef m\r\nmachine a login no\r\n\r\nmachine a login l", "l:-" },
        { "macdef m machine a login no\n\nmachine a login l", "l:-" },
        { "macdef m\nmachine a login no", "none" },
        { "macdef", "none" },
        { "machine a login l\nmacdef init\npassword no\n \nlogin no\n\npassword p", "l:p" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_login(rows[i].file, "a", NULL, rows[i].expected);
}

static void quotes_hold_what_words_cannot(void **state)
{
    static const struct {
        const char *file;
        const char *expected;
    } rows[] = {
        { "machine a login \"l m\" password \"p\\\"q\\\\\"", "l m:p\"q\\" },
        { "machine a login \"\" password \"\"", ":" },
        { "machine a login \"\\n\\r\\t\\x\"", "\n\r\tx:-" },
        { "machine \"a\" login \"l\"", "l:-" },
        { "machine a login l\"m password p\\n", "l\"m:p\\n" }, /* only a leading quote is one */
        { "machine a login \"\xc3\xa4\"", "\xc3\xa4:-" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_login(rows[i].file, "a", NULL, rows[i].expected);
}

static void refuses_quotes_that_do_not_end_and_names_the_line(void **state)
{
    static const struct {
        const char *file;
        unsigned line;
        const char *part;
    } rows[] = {
        { "\"", 1, "not closed" },
        { "machine a\nlogin \"l", 2, "not closed" },
        { "machine a\nlogin \"l\npassword \"p", 2, "not closed" },
        { "machine a login \"l\\", 1, "not closed" },
        { "machine a login \"l\\\n\"", 1, "not closed" },
        { "machine a login \"l\\\"", 1, "not closed" },
        { "\n\n\"x\"y", 3, "follows a closing quote" },
        { "machine a login \"l\"\"m\"", 1, "follows a closing quote" },
        { "# \"\n\"x", 2, "not closed" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct netrc_fault bad = { 0 };
        struct netrc netrc;

        if (netrc_parse(&netrc, span_of_string(rows[i].file), &bad))
            fail_msg("row %zu: taken", i);
        if (bad.line != rows[i].line || !strstr(bad.why, rows[i].part))
            fail_msg("row %zu: line %u: %s", i, bad.line, bad.why);
        netrc_deinit(&netrc);
    }
}

/* Every prefix of a file is one, if its quotes are whole; what it reads is within what it got. */
static void survives_being_cut_anywhere(void **state)
{
    static const char file[] = "macdef m\n x\n\nmachine a login \"l\\n\" # c\n default password p";

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(file); bytes++) {
        char *copy = malloc(bytes ? bytes : 1);
        struct netrc_fault bad;
        struct netrc netrc;

        assert_non_null(copy);
        memcpy(copy, file, bytes);
        (void)netrc_parse(&netrc, span_of(copy, bytes), &bad);
        free(copy);
        netrc_deinit(&netrc);
    }
}

static void takes_any_number_of_machines(void **state)
{
    struct netrc_fault bad;
    struct netrc netrc;
    struct text file;
    struct text found;

    (void)state;
    text_init(&file);
    for (int i = 0; i < 1000; i++)
        text_put_format(&file, "machine h%d login l%d\n", i, i);
    assert_true(netrc_parse(&netrc, text_span(&file), &bad));
    assert_int_equal(netrc.count, 1000);
    find(&netrc, "h999", NULL, &found);
    assert_true(span_equals(text_span(&found), SPAN_LITERAL("l999:-")));
    text_deinit(&found);
    netrc_deinit(&netrc);
    text_deinit(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_entry_of_a_host),
        cmocka_unit_test(the_first_entry_wins_and_default_is_one),
        cmocka_unit_test(nothing_of_another_entry_fills_a_gap),
        cmocka_unit_test(a_user_chooses_among_the_logins_of_a_host),
        cmocka_unit_test(reads_over_comments_and_macros),
        cmocka_unit_test(quotes_hold_what_words_cannot),
        cmocka_unit_test(refuses_quotes_that_do_not_end_and_names_the_line),
        cmocka_unit_test(survives_being_cut_anywhere),
        cmocka_unit_test(takes_any_number_of_machines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
