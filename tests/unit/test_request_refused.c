/*
 * What could split a request, or make it another one than was asked for, is refused before any I/O,
 * with a reason; so is what is over a limit.
 */
#include "draft.h"

#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void assert_refused(struct draft *draft, enum fault_code code, const char *what)
{
    const char *why = NULL;
    enum fault_code got = request_check(&draft->request, &why);

    if (got != code)
        fail_msg("%s: %s, not %s", what, fault_name(got), fault_name(code));
    if (code != FAULT_NONE)
        assert_true(why && strlen(why) > 8 && why[strlen(why) - 1] != '.');
    draft_free(draft);
}

static void refuses_userinfo_that_basic_cannot_carry(void **state)
{
    struct url *url;
    struct draft *draft;

    (void)state;
    assert_refused(draft_new("", "http://a%3ab:c@a/"), FAULT_INPUT_ARGUMENT, "colon in the user");
    /* The parser refuses escaped controls; whoever parses otherwise must not get them past here. */
    for (unsigned c = 0; c < 256; c++) {
        char text[8];
        bool is_control = c < ' ' || c == 0x7f;

        snprintf(text, sizeof(text), "a%%%02x", c);
        draft = draft_new("", "http://a/");
        url = &draft->url;
        url->user = span_of_string(text);
        assert_refused(draft, is_control || c == ':' ? FAULT_INPUT_ARGUMENT : FAULT_NONE, text);
        draft = draft_new("", "http://a/");
        url = &draft->url;
        url->user = SPAN_LITERAL("u");
        url->password = span_of_string(text);
        assert_refused(draft, is_control ? FAULT_INPUT_ARGUMENT : FAULT_NONE, text);
    }
}

static void refuses_methods_that_are_no_token(void **state)
{
    static const char *const methods[] = {
        " GET",  "GET ",       "G ET", "GET\r",   "GET\n",   "GET\r\nX: y", "GET / HTTP/1.1\r\nX:",
        "G\tT",  "\"GET\"",    "GET:", "G/T",     "G@T",     "G(T",         "G\x7fT",
        "G\x01", "G\xc3\x89T", "{",    "CONNECT", "connect",
    };
    struct draft *draft;

    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++)
        assert_refused(draft_new(methods[i], "http://a/"), FAULT_INPUT_ARGUMENT, methods[i]);
    draft = draft_new("", "http://a/");
    draft->request.method = SPAN_LITERAL("G\0T");
    assert_refused(draft, FAULT_INPUT_ARGUMENT, "NUL in the method");

    assert_refused(draft_new("TRACE", "http://a/"), FAULT_NONE, "TRACE");
    draft = draft_new("TRACE", "http://a/");
    with_body(draft, "");
    assert_refused(draft, FAULT_INPUT_ARGUMENT, "TRACE with a body");
    assert_refused(draft_new("!#$%&'*+-.^_`|~azAZ09", "http://a/"), FAULT_NONE, "odd but a token");
}

/* Each byte, in a name and at the front, in the middle and at the end of a value. */
static void knows_every_byte_of_a_field(void **state)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        bool is_token = c && strchr(token, (int)c);
        bool is_text = (c >= ' ' && c != 0x7f) || c == '\t';
        bool is_blank = c == ' ' || c == '\t';
        char text[4] = { 'a', (char)c, 'b', (char)c };
        const struct {
            struct span name, value;
            bool is_fine;
        } rows[] = {
            { { text, 3 }, SPAN_LITERAL("v"), is_token },
            { { text + 1, 2 }, SPAN_LITERAL("v"), is_token },
            { { text + 1, 1 }, SPAN_LITERAL("v"), is_token },
            { SPAN_LITERAL("X"), { text, 3 }, is_text },
            { SPAN_LITERAL("X"), { text + 1, 2 }, is_text && !is_blank },
            { SPAN_LITERAL("X"), { text + 2, 2 }, is_text && !is_blank },
            { SPAN_LITERAL("X"), { text + 1, 1 }, is_text && !is_blank },
        };

        for (size_t i = 0; i < ROWS(rows); i++) {
            struct draft *draft = draft_new("", "http://a/");

            with_field(draft, rows[i].name, rows[i].value);
            assert_refused(draft, rows[i].is_fine ? FAULT_NONE : FAULT_INPUT_ARGUMENT, "field");
        }
    }
}

static void refuses_fields_that_are_not_the_clients(void **state)
{
    static const char *const names[] = {
        "Connection",
        "connection",
        "Transfer-Encoding",
        "TRANSFER-ENCODING",
        "Content-Length",
        "content-length",
        "Expect",
        "TE",
        "te",
        "Upgrade",
        "Trailer",
        "Proxy-Authorization",
        "",
        " Host",
        "Host ",
    };
    struct draft *draft;

    (void)state;
    for (size_t i = 0; i < ROWS(names); i++) {
        draft = draft_new("", "http://a/");
        with_header(draft, "X", "y");
        with_header(draft, names[i], "1");
        assert_refused(draft, FAULT_INPUT_ARGUMENT, names[i]);
        draft = draft_new("", "http://a/");
        with_default(draft, names[i], "1");
        assert_refused(draft, FAULT_INPUT_ARGUMENT, names[i]);
        draft = draft_new("", "http://a/"); /* replaced, and still wrong */
        with_default(draft, names[i], "1");
        with_header(draft, names[i], "1");
        assert_refused(draft, FAULT_INPUT_ARGUMENT, names[i]);
    }
    draft = draft_new("", "http://a/");
    with_header(draft, "X", "a\r\nHost: b");
    assert_refused(draft, FAULT_INPUT_ARGUMENT, "split header");
    draft = draft_new("", "http://a/");
    with_header(draft, "Keep-Alive", "timeout=5");
    with_header(draft, "Content-Type", "a/b");
    with_header(draft, "Te-e", "x");
    assert_refused(draft, FAULT_NONE, "names that are near");
}

static void refuses_a_host_that_is_none(void **state)
{
    static const char *const bad[] = {
        "",
        "a b",
        "a/",
        "a/b",
        "a?b",
        "a#b",
        "u@a",
        "u:p@a",
        "a:0",
        "a:65536",
        "a:b",
        "a:80:80",
        ":80",
        "[::1",
        "::1",
        "[]",
        "[::g]",
        "[::1]x",
        "[fe80::1%25eth0]",
        "a..b",
        "a,b",
        "a\\b",
        "http://a",
        "%61",
        "a, b",
    };
    static const char *const good[] = {
        "a", "A.Test", "a.test.", "a:1", "a:65535", "127.0.0.1", "[::1]", "[::1]:80", "x_y", "a-b",
    };
    struct draft *draft;
    char giant[1024];

    (void)state;
    for (size_t i = 0; i < ROWS(bad); i++) {
        draft = draft_new("", "http://a/");
        with_header(draft, "Host", bad[i]);
        assert_refused(draft, FAULT_INPUT_ARGUMENT, bad[i]);
    }
    for (size_t i = 0; i < ROWS(good); i++) {
        draft = draft_new("", "http://a/");
        with_header(draft, "Host", good[i]);
        assert_refused(draft, FAULT_NONE, good[i]);
    }
    draft = draft_new("", "http://a/");
    with_header(draft, "Host", "a");
    with_header(draft, "host", "a");
    assert_refused(draft, FAULT_INPUT_ARGUMENT, "two hosts");
    draft = draft_new("", "http://a/");
    memset(giant, 'a', sizeof(giant) - 1);
    giant[sizeof(giant) - 1] = '\0';
    with_header(draft, "Host", giant);
    assert_refused(draft, FAULT_INPUT_ARGUMENT, "giant host");
}

static void refuses_a_target_with_a_control_character(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    draft->url.target = SPAN_LITERAL("/a\r\nX: y"); /* url_parse gives no such target */
    assert_refused(draft, FAULT_INPUT_ARGUMENT, "line break in the target");
}

static void add_many(struct draft *draft, bool to_profile, unsigned count, const char *format)
{
    char name[32];

    for (unsigned i = 0; i < count; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(name, sizeof(name), format, i);
#pragma GCC diagnostic pop
        if (to_profile)
            with_default(draft, name, "v");
        else
            with_header(draft, name, "v");
    }
}

static void stops_at_256_fields(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    add_many(draft, false, 256, "N%u");
    assert_refused(draft, FAULT_NONE, "256");
    draft = draft_new("", "http://a/");
    add_many(draft, false, 257, "N%u");
    assert_refused(draft, FAULT_INPUT_TOO_BIG, "257");
    draft = draft_new("", "http://a/");
    add_many(draft, true, 257, "N%u");
    assert_refused(draft, FAULT_INPUT_TOO_BIG, "257 in the profile");
    draft = draft_new("", "http://a/");
    add_many(draft, true, 128, "P%u");
    add_many(draft, false, 129, "N%u");
    assert_refused(draft, FAULT_INPUT_TOO_BIG, "257 together");
    draft = draft_new("", "http://a/"); /* too many to look at, though none is sent */
    add_many(draft, true, 257, "N");
    with_header(draft, "n", "v");
    assert_refused(draft, FAULT_INPUT_TOO_BIG, "257 replaced");
    draft = draft_new("", "http://a/"); /* replaced ones are not sent, and do not count */
    add_many(draft, true, 200, "N%u");
    add_many(draft, false, 200, "n%u");
    assert_refused(draft, FAULT_NONE, "200 instead of 200");
}

static void stops_at_128_kib_of_fields(void **state)
{
    size_t room = WIRE_HEADER_BYTES_MAX - 5; /* "X: " and CR LF */
    char *value = malloc(room + 1);
    struct draft *draft;

    (void)state;
    memset(value, 'v', room + 1);
    draft = draft_new("", "http://a/");
    with_field(draft, SPAN_LITERAL("X"), span_of(value, room));
    assert_refused(draft, FAULT_NONE, "128 KiB");
    draft = draft_new("", "http://a/");
    with_field(draft, SPAN_LITERAL("X"), span_of(value, room + 1));
    assert_refused(draft, FAULT_INPUT_TOO_BIG, "a byte more");
    draft = draft_new("", "http://a/");
    with_default(draft, "Y", "");
    with_field(draft, SPAN_LITERAL("X"), span_of(value, room));
    assert_refused(draft, FAULT_INPUT_TOO_BIG, "with the profile's");
    draft = draft_new("", "http://a/");
    with_default(draft, "x", "");
    with_field(draft, SPAN_LITERAL("X"), span_of(value, room));
    assert_refused(draft, FAULT_NONE, "instead of the profile's");
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_userinfo_that_basic_cannot_carry),
        cmocka_unit_test(refuses_methods_that_are_no_token),
        cmocka_unit_test(knows_every_byte_of_a_field),
        cmocka_unit_test(refuses_fields_that_are_not_the_clients),
        cmocka_unit_test(refuses_a_host_that_is_none),
        cmocka_unit_test(refuses_a_target_with_a_control_character),
        cmocka_unit_test(stops_at_256_fields),
        cmocka_unit_test(stops_at_128_kib_of_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
