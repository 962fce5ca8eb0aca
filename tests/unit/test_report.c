/*
 * test_report.c - the sums of a run, its summary, its JSON and its verdict.
 */
#include "report_write.h"
#include "summary.h"
#include "timeline.h"
#include "verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <yyjson.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define MS 1000000ull

static const struct tally_options with_series = { .has_series = true };

/* Times like those of an item that waited service_ms for its answer. */
static void item_ends(struct tally *tally, uint64_t t0_ms, uint64_t service_ms,
                      enum fault_code code)
{
    struct wire_result result = {
        .fault = (uint16_t)code,
        .fault_phase = code ? PHASE_CONNECT : PHASE_NONE,
        .status = code ? 0 : 200,
        .remote_family = 4,
        .body_bytes = 10,
        .t0_ns = t0_ms * MS,
        .queued_ns = MS,
        .dns_ns = MS,
        .connected_ns = code ? WIRE_NOT_REACHED : 2 * MS,
        .tls_ns = WIRE_NOT_REACHED,
        .sent_ns = code ? WIRE_NOT_REACHED : 2 * MS,
        .first_byte_ns = code ? WIRE_NOT_REACHED : (2 + service_ms) * MS,
        .last_byte_ns = code ? WIRE_NOT_REACHED : (2 + service_ms) * MS,
        .delivered_ns = (2 + service_ms) * MS,
    };
    struct outcome o = {
        .number = tally->requests + 1,
        .url = SPAN_LITERAL("http://user:secret@a/"),
        .result = &result,
        .is_ok = code == FAULT_NONE,
        .fault = { .code = (uint16_t)code, .phase = result.fault_phase },
        .message = SPAN_LITERAL("no \"luck\""),
    };

    timing_of_result(&result, &o.timing);
    tally_add(tally, &o);
}

static void adds_up_waits_without_the_queue(void **state)
{
    struct tally tally;

    (void)state;
    tally_init(&tally, 0, NULL);
    item_ends(&tally, 0, 100, FAULT_NONE);
    item_ends(&tally, 0, 200, FAULT_NONE);
    assert_int_equal(tally.waits_sum_ns, 302 * MS);
    assert_int_equal(tally.longest_ns, 201 * MS);
    assert_int_equal(tally.end_ns, 202 * MS);
    assert_int_equal(tally.bytes, 20);
    assert_int_equal(tally.new_conns, 2);
    tally_deinit(&tally);
}

static void expect_has(const struct text *text, const char *part)
{
    if (!memmem(text->data, text->bytes, part, strlen(part)))
        fail_msg("'%s' is not in:\n%.*s", part, (int)text->bytes, text->data);
}

static void summary_tells_counts_times_and_errors(void **state)
{
    struct report report = { .concurrency = 100 };
    struct text text = { 0 };
    struct tally tally;

    (void)state;
    tally_init(&tally, 0, NULL);
    for (int i = 0; i < 9; i++)
        item_ends(&tally, 0, 998, FAULT_NONE);
    item_ends(&tally, 0, 0, FAULT_CONNECT_REFUSED);
    tally.held[WIRE_CAP_CONCURRENCY] = 3;
    report.tally = &tally;
    summary_write(&text, &report);
    expect_has(&text, "10 items in 1.00 s: 9 ok, 1 failed   10/s   100 B\n");
    expect_has(&text, " this run 1.00 s ");
    expect_has(&text, "            min      p50      p90      p99    p99.9      max\nservice");
    expect_has(&text, "phase     queue      dns  connect      tls     send     wait  receive");
    expect_has(&text, "status 200: 9      errors: 1      connections: 9 new, 0 reused\n");
    expect_has(&text, "connect/refused");
    expect_has(&text, "no \"luck\": http://a/\n");
    expect_has(&text, "held back by -c 100: 3 items");
    assert_null(memmem(text.data, text.bytes, "secret", 6));
    assert_null(memmem(text.data, text.bytes, "verdict", 7));
    text_deinit(&text);
    tally_deinit(&tally);
}

static void summary_names_the_cap_that_held_most(void **state)
{
    static const struct {
        enum wire_cap cap;
        const char *line;
    } rows[] = {
        { WIRE_CAP_CONCURRENCY, "held back by -c 100: 2 items waited for it\n" },
        { WIRE_CAP_PER_ORIGIN, "held back by MaxPerOrigin= (see --max-per-origin): 2 items" },
        { WIRE_CAP_PER_ORIGIN_TOTAL, "held back by the daemon's MaxPerOriginTotal=: 2 items" },
        { WIRE_CAP_CONNECTIONS, "held back by the daemon's MaxConnections=: 2 items" },
        { WIRE_CAP_RATE, "held back by --rate 6/m: 2 items waited for it\n" },
        { WIRE_CAP_RATE_PER_ORIGIN, "held back by --rate-per-origin 0.5: 2 items" },
        { WIRE_CAP_RATE_PER_ORIGIN_TOTAL, "held back by the daemon's RatePerOrigin=: 2 items" },
        { WIRE_CAP_COOLING, "held back by an origin that asked for a pause (429, Retry-After): 2" },
    };
    struct report report = { .concurrency = 100, .rate = "6/m", .rate_per_origin = "0.5" };

    (void)state;
    static_assert(ROWS(rows) == WIRE_CAP_COUNT - 1, "a line for each cap");
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct text text = { 0 };
        struct tally tally;

        tally_init(&tally, 0, NULL);
        item_ends(&tally, 0, 1, FAULT_NONE);
        for (unsigned cap = 1; cap < WIRE_CAP_COUNT; cap++)
            tally.held[cap] = cap == rows[i].cap ? 2 : 1;
        report.tally = &tally;
        summary_write(&text, &report);
        expect_has(&text, rows[i].line);
        text_deinit(&text);
        tally_deinit(&tally);
    }
}

/* An item that was not fetched is no measurement. */
static void counts_skipped_items_and_times_none(void **state)
{
    struct report report = { .concurrency = 100 };
    struct wire_result result = { .t0_ns = 5 * MS };
    struct outcome skipped = { .result = &result, .is_ok = true, .is_skipped = true };
    struct text text = { 0 };
    struct tally tally;

    (void)state;
    tally_init(&tally, 0, &with_series);
    item_ends(&tally, 0, 998, FAULT_NONE);
    tally_add(&tally, &skipped);
    assert_int_equal(tally.response.count, 1);
    assert_int_equal(tally.seconds[0].requests, 0);
    assert_int_equal(tally.seconds[1].requests, 1);
    tally_finish(&tally);
    report.tally = &tally;
    summary_write(&text, &report);
    expect_has(&text, "2 items in 1.00 s: 2 ok (1 skipped), 0 failed ");
    expect_has(&text, "status 200: 1      errors: none      connections: 1 new, 0 reused\n");
    text_deinit(&text);
    tally_deinit(&tally);
}

static enum verdict_state verdict_of(const struct tally *tally)
{
    struct verdict verdict;

    verdict_judge(tally, &verdict);
    assert_int_equal(verdict.state == VERDICT_VALID, verdict.reasons_count == 0);
    return verdict.state;
}

static void judges_a_run_that_measured_the_machine(void **state)
{
    struct verdict verdict;
    struct tally tally;

    (void)state;
    tally_init(&tally, 0, NULL);
    assert_int_equal(verdict_of(&tally), VERDICT_VALID);
    for (int i = 0; i < 99; i++)
        item_ends(&tally, 0, 1, FAULT_NONE);
    item_ends(&tally, 0, 1, FAULT_LOCAL_NO_PORTS);
    assert_int_equal(verdict_of(&tally), VERDICT_VALID); /* exactly 1 % */
    tally.cpu_waited = 0.09;
    assert_int_equal(verdict_of(&tally), VERDICT_VALID);
    tally.cpu_waited = 0.11;
    assert_int_equal(verdict_of(&tally), VERDICT_SUSPECT);
    tally.cpu_waited = 0;
    tally.cpu_share_max = 0.95;
    assert_int_equal(verdict_of(&tally), VERDICT_SUSPECT);
    item_ends(&tally, 0, 1, FAULT_LOCAL_NO_DESCRIPTORS);
    verdict_judge(&tally, &verdict);
    assert_int_equal(verdict.state, VERDICT_INVALID);
    assert_int_equal(verdict.reasons_count, 2);
    tally_deinit(&tally);
}

static void judges_a_load_that_was_not_the_one_asked_for(void **state)
{
    static const struct {
        struct tally_load load;
        uint64_t late_ns;
        enum verdict_state state;
    } rows[] = {
        { { 0 }, 0, VERDICT_VALID },
        { { .asked_per_s = 1000, .reached_per_s = 990 }, 0, VERDICT_VALID },
        { { .asked_per_s = 1000, .reached_per_s = 989 }, 0, VERDICT_INVALID },
        { { .asked_per_s = 1000, .reached_per_s = 1001 }, 0, VERDICT_VALID },
        { { .asked_per_s = 1, .reached_per_s = 1, .slots_exhausted = true }, 0, VERDICT_INVALID },
        { { .is_empty = true }, 0, VERDICT_INVALID },
        { { .asked_per_s = 1000, .reached_per_s = 1000 }, 900000, VERDICT_VALID },
        { { .asked_per_s = 1000, .reached_per_s = 1000 }, 5000000, VERDICT_SUSPECT },
        /* p50 of service is 2 ms; of response, which holds the lateness itself, 4 ms */
        { { .asked_per_s = 1000, .reached_per_s = 1000 }, 1900000, VERDICT_VALID },
        { { .asked_per_s = 1000, .reached_per_s = 1000 }, 3000000, VERDICT_SUSPECT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tally tally;

        tally_init(&tally, 0, NULL);
        item_ends(&tally, 0, 2, FAULT_NONE);
        tally.load = rows[i].load;
        if (rows[i].late_ns)
            assert_int_equal(histogram_record(&tally.lateness, rows[i].late_ns), 0);
        if (verdict_of(&tally) != rows[i].state)
            fail_msg("row %zu", i);
        tally_deinit(&tally);
    }
}

static void judges_a_run_whose_daemon_was_at_its_limits(void **state)
{
    static const struct {
        struct tally_daemon daemon;
        enum verdict_state state;
        const char *reason;
    } rows[] = {
        { { .receives = 10000, .starved = 10 }, VERDICT_VALID, NULL }, /* exactly 0.1 % */
        { { .receives = 10000, .starved = 11 },
          VERDICT_SUSPECT,
          "11 of the daemon's 10000 receives had to wait for a buffer" },
        { { .starved = 1 }, VERDICT_SUSPECT, "1 of the daemon's 0 receives" },
        { { .receives = 10000, .cq_overflows = 1 }, VERDICT_INVALID, "overflowed (1 times)" },
        { { .receives = 10000, .lost_completions = 2 }, VERDICT_INVALID, "lost completions" },
        { { .is_lost = true }, VERDICT_INVALID, "the daemon went away" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct verdict verdict;
        struct tally tally;

        tally_init(&tally, 0, NULL);
        tally.daemon = rows[i].daemon;
        verdict_judge(&tally, &verdict);
        assert_int_equal(verdict.state, rows[i].state);
        assert_int_equal(verdict.reasons_count, rows[i].reason != NULL);
        if (rows[i].reason)
            assert_non_null(strstr(verdict.reasons[0], rows[i].reason));
        tally_deinit(&tally);
    }
}

/* All there are, and each whole. */
static void has_room_for_every_reason(void **state)
{
    struct verdict verdict;
    struct tally tally;

    (void)state;
    tally_init(&tally, 0, NULL);
    item_ends(&tally, 0, 1, FAULT_LOCAL_NO_PORTS);
    tally.load = (struct tally_load){
        .asked_per_s = 1e9, .reached_per_s = 1e8, .slots_exhausted = true, .is_empty = true
    };
    tally.daemon = (struct tally_daemon){ .receives = UINT64_MAX / 2,
                                          .starved = UINT64_MAX / 2,
                                          .cq_overflows = UINT64_MAX,
                                          .lost_completions = UINT64_MAX,
                                          .is_lost = true };
    tally.cpu_share_max = 64;
    assert_int_equal(histogram_record(&tally.lateness, UINT64_C(3600000000000)), 0);
    verdict_judge(&tally, &verdict);
    assert_int_equal(verdict.reasons_count, 10);
    assert_true(verdict.reasons_count <= VERDICT_REASONS_MAX);
    for (unsigned i = 0; i < verdict.reasons_count; i++)
        assert_in_range(strlen(verdict.reasons[i]), 10, VERDICT_REASON_BYTES - 2);
    tally_deinit(&tally);
}

static yyjson_doc *report_of(struct tally *tally, char **argv, size_t argc)
{
    struct report report = { .verb = "batch",
                             .argc = argc,
                             .argv = (const char *const *)argv,
                             .started_at = "2026-01-01T00:00:00.000000Z",
                             .host = "h",
                             .kernel = "k",
                             .machine = "m",
                             .version = "1",
                             .tally = tally };
    struct text text = { 0 };
    yyjson_doc *doc;

    tally_finish(tally);
    verdict_judge(tally, &report.verdict);
    report_write(&text, &report);
    doc = yyjson_read(text.data, text.bytes, 0);
    if (!doc)
        fail_msg("no JSON: %.*s", (int)text.bytes, text.data);
    text_deinit(&text);
    return doc;
}

static void tells_what_the_kernel_knew_of_the_connections(void **state)
{
    struct report report = { .concurrency = 100 };
    struct wire_result result = { .rtt_us = 45, .retransmits = 1, .status = 200 };
    struct outcome o = { .result = &result, .is_ok = true };
    char *argv[] = { (char[]){ "haul" } };
    struct text text = { 0 };
    struct tally tally;
    yyjson_doc *doc;
    yyjson_val *root;

    (void)state;
    tally_init(&tally, 0, NULL);
    report.tally = &tally;
    item_ends(&tally, 0, 1, FAULT_NONE); /* not asked */
    summary_write(&text, &report);
    assert_null(memmem(text.data, text.bytes, "kernel", 6));
    tally_add(&tally, &o);
    summary_write_kernel(&text, &tally);
    expect_has(&text,
               "kernel    rtt p50 45.0us  p99 45.0us   1 retransmit   (TCP_INFO, 1 sample)\n");
    result = (struct wire_result){ .rtt_us = 120, .retransmits = 3, .status = 200 };
    tally_add(&tally, &o);
    summary_write(&text, &report);
    expect_has(&text,
               "kernel    rtt p50 45.0us  p99 120us   4 retransmits   (TCP_INFO, 2 samples)\n"
               "status 200: 3");
    doc = report_of(&tally, argv, 1);
    root = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_get_uint(yyjson_ptr_get(root, "/kernel/samples")), 2);
    assert_int_equal(yyjson_get_uint(yyjson_ptr_get(root, "/kernel/retransmits")), 4);
    assert_int_equal(yyjson_get_uint(yyjson_ptr_get(root, "/kernel/rtt/max_ns")), 120000);
    assert_int_equal(yyjson_obj_size(yyjson_ptr_get(root, "/kernel/rtt")), 13); /* with hdr */
    yyjson_doc_free(doc);
    text_deinit(&text);
    tally_deinit(&tally);
}

static void report_has_the_keys_of_the_contract(void **state)
{
    static const char *const keys[] = { "schema", "schemaVersion", "run",        "summary",
                                        "phases", "histograms",    "timeseries", "status",
                                        "errors", "verdict",       "kernel" };
    static const char *const latency[] = { "min_ns",   "mean_ns",   "stdev_ns", "p50_ns",
                                           "p75_ns",   "p90_ns",    "p95_ns",   "p99_ns",
                                           "p99_9_ns", "p99_99_ns", "max_ns",   "count" };
    char *argv[] = { (char[]){ "haul" } };
    struct tally tally;
    yyjson_val *root, *service, *row;
    yyjson_doc *doc;

    (void)state;
    tally_init(&tally, 0, &with_series);
    item_ends(&tally, 0, 500, FAULT_NONE);
    item_ends(&tally, 0, 2500, FAULT_NONE);
    item_ends(&tally, 0, 1, FAULT_CONNECT_REFUSED);
    doc = report_of(&tally, argv, 1);
    root = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_obj_size(root), ROWS(keys));
    for (size_t i = 0; i < ROWS(keys); i++)
        assert_non_null(yyjson_obj_get(root, keys[i]));
    service = yyjson_ptr_get(root, "/summary/service");
    assert_int_equal(yyjson_obj_size(service), ROWS(latency));
    for (size_t i = 0; i < ROWS(latency); i++)
        assert_true(yyjson_is_num(yyjson_obj_get(service, latency[i])));
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(service, "count")), 2);
    assert_int_equal(yyjson_obj_size(yyjson_obj_get(root, "phases")), 8);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "timeseries")), 3);
    row = yyjson_arr_get(yyjson_obj_get(root, "timeseries"), 2);
    assert_int_equal(yyjson_get_uint(yyjson_obj_get(row, "requests")), 2);
    assert_int_equal(yyjson_get_uint(yyjson_ptr_get(root, "/status/200")), 2);
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(root, "/errors/0/code")), "refused");
    assert_string_equal(yyjson_get_str(yyjson_ptr_get(root, "/verdict/state")), "VALID");
    assert_int_equal(yyjson_arr_size(yyjson_ptr_get(root, "/histograms/service")), 2);
    yyjson_doc_free(doc);
    tally_deinit(&tally);
}

static void report_keeps_secrets_of_argv_to_itself(void **state)
{
    static const struct {
        const char *word;
        const char *kept;
    } rows[] = {
        { "haul", "haul" },
        { "-u", "-u" },
        { "me:secret", "***" },
        { "-ume:secret", "-u***" },
        { "--bearer=secret", "--bearer=***" },
        { "--header", "--header" },
        { "Authorization: secret", "***" },
        { "http://me:secret@a/@b", "http://***@a/@b" },
        { "http://a/@b", "http://a/@b" },
        { "me:secret@a/@b", "***@a/@b" },
        { "-xme:secret@proxy", "***@proxy" },
        { "-U", "-U" },
        { "secret", "***" },
        { "--cookie=a=secret", "--cookie=***" },
        { "-ba=secret", "-b***" },
        { "-c", "-c" },
        { "64", "64" },
    };
    char *argv[ROWS(rows)];
    struct tally tally;
    yyjson_doc *doc;
    yyjson_val *kept;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        argv[i] = strdup(rows[i].word);
    tally_init(&tally, 0, NULL);
    doc = report_of(&tally, argv, ROWS(rows));
    kept = yyjson_ptr_get(yyjson_doc_get_root(doc), "/run/argv");
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_string_equal(yyjson_get_str(yyjson_arr_get(kept, i)), rows[i].kept);
        free(argv[i]);
    }
    yyjson_doc_free(doc);
    tally_deinit(&tally);
}

static void timeline_draws_at_most_forty_rows_to_scale(void **state)
{
    struct wire_result result = { .status = 200,
                                  .t0_ns = 1000,
                                  .queued_ns = 0,
                                  .dns_ns = 0,
                                  .connected_ns = 500,
                                  .tls_ns = WIRE_NOT_REACHED,
                                  .sent_ns = 500,
                                  .first_byte_ns = 750,
                                  .last_byte_ns = 1000,
                                  .delivered_ns = 1000 };
    struct outcome o = { .url = SPAN_LITERAL("http://a/\x1b"), .result = &result, .is_ok = true };
    struct waterfall *waterfall = calloc(1, sizeof(*waterfall));
    struct text text = { 0 };
    unsigned lines = 0;

    (void)state;
    assert_non_null(waterfall);
    timing_of_result(&result, &o.timing);
    for (o.number = 1; o.number <= 50; o.number++)
        waterfall_add(waterfall, &o);
    timeline_write(&text, waterfall);
    expect_has(&text, "    1 |------------------------------===============###############| 200  "
                      "http://a/?\n");
    for (size_t i = 0; i < text.bytes; i++)
        lines += text.data[i] == '\n';
    assert_int_equal(lines, 41);
    text_deinit(&text);
    free(waterfall);
}

/* Those of a lead-in are not among them: the first that is drawn may have any number. */
static void draws_the_first_that_were_measured_in_their_order(void **state)
{
    struct wire_result result = { .status = 200, .delivered_ns = 1000 };
    struct outcome o = { .url = SPAN_LITERAL("http://a/"), .result = &result, .is_ok = true };
    struct waterfall *waterfall = calloc(1, sizeof(*waterfall));
    uint64_t i;

    (void)state;
    assert_non_null(waterfall);
    for (i = 0; i < 600; i++) {
        o.number = 5000 + (i ^ 7); /* they end a little out of order */
        waterfall_add(waterfall, &o);
    }
    o.number = 0;
    waterfall_add(waterfall, &o);
    assert_int_equal(waterfall->first_count, WATERFALL_FIRST_MAX);
    for (i = 0; i < WATERFALL_FIRST_MAX; i++)
        assert_int_equal(waterfall->first[i].number, 5000 + i);
    free(waterfall);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_up_waits_without_the_queue),
        cmocka_unit_test(summary_tells_counts_times_and_errors),
        cmocka_unit_test(summary_names_the_cap_that_held_most),
        cmocka_unit_test(counts_skipped_items_and_times_none),
        cmocka_unit_test(judges_a_run_that_measured_the_machine),
        cmocka_unit_test(judges_a_load_that_was_not_the_one_asked_for),
        cmocka_unit_test(judges_a_run_whose_daemon_was_at_its_limits),
        cmocka_unit_test(has_room_for_every_reason),
        cmocka_unit_test(tells_what_the_kernel_knew_of_the_connections),
        cmocka_unit_test(report_has_the_keys_of_the_contract),
        cmocka_unit_test(report_keeps_secrets_of_argv_to_itself),
        cmocka_unit_test(timeline_draws_at_most_forty_rows_to_scale),
        cmocka_unit_test(draws_the_first_that_were_measured_in_their_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
