/*
 * test_output.c - records: strings are escaped, numbers exact, keys in the order of the contract;
 * and a slow reader of standard output stops nothing but itself.
 */
#include "output.h"
#include "record.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <yyjson.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void expect_text(struct text *text, const char *expected)
{
    if (!span_equals(text_span(text), span_of_string(expected)))
        fail_msg("got '%.*s', not '%s'", (int)text->bytes, text->data, expected);
    text_clear(text, 0);
}

static void escapes_what_json_cannot_hold(void **state)
{
    static const struct {
        struct span bytes;
        const char *json;
    } rows[] = {
        { { "", 0 }, "\"\"" },
        { { "plain ~!", 8 }, "\"plain ~!\"" },
        { { "\"\\/", 3 }, "\"\\\"\\\\/\"" },
        { { "\b\f\n\r\t", 5 }, "\"\\b\\f\\n\\r\\t\"" },
        { { "\0\x01\x1f\x7f", 4 }, "\"\\u0000\\u0001\\u001f\\u007f\"" },
        { { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9 },
          "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { { "\xff", 1 }, "\"\\ufffd\"" },
        { { "a\xc3", 2 }, "\"a\\ufffd\"" },
        { { "\xc0\xaf", 2 }, "\"\\ufffd\\ufffd\"" },
        { { "\xed\xa0\x80", 3 }, "\"\\ufffd\\ufffd\\ufffd\"" },
        { { "\xf4\x90\x80\x80", 4 }, "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
        { { "\x80z", 2 }, "\"\\ufffdz\"" },
    };
    struct text text;

    (void)state;
    text_init(&text);
    for (size_t i = 0; i < ROWS(rows); i++) {
        text_put_json(&text, rows[i].bytes);
        expect_text(&text, rows[i].json);
    }
    text_deinit(&text);
}

/* Eight plain bytes are copied at a time: whatever is not plain must be seen at every place. */
static void escapes_each_byte_at_every_place(void **state)
{
    struct text text, alone;
    char bytes[20];

    (void)state;
    text_init(&text);
    text_init(&alone);
    for (unsigned c = 0; c < 256; c++) {
        char odd = (char)c;

        text_put_json(&alone, span_of(&odd, 1));
        for (size_t place = 0; place < sizeof(bytes); place++) {
            memset(bytes, 'a', sizeof(bytes));
            bytes[place] = odd;
            text_put_json(&text, span_of(bytes, sizeof(bytes)));
            assert_int_equal(text.bytes, sizeof(bytes) - 1 + alone.bytes);
            assert_memory_equal(text.data + 1 + place, alone.data + 1, alone.bytes - 2);
            assert_int_equal(text.data[text.bytes - 2],
                             place == 19 ? alone.data[alone.bytes - 2] : 'a');
            text_clear(&text, SIZE_MAX);
        }
        text_clear(&alone, SIZE_MAX);
    }
    text_deinit(&text);
    text_deinit(&alone);
}

static void writes_numbers_exactly(void **state)
{
    static const struct {
        uint64_t value;
        const char *digits;
        const char *seconds;
    } rows[] = {
        { 0, "0", "0.000000" },
        { 9, "9", "0.000000" },
        { 1999, "1999", "0.000001" },
        { 999999999, "999999999", "0.999999" },
        { 1000000000, "1000000000", "1.000000" },
        { 61013042999, "61013042999", "61.013042" },
        { UINT64_MAX, "18446744073709551615", "18446744073.709551" },
    };
    struct text text;

    (void)state;
    text_init(&text);
    for (size_t i = 0; i < ROWS(rows); i++) {
        text_put_u64(&text, rows[i].value);
        expect_text(&text, rows[i].digits);
        text_put_seconds(&text, rows[i].value);
        expect_text(&text, rows[i].seconds);
    }
    text_put_i64(&text, INT64_MIN);
    expect_text(&text, "-9223372036854775808");
    text_put_double(&text, 0.0 / 0.0 > 0 ? 1 : 1e300 * 1e300);
    expect_text(&text, "null");
    text_deinit(&text);
}

static void writes_numbers_of_every_length(void **state)
{
    uint64_t power = 1;
    char expected[40];
    struct text text;

    (void)state;
    text_init(&text);
    for (unsigned zeros = 0; zeros < 20; zeros++, power *= 10) {
        for (int distance = -1; distance <= 1; distance++) {
            uint64_t value = power + (uint64_t)(int64_t)distance;

            (void)snprintf(expected, sizeof(expected), "%llu", (unsigned long long)value);
            text_put_u64(&text, value);
            expect_text(&text, expected);
        }
    }
    text_deinit(&text);
}

static void base64_goes_both_ways(void **state)
{
    struct text coded, back;

    (void)state;
    text_init(&coded);
    text_init(&back);
    for (size_t bytes = 0; bytes < 10; bytes++) {
        struct span span = span_of("\x00\xff\x10\x80zyxwvu", bytes);

        text_put_base64(&coded, span);
        assert_true(text_put_base64_decoded(&back, text_span(&coded)));
        assert_true(span_equals(text_span(&back), span));
        text_clear(&coded, 0);
        text_clear(&back, 0);
    }
    assert_false(text_put_base64_decoded(&back, SPAN_LITERAL("AA=A")));
    assert_int_equal(back.bytes, 0);
    text_deinit(&coded);
    text_deinit(&back);
}

static const struct wire_result plain_result = {
    .status = 200,
    .version_major = 1,
    .version_minor = 1,
    .attempts = 1,
    .remote_port = 8080,
    .remote_family = 4,
    .remote_address = { 127, 0, 0, 1 },
    .wire_bytes = 12,
    .body_bytes = 12,
    .t0_ns = 5000000000,
    .queued_ns = 1000,
    .dns_ns = 3000,
    .connected_ns = 6000,
    .tls_ns = WIRE_NOT_REACHED,
    .sent_ns = 6500,
    .first_byte_ns = 1006500,
    .last_byte_ns = 1106500,
    .delivered_ns = 1107000,
};

static struct outcome ok_outcome(const struct wire_result *result)
{
    struct outcome o = {
        .number = 7,
        .url = SPAN_LITERAL("http://a.test:8080/x"),
        .result = result,
        .is_ok = true,
        .content_type = SPAN_LITERAL("text/plain"),
    };

    timing_of_result(result, &o.timing);
    return o;
}

static yyjson_doc *record_of(const struct outcome *o, struct text *text)
{
    struct record_clock clock;
    yyjson_doc *doc;

    record_clock_init(&clock, 0, 1700000000000000000ull);
    text_clear(text, 0);
    record_write_json(text, &clock, o);
    assert_int_equal(text->data[text->bytes - 1], '\n');
    assert_null(memchr(text->data, '\n', text->bytes - 1));
    doc = yyjson_read(text->data, text->bytes, 0);
    if (!doc)
        fail_msg("no JSON: %.*s", (int)text->bytes, text->data);
    return doc;
}

static void has_every_key_in_the_order_of_the_contract(void **state)
{
    static const char *const keys[] = {
        "id",
        "url",
        "effective_url",
        "method",
        "status",
        "ok",
        "error",
        "exitcode",
        "attempts",
        "redirects",
        "http_version",
        "remote_ip",
        "remote_port",
        "reused",
        "tls_resumed",
        "size_download",
        "size_wire",
        "content_type",
        "output",
        "hash",
        "redelivered",
        "time_queue",
        "time_namelookup",
        "time_connect",
        "time_appconnect",
        "time_pretransfer",
        "time_starttransfer",
        "time_total",
        "time_redirect",
        "service_ns",
        "response_ns",
        "late_ns",
        "phases",
        "t0_ns",
        "started_at",
        "tls_version",
        "tls_cipher",
    };
    struct outcome o = ok_outcome(&plain_result);
    struct text text = { 0 };
    yyjson_doc *doc = record_of(&o, &text);
    yyjson_val *key;
    size_t index, count;
    yyjson_val *value;

    (void)state;
    assert_int_equal(yyjson_obj_size(yyjson_doc_get_root(doc)), ROWS(keys));
    yyjson_obj_foreach(yyjson_doc_get_root(doc), index, count, key, value)
    {
        assert_non_null(value);
        assert_string_equal(yyjson_get_str(key), keys[index]);
    }
    yyjson_doc_free(doc);
    text_deinit(&text);
}

static void derives_times_from_offsets(void **state)
{
    struct outcome o = ok_outcome(&plain_result);
    struct text text = { 0 };
    yyjson_doc *doc = record_of(&o, &text);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *phases = yyjson_obj_get(root, "phases");

    (void)state;
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(root, "service_ns")), 1100000);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(root, "response_ns")), 1107000);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(phases, "queue")), 1000);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(phases, "dns")), 2000);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(phases, "connect")), 3000);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(phases, "tls")), 0);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(phases, "send")), 500);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(phases, "wait")), 1000000);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(phases, "receive")), 100000);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(phases, "deliver")), 500);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "started_at")),
                        "2023-11-14T22:13:25.000000Z");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "remote_ip")), "127.0.0.1");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "http_version")), "1.1");
    yyjson_doc_free(doc);
    text_deinit(&text);
}

/* What was not reached takes no time; the rest belongs to the phase of the failure. */
static void phases_of_a_failure_add_up_to_its_response_time(void **state)
{
    struct wire_result result = {
        .fault = FAULT_TIMEOUT_CONNECT,
        .fault_phase = PHASE_CONNECT,
        .queued_ns = 10,
        .dns_ns = 30,
        .connected_ns = WIRE_NOT_REACHED,
        .tls_ns = WIRE_NOT_REACHED,
        .sent_ns = WIRE_NOT_REACHED,
        .first_byte_ns = WIRE_NOT_REACHED,
        .last_byte_ns = WIRE_NOT_REACHED,
        .delivered_ns = 1000,
    };
    struct timing timing;
    uint64_t sum = 0;

    (void)state;
    timing_of_result(&result, &timing);
    for (unsigned i = 0; i < TIMING_PHASES; i++)
        sum += timing.phase_ns[i];
    assert_int_equal(sum, 1000);
    assert_int_equal(timing.response_ns, 1000);
    assert_int_equal(timing.phase_ns[PHASE_CONNECT - PHASE_QUEUE], 970);
    assert_int_equal(timing.service_ns, 0);
    result.fault = FAULT_TIMEOUT_FIRST_BYTE;
    result.fault_phase = PHASE_WAIT;
    result.connected_ns = 40;
    result.sent_ns = 50;
    timing_of_result(&result, &timing);
    assert_int_equal(timing.service_ns, 950);
    assert_int_equal(timing.phase_ns[PHASE_WAIT - PHASE_QUEUE], 950);
}

static void a_kept_connection_was_not_connected_again(void **state)
{
    struct wire_result result = plain_result;
    struct timing timing;

    (void)state;
    result.flags = WIRE_RESULT_REUSED;
    result.dns_ns = result.connected_ns = result.queued_ns;
    timing_of_result(&result, &timing);
    assert_int_equal(timing.namelookup_ns, 0);
    assert_int_equal(timing.connect_ns, 0);
    assert_int_equal(timing.phase_ns[PHASE_CONNECT - PHASE_QUEUE], 0);
    assert_int_equal(timing.pretransfer_ns, 6500);
}

static void a_failure_has_domain_code_phase_message_errno(void **state)
{
    struct wire_result result = { .delivered_ns = 5,
                                  .fault = FAULT_CONNECT_REFUSED,
                                  .fault_phase = PHASE_CONNECT,
                                  .fault_errno = 111 };
    struct outcome o = ok_outcome(&result);
    struct text text = { 0 };
    yyjson_val *root, *error;
    yyjson_doc *doc;

    (void)state;
    o.is_ok = false;
    o.fault = (struct fault){ .code = FAULT_CONNECT_REFUSED, .phase = PHASE_CONNECT, .error = 111 };
    o.message = SPAN_LITERAL("connection \"refused\"");
    o.label = SPAN_LITERAL("\"me\"");
    o.content_type.bytes = 0;
    doc = record_of(&o, &text);
    root = yyjson_doc_get_root(doc);
    error = yyjson_obj_get(root, "error");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "id")), "me");
    assert_false(yyjson_get_bool(yyjson_obj_get(root, "ok")));
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(root, "exitcode")), 7);
    assert_true(yyjson_is_null(yyjson_obj_get(root, "remote_ip")));
    assert_true(yyjson_is_null(yyjson_obj_get(root, "http_version")));
    assert_true(yyjson_is_null(yyjson_obj_get(root, "content_type")));
    assert_string_equal(yyjson_get_str(yyjson_obj_get(error, "domain")), "connect");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(error, "code")), "refused");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(error, "phase")), "connect");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(error, "message")), "connection \"refused\"");
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(error, "errno")), 111);
    yyjson_doc_free(doc);
    text_deinit(&text);
}

static void shows_the_url_that_was_fetched(void **state)
{
    static const struct {
        const char *url;
        const char *effective;
    } rows[] = {
        { "http://a/b", "http://a/b" },      { "http://a", "http://a/" },
        { "http://a?q=1", "http://a/?q=1" }, { "http://a/b#c", "http://a/b" },
        { "http://a#c", "http://a/" },       { "http://u:p@a/b@c?d@e", "http://a/b@c?d@e" },
        { "http://u@x:p@a", "http://a/" },   { "", "" },
    };
    struct text text = { 0 };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        record_put_effective_url(&text, span_of_string(rows[i].url));
        expect_text(&text, rows[i].effective);
    }
    text_deinit(&text);
}

static void puts_headers_and_bodies_at_the_end(void **state)
{
    char fields[256];
    size_t bytes = 0;
    struct outcome o = ok_outcome(&plain_result);
    struct text text = { 0 };
    yyjson_val *root, *headers;
    yyjson_doc *doc;

    (void)state;
    bytes += message_append_field(fields + bytes, SPAN_LITERAL("X-One"), SPAN_LITERAL("a\"b"));
    bytes += message_append_field(fields + bytes, SPAN_LITERAL("Two"), SPAN_LITERAL("1"));
    bytes += message_append_field(fields + bytes, SPAN_LITERAL("two"), SPAN_LITERAL("2"));
    o.has_headers = true;
    o.headers = span_of(fields, bytes);
    o.has_body = true;
    o.body = SPAN_LITERAL("h\n\xc3\xa4");
    doc = record_of(&o, &text);
    root = yyjson_doc_get_root(doc);
    headers = yyjson_obj_get(root, "headers");
    assert_int_equal(yyjson_obj_size(headers), 2);
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(headers, "/x-one/0")), "a\"b");
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(headers, "two")), 2);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "body")), "h\n\xc3\xa4");
    yyjson_doc_free(doc);
    o.body = SPAN_LITERAL("\xff\x00");
    o.headers.bytes = 0;
    doc = record_of(&o, &text);
    root = yyjson_doc_get_root(doc);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "body_base64")), "/wA=");
    assert_null(yyjson_obj_get(root, "body"));
    assert_int_equal(yyjson_obj_size(yyjson_obj_get(root, "headers")), 0);
    yyjson_doc_free(doc);
    text_deinit(&text);
}

static void keeps_what_a_slow_reader_does_not_take(void **state)
{
    struct output output;
    char piece[4096] = { 'x' };
    uint64_t total = 0;
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    output_init(&output, fds[1]);
    for (int i = 0; i < 100; i++)
        output_write(&output, span_of(piece, sizeof(piece)));
    output_flush(&output);
    assert_true(output_is_waiting(&output));
    assert_true(output_is_full(&output));
    while (output_is_waiting(&output)) {
        ssize_t got = read(fds[0], piece, sizeof(piece));

        assert_true(got > 0);
        total += (uint64_t)got;
        output_flush(&output);
    }
    assert_int_equal(output.written_bytes, 409600);
    assert_true(total <= 409600);
    (void)close(fds[0]);
    (void)signal(SIGPIPE, SIG_IGN);
    output_write(&output, SPAN_LITERAL("x"));
    output_flush(&output);
    assert_int_equal(output.error, EPIPE);
    assert_false(output_is_waiting(&output));
    output_deinit(&output);
    (void)close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_what_json_cannot_hold),
        cmocka_unit_test(escapes_each_byte_at_every_place),
        cmocka_unit_test(writes_numbers_exactly),
        cmocka_unit_test(writes_numbers_of_every_length),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(has_every_key_in_the_order_of_the_contract),
        cmocka_unit_test(derives_times_from_offsets),
        cmocka_unit_test(phases_of_a_failure_add_up_to_its_response_time),
        cmocka_unit_test(a_kept_connection_was_not_connected_again),
        cmocka_unit_test(a_failure_has_domain_code_phase_message_errno),
        cmocka_unit_test(shows_the_url_that_was_fetched),
        cmocka_unit_test(puts_headers_and_bodies_at_the_end),
        cmocka_unit_test(keeps_what_a_slow_reader_does_not_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
