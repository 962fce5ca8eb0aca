/*
 * test_writeout.c - templates of --write-out: what curl 7.88 prints for the same answer. The
 * expectations were taken from curl itself; tests/system/test_writeout.py asks it again.
 */
#include "writeout.h"

#include "message.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define MS 1000000ull

struct answer {
    char headers[1024];
    size_t headers_bytes;
    struct wire_result result;
    struct outcome item;
};

static void server_sends(struct answer *a, const char *name, const char *value)
{
    a->headers_bytes += message_append_field(a->headers + a->headers_bytes, span_of_string(name),
                                             span_of_string(value));
    a->item.headers = span_of(a->headers, a->headers_bytes);
}

/* The second item of a run: POST with three bytes, answered by 200 and six bytes after 20 ms. */
static void server_answers(struct answer *a)
{
    *a = (struct answer){
        .result = { .status = 200,
                    .version_major = 1,
                    .version_minor = 1,
                    .attempts = 1,
                    .remote_family = 4,
                    .remote_address = { 192, 0, 2, 7 },
                    .remote_port = 8080,
                    .body_bytes = 6,
                    .request_bytes = 141,
                    .upload_bytes = 3,
                    .head_bytes = 191 },
        .item = { .number = 2,
                  .url = SPAN_LITERAL("http://me:pw@h.test:8080/d/../a?x=1#f"),
                  .method = SPAN_LITERAL("POST"),
                  .is_ok = true,
                  .timing = { .phase_ns = { 250000 },
                              .response_ns = 20 * MS,
                              .namelookup_ns = 1 * MS,
                              .connect_ns = 2 * MS,
                              .appconnect_ns = 3 * MS,
                              .pretransfer_ns = 4 * MS,
                              .starttransfer_ns = 5123456 },
                  .content_type = SPAN_LITERAL("text/plain"),
                  .path = "dir/file",
},
    };
    a->item.result = &a->result;
    server_sends(a, "Content-Type", "text/plain");
    server_sends(a, "X-A", "one");
    server_sends(a, "x-a", "two \"q\"");
    server_sends(a, "X-Empty", "");
}

static void server_refuses(struct answer *a)
{
    *a = (struct answer){
        .result = { .fault = FAULT_CONNECT_REFUSED, .attempts = 1 },
        .item = { .number = 1,
                  .url = SPAN_LITERAL("http://h.test/"),
                  .implied_bytes = 7,
                  .fault = { .code = FAULT_CONNECT_REFUSED, .phase = PHASE_CONNECT },
                  .message = SPAN_LITERAL("connection refused"),
                  .timing = { .response_ns = 1 * MS } },
    };
    a->item.result = &a->result;
}

static void user_writes(struct writeout *w, const char *template)
{
    char *why = NULL;

    if (!writeout_parse(w, span_of_string(template), &why))
        fail_msg("%s: refused: %s", template, why);
    w->referer = SPAN_LITERAL("http://r.test/");
    w->unix_path = SPAN_LITERAL("/run/s");
}

static void expect_bytes(const char *template, const struct text *text, const char *expected)
{
    if (!span_equals(text_span(text), span_of_string(expected)))
        fail_msg("%s: got '%.*s', not '%s'", template, (int)text->bytes, text->data, expected);
}

static void expect_both(const struct answer *a, const char *template, const char *out_expected,
                        const char *err_expected)
{
    struct writeout w;
    struct text out, err;

    user_writes(&w, template);
    text_init(&out);
    text_init(&err);
    writeout_write(&w, &a->item, &out, &err);
    expect_bytes(template, &out, out_expected);
    expect_bytes(template, &err, err_expected);
    text_deinit(&out);
    text_deinit(&err);
    writeout_deinit(&w);
}

static void expect_text(const struct answer *a, const char *template, const char *expected)
{
    expect_both(a, template, expected, "");
}

/* Every variable, of an answer that came and of one that never did. */
static void knows_every_variable(void **state)
{
    static const struct {
        const char *name;
        const char *answered;
        const char *refused;
    } rows[] = {
        { "certs", "", "" },
        { "conn_id", "-1", "-1" },
        { "content_type", "text/plain", "" },
        { "errormsg", "", "connection refused" },
        { "exitcode", "0", "7" },
        { "filename_effective", "dir/file", "" },
        { "ftp_entry_path", "", "" },
        { "http_code", "200", "000" },
        { "http_connect", "000", "000" },
        { "http_version", "1.1", "0" },
        { "local_ip", "", "" },
        { "local_port", "0", "0" },
        { "method", "POST", "GET" },
        { "num_certs", "0", "0" },
        { "num_connects", "1", "0" },
        { "num_headers", "4", "0" },
        { "num_redirects", "0", "0" },
        { "num_retries", "0", "0" },
        { "onerror", "", "" },
        { "proxy_ssl_verify_result", "0", "0" },
        { "proxy_used", "0", "0" },
        { "redirect_url", "", "" },
        { "referer", "http://r.test/", "http://r.test/" },
        { "remote_ip", "192.0.2.7", "" },
        { "remote_port", "8080", "0" },
        { "response_code", "200", "000" },
        { "scheme", "HTTP", "" },
        { "size_download", "6", "0" },
        { "size_header", "191", "0" },
        { "size_request", "141", "0" },
        { "size_upload", "3", "0" },
        { "speed_download", "300", "0" },
        { "speed_upload", "150", "0" },
        { "ssl_verify_result", "0", "0" },
        { "stderr", "", "" },
        { "stdout", "", "" },
        { "time_appconnect", "0.003000", "0.000000" },
        { "time_connect", "0.002000", "0.000000" },
        { "time_namelookup", "0.001000", "0.000000" },
        { "time_posttransfer", "0.000000", "0.000000" },
        { "time_pretransfer", "0.004000", "0.000000" },
        { "time_queue", "0.000250", "0.000000" },
        { "time_redirect", "0.000000", "0.000000" },
        { "time_starttransfer", "0.005123", "0.000000" },
        { "time_total", "0.020000", "0.001000" },
        { "tls_earlydata", "0", "0" },
        { "url", "http://me:pw@h.test:8080/d/../a?x=1#f", "h.test/" },
        { "url_effective", "http://me:pw@h.test:8080/a?x=1#f", "http://h.test/" },
        { "urlnum", "1", "0" },
        { "xfer_id", "1", "0" },
        { "url.scheme", "http", "http" },
        { "url.user", "me", "" },
        { "url.password", "pw", "" },
        { "url.options", "", "" },
        { "url.host", "h.test", "h.test" },
        { "url.zoneid", "", "" },
        { "url.port", "8080", "80" },
        { "url.path", "/a", "/" },
        { "url.query", "x=1", "" },
        { "url.fragment", "f", "" },
        { "urle.host", "h.test", "h.test" },
        { "HTTP_Code", "200", "000" }, /* case does not matter */
    };
    struct answer answered, refused;
    char template[64];

    (void)state;
    server_answers(&answered);
    server_refuses(&refused);
    for (size_t i = 0; i < ROWS(rows); i++) {
        (void)snprintf(template, sizeof(template), "%%{%s}", rows[i].name);
        expect_text(&answered, template, rows[i].answered);
        expect_text(&refused, template, rows[i].refused);
    }
}

static void takes_odd_templates_as_curl_does(void **state)
{
    static const struct {
        const char *template;
        const char *expected;
    } rows[] = {
        { "", "" },
        { "plain", "plain" },
        { "%{http_code}%{exitcode}", "2000" },
        { "a%%b", "a%b" },
        { "%%{http_code}", "%{http_code}" },
        { "%%%{http_code}", "%200" },
        { "%", "%" },
        { "a%", "a%" },
        { "%a%b", "%a%b" },
        { "%{", "%{" },
        { "a%{http_code", "a%{http_code" },
        { "%{%{http_code}", "" }, /* a variable named "%{http_code" */
        { "%{}x", "x" },
        { "%{ http_code}", "" },
        { "\\n\\t\\r", "\n\t\r" },
        { "\\q\\\\", "\\q\\\\" },
        { "\\", "\\" },
        { "%\\n", "%\\n" }, /* the backslash goes with the percent sign */
        { "%{http_code}\\", "200\\" },
        { "%header{x-a}|%header{X-A}", "one|one" },
        { "%header{no}%header{}%header{x-empty}", "" },
        { "%header{x-a", "%header{x-a" },
        { "%header{%{http_code}", "" }, /* a field named "%{http_code" */
        { "%HEADER{x-a}%headerx%header", "%HEADER{x-a}%headerx%header" },
        { "%%output{f}", "%output{f}" },
        { "a\nb", "a\nb" },
    };
    struct answer a;

    (void)state;
    server_answers(&a);
    for (size_t i = 0; i < ROWS(rows); i++)
        expect_text(&a, rows[i].template, rows[i].expected);
}

static void refuses_files_by_name(void **state)
{
    static const char *const rows[] = { "%output{f}", "%output{>>f}x", "a%output{",
                                        "%%%output{f}" };
    struct writeout w;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *why = NULL;

        if (writeout_parse(&w, span_of_string(rows[i]), &why))
            fail_msg("%s: taken", rows[i]);
        assert_non_null(strstr(why, "%output{...} is not offered"));
        free(why);
        writeout_deinit(&w);
    }
}

static void names_what_it_does_not_know_and_goes_on(void **state)
{
    struct writeout w;
    struct answer a;
    struct span name;
    size_t position = 0;

    (void)state;
    server_answers(&a);
    expect_text(&a, "a%{nope}b%{url.nope}c%{}d%{http_code}", "abcd200");
    user_writes(&w, "a%{nope}b%{url.nope}c%{}d%{http_code}");
    assert_true(writeout_next_unknown(&w, &position, &name));
    assert_true(span_equals(name, SPAN_LITERAL("nope")));
    assert_true(writeout_next_unknown(&w, &position, &name));
    assert_true(span_equals(name, SPAN_LITERAL("url.nope")));
    assert_true(writeout_next_unknown(&w, &position, &name));
    assert_int_equal(name.bytes, 0);
    assert_false(writeout_next_unknown(&w, &position, &name));
    writeout_deinit(&w);
}

static void switches_between_the_two_outputs(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    expect_both(&a, "a%{stderr}b%{http_code}%{stdout}c%{stderr}%header{x-a}", "ac", "b200one");
}

static void the_rest_is_for_errors_only(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    expect_text(&a, "a%{onerror}b%{stdout}c", "a");
    server_refuses(&a);
    expect_text(&a, "a%{onerror}b%{exitcode}", "ab7");
}

static void asks_for_the_header_only_when_it_is_needed(void **state)
{
    static const char *const needed[] = { "%header{a}", "%{header_json}", "%{json}",
                                          "%{num_headers}", "%{redirect_url}" };
    static const char *const not_needed[] = { "", "%header{a", "%{http_code}%{content_type}",
                                              "%{header}", "%%{json}" };
    struct writeout w;

    (void)state;
    for (size_t i = 0; i < ROWS(needed); i++) {
        user_writes(&w, needed[i]);
        assert_true(w.needs_head);
        writeout_deinit(&w);
    }
    for (size_t i = 0; i < ROWS(not_needed); i++) {
        user_writes(&w, not_needed[i]);
        assert_false(w.needs_head);
        writeout_deinit(&w);
    }
}

static void writes_header_json_in_curls_lines(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    expect_text(&a, "%{header_json}",
                "{\"content-type\":[\"text/plain\"],\n\"x-a\":[\"one\",\"two \\\"q\\\"\"],\n"
                "\"x-empty\":[\"\"]\n}");
    server_refuses(&a);
    expect_text(&a, "%{header_json}", "{\n}");
}

static void writes_json_with_curls_keys_and_types(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    expect_text(
        &a, "%{json}",
        "{\"certs\":\"\",\"content_type\":\"text/plain\",\"errormsg\":null,\"exitcode\":0,"
        "\"filename_effective\":\"dir/file\",\"ftp_entry_path\":null,\"http_code\":200,"
        "\"http_connect\":0,\"http_version\":\"1.1\",\"local_ip\":\"\",\"local_port\":0,"
        "\"method\":\"POST\",\"num_certs\":0,\"num_connects\":1,\"num_headers\":4,"
        "\"num_redirects\":0,\"proxy_ssl_verify_result\":0,\"redirect_url\":null,"
        "\"referer\":\"http://r.test/\",\"remote_ip\":\"192.0.2.7\",\"remote_port\":8080,"
        "\"response_code\":200,\"scheme\":\"HTTP\",\"size_download\":6,\"size_header\":191,"
        "\"size_request\":141,\"size_upload\":3,\"speed_download\":300,\"speed_upload\":150,"
        "\"ssl_verify_result\":0,\"time_appconnect\":0.003000,\"time_connect\":0.002000,"
        "\"time_namelookup\":0.001000,\"time_pretransfer\":0.004000,\"time_redirect\":0.000000,"
        "\"time_starttransfer\":0.005123,\"time_total\":0.020000,"
        "\"url\":\"http://me:pw@h.test:8080/d/../a?x=1#f\","
        "\"url_effective\":\"http://me:pw@h.test:8080/a?x=1#f\",\"urlnum\":1,"
        "\"curl_version\":\"haul/" HAUL_VERSION "\"}");
    server_refuses(&a);
    expect_text(
        &a, "%{json}",
        "{\"certs\":\"\",\"content_type\":null,\"errormsg\":\"connection refused\",\"exitcode\":7,"
        "\"filename_effective\":null,\"ftp_entry_path\":null,\"http_code\":0,\"http_connect\":0,"
        "\"http_version\":\"0\",\"local_ip\":\"\",\"local_port\":0,\"method\":\"GET\","
        "\"num_certs\":0,\"num_connects\":0,\"num_headers\":0,\"num_redirects\":0,"
        "\"proxy_ssl_verify_result\":0,\"redirect_url\":null,\"referer\":\"http://r.test/\","
        "\"remote_ip\":\"\",\"remote_port\":0,\"response_code\":0,\"scheme\":null,"
        "\"size_download\":0,\"size_header\":0,\"size_request\":0,\"size_upload\":0,"
        "\"speed_download\":0,\"speed_upload\":0,\"ssl_verify_result\":0,"
        "\"time_appconnect\":0.000000,\"time_connect\":0.000000,\"time_namelookup\":0.000000,"
        "\"time_pretransfer\":0.000000,\"time_redirect\":0.000000,"
        "\"time_starttransfer\":0.000000,\"time_total\":0.001000,\"url\":\"h.test/\","
        "\"url_effective\":\"http://h.test/\",\"urlnum\":0,"
        "\"curl_version\":\"haul/" HAUL_VERSION "\"}");
}

static void keeps_what_the_user_wrote_in_the_effective_url(void **state)
{
    static const struct {
        const char *url;
        const char *effective;
    } rows[] = {
        { "HTTP://LocalHost/A", "http://LocalHost/A" },
        { "https://h.test:443/", "https://h.test:443/" },
        { "http://h.test:80/", "http://h.test:80/" },
        { "http://h.test:", "http://h.test/" },
        { "http://h.test:0080/", "http://h.test:80/" },
        { "http://127.1:1/", "http://127.0.0.1:1/" },
        { "http://[0:0::1]:1/", "http://[::1]:1/" },
        { "http://[::1]", "http://[::1]/" },
        { "http://[fe80::1%25lo]:1/", "http://[fe80::1%25lo]:1/" },
        { "http://h.test?", "http://h.test/" },
        { "http://h.test/?", "http://h.test/" },
        { "http://h.test/#", "http://h.test/" },
        { "http://h.test?q", "http://h.test/?q" },
        { "http://h.test#f", "http://h.test/#f" },
        { "http://h.test/a/./b/../c?x=/../", "http://h.test/a/c?x=/../" },
        { "http://h.test/%zz", "http://h.test/%zz" },
        { "http://me@h.test/", "http://me@h.test/" },
        { "http://me:@h.test/", "http://me:@h.test/" },
        { "http://:pw@h.test/", "http://:pw@h.test/" },
        { "http://h.test/a@b:1", "http://h.test/a@b:1" },
        { "http://h.test:99999/", "http://h.test:99999/" }, /* no URL: as it is */
        { "foo://x", "foo://x" },
        { "", "" },
    };
    struct answer a;

    (void)state;
    server_answers(&a);
    for (size_t i = 0; i < ROWS(rows); i++) {
        a.item.url = span_of_string(rows[i].url);
        expect_text(&a, "%{url_effective}", rows[i].effective);
    }
}

static void says_where_a_redirect_would_have_gone(void **state)
{
    static const struct {
        uint16_t status;
        const char *location;
        const char *expected;
    } rows[] = {
        { 302, "foo", "http://me:pw@h.test:8080/foo" },
        { 301, "/foo/../bar", "http://me:pw@h.test:8080/bar" },
        { 308, "?q", "http://me:pw@h.test:8080/a?q" },
        { 302, "x?u=http://y/", "http://me:pw@h.test:8080/x?u=http://y/" },
        { 302, "//o.test/x", "http://o.test/x" },
        { 302, "HTTP://O.test:80/..", "http://O.test:80/" },
        { 302, "https://o.test", "https://o.test/" },
        { 302, "http://u:p@o.test/p?q#f", "http://u:p@o.test/p?q#f" },
        { 302, "http://127.1/", "http://127.0.0.1/" },
        { 302, "http://[fe80::1%25lo]/", "http://[fe80::1%25lo]/" },
        { 302, "mailto:x", "mailto:x" },
        { 302, "ftp://o.test/x", "ftp://o.test/x" },
        { 302, "http://bad:port/", "http://bad:port/" },
        { 304, "foo", "http://me:pw@h.test:8080/foo" },
        { 302, "", "" },
        { 200, "foo", "" },
        { 404, "foo", "" },
    };
    struct answer a;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        server_answers(&a);
        a.item.url = SPAN_LITERAL("http://me:pw@h.test:8080/a?x=1#f");
        a.result.status = rows[i].status;
        server_sends(&a, "location", rows[i].location);
        expect_text(&a, "%{redirect_url}", rows[i].expected);
    }
}

/* The base's host, port and credentials as they were written. */
static void a_redirect_on_the_same_host_keeps_its_spelling(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    a.result.status = 302;
    a.item.url = SPAN_LITERAL("http://me@LocalHost:80/d/e?x");
    server_sends(&a, "Location", "f");
    expect_text(&a, "%{redirect_url}", "http://me@LocalHost:80/d/f");
    a.item.url = SPAN_LITERAL("http://[fe80::1%25lo]:1/d/e");
    expect_text(&a, "%{redirect_url}", "http://[fe80::1%25lo]:1/d/f");
    a.item.url = SPAN_LITERAL("foo://x/"); /* no URL: no answer either, but who knows */
    expect_text(&a, "%{redirect_url}", "");
}

static void tells_where_redirects_have_led(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    a.item.hop_url = SPAN_LITERAL("https://o.test/b?y");
    a.item.timing.redirect_ns = 7 * MS;
    expect_text(&a, "%{url_effective} %{scheme} %{time_redirect}",
                "https://o.test/b?y HTTPS 0.007000");
    expect_text(&a, "%{urle.scheme} %{urle.user} %{urle.password} %{urle.options} %{urle.host}",
                "https    o.test");
    expect_text(&a, "%{urle.zoneid} %{urle.port} %{urle.path} %{urle.query} %{urle.fragment}",
                " 443 /b y ");
    expect_text(&a, "%{url.host} %{url.user}", "h.test me");
    a.result.status = 302; /* one too many */
    server_sends(&a, "Location", "c");
    expect_text(&a, "%{redirect_url}", "https://o.test/c");
}

static void an_ipv6_host_has_brackets(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    a.item.url = SPAN_LITERAL("https://[fe80::0:1%25lo]?");
    a.result.remote_family = 6;
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", a.result.remote_address), 1);
    expect_text(&a, "%{url.host} %{url.zoneid} %{url.port} %{url.path} %{url.query}|%{remote_ip}",
                "[fe80::1] lo 443 / |2001:db8::1");
    expect_text(&a, "%{scheme}", "HTTPS");
    a.item.url = SPAN_LITERAL("http://h.test:99999/");
    expect_text(&a, "%{url.host}%{url.port}", "");
}

static void odd_answers(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    a.result.flags = WIRE_RESULT_REUSED;
    a.result.version_minor = 0;
    a.result.attempts = 5;
    a.result.hops = 2;
    expect_text(&a, "%{num_connects} %{http_version} %{num_retries} %{num_redirects}", "0 1 2 2");
    a.result.version_major = 2;
    expect_text(&a, "%{http_version}", "2");
    a.result.connect_status = 200;
    a.result.flags |= WIRE_RESULT_PROXIED;
    expect_text(&a, "%{http_connect} %{proxy_used}", "200 1");
    a.result.remote_family = 1;
    expect_text(&a, "%{remote_ip} %{remote_port}", "/run/s 8080");
    a.item.is_ok = false;
    a.item.fault.code = FAULT_HTTP_STATUS; /* -f: curl does not read the body */
    expect_text(&a, "%{size_download} %{speed_download} %{exitcode}", "0 0 22");
    a.item.fault.code = FAULT_TLS_VERIFY;
    expect_text(&a, "%{ssl_verify_result} %{proxy_ssl_verify_result} %{exitcode}", "1 0 60");
}

static void speeds_do_not_overflow(void **state)
{
    struct answer a;

    (void)state;
    server_answers(&a);
    a.item.timing.response_ns = 0;
    expect_text(&a, "%{speed_download}", "6000000");
    a.result.body_bytes = UINT64_MAX / 2;
    expect_text(&a, "%{speed_download}", "9223372036854775807");
    a.item.timing.response_ns = 2000 * MS;
    expect_text(&a, "%{speed_download}", "4611686018427387903");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_variable),
        cmocka_unit_test(takes_odd_templates_as_curl_does),
        cmocka_unit_test(refuses_files_by_name),
        cmocka_unit_test(names_what_it_does_not_know_and_goes_on),
        cmocka_unit_test(switches_between_the_two_outputs),
        cmocka_unit_test(the_rest_is_for_errors_only),
        cmocka_unit_test(asks_for_the_header_only_when_it_is_needed),
        cmocka_unit_test(writes_header_json_in_curls_lines),
        cmocka_unit_test(writes_json_with_curls_keys_and_types),
        cmocka_unit_test(keeps_what_the_user_wrote_in_the_effective_url),
        cmocka_unit_test(says_where_a_redirect_would_have_gone),
        cmocka_unit_test(a_redirect_on_the_same_host_keeps_its_spelling),
        cmocka_unit_test(tells_where_redirects_have_led),
        cmocka_unit_test(an_ipv6_host_has_brackets),
        cmocka_unit_test(odd_answers),
        cmocka_unit_test(speeds_do_not_overflow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
