/*
 * Every bound of a jar, reached: per domain, per jar, in bytes, and of one Cookie field; and who
 * has to go.
 */
#include "cookies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define NOW UINT64_C(1700000000)

struct scene {
    struct public_suffixes suffixes;
    struct cookies *jar;
    unsigned sets_count;
    char sent[COOKIES_FIELD_BYTES_MAX + 1];
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

static struct cookies_url url_of(const char *host)
{
    return (struct cookies_url){ .host = span_of_string(host),
                                 .path = SPAN_LITERAL("/"),
                                 .is_secure = true };
}

static enum cookies_verdict sets(struct scene *t, const char *host, const char *field)
{
    struct cookies_url url = url_of(host);
    enum cookies_verdict verdict = cookies_set(t->jar, &url, span_of_string(field), NOW);

    if (t->sets_count++ % 32 == 0) /* a check reads the whole jar */
        cookies_check(t->jar);
    return verdict;
}

/* "n<number>=v" and the tail. */
static enum cookies_verdict sets_numbered(struct scene *t, const char *host, unsigned number,
                                          const char *tail)
{
    char field[64];

    (void)snprintf(field, sizeof(field), "n%u=v%s", number, tail);
    return sets(t, host, field);
}

static const char *sent(struct scene *t, const char *host)
{
    struct cookies_url url = url_of(host);
    struct span field = cookies_field(t->jar, &url, NOW);

    (void)snprintf(t->sent, sizeof(t->sent), "%.*s", (int)field.bytes, field.data);
    return t->sent;
}

static bool is_sent(struct scene *t, const char *host, unsigned number)
{
    char pair[32];

    (void)snprintf(pair, sizeof(pair), "n%u=", number);
    return strstr(sent(t, host), pair);
}

static void a_domain_has_50_and_the_least_used_goes(void **state)
{
    struct scene *t = *state;

    for (unsigned i = 100; i < 150; i++)
        assert_int_equal(sets_numbered(t, "a.test", i, i == 100 ? "; Path=/x" : ""), COOKIES_KEPT);
    assert_int_equal(cookies_count(t->jar), 50);
    (void)sent(t, "a.test"); /* uses all but the one of /x */
    assert_int_equal(sets_numbered(t, "a.test", 150, ""), COOKIES_KEPT);
    assert_int_equal(cookies_count(t->jar), 50);
    assert_true(is_sent(t, "a.test", 101));
    (void)sets_numbered(t, "a.test", 101, "; Secure"); /* set anew: used last */
    (void)sets_numbered(t, "a.test", 151, "");
    assert_true(is_sent(t, "a.test", 101));
    assert_false(is_sent(t, "a.test", 102));
    /* another domain is not touched */
    (void)sets_numbered(t, "b.test", 1, "");
    for (unsigned i = 200; i < 300; i++)
        (void)sets_numbered(t, "a.test", i, "");
    assert_true(is_sent(t, "b.test", 1));
    assert_int_equal(cookies_count(t->jar), 51);
}

static void a_domain_spares_the_secure_ones(void **state)
{
    struct scene *t = *state;

    for (unsigned i = 100; i < 149; i++)
        (void)sets_numbered(t, "a.test", i, "; Secure");
    (void)sets_numbered(t, "a.test", 149, "");
    (void)sets_numbered(t, "a.test", 150, "; Secure");
    assert_true(is_sent(t, "a.test", 100));
    assert_false(is_sent(t, "a.test", 149));
    /* with 50 of them a plain one finds no place */
    assert_int_equal(sets_numbered(t, "a.test", 151, ""), COOKIES_REFUSED);
    assert_int_equal(cookies_count(t->jar), 50);
    assert_int_equal(sets_numbered(t, "a.test", 152, "; Secure"), COOKIES_KEPT);
    assert_int_equal(cookies_count(t->jar), 50);
}

static void what_has_expired_goes_before_all_others(void **state)
{
    struct cookies_url url = url_of("a.test");
    struct scene *t = *state;

    for (unsigned i = 100; i < 149; i++)
        (void)sets_numbered(t, "a.test", i, "");
    (void)sets(t, "a.test", "n149=v; Max-Age=10; Secure");
    assert_int_equal(cookies_set(t->jar, &url, SPAN_LITERAL("n150=v"), NOW + 10), COOKIES_KEPT);
    assert_int_equal(cookies_count(t->jar), 50);
    assert_true(is_sent(t, "a.test", 100));
    assert_false(is_sent(t, "a.test", 149));
}

static void a_jar_has_3000(void **state)
{
    struct scene *t = *state;
    char host[32];

    for (unsigned i = 0; i < 3100; i++) {
        (void)snprintf(host, sizeof(host), "h%u.test", i / 40);
        (void)sets_numbered(t, host, i, "");
        if (i == 2000)
            assert_true(is_sent(t, "h0.test", 0)); /* and all of its host */
    }
    assert_int_equal(cookies_count(t->jar), WIRE_COOKIES_PER_JAR);
    assert_true(is_sent(t, "h0.test", 39));
    assert_string_equal(sent(t, "h1.test"), "");
    assert_string_equal(sent(t, "h2.test"), "");
    assert_false(is_sent(t, "h3.test", 139)); /* 40 that were used, and these in their place */
    assert_true(is_sent(t, "h3.test", 140));
    assert_true(is_sent(t, "h77.test", 3099));
}

static void a_jar_has_4_mib(void **state)
{
    struct scene *t = *state;
    char *field = malloc(4100);
    unsigned i;

    memset(field, 'v', 4097);
    field[4097] = '\0';
    for (i = 0; i < 1100; i++) {
        char host[32];

        (void)snprintf(host, sizeof(host), "h%u.test", i);
        field[snprintf(field, 12, "n%u", i)] = '=';
        assert_int_equal(sets(t, host, field), COOKIES_KEPT);
        memset(field, 'v', 12);
    }
    assert_in_range(cookies_count(t->jar), 900, 1023); /* with what keeps them */
    assert_string_equal(sent(t, "h0.test"), "");
    assert_true(is_sent(t, "h1099.test", 1099));
    free(field);
}

static void a_field_has_8190_bytes(void **state)
{
    struct scene *t = *state;
    char field[4100];

    for (unsigned i = 0; i < 3; i++) {
        memset(field, 'v', sizeof(field));
        field[snprintf(field, 12, "n%u", i)] = '=';
        field[4090] = '\0';
        assert_int_equal(sets(t, "a.test", field), COOKIES_KEPT);
    }
    assert_int_equal(sets(t, "a.test", "small=1"), COOKIES_KEPT);
    assert_int_equal(strlen(sent(t, "a.test")), 4090 + 2 + 4090); /* no room is left for it */
    assert_true(is_sent(t, "a.test", 1));
    assert_false(is_sent(t, "a.test", 2));
    (void)sets(t, "a.test", "n1=; Max-Age=0");
    (void)sets(t, "a.test", "n2=; Max-Age=0");
    memset(field, 'v', sizeof(field));
    memcpy(field, "last=", 5);
    field[8190 - 4090 - 2 - 9 - 2] = '\0';
    assert_int_equal(sets(t, "a.test", field), COOKIES_KEPT);
    assert_in_range(strlen(sent(t, "a.test")), 8180, COOKIES_FIELD_BYTES_MAX);
}

static void a_field_has_150_cookies_the_most_specific(void **state)
{
    struct scene *t = *state;
    const char *pairs;
    unsigned count = 0;

    for (unsigned i = 0; i < 200; i++) {
        static const char *const domains[] = { "", "; Domain=c.b.a.test", "; Domain=b.a.test",
                                               "; Domain=a.test" };

        (void)sets_numbered(t, "d.c.b.a.test", i, domains[i / 50]);
    }
    assert_int_equal(cookies_count(t->jar), 200);
    pairs = sent(t, "d.c.b.a.test");
    for (const char *at = pairs; (at = strchr(at, '=')); at++)
        count++;
    assert_int_equal(count, COOKIES_FIELD_COUNT_MAX);
    assert_true(is_sent(t, "d.c.b.a.test", 0));
    assert_true(is_sent(t, "d.c.b.a.test", 149));
    assert_false(is_sent(t, "d.c.b.a.test", 150));
}

static void a_host_too_long_for_a_domain_has_no_cookies(void **state)
{
    struct scene *t = *state;
    char host[WIRE_COOKIE_DOMAIN_BYTES_MAX + 2];

    memset(host, 'h', sizeof(host));
    host[WIRE_COOKIE_DOMAIN_BYTES_MAX + 1] = '\0';
    assert_int_equal(sets(t, host, "a=1"), COOKIES_REFUSED);
    host[WIRE_COOKIE_DOMAIN_BYTES_MAX] = '\0';
    assert_int_equal(sets(t, host, "a=1"), COOKIES_KEPT);
    assert_string_equal(sent(t, host), "a=1");
}

static void a_path_too_long_has_no_cookies(void **state)
{
    struct scene *t = *state;
    char path[WIRE_COOKIE_PATH_BYTES_MAX + 3];
    struct cookies_url url = url_of("a.test");

    memset(path, 'p', sizeof(path));
    path[0] = '/';
    path[WIRE_COOKIE_PATH_BYTES_MAX + 1] = '/';
    url.path = span_of(path, WIRE_COOKIE_PATH_BYTES_MAX + 2); /* the directory is 1025 bytes */
    assert_int_equal(cookies_set(t->jar, &url, SPAN_LITERAL("a=1"), NOW), COOKIES_REFUSED);
    assert_int_equal(cookies_set(t->jar, &url, SPAN_LITERAL("a=1; Path=/"), NOW), COOKIES_KEPT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_domain_has_50_and_the_least_used_goes),
        TEST(a_domain_spares_the_secure_ones),
        TEST(what_has_expired_goes_before_all_others),
        TEST(a_jar_has_3000),
        TEST(a_jar_has_4_mib),
        TEST(a_field_has_8190_bytes),
        TEST(a_field_has_150_cookies_the_most_specific),
        TEST(a_host_too_long_for_a_domain_has_no_cookies),
        TEST(a_path_too_long_has_no_cookies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
