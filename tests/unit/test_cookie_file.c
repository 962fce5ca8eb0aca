/*
 * Lines of cookie files: those of curl, wget and browsers' exporters are taken and written again,
 * and a line that is damaged is no cookie.
 */
#include "cookie.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static bool parse(const char *line, struct cookie *cookie, char **ret_copy)
{
    size_t bytes = strlen(line);

    *ret_copy = malloc(bytes + !bytes);
    assert_non_null(*ret_copy);
    memcpy(*ret_copy, line, bytes);
    return cookie_parse_line(span_of(*ret_copy, bytes), cookie);
}

static void takes_lines_and_writes_them_again(void **state)
{
    static const struct {
        const char *line;
        const char *again; /* NULL: the same */
    } rows[] = {
        { "a.test\tFALSE\t/\tFALSE\t0\tname\tvalue", NULL },
        { ".a.test\tTRUE\t/x/y\tTRUE\t1798761600\tname\tvalue", NULL },
        { "#HttpOnly_.a.test\tTRUE\t/\tTRUE\t1\tname\tvalue", NULL },
        { "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tname\tvalue", NULL },
        { "::1\tFALSE\t/\tFALSE\t0\tname\ta=b c\xc3\xa9", NULL },
        { "a.test\tFALSE\t/\tFALSE\t0\tname\t", NULL },
        /* what we write otherwise */
        { "a.test\tFALSE\t/\tFALSE\t0\tname", "a.test\tFALSE\t/\tFALSE\t0\tname\t" },
        { "a.test\tFALSE\t/\tFALSE\t0\tname\tvalue\r", "a.test\tFALSE\t/\tFALSE\t0\tname\tvalue" },
        { "a.test\tTRUE\t/\tFALSE\t0\tn\tv", ".a.test\tTRUE\t/\tFALSE\t0\tn\tv" },
        { ".a.test\tFALSE\t/\tFALSE\t0\tn\tv", "a.test\tFALSE\t/\tFALSE\t0\tn\tv" },
        { "a.test\tfalse\t/\tTrue\t0\tn\tv", "a.test\tFALSE\t/\tTRUE\t0\tn\tv" },
        { "a.test\tFALSE\t/\tFALSE\t1798761600.5\tn\tv",
          "a.test\tFALSE\t/\tFALSE\t1798761600\tn\tv" },
        { "a.test\tFALSE\t/\tFALSE\t-1\tn\tv", "a.test\tFALSE\t/\tFALSE\t1\tn\tv" },
        { "a.test\tFALSE\t/\tFALSE\t99999999999999999999999\tn\tv",
          "a.test\tFALSE\t/\tFALSE\t253402300799\tn\tv" },
        { "a.test\tFALSE\t/\tFALSE\t253402300800\tn\tv",
          "a.test\tFALSE\t/\tFALSE\t253402300799\tn\tv" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *wanted = rows[i].again ? rows[i].again : rows[i].line;
        char out[COOKIE_LINE_BYTES_MAX];
        struct cookie cookie;
        size_t bytes;
        char *copy;

        if (!parse(rows[i].line, &cookie, &copy))
            fail_msg("row %zu: refused: %s", i, rows[i].line);
        bytes = cookie_write_line(&cookie, out);
        if (bytes != strlen(wanted) + 1 || memcmp(out, wanted, bytes - 1) != 0 ||
            out[bytes - 1] != '\n')
            fail_msg("row %zu: %.*s", i, (int)bytes, out);
        free(copy);
    }
}

static void skips_lines_that_are_no_cookie(void **state)
{
    static const char *const lines[] = {
        "",
        "\r",
        " ",
        "#",
        "# Netscape HTTP Cookie File",
        "#a.test\tFALSE\t/\tFALSE\t0\tname\tvalue",
        "#HttpOnly_",
        "#httponly_a.test\tFALSE\t/\tFALSE\t0\tname\tvalue",
        "# HttpOnly_a.test\tFALSE\t/\tFALSE\t0\tname\tvalue",
        "\t",
        "\t\t\t\t\t\t",
        "Set-Cookie: a=1",
        /* too few parts, too many */
        "a.test",
        "a.test\tFALSE\t/\tFALSE\t0",
        "a.test\tFALSE\t/\tFALSE\t0\tname\tvalue\t",
        "a.test\tFALSE\t/\tFALSE\t0\tname\tval\tue",
        "a.test FALSE / FALSE 0 name value",
        /* the domain */
        "\tFALSE\t/\tFALSE\t0\tname\tvalue",
        ".\tTRUE\t/\tFALSE\t0\tname\tvalue",
        "a test\tFALSE\t/\tFALSE\t0\tname\tvalue",
        "http://a.test\tFALSE\t/\tFALSE\t0\tname\tvalue",
        /* the flags */
        "a.test\t\t/\tFALSE\t0\tname\tvalue",
        "a.test\tYES\t/\tFALSE\t0\tname\tvalue",
        "a.test\t1\t/\tFALSE\t0\tname\tvalue",
        "a.test\tFALSE\t/\t0\t0\tname\tvalue",
        "a.test\tFALSE\t/\tTRUE \t0\tname\tvalue",
        /* the path */
        "a.test\tFALSE\t\tFALSE\t0\tname\tvalue",
        "a.test\tFALSE\tx\tFALSE\t0\tname\tvalue",
        "a.test\tFALSE\t/\x01\tFALSE\t0\tname\tvalue",
        /* the expiry */
        "a.test\tFALSE\t/\tFALSE\t\tname\tvalue",
        "a.test\tFALSE\t/\tFALSE\t-\tname\tvalue",
        "a.test\tFALSE\t/\tFALSE\t.5\tname\tvalue",
        "a.test\tFALSE\t/\tFALSE\tsoon\tname\tvalue",
        "a.test\tFALSE\t/\tFALSE\t12x\tname\tvalue",
        "a.test\tFALSE\t/\tFALSE\t 12\tname\tvalue",
        "a.test\tFALSE\t/\tFALSE\t+12\tname\tvalue",
        /* name and value */
        "a.test\tFALSE\t/\tFALSE\t0\t\tvalue",
        "a.test\tFALSE\t/\tFALSE\t0\tna;me\tvalue",
        "a.test\tFALSE\t/\tFALSE\t0\tna=me\tvalue",
        "a.test\tFALSE\t/\tFALSE\t0\tname\tval;ue",
        "a.test\tFALSE\t/\tFALSE\t0\tname\tval\rue",
        "a.test\tFALSE\t/\tFALSE\t0\tname\tvalue ",
        "a.test\tFALSE\t/\tFALSE\t0\tname\tvalue\r\r",
        "a.test\tFALSE\t/\tFALSE\t0\t name\tvalue",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct cookie cookie = { .expires_s = 4711 };
        char *copy;

        if (parse(lines[i], &cookie, &copy))
            fail_msg("row %zu: taken: %s", i, lines[i]);
        assert_int_equal(cookie.expires_s, 4711);
        free(copy);
    }
}

static void a_nul_is_in_no_line(void **state)
{
    static const char line[] = "a.test\tFALSE\t/\tFALSE\t0\tname\tval\0ue";
    struct cookie cookie;

    (void)state;
    assert_false(cookie_parse_line(span_of(line, sizeof(line) - 1), &cookie));
}

static void the_longest_cookie_fits_its_line(void **state)
{
    static char bytes[WIRE_COOKIE_BYTES_MAX];
    static char path[WIRE_COOKIE_PATH_BYTES_MAX];
    static char out[COOKIE_LINE_BYTES_MAX];
    const struct cookie cookie = {
        .name = span_of(bytes, 1),
        .value = span_of(bytes + 1, sizeof(bytes) - 1),
        .domain = span_of(bytes, WIRE_COOKIE_DOMAIN_BYTES_MAX),
        .path = span_of(path, sizeof(path)),
        .expires_s = COOKIE_EXPIRY_S_MAX,
        .is_secure = true,
        .is_http_only = true,
    };
    struct cookie again;
    size_t written;

    (void)state;
    memset(bytes, 'b', sizeof(bytes));
    memset(path, '/', sizeof(path));
    assert_true(cookie_is_valid(&cookie));
    written = cookie_write_line(&cookie, out);
    assert_true(cookie_parse_line(span_of(out, written - 1), &again));
    assert_true(span_equals(again.value, cookie.value) && span_equals(again.path, cookie.path));
    assert_true(span_equals(again.domain, cookie.domain) && again.is_http_only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_lines_and_writes_them_again),
        cmocka_unit_test(skips_lines_that_are_no_cookie),
        cmocka_unit_test(a_nul_is_in_no_line),
        cmocka_unit_test(the_longest_cookie_fits_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
