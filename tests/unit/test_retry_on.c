/*
 * test_retry_on.c - the words of --retry-on, and what the daemon takes of their wire form.
 */
#include "retry_on.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct retry_on parsed(const char *text)
{
    struct retry_on on = { 0 };
    struct retry_on_trouble trouble = { 0 };

    if (!retry_on_parse(span_of_string(text), &on, &trouble))
        fail_msg("%s: '%.*s' %s", text, (int)trouble.word.bytes, trouble.word.data, trouble.why);
    if (!retry_on_is_valid(&on))
        fail_msg("%s: parsed, but not valid", text);
    return on;
}

/* Writes the names of all faults that are on, with a space after each. */
static const char *names_of(const struct retry_on *on, char *out, size_t room)
{
    size_t used = 0;

    out[0] = '\0';
    for (unsigned code = 0; code < FAULT_CODE_COUNT; code++) {
        if (retry_on_has_fault(on, code))
            used += (size_t)snprintf(out + used, room - used, "%s/%s ", fault_domain(code),
                                     fault_name(code));
    }
    return out;
}

static void knows_groups_and_names(void **state)
{
    static const struct {
        const char *text;
        const char *names;
    } rows[] = {
        { "connect", "connect/refused connect/unreachable connect/reset " },
        { "dns", "dns/not_found dns/failed " },
        { "timeout", "timeout/dns timeout/connect timeout/tls timeout/send timeout/first_byte "
                     "timeout/idle " },
        { "tls", "tls/handshake " },
        { "io", "io/recv io/send " },
        { "reset", "connect/reset io/recv io/send " },
        { "empty", "http/empty " },
        { "partial", "http/partial " },
        { "local", "local/no_descriptors local/no_ports local/no_memory " },
        { "connect/refused", "connect/refused " },
        { "dns/failed", "dns/failed " },
        { "connect/proxy", "connect/proxy " },
        { "dns/proxy", "dns/proxy " },
        { "tls/handshake", "tls/handshake " },
        { "timeout/idle", "timeout/idle " },
        { "http/malformed", "http/malformed " },
        { "http/encoding", "http/encoding " },
        { "empty,empty,http/empty,partial", "http/empty http/partial " },
        { "429", "" },
        { "default", "dns/failed connect/refused connect/unreachable connect/reset timeout/dns "
                     "timeout/connect timeout/tls timeout/send timeout/first_byte timeout/idle "
                     "http/empty http/partial io/recv io/send " },
    };
    char names[2048];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct retry_on on = parsed(rows[i].text);

        if (strcmp(names_of(&on, names, sizeof(names)), rows[i].names) != 0)
            fail_msg("%s: got '%s'", rows[i].text, names);
    }
}

static void knows_statuses_and_classes(void **state)
{
    static const struct {
        const char *text;
        uint16_t status;
        bool is_on;
    } rows[] = {
        { "429", 429, true },         { "429", 428, false },        { "429", 4, false },
        { "429", 0, false },          { "100", 100, true },         { "599", 599, true },
        { "599", 600, false },        { "5xx", 500, true },         { "5xx", 599, true },
        { "5xx", 499, false },        { "5xx", 600, false },        { "5xx", 5, false },
        { "5XX", 503, true },         { "4xX", 404, true },         { "2xx", 200, true },
        { "1xx", 100, true },         { "1xx", 99, false },         { "1xx", 200, false },
        { "429,503", 503, true },     { "429,503", 429, true },     { "429,503", 500, false },
        { "connect,503", 503, true }, { "connect", 503, false },    { "default", 408, true },
        { "default", 429, true },     { "default", 500, true },     { "default", 501, false },
        { "default", 502, true },     { "default", 503, true },     { "default", 504, true },
        { "default", 505, false },    { "default", 200, false },    { "default", 404, false },
        { "default,404", 404, true }, { "404,default", 504, true },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct retry_on on = parsed(rows[i].text);

        if (retry_on_has_status(&on, rows[i].status) != rows[i].is_on)
            fail_msg("%s: status %u", rows[i].text, rows[i].status);
    }
}

static void default_is_the_word_default(void **state)
{
    struct retry_on on, word = parsed("default"), twice = parsed("default,default");

    (void)state;
    retry_on_init_default(&on);
    assert_memory_equal(&on, &word, sizeof(on));
    assert_memory_equal(&on, &twice, sizeof(on));
    assert_true(retry_on_is_valid(&on));
}

#define NO_SUCH "is no status, class of statuses or error that can be retried"
#define NO_STATUS "is neither a status from 100 to 599 nor a class like 5xx"
#define NEVER "is never retried: another try would end alike"
#define EMPTY "is empty: words stand between commas"

static void refuses_and_names_the_word(void **state)
{
    static const struct {
        const char *text;
        const char *word;
        const char *why;
    } rows[] = {
        { "", "", EMPTY },
        { ",", "", EMPTY },
        { "429,", "", EMPTY },
        { ",429", "", EMPTY },
        { "429,,503", "", EMPTY },
        { "conect", "conect", NO_SUCH },
        { "429,foo,503", "foo", NO_SUCH },
        { "429,foo,bar", "foo", NO_SUCH },
        { "Connect", "Connect", NO_SUCH },
        { "TIMEOUT", "TIMEOUT", NO_SUCH },
        { " 429", " 429", NO_SUCH },
        { "429, 503", " 503", NO_SUCH },
        { "connect ", "connect ", NO_SUCH },
        { "all", "all", NO_SUCH },
        { "!503", "!503", NO_SUCH },
        { "*", "*", NO_SUCH },
        { "-1", "-1", NO_SUCH },
        { "+429", "+429", NO_SUCH },
        { "xxx", "xxx", NO_SUCH },
        { "http", "http", NO_SUCH },
        { "policy", "policy", NO_SUCH },
        { "cancelled", "cancelled", NO_SUCH },
        { "none", "none", NO_SUCH },
        { "none/none", "none/none", NO_SUCH },
        { "unknown/unknown", "unknown/unknown", NO_SUCH },
        { "connect/", "connect/", NO_SUCH },
        { "/refused", "/refused", NO_SUCH },
        { "/", "/", NO_SUCH },
        { "connect/refused/", "connect/refused/", NO_SUCH },
        { "connect/verify", "connect/verify", NO_SUCH },
        { "connectx", "connectx", NO_SUCH },
        { "connec", "connec", NO_SUCH },
        { "defaults", "defaults", NO_SUCH },
        { "\xd9\xa4", "\xd9\xa4", NO_SUCH },
        { "0", "0", NO_STATUS },
        { "5", "5", NO_STATUS },
        { "99", "99", NO_STATUS },
        { "099", "099", NO_STATUS },
        { "600", "600", NO_STATUS },
        { "999", "999", NO_STATUS },
        { "0xx", "0xx", NO_STATUS },
        { "6xx", "6xx", NO_STATUS },
        { "5x", "5x", NO_STATUS },
        { "50x", "50x", NO_STATUS },
        { "5x0", "5x0", NO_STATUS },
        { "5xxx", "5xxx", NO_STATUS },
        { "5**", "5**", NO_STATUS },
        { "4290", "4290", NO_STATUS },
        { "0429", "0429", NO_STATUS },
        { "429 ", "429 ", NO_STATUS },
        { "42a", "42a", NO_STATUS },
        { "500-504", "500-504", NO_STATUS },
        { "429;503", "429;503", NO_STATUS },
        { "4294967725", "4294967725", NO_STATUS },
        { "tls/verify", "tls/verify", NEVER },
        { "503,tls/verify", "tls/verify", NEVER },
        { "tls/alpn", "tls/alpn", NEVER },
        { "timeout/total", "timeout/total", NEVER },
        { "timeout/queue", "timeout/queue", NEVER },
        { "policy/denied", "policy/denied", NEVER },
        { "input/url", "input/url", NEVER },
        { "cancelled/client", "cancelled/client", NEVER },
        { "sink/write", "sink/write", NEVER },
        { "http/too_big", "http/too_big", NEVER },
        { "http/redirects", "http/redirects", NEVER },
        { "http/status", "http/status", NEVER },
        { "storage/full", "storage/full", NEVER },
        { "admission/busy", "admission/busy", NEVER },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct retry_on on = { .faults = 1 };
        struct retry_on_trouble trouble = { 0 };

        if (retry_on_parse(span_of_string(rows[i].text), &on, &trouble))
            fail_msg("'%s': taken", rows[i].text);
        if (!span_equals(trouble.word, span_of_string(rows[i].word)) ||
            strcmp(trouble.why, rows[i].why) != 0)
            fail_msg("'%s': '%.*s' %s", rows[i].text, (int)trouble.word.bytes, trouble.word.data,
                     trouble.why);
        assert_int_equal(on.faults, 1);
        assert_int_equal(on.statuses[0], 0);
    }
}

static void takes_16_statuses_and_no_more(void **state)
{
    static const char full[] = "400,401,402,403,404,405,406,407,408,409,410,411,412,413,414,5xx";
    struct retry_on on = parsed(full);
    struct retry_on_trouble trouble;
    char text[128];

    (void)state;
    assert_true(retry_on_has_status(&on, 414));
    assert_true(retry_on_has_status(&on, 599));
    (void)snprintf(text, sizeof(text), "%s,5xx,400", full);
    on = parsed(text);
    (void)snprintf(text, sizeof(text), "%s,415", full);
    assert_false(retry_on_parse(span_of_string(text), &on, &trouble));
    assert_true(span_equals(trouble.word, SPAN_LITERAL("415")));
    (void)snprintf(text, sizeof(text), "%s,default", full);
    assert_false(retry_on_parse(span_of_string(text), &on, &trouble));
    assert_true(span_equals(trouble.word, SPAN_LITERAL("default")));
    assert_string_equal(trouble.why,
                        "is one too many: at most 16 statuses and classes can be given");
}

static void reads_no_byte_beyond_the_span(void **state)
{
    struct retry_on on;
    struct retry_on_trouble trouble;

    (void)state;
    assert_true(retry_on_parse(span_of("5033", 3), &on, &trouble));
    assert_true(retry_on_has_status(&on, 503));
    assert_false(retry_on_parse(span_of("503", 2), &on, &trouble));
    assert_true(retry_on_parse(span_of("io,x", 2), &on, &trouble));
    assert_false(retry_on_parse(span_of("io\0", 3), &on, &trouble));
    assert_false(retry_on_parse(span_of(NULL, 0), &on, &trouble));
}

static void refuses_a_wire_form_that_no_words_give(void **state)
{
    static const struct {
        const char *name;
        struct retry_on on;
        bool is_valid;
    } rows[] = {
        { "nothing", { 0 }, true },
        { "a fault", { .faults = UINT64_C(1) << FAULT_IO_RECV }, true },
        { "statuses", { .statuses = { 100, 599, 1, 5 } }, true },
        { "fault 0", { .faults = 1 }, false },
        { "tls/verify", { .faults = UINT64_C(1) << FAULT_TLS_VERIFY }, false },
        { "timeout/total", { .faults = UINT64_C(1) << FAULT_TIMEOUT_TOTAL }, false },
        { "no fault yet", { .faults = UINT64_C(1) << FAULT_CODE_COUNT }, false },
        { "bit 63", { .faults = UINT64_C(1) << 63 }, false },
        { "class 6", { .statuses = { 6 } }, false },
        { "99", { .statuses = { 99 } }, false },
        { "600", { .statuses = { 600 } }, false },
        { "65535", { .statuses = { 503, 65535 } }, false },
        { "a hole", { .statuses = { 503, 0, 504 } }, false },
        { "a hole at the front", { .statuses = { [15] = 504 } }, false },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (retry_on_is_valid(&rows[i].on) != rows[i].is_valid)
            fail_msg("%s", rows[i].name);
    }
}

static void never_has_what_is_not_retryable(void **state)
{
    struct retry_on on;

    (void)state;
    memset(&on, 0xff, sizeof(on));
    assert_true(retry_on_has_fault(&on, FAULT_CONNECT_REFUSED));
    assert_false(retry_on_has_fault(&on, FAULT_NONE));
    assert_false(retry_on_has_fault(&on, FAULT_TLS_VERIFY));
    assert_false(retry_on_has_fault(&on, FAULT_POLICY_DENIED));
    assert_false(retry_on_has_fault(&on, FAULT_CANCELLED_CLIENT));
    assert_false(retry_on_has_fault(&on, FAULT_CODE_COUNT));
    assert_false(retry_on_has_fault(&on, 65535));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_groups_and_names),
        cmocka_unit_test(knows_statuses_and_classes),
        cmocka_unit_test(default_is_the_word_default),
        cmocka_unit_test(refuses_and_names_the_word),
        cmocka_unit_test(takes_16_statuses_and_no_more),
        cmocka_unit_test(reads_no_byte_beyond_the_span),
        cmocka_unit_test(refuses_a_wire_form_that_no_words_give),
        cmocka_unit_test(never_has_what_is_not_retryable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
