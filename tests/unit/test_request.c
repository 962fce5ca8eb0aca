/*
 * The bytes of a request say what was asked for, and nothing else. They are compared one by one,
 * and read again by llhttp as a server would. What is refused: test_request_refused.c.
 */
#include "draft.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Also: with any less room nothing beyond it is written, and the bytes needed are the same. */
static void assert_written(struct draft *draft, const char *expected)
{
    const char *why = NULL;
    size_t bytes;

    if (request_check(&draft->request, &why) != FAULT_NONE)
        fail_msg("refused: %s", why);
    bytes = request_write(&draft->request, NULL, 0);
    for (size_t room = 0; room <= bytes; room++) {
        char *out = malloc(room + !room); /* of exactly that size, for the sanitizer */

        assert_int_equal(request_write(&draft->request, out, room), bytes);
        if (room == bytes) {
            assert_int_equal(bytes, strlen(expected));
            assert_memory_equal(out, expected, bytes);
        }
        free(out);
    }
    draft_free(draft);
}

static void writes_the_least_that_is_a_request(void **state)
{
    (void)state;
    assert_written(draft_new("", "http://a.test"), "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_written(draft_new("HEAD", "http://A.test:8080/x?y=z#f"),
                   "HEAD /x?y=z HTTP/1.1\r\nHost: a.test:8080\r\n\r\n");
    assert_written(draft_new("OPTIONS", "http://[0::1]:80?q"),
                   "OPTIONS /?q HTTP/1.1\r\nHost: [::1]\r\n\r\n");
    assert_written(draft_new("M-SEARCH", "http://a/a b\xc3\xa9"),
                   "M-SEARCH /a%20b%C3%A9 HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void frames_a_body_by_its_length(void **state)
{
    struct draft *draft = draft_new("POST", "http://a/");

    (void)state;
    with_body(draft, "hello\r\n");
    assert_written(draft, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nhello\r\n");

    draft = draft_new("GET", "http://a/"); /* strange, but a user may want it */
    with_body(draft, "x");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");

    draft = draft_new("PUT", "http://a/");
    with_body(draft, "");
    assert_written(draft, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");

    draft = draft_new("DELETE", "http://a/");
    draft->request.close = true;
    assert_written(draft, "DELETE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
}

static void tells_of_a_body_that_follows(void **state)
{
    struct draft *draft = draft_new("PUT", "http://a/");

    (void)state;
    draft->request.has_body = true;
    draft->request.body_bytes = UINT64_C(5000000000);
    assert_written(draft, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000000\r\n\r\n");

    draft = draft_new("PUT", "http://a/");
    draft->request.has_body = true;
    draft->request.expects = true;
    draft->request.close = true;
    draft->request.body_bytes = REQUEST_BYTES_UNKNOWN;
    assert_written(draft, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                          "Expect: 100-continue\r\nConnection: close\r\n\r\n");
}

/* RFC 9112 section 3.2.2; what is the proxy's own comes first. */
static void tells_a_proxy_the_whole_url(void **state)
{
    struct draft *draft = draft_new("", "http://u:p@A.test:8080/x?y#z");

    (void)state;
    draft->request.to_proxy = true;
    draft->request.proxy_fields = SPAN_LITERAL("Proxy-Authorization: Basic eHg=\r\n");
    with_default(draft, "Accept", "*/*");
    assert_written(draft, "GET http://a.test:8080/x?y HTTP/1.1\r\nHost: a.test:8080\r\n"
                          "Proxy-Authorization: Basic eHg=\r\nAccept: */*\r\n"
                          "Authorization: Basic dTpw\r\n\r\n");
    draft = draft_new("POST", "http://[::1]");
    draft->request.to_proxy = true;
    with_header(draft, "Host", "other");
    with_body(draft, "b");
    assert_written(draft, "POST http://[::1]/ HTTP/1.1\r\nHost: other\r\n"
                          "Content-Length: 1\r\n\r\nb");
}

/* Whatever is there for a proxy is for no one else. */
static void tells_an_origin_nothing_of_a_proxy(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    draft->request.proxy_fields = SPAN_LITERAL("Proxy-Authorization: Basic eHg=\r\n");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void merges_the_fields_of_profile_and_item(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    with_default(draft, "User-Agent", "haul/1");
    with_default(draft, "Accept", "*/*");
    with_default(draft, "Cookie", "a=1");
    with_default(draft, "Cookie", "b=2");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: haul/1\r\nAccept: */*\r\n"
                          "Cookie: a=1\r\nCookie: b=2\r\n\r\n");

    draft = draft_new("", "http://a/");
    with_default(draft, "User-Agent", "haul/1");
    with_default(draft, "cookie", "a=1");
    with_default(draft, "Accept", "*/*");
    with_default(draft, "COOKIE", "b=2");
    with_header(draft, "Cookie", "c=3");
    with_header(draft, "X-Empty", "");
    with_header(draft, "cookie", "d=4");
    with_header(draft, "ACCEPT", "text/html");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: haul/1\r\nCookie: c=3\r\n"
                          "X-Empty: \r\ncookie: d=4\r\nACCEPT: text/html\r\n\r\n");

    draft = draft_new("", "http://a/");
    with_default(draft, "Accept", "a");
    with_header(draft, "Accept-Encoding", "gzip");
    with_header(draft, "Accep", "b");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nAccept: a\r\nAccept-Encoding: gzip\r\n"
                          "Accep: b\r\n\r\n");
}

/* RFC 6265 section 5.4: one Cookie field, whoever has something for it. */
static void puts_the_jar_and_the_clients_own_into_one_field(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    draft->request.cookie = SPAN_LITERAL("j=1; k=2");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nCookie: j=1; k=2\r\n\r\n");

    draft = draft_new("", "http://a/");
    with_default(draft, "Accept", "*/*");
    with_default(draft, "cookie", "own=1");
    with_default(draft, "User-Agent", "x");
    draft->request.cookie = SPAN_LITERAL("j=1");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\ncookie: j=1; own=1\r\n"
                          "User-Agent: x\r\n\r\n");

    draft = draft_new("", "http://a/");
    with_default(draft, "Cookie", "own=1");
    with_header(draft, "Cookie", "item=2");
    draft->request.cookie = SPAN_LITERAL("j=1");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nCookie: j=1; item=2\r\n\r\n");

    draft = draft_new("", "http://a/");
    with_header(draft, "Cookie", "");
    draft->request.cookie = SPAN_LITERAL("j=1");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nCookie: j=1\r\n\r\n");

    draft = draft_new("", "http://a/"); /* the jar goes where the client's own does not */
    with_default(draft, "Cookie", "own=1");
    with_header(draft, "Cookie", "item=2");
    draft->request.cookie = SPAN_LITERAL("j=1");
    draft->request.is_led_away = true;
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nCookie: j=1\r\n\r\n");
}

static void lets_the_client_name_the_host(void **state)
{
    struct draft *draft = draft_new("", "http://a/");

    (void)state;
    with_header(draft, "X", "y");
    with_header(draft, "hOST", "b.test:81");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: b.test:81\r\nX: y\r\n\r\n");

    draft = draft_new("", "http://a/");
    with_default(draft, "Host", "profile.test");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: profile.test\r\n\r\n");

    draft = draft_new("", "http://a/");
    with_default(draft, "Host", "profile.test");
    with_header(draft, "Host", "[::1]:8080");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
}

static void turns_userinfo_into_basic_authorization(void **state)
{
    static const char *const rows[][2] = {
        /* RFC 7617 section 2, then by coreutils' base64 */
        { "http://Aladdin:open%20sesame@a/", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
        { "http://u:p@a/", "dTpw" },
        { "http://u:pq@a/", "dTpwcQ==" },
        { "http://u:pqr@a/", "dTpwcXI=" },
        { "http://u@a/", "dTo=" },
        { "http://u:@a/", "dTo=" },
        { "http://:p@a/", "OnA=" },
        { "http://u:a%3ab%40@a/", "dTphOmJA" },
        { "http://%c3%A9:%e2%82%ac@a/", "w6k64oKs" },
    };
    struct draft *draft;
    char expected[256];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        snprintf(expected, sizeof(expected),
                 "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic %s\r\n\r\n", rows[i][1]);
        assert_written(draft_new("", rows[i][0]), expected);
    }
    assert_written(draft_new("", "http://@a/"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    draft = draft_new("", "http://u:p@a/"); /* what the client says itself counts */
    with_header(draft, "authorization", "Bearer t");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nauthorization: Bearer t\r\n\r\n");
    draft = draft_new("", "http://u:p@a/");
    with_default(draft, "Authorization", "Bearer t");
    assert_written(draft, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n\r\n");
}

static void knows_what_may_be_sent_twice(void **state)
{
    static const char *const idempotent[] = {
        "", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE",
    };
    static const char *const others[] = {
        "POST", "PATCH", "CONNECT", "get", "Put", "GETX", "GE", "QUERY", "PROPFIND", "LOCK",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(idempotent); i++)
        assert_true(request_is_idempotent(span_of_string(idempotent[i])));
    for (size_t i = 0; i < ROWS(others); i++)
        assert_false(request_is_idempotent(span_of_string(others[i])));
}

/* What a server understood, one item per line. */
struct understood {
    char text[4096];
    size_t text_bytes;
    unsigned messages_count;
};

static int understand(llhttp_t *parser, const char *at, size_t bytes)
{
    struct understood *understood = parser->data;

    assert_true(bytes < sizeof(understood->text) - understood->text_bytes);
    memcpy(understood->text + understood->text_bytes, at, bytes);
    understood->text_bytes += bytes;
    return 0;
}

static int understand_end(llhttp_t *parser)
{
    return understand(parser, "|", 1);
}

static int understand_message(llhttp_t *parser)
{
    ((struct understood *)parser->data)->messages_count++;
    return 0;
}

static void is_understood_by_a_server(void **state)
{
    static const llhttp_settings_t callbacks = {
        .on_method = understand,
        .on_method_complete = understand_end,
        .on_url = understand,
        .on_url_complete = understand_end,
        .on_header_field = understand,
        .on_header_field_complete = understand_end,
        .on_header_value = understand,
        .on_header_value_complete = understand_end,
        .on_body = understand,
        .on_message_complete = understand_message,
    };
    struct understood understood = { .text = "" };
    struct draft *draft = draft_new("POST", "http://u:p@a.test:81/p/../q?x=\xc3\xa9 #f");
    char out[1024];
    llhttp_t parser;
    size_t bytes;

    (void)state;
    with_default(draft, "Accept", "*/*");
    with_default(draft, "X-Old", "1");
    with_header(draft, "x-old", "a\tb \xff c");
    with_header(draft, "Empty", "");
    with_body(draft, "GET / HTTP/1.1\r\n\r\n");
    draft->request.close = true;
    bytes = request_write(&draft->request, out, sizeof(out));
    assert_in_range(bytes, 1, sizeof(out));
    llhttp_init(&parser, HTTP_REQUEST, &callbacks);
    parser.data = &understood;
    assert_int_equal(llhttp_execute(&parser, out, bytes), HPE_OK);
    assert_string_equal(understood.text, "POST|/q?x=%C3%A9%20|Host|a.test:81|Accept|*/*|"
                                         "x-old|a\tb \xff c|Empty||Authorization|Basic dTpw|"
                                         "Content-Length|18|Connection|close|"
                                         "GET / HTTP/1.1\r\n\r\n");
    assert_int_equal(understood.messages_count, 1);
    draft_free(draft);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_least_that_is_a_request),
        cmocka_unit_test(frames_a_body_by_its_length),
        cmocka_unit_test(tells_of_a_body_that_follows),
        cmocka_unit_test(tells_a_proxy_the_whole_url),
        cmocka_unit_test(tells_an_origin_nothing_of_a_proxy),
        cmocka_unit_test(merges_the_fields_of_profile_and_item),
        cmocka_unit_test(puts_the_jar_and_the_clients_own_into_one_field),
        cmocka_unit_test(lets_the_client_name_the_host),
        cmocka_unit_test(turns_userinfo_into_basic_authorization),
        cmocka_unit_test(knows_what_may_be_sent_twice),
        cmocka_unit_test(is_understood_by_a_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
