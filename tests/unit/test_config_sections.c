/*
 * Sections, and where each setting is from: what an administrator sets for one origin holds for it,
 * and what is printed says which file to change.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void parse_over(struct config *config, const char *name, const char *text)
{
    struct config_trouble trouble = { "" };

    if (config_parse(config, span_of_string(text), name, &trouble) != CONFIG_OK)
        fail_msg("%s", trouble.text);
}

static void an_origin_is_known_by_scheme_host_and_port(void **state)
{
    static struct config config;

    (void)state;
    config_init_defaults(&config);
    parse_over(&config, "a",
               "MaxPerOrigin=3\n"
               "[Origin \"https://API.example.com\"]\n"
               "MaxConnections=4\n"
               "[Origin \"http://api.example.com:8080/\"]\nrate=6/m\n"
               "[Hauld]\nConcurrency=7\n"
               "  [Origin   \"https://api.example.com:443\"  ]  \r\n"
               "Rate=10\n");
    assert_int_equal(config.per_origin_default, 3);
    assert_int_equal(config.concurrency_default, 7);
    assert_int_equal(config.origins_count, 2);
    assert_string_equal(config.origins[0].host, "api.example.com");
    assert_int_equal(config.origins[0].port, 443);
    assert_int_equal(config.origins[0].scheme, URL_HTTPS);
    assert_int_equal(config.origins[0].active_max, 4);
    assert_true(config.origins[0].rate_uhz == 10000000);
    assert_int_equal(config.origins[1].port, 8080);
    assert_true(config.origins[1].rate_uhz == 100000);
    assert_int_equal(config.origins[1].places[CONFIG_ORIGIN_CONNECTIONS].source, 0);
}

static void each_file_begins_in_the_section_of_all(void **state)
{
    static struct config config;

    (void)state;
    config_init_defaults(&config);
    parse_over(&config, "a", "[Origin \"http://a\"]\nRate=1\n");
    parse_over(&config, "b", "MaxConnections=9\n");
    assert_int_equal(config.connections_max, 9);
    assert_int_equal(config.origins[0].active_max, 0);
}

static void refuses_sections_with_the_place_and_the_cure(void **state)
{
    static const char *const rows[][2] = {
        { "\n[Origin]\n", "t:2: [Origin]: expected [Hauld] or [Origin \"https://HOST\"]" },
        { "[Origin https://a]\n", "expected [Hauld] or [Origin \"https://HOST\"]" },
        { "[Origin \"]\n", "expected [Hauld] or" },
        { "[Origin \"https://a\"\n", "expected [Hauld] or" },
        { "[origin \"https://a\"]\n", "expected [Hauld] or" },
        { "[Origin \"a\"]\n", "t:1: a: an origin begins with http:// or https://" },
        { "[Origin \"\"]\n", "an origin begins with http://" },
        { "[Origin \"ftp://a\"]\n", "t:1: ftp://a: " },
        { "[Origin \"https://a:0\"]\n", "t:1: https://a:0: " },
        { "[Origin \"https://u:p@a\"]\n", "an origin is scheme, host and port" },
        { "[Origin \"https://a/x\"]\n", "an origin is scheme, host and port" },
        { "[Origin \"https://a/?x\"]\n", "an origin is scheme, host and port" },
        { "[Origin \"https://a\"]\nLogLevel=info\n", "t:2: LogLevel: unknown key" },
        { "[Origin \"https://a\"]\nMaxConnection=1\n", "did you mean MaxConnections=?" },
        { "[Origin \"https://a\"]\nRate=fast\n", "t:2: Rate=fast: expected a rate" },
        { "[Hauld]\nRate=1\n", "t:2: Rate: unknown key" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct config config, before;
        struct config_trouble trouble = { "" };

        config_init_defaults(&config);
        before = config;
        assert_int_equal(config_parse(&config, span_of_string(rows[i][0]), "t", &trouble),
                         CONFIG_BAD);
        if (!strstr(trouble.text, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], trouble.text);
        assert_memory_equal(&config, &before, sizeof(config));
    }
}

static void there_is_a_bound_of_origins_and_of_sources(void **state)
{
    static struct config config;
    struct config_trouble trouble = { "" };
    char text[80];

    (void)state;
    config_init_defaults(&config);
    for (unsigned i = 0; i < CONFIG_ORIGINS_MAX + 6; i++) {
        (void)snprintf(text, sizeof(text), "[Origin \"http://a%u\"]\nRate=1\n", i);
        if (i < CONFIG_ORIGINS_MAX)
            parse_over(&config, text, text);
        else
            assert_int_equal(config_parse(&config, span_of_string(text), "t", &trouble),
                             CONFIG_BAD);
    }
    assert_non_null(strstr(trouble.text, "too many origins"));
    assert_int_equal(config.sources_count, CONFIG_SOURCES_MAX);
}

static void prints_where_each_setting_is_from(void **state)
{
    static struct config config, again;
    struct config_trouble trouble;
    static char text[16384], text_again[16384];

    (void)state;
    config_init_defaults(&config);
    parse_over(&config, "/etc/a.conf",
               "\n# of us all\nMaxPerOrigin=3\nConcurrency=9\nConcurrency=\n"
               "[Origin \"https://[::1]:8443\"]\nRate=6/m\n");
    parse_over(&config, "/etc/b.conf", "[Origin \"https://[::1]:8443\"]\n\nMaxConnections=2\n");
    assert_int_equal(config_set(&config, "Workers", SPAN_LITERAL("1"), "--workers", &trouble),
                     CONFIG_OK);
    (void)config_print(&config, text, sizeof(text));
    for (size_t i = 0; i < 5; i++) {
        static const char *const parts[] = {
            "[Hauld]\n# default\nSocket=\n# --workers\nWorkers=1\n# default\nLogLevel=info\n",
            "\n# /etc/a.conf:3\nMaxPerOrigin=3\n# default\nMaxPerOriginTotal=0\n",
            "\nConcurrency=100\n", /* an empty value: nothing of it is left */
            "\n[Origin \"https://[::1]:8443\"]\n",
            "\n# /etc/b.conf:3\nMaxConnections=2\n# /etc/a.conf:7\nRate=6/m\n",
        };

        if (!strstr(text, parts[i]))
            fail_msg("'%s' is not in:\n%s", parts[i], text);
    }
    config_init_defaults(&again);
    parse_over(&again, "printed", text);
    assert_int_equal(again.origins_count, 1);
    assert_int_equal(again.origins[0].active_max, 2);
    (void)config_print(&again, text_again, sizeof(text_again));
    assert_non_null(strstr(text_again, "[Origin \"https://[::1]:8443\"]"));
}

static void names_what_only_a_restart_can_change(void **state)
{
    static struct config now, next;

    (void)state;
    config_init_defaults(&now);
    next = now;
    parse_over(&next, "a", "MaxPerOrigin=3\nLogLevel=debug\n[Origin \"http://a\"]\nRate=1\n");
    assert_null(config_find_fixed(&now, &next));
    parse_over(&next, "a", "HostsFile=/a/longer/path\nHostsFile=/etc/hosts\n");
    assert_null(config_find_fixed(&now, &next));
    parse_over(&next, "a", "HostsFile=/x\n");
    assert_string_equal(config_find_fixed(&now, &next), "HostsFile");
    parse_over(&next, "a", "HostsFile=\n");
    assert_null(config_find_fixed(&now, &next));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_is_known_by_scheme_host_and_port),
        cmocka_unit_test(each_file_begins_in_the_section_of_all),
        cmocka_unit_test(refuses_sections_with_the_place_and_the_cure),
        cmocka_unit_test(there_is_a_bound_of_origins_and_of_sources),
        cmocka_unit_test(prints_where_each_setting_is_from),
        cmocka_unit_test(names_what_only_a_restart_can_change),
    };

    return cmocka_run_group_tests_name("config_sections", tests, NULL, NULL);
}
