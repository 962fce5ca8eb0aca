/*
 * haul top: samples from what a daemon says, rates from two of them, frames that fit a terminal.
 */
#include "top_frame.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define S_NS UINT64_C(1000000000)

static const char metrics_text[] = "# HELP hauld_clients Connected clients.\n"
                                   "# TYPE hauld_clients gauge\n"
                                   "hauld_clients 3\n"
                                   "hauld_items_in_flight 100\n"
                                   "hauld_connections{state=\"busy\"} 7\n"
                                   "hauld_connections{state=\"idle\"} 5\n"
                                   "hauld_connections{state=\"dialing\"} 2\n"
                                   "hauld_connections_max 1024\n"
                                   "hauld_origins 2\n"
                                   "hauld_of_a_later_version 17\n"
                                   "hauld_items_total{error=\"\"} 90\n"
                                   "hauld_items_total{error=\"connect/refused\"} 8\n"
                                   "hauld_items_total{error=\"timeout/total\"} 2\n"
                                   "hauld_responses_total{class=\"2xx\"} 80\n"
                                   "hauld_responses_total{class=\"4xx\"} 10\n"
                                   "hauld_redirects_total 4\n"
                                   "hauld_retries_total 6\n"
                                   "hauld_attempts_total 110\n"
                                   "hauld_incoming_body_bytes_total 5000\n"
                                   "hauld_item_duration_seconds_bucket{le=\"5e-05\"} 10\n"
                                   "hauld_item_duration_seconds_bucket{le=\"1\"} 90\n"
                                   "hauld_item_duration_seconds_bucket{le=\"+Inf\"} 100\n"
                                   "hauld_item_duration_seconds_sum 12.5\n"
                                   "# EOF\n";

static const char describe_text[] = "{\"version\":\"0.1.0\",\"pid\":4711,\"uptime_ns\":2000000000}";

static bool daemon_says(struct top_sample *sample, const char *describe, const char *metrics,
                        const char *origins)
{
    yyjson_doc *described = yyjson_read(describe, strlen(describe), 0);
    yyjson_doc *listed = origins ? yyjson_read(origins, strlen(origins), 0) : NULL;
    bool is_read = top_sample_read(sample, yyjson_doc_get_root(described), span_of_string(metrics),
                                   yyjson_doc_get_root(listed), TOP_ORIGINS_DENIED);

    yyjson_doc_free(described);
    yyjson_doc_free(listed);
    return is_read;
}

static void reads_what_a_daemon_says(void **state)
{
    struct top_sample s;

    (void)state;
    assert_true(
        daemon_says(&s, describe_text, metrics_text,
                    "{\"origins\":["
                    "{\"origin\":\"http://idle\",\"active\":0,\"waiting\":0,\"active_max\":0,"
                    "\"rate_per_s\":0.0,\"cooling_ns\":0},"
                    "{\"origin\":\"http://b\",\"active\":1,\"waiting\":2,\"active_max\":4,"
                    "\"rate_per_s\":0.5,\"cooling_ns\":9},"
                    "{\"origin\":\"http://a\",\"active\":3,\"waiting\":0}],\"complete\":true}"));
    assert_string_equal(s.version, "0.1.0");
    assert_int_equal(s.pid, 4711);
    assert_int_equal(s.uptime_ns, 2 * S_NS);
    assert_int_equal(s.clients, 3);
    assert_int_equal(s.items_in_flight, 100);
    assert_int_equal(s.conns_busy * 100 + s.conns_idle * 10 + s.conns_dialing, 752);
    assert_int_equal(s.conns_max, 1024);
    assert_int_equal(s.items_ok, 90);
    assert_int_equal(s.attempts, 110);
    assert_int_equal(s.redirects, 4);
    assert_int_equal(s.retries, 6);
    assert_int_equal(s.body_bytes, 5000);
    assert_int_equal(s.statuses[1], 80);
    assert_int_equal(s.statuses[3], 10);
    assert_int_equal(s.errors_count, 2);
    assert_string_equal(s.errors[0].name, "connect/refused");
    assert_int_equal(top_sample_failed(&s), 10);
    assert_int_equal(s.buckets_count, 3);
    assert_true(s.buckets[0].le_s > 4.9e-5 && s.buckets[0].le_s < 5.1e-5);
    assert_true(isinf(s.buckets[2].le_s));
    assert_int_equal(s.buckets[2].count, 100);
    assert_int_equal(s.origins_count, 3); /* the busiest first, then by name */
    assert_string_equal(s.origins[0].name, "http://a");
    assert_string_equal(s.origins[1].name, "http://b");
    assert_true(s.origins[1].rate_per_s > 0.49);
    assert_int_equal(s.origins[1].cooling_ns, 9);
    assert_string_equal(s.origins[2].name, "http://idle");
    top_sample_deinit(&s);
}

static void refuses_what_no_hauld_says(void **state)
{
    struct top_sample s;

    (void)state;
    assert_false(daemon_says(&s, "{}", metrics_text, NULL));
    assert_false(daemon_says(&s, describe_text, "", NULL));
    assert_false(daemon_says(&s, describe_text, "<html>\n\n \n#\n", NULL));
    assert_false(daemon_says(&s, "[1]", "hauld_clients", NULL));
}

/* More of everything than there is room for, and numbers that are none. */
static void keeps_its_bounds(void **state)
{
    struct top_sample s;
    struct text many;

    (void)state;
    text_init(&many);
    for (unsigned i = 0; i < 200; i++)
        text_put_format(&many,
                        "hauld_items_total{error=\"%0100u\"} 1\n"
                        "hauld_item_duration_seconds_bucket{le=\"%u\"} -1e99\n",
                        i, i);
    text_put_literal(&many, "hauld_clients 1e300\nhauld_origins nan\nhauld_draining "
                            "0000000000000000000000000000000000000001\n\n"
                            "hauld_items_total{error=\"} 1\n");
    text_put_char(&many, '\0');
    assert_true(daemon_says(&s, describe_text, many.data, NULL));
    assert_int_equal(s.errors_count, TOP_ERRORS_MAX);
    assert_int_equal(strlen(s.errors[0].name), TOP_NAME_BYTES - 1);
    assert_int_equal(s.buckets_count, TOP_BUCKETS_MAX);
    assert_int_equal(s.clients + s.origins_known + s.draining + s.buckets[0].count, 0);
    top_sample_deinit(&s);
    text_deinit(&many);
}

/* ---- rates ---- */

static void expect_rate(double rate, double expected)
{
    if (fabs(rate - expected) > 1e-9)
        fail_msg("%f is not %f", rate, expected);
}

static const struct top_sample earlier = {
    .pid = 1,
    .uptime_ns = 10 * S_NS,
    .attempts = 1000,
    .items_ok = 500,
    .body_bytes = 100,
    .statuses = { [1] = 50 },
    .errors = { { "dns/failed", 10 } },
    .errors_count = 1,
};

static void rates_are_differences_over_the_daemons_own_time(void **state)
{
    struct top_sample later = earlier;
    struct top_rates rates;

    (void)state;
    later.uptime_ns += 2 * S_NS;
    later.attempts += 30;
    later.items_ok += 20;
    later.body_bytes += 7;
    later.statuses[1] += 4;
    later.redirects = 6;
    later.retries = 8;
    later.errors[0] = (struct top_error){ "connect/refused", 3 }; /* the first of its kind */
    later.errors[1] = (struct top_error){ "dns/failed", 11 };
    later.errors_count = 2;
    top_rates(NULL, &earlier, &rates);
    assert_false(rates.is_known || rates.restarted);
    top_rates(&earlier, &later, &rates);
    assert_true(rates.is_known);
    assert_false(rates.restarted);
    expect_rate(rates.requests_per_s, 15);
    expect_rate(rates.ok_per_s, 10);
    expect_rate(rates.failed_per_s, 2);
    expect_rate(rates.bytes_per_s, 3.5);
    expect_rate(rates.statuses_per_s[1], 2);
    expect_rate(rates.redirects_per_s, 3);
    expect_rate(rates.retries_per_s, 4);
    expect_rate(rates.errors_per_s[0], 1.5);
    expect_rate(rates.errors_per_s[1], 0.5);
    assert_int_equal(rates.timed, 0);
}

static void a_restarted_daemon_counts_from_its_own_beginning(void **state)
{
    struct top_sample later = { .pid = 2, .uptime_ns = 4 * S_NS, .attempts = 8, .items_ok = 2 };
    struct top_rates rates;

    (void)state;
    top_rates(&earlier, &later, &rates);
    assert_true(rates.restarted);
    expect_rate(rates.requests_per_s, 2);
    expect_rate(rates.ok_per_s, 0.5);
    expect_rate(rates.failed_per_s, 0);
    later.pid = earlier.pid; /* as the only process of a container has it */
    top_rates(&earlier, &later, &rates);
    assert_true(rates.restarted);
}

static void no_rate_is_negative(void **state)
{
    struct top_sample later = earlier;
    struct top_rates rates;

    (void)state;
    later.uptime_ns += S_NS;
    later.attempts--;
    later.errors[0].count = 0;
    top_rates(&earlier, &later, &rates);
    assert_false(rates.restarted);
    expect_rate(rates.requests_per_s, 0);
    expect_rate(rates.failed_per_s, 0);
    expect_rate(rates.errors_per_s[0], 0);
    top_rates(&earlier, &earlier, &rates); /* no time between them */
    expect_rate(rates.requests_per_s, 0);
}

/* Each row: how many more in the buckets up to 1, 2, 4 s and above, by themselves. */
static void quantiles_are_those_of_the_time_between(void **state)
{
    static const struct {
        uint64_t counts[4];
        double p50_s, p99_s;
    } table[] = {
        { { 0, 0, 0, 0 }, 0, 0 },
        { { 100, 0, 0, 0 }, 0.5, 0.99 },
        { { 0, 100, 0, 0 }, 1.5, 1.99 },
        { { 50, 0, 50, 0 }, 1, 3.96 },
        { { 0, 0, 1, 0 }, 3, 3.98 },
        { { 98, 0, 0, 2 }, 50.0 / 98, INFINITY },
        { { 0, 0, 0, 1 }, INFINITY, INFINITY },
    };
    static const double le_s[] = { 1, 2, 4, INFINITY };
    struct top_sample a = { .pid = 1, .uptime_ns = S_NS, .buckets_count = 4 }, b = a;
    struct top_rates rates;

    (void)state;
    b.uptime_ns += S_NS;
    for (size_t i = 0; i < ROWS(table); i++) {
        uint64_t more = 0;

        for (unsigned j = 0; j < 4; j++) {
            a.buckets[j] = (struct top_bucket){ .le_s = le_s[j], .count = 1000 * (j + 1) };
            more += table[i].counts[j];
            b.buckets[j] = (struct top_bucket){ .le_s = le_s[j], .count = 1000 * (j + 1) + more };
        }
        top_rates(&a, &b, &rates);
        assert_int_equal(rates.timed, more);
        if (isinf(table[i].p50_s))
            assert_true(isinf(rates.p50_s));
        else
            expect_rate(rates.p50_s, table[i].p50_s);
        if (isinf(table[i].p99_s))
            assert_true(isinf(rates.p99_s));
        else
            expect_rate(rates.p99_s, table[i].p99_s);
    }
}

/* ---- frames ---- */

static struct top_origin two_origins[] = {
    { .name = "http://127.0.0.1:8080", .active = 16, .waiting = 234, .active_max = 16 },
    { .name = "https://slow.test:443", .active = 1, .rate_per_s = 0.1, .cooling_ns = 3 * S_NS },
};

static const struct top_sample busy = {
    .version = "0.1.0",
    .pid = 4711,
    .uptime_ns = 60 * S_NS,
    .attempts = 7634,
    .items_ok = 7600,
    .body_bytes = 2300000,
    .statuses = { [1] = 7500, [3] = 100 },
    .errors = { { "dns/failed", 1203 }, { "connect/refused", 12 } },
    .errors_count = 2,
    .buckets = { { 0.001, 4000 }, { 0.002, 7600 }, { INFINITY, 7612 } },
    .buckets_count = 3,
    .clients = 1,
    .items_in_flight = 100,
    .conns_busy = 17,
    .conns_idle = 3,
    .conns_max = 1024,
    .origins = two_origins,
    .origins_count = 2,
};

static char *drawn(const struct top_frame *frame)
{
    struct text out;

    text_init(&out);
    top_frame_write(&out, frame);
    text_put_char(&out, '\0');
    assert_false(text_has_failed(&out));
    return out.data;
}

static void shows_all_of_it(void **state)
{
    struct top_sample before = { .pid = 4711, .uptime_ns = 59 * S_NS, .buckets_count = 3 };
    struct top_rates rates;
    char *text;

    (void)state;
    before.errors[0] = busy.errors[0];
    before.errors_count = 1;
    top_rates(&before, &busy, &rates);
    text = drawn(&(struct top_frame){ .sample = &busy, .rates = &rates });
    assert_string_equal(
        text, "hauld 0.1.0   pid 4711   up 1m00s   1 client\n"
              "requests    7634/s   bodies 2.3 MB/s   redirects 0/s   retries 0/s\n"
              "items       7600/s ok   12/s failed   100 in flight\n"
              "latency     p50 952 us   p99 1.98 ms   (7612 items)\n"
              "answers     2xx 7500/s   4xx 100/s\n"
              "connections 17 busy   3 idle   0 dialing   (at most 1024)\n"
              "\n"
              "       NOW      TOTAL  ERROR\n"
              "      12/s         12  connect/refused\n"
              "       0/s       1203  dns/failed\n"
              "\n"
              "  ACTIVE  WAITING      MAX       RATE     PAUSED  ORIGIN\n"
              "      16      234       16          -          -  http://127.0.0.1:8080\n"
              "       1        0        -      0.1/s     3.00 s  https://slow.test:443\n");
    free(text);
}

static void a_first_frame_claims_no_rates(void **state)
{
    struct top_sample sample = {
        .version = "1", .buckets_count = 1, .origins_known = 5, .origins_are = TOP_ORIGINS_DENIED
    };
    struct top_rates rates;
    char *text;

    (void)state;
    top_rates(NULL, &sample, &rates);
    sample.statuses[4] = 1;
    text = drawn(&(struct top_frame){ .sample = &sample, .rates = &rates, .notice = "new" });
    assert_string_equal(
        text, "hauld 1   pid 0   up 0 s   0 clients\n"
              "new\n"
              "requests    -   bodies -   redirects -   retries -\n"
              "items       - ok   - failed   0 in flight\n"
              "latency     p50 -   p99 -   (0 items)\n"
              "answers     5xx -\n"
              "connections 0 busy   0 idle   0 dialing   (at most 0)\n"
              "\n"
              "5 origins: shown to root and the user whom the daemon runs as (try sudo)\n");
    free(text);
}

static void crowd(struct top_sample *sample, struct top_origin *origins, size_t count)
{
    *sample = busy;
    for (size_t i = 0; i < count; i++) {
        origins[i] = (struct top_origin){ .active = 1 };
        memset(origins[i].name, 'o', sizeof(origins[i].name) - 1);
    }
    sample->origins = origins;
    sample->origins_count = count;
    for (unsigned i = 0; i < 40; i++)
        (void)snprintf(sample->errors[i].name, TOP_NAME_BYTES, "error/%u", i);
    sample->errors_count = 40;
}

/* At every size of a terminal. */
static void never_leaves_the_terminal(void **state)
{
    static struct top_origin origins[90];
    struct top_sample sample;
    struct top_rates rates;

    (void)state;
    crowd(&sample, origins, ROWS(origins));
    top_rates(NULL, &sample, &rates);
    for (unsigned width = 1; width < 130; width += 3)
        for (unsigned height = 1; height < 60; height++) {
            struct top_frame frame = { .sample = &sample,
                                       .rates = &rates,
                                       .notice = "notice",
                                       .width = width,
                                       .height = height };
            char *text = drawn(&frame);
            unsigned lines = 0;

            for (char *line = text; *line; lines++) {
                char *end = strchr(line, '\n');

                assert_non_null(end);
                assert_true((size_t)(end - line) <= width);
                line = end + 1;
            }
            assert_true(lines <= height);
            free(text);
        }
}

static void says_how_much_it_leaves_out(void **state)
{
    static struct top_origin origins[90];
    struct top_sample sample;
    struct top_rates rates;
    struct top_frame frame = { .sample = &sample, .rates = &rates, .width = 100, .height = 30 };
    char *text;

    (void)state;
    crowd(&sample, origins, ROWS(origins));
    top_rates(NULL, &sample, &rates);
    text = drawn(&frame); /* of 24 lines errors take 8 and two, origins get two and 12 */
    assert_non_null(strstr(text, "... and 33 more\n"));
    assert_non_null(strstr(text, "... and 79 more\n"));
    free(text);
    sample.origins_cut = true;
    sample.origins_known = 5000;
    frame.height = 0;
    text = drawn(&frame);
    assert_null(strstr(text, "... and 33 more\n"));
    assert_non_null(strstr(text, "... and 4910 more\n"));
    free(text);
}

static void no_byte_of_the_daemon_reaches_the_terminal_as_a_command(void **state)
{
    struct top_origin evil = { .name = "\033]0;x\a\r\n\xc2\x9b\x7f" };
    struct top_sample sample = busy;
    struct top_rates rates;
    char *text;

    (void)state;
    (void)snprintf(sample.version, sizeof(sample.version), "\033[2J");
    (void)snprintf(sample.errors[0].name, sizeof(sample.errors[0].name), "a\tb\033");
    sample.origins = &evil;
    sample.origins_count = 1;
    top_rates(NULL, &sample, &rates);
    text = drawn(&(struct top_frame){ .sample = &sample, .rates = &rates });
    for (const char *c = text; *c; c++)
        assert_true(*c == '\n' || (*c >= 0x20 && *c < 0x7f));
    assert_non_null(strstr(text, "hauld ?[2J "));
    assert_non_null(strstr(text, "  a?b?\n"));
    assert_non_null(strstr(text, "  ?]0;x??????\n"));
    free(text);
}

static void color_is_around_lines_and_ends_with_them(void **state)
{
    struct top_rates rates;
    char *text;

    (void)state;
    top_rates(NULL, &busy, &rates);
    text = drawn(
        &(struct top_frame){ .sample = &busy, .rates = &rates, .width = 9, .is_colored = true });
    assert_memory_equal(text, "\033[1mhauld 0.1\033[0m\nrequests \n", 28);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
        if (memchr(line, '\033', (size_t)(end - line)))
            assert_memory_equal(end - 4, "\033[0m", 4);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_a_daemon_says),
        cmocka_unit_test(refuses_what_no_hauld_says),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(rates_are_differences_over_the_daemons_own_time),
        cmocka_unit_test(a_restarted_daemon_counts_from_its_own_beginning),
        cmocka_unit_test(no_rate_is_negative),
        cmocka_unit_test(quantiles_are_those_of_the_time_between),
        cmocka_unit_test(shows_all_of_it),
        cmocka_unit_test(a_first_frame_claims_no_rates),
        cmocka_unit_test(never_leaves_the_terminal),
        cmocka_unit_test(says_how_much_it_leaves_out),
        cmocka_unit_test(no_byte_of_the_daemon_reaches_the_terminal_as_a_command),
        cmocka_unit_test(color_is_around_lines_and_ends_with_them),
    };

    return cmocka_run_group_tests_name("top", tests, NULL, NULL);
}
