/*
 * PROTOCOL.md tells others where each field lies; its tables must say what our structs do, field by
 * field, and name the faults and phases as proto/fault names them.
 */
#include "fault.h"
#include "wire.h"

#include "protocol_doc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define FIELD(heading, type, name)                                                                 \
    {                                                                                              \
        heading, #name, offsetof(struct type, name), sizeof(((struct type *)0)->name),             \
            sizeof(struct type)                                                                    \
    }

/* In the order of the page. */
static const struct {
    const char *heading;
    const char *name;
    size_t offset;
    size_t bytes;
    size_t struct_bytes;
} fields[] = {
    FIELD("Header", wire_header, length),
    FIELD("Header", wire_header, type),
    FIELD("Header", wire_header, flags),
    FIELD("Header", wire_header, fd_count),
    FIELD("Header", wire_header, id),
    FIELD("PROFILE", wire_profile, fixed_bytes),
    FIELD("PROFILE", wire_profile, flags),
    FIELD("PROFILE", wire_profile, dns_timeout_ns),
    FIELD("PROFILE", wire_profile, connect_timeout_ns),
    FIELD("PROFILE", wire_profile, tls_timeout_ns),
    FIELD("PROFILE", wire_profile, first_byte_timeout_ns),
    FIELD("PROFILE", wire_profile, idle_timeout_ns),
    FIELD("PROFILE", wire_profile, total_timeout_ns),
    FIELD("PROFILE", wire_profile, body_bytes_max),
    FIELD("PROFILE", wire_profile, body_mode),
    FIELD("PROFILE", wire_profile, address_family),
    FIELD("PROFILE", wire_profile, header_count),
    FIELD("PROFILE", wire_profile, header_bytes),
    FIELD("PROFILE", wire_profile, pin_count),
    FIELD("PROFILE", wire_profile, unix_path_bytes),
    FIELD("PROFILE", wire_profile, interface_bytes),
    FIELD("PROFILE", wire_profile, redirects_max),
    FIELD("PROFILE", wire_profile, redirect_schemes),
    FIELD("PROFILE", wire_profile, reserved),
    FIELD("PROFILE", wire_profile, retries_max),
    FIELD("PROFILE", wire_profile, retry_delay_ns),
    FIELD("PROFILE", wire_profile, retry_max_time_ns),
    FIELD("PROFILE", wire_profile, retry_faults),
    FIELD("PROFILE", wire_profile, retry_statuses),
    FIELD("PROFILE", wire_profile, ca_bytes),
    FIELD("PROFILE", wire_profile, cert_bytes),
    FIELD("PROFILE", wire_profile, key_bytes),
    FIELD("PROFILE", wire_profile, tls_min),
    FIELD("PROFILE", wire_profile, tls_max),
    FIELD("PROFILE", wire_profile, proxy_http_bytes),
    FIELD("PROFILE", wire_profile, proxy_https_bytes),
    FIELD("PROFILE", wire_profile, no_proxy_bytes),
    FIELD("PROFILE", wire_profile, reserved2),
    FIELD("Field", wire_field, name_bytes),
    FIELD("Field", wire_field, value_bytes),
    FIELD("Pin", wire_pin, host_bytes),
    FIELD("Pin", wire_pin, port),
    FIELD("Pin", wire_pin, to_host_bytes),
    FIELD("Pin", wire_pin, to_port),
    FIELD("Pin", wire_pin, to_is_address),
    FIELD("Pin", wire_pin, reserved),
    FIELD("BATCH_BEGIN", wire_batch_begin, fixed_bytes),
    FIELD("BATCH_BEGIN", wire_batch_begin, concurrency),
    FIELD("BATCH_BEGIN", wire_batch_begin, max_per_origin),
    FIELD("BATCH_BEGIN", wire_batch_begin, flags),
    FIELD("BATCH_BEGIN", wire_batch_begin, rate_uhz),
    FIELD("BATCH_BEGIN", wire_batch_begin, rate_per_origin_uhz),
    FIELD("BATCH_BEGIN", wire_batch_begin, reserved),
    FIELD("COOKIE", wire_cookie, fixed_bytes),
    FIELD("COOKIE", wire_cookie, flags),
    FIELD("COOKIE", wire_cookie, same_site),
    FIELD("COOKIE", wire_cookie, reserved),
    FIELD("COOKIE", wire_cookie, expires_s),
    FIELD("COOKIE", wire_cookie, domain_bytes),
    FIELD("COOKIE", wire_cookie, path_bytes),
    FIELD("COOKIE", wire_cookie, name_bytes),
    FIELD("COOKIE", wire_cookie, value_bytes),
    FIELD("REQUEST", wire_request, fixed_bytes),
    FIELD("REQUEST", wire_request, flags),
    FIELD("REQUEST", wire_request, batch_id),
    FIELD("REQUEST", wire_request, profile_id),
    FIELD("REQUEST", wire_request, planned_ns),
    FIELD("REQUEST", wire_request, timeout_ns),
    FIELD("REQUEST", wire_request, url_bytes),
    FIELD("REQUEST", wire_request, header_bytes),
    FIELD("REQUEST", wire_request, body_bytes),
    FIELD("REQUEST", wire_request, header_count),
    FIELD("REQUEST", wire_request, method_bytes),
    FIELD("REQUEST", wire_request, body_mode),
    FIELD("BATCH_END", wire_batch_end, fixed_bytes),
    FIELD("BATCH_END", wire_batch_end, reserved),
    FIELD("CREDIT", wire_credit, fixed_bytes),
    FIELD("CREDIT", wire_credit, slots),
    FIELD("CREDIT", wire_credit, body_bytes),
    FIELD("HEAD", wire_head, fixed_bytes),
    FIELD("HEAD", wire_head, status),
    FIELD("HEAD", wire_head, version_major),
    FIELD("HEAD", wire_head, version_minor),
    FIELD("HEAD", wire_head, content_bytes),
    FIELD("HEAD", wire_head, header_bytes),
    FIELD("HEAD", wire_head, header_count),
    FIELD("HEAD", wire_head, reason_bytes),
    FIELD("RESULT", wire_result, fixed_bytes),
    FIELD("RESULT", wire_result, fault),
    FIELD("RESULT", wire_result, fault_phase),
    FIELD("RESULT", wire_result, flags),
    FIELD("RESULT", wire_result, fault_errno),
    FIELD("RESULT", wire_result, status),
    FIELD("RESULT", wire_result, version_major),
    FIELD("RESULT", wire_result, version_minor),
    FIELD("RESULT", wire_result, attempts),
    FIELD("RESULT", wire_result, hops),
    FIELD("RESULT", wire_result, remote_port),
    FIELD("RESULT", wire_result, remote_family),
    FIELD("RESULT", wire_result, reserved),
    FIELD("RESULT", wire_result, remote_address),
    FIELD("RESULT", wire_result, wire_bytes),
    FIELD("RESULT", wire_result, body_bytes),
    FIELD("RESULT", wire_result, batch_id),
    FIELD("RESULT", wire_result, t0_ns),
    FIELD("RESULT", wire_result, queued_ns),
    FIELD("RESULT", wire_result, dns_ns),
    FIELD("RESULT", wire_result, connected_ns),
    FIELD("RESULT", wire_result, tls_ns),
    FIELD("RESULT", wire_result, sent_ns),
    FIELD("RESULT", wire_result, first_byte_ns),
    FIELD("RESULT", wire_result, last_byte_ns),
    FIELD("RESULT", wire_result, delivered_ns),
    FIELD("RESULT", wire_result, late_ns),
    FIELD("RESULT", wire_result, request_bytes),
    FIELD("RESULT", wire_result, message_bytes),
    FIELD("RESULT", wire_result, content_type_bytes),
    FIELD("RESULT", wire_result, held_by),
    FIELD("RESULT", wire_result, attempt_ns),
    FIELD("RESULT", wire_result, url_bytes),
    FIELD("RESULT", wire_result, head_bytes),
    FIELD("RESULT", wire_result, connect_status),
    FIELD("RESULT", wire_result, tls_version_bytes),
    FIELD("RESULT", wire_result, tls_cipher_bytes),
    FIELD("RESULT", wire_result, reserved2),
    FIELD("RESULT", wire_result, upload_bytes),
    FIELD("RESULT", wire_result, rtt_us),
    FIELD("RESULT", wire_result, retransmits),
    FIELD("BATCH_DONE", wire_batch_done, fixed_bytes),
    FIELD("BATCH_DONE", wire_batch_done, reserved),
    FIELD("BATCH_DONE", wire_batch_done, items),
    FIELD("BATCH_DONE", wire_batch_done, ok),
    FIELD("BATCH_DONE", wire_batch_done, failed),
    FIELD("BATCH_DONE", wire_batch_done, cancelled),
    FIELD("BATCH_DONE", wire_batch_done, new_conns),
    FIELD("BATCH_DONE", wire_batch_done, reused_conns),
    FIELD("BATCH_DONE", wire_batch_done, receives),
    FIELD("BATCH_DONE", wire_batch_done, starved),
    FIELD("BATCH_DONE", wire_batch_done, cq_overflows),
    FIELD("BATCH_DONE", wire_batch_done, lost_completions),
    FIELD("GOAWAY", wire_goaway, fixed_bytes),
    FIELD("GOAWAY", wire_goaway, reserved),
    FIELD("ERROR", wire_error, fixed_bytes),
    FIELD("ERROR", wire_error, code),
    FIELD("ERROR", wire_error, message_bytes),
    FIELD("ERROR", wire_error, reserved),
};

/* Bytes of "u32" or "u8[16]"; 0 for what is no type. */
static size_t bytes_of_type(const char *type)
{
    unsigned bits = 0;
    unsigned count = 1;

    if (sscanf(type, "u%u[%u]", &bits, &count) < 1 && sscanf(type, "i%u", &bits) != 1)
        return 0;
    return bits / 8 * count;
}

static void tells_where_every_field_lies(void **state)
{
    struct protocol_doc *doc = *state;
    const char *line;
    size_t seen = 0;

    protocol_doc_rewind(doc);
    while ((line = protocol_doc_line(doc))) {
        unsigned offset;
        char type[16];
        char name[40];

        if (sscanf(line, "| %u | %15[^ |] | `%39[a-z0-9_]` |", &offset, type, name) != 3)
            continue;
        if (seen == ROWS(fields))
            fail_msg("line %u: a field more than there are", doc->line);
        if (strcmp(doc->heading, fields[seen].heading) != 0 ||
            strcmp(name, fields[seen].name) != 0 || offset != fields[seen].offset ||
            bytes_of_type(type) != fields[seen].bytes)
            fail_msg("line %u: %s, wanted %s %s at %zu, %zu bytes", doc->line, line,
                     fields[seen].heading, fields[seen].name, fields[seen].offset,
                     fields[seen].bytes);
        seen++;
    }
    assert_int_equal(seen, ROWS(fields));
}

/* Our structs have no holes, so a field that is in no row leaves one. */
static void leaves_no_field_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(fields); i++) {
        size_t end = fields[i].offset + fields[i].bytes;
        bool is_last = i + 1 == ROWS(fields) || fields[i + 1].offset == 0;

        assert_int_equal(is_last ? fields[i].struct_bytes : fields[i + 1].offset, end);
    }
}

static void names_faults_by_their_numbers(void **state)
{
    struct protocol_doc *doc = *state;
    const char *line;
    int seen = 0;

    protocol_doc_rewind(doc);
    while ((line = protocol_doc_line(doc))) {
        char wanted[128];

        if (strcmp(doc->heading, "Faults") != 0 || strncmp(line, "| ", 2) != 0 ||
            strchr("0123456789", line[2]) == NULL)
            continue;
        if (seen == FAULT_NONE)
            (void)snprintf(wanted, sizeof(wanted), "| 0 | `none` | 0 | %s |",
                           fault_message(FAULT_NONE));
        else
            (void)snprintf(wanted, sizeof(wanted), "| %d | `%s/%s` | %d | %s |", seen,
                           fault_domain(seen), fault_name(seen), fault_curl_code(seen),
                           fault_message(seen));
        assert_string_equal(line, wanted);
        seen++;
    }
    assert_int_equal(seen, FAULT_CODE_COUNT);
}

static void names_phases_by_their_numbers(void **state)
{
    struct protocol_doc *doc = *state;
    const char *line;
    int seen = 0;

    protocol_doc_rewind(doc);
    while ((line = protocol_doc_line(doc))) {
        unsigned number;
        char name[16];

        if (strcmp(doc->heading, "Phases") != 0 ||
            sscanf(line, "| %u | %15[a-z] |", &number, name) != 2)
            continue;
        assert_int_equal(number, seen);
        assert_string_equal(name, phase_name(seen));
        seen++;
    }
    assert_int_equal(seen, PHASE_COUNT);
}

/* Numbers that the prose repeats, each at least once on the page. */
static void knows_the_limits(void **state)
{
    static const unsigned long limits[] = {
        WIRE_FRAME_BYTES_MAX,   WIRE_VARLINK_BYTES_MAX,
        WIRE_VARLINK_DEPTH_MAX, WIRE_URL_BYTES_MAX,
        WIRE_HEADER_BYTES_MAX,  WIRE_HEADERS_MAX,
        WIRE_SLOTS_PER_SESSION, WIRE_REQUEST_BYTES_PER_SESSION,
        WIRE_BODY_WINDOW_BYTES, WIRE_PROFILES_PER_SESSION,
        WIRE_FRAME_FDS_MAX,     WIRE_FDS_PER_SESSION,
        WIRE_PINS_MAX,          WIRE_JARS_PER_SESSION,
        WIRE_COOKIE_BYTES_MAX,  WIRE_COOKIE_PATH_BYTES_MAX,
        WIRE_JAR_BYTES_MAX,     WIRE_COOKIE_DOMAIN_BYTES_MAX,
    };
    bool seen[ROWS(limits)] = { false };
    struct protocol_doc *doc = *state;
    const char *line;

    protocol_doc_rewind(doc);
    while ((line = protocol_doc_line(doc))) {
        for (size_t i = 0; i < ROWS(limits) && strcmp(doc->heading, "Limits") == 0; i++) {
            char number[24];

            (void)snprintf(number, sizeof(number), " %lu ", limits[i]);
            seen[i] = seen[i] || strstr(line, number);
        }
    }
    for (size_t i = 0; i < ROWS(limits); i++) {
        if (!seen[i])
            fail_msg("%lu is in no row of \"Limits\"", limits[i]);
    }
    assert_int_equal(WIRE_BATCHES_PER_SESSION, WIRE_PROFILES_PER_SESSION); /* one row has both */
}

int main(int argc, char **argv)
{
    struct protocol_doc doc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(tells_where_every_field_lies, &doc),
        cmocka_unit_test_prestate(leaves_no_field_out, &doc),
        cmocka_unit_test_prestate(names_faults_by_their_numbers, &doc),
        cmocka_unit_test_prestate(names_phases_by_their_numbers, &doc),
        cmocka_unit_test_prestate(knows_the_limits, &doc),
    };
    int failed;

    protocol_doc_open(&doc, argc, argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    protocol_doc_close(&doc);
    return failed;
}
