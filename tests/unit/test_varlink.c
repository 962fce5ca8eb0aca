/*
 * Every call must be answered as the specification of Varlink says, or end the connection when it
 * is no call. How messages are cut from the stream is in test_varlink_reader.c.
 */
#include "varlink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct seen {
    unsigned calls_count;
    bool oneway;
    bool more;
    bool upgrade;
    bool has_parameters;
};

static void call_echo(void *ctx, const struct varlink_call *call, struct varlink_reply *reply)
{
    struct seen *seen = ctx;
    yyjson_val *text = yyjson_obj_get(call->parameters, "text");

    seen->calls_count++;
    seen->oneway = call->oneway;
    seen->more = call->more;
    seen->upgrade = call->upgrade;
    seen->has_parameters = call->parameters != NULL;
    reply->upgraded = call->upgrade;
    if (yyjson_is_str(text)) {
        reply->parameters = yyjson_mut_obj(reply->doc);
        yyjson_mut_obj_add_strn(reply->doc, reply->parameters, "text", yyjson_get_str(text),
                                yyjson_get_len(text));
    }
}

static void call_refuse(void *ctx, const struct varlink_call *call, struct varlink_reply *reply)
{
    (void)ctx;
    (void)call;
    reply->error_name = "io.haul.Test.Refused";
}

static void call_want_text(void *ctx, const struct varlink_call *call, struct varlink_reply *reply)
{
    (void)ctx;
    (void)call;
    varlink_refuse_parameter(reply, "text");
}

static void call_later(void *ctx, const struct varlink_call *call, struct varlink_reply *reply)
{
    struct seen *seen = ctx;

    seen->calls_count++;
    seen->oneway = call->oneway;
    reply->pending = seen;
}

static const struct varlink_interface interfaces[] = {
    { "io.haul.Test", "interface io.haul.Test\n" },
};

struct answer {
    enum varlink_outcome outcome;
    char *text; /* NULL for oneway */
    void *pending;
};

/* The message lies in an allocation of its exact size: it has no NUL to run into. */
static struct answer client_calls(struct seen *seen, const char *message, size_t bytes)
{
    const struct varlink_method methods[] = {
        { "io.haul.Test.Echo", call_echo, seen },
        { "io.haul.Test.Refuse", call_refuse, NULL },
        { "io.haul.Test.WantText", call_want_text, NULL },
        { "io.haul.Test.Later", call_later, seen },
    };
    const struct varlink_service service = {
        .vendor = "haul",
        .product = "hauld",
        .version = "9.9",
        .url = "https://haul.test/",
        .interfaces = interfaces,
        .interfaces_count = ROWS(interfaces),
        .methods = methods,
        .methods_count = ROWS(methods),
    };
    struct answer answer = { .text = NULL };
    char *copy = malloc(bytes ? bytes : 1);
    struct varlink_answer reply = { .text = NULL };

    assert_non_null(copy);
    memcpy(copy, message, bytes);
    answer.outcome = varlink_dispatch(&service, NULL, span_of(copy, bytes), &reply);
    free(copy);
    answer.text = reply.text;
    answer.pending = reply.pending;
    if (answer.text) {
        assert_int_equal(reply.bytes, strlen(answer.text) + 1);
        assert_int_equal(answer.text[reply.bytes - 1], 0);
    }
    return answer;
}

#define REFUSES(name, key, value)                                                                  \
    "{\"error\":\"org.varlink.service." name "\",\"parameters\":{\"" key "\":\"" value "\"}}"

static const struct {
    const char *call;
    const char *reply;
} answered[] = {
    /* what a method gives */
    { "{\"method\":\"io.haul.Test.Echo\"}", "{\"parameters\":{}}" },
    { "{\"method\":\"io.haul.Test.Echo\",\"parameters\":{\"text\":\"a\\u0000\\\"b\"}}",
      "{\"parameters\":{\"text\":\"a\\u0000\\\"b\"}}" },
    { " {\"method\" : \"io.haul.Test.Echo\", \"unknown\":[1] } ", "{\"parameters\":{}}" },
    { "{\"method\":\"io.haul.Test.Echo\",\"parameters\":null,\"more\":null}",
      "{\"parameters\":{}}" },
    { "{\"method\":\"io.haul.Test.Echo\",\"more\":true}", "{\"parameters\":{}}" },
    { "{\"method\":\"io.haul.Test.Refuse\"}",
      "{\"error\":\"io.haul.Test.Refused\",\"parameters\":{}}" },
    { "{\"method\":\"io.haul.Test.Refuse\",\"upgrade\":true}",
      "{\"error\":\"io.haul.Test.Refused\",\"parameters\":{}}" },
    { "{\"method\":\"io.haul.Test.WantText\"}", REFUSES("InvalidParameter", "parameter", "text") },

    /* the service itself */
    { "{\"method\":\"org.varlink.service.GetInfo\"}",
      "{\"parameters\":{\"vendor\":\"haul\",\"product\":\"hauld\",\"version\":\"9.9\",\"url\":"
      "\"https://haul.test/\",\"interfaces\":[\"org.varlink.service\",\"io.haul.Test\"]}}" },
    { "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{},\"upgrade\":true}",
      "{\"parameters\":{\"vendor\":\"haul\",\"product\":\"hauld\",\"version\":\"9.9\",\"url\":"
      "\"https://haul.test/\",\"interfaces\":[\"org.varlink.service\",\"io.haul.Test\"]}}" },
    { "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
      "{\"interface\":\"io.haul.Test\"}}",
      "{\"parameters\":{\"description\":\"interface io.haul.Test\\n\"}}" },
    { "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
      "{\"interface\":\"io.haul.Tes\"}}",
      REFUSES("InterfaceNotFound", "interface", "io.haul.Tes") },
    { "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
      REFUSES("InvalidParameter", "parameter", "interface") },
    { "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":"
      "{\"interface\":7}}",
      REFUSES("InvalidParameter", "parameter", "interface") },

    /* calls of what there is not */
    { "{\"method\":\"io.haul.Test.Ech\"}",
      REFUSES("MethodNotFound", "method", "io.haul.Test.Ech") },
    { "{\"method\":\"io.haul.Test.Echo2\"}",
      REFUSES("MethodNotFound", "method", "io.haul.Test.Echo2") },
    { "{\"method\":\"io.haul.Test.\"}", REFUSES("MethodNotFound", "method", "io.haul.Test.") },
    { "{\"method\":\"io.haul.Test.Echo\\u0000\"}",
      REFUSES("MethodNotFound", "method", "io.haul.Test.Echo\\u0000") },
    { "{\"method\":\"org.varlink.service.GetAll\"}",
      REFUSES("MethodNotFound", "method", "org.varlink.service.GetAll") },
    { "{\"method\":\"io.haul.Other.Echo\"}",
      REFUSES("InterfaceNotFound", "interface", "io.haul.Other") },
    { "{\"method\":\"io.haul.Test\"}", REFUSES("InterfaceNotFound", "interface", "io.haul") },
    { "{\"method\":\"Echo\"}", REFUSES("InvalidParameter", "parameter", "method") },
    { "{\"method\":\".Echo\"}", REFUSES("InvalidParameter", "parameter", "method") },
    { "{\"method\":\"\"}", REFUSES("InvalidParameter", "parameter", "method") },

    /* wrong types around the method */
    { "{\"method\":\"io.haul.Test.Echo\",\"parameters\":[]}",
      REFUSES("InvalidParameter", "parameter", "parameters") },
    { "{\"method\":\"io.haul.Test.Echo\",\"parameters\":\"x\"}",
      REFUSES("InvalidParameter", "parameter", "parameters") },
    { "{\"method\":\"io.haul.Test.Echo\",\"more\":1}",
      REFUSES("InvalidParameter", "parameter", "more") },
    { "{\"method\":\"io.haul.Test.Echo\",\"oneway\":\"true\"}",
      REFUSES("InvalidParameter", "parameter", "oneway") },
    { "{\"method\":\"io.haul.Test.Echo\",\"upgrade\":{}}",
      REFUSES("InvalidParameter", "parameter", "upgrade") },
};

static void answers_every_call_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(answered); i++) {
        struct seen seen = { 0 };
        struct answer answer = client_calls(&seen, answered[i].call, strlen(answered[i].call));

        assert_int_equal(answer.outcome, VARLINK_REPLIED);
        assert_non_null(answer.text);
        assert_string_equal(answer.text, answered[i].reply);
        free(answer.text);
    }
}

static const struct span no_calls[] = {
    SPAN_LITERAL(""),
    SPAN_LITERAL(" "),
    SPAN_LITERAL("{"),
    SPAN_LITERAL("{}"),
    SPAN_LITERAL("[]"),
    SPAN_LITERAL("[\"method\"]"),
    SPAN_LITERAL("\"io.haul.Test.Echo\""),
    SPAN_LITERAL("null"),
    SPAN_LITERAL("{\"method\":null}"),
    SPAN_LITERAL("{\"method\":7}"),
    SPAN_LITERAL("{\"Method\":\"io.haul.Test.Echo\"}"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.Echo\"} {}"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.Echo\",}"),
    SPAN_LITERAL("{'method':'io.haul.Test.Echo'}"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.Echo\" // comment\n}"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.\xff\"}"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.\nEcho\"}"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.\\ud800\"}"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.Echo"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.Echo\\"),
    SPAN_LITERAL("\xef\xbb\xbf{\"method\":\"io.haul.Test.Echo\"}"),
    SPAN_LITERAL("GET / HTTP/1.1\r\n\r\n"),
    SPAN_LITERAL("{\"method\":\"io.haul.Test.Echo\"}\0"),
    SPAN_LITERAL("]]]}}}"),
};

static void ends_the_connection_on_what_is_no_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(no_calls); i++) {
        struct seen seen = { 0 };
        struct answer answer = client_calls(&seen, no_calls[i].data, no_calls[i].bytes);

        if (answer.outcome != VARLINK_INVALID)
            print_message("%s\n", no_calls[i].data);
        assert_int_equal(answer.outcome, VARLINK_INVALID);
        assert_null(answer.text);
        assert_int_equal(seen.calls_count, 0);
    }
}

static void runs_a_oneway_call_without_a_reply(void **state)
{
    static const char *const calls[] = {
        "{\"method\":\"io.haul.Test.Echo\",\"oneway\":true}",
        "{\"method\":\"io.haul.Test.Echo\",\"oneway\":true,\"upgrade\":true}",
        "{\"method\":\"io.haul.Test.Echo\",\"oneway\":true,\"more\":true}",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(calls); i++) {
        struct seen seen = { 0 };
        struct answer answer = client_calls(&seen, calls[i], strlen(calls[i]));

        assert_int_equal(answer.outcome, VARLINK_REPLIED);
        assert_null(answer.text);
        assert_int_equal(seen.calls_count, 1);
        assert_true(seen.oneway);
        assert_false(seen.upgrade);
    }
}

static void drops_errors_of_oneway_calls_too(void **state)
{
    const char *call = "{\"method\":\"io.haul.Nowhere.X\",\"oneway\":true}";
    struct seen seen = { 0 };
    struct answer answer = client_calls(&seen, call, strlen(call));

    (void)state;
    assert_int_equal(answer.outcome, VARLINK_REPLIED);
    assert_null(answer.text);
}

static void hands_over_what_a_method_leaves_to_answer_later(void **state)
{
    static const char *const calls[] = {
        "{\"method\":\"io.haul.Test.Later\"}",
        "{\"method\":\"io.haul.Test.Later\",\"oneway\":true}",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(calls); i++) {
        struct seen seen = { 0 };
        struct answer answer = client_calls(&seen, calls[i], strlen(calls[i]));

        assert_int_equal(answer.outcome, VARLINK_PENDING);
        assert_null(answer.text);
        assert_ptr_equal(answer.pending, &seen);
        assert_int_equal(seen.oneway, i == 1);
    }
}

static void a_late_reply_is_written_as_any(void **state)
{
    struct varlink_reply reply = { .doc = yyjson_mut_doc_new(NULL) };
    size_t bytes = 0;
    char *text;

    (void)state;
    text = varlink_write_reply(&reply, &bytes);
    assert_string_equal(text, "{\"parameters\":{}}");
    assert_int_equal(bytes, strlen(text) + 1);
    free(text);
    reply.error_name = "io.haul.Test.Failed";
    reply.error_parameters = yyjson_mut_obj(reply.doc);
    yyjson_mut_obj_add_uint(reply.doc, reply.error_parameters, "n", 7);
    text = varlink_write_reply(&reply, &bytes);
    assert_string_equal(text, "{\"error\":\"io.haul.Test.Failed\",\"parameters\":{\"n\":7}}");
    free(text);
    yyjson_mut_doc_free(reply.doc);
}

static void upgrades_when_the_method_takes_the_connection(void **state)
{
    const char *call = "{\"method\":\"io.haul.Test.Echo\",\"upgrade\":true}";
    struct seen seen = { 0 };
    struct answer answer = client_calls(&seen, call, strlen(call));

    (void)state;
    assert_int_equal(answer.outcome, VARLINK_UPGRADED);
    assert_string_equal(answer.text, "{\"parameters\":{}}");
    assert_true(seen.upgrade);
    free(answer.text);
}

static void tells_the_method_what_was_asked(void **state)
{
    const char *call = "{\"method\":\"io.haul.Test.Echo\",\"more\":true,\"parameters\":{}}";
    struct seen seen = { 0 };
    struct answer answer = client_calls(&seen, call, strlen(call));

    (void)state;
    assert_true(seen.more && seen.has_parameters);
    assert_false(seen.oneway || seen.upgrade);
    free(answer.text);
}

/* Calls with parameters nested this deep, the call's own two objects included. */
static enum varlink_outcome call_nested(unsigned depth, char open, char close)
{
    const char *head = "{\"method\":\"io.haul.Test.Echo\",\"parameters\":{\"a\":";
    size_t levels = depth - 2;
    size_t head_bytes = strlen(head);
    size_t level_bytes = open == '{' ? 5 : 1; /* {"a": */
    char *call = malloc(head_bytes + levels * (level_bytes + 1) + 8);
    char *at = call + head_bytes;
    struct seen seen = { 0 };
    struct answer answer;

    assert_non_null(call);
    memcpy(call, head, head_bytes);
    for (size_t i = 0; i < levels; i++) {
        memcpy(at, open == '{' ? "{\"a\":" : "[", level_bytes);
        at += level_bytes;
    }
    *at++ = '0';
    memset(at, close, levels);
    at += levels;
    memcpy(at, "}}", 2);
    answer = client_calls(&seen, call, (size_t)(at + 2 - call));
    free(answer.text);
    free(call);
    return answer.outcome;
}

static void bounds_the_depth(void **state)
{
    static const unsigned too_deep[] = { WIRE_VARLINK_DEPTH_MAX + 1, 100, 150000 };

    (void)state;
    for (unsigned depth = 2; depth <= WIRE_VARLINK_DEPTH_MAX; depth++) {
        assert_int_equal(call_nested(depth, '[', ']'), VARLINK_REPLIED);
        assert_int_equal(call_nested(depth, '{', '}'), VARLINK_REPLIED);
    }
    for (size_t i = 0; i < ROWS(too_deep); i++) {
        assert_int_equal(call_nested(too_deep[i], '[', ']'), VARLINK_INVALID);
        assert_int_equal(call_nested(too_deep[i], '{', '}'), VARLINK_INVALID);
    }
}

static void counts_no_brackets_inside_strings(void **state)
{
    static const char *const calls[] = {
        "{\"method\":\"io.haul.Test.Echo\",\"x\":\"[[[[[[[[[[[[[[[[[[[[[[[[\"}",
        "{\"method\":\"io.haul.Test.Echo\",\"x\":\"\\\"{{{{{{{{{{{{{{{{{{{{{\"}",
        "{\"method\":\"io.haul.Test.Echo\",\"x\":\"\\\\\",\"y\":\"{{{{{{{{{{{{{{{{{{{{{\"}",
        "{\"method\":\"io.haul.Test.Echo\",\"x\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}",
    };

    (void)state;
    for (size_t i = 0; i < ROWS(calls); i++) {
        struct seen seen = { 0 };
        struct answer answer = client_calls(&seen, calls[i], strlen(calls[i]));

        assert_int_equal(answer.outcome, VARLINK_REPLIED);
        assert_int_equal(seen.calls_count, 1);
        free(answer.text);
    }
}

static void describes_its_own_interface(void **state)
{
    const char *call = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                       "\"parameters\":{\"interface\":\"org.varlink.service\"}}";
    struct seen seen = { 0 };
    struct answer answer = client_calls(&seen, call, strlen(call));

    (void)state;
    assert_int_equal(answer.outcome, VARLINK_REPLIED);
    assert_non_null(strstr(answer.text, "interface org.varlink.service\\n"));
    assert_non_null(strstr(answer.text, "method GetInfo() -> ("));
    assert_non_null(strstr(answer.text, "error InvalidParameter (parameter: string)"));
    free(answer.text);
}

/* ---- the client's side ---- */

static void formats_calls_that_dispatch_understands(void **state)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *parameters = yyjson_mut_obj(doc);
    size_t bytes = 0;
    char *call;

    (void)state;
    yyjson_mut_obj_add_str(doc, parameters, "text", "hi");
    call = varlink_format_call("io.haul.Test.Echo", doc, parameters, true, &bytes);
    assert_string_equal(call, "{\"method\":\"io.haul.Test.Echo\",\"parameters\":{\"text\":\"hi\"},"
                              "\"upgrade\":true}");
    assert_int_equal(bytes, strlen(call) + 1);
    free(call);
    yyjson_mut_doc_free(doc);

    call = varlink_format_call("org.varlink.service.GetInfo", NULL, NULL, false, &bytes);
    assert_string_equal(call, "{\"method\":\"org.varlink.service.GetInfo\"}");
    assert_int_equal(bytes, strlen(call) + 1);
    free(call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_every_call_once),
        cmocka_unit_test(ends_the_connection_on_what_is_no_call),
        cmocka_unit_test(runs_a_oneway_call_without_a_reply),
        cmocka_unit_test(drops_errors_of_oneway_calls_too),
        cmocka_unit_test(hands_over_what_a_method_leaves_to_answer_later),
        cmocka_unit_test(a_late_reply_is_written_as_any),
        cmocka_unit_test(upgrades_when_the_method_takes_the_connection),
        cmocka_unit_test(tells_the_method_what_was_asked),
        cmocka_unit_test(bounds_the_depth),
        cmocka_unit_test(counts_no_brackets_inside_strings),
        cmocka_unit_test(describes_its_own_interface),
        cmocka_unit_test(formats_calls_that_dispatch_understands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
