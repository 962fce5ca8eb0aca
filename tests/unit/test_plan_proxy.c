/*
 * test_plan_proxy.c - which proxies flags and environment name.
 */
#include "typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const char *const variables[] = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                         "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY" };

/* "name=value name=value" */
static void environment_is(const char *text)
{
    char *copy = strdup(text), *rest = copy, *word;

    for (size_t i = 0; i < ROWS(variables); i++)
        unsetenv(variables[i]);
    while ((word = strsep(&rest, " "))) {
        char *value = strchr(word, '=');

        if (!value)
            continue;
        *value = '\0';
        setenv(word, value + 1, 1);
    }
    free(copy);
}

#define WORDS(...) ((const char *const[]){ "get", __VA_ARGS__, "u", NULL })

struct row {
    const char *environment;
    const char *const *words;
    const char *http;
    const char *https;
    const char *no_proxy;
};

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct made made;

        environment_is(rows[i].environment);
        user_types(&made, rows[i].words);
        if (!made.is_made)
            fail_msg("row %zu: %s", i, made.why);
        if (!span_equals(text_span(&made.plan.proxy_http), span_of_string(rows[i].http)) ||
            !span_equals(text_span(&made.plan.proxy_https), span_of_string(rows[i].https)) ||
            !span_equals(made.plan.no_proxy, span_of_string(rows[i].no_proxy)))
            fail_msg("row %zu: '%.*s' '%.*s' '%.*s'", i, (int)made.plan.proxy_http.bytes,
                     made.plan.proxy_http.data, (int)made.plan.proxy_https.bytes,
                     made.plan.proxy_https.data, (int)made.plan.no_proxy.bytes,
                     made.plan.no_proxy.data);
        user_is_done(&made);
    }
}

static void a_flag_names_the_proxy_of_both_schemes(void **state)
{
    const struct row rows[] = {
        { "", WORDS("-s"), "", "", "" },
        { "", WORDS("-x", "p"), "http://p", "http://p", "" },
        { "", WORDS("--proxy=p:3128"), "http://p:3128", "http://p:3128", "" },
        { "", WORDS("-x", "HTTP://p/"), "HTTP://p/", "HTTP://p/", "" },
        { "", WORDS("-x", "u:p@p"), "http://u:p@p", "http://u:p@p", "" },
        { "", WORDS("-x", "p", "--noproxy", "a,b"), "http://p", "http://p", "a,b" },
        { "", WORDS("-x", "p", "--noproxy", ""), "http://p", "http://p", "" },
        { "", WORDS("--noproxy", "*"), "", "", "" },
        { "", WORDS("-U", "u:p"), "", "", "" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

static void a_login_goes_into_the_url_unless_there_is_one(void **state)
{
    const struct row rows[] = {
        { "", WORDS("-x", "p", "-U", "u:p"), "http://u:p@p", "http://u:p@p", "" },
        { "", WORDS("-x", "http://p:1/@", "-U", "u:p"), "http://u:p@p:1/@", "http://u:p@p:1/@",
          "" },
        { "", WORDS("-x", "p", "-U", "u:"), "http://u:@p", "http://u:@p", "" },
        { "", WORDS("-x", "p", "-U", "a@b:c/d:e %"), "http://a%40b:c%2Fd%3Ae%20%25@p",
          "http://a%40b:c%2Fd%3Ae%20%25@p", "" },
        { "", WORDS("-x", "me:my@p", "-U", "u:p"), "http://me:my@p", "http://me:my@p", "" },
        { "http_proxy=p", WORDS("-U", "u:p"), "http://u:p@p", "", "" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

static void the_environment_is_read_as_curl_reads_it(void **state)
{
    const struct row rows[] = {
        { "http_proxy=p", WORDS("-s"), "http://p", "", "" },
        { "HTTP_PROXY=p", WORDS("-s"), "", "", "" }, /* CGI */
        { "https_proxy=p", WORDS("-s"), "", "http://p", "" },
        { "HTTPS_PROXY=p", WORDS("-s"), "", "http://p", "" },
        { "https_proxy=p HTTPS_PROXY=q", WORDS("-s"), "", "http://p", "" },
        { "all_proxy=p", WORDS("-s"), "http://p", "http://p", "" },
        { "ALL_PROXY=p", WORDS("-s"), "http://p", "http://p", "" },
        { "all_proxy=p ALL_PROXY=q", WORDS("-s"), "http://p", "http://p", "" },
        { "http_proxy=p all_proxy=q", WORDS("-s"), "http://p", "http://q", "" },
        { "http_proxy= all_proxy=q", WORDS("-s"), "http://q", "http://q", "" },
        { "http_proxy=p no_proxy=a", WORDS("-s"), "http://p", "", "a" },
        { "http_proxy=p NO_PROXY=a", WORDS("-s"), "http://p", "", "a" },
        { "http_proxy=p no_proxy=a NO_PROXY=b", WORDS("-s"), "http://p", "", "a" },
        { "http_proxy=p no_proxy=a", WORDS("--noproxy", "b"), "http://p", "", "b" },
        { "http_proxy=p no_proxy=a", WORDS("--noproxy", ""), "http://p", "", "" },
        { "http_proxy=p no_proxy=a", WORDS("-x", "q"), "http://q", "http://q", "a" },
        { "http_proxy=p all_proxy=q", WORDS("-x", ""), "", "", "" },
        { "no_proxy=a", WORDS("-s"), "", "", "" },
        { "all_proxy=p", WORDS("--unix-socket", "/s"), "", "", "" },
        /* The daemon's to refuse, for the items that need it. */
        { "https_proxy=socks5://p", WORDS("-s"), "", "socks5://p", "" },
        { "http_proxy=::::", WORDS("-s"), "http://::::", "", "" },
    };

    (void)state;
    expect_rows(rows, ROWS(rows));
}

static void refuses_what_names_no_proxy(void **state)
{
    static char long_name[5000];
    const struct {
        const char *const *words;
        const char *says;
    } rows[] = {
        { WORDS("-x", "socks5://p"), "SOCKS" },
        { WORDS("-x", "socks5h://u:secret@p"), "SOCKS" },
        { WORDS("-x", "https://p"), "TLS" },
        { WORDS("-x", "ftp://p"), "http://" },
        { WORDS("-x", "p:0"), "port" },
        { WORDS("-x", "p:x"), "-x" },
        { WORDS("-x", ":3128"), "-x" },
        { WORDS("-x", "http://"), "-x" },
        { WORDS("-x", "a b"), "-x" },
        { WORDS("-x", "u:secret@@p"), "-x" },
        { WORDS("-x", "p", "-U", "secret"), "USER:PASSWORD" },
        { WORDS("-U", "secret"), "USER:PASSWORD" },
        { WORDS("-x", "p", "--unix-socket", "/s"), "--unix-socket" },
        { WORDS("-x", long_name), "4096" },
        { WORDS("-x", "p", "-U", "u:\n"), "-x" },
    };

    (void)state;
    memset(long_name, 'a', sizeof(long_name) - 1);
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct made made;

        environment_is("");
        user_types(&made, rows[i].words);
        if (made.is_made)
            fail_msg("row %zu is taken", i);
        if (!strstr(made.why, rows[i].says))
            fail_msg("row %zu: %s", i, made.why);
        assert_null(strstr(made.why, "secret"));
        user_is_done(&made);
    }
}

static void a_list_has_a_bound(void **state)
{
    static char list[WIRE_NO_PROXY_BYTES_MAX + 2];
    const char *const words[] = { "get", "-x", "p", "--noproxy", list, "u", NULL };
    struct made made;

    (void)state;
    memset(list, 'a', WIRE_NO_PROXY_BYTES_MAX);
    user_types(&made, words);
    assert_true(made.is_made);
    user_is_done(&made);
    list[WIRE_NO_PROXY_BYTES_MAX] = 'a';
    user_types(&made, words);
    assert_false(made.is_made);
    user_is_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flag_names_the_proxy_of_both_schemes),
        cmocka_unit_test(a_login_goes_into_the_url_unless_there_is_one),
        cmocka_unit_test(the_environment_is_read_as_curl_reads_it),
        cmocka_unit_test(refuses_what_names_no_proxy),
        cmocka_unit_test(a_list_has_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
