/*
 * What a profile's fields come to, once for all requests. That requests use it rightly:
 * test_request.c; what is refused: test_request_refused.c.
 */
#include "draft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_text(const struct draft *draft, const char *expected)
{
    const struct request_defaults *defaults = &draft->defaults;

    assert_int_equal(defaults->code, FAULT_NONE);
    assert_int_equal(defaults->text_bytes, strlen(expected));
    assert_memory_equal(defaults->text, expected, defaults->text_bytes);
}

static void assert_unsendable(struct draft *draft, enum fault_code code)
{
    assert_int_equal(draft->defaults.code, code);
    assert_true(draft->defaults.why && strlen(draft->defaults.why) > 8);
    assert_null(draft->defaults.text);
    draft_free(draft);
}

static void writes_no_fields_as_no_text(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    assert_text(draft, "");
    assert_null(draft->defaults.host.data);
    assert_false(draft->defaults.has_authorization);
    draft_free(draft);
}

static void writes_each_field_as_a_line_in_order(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    with_default(draft, "User-Agent", "haul/1");
    with_default(draft, "X-Empty", "");
    with_default(draft, "cookie", "a=1");
    with_default(draft, "Cookie", "b=2");
    assert_text(draft, "User-Agent: haul/1\r\nX-Empty: \r\ncookie: a=1\r\nCookie: b=2\r\n");
    assert_false(draft->defaults.has_authorization);
    draft_free(draft);
}

static void keeps_host_beside_the_text(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    with_default(draft, "Accept", "*/*");
    with_default(draft, "hOST", "b.test:81");
    with_default(draft, "X-Host", "c");
    assert_text(draft, "Accept: */*\r\nX-Host: c\r\n");
    assert_true(span_equals(draft->defaults.host, SPAN_LITERAL("b.test:81")));
    draft_free(draft);
}

static void sees_authorization_in_any_case(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    with_default(draft, "X-Authorization", "no");
    assert_false(draft->defaults.has_authorization);
    with_default(draft, "AUTHORIZATION", "Bearer t");
    assert_true(draft->defaults.has_authorization);
    assert_text(draft, "X-Authorization: no\r\nAUTHORIZATION: Bearer t\r\n");
    draft_free(draft);
}

static void keeps_the_reason_and_no_text_of_what_cannot_be_sent(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    with_default(draft, "Accept", "*/*");
    with_default(draft, "Connection", "close");
    assert_unsendable(draft, FAULT_INPUT_ARGUMENT);

    draft = draft_new("", "http://a/");
    with_default(draft, "Host", "a");
    with_default(draft, "host", "b");
    assert_unsendable(draft, FAULT_INPUT_ARGUMENT);

    draft = draft_new("", "http://a/");
    for (unsigned i = 0; i < 257; i++)
        with_default(draft, "X", "y");
    assert_unsendable(draft, FAULT_INPUT_TOO_BIG);
}

static void copes_with_a_second_deinit(void **state)
{
    struct request_defaults defaults;

    (void)state;
    assert_int_equal(request_defaults_init(&defaults, span_of("", 0)), 0);
    request_defaults_deinit(&defaults);
    request_defaults_deinit(&defaults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_no_fields_as_no_text),
        cmocka_unit_test(writes_each_field_as_a_line_in_order),
        cmocka_unit_test(keeps_host_beside_the_text),
        cmocka_unit_test(sees_authorization_in_any_case),
        cmocka_unit_test(keeps_the_reason_and_no_text_of_what_cannot_be_sent),
        cmocka_unit_test(copes_with_a_second_deinit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
