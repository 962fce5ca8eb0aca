/*
 * What a script may ask io.haul.Fetch.Get for becomes the frames of a stream's client; what comes
 * of it becomes JSON, whatever bytes an origin has sent.
 */
#include "fetch_call.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define GET "io.haul.Fetch.Get"
#define INVALID(parameter)                                                                         \
    "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":"           \
    "\"" parameter "\"}}"

/* The message in an allocation of its exact size. */
static struct varlink_answer calls_with(const char *parameters, const char *more)
{
    static const struct varlink_method methods[] = { { GET, fetch_call_on_get, NULL } };
    static const struct varlink_service service = { .methods = methods, .methods_count = 1 };
    size_t room = strlen(parameters) + strlen(more) + 100;
    struct varlink_answer answer = { .text = NULL };
    char *text = malloc(room), *copy;
    int bytes;

    assert_non_null(text);
    bytes = snprintf(text, room, "{\"method\":\"" GET "\",\"parameters\":%s%s}", parameters, more);
    copy = malloc((size_t)bytes);
    memcpy(copy, text, (size_t)bytes);
    (void)varlink_dispatch(&service, NULL, span_of(copy, (size_t)bytes), &answer);
    free(copy); /* what is pending stands on its own */
    free(text);
    return answer;
}

static struct fetch_call *asks(const char *parameters)
{
    struct varlink_answer answer = calls_with(parameters, "");

    if (!answer.pending)
        fail_msg("%s: %s", parameters, answer.text ? answer.text : "nothing");
    return answer.pending;
}

static struct message_request request_of(const struct fetch_call *call)
{
    struct message_request request;

    assert_int_equal(message_check_header(&call->request.header, true), 0);
    assert_int_equal(message_decode_request(&call->request, &request), 0);
    assert_int_equal(request.fixed.profile_id, call->profile.header.id);
    assert_int_equal(request.fixed.body_mode, WIRE_BODY_OF_PROFILE);
    return request;
}

static struct message_profile profile_of(const struct fetch_call *call)
{
    struct message_profile profile;

    assert_int_equal(message_check_header(&call->profile.header, true), 0);
    assert_int_equal(message_decode_profile(&call->profile, &profile), 0);
    assert_int_equal(profile.fixed.body_mode, WIRE_BODY_DATA);
    assert_true(profile.fixed.flags & WIRE_PROFILE_HEAD);
    return profile;
}

static void is_span(struct span got, const char *expected)
{
    if (!span_equals(got, span_of_string(expected)))
        fail_msg("'%.*s' is not '%s'", (int)got.bytes, got.data, expected);
}

/* ---- what is asked ---- */

static void a_url_alone_is_a_get_with_the_defaults(void **state)
{
    struct fetch_call *call = asks("{\"url\":\"http://a.test/x\"}");
    struct message_request request = request_of(call);
    struct message_profile profile = profile_of(call);
    struct message_field field;
    struct retry_on on;

    (void)state;
    is_span(request.url, "http://a.test/x");
    is_span(request.method, "");
    assert_int_equal(request.fixed.flags | request.fixed.header_count, 0);
    assert_int_equal(profile.fixed.flags, WIRE_PROFILE_HEAD | WIRE_PROFILE_FOLLOW);
    assert_int_equal(profile.fixed.total_timeout_ns, 300000000000);
    assert_int_equal(profile.fixed.body_bytes_max, 737280);
    assert_int_equal(profile.fixed.redirects_max, 10);
    assert_int_equal(profile.fixed.retries_max, 0);
    assert_int_equal(profile.fixed.header_count, 2);
    assert_true(message_next_field(&profile.headers, &field));
    is_span(field.name, "User-Agent");
    is_span(field.value, "haul/" HAUL_VERSION);
    assert_true(message_next_field(&profile.headers, &field));
    is_span(field.name, "Accept");
    is_span(field.value, "*/*");
    message_profile_retry_on(&profile.fixed, &on);
    assert_true(retry_on_has_status(&on, 503)); /* what counts as soon as there are retries */
    assert_false(call->is_oneway);
    fetch_call_free(call);
}

static void every_parameter_reaches_its_field(void **state)
{
    struct fetch_call *call =
        asks("{\"url\":\"u\",\"method\":\"PUT\",\"headers\":{\"A\":\"1\",\"B\":[\"2\",\"3\"],"
             "\"C\":[]},\"body\":\"gr\xc3\xbc\\u0000\\n\",\"timeout_ns\":18446744073709551615,"
             "\"body_bytes_max\":737280,\"redirects_max\":3,\"retries_max\":1000,\"decode\":true,"
             "\"public_only\":true,\"insecure\":true,\"unix_socket\":\"/run/x\"}");
    struct message_request request = request_of(call);
    struct message_profile profile = profile_of(call);
    static const char *const fields[] = { "A", "1", "B", "2", "B", "3" };
    struct message_field field;

    (void)state;
    is_span(request.method, "PUT");
    assert_int_equal(request.fixed.header_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(message_next_field(&request.headers, &field));
        is_span(field.name, fields[2 * i]);
        is_span(field.value, fields[2 * i + 1]);
    }
    assert_true(span_equals(request.body, SPAN_LITERAL("gr\xc3\xbc\0\n")));
    assert_int_equal(request.fixed.flags, WIRE_REQUEST_HAS_BODY);
    assert_int_equal(profile.fixed.flags, WIRE_PROFILE_HEAD | WIRE_PROFILE_FOLLOW |
                                              WIRE_PROFILE_DECODE | WIRE_PROFILE_PUBLIC_ONLY |
                                              WIRE_PROFILE_INSECURE);
    assert_true(profile.fixed.total_timeout_ns == UINT64_MAX);
    assert_int_equal(profile.fixed.redirects_max, 3);
    assert_int_equal(profile.fixed.retries_max, 1000);
    assert_int_equal(profile.fixed.header_count, 3); /* with Accept-Encoding */
    is_span(profile.unix_path, "/run/x");
    fetch_call_free(call);
}

static void a_body_makes_a_post_even_an_empty_one(void **state)
{
    static const struct {
        const char *parameters;
        const char *method;
        struct span body;
    } rows[] = {
        { "{\"url\":\"u\",\"body\":\"\"}", "POST", SPAN_LITERAL("") },
        { "{\"url\":\"u\",\"body_base64\":\"AP8K\"}", "POST", SPAN_LITERAL("\0\xff\n") },
        { "{\"url\":\"u\",\"body_base64\":\"\"}", "POST", SPAN_LITERAL("") },
        { "{\"method\":\"get\",\"body\":\"x\",\"url\":\"u\"}", "get", SPAN_LITERAL("x") },
        { "{\"url\":\"u\",\"body\":null,\"body_base64\":\"eA==\"}", "POST", SPAN_LITERAL("x") },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct fetch_call *call = asks(rows[i].parameters);
        struct message_request request = request_of(call);

        is_span(request.method, rows[i].method);
        assert_true(span_equals(request.body, rows[i].body));
        assert_int_equal(request.fixed.flags, WIRE_REQUEST_HAS_BODY);
        fetch_call_free(call);
    }
}

static void null_is_as_absent_and_zero_redirects_are_none(void **state)
{
    struct fetch_call *call =
        asks("{\"url\":\"u\",\"method\":null,\"headers\":null,\"body\":null,\"timeout_ns\":null,"
             "\"redirects_max\":0,\"decode\":null,\"insecure\":false}");

    (void)state;
    assert_int_equal(profile_of(call).fixed.flags, WIRE_PROFILE_HEAD);
    assert_int_equal(request_of(call).fixed.flags, 0);
    fetch_call_free(call);
}

static void oneway_is_remembered(void **state)
{
    struct varlink_answer answer = calls_with("{\"url\":\"u\"}", ",\"oneway\":true");
    struct fetch_call *call = answer.pending;

    (void)state;
    assert_non_null(call);
    assert_true(call->is_oneway);
    fetch_call_free(call);
    answer = calls_with("{\"url\":1}", ",\"oneway\":true");
    assert_null(answer.pending);
    assert_null(answer.text);
}

/* Types and ranges; what a request may be made of is the item's to judge. */
static void refuses_a_parameter_by_its_name(void **state)
{
    static const struct {
        const char *parameters;
        const char *wrong;
    } rows[] = {
        { "null", "url" },
        { "{}", "url" },
        { "{\"url\":null}", "url" },
        { "{\"url\":7}", "url" },
        { "{\"url\":[\"u\"]}", "url" },
        { "{\"url\":\"u\",\"heders\":{}}", "heders" },
        { "{\"url\":\"u\",\"\":1}", "" },
        { "{\"url\":\"u\",\"URL\":\"u\"}", "URL" },
        { "{\"url\":\"u\",\"nope\":null}", "nope" },
        { "{\"url\":\"u\",\"url\\u0000\":\"u\"}", "url\\u0000" },
        { "{\"url\":\"u\",\"method\":\"\"}", "method" },
        { "{\"url\":\"u\",\"method\":7}", "method" },
        { "{\"url\":\"u\",\"headers\":[]}", "headers" },
        { "{\"url\":\"u\",\"headers\":\"A: b\"}", "headers" },
        { "{\"url\":\"u\",\"headers\":{\"A\":1}}", "headers" },
        { "{\"url\":\"u\",\"headers\":{\"A\":null}}", "headers" },
        { "{\"url\":\"u\",\"headers\":{\"A\":[\"1\",2]}}", "headers" },
        { "{\"url\":\"u\",\"headers\":{\"A\":[[\"1\"]]}}", "headers" },
        { "{\"url\":\"u\",\"headers\":{\"A\":\"1\"},\"headers\":{\"A\":\"2\"}}", "headers" },
        { "{\"url\":\"u\",\"body\":7}", "body" },
        { "{\"url\":\"u\",\"body\":\"\",\"body_base64\":\"\"}", "body_base64" },
        { "{\"url\":\"u\",\"body_base64\":\"\",\"body\":\"\"}", "body" },
        { "{\"url\":\"u\",\"body_base64\":\"eA=\"}", "body_base64" },
        { "{\"url\":\"u\",\"body_base64\":\"eA==\\n\"}", "body_base64" },
        { "{\"url\":\"u\",\"body_base64\":{}}", "body_base64" },
        { "{\"url\":\"u\",\"timeout_ns\":0}", "timeout_ns" },
        { "{\"url\":\"u\",\"timeout_ns\":-1}", "timeout_ns" },
        { "{\"url\":\"u\",\"timeout_ns\":1.5}", "timeout_ns" },
        { "{\"url\":\"u\",\"timeout_ns\":\"1s\"}", "timeout_ns" },
        { "{\"url\":\"u\",\"timeout_ns\":18446744073709551616}", "timeout_ns" },
        { "{\"url\":\"u\",\"body_bytes_max\":0}", "body_bytes_max" },
        { "{\"url\":\"u\",\"body_bytes_max\":737281}", "body_bytes_max" },
        { "{\"url\":\"u\",\"body_bytes_max\":-1}", "body_bytes_max" },
        { "{\"url\":\"u\",\"redirects_max\":65536}", "redirects_max" },
        { "{\"url\":\"u\",\"redirects_max\":true}", "redirects_max" },
        { "{\"url\":\"u\",\"retries_max\":1001}", "retries_max" },
        { "{\"url\":\"u\",\"retries_max\":-1}", "retries_max" },
        { "{\"url\":\"u\",\"decode\":1}", "decode" },
        { "{\"url\":\"u\",\"decode\":\"true\"}", "decode" },
        { "{\"url\":\"u\",\"public_only\":0}", "public_only" },
        { "{\"url\":\"u\",\"insecure\":[]}", "insecure" },
        { "{\"url\":\"u\",\"unix_socket\":\"\"}", "unix_socket" },
        { "{\"url\":\"u\",\"unix_socket\":7}", "unix_socket" },
        { "{\"method\":\"GET\",\"timeout_ns\":1}", "url" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct varlink_answer answer = calls_with(rows[i].parameters, "");
        char expected[256];

        (void)snprintf(expected, sizeof(expected), INVALID("%s"), rows[i].wrong);
        assert_null(answer.pending);
        assert_string_equal(answer.text, expected);
        free(answer.text);
    }
}

/* Writes {"url":"u", more of count times piece and an end}. */
static char *long_parameters(const char *more, const char *piece, size_t count, const char *end)
{
    size_t piece_bytes = strlen(piece);
    char *text = malloc(100 + piece_bytes * count);
    char *at = text + sprintf(text, "{\"url\":\"u\",%s", more);

    for (size_t i = 0; i < count; i++, at += piece_bytes)
        memcpy(at, piece, piece_bytes);
    strcpy(at, end);
    return text;
}

static void bounds_what_goes_into_a_frame(void **state)
{
    static const struct {
        const char *more;
        const char *piece;
        size_t count;
        const char *end;
        const char *wrong; /* NULL: it is taken */
    } rows[] = {
        { "\"headers\":{", "\"A\":\"b\",", 255, "\"A\":\"b\"}}", NULL },
        { "\"headers\":{", "\"A\":\"b\",", 256, "\"A\":\"b\"}}", "headers" },
        { "\"headers\":{", "\"\":\"\",", 100000, "\"\":\"\"}}", "headers" },
        { "\"headers\":{\"A\":[", "\"\",", 100000, "\"\"]}}", "headers" },
        { "\"body\":\"", "x", 1048000, "\"}", NULL },
        { "\"body\":\"", "x", 1048499, "\"}", NULL },
        { "\"body\":\"", "x", 1048500, "\"}", "body" },
        { "\"method\":\"", "x", 255, "\"}", NULL },
        { "\"method\":\"", "x", 256, "\"}", "method" },
        { "\"unix_socket\":\"", "x", 65535, "\"}", NULL },
        { "\"unix_socket\":\"", "x", 65536, "\"}", "unix_socket" },
        { "\"url\":\"", "x", 1048500, "\"}", NULL }, /* input/too_big, says the item */
        { "\"url\":\"", "x", 1048510, "\"}", "url" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char *text = long_parameters(rows[i].more, rows[i].piece, rows[i].count, rows[i].end);
        struct varlink_answer answer = calls_with(text, "");
        char expected[256];

        if (rows[i].wrong) {
            (void)snprintf(expected, sizeof(expected), INVALID("%s"), rows[i].wrong);
            assert_null(answer.pending);
            assert_string_equal(answer.text, expected);
        } else if (!answer.pending) {
            fail_msg("row %zu: %s", i, answer.text);
        } else {
            assert_true(request_of(answer.pending).url.bytes > 0);
        }
        fetch_call_free(answer.pending);
        free(answer.text);
        free(text);
    }
}

/* ---- what is answered ---- */

static struct message_result a_result(void)
{
    struct message_result result = {
        .fixed = { .status = 200,
                   .flags = WIRE_RESULT_COMPLETE,
                   .version_major = 1,
                   .version_minor = 1,
                   .attempts = 1,
                   .remote_family = 4,
                   .remote_port = 8080,
                   .queued_ns = 0,
                   .dns_ns = WIRE_NOT_REACHED,
                   .connected_ns = WIRE_NOT_REACHED,
                   .tls_ns = WIRE_NOT_REACHED,
                   .sent_ns = 3,
                   .first_byte_ns = 4,
                   .last_byte_ns = 5,
                   .delivered_ns = 6 },
    };

    (void)inet_pton(AF_INET, "192.0.2.1", result.fixed.remote_address);
    return result;
}

struct fields {
    char wire[4096];
    size_t bytes;
};

static void puts_field(struct fields *fields, struct span name, struct span value)
{
    assert_true(fields->bytes + 8 + name.bytes + value.bytes <= sizeof(fields->wire));
    fields->bytes += message_append_field(fields->wire + fields->bytes, name, value);
}

/* An answer is one JSON object with its NUL, within the bounds of a message. */
static yyjson_doc *parses(const char *text, size_t bytes)
{
    yyjson_doc *doc;

    assert_non_null(text);
    assert_true(bytes <= WIRE_VARLINK_BYTES_MAX);
    assert_ptr_equal(memchr(text, 0, bytes), text + bytes - 1);
    doc = yyjson_read(text, bytes - 1, YYJSON_READ_NOFLAG);
    assert_true(yyjson_is_obj(yyjson_obj_get(yyjson_doc_get_root(doc), "parameters")));
    return doc;
}

static void answers(const struct fetch_call *call, const struct message_result *result,
                    const char *expected)
{
    size_t bytes = 0;
    char *text = fetch_call_answer(call, result, &bytes);

    yyjson_doc_free(parses(text, bytes));
    assert_string_equal(text, expected);
    free(text);
}

#define TIMES                                                                                      \
    "\"times\":{\"queued_ns\":0,\"sent_ns\":3,\"first_byte_ns\":4,\"last_byte_ns\":5,"             \
    "\"total_ns\":6}}}"
#define PEER "\"remote_ip\":\"192.0.2.1\",\"remote_port\":8080,"

static void tells_what_came(void **state)
{
    struct fetch_call *call = asks("{\"url\":\"http://user:secret@A.test\"}");
    struct message_result result = a_result();
    struct fields fields = { .bytes = 0 };

    (void)state;
    puts_field(&fields, SPAN_LITERAL("Content-Type"), SPAN_LITERAL("text/plain"));
    puts_field(&fields, SPAN_LITERAL("X-A"), SPAN_LITERAL("1"));
    puts_field(&fields, SPAN_LITERAL("Set-Cookie"), SPAN_LITERAL("a=1"));
    puts_field(&fields, SPAN_LITERAL("x-a"), SPAN_LITERAL("2, 3"));
    puts_field(&fields, SPAN_LITERAL("SET-COOKIE"), SPAN_LITERAL("b=\"2\""));
    puts_field(&fields, SPAN_LITERAL("Empty"), SPAN_LITERAL(""));
    fetch_call_take_head(call, SPAN_LITERAL(""));
    fetch_call_take_head(call, span_of(fields.wire, fields.bytes));
    fetch_call_take_body(call, SPAN_LITERAL("gr\xc3"));
    fetch_call_take_body(call, SPAN_LITERAL(""));
    fetch_call_take_body(call, SPAN_LITERAL("\xbc\t\"\\\r\n"));
    answers(call, &result,
            "{\"parameters\":{\"status\":200,\"http_version\":\"1.1\",\"headers\":{"
            "\"content-type\":\"text/plain\",\"x-a\":\"1, 2, 3\",\"set-cookie\":[\"a=1\","
            "\"b=\\\"2\\\"\"],\"empty\":\"\"},\"body\":\"gr\xc3\xbc\\t\\\"\\\\\\r\\n\","
            "\"effective_url\":\"http://a.test/\"," PEER "\"attempts\":1,\"redirects\":0,"
            "\"reused\":false,\"decoded\":false," TIMES);
    fetch_call_free(call);
}

static void tells_where_redirects_led_and_over_what(void **state)
{
    struct fetch_call *call = asks("{\"url\":\"http://a.test\"}");
    struct message_result result = a_result();

    (void)state;
    result.url = SPAN_LITERAL("https://b.test/x#\xff");
    result.tls_version = SPAN_LITERAL("TLSv1.3");
    result.fixed.hops = 2;
    result.fixed.attempts = 4;
    result.fixed.flags |= WIRE_RESULT_REUSED | WIRE_RESULT_DECODED;
    result.fixed.remote_family = 6;
    (void)inet_pton(AF_INET6, "2001:db8::1", result.fixed.remote_address);
    answers(call, &result,
            "{\"parameters\":{\"status\":200,\"http_version\":\"1.1\",\"headers\":{},"
            "\"body\":\"\",\"effective_url\":\"https://b.test/x#\xef\xbf\xbd\","
            "\"remote_ip\":\"2001:db8::1\",\"remote_port\":8080,\"tls_version\":\"TLSv1.3\","
            "\"attempts\":4,\"redirects\":2,\"reused\":true,\"decoded\":true," TIMES);
    result.fixed.remote_family = 1; /* a unix socket has no address */
    result.url = result.tls_version = (struct span){ 0 };
    result.fixed.flags = WIRE_RESULT_COMPLETE;
    answers(call, &result,
            "{\"parameters\":{\"status\":200,\"http_version\":\"1.1\",\"headers\":{},"
            "\"body\":\"\",\"effective_url\":\"http://a.test/\",\"attempts\":4,\"redirects\":2,"
            "\"reused\":false,\"decoded\":false," TIMES);
    fetch_call_free(call);
}

static void a_body_that_is_no_plain_text_is_base64(void **state)
{
    static const struct {
        struct span body;
        const char *member;
    } rows[] = {
        { SPAN_LITERAL("plain \xe2\x82\xac\xf0\x9f\x98\x80"),
          "\"body\":\"plain \xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { SPAN_LITERAL("\0"), "\"body_base64\":\"AA==\"" },
        { SPAN_LITERAL("a\x1b[0m"), "\"body_base64\":\"YRtbMG0=\"" },
        { SPAN_LITERAL("\x7f"), "\"body_base64\":\"fw==\"" },
        { SPAN_LITERAL("caf\xe9"), "\"body_base64\":\"Y2Fm6Q==\"" },
        { SPAN_LITERAL("cut \xe2\x82"), "\"body_base64\":\"Y3V0IOKC\"" },
        { SPAN_LITERAL("\xed\xa0\x80"), "\"body_base64\":\"7aCA\"" },
        { SPAN_LITERAL("\xff\xfe"), "\"body_base64\":\"//4=\"" },
    };
    struct message_result result = a_result();

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct fetch_call *call = asks("{\"url\":\"http://a.test/\"}");
        size_t bytes = 0;
        char *text;

        fetch_call_take_body(call, SPAN_LITERAL("of an attempt that failed"));
        fetch_call_forget_body(call);
        fetch_call_take_body(call, rows[i].body);
        text = fetch_call_answer(call, &result, &bytes);
        yyjson_doc_free(parses(text, bytes));
        if (!strstr(text, rows[i].member))
            fail_msg("%s is not in %s", rows[i].member, text);
        assert_true(!strstr(text, "\"body\":") || !strstr(text, "\"body_base64\":"));
        free(text);
        fetch_call_free(call);
    }
}

/* Each byte where an origin, or a message of ours, can put it. */
static void whatever_the_bytes_the_answer_is_json(void **state)
{
    struct fetch_call *call = asks("{\"url\":\"http://a.test/\"}");

    (void)state;
    for (unsigned i = 0; i < 65536; i += i < 256 ? 1 : 251) {
        char raw[4] = { (char)i, (char)(i >> 8), 'x', (char)i };
        struct message_result result = a_result();
        struct fields fields = { .bytes = 0 };
        char *text;
        size_t bytes = 0;

        puts_field(&fields, span_of(raw, 4), span_of(raw, 4));
        fetch_call_take_head(call, span_of(fields.wire, fields.bytes));
        fetch_call_forget_body(call);
        fetch_call_take_body(call, span_of(raw, 4));
        text = fetch_call_answer(call, &result, &bytes);
        yyjson_doc_free(parses(text, bytes));
        free(text);
        result.fixed.fault = FAULT_TLS_VERIFY;
        result.message = span_of(raw, 4);
        text = fetch_call_answer(call, &result, &bytes);
        yyjson_doc_free(parses(text, bytes));
        free(text);
    }
    fetch_call_free(call);
}

static void bytes_of_headers_that_are_no_text_are_replaced_one_by_one(void **state)
{
    struct fetch_call *call = asks("{\"url\":\"http://a.test/\"}");
    struct message_result result = a_result();
    struct fields fields = { .bytes = 0 };
    size_t bytes = 0;
    char *text;

    (void)state;
    puts_field(&fields, SPAN_LITERAL("A"), SPAN_LITERAL("\xff\xfe"));
    puts_field(&fields, SPAN_LITERAL("B"), SPAN_LITERAL("gr\xc3\xbc\xc3"));
    fetch_call_take_head(call, span_of(fields.wire, fields.bytes));
    text = fetch_call_answer(call, &result, &bytes);
    assert_non_null(strstr(text, "{\"a\":\"\xef\xbf\xbd\xef\xbf\xbd\","
                                 "\"b\":\"gr\xc3\xbc\xef\xbf\xbd\"}"));
    free(text);
    fetch_call_free(call);
}

/* There is room for the worst that can come: three bytes for each. */
static void long_texts_have_their_room(void **state)
{
    char raw[3000];
    struct message_result result = a_result();
    struct fields fields = { .bytes = 0 };
    struct fetch_call *call;
    size_t bytes = 0;
    char *text;

    (void)state;
    memset(raw, 0xff, sizeof(raw));
    text = long_parameters("\"url\":\"http://a.test/", " x", 1500, "\"}");
    call = asks(text);
    free(text);
    puts_field(&fields, SPAN_LITERAL("A"), span_of(raw, sizeof(raw)));
    fetch_call_take_head(call, span_of(fields.wire, fields.bytes));
    text = fetch_call_answer(call, &result, &bytes);
    assert_true(bytes > 5 * sizeof(raw));
    yyjson_doc_free(parses(text, bytes));
    free(text);
    result.fixed.fault = FAULT_TLS_VERIFY;
    result.message = span_of(raw, sizeof(raw));
    text = fetch_call_answer(call, &result, &bytes);
    assert_true(bytes > 3 * sizeof(raw));
    yyjson_doc_free(parses(text, bytes));
    free(text);
    fetch_call_free(call);
}

static void tells_a_failure_by_its_names(void **state)
{
    struct fetch_call *call = asks("{\"url\":\"http://user:secret@a.test/\"}");
    struct message_result result = a_result();

    (void)state;
    result.fixed.status = 0;
    result.fixed.fault = FAULT_CONNECT_REFUSED;
    result.fixed.fault_phase = PHASE_CONNECT;
    result.fixed.fault_errno = 111;
    result.message = SPAN_LITERAL("connection refused");
    answers(call, &result,
            "{\"error\":\"io.haul.Fetch.Failed\",\"parameters\":{\"domain\":\"connect\",\"code\":"
            "\"refused\",\"phase\":\"connect\",\"message\":\"connection refused\",\"errno\":111,"
            "\"attempts\":1,\"redirects\":0}}");
    result.fixed = (struct wire_result){ .status = 302,
                                         .fault = FAULT_HTTP_REDIRECTS,
                                         .fault_phase = PHASE_RECEIVE,
                                         .attempts = 4,
                                         .hops = 3 };
    result.message = SPAN_LITERAL("too many redirects");
    answers(call, &result,
            "{\"error\":\"io.haul.Fetch.Failed\",\"parameters\":{\"domain\":\"http\",\"code\":"
            "\"redirects\",\"phase\":\"receive\",\"message\":\"too many redirects\",\"status\":302,"
            "\"attempts\":4,\"redirects\":3}}");
    result = fetch_call_failure(FAULT_ADMISSION_BUSY);
    answers(call, &result,
            "{\"error\":\"io.haul.Fetch.Failed\",\"parameters\":{\"domain\":\"admission\",\"code\":"
            "\"busy\",\"phase\":\"input\",\"message\":\"the daemon takes no more work now\","
            "\"attempts\":0,\"redirects\":0}}");
    fetch_call_free(call);
}

static void what_was_too_big_names_who_takes_more(void **state)
{
    struct fetch_call *call = asks("{\"url\":\"http://a.test/\"}");
    struct message_result result = a_result();

    (void)state;
    result.fixed = (struct wire_result){
        .fault = FAULT_HTTP_TOO_BIG, .fault_phase = PHASE_RECEIVE, .status = 200, .attempts = 1
    };
    result.message = SPAN_LITERAL("the body is over its limit");
    answers(call, &result,
            "{\"error\":\"io.haul.Fetch.Failed\",\"parameters\":{\"domain\":\"http\",\"code\":"
            "\"too_big\",\"phase\":\"receive\",\"message\":\"the body is over its limit; haul get "
            "takes larger ones\",\"status\":200,\"attempts\":1,\"redirects\":0}}");
    fetch_call_free(call);
}

static void lost_memory_is_the_answer(void **state)
{
    struct fetch_call *call = asks("{\"url\":\"http://a.test/\"}");
    struct message_result result = a_result();
    size_t bytes = 0;
    char *text;

    (void)state;
    call->has_no_memory = true;
    fetch_call_take_body(call, SPAN_LITERAL("half a body"));
    text = fetch_call_answer(call, &result, &bytes);
    assert_non_null(strstr(text, "\"domain\":\"local\",\"code\":\"no_memory\""));
    assert_null(strstr(text, "half"));
    free(text);
    fetch_call_free(call);
}

/* The largest body of bytes fits, with many headers. Text that JSON makes longer may not. */
static void an_answer_fits_a_message_or_is_a_failure(void **state)
{
    static const struct {
        char byte;
        bool fits;
    } rows[] = { { '\0', true }, { '\xff', true }, { 'x', true }, { '"', false } };
    char *body = malloc(FETCH_CALL_BODY_BYTES_MAX);
    struct message_result result = a_result();
    struct fields fields = { .bytes = 0 };

    (void)state;
    while (fields.bytes < 4000)
        puts_field(&fields, SPAN_LITERAL("X-Long"), SPAN_LITERAL("value"));
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct fetch_call *call = asks("{\"url\":\"http://a.test/\"}");
        size_t bytes = 0;
        char *text;

        memset(body, rows[i].byte, FETCH_CALL_BODY_BYTES_MAX);
        fetch_call_take_head(call, span_of(fields.wire, fields.bytes));
        for (size_t at = 0; at < FETCH_CALL_BODY_BYTES_MAX; at += 4096)
            fetch_call_take_body(call, span_of(body + at, 4096));
        text = fetch_call_answer(call, &result, &bytes);
        yyjson_doc_free(parses(text, bytes));
        assert_int_equal(strstr(text, "\"status\":200") != NULL, true);
        assert_int_equal(strstr(text, "\"domain\":\"http\",\"code\":\"too_big\"") == NULL,
                         rows[i].fits);
        assert_int_equal(strstr(text, "haul get takes") == NULL, rows[i].fits);
        free(text);
        fetch_call_free(call);
    }
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_alone_is_a_get_with_the_defaults),
        cmocka_unit_test(every_parameter_reaches_its_field),
        cmocka_unit_test(a_body_makes_a_post_even_an_empty_one),
        cmocka_unit_test(null_is_as_absent_and_zero_redirects_are_none),
        cmocka_unit_test(oneway_is_remembered),
        cmocka_unit_test(refuses_a_parameter_by_its_name),
        cmocka_unit_test(bounds_what_goes_into_a_frame),
        cmocka_unit_test(tells_what_came),
        cmocka_unit_test(tells_where_redirects_led_and_over_what),
        cmocka_unit_test(a_body_that_is_no_plain_text_is_base64),
        cmocka_unit_test(whatever_the_bytes_the_answer_is_json),
        cmocka_unit_test(bytes_of_headers_that_are_no_text_are_replaced_one_by_one),
        cmocka_unit_test(long_texts_have_their_room),
        cmocka_unit_test(tells_a_failure_by_its_names),
        cmocka_unit_test(what_was_too_big_names_who_takes_more),
        cmocka_unit_test(lost_memory_is_the_answer),
        cmocka_unit_test(an_answer_fits_a_message_or_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
