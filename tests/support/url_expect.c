#include "url_expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

bool parse(struct span text, struct url *url, struct url_fault *fault)
{
    static char *copy;

    free(copy);
    copy = malloc(text.bytes);
    assert_non_null(copy);
    if (text.bytes > 0)
        memcpy(copy, text.data, text.bytes);
    *fault = (struct url_fault){ 0 };
    memset(url, 0x5a, sizeof(*url));
    return url_parse(span_of(copy, text.bytes), url, fault);
}

struct url parse_good(const char *text)
{
    struct url url;
    struct url_fault fault;

    if (!parse(span_of_string(text), &url, &fault))
        fail_msg("%s: refused: %s", text, fault.why);
    return url;
}

void expect_refused(struct span text, enum fault_code code)
{
    struct url url;
    struct url_fault fault;

    if (parse(text, &url, &fault))
        fail_msg("%.*s: taken, host %s", (int)text.bytes, text.data, url.host);
    if (fault.code != code || !fault.why || fault.why[0] == '\0')
        fail_msg("%.*s: wrong fault %d", (int)text.bytes, text.data, fault.code);
    assert_int_equal((uint8_t)url.host[0], 0x5a); /* nothing was written */
}

void expect_span(const char *name, struct span span, const char *expected)
{
    if (!expected) {
        assert_null(span.data);
        assert_int_equal(span.bytes, 0);
        return;
    }
    if (!span.data || !span_equals(span, span_of_string(expected)))
        fail_msg("%s: got '%.*s', expected '%s'", name, (int)span.bytes, span.data, expected);
}

void expect_target(const char *text, const char *expected)
{
    struct url url = parse_good(text);
    size_t needed = url_write_target(&url, NULL, 0);
    char *out = malloc(needed);

    assert_non_null(out);
    assert_int_equal(needed, strlen(expected));
    assert_true(needed <= URL_TARGET_BYTES_MAX(&url));
    memset(out, '~', needed);
    assert_int_equal(url_write_target(&url, out, needed - 1), needed);
    assert_int_equal(out[0], '~'); /* no room: nothing is written */
    assert_int_equal(url_write_target(&url, out, needed), needed);
    expect_span(text, span_of(out, needed), expected);
    free(out);
}

void expect_authority(const char *text, const char *expected)
{
    struct url url = parse_good(text);
    char out[URL_AUTHORITY_BYTES_MAX];
    size_t needed = url_write_authority(&url, out, sizeof(out));

    assert_true(needed <= sizeof(out));
    expect_span(text, span_of(out, needed), expected);
    out[0] = '~';
    assert_int_equal(url_write_authority(&url, out, needed - 1), needed);
    assert_int_equal(out[0], '~');
}
