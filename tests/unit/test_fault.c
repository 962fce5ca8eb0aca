/*
 * The names of faults are what scripts match on, so the tests hold them to a shape (words, unique,
 * a curl number) and spell out those the command line's page promises.
 */
#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

static const struct {
    enum fault_code code;
    const char *domain;
    const char *name;
    int curl_code;
} promised[] = {
    { FAULT_INPUT_URL, "input", "url", 3 },
    { FAULT_INPUT_SCHEME, "input", "scheme", 1 },
    { FAULT_INPUT_ARGUMENT, "input", "argument", 43 },
    { FAULT_INPUT_TOO_BIG, "input", "too_big", 43 },
    { FAULT_POLICY_DENIED, "policy", "denied", 7 },
    { FAULT_ADMISSION_BUSY, "admission", "busy", 42 },
    { FAULT_ADMISSION_QUOTA, "admission", "quota", 42 },
    { FAULT_ADMISSION_DRAINING, "admission", "draining", 42 },
    { FAULT_DNS_NOT_FOUND, "dns", "not_found", 6 },
    { FAULT_DNS_FAILED, "dns", "failed", 6 },
    { FAULT_CONNECT_REFUSED, "connect", "refused", 7 },
    { FAULT_CONNECT_UNREACHABLE, "connect", "unreachable", 7 },
    { FAULT_CONNECT_RESET, "connect", "reset", 7 },
    { FAULT_TLS_HANDSHAKE, "tls", "handshake", 35 },
    { FAULT_TLS_VERIFY, "tls", "verify", 60 },
    { FAULT_TLS_ALPN, "tls", "alpn", 35 },
    { FAULT_TIMEOUT_QUEUE, "timeout", "queue", 28 },
    { FAULT_TIMEOUT_DNS, "timeout", "dns", 28 },
    { FAULT_TIMEOUT_CONNECT, "timeout", "connect", 28 },
    { FAULT_TIMEOUT_TLS, "timeout", "tls", 28 },
    { FAULT_TIMEOUT_SEND, "timeout", "send", 28 },
    { FAULT_TIMEOUT_FIRST_BYTE, "timeout", "first_byte", 28 },
    { FAULT_TIMEOUT_IDLE, "timeout", "idle", 28 },
    { FAULT_TIMEOUT_TOTAL, "timeout", "total", 28 },
    { FAULT_HTTP_EMPTY, "http", "empty", 52 },
    { FAULT_HTTP_MALFORMED, "http", "malformed", 8 },
    { FAULT_HTTP_PARTIAL, "http", "partial", 18 },
    { FAULT_HTTP_TOO_BIG, "http", "too_big", 63 },
    { FAULT_HTTP_ENCODING, "http", "encoding", 61 },
    { FAULT_HTTP_REDIRECTS, "http", "redirects", 47 },
    { FAULT_HTTP_STATUS, "http", "status", 22 },
    { FAULT_IO_RECV, "io", "recv", 56 },
    { FAULT_IO_SEND, "io", "send", 55 },
    { FAULT_SINK_WRITE, "sink", "write", 23 },
    { FAULT_SINK_SLOW, "sink", "slow", 23 },
    { FAULT_CANCELLED_CLIENT, "cancelled", "client", 42 },
    { FAULT_CANCELLED_DAEMON, "cancelled", "daemon", 42 },
    { FAULT_LOCAL_NO_DESCRIPTORS, "local", "no_descriptors", 7 },
    { FAULT_LOCAL_NO_PORTS, "local", "no_ports", 7 },
    { FAULT_LOCAL_NO_MEMORY, "local", "no_memory", 27 },
    { FAULT_STORAGE_FULL, "storage", "full", 23 },
    { FAULT_STORAGE_QUOTA, "storage", "quota", 23 },
    { FAULT_STORAGE_CORRUPT, "storage", "corrupt", 23 },
    { FAULT_STORAGE_FAILED, "storage", "failed", 23 },
    { FAULT_CONNECT_PROXY, "connect", "proxy", 56 },
    { FAULT_DNS_PROXY, "dns", "proxy", 5 },
};

static void keeps_the_promised_names_and_curl_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(promised) / sizeof(promised[0]); i++) {
        assert_string_equal(fault_domain(promised[i].code), promised[i].domain);
        assert_string_equal(fault_name(promised[i].code), promised[i].name);
        assert_int_equal(fault_curl_code(promised[i].code), promised[i].curl_code);
    }
}

static void promises_every_fault_in_order_of_its_number(void **state)
{
    (void)state;
    assert_int_equal(sizeof(promised) / sizeof(promised[0]), FAULT_CODE_COUNT - 1);
    for (int code = 1; code < FAULT_CODE_COUNT; code++)
        assert_int_equal(promised[code - 1].code, code);
}

static void names_are_words_and_pairs_are_unique(void **state)
{
    const char *letters = "abcdefghijklmnopqrstuvwxyz_";

    (void)state;
    for (int a = 0; a < FAULT_CODE_COUNT; a++) {
        assert_int_equal(strspn(fault_domain(a), letters), strlen(fault_domain(a)));
        assert_int_equal(strspn(fault_name(a), letters), strlen(fault_name(a)));
        assert_true(strlen(fault_message(a)) > 0);
        for (int b = 0; b < a; b++)
            assert_false(strcmp(fault_domain(a), fault_domain(b)) == 0 &&
                         strcmp(fault_name(a), fault_name(b)) == 0);
    }
}

static void only_success_has_curl_number_zero(void **state)
{
    (void)state;
    assert_int_equal(fault_curl_code(FAULT_NONE), 0);
    for (int code = 1; code < FAULT_CODE_COUNT; code++)
        assert_in_range(fault_curl_code(code), 1, 99);
}

static void calls_unknown_numbers_unknown(void **state)
{
    static const unsigned numbers[] = { FAULT_CODE_COUNT, 255, 65535, 0x80000000u, 0xffffffffu };

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_string_equal(fault_domain((enum fault_code)numbers[i]), "unknown");
        assert_string_equal(fault_name((enum fault_code)numbers[i]), "unknown");
        assert_string_equal(phase_name((enum phase)numbers[i]), "unknown");
        assert_int_not_equal(fault_curl_code((enum fault_code)numbers[i]), 0);
    }
}

static void names_every_phase_once(void **state)
{
    static const char *const names[PHASE_COUNT] = {
        "none", "input", "queue", "dns", "connect", "tls", "send", "wait", "receive", "deliver",
    };

    (void)state;
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        assert_string_equal(phase_name(phase), names[phase]);
}

static void keeps_the_first_fault(void **state)
{
    struct fault fault = { 0 };

    (void)state;
    assert_false(fault_is_set(&fault));
    fault_set(&fault, FAULT_IO_RECV, PHASE_RECEIVE, ECONNRESET, "reset by the server");
    fault_set(&fault, FAULT_CANCELLED_CLIENT, PHASE_DELIVER, 0, NULL);
    assert_true(fault_is_set(&fault));
    assert_int_equal(fault.code, FAULT_IO_RECV);
    assert_int_equal(fault.phase, PHASE_RECEIVE);
    assert_int_equal(fault.error, ECONNRESET);
    assert_string_equal(fault.why, "reset by the server");
}

static void tells_our_limits_from_the_origins_trouble(void **state)
{
    static const struct {
        int error;
        enum fault_code code;
    } rows[] = {
        { EMFILE, FAULT_LOCAL_NO_DESCRIPTORS },      { ENFILE, FAULT_LOCAL_NO_DESCRIPTORS },
        { EADDRNOTAVAIL, FAULT_LOCAL_NO_PORTS },     { EADDRINUSE, FAULT_LOCAL_NO_PORTS },
        { ENOMEM, FAULT_LOCAL_NO_MEMORY },           { ENOBUFS, FAULT_LOCAL_NO_MEMORY },
        { ECONNREFUSED, FAULT_CONNECT_REFUSED },     { ENOENT, FAULT_CONNECT_REFUSED },
        { ECONNRESET, FAULT_CONNECT_RESET },         { ECONNABORTED, FAULT_CONNECT_RESET },
        { ETIMEDOUT, FAULT_TIMEOUT_CONNECT },        { EHOSTUNREACH, FAULT_CONNECT_UNREACHABLE },
        { ENETUNREACH, FAULT_CONNECT_UNREACHABLE },  { EACCES, FAULT_CONNECT_UNREACHABLE },
        { EAFNOSUPPORT, FAULT_CONNECT_UNREACHABLE },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(fault_of_connect_errno(rows[i].error), rows[i].code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_promised_names_and_curl_numbers),
        cmocka_unit_test(promises_every_fault_in_order_of_its_number),
        cmocka_unit_test(names_are_words_and_pairs_are_unique),
        cmocka_unit_test(only_success_has_curl_number_zero),
        cmocka_unit_test(calls_unknown_numbers_unknown),
        cmocka_unit_test(names_every_phase_once),
        cmocka_unit_test(keeps_the_first_fault),
        cmocka_unit_test(tells_our_limits_from_the_origins_trouble),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
