/*
 * test_idn.c - a host that is not ASCII becomes the name that was meant, or none.
 */
#include "idn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void converts_names_as_idna2008_has_them(void **state)
{
    static const struct {
        const char *name;
        const char *ascii;
    } rows[] = {
        { "b\u00fccher.test", "xn--bcher-kva.test" },
        { "B\u00dcCHER.TEST", "xn--bcher-kva.test" },
        { "bu\u0308cher.test", "xn--bcher-kva.test" }, /* not in normal form C */
        { "fa\u00df.test", "xn--fa-hia.test" },        /* transitional: fass */
        { "\u03b2\u03cc\u03bb\u03bf\u03c2.test", "xn--nxasmm1c.test" },
        { "a\u3002test", "a.test" }, /* ideographic full stop */
        { "\uff41.test", "a.test" }, /* full-width a */
        { "\u5317\u4eac.test", "xn--1lq90i.test" },
        { "\u05d00.test", "xn--0-zhc.test" },
        { "a_b.\u00fc", "a_b.xn--tda" },
        { "XN--BCHER-KVA.\u00fc", "xn--bcher-kva.xn--tda" },
        { "\u00fc.", "xn--tda." },
        { "\u00fc..test", "xn--tda..test" }, /* url_parse refuses it */
        { "1.2.3.\u00fc", "1.2.3.xn--tda" },
        { "1a\u3002b1", "1a.b1" },
        { "a\u30020x1g", "a.0x1g" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[IDN_NAME_BYTES];
        const char *why = "";

        if (idn_convert_name(span_of_string(rows[i].name), out, &why) != IDN_CONVERTED)
            fail_msg("%s: %s", rows[i].name, why);
        assert_string_equal(out, rows[i].ascii);
    }
}

static void leaves_ascii_alone(void **state)
{
    static const char *const names[] = { "", "a.test", "xn--zz.test", "..", "a/b", "[::1]" };

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        char out[IDN_NAME_BYTES] = "untouched";
        const char *why;

        assert_int_equal(idn_convert_name(span_of_string(names[i]), out, &why), IDN_IS_ASCII);
        assert_string_equal(out, "untouched");
    }
}

#define TEN "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"
#define LABEL_30 TEN TEN TEN "."
#define NAME_150 LABEL_30 LABEL_30 LABEL_30 LABEL_30 LABEL_30

static void refuses_what_would_be_another_host(void **state)
{
    static const struct {
        struct span name;
        const char *part;
    } rows[] = {
        { SPAN_LITERAL("a\uff0fb.test"), "stands for one that no name has" }, /* slash */
        { SPAN_LITERAL("a\uff1fb.test"), "stands for one that no name has" }, /* ? */
        { SPAN_LITERAL("a\uff03b.test"), "stands for one that no name has" }, /* # */
        { SPAN_LITERAL("a\uff20b.test"), "stands for one that no name has" }, /* @ */
        { SPAN_LITERAL("a\uff1a80"), "stands for one that no name has" },     /* : */
        { SPAN_LITERAL("\uff0541.test"), "stands for one that no name has" }, /* % */
        { SPAN_LITERAL("a\u2100b.test"), "stands for one that no name has" }, /* a/c */
        { SPAN_LITERAL("a b.\u00fc"), "stands for one that no name has" },
        { SPAN_LITERAL("a%41.\u00fc"), "stands for one that no name has" },
        { SPAN_LITERAL("\u00ad"), "stands for one that no name has" }, /* nothing is left */
        { SPAN_LITERAL("\uff11\uff12\uff17.0.0.1"), "stands for a number" },
        { SPAN_LITERAL("127\u30020\u30020\u30021"), "stands for a number" },
        { SPAN_LITERAL("\u2460"), "stands for a number" },
        { SPAN_LITERAL("a.\u2461."), "stands for a number" },
        { SPAN_LITERAL("\uff10x7f"), "stands for a number" },
        { SPAN_LITERAL("a\u200db.test"), "does not allow there" }, /* a joiner */
        { SPAN_LITERAL("\u2603.test"), "does not allow there" },   /* a snowman */
        { SPAN_LITERAL("\U0001f600.test"), "does not allow there" },
        { SPAN_LITERAL("\u0301a.test"), "does not allow there" },
        { SPAN_LITERAL("\u05d0a.test"), "mixes directions" },
        { SPAN_LITERAL("\u00fc-.test"), "has a hyphen" },
        { SPAN_LITERAL("-\u00fc.test"), "has a hyphen" },
        { SPAN_LITERAL("ab--\u00fc.test"), "has a hyphen" },
        { SPAN_LITERAL("xn--zz.\u00fc"), "no name of IDNA2008" },
        { SPAN_LITERAL("xn--tda-.\u00fc"), "no name of IDNA2008" },
        { SPAN_LITERAL("\xff.test"), "not UTF-8" },
        { SPAN_LITERAL("\xc3"), "not UTF-8" },
        { SPAN_LITERAL("\xed\xa0\x80.test"), "not UTF-8" },
        { SPAN_LITERAL("\u00fc\0.test"), "no name of IDNA2008" },
        { SPAN_LITERAL(TEN TEN TEN TEN TEN TEN TEN ".test"), "too long" },
        { SPAN_LITERAL(NAME_150 NAME_150 "test"), "too long" },
        { SPAN_LITERAL(NAME_150 NAME_150 NAME_150 NAME_150), "too long" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[IDN_NAME_BYTES] = "untouched";
        const char *why = "";

        if (idn_convert_name(rows[i].name, out, &why) != IDN_REFUSED)
            fail_msg("row %zu: became '%s'", i, out);
        if (!strstr(why, rows[i].part))
            fail_msg("row %zu: %s", i, why);
        assert_string_equal(out, "untouched");
    }
}

static void converts_the_host_of_a_url_and_nothing_else(void **state)
{
    static const struct {
        const char *url;
        const char *ascii; /* NULL = nothing to do */
    } rows[] = {
        { "http://\u00fc/", "http://xn--tda/" },
        { "http://\u00fc", "http://xn--tda" },
        { "HTTPS://\u00fc:8080/\u00e4?\u00f6#\u00df", "HTTPS://xn--tda:8080/\u00e4?\u00f6#\u00df" },
        { "http://\u00fc?q", "http://xn--tda?q" },
        { "http://\u00fc#f", "http://xn--tda#f" },
        { "http://\u00fc:/", "http://xn--tda:/" },
        { "http://u\u00e4:p@\u00fc/", "http://u\u00e4:p@xn--tda/" },
        { "http://u:p@a.test/\u00fc", NULL },
        { "http://u\u00e4@a.test/", NULL },
        { "http://u@\u00fc@a.test/", NULL }, /* url_parse refuses it */
        { "http://a.test/x@\u00fc:80/", NULL },
        { "http://a.test:\u00fc/", NULL },
        { "http://[\u00fc]/", NULL },
        { "http://a.test/", NULL },
        { "\u00fc", NULL },
        { "", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const char *why = "";
        struct text out;
        enum idn_verdict verdict;

        text_init(&out);
        verdict = idn_convert_url(span_of_string(rows[i].url), &out, &why);
        if (verdict != (rows[i].ascii ? IDN_CONVERTED : IDN_IS_ASCII))
            fail_msg("%s: %d %s", rows[i].url, (int)verdict, why);
        if (rows[i].ascii && !span_equals(text_span(&out), span_of_string(rows[i].ascii)))
            fail_msg("%s: got %.*s", rows[i].url, (int)out.bytes, out.data);
        if (!rows[i].ascii)
            assert_int_equal(out.bytes, 0);
        text_deinit(&out);
    }
}

/* A character that stands for a delimiter moves no border. */
static void a_url_keeps_its_parts(void **state)
{
    static const char *const urls[] = {
        "http://good.test\uff0f@evil.test\u00fc/", "http://good.test\uff0f.evil.test/",
        "http://evil.test\uff03good.test/",        "http://good.test\uff20evil.test/",
        "http://u@good.test\uff1a80\uff0f/",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(urls); i++) {
        const char *why = "";
        struct text out;
        struct url url;
        struct url_fault bad;

        text_init(&out);
        if (idn_convert_url(span_of_string(urls[i]), &out, &why) == IDN_CONVERTED &&
            url_parse(text_span(&out), &url, &bad))
            fail_msg("%s: became %.*s", urls[i], (int)out.bytes, out.data);
        text_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_names_as_idna2008_has_them),
        cmocka_unit_test(leaves_ascii_alone),
        cmocka_unit_test(refuses_what_would_be_another_host),
        cmocka_unit_test(converts_the_host_of_a_url_and_nothing_else),
        cmocka_unit_test(a_url_keeps_its_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
