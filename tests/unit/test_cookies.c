/*
 * A jar gives each cookie to whom it is for and to nobody else: domains, paths, TLS, prefixes,
 * public suffixes, expiry. Its bounds: test_cookies_limits.c.
 */
#include "cookies.h"
#include "cookies_match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define NOW UINT64_C(1700000000)

struct scene {
    struct public_suffixes suffixes;
    struct cookies *jar;
};

static int begin(void **state)
{
    struct scene *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    assert_true(public_suffixes_load(&t->suffixes));
    t->jar = cookies_new(&t->suffixes);
    assert_non_null(t->jar);
    *state = t;
    return 0;
}

static int end(void **state)
{
    struct scene *t = *state;

    cookies_check(t->jar);
    cookies_free(t->jar);
    public_suffixes_deinit(&t->suffixes);
    free(t);
    return 0;
}

/* "http://host/path" or "https://host/path" as the item would give it; the path is needed. */
static struct cookies_url url_of(const char *text)
{
    bool is_secure = strncmp(text, "https://", 8) == 0;
    const char *host = text + (is_secure ? 8 : 7);
    const char *path = strchr(host, '/');
    struct cookies_url url = {
        .host = span_of(host, (size_t)(path - host)),
        .path = span_of_string(path),
        .is_secure = is_secure,
    };
    char last = path[-1];

    url.is_address = strchr("0123456789:", last) || (host[0] == ':');
    return url;
}

static enum cookies_verdict sets_at(struct scene *t, const char *from, const char *field,
                                    uint64_t now_s)
{
    struct cookies_url url = url_of(from);
    enum cookies_verdict verdict = cookies_set(t->jar, &url, span_of_string(field), now_s);

    cookies_check(t->jar);
    return verdict;
}

static enum cookies_verdict sets(struct scene *t, const char *from, const char *field)
{
    return sets_at(t, from, field, NOW);
}

static void expect_sent_at(struct scene *t, const char *to, const char *expected, uint64_t now_s)
{
    struct cookies_url url = url_of(to);
    struct span field = cookies_field(t->jar, &url, now_s);

    if (!span_equals(field, span_of_string(expected)))
        fail_msg("%s gets '%.*s', not '%s'", to, (int)field.bytes, field.data, expected);
}

static void expect_sent(struct scene *t, const char *to, const char *expected)
{
    expect_sent_at(t, to, expected, NOW);
}

static void a_cookie_goes_back_to_its_host_alone(void **state)
{
    struct scene *t = *state;

    assert_int_equal(sets(t, "http://www.a.test/", "a=1"), COOKIES_KEPT);
    expect_sent(t, "http://www.a.test/", "a=1");
    expect_sent(t, "http://www.a.test/x/y", "a=1");
    expect_sent(t, "https://www.a.test/", "a=1");
    expect_sent(t, "http://a.test/", "");
    expect_sent(t, "http://x.www.a.test/", "");
    expect_sent(t, "http://xwww.a.test/", "");
    expect_sent(t, "http://www.b.test/", "");
    expect_sent(t, "http://test/", "");
}

static void a_domain_includes_what_is_below_it(void **state)
{
    struct scene *t = *state;

    assert_int_equal(sets(t, "http://www.a.test/", "a=1; Domain=a.test"), COOKIES_KEPT);
    expect_sent(t, "http://a.test/", "a=1");
    expect_sent(t, "http://www.a.test/", "a=1");
    expect_sent(t, "http://deep.er.a.test/", "a=1");
    expect_sent(t, "http://xa.test/", "");
    expect_sent(t, "http://a.test.b.test/", "");
    expect_sent(t, "http://test/", "");
}

static void who_may_name_which_domain(void **state)
{
    static const struct {
        const char *from;
        const char *domain;
        enum cookies_verdict verdict;
    } rows[] = {
        { "http://www.a.test/", "www.a.test", COOKIES_KEPT },
        { "http://www.a.test/", "WWW.A.Test", COOKIES_KEPT },
        { "http://www.a.test/", ".a.test", COOKIES_KEPT },
        { "http://www.a.test/", "A.TEST", COOKIES_KEPT },
        { "http://10.0.0.1/", "10.0.0.1", COOKIES_KEPT },
        { "http://::1/", "::1", COOKIES_KEPT },
        { "http://localhost/", "localhost", COOKIES_KEPT },
        { "http://github.io/", "github.io", COOKIES_KEPT }, /* for itself */
        { "http://x.github.io/", "x.github.io", COOKIES_KEPT },
        /* not its own */
        { "http://www.a.test/", "b.test", COOKIES_REFUSED },
        { "http://www.a.test/", "x.a.test", COOKIES_REFUSED },
        { "http://www.a.test/", "x.www.a.test", COOKIES_REFUSED },
        { "http://a.test/", "www.a.test", COOKIES_REFUSED },
        { "http://www.a.test/", "w.a.test", COOKIES_REFUSED },
        { "http://xa.test/", "a.test", COOKIES_REFUSED },
        { "http://www.a.test/", "..a.test", COOKIES_REFUSED },
        { "http://www.a.test/", "a.test.", COOKIES_REFUSED },
        { "http://www.a.test/", "a..test", COOKIES_REFUSED },
        { "http://www.a.test./", "a.test", COOKIES_REFUSED },
        { "http://www.a.test./", "a.test.", COOKIES_REFUSED },
        /* anyone's */
        { "http://www.a.test/", "test", COOKIES_REFUSED },
        { "http://www.a.test/", ".test", COOKIES_REFUSED },
        { "http://a.com/", "com", COOKIES_REFUSED },
        { "http://a.co.uk/", "co.uk", COOKIES_REFUSED },
        { "http://a.co.uk/", "uk", COOKIES_REFUSED },
        { "http://a.github.io/", "github.io", COOKIES_REFUSED },
        { "http://a.b.ck/", "b.ck", COOKIES_REFUSED },
        { "http://x.localhost/", "localhost", COOKIES_REFUSED },
        /* part of an address */
        { "http://10.0.0.1/", "0.0.1", COOKIES_REFUSED },
        { "http://10.0.0.1/", "0.0.0.1", COOKIES_REFUSED },
        { "http://10.0.0.1/", "1", COOKIES_REFUSED },
        { "http://::1/", ":1", COOKIES_REFUSED },
    };
    struct scene *t = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        enum cookies_verdict verdict;
        char field[80];

        (void)snprintf(field, sizeof(field), "a=1; Domain=%s", rows[i].domain);
        verdict = sets(t, rows[i].from, field);
        if (verdict != rows[i].verdict)
            fail_msg("%s sets %s: %d", rows[i].from, rows[i].domain, verdict);
    }
}

static void a_suffix_names_itself_and_nobody_below(void **state)
{
    struct scene *t = *state;

    assert_int_equal(sets(t, "http://github.io/", "a=1; Domain=github.io"), COOKIES_KEPT);
    expect_sent(t, "http://github.io/", "a=1");
    expect_sent(t, "http://x.github.io/", "");
    assert_int_equal(sets(t, "http://10.0.0.1/", "a=1; Domain=10.0.0.1"), COOKIES_KEPT);
    expect_sent(t, "http://10.0.0.1/", "a=1");
}

static void without_a_list_a_cookie_stays_with_its_host(void **state)
{
    struct scene *t = *state;

    public_suffixes_deinit(&t->suffixes);
    assert_int_equal(sets(t, "http://www.a.test/", "a=1; Domain=www.a.test"), COOKIES_KEPT);
    assert_int_equal(sets(t, "http://www.a.test/", "b=2; Domain=a.test"), COOKIES_REFUSED);
    expect_sent(t, "http://www.a.test/", "a=1");
    expect_sent(t, "http://x.www.a.test/", "");
    expect_sent(t, "http://a.test/", "");
}

static void paths_lie_within_paths(void **state)
{
    static const struct {
        const char *path;
        const char *cookie_path;
        bool is_within;
    } rows[] = {
        { "/", "/", true },      { "/a", "/", true },        { "/a/b", "/a", true },
        { "/a/", "/a", true },   { "/a", "/a", true },       { "/a/b", "/a/", true },
        { "/a/", "/a/", true },  { "/a//b", "/a/", true },   { "/ab", "/a", false },
        { "/", "/a", false },    { "/a", "/a/", false },     { "/A", "/a", false },
        { "/b/a", "/a", false }, { "/a.b", "/a", false },    { "/a%2fb", "/a", false },
        { "/a;x", "/a", false }, { "/a/b", "/a/b/", false },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (cookies_path_is_within(span_of_string(rows[i].path),
                                   span_of_string(rows[i].cookie_path)) != rows[i].is_within)
            fail_msg("%s within %s", rows[i].path, rows[i].cookie_path);
}

static void a_cookie_without_path_is_for_the_directory(void **state)
{
    static const struct {
        const char *path;
        const char *expected;
    } rows[] = {
        { "/", "/" },     { "/a", "/" },       { "/a/", "/a" },
        { "/a/b", "/a" }, { "/a/b/", "/a/b" }, { "//", "/" },
        { "*", "/" },     { "", "/" },         { "/a/b/c.html", "/a/b" },
    };
    struct scene *t = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct span path = cookies_default_path(span_of_string(rows[i].path));

        if (!span_equals(path, span_of_string(rows[i].expected)))
            fail_msg("%s: %.*s", rows[i].path, (int)path.bytes, path.data);
    }
    assert_int_equal(sets(t, "http://a.test/x/y", "a=1"), COOKIES_KEPT);
    expect_sent(t, "http://a.test/x", "a=1");
    expect_sent(t, "http://a.test/x/z", "a=1");
    expect_sent(t, "http://a.test/", "");
    expect_sent(t, "http://a.test/xy", "");
    /* a path of one's own may be anything */
    assert_int_equal(sets(t, "http://a.test/x/y", "b=2; Path=/elsewhere"), COOKIES_KEPT);
    expect_sent(t, "http://a.test/elsewhere", "b=2");
}

static void the_more_specific_comes_first_then_the_older(void **state)
{
    struct scene *t = *state;

    (void)sets(t, "http://a.test/", "root=1; Path=/");
    (void)sets(t, "http://www.a.test/", "deep=2; Path=/x/y; Domain=a.test");
    (void)sets(t, "http://www.a.test/", "mid=3; Path=/x; Domain=a.test");
    (void)sets(t, "http://www.a.test/", "own=4; Path=/x");
    (void)sets(t, "http://www.a.test/", "root=5; Path=/; Domain=a.test");
    expect_sent(t, "http://www.a.test/x/y", "deep=2; mid=3; own=4; root=5");
    (void)sets(t, "http://www.a.test/", "mid=6; Path=/x; Domain=a.test"); /* keeps its age */
    expect_sent(t, "http://www.a.test/x/y", "deep=2; mid=6; own=4; root=5");
    expect_sent(t, "http://a.test/", "root=1; root=5");
}

static void the_same_name_domain_and_path_is_the_same_cookie(void **state)
{
    struct scene *t = *state;

    (void)sets(t, "http://a.test/", "a=1; Path=/");
    assert_int_equal(sets(t, "http://a.test/", "a=2; Path=/"), COOKIES_KEPT);
    assert_int_equal(cookies_count(t->jar), 1);
    expect_sent(t, "http://a.test/", "a=2");
    (void)sets(t, "http://a.test/", "A=3; Path=/"); /* names have a case */
    (void)sets(t, "http://a.test/", "a=4; Path=/x");
    (void)sets(t, "http://a.test/", "a=5; Path=/; Domain=a.test");
    assert_int_equal(cookies_count(t->jar), 4);
    expect_sent(t, "http://a.test/", "a=2; A=3; a=5");
}

static void expired_cookies_are_not_sent(void **state)
{
    struct scene *t = *state;

    assert_int_equal(sets(t, "http://a.test/", "a=1; Max-Age=10"), COOKIES_KEPT);
    expect_sent_at(t, "http://a.test/", "a=1", NOW + 9);
    expect_sent_at(t, "http://a.test/", "", NOW + 10);
    (void)sets(t, "http://a.test/", "b=2; Expires=Fri, 01 Jan 2027 00:00:00 GMT");
    expect_sent_at(t, "http://a.test/", "b=2", 1798761599);
    expect_sent_at(t, "http://a.test/", "", 1798761600);
    (void)sets(t, "http://a.test/", "s=3");
    expect_sent_at(t, "http://a.test/", "s=3", UINT64_MAX); /* a session has no clock */
}

static void one_that_has_expired_takes_the_old_one_away(void **state)
{
    struct scene *t = *state;

    (void)sets(t, "http://a.test/", "a=1; Path=/");
    (void)sets(t, "http://a.test/", "b=2; Path=/");
    assert_int_equal(sets(t, "http://a.test/", "a=; Path=/x; Max-Age=0"), COOKIES_REMOVED);
    assert_int_equal(sets(t, "http://a.test/", "a=; Domain=a.test; Max-Age=0"), COOKIES_REMOVED);
    assert_int_equal(cookies_count(t->jar), 2); /* others of that name */
    assert_int_equal(sets(t, "http://a.test/", "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"),
                     COOKIES_REMOVED);
    expect_sent(t, "http://a.test/", "b=2");
    assert_int_equal(sets(t, "http://c.test/", "c=; Max-Age=0"), COOKIES_REMOVED);
    assert_int_equal(cookies_count(t->jar), 1);
}

static void a_secure_cookie_never_goes_without_tls(void **state)
{
    struct scene *t = *state;

    assert_int_equal(sets(t, "https://a.test/", "a=1; Secure"), COOKIES_KEPT);
    expect_sent(t, "https://a.test/", "a=1");
    expect_sent(t, "http://a.test/", "");
    assert_int_equal(sets(t, "http://a.test/", "b=2; Secure"), COOKIES_REFUSED);
}

/* RFC 6265bis "leave secure cookies alone": whoever sits on the wire cannot plant another. */
static void without_tls_nothing_hides_a_secure_cookie(void **state)
{
    static const struct {
        const char *from;
        const char *field;
        enum cookies_verdict verdict;
    } rows[] = {
        { "http://www.a.test/", "sid=evil; Path=/app", COOKIES_REFUSED },
        { "http://www.a.test/", "sid=evil; Path=/app/x", COOKIES_REFUSED },
        { "http://www.a.test/", "sid=evil; Path=/app; Domain=a.test", COOKIES_REFUSED },
        { "http://x.www.a.test/", "sid=evil; Path=/app", COOKIES_REFUSED },
        { "http://a.test/", "sid=evil; Path=/app", COOKIES_REFUSED },
        { "http://www.a.test/", "sid=; Path=/app; Max-Age=0", COOKIES_REFUSED },
        { "http://www.a.test/", "sid=other; Path=/", COOKIES_KEPT },
        { "http://www.a.test/", "sid=other; Path=/apple", COOKIES_KEPT },
        { "http://www.a.test/", "other=1; Path=/app", COOKIES_KEPT },
        { "http://b.test/", "sid=1; Path=/app", COOKIES_KEPT },
        { "https://www.a.test/", "sid=new; Path=/app", COOKIES_KEPT },
    };
    struct scene *t = *state;

    (void)sets(t, "https://www.a.test/", "sid=good; Path=/app; Secure");
    for (size_t i = 0; i < ROWS(rows); i++) {
        enum cookies_verdict verdict = sets(t, rows[i].from, rows[i].field);

        if (verdict != rows[i].verdict)
            fail_msg("%s sets %s: %d", rows[i].from, rows[i].field, verdict);
    }
}

static void a_prefix_is_a_promise(void **state)
{
    static const struct {
        const char *from;
        const char *field;
        enum cookies_verdict verdict;
    } rows[] = {
        { "https://a.test/", "__Secure-a=1; Secure", COOKIES_KEPT },
        { "https://a.test/", "__Secure-a=1; Secure; Domain=a.test; Path=/x", COOKIES_KEPT },
        { "https://a.test/", "__Host-a=1; Secure; Path=/", COOKIES_KEPT },
        { "https://a.test/", "__Host=1", COOKIES_KEPT }, /* no prefix */
        { "https://a.test/", "x__Host-a=1", COOKIES_KEPT },
        { "https://a.test/", "__Secure-a=1", COOKIES_REFUSED },
        { "https://a.test/", "__secure-a=1", COOKIES_REFUSED },
        { "http://a.test/", "__Secure-a=1; Secure", COOKIES_REFUSED },
        { "https://a.test/", "__Host-a=1; Path=/", COOKIES_REFUSED },
        { "https://a.test/", "__Host-a=1; Secure", COOKIES_REFUSED }, /* no Path */
        { "https://a.test/", "__Host-a=1; Secure; Path=/x", COOKIES_REFUSED },
        { "https://a.test/", "__Host-a=1; Secure; Path=/; Domain=a.test", COOKIES_REFUSED },
        { "https://a.test/", "__HOST-a=1; Secure; Path=/; Domain=a.test", COOKIES_REFUSED },
        { "http://a.test/", "__Host-a=1; Secure; Path=/", COOKIES_REFUSED },
        { "https://a.test/", "__Host-=1; Path=/", COOKIES_REFUSED },
    };
    struct scene *t = *state;

    for (size_t i = 0; i < ROWS(rows); i++) {
        enum cookies_verdict verdict = sets(t, rows[i].from, rows[i].field);

        if (verdict != rows[i].verdict)
            fail_msg("%s sets %s: %d", rows[i].from, rows[i].field, verdict);
    }
}

static void what_is_no_cookie_changes_nothing(void **state)
{
    struct scene *t = *state;

    (void)sets(t, "http://a.test/", "a=1; Path=/");
    assert_int_equal(sets(t, "http://a.test/", ""), COOKIES_REFUSED);
    assert_int_equal(sets(t, "http://a.test/", "a"), COOKIES_REFUSED);
    assert_int_equal(sets(t, "http://a.test/", "a=2\x01; Path=/"), COOKIES_REFUSED);
    expect_sent(t, "http://a.test/", "a=1");
}

/* ---- what the client brings ---- */

static enum cookies_verdict brings(struct scene *t, const char *line)
{
    enum cookies_verdict verdict;
    struct cookie cookie;

    assert_true(cookie_parse_line(span_of_string(line), &cookie));
    verdict = cookies_put(t->jar, &cookie, NOW);
    cookies_check(t->jar);
    return verdict;
}

static void takes_what_the_client_brings(void **state)
{
    struct scene *t = *state;

    assert_int_equal(brings(t, ".A.Test\tTRUE\t/\tFALSE\t0\ta\t1"), COOKIES_KEPT);
    assert_int_equal(brings(t, "a.test\tFALSE\t/\tTRUE\t0\tb\t2"), COOKIES_KEPT);
    expect_sent(t, "http://www.a.test/", "a=1");
    expect_sent(t, "https://a.test/", "a=1; b=2");
    assert_int_equal(brings(t, "a.test\tFALSE\t/\tTRUE\t1\tb\t2"), COOKIES_REMOVED);
    expect_sent(t, "https://a.test/", "a=1");
}

static void a_client_cannot_bring_what_goes_to_strangers(void **state)
{
    struct scene *t = *state;

    assert_int_equal(brings(t, ".com\tTRUE\t/\tFALSE\t0\ta\t1"), COOKIES_KEPT);
    assert_int_equal(brings(t, ".github.io\tTRUE\t/\tFALSE\t0\ta\t1"), COOKIES_KEPT);
    assert_int_equal(brings(t, "a.test.\tTRUE\t/\tFALSE\t0\ta\t1"), COOKIES_KEPT);
    expect_sent(t, "http://x.com/", "");
    expect_sent(t, "http://x.github.io/", "");
    expect_sent(t, "http://github.io/", "a=1");
    assert_int_equal(brings(t, ".a.test\tTRUE\t/\tTRUE\t0\t__Host-a\t1"), COOKIES_REFUSED);
    assert_int_equal(brings(t, "a.test\tFALSE\t/\tFALSE\t0\t__Secure-a\t1"), COOKIES_REFUSED);
    assert_int_equal(brings(t, "a.test\tFALSE\t/\tTRUE\t0\t__Host-a\t1"), COOKIES_KEPT);
}

static void nobody_lends_an_address_to_another(void **state)
{
    struct scene *t = *state;

    (void)brings(t, ".0.0.1\tTRUE\t/\tFALSE\t0\ta\t1");
    (void)brings(t, ".1\tTRUE\t/\tFALSE\t0\ta\t1");
    expect_sent(t, "http://10.0.0.1/", "");
}

static void gives_back_what_is_left_oldest_first(void **state)
{
    struct scene *t = *state;
    struct cookie cookie;

    assert_false(cookies_first(t->jar, NOW, &cookie));
    (void)sets(t, "http://a.test/", "a=1; Max-Age=10");
    (void)sets(t, "http://b.test/", "b=2; Max-Age=20");
    (void)sets(t, "http://a.test/", "c=3; Max-Age=30");
    (void)sets(t, "http://b.test/", "b=4; Max-Age=20");
    assert_true(cookies_first(t->jar, NOW + 15, &cookie));
    assert_true(span_equals(cookie.value, SPAN_LITERAL("4")));
    assert_true(span_equals(cookie.domain, SPAN_LITERAL("b.test")));
    cookies_drop_first(t->jar);
    assert_true(cookies_first(t->jar, NOW + 15, &cookie));
    assert_true(span_equals(cookie.name, SPAN_LITERAL("c")));
    assert_false(cookies_first(t->jar, NOW + 30, &cookie));
    assert_int_equal(cookies_count(t->jar), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_cookie_goes_back_to_its_host_alone),
        TEST(a_domain_includes_what_is_below_it),
        TEST(who_may_name_which_domain),
        TEST(a_suffix_names_itself_and_nobody_below),
        TEST(without_a_list_a_cookie_stays_with_its_host),
        TEST(paths_lie_within_paths),
        TEST(a_cookie_without_path_is_for_the_directory),
        TEST(the_more_specific_comes_first_then_the_older),
        TEST(the_same_name_domain_and_path_is_the_same_cookie),
        TEST(expired_cookies_are_not_sent),
        TEST(one_that_has_expired_takes_the_old_one_away),
        TEST(a_secure_cookie_never_goes_without_tls),
        TEST(without_tls_nothing_hides_a_secure_cookie),
        TEST(a_prefix_is_a_promise),
        TEST(what_is_no_cookie_changes_nothing),
        TEST(takes_what_the_client_brings),
        TEST(a_client_cannot_bring_what_goes_to_strangers),
        TEST(nobody_lends_an_address_to_another),
        TEST(gives_back_what_is_left_oldest_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
