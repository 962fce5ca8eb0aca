/*
 * The Varlink side of a session: what methods answer, what upgrades, what ends the connection.
 */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void calls(struct scene *t, const char *text)
{
    t->client->varlink[0] = '\0';
    client_says(t, span_of(text, strlen(text) + 1));
}

static void is_answered(const struct scene *t, const char *part)
{
    if (!strstr(t->client->varlink, part))
        fail_msg("%s is not in %s", part, t->client->varlink);
}

static void tells_what_it_is_and_speaks(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    calls(t, "{\"method\":\"org.varlink.service.GetInfo\"}");
    is_answered(t, "\"product\":\"hauld\"");
    is_answered(t, "\"io.haul.Manager\"");
    is_answered(t, "\"io.haul.Stream\"");
    calls(t, "{\"method\":\"io.haul.Manager.Describe\"}");
    is_answered(t, "\"uptime_ns\":");
    assert_false(t->client->is_stream);
}

/* The descriptions parse by eye of a machine: each method named there is in the table. */
static void describes_the_methods_it_has(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    calls(t, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
             "\"parameters\":{\"interface\":\"io.haul.Stream\"}}");
    is_answered(t, "method Open(");
    is_answered(t, "error VersionMismatch");
    calls(t, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
             "\"parameters\":{\"interface\":\"io.haul.Manager\"}}");
    is_answered(t, "method Describe()");
}

static void refuses_to_open_a_stream_with_a_reason_and_stays(void **state)
{
    static const struct {
        const char *call;
        const char *error;
    } rows[] = {
        { "{\"method\":\"io.haul.Stream.Open\",\"upgrade\":true}", "InvalidParameter" },
        { "{\"method\":\"io.haul.Stream.Open\",\"parameters\":{\"version\":\"1\"},"
          "\"upgrade\":true}",
          "InvalidParameter" },
        { "{\"method\":\"io.haul.Stream.Open\",\"parameters\":{\"version\":-1},\"upgrade\":true}",
          "InvalidParameter" },
        { "{\"method\":\"io.haul.Stream.Open\",\"parameters\":{\"version\":1,\"features\":3},"
          "\"upgrade\":true}",
          "InvalidParameter" },
        { "{\"method\":\"io.haul.Stream.Open\",\"parameters\":{\"version\":2},\"upgrade\":true}",
          "io.haul.Stream.VersionMismatch\",\"parameters\":{\"version\":1}" },
        { "{\"method\":\"io.haul.Stream.Open\",\"parameters\":{\"version\":1}}",
          "io.haul.Stream.UpgradeRequired" },
        { "{\"method\":\"io.haul.Stream.Close\"}", "MethodNotFound" },
        { "{\"method\":\"io.haul.Nothing.Open\"}", "InterfaceNotFound" },
    };
    struct scene *t = *state;

    client_connects(t);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        calls(t, rows[i].call);
        is_answered(t, rows[i].error);
        assert_false(t->client->is_stream);
    }
    client_opens_stream(t); /* it may try again */
}

static void opens_a_stream_with_its_first_grants(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    calls(t, "{\"method\":\"io.haul.Stream.Open\",\"parameters\":{\"version\":1,"
             "\"features\":[\"flying\"]},\"upgrade\":true}");
    is_answered(t, "\"version\":1");
    is_answered(t, "\"features\":[]");
    is_answered(t, "\"slots\":65536");
    is_answered(t, "\"body_window\":4194304");
    is_answered(t, "\"frame_bytes_max\":1048576");
    client_pings(t, 5);
    assert_int_equal(t->client->last_pong_id, 5);
}

static void bytes_behind_the_call_belong_to_the_stream(void **state)
{
    static const char call[] = "{\"method\":\"io.haul.Stream.Open\",\"parameters\":"
                               "{\"version\":1},\"upgrade\":true}\0"
                               "\x10\0\0\0\x07\0\0\0\x2a\0\0\0\0\0\0\0";
    struct scene *t = *state;

    client_connects(t);
    client_says(t, span_of(call, sizeof(call) - 1));
    assert_int_equal(t->client->last_pong_id, 42);
}

static void however_the_call_is_cut_it_is_the_same(void **state)
{
    static const char call[] = "{\"method\":\"io.haul.Stream.Open\",\"parameters\":"
                               "{\"version\":1},\"upgrade\":true}\0"
                               "\x10\0\0\0\x07\0\0\0\x2a\0\0\0\0\0\0\0";
    struct scene *t = *state;

    client_connects(t);
    for (size_t i = 0; i < sizeof(call) - 1; i++)
        client_says(t, span_of(call + i, 1));
    assert_true(t->client->is_stream);
    assert_int_equal(t->client->last_pong_id, 42);
}

static void what_is_no_call_ends_the_connection(void **state)
{
    static const char *const rows[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"method\":1}",
        "{\"method\":\"a.b\",\"parameters\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scene t;

        scene_begin(&t, &(struct scene_options){ 0 });
        client_connects(&t);
        calls(&t, rows[i]);
        assert_false(client_is_connected(&t));
        assert_string_equal(t.client->varlink, "");
        scene_end(&t);
    }
}

static void a_oneway_call_is_not_answered(void **state)
{
    struct scene *t = *state;

    client_connects(t);
    calls(t, "{\"method\":\"io.haul.Manager.Describe\",\"oneway\":true}");
    assert_string_equal(t->client->varlink, "");
    assert_true(client_is_connected(t));
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SCENE(tells_what_it_is_and_speaks),
        SCENE(describes_the_methods_it_has),
        SCENE(refuses_to_open_a_stream_with_a_reason_and_stays),
        SCENE(opens_a_stream_with_its_first_grants),
        SCENE(bytes_behind_the_call_belong_to_the_stream),
        SCENE(however_the_call_is_cut_it_is_the_same),
        cmocka_unit_test(what_is_no_call_ends_the_connection),
        SCENE(a_oneway_call_is_not_answered),
    };
#undef SCENE

    return cmocka_run_group_tests(tests, NULL, NULL);
}
