/*
 * test_template.c - names made of placeholders stay where they belong.
 */
#include "template.h"

#include "filename.h"
#include "url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void expand(struct text *name, const char *template, const char *address, const char *id)
{
    struct url url;
    struct url_fault fault;
    struct template_values values = { .url = &url, .id = span_of_string(id), .number = 7 };

    text_clear(name, SIZE_MAX);
    if (!url_parse(span_of_string(address), &url, &fault))
        fail_msg("%s: %s", address, fault.why);
    template_expand(name, template, &values);
    assert_false(text_has_failed(name));
}

static void fills_in_what_url_and_line_say(void **state)
{
    static const struct {
        const char *template;
        const char *url;
        const char *name;
    } rows[] = {
        { "{host}/{path}", "http://A.example/x/y.html?q", "a.example/x/y.html" },
        { "{host}/{path}", "http://a/", "a/index.html" },
        { "{host}/{path}", "http://a", "a/index.html" },
        { "{host}/{path}", "http://a?q", "a/index.html" },
        { "{host}/{path}", "http://a/x/", "a/x/index.html" },
        { "{path}", "http://a/x//y", "x/y" },
        { "{path}", "http://a/x/../y", "y" },
        { "{path}", "http://a/%C3%A4/b%20c", "\xc3\xa4/b c" },
        { "{scheme}-{host}-{port}", "http://a:81/", "http-a-81" },
        { "{port}", "http://a/", "80" },
        { "{host}", "http://[::1]/", "::1" },
        { "{file}", "http://a/x/y.tar.gz?q", "y.tar.gz" },
        { "{n}.{ext}", "http://a/x/y.tar.gz", "7.gz" },
        { "{n}.{ext}", "http://a/x.y/z", "7." },
        { "{n}.{ext}", "http://a/", "7.html" },
        { "{file}-{query}", "http://a/x?b=1&c", "x-b=1&c" },
        { "{file}{query}", "http://a/x", "x" },
        { "{id}", "http://a/x", "seven" },
        { "d/{{{n}}}", "http://a/x", "d/{7}" },
        { "plain", "http://a/x", "plain" },
        { ".cache/{file}", "http://a/x", ".cache/x" },
    };
    struct text name = { 0 };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expand(&name, rows[i].template, rows[i].url, "seven");
        if (!span_equals(text_span(&name), span_of_string(rows[i].name)))
            fail_msg("%s of %s: got %.*s", rows[i].template, rows[i].url, (int)name.bytes,
                     name.data);
    }
    expand(&name, "{id}", "http://a/x", "");
    assert_true(span_equals(text_span(&name), SPAN_LITERAL("7")));
    text_deinit(&name);
}

static void no_value_leads_out_of_the_directory(void **state)
{
    static const struct {
        const char *template;
        const char *url;
        const char *id;
        const char *name;
    } rows[] = {
        { "{path}", "http://a/%2e%2e/%2e%2e/etc/passwd", "", "_./_./etc/passwd" },
        { "{path}", "http://a/..%2f..%2fetc", "", "_._.._etc" },
        { "{path}", "http://a/%2Fetc/x", "", "_etc/x" },
        { "{path}", "http://a//etc/x", "", "etc/x" },
        { "{path}", "http://a/a%00b/c%0ad%7f", "", "a_b/c_d_" },
        { "{path}", "http://a/x\\y", "", "x_y" },
        { "{path}", "http://a/.ssh/.x", "", "_ssh/_x" },
        { "{path}", "http://a/...", "", "_.." },
        { "{query}", "http://a/?../../x", "", "_._.._x" },
        { "{query}/x", "http://a/", "", "x" },
        { "x/{query}", "http://a/", "", "x/index.html" },
        { "{query}", "http://a/", "", "index.html" },
        { ".{query}/x", "http://a/", "", "_/x" },
        { ".{query}/x", "http://a/?.", "", "_./x" },
        { "{id}", "http://a/", "..", "_." },
        { "{id}/x", "http://a/", ".", "_/x" },
        { "{id}", "http://a/", "/etc/passwd", "_etc_passwd" },
        { "{id}", "http://a/", "a/../../b", "a_.._.._b" },
        { "x/{id}", "http://a/", "..", "x/_." },
    };
    struct text name = { 0 };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        expand(&name, rows[i].template, rows[i].url, rows[i].id);
        if (!span_equals(text_span(&name), span_of_string(rows[i].name)))
            fail_msg("%s of %s: got %.*s", rows[i].template, rows[i].url, (int)name.bytes,
                     name.data);
        assert_true(filename_stays_inside(text_span(&name)));
    }
    text_deinit(&name);
}

static void each_part_has_at_most_180_bytes(void **state)
{
    char id[1001];
    struct text name = { 0 };

    (void)state;
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    expand(&name, "{id}/{id}{id}/end", "http://a/", id);
    assert_int_equal(name.bytes, 2 * (FILENAME_BYTES_MAX + 1) + 3);
    assert_int_equal(name.data[FILENAME_BYTES_MAX], '/');
    text_deinit(&name);
}

static void refuses_what_is_no_template(void **state)
{
    static const struct {
        const char *template;
        const char *part;
    } rows[] = {
        { "", "names no file" },
        { "{host}/", "names no file" },
        { "/x/{file}", "--output-dir" },
        { "../{file}", "leaves its directory" },
        { "{host}/../{file}", "leaves its directory" },
        { "{hots}", "{hots} is not one of {scheme} {host} {port} {path} {file} {ext} {query}" },
        { "{}", "{} is not one of" },
        { "{Host}", "{Host} is not one of" },
        { "{host", "'{' without" },
        { "a}", "'}' without" },
        { "{host}}", "'}' without" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *why = NULL;

        if (template_check(rows[i].template, &why))
            fail_msg("'%s' was taken", rows[i].template);
        if (!why || !strstr(why, rows[i].part))
            fail_msg("'%s': '%s'", rows[i].template, why ? why : "");
        free(why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_what_url_and_line_say),
        cmocka_unit_test(no_value_leads_out_of_the_directory),
        cmocka_unit_test(each_part_has_at_most_180_bytes),
        cmocka_unit_test(refuses_what_is_no_template),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
