/*
 * Settings: what a user writes is what the daemon gets, and everything doubtful is refused with
 * the place and the cure.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct config parsed(const char *text)
{
    struct config_trouble trouble = { "" };
    struct config config;

    config_init_defaults(&config);
    if (config_parse(&config, span_of_string(text), "test.conf", &trouble) != CONFIG_OK)
        fail_msg("%s", trouble.text);
    return config;
}

static const char *refused(const char *text, struct config_trouble *trouble)
{
    struct config config, before;

    config_init_defaults(&config);
    before = config;
    trouble->text[0] = '\0';
    if (config_parse(&config, span_of_string(text), "test.conf", trouble) != CONFIG_BAD)
        fail_msg("accepted: %s", text);
    assert_memory_equal(&config, &before, sizeof(config));
    return trouble->text;
}

static void defaults_are_those_of_the_design(void **state)
{
    struct config config = parsed("");

    (void)state;
    assert_int_equal(config.per_origin_default, 16);
    assert_int_equal(config.per_origin_total_max, 0);
    assert_int_equal(config.origin_rate_uhz, 0);
    assert_int_equal(config.connections_max, 0);
    assert_int_equal(config.concurrency_default, 100);
    assert_int_equal(config.log_level, 6);
    assert_true(config.item_time_max_ns == 24ull * 3600 * 1000000000);
    assert_true(config.dns_timeout_ns == 5000000000);
    assert_true(config.connect_timeout_ns == 10000000000);
    assert_true(config.tls_timeout_ns == 10000000000);
    assert_true(config.first_byte_timeout_ns == 60000000000);
    assert_true(config.idle_timeout_ns == 60000000000);
    assert_true(config.frame_timeout_ns == 10000000000);
    assert_true(config.slow_reader_timeout_ns == 30000000000);
    assert_true(config.sink_timeout_ns == 30000000000);
    assert_true(config.pool_idle_timeout_ns == 30000000000);
    assert_true(config.writer_queue_bytes_max == 16 << 20);
    assert_string_equal(config.hosts_path, "/etc/hosts");
    assert_string_equal(config.socket_path, "");
    assert_string_equal(config.dns_servers, "");
    assert_string_equal(config.unix_upstreams, "");
    assert_string_equal(config.denials, "");
    assert_int_equal(config.isolation, CONFIG_ISOLATION_AUTO);
}

static void reads_comments_sections_blanks_and_any_case(void **state)
{
    struct config config = parsed("# a comment\n"
                                  "; another\n"
                                  "\n"
                                  "  [Hauld]  \r\n"
                                  "\tMaxConnections =  10k \r\n"
                                  "maxperorigin=8\n"
                                  "ConnectTimeout=1500ms\n"
                                  "DnsTimeout=2\n"
                                  "Socket=/run/with blank/x=y\n"
                                  "LogLevel=Debug");

    (void)state;
    assert_int_equal(config.connections_max, 10000);
    assert_int_equal(config.per_origin_default, 8);
    assert_true(config.connect_timeout_ns == 1500000000);
    assert_true(config.dns_timeout_ns == 2000000000);
    assert_string_equal(config.socket_path, "/run/with blank/x=y");
    assert_int_equal(config.log_level, 7);
}

static void last_line_counts_and_empty_is_the_default_again(void **state)
{
    struct config config = parsed("MaxPerOrigin=1\nMaxPerOrigin=2\nIdleTimeout=1s\nIdleTimeout=\n"
                                  "HostsFile=/x\nHostsFile=\nSocket=/y\nSocket=\n");

    (void)state;
    assert_int_equal(config.per_origin_default, 2);
    assert_true(config.idle_timeout_ns == 60000000000);
    assert_string_equal(config.hosts_path, "/etc/hosts");
    assert_string_equal(config.socket_path, "");
}

static void lists_grow_line_by_line_and_empty_clears_them(void **state)
{
    struct config config = parsed("DNSServers=127.0.0.1:5353, ::1\nDNSServers=9.9.9.9\n"
                                  "UnixUpstreams=/a /b\nUnixUpstreams=\nUnixUpstreams=/c\t/d\n");

    (void)state;
    assert_string_equal(config.dns_servers, "127.0.0.1:5353,::1,9.9.9.9");
    assert_string_equal(config.unix_upstreams, "/c /d");
}

static void second_file_overrides_the_first(void **state)
{
    struct config_trouble trouble;
    struct config config = parsed("MaxPerOrigin=1\nConcurrency=7\n");

    (void)state;
    assert_int_equal(config_parse(&config, SPAN_LITERAL("MaxPerOrigin=3\n"), "b.conf", &trouble),
                     CONFIG_OK);
    assert_int_equal(config.per_origin_default, 3);
    assert_int_equal(config.concurrency_default, 7);
}

static void denies_addresses_to_all_or_to_user_ids(void **state)
{
    static const struct {
        const char *text;
        uint32_t uid;
        bool is_denied;
    } rows[] = {
        { "", 0, false },
        { "DenyAddresses=Private\n", 0, true },
        { "DenyAddresses=private\n", UINT32_MAX, true },
        { "DenyAddresses=none\n", 7, false },
        { "DenyAddresses=private\nDenyAddresses=none\n", 7, false },
        { "DenyAddresses=private\nDenyAddresses=\n", 7, false },
        { "DenyAddresses=private:7 None private:8\n", 7, false },
        { "DenyAddresses=private:7 None private:8\n", 8, true },
        { "DenyAddresses=private:1000\n", 999, false },
        { "DenyAddresses=private:1000\n", 1000, true },
        { "DenyAddresses=private:1000\n", 1001, false },
        { "DenyAddresses=private:1000-1010\n", 999, false },
        { "DenyAddresses=private:1000-1010\n", 1000, true },
        { "DenyAddresses=private:1000-1010\n", 1010, true },
        { "DenyAddresses=private:1000-1010\n", 1011, false },
        { "DenyAddresses=private:0\tprivate:7\nDenyAddresses=private:9-9\n", 0, true },
        { "DenyAddresses=private:0\tprivate:7\nDenyAddresses=private:9-9\n", 8, false },
        { "DenyAddresses=private:0\tprivate:7\nDenyAddresses=private:9-9\n", 9, true },
        { "DenyAddresses=private:0-4294967294\n", 4294967294, true },
    };
    struct config_trouble trouble;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config config = parsed(rows[i].text);

        if (config_denies_private(&config, rows[i].uid) != rows[i].is_denied)
            fail_msg("row %zu", i);
        assert_int_equal(config_parse(&config, SPAN_LITERAL("DenyAddresses=both\n"), "b", &trouble),
                         CONFIG_BAD);
        assert_int_equal(config_denies_private(&config, rows[i].uid), rows[i].is_denied);
    }
}

static void what_names_nobody_denies_nothing(void **state)
{
    static const char *const rows[] = { "public",
                                        "privat",
                                        "privates",
                                        "private:",
                                        "private:x",
                                        "private:-1",
                                        "private:1-",
                                        "private:-",
                                        "private:2-1",
                                        "private:1-2-3",
                                        "private:1,private:2",
                                        "private:+1",
                                        "private-1",
                                        "private:0x10",
                                        "private:4294967295",
                                        "private:1-9999999999",
                                        "private:99999999999",
                                        "private 10.0.0.0/8",
                                        ":1000",
                                        "none:1",
                                        "private:1:2" };
    struct config_trouble trouble;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[80];

        (void)snprintf(text, sizeof(text), "DenyAddresses=%s", rows[i]);
        if (!strstr(refused(text, &trouble), "expected none, private, private:UID or private:UID"))
            fail_msg("%s: %s", rows[i], trouble.text);
    }
}

static void unix_upstreams_match_whole_paths_only(void **state)
{
    struct config config = parsed("UnixUpstreams=/run/a.sock /run/b.sock\n");

    (void)state;
    assert_true(config_allows_unix_upstream(&config, SPAN_LITERAL("/run/a.sock")));
    assert_true(config_allows_unix_upstream(&config, SPAN_LITERAL("/run/b.sock")));
    assert_false(config_allows_unix_upstream(&config, SPAN_LITERAL("/run/b.soc")));
    assert_false(config_allows_unix_upstream(&config, SPAN_LITERAL("/run/a.sock /run/b.sock")));
    assert_false(config_allows_unix_upstream(&config, SPAN_LITERAL("")));
}

static void refuses_with_the_place_and_the_cure(void **state)
{
    static const struct {
        const char *text;
        const char *trouble;
    } rows[] = {
        { "\n\nBogus=1\n", "test.conf:3: Bogus: unknown key; see hauld.conf(5)" },
        { "MaxPerOrigins=1", "test.conf:1: MaxPerOrigins: unknown key; did you mean "
                             "MaxPerOrigin=?" },
        { "ConectTimeout=1", "test.conf:1: ConectTimeout: unknown key; did you mean "
                             "ConnectTimeout=?" },
        { "MaxPerOrigin", "test.conf:1: MaxPerOrigin: expected Key=value" },
        { "=1", "test.conf:1: : unknown key; see hauld.conf(5)" },
        { "[hauld]", "test.conf:1: [hauld]: expected [Hauld] or [Origin \"https://HOST\"]" },
        { "[Service]\n", "test.conf:1: [Service]: expected [Hauld] or [Origin \"https://HOST\"]" },
        { "[Hauld\n", "test.conf:1: [Hauld: expected [Hauld] or [Origin \"https://HOST\"]" },
        { "MaxPerOrigin=0", "test.conf:1: MaxPerOrigin=0: expected a count from 1 to 65535" },
        { "MaxPerOrigin=65536",
          "test.conf:1: MaxPerOrigin=65536: expected a count from 1 to 65535" },
        { "MaxPerOrigin=-1", "test.conf:1: MaxPerOrigin=-1: expected a count from 1 to 65535" },
        { "MaxPerOrigin=1 2", "test.conf:1: MaxPerOrigin=1 2: expected a count from 1 to 65535" },
        { "MaxPerOrigin=99999999999999999999",
          "test.conf:1: MaxPerOrigin=99999999999999999999: expected a count from 1 to 65535" },
        { "RatePerOrigin=fast", "test.conf:1: RatePerOrigin=fast: expected a rate such as 10, "
                                "100/s, 6/m or 20/h, up to 1M/s, or 0 for none" },
        { "RatePerOrigin=-1", "test.conf:1: RatePerOrigin=-1: expected a rate such as 10, "
                              "100/s, 6/m or 20/h, up to 1M/s, or 0 for none" },
        { "RatePerOrigin=6/d", "test.conf:1: RatePerOrigin=6/d: expected a rate such as 10, "
                               "100/s, 6/m or 20/h, up to 1M/s, or 0 for none" },
        { "RatePerOrigin=1000001", "test.conf:1: RatePerOrigin=1000001: expected a rate such as "
                                   "10, 100/s, 6/m or 20/h, up to 1M/s, or 0 for none" },
        { "Workers=65", "test.conf:1: Workers=65: expected a count from 1 to 64, or 0 to let "
                        "hauld choose" },
        { "ConnectTimeout=0",
          "test.conf:1: ConnectTimeout=0: expected a duration from 1ms to 24h" },
        { "ConnectTimeout=25h",
          "test.conf:1: ConnectTimeout=25h: expected a duration from 1ms to 24h" },
        { "ConnectTimeout=5 bananas",
          "test.conf:1: ConnectTimeout=5 bananas: expected a duration from 1ms to 24h" },
        { "WriterQueue=1k", "test.conf:1: WriterQueue=1k: expected a size from 1M to 1G" },
        { "LogLevel=loud",
          "test.conf:1: LogLevel=loud: expected err, warning, notice, info or debug" },
        { "LogLevel=2", "test.conf:1: LogLevel=2: expected err, warning, notice, info or debug" },
        { "Isolation=yes", "test.conf:1: Isolation=yes: expected auto, required or off" },
        { "HostsFile=hosts", "test.conf:1: HostsFile=hosts: expected an absolute path" },
        { "Socket=/a\x01"
          "b",
          "test.conf:1: Socket=/a?b: control characters in a path" },
        { "DNSServers=dns.test", "test.conf:1: DNSServers=dns.test: expected addresses such as "
                                 "192.0.2.1, 192.0.2.1:53, ::1 or [::1]:53" },
        { "DenyAddresses=10.0.0.0/8",
          "test.conf:1: DenyAddresses=10.0.0.0/8: expected none, private, "
          "private:UID or private:UID-UID" },
        { "UnixUpstreams=/a b", "test.conf:1: UnixUpstreams=b: expected absolute paths with a "
                                "space between" },
        { "MaxPerOrigin=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "test.conf:1: MaxPerOrigin=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...: expected a count "
          "from 1 to 65535" },
    };
    struct config_trouble trouble;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(refused(rows[i].text, &trouble), rows[i].trouble);
}

static void takes_servers_as_addresses_with_or_without_a_port(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        { "192.0.2.1", true },
        { "192.0.2.1:5353", true },
        { "::1", true },
        { "[::1]", false },
        { "[::1]:53", true },
        { "192.0.2.1:0", false },
        { "192.0.2.1:", false },
        { "192.0.2.1:65536", false },
        { "192.0.2.1:53x", false },
        { "192.0.2", false },
        { "[::1", false },
        { "[::1]53", false },
        { "[::1]:", false },
        { "[]", false },
        { "[192.0.2.1]", false },
        { "[::1]:99999", false },
        { ":53", false },
        { "localhost", false },
        { "[", false },
        { "]", false },
        { "fe80::1%eth0", false },
    };
    struct config_trouble trouble;
    struct config config;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        config_init_defaults(&config);
        if ((config_set(&config, "DNSServers", span_of_string(rows[i].text), "x", &trouble) ==
             CONFIG_OK) != rows[i].good)
            fail_msg("%s", rows[i].text);
    }
}

static void bad_line_leaves_all_settings_as_they_were(void **state)
{
    struct config_trouble trouble;

    (void)state;
    refused("MaxPerOrigin=1\nConcurrency=5\nNonsense\n", &trouble);
    assert_non_null(strstr(trouble.text, "test.conf:3:"));
}

/* Lines without an end, NUL bytes and sizes at the bounds: nothing crosses a buffer. */
static void refuses_what_does_not_fit(void **state)
{
    static const char nul[] = "Socket=/a\0b\n";
    size_t bytes = CONFIG_FILE_BYTES_MAX + 1;
    char *text = malloc(bytes);
    struct config_trouble trouble;
    struct config config;

    (void)state;
    assert_non_null(text);
    config_init_defaults(&config);

    memset(text, 'x', bytes);
    assert_int_equal(config_parse(&config, span_of(text, bytes), "f", &trouble), CONFIG_BAD);
    assert_non_null(strstr(trouble.text, "larger than 1 MiB"));
    assert_int_equal(config_parse(&config, span_of(text, bytes - 1), "f", &trouble), CONFIG_BAD);

    memset(text, '\n', bytes);
    assert_int_equal(config_parse(&config, span_of(text, bytes - 1), "f", &trouble), CONFIG_OK);

    memset(text, 'x', bytes);
    memcpy(text, "Socket=/", 8);
    assert_int_equal(config_parse(&config, span_of(text, 7 + 107), "f", &trouble), CONFIG_OK);
    assert_int_equal(strlen(config.socket_path), 107);
    assert_int_equal(config_parse(&config, span_of(text, 7 + 108), "f", &trouble), CONFIG_BAD);

    memcpy(text, "UnixUpstreams=/", 15);
    assert_int_equal(config_parse(&config, span_of(text, 14 + 4094), "f", &trouble), CONFIG_OK);
    assert_int_equal(config_parse(&config, span_of(text, 14 + 1), "f", &trouble), CONFIG_BAD);

    assert_int_equal(config_parse(&config, span_of(nul, sizeof(nul) - 1), "f", &trouble),
                     CONFIG_BAD);
    free(text);
}

static void every_prefix_of_a_file_is_taken_or_refused(void **state)
{
    static const char text[] =
        "[Hauld]\nMaxConnections=10k\nHostsFile=/etc/hosts\nDNSServers=1.1.1.1,[::1]:53\n";
    struct config_trouble trouble;
    struct config config;

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(text); bytes++) {
        char *copy = malloc(bytes + 1); /* exact, so that a sanitizer sees one byte too many */

        assert_non_null(copy);
        memcpy(copy, text, bytes);
        config_init_defaults(&config);
        (void)config_parse(&config, span_of(copy, bytes), "f", &trouble);
        free(copy);
    }
}

static void argv_sets_one_key(void **state)
{
    struct config_trouble trouble;
    struct config config;

    (void)state;
    config_init_defaults(&config);
    assert_int_equal(config_set(&config, "Workers", SPAN_LITERAL("2"), "--workers", &trouble),
                     CONFIG_OK);
    assert_int_equal(config.workers, 2);
    assert_int_equal(config_set(&config, "Workers", SPAN_LITERAL("x"), "--workers", &trouble),
                     CONFIG_BAD);
    assert_string_equal(trouble.text, "--workers: Workers=x: expected a count from 1 to 64, or 0 "
                                      "to let hauld choose");
    assert_int_equal(config.workers, 2);
}

static void printed_settings_read_back_the_same(void **state)
{
    struct config config =
        parsed("MaxConnections=12345\nConnectTimeout=1500ms\nIdleTimeout=90s\n"
               "SinkTimeout=1234567ns\nWriterQueue=1500k\nLogLevel=4\nIsolation=Required\n"
               "DNSServers=127.0.0.1:5353 ::1\nUnixUpstreams=/a /b\n"
               "Socket=/run/x\nMaxItemTime=36h\nRatePerOrigin=6/m\n"
               "DenyAddresses=private:7 private:100-200\n");
    char text[16384], small[40];
    struct config again;
    size_t bytes = config_print(&config, text, sizeof(text));

    (void)state;
    assert_true(bytes < sizeof(text));
    assert_int_equal(strlen(text), bytes);
    assert_non_null(strstr(text, "\nConnectTimeout=1500ms\n"));
    assert_non_null(strstr(text, "\nMaxItemTime=36h\n"));
    assert_non_null(strstr(text, "\nLogLevel=warning\n"));
    assert_non_null(strstr(text, "\nIsolation=required\n"));
    assert_int_equal(config.isolation, CONFIG_ISOLATION_REQUIRED);
    assert_non_null(strstr(text, "\nRatePerOrigin=6/m\n"));
    again = parsed(text);
    assert_memory_equal(&again, &config, offsetof(struct config, sources)); /* not where from */

    assert_int_equal(config_print(&config, NULL, 0), bytes);
    assert_int_equal(config_print(&config, small, sizeof(small)), bytes);
    assert_int_equal(strlen(small), sizeof(small) - 1);
}

/* Also those that no unit shows as a whole number. */
static void printed_rates_read_back_the_same(void **state)
{
    static const struct {
        const char *text;
        const char *printed;
        uint64_t uhz;
    } rows[] = {
        { "0", "0", 0 },
        { "1M", "1000000/s", 1000000000000 },
        { "2.5k/s", "2500/s", 2500000000 },
        { "90/m", "90/m", 1500000 },
        { "6/m", "6/m", 100000 },
        { "9/h", "9/h", 2500 },
        { "1/h", "0.000277/s", 277 },
        { "0.1234567", "0.123456/s", 123456 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[64], text[16384];
        struct config config, again;

        (void)snprintf(line, sizeof(line), "RatePerOrigin=%s\n", rows[i].text);
        config = parsed(line);
        assert_true(config.origin_rate_uhz == rows[i].uhz);
        (void)config_print(&config, text, sizeof(text));
        (void)snprintf(line, sizeof(line), "\nRatePerOrigin=%s\n", rows[i].printed);
        assert_non_null(strstr(text, line));
        again = parsed(text);
        assert_true(again.origin_rate_uhz == rows[i].uhz);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_design),
        cmocka_unit_test(reads_comments_sections_blanks_and_any_case),
        cmocka_unit_test(last_line_counts_and_empty_is_the_default_again),
        cmocka_unit_test(lists_grow_line_by_line_and_empty_clears_them),
        cmocka_unit_test(second_file_overrides_the_first),
        cmocka_unit_test(denies_addresses_to_all_or_to_user_ids),
        cmocka_unit_test(what_names_nobody_denies_nothing),
        cmocka_unit_test(unix_upstreams_match_whole_paths_only),
        cmocka_unit_test(refuses_with_the_place_and_the_cure),
        cmocka_unit_test(takes_servers_as_addresses_with_or_without_a_port),
        cmocka_unit_test(bad_line_leaves_all_settings_as_they_were),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(every_prefix_of_a_file_is_taken_or_refused),
        cmocka_unit_test(argv_sets_one_key),
        cmocka_unit_test(printed_settings_read_back_the_same),
        cmocka_unit_test(printed_rates_read_back_the_same),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
