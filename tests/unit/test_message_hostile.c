/*
 * Well-formed frames, and what a hostile peer makes of them: cut at every byte, with a fixed part
 * of any size, and a table whose rows overwrite one number each and name the verdict. Payloads are
 * copied into allocations of their exact size, so that the sanitizer sees a read past them.
 */
#include "message.h"

#include "good_frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OK 0u
#define MALFORMED WIRE_ERROR_MALFORMED
#define RESERVED WIRE_ERROR_RESERVED
#define LIMIT WIRE_ERROR_LIMIT

/* Decodes the first bytes of the frame, from an allocation that ends where they end. */
static message_error decode_cut(enum good_frame kind, const char *bytes, size_t bytes_count)
{
    char *copy = malloc(bytes_count);
    struct frame frame;
    message_error error;

    assert_non_null(copy);
    memcpy(copy, bytes, bytes_count);
    frame = frame_of_bytes(copy, bytes_count - sizeof(struct wire_header));
    error = good_frame_decode(kind, &frame);
    free(copy);
    return error;
}

static void refuses_every_frame_cut_short(void **state)
{
    (void)state;
    for (int kind = 0; kind < GOOD_FRAME_COUNT; kind++) {
        char bytes[GOOD_FRAME_BYTES_MAX];
        size_t length = good_frame_put(kind, bytes);

        for (size_t cut = 16; cut <= length; cut++)
            assert_int_equal(decode_cut(kind, bytes, cut),
                             cut < good_frame_used_bytes(kind) ? MALFORMED : OK);
    }
}

static void skips_what_a_newer_peer_adds_to_the_fixed_part(void **state)
{
    (void)state;
    for (int kind = 0; kind < GOOD_FRAME_COUNT; kind++) {
        char bytes[GOOD_FRAME_BYTES_MAX];
        char longer[512];
        uint32_t fixed_bytes;
        size_t length = good_frame_put(kind, bytes);

        if (kind == GOOD_DATA)
            continue; /* has no fixed struct, only the size of its body */
        memcpy(&fixed_bytes, bytes + 16, sizeof(fixed_bytes));
        memcpy(longer, bytes, 16 + fixed_bytes);
        memset(longer + 16 + fixed_bytes, 0xee, 24);
        memcpy(longer + 16 + fixed_bytes + 24, bytes + 16 + fixed_bytes, length - 16 - fixed_bytes);
        fixed_bytes += 24;
        memcpy(longer + 16, &fixed_bytes, sizeof(fixed_bytes));
        assert_int_equal(decode_cut(kind, longer, length + 24), OK);
    }
}

static void refuses_a_fixed_part_that_does_not_fit(void **state)
{
    (void)state;
    for (int kind = 0; kind < GOOD_FRAME_COUNT; kind++) {
        char bytes[GOOD_FRAME_BYTES_MAX];
        size_t length = good_frame_put(kind, bytes);
        uint32_t least;

        memcpy(&least, bytes + 16, sizeof(least));
        if (kind == GOOD_RESULT)
            least = WIRE_RESULT_BYTES_MIN;
        if (kind == GOOD_BATCH_DONE)
            least = WIRE_BATCH_DONE_BYTES_MIN;
        const uint32_t bad[] = { 0,          1,          4,          least - 8,
                                 least - 1,  0x7fffffff, 0x80000000, (uint32_t)length - 16 + 1,
                                 0xfffffff8, 0xffffffff };

        for (size_t i = 0; i < ROWS(bad) && kind != GOOD_DATA; i++) {
            memcpy(bytes + 16, &bad[i], sizeof(bad[i]));
            assert_int_equal(decode_cut(kind, bytes, length), MALFORMED);
        }
    }
}

#define AT(type, field) (16 + offsetof(struct type, field)), sizeof(((struct type *)0)->field)
/* Behind the fixed part: the first field of PROFILE and REQUEST, the first pin. */
#define PROFILE_FIELD (16 + sizeof(struct wire_profile))
#define PROFILE_PIN (PROFILE_FIELD + 32)
#define REQUEST_FIELD (16 + 56 + 4 + 14)
#define COOKIE_PATH (16 + 24 + 6) /* then sid, 31d4 */

static const struct {
    const char *name;
    enum good_frame kind;
    size_t offset;
    size_t bytes;
    uint64_t value;
    message_error error;
} spoilt[] = {
    { "an unknown flag", GOOD_PROFILE, AT(wire_profile, flags), 0x100, RESERVED },
    { "an unknown scheme", GOOD_PROFILE, AT(wire_profile, redirect_schemes), 4, RESERVED },
    { "the last reserved byte", GOOD_PROFILE, AT(wire_profile, reserved2[59]), 1, RESERVED },
    { "a reserved byte", GOOD_PROFILE, AT(wire_profile, reserved[4]), 1, RESERVED },
    { "TLS 1.1", GOOD_PROFILE, AT(wire_profile, tls_min), 11, MALFORMED },
    { "TLS 1.4", GOOD_PROFILE, AT(wire_profile, tls_max), 14, MALFORMED },
    { "a CA beyond the frame", GOOD_PROFILE, AT(wire_profile, ca_bytes), 200000, MALFORMED },
    { "a key over the limit", GOOD_PROFILE, AT(wire_profile, key_bytes), 262144, LIMIT },
    { "a proxy over the limit", GOOD_PROFILE, AT(wire_profile, proxy_http_bytes), 4097, LIMIT },
    { "the other too", GOOD_PROFILE, AT(wire_profile, proxy_https_bytes), 4097, LIMIT },
    { "too many without one", GOOD_PROFILE, AT(wire_profile, no_proxy_bytes), 16385, LIMIT },
    { "a proxy longer than the frame", GOOD_PROFILE, AT(wire_profile, proxy_http_bytes), 4096,
      MALFORMED },
    { "a list longer than the frame", GOOD_PROFILE, AT(wire_profile, no_proxy_bytes), 16384,
      MALFORMED },
    { "a certificate of all ones", GOOD_PROFILE, AT(wire_profile, cert_bytes), 0xffffffff, LIMIT },
    { "1001 retries", GOOD_PROFILE, AT(wire_profile, retries_max), 1001, MALFORMED },
    { "a fault no one retries", GOOD_PROFILE, AT(wire_profile, retry_faults), 2, MALFORMED },
    { "a fault of tomorrow", GOOD_PROFILE, AT(wire_profile, retry_faults), 1u << 31, MALFORMED },
    { "a status of 600", GOOD_PROFILE, AT(wire_profile, retry_statuses[0]), 600, MALFORMED },
    { "a hole in the statuses", GOOD_PROFILE, AT(wire_profile, retry_statuses[2]), 0, OK },
    { "a status after the end", GOOD_PROFILE, AT(wire_profile, retry_statuses[3]), 500, MALFORMED },
    { "the highest flag", GOOD_PROFILE, AT(wire_profile, flags), 0x80000000, RESERVED },
    { "reserved", GOOD_PROFILE, AT(wire_profile, reserved), 1, RESERVED },
    { "a body mode too many", GOOD_PROFILE, AT(wire_profile, body_mode), 3, MALFORMED },
    { "a profile of its own body mode", GOOD_PROFILE, AT(wire_profile, body_mode), 255, MALFORMED },
    { "any family", GOOD_PROFILE, AT(wire_profile, address_family), 0, OK },
    { "family 6", GOOD_PROFILE, AT(wire_profile, address_family), 6, OK },
    { "family 1", GOOD_PROFILE, AT(wire_profile, address_family), 1, MALFORMED },
    { "family 10", GOOD_PROFILE, AT(wire_profile, address_family), 10, MALFORMED },
    { "one field fewer than there are", GOOD_PROFILE, AT(wire_profile, header_count), 1,
      MALFORMED },
    { "one field more than there are", GOOD_PROFILE, AT(wire_profile, header_count), 3, MALFORMED },
    { "fields, but none counted", GOOD_PROFILE, AT(wire_profile, header_count), 0, MALFORMED },
    { "257 fields", GOOD_PROFILE, AT(wire_profile, header_count), 257, LIMIT },
    { "65535 fields", GOOD_PROFILE, AT(wire_profile, header_count), 65535, LIMIT },
    { "fields cut short", GOOD_PROFILE, AT(wire_profile, header_bytes), 31, MALFORMED },
    { "no bytes for the fields", GOOD_PROFILE, AT(wire_profile, header_bytes), 0, MALFORMED },
    { "fields over the limit", GOOD_PROFILE, AT(wire_profile, header_bytes), 131073, LIMIT },
    { "fields beyond the frame", GOOD_PROFILE, AT(wire_profile, header_bytes), 131072, MALFORMED },
    { "all ones of fields", GOOD_PROFILE, AT(wire_profile, header_bytes), 0xffffffff, LIMIT },
    { "one pin more than there are", GOOD_PROFILE, AT(wire_profile, pin_count), 3, MALFORMED },
    { "65 pins", GOOD_PROFILE, AT(wire_profile, pin_count), 65, LIMIT },
    { "65535 pins", GOOD_PROFILE, AT(wire_profile, pin_count), 65535, LIMIT },
    { "a path beyond the frame", GOOD_PROFILE, AT(wire_profile, unix_path_bytes), 65535,
      MALFORMED },
    { "an interface beyond it", GOOD_PROFILE, AT(wire_profile, interface_bytes), 65535, MALFORMED },
    { "a name beyond the fields", GOOD_PROFILE, PROFILE_FIELD, 4, 33, MALFORMED },
    { "all ones of name", GOOD_PROFILE, PROFILE_FIELD, 4, 0xffffffff, MALFORMED },
    { "a value beyond the fields", GOOD_PROFILE, PROFILE_FIELD + 4, 4, 26, MALFORMED },
    { "name + value overflow", GOOD_PROFILE, PROFILE_FIELD + 4, 4, 0xfffffffa, MALFORMED },
    { "a pin's reserved byte", GOOD_PROFILE, PROFILE_PIN + 9, 1, 1, RESERVED },
    { "a pin's last reserved byte", GOOD_PROFILE, PROFILE_PIN + 15, 1, 0x80, RESERVED },
    { "neither true nor false", GOOD_PROFILE, PROFILE_PIN + 8, 1, 2, MALFORMED },
    { "a pinned host beyond the frame", GOOD_PROFILE, PROFILE_PIN, 2, 0xffff, MALFORMED },
    { "a pin's target beyond it", GOOD_PROFILE, PROFILE_PIN + 4, 2, 0xffff, MALFORMED },
    { "an address without text", GOOD_PROFILE, PROFILE_PIN + 31 + 8, 1, 1, MALFORMED },
    { "an unknown flag", GOOD_BATCH_BEGIN, AT(wire_batch_begin, flags), 4, RESERVED },
    { "the highest flag", GOOD_BATCH_BEGIN, AT(wire_batch_begin, flags), 0x80000001, RESERVED },
    { "a jar that stays", GOOD_BATCH_BEGIN, AT(wire_batch_begin, flags), 1, OK },
    { "no jar", GOOD_BATCH_BEGIN, AT(wire_batch_begin, flags), 0, OK },
    { "cookies back, of no jar", GOOD_BATCH_BEGIN, AT(wire_batch_begin, flags), 2, MALFORMED },
    { "reserved", GOOD_BATCH_BEGIN, AT(wire_batch_begin, reserved), 1, RESERVED },
    { "the last reserved byte", GOOD_BATCH_BEGIN, AT(wire_batch_begin, reserved[15]), 0x80,
      RESERVED },
    { "reserved", GOOD_BATCH_END, AT(wire_batch_end, reserved), 1, RESERVED },
    { "an unknown flag", GOOD_REQUEST, AT(wire_request, flags), 0x23, RESERVED },
    { "two bodies", GOOD_REQUEST, AT(wire_request, flags), 0x9, MALFORMED },
    { "waits for 100 within its frame", GOOD_REQUEST, AT(wire_request, flags), 0x11, MALFORMED },
    { "a body mode too many", GOOD_REQUEST, AT(wire_request, body_mode), 3, MALFORMED },
    { "body mode 254", GOOD_REQUEST, AT(wire_request, body_mode), 254, MALFORMED },
    { "a body without its flag", GOOD_REQUEST, AT(wire_request, flags), 0, MALFORMED },
    { "a url beyond the frame", GOOD_REQUEST, AT(wire_request, url_bytes), 4096, MALFORMED },
    { "all ones of url", GOOD_REQUEST, AT(wire_request, url_bytes), 0xffffffff, MALFORMED },
    { "a method beyond the frame", GOOD_REQUEST, AT(wire_request, method_bytes), 255, MALFORMED },
    { "fields beyond the frame", GOOD_REQUEST, AT(wire_request, header_bytes), 4096, MALFORMED },
    { "one field fewer", GOOD_REQUEST, AT(wire_request, header_count), 1, MALFORMED },
    { "65535 fields", GOOD_REQUEST, AT(wire_request, header_count), 65535, MALFORMED },
    { "a body beyond the frame", GOOD_REQUEST, AT(wire_request, body_bytes), 16, MALFORMED },
    { "lengths that sum up to 2^32", GOOD_REQUEST, AT(wire_request, body_bytes), 0xfffffffb,
      MALFORMED },
    { "a name beyond the fields", GOOD_REQUEST, REQUEST_FIELD, 4, 33, MALFORMED },
    { "a value into the body", GOOD_REQUEST, REQUEST_FIELD + 17 + 4, 4, 1, MALFORMED },
    { "one field fewer", GOOD_HEAD, AT(wire_head, header_count), 1, MALFORMED },
    { "fields beyond the frame", GOOD_HEAD, AT(wire_head, header_bytes), 4096, MALFORMED },
    { "a reason beyond the frame", GOOD_HEAD, AT(wire_head, reason_bytes), 65535, MALFORMED },
    { "a body beyond the frame", GOOD_DATA, 16, 8, 9, MALFORMED },
    { "a body of 2^32 + 5", GOOD_DATA, 16, 8, 0x100000005, MALFORMED },
    { "all ones of body", GOOD_DATA, 16, 8, UINT64_MAX, MALFORMED },
    { "an unknown flag", GOOD_RESULT, AT(wire_result, flags), 0x40, RESERVED },
    { "reserved", GOOD_RESULT, AT(wire_result, reserved), 1, RESERVED },
    { "an unknown family", GOOD_RESULT, AT(wire_result, remote_family), 10, MALFORMED },
    { "a message beyond the frame", GOOD_RESULT, AT(wire_result, message_bytes), 4096, MALFORMED },
    { "a type beyond the frame", GOOD_RESULT, AT(wire_result, content_type_bytes), 65535,
      MALFORMED },
    { "a fault of tomorrow", GOOD_RESULT, AT(wire_result, fault), 999, OK },
    { "a URL beyond the frame", GOOD_RESULT, AT(wire_result, url_bytes), 0xffffffff, MALFORMED },
    { "the other reserved", GOOD_RESULT, AT(wire_result, reserved2[3]), 1, RESERVED },
    { "a cap of tomorrow", GOOD_RESULT, AT(wire_result, held_by), 77, OK },
    { "reserved", GOOD_BATCH_DONE, AT(wire_batch_done, reserved), 1, RESERVED },
    { "reserved", GOOD_GOAWAY, AT(wire_goaway, reserved), 1, RESERVED },
    { "reserved", GOOD_ERROR, AT(wire_error, reserved), 1, RESERVED },
    { "a text beyond the frame", GOOD_ERROR, AT(wire_error, message_bytes), 17, MALFORMED },
    { "an unknown flag", GOOD_COOKIE, AT(wire_cookie, flags), 8, RESERVED },
    { "the highest flag", GOOD_COOKIE, AT(wire_cookie, flags), 0x8000, RESERVED },
    { "reserved", GOOD_COOKIE, AT(wire_cookie, reserved), 1, RESERVED },
    { "no flag", GOOD_COOKIE, AT(wire_cookie, flags), 0, OK },
    { "a site too many", GOOD_COOKIE, AT(wire_cookie, same_site), 4, MALFORMED },
    { "the last second", GOOD_COOKIE, AT(wire_cookie, expires_s), 253402300799, OK },
    { "the year 10000", GOOD_COOKIE, AT(wire_cookie, expires_s), 253402300800, MALFORMED },
    { "never", GOOD_COOKIE, AT(wire_cookie, expires_s), UINT64_MAX, MALFORMED },
    { "no domain", GOOD_COOKIE, AT(wire_cookie, domain_bytes), 0, MALFORMED },
    { "a domain with a path", GOOD_COOKIE, AT(wire_cookie, domain_bytes), 7, MALFORMED },
    { "a domain beyond the frame", GOOD_COOKIE, AT(wire_cookie, domain_bytes), 254, MALFORMED },
    { "no path", GOOD_COOKIE, AT(wire_cookie, path_bytes), 0, MALFORMED },
    { "a path beyond the frame", GOOD_COOKIE, AT(wire_cookie, path_bytes), 1024, MALFORMED },
    { "a path that begins later", GOOD_COOKIE, COOKIE_PATH, 1, 'x', MALFORMED },
    { "a tab in a path", GOOD_COOKIE, COOKIE_PATH + 1, 1, '\t', MALFORMED },
    { "no name", GOOD_COOKIE, AT(wire_cookie, name_bytes), 0, MALFORMED },
    { "a name beyond the frame", GOOD_COOKIE, AT(wire_cookie, name_bytes), 65535, MALFORMED },
    { "no value", GOOD_COOKIE, AT(wire_cookie, value_bytes), 0, OK },
    { "a value beyond the frame", GOOD_COOKIE, AT(wire_cookie, value_bytes), 4096, MALFORMED },
    { "a name with '='", GOOD_COOKIE, COOKIE_PATH + 5, 1, '=', MALFORMED },
    { "a name with ';'", GOOD_COOKIE, COOKIE_PATH + 5, 1, ';', MALFORMED },
    { "a name with a line break", GOOD_COOKIE, COOKIE_PATH + 5, 1, '\n', MALFORMED },
    { "a name that ends with a space", GOOD_COOKIE, COOKIE_PATH + 6, 1, ' ', MALFORMED },
    { "a value with '='", GOOD_COOKIE, COOKIE_PATH + 8, 1, '=', OK },
    { "a value with ';'", GOOD_COOKIE, COOKIE_PATH + 8, 1, ';', MALFORMED },
    { "a value with a NUL", GOOD_COOKIE, COOKIE_PATH + 8, 1, 0, MALFORMED },
    { "a value with a CR", GOOD_COOKIE, COOKIE_PATH + 8, 1, '\r', MALFORMED },
    { "a value with DEL", GOOD_COOKIE, COOKIE_PATH + 8, 1, 0x7f, MALFORMED },
    { "a value that begins with a space", GOOD_COOKIE, COOKIE_PATH + 7, 1, ' ', MALFORMED },
    { "all ones of text", GOOD_ERROR, AT(wire_error, message_bytes), 0xffffffff, MALFORMED },
};

static void refuses_numbers_that_do_not_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(spoilt); i++) {
        char bytes[GOOD_FRAME_BYTES_MAX];
        size_t length = good_frame_put(spoilt[i].kind, bytes);
        message_error error;

        memcpy(bytes + spoilt[i].offset, &spoilt[i].value, spoilt[i].bytes);
        error = decode_cut(spoilt[i].kind, bytes, length);
        if (error != spoilt[i].error)
            print_message("kind %d, %s: %u\n", spoilt[i].kind, spoilt[i].name, error);
        assert_int_equal(error, spoilt[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_every_frame_cut_short),
        cmocka_unit_test(skips_what_a_newer_peer_adds_to_the_fixed_part),
        cmocka_unit_test(refuses_a_fixed_part_that_does_not_fit),
        cmocka_unit_test(refuses_numbers_that_do_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
