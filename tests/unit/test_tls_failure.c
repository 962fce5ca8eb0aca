/*
 * What can go wrong on a TLS connection: the class of the fault, and words a user can act on.
 */
#include "tls_meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void assert_failed(struct meeting *m, enum fault_code code, enum phase phase,
                          const char *text)
{
    const struct fault *fault = tls_fault(m->tls);

    assert_int_equal(tls_state(m->tls), TLS_FAILED);
    assert_string_equal(fault_name(fault->code), fault_name(code));
    assert_string_equal(phase_name(fault->phase), phase_name(phase));
    assert_non_null(fault->why);
    assert_string_equal(tls_failure_text(m->tls), text);
    tls_check(m->tls);
}

/* ---- the handshake -------------------------------------------------------------------------- */

static void versions_that_do_not_meet(void **state)
{
    static const struct meeting_plan plans[] = {
        { .server_min = TLS1_3_VERSION, .options = { .version_max = TLS_VERSION_1_2 } },
        { .server_max = TLS1_2_VERSION, .options = { .version_min = TLS_VERSION_1_3 } },
    };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(plans); i++) {
        meeting_init(&m, &plans[i]);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_FAILED);
        assert_failed(&m, FAULT_TLS_HANDSHAKE, PHASE_TLS, "no protocol version in common");
        meeting_deinit(&m);
    }
}

static void what_is_no_tls_is_told_by_what_it_is(void **state)
{
    static const char http[] = "the server speaks no TLS: it answers in plain HTTP";
    static const char other[] = "the server speaks no TLS";
    static const char unfinished[] = "the server ended the connection during the handshake";
    static const struct {
        const char *answer;
        const char *text;
    } rows[] = {
        { "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", http },
        { "HTTP/1.0 200 OK\r\n\r\n", http },
        { "HTTP/", http },
        { "HTTP", other },
        { "SSH-2.0-OpenSSH_9.2\r\n", other },
        { "220 mail.test ESMTP\r\n", other },
        { "+", other },
        { "\x17\x03\x03\x10\x10", other }, /* data at once: no server of TLS begins with it */
        { "\x80\x2e\x01\x03\x01", other }, /* an SSL 2 hello */
        { "\x16\x03", unfinished },
        { "", unfinished },
    };
    const struct meeting_plan plan = { 0 };
    struct meeting m;

    (void)state;
    meeting_init(&m, &plan);
    for (unsigned i = 0; i < 2 * ROWS(rows); i++) {
        caller_calls(&m, "a.test", NULL);
        m.is_bytewise = i >= ROWS(rows);
        caller_gets(&m, span_of_string(rows[i % ROWS(rows)].answer));
        assert_false(tls_end_of_input(m.tls));
        assert_failed(&m, FAULT_TLS_HANDSHAKE, PHASE_TLS, rows[i % ROWS(rows)].text);
    }
    meeting_deinit(&m);
}

static void a_record_that_is_none_fails_the_handshake(void **state)
{
    static const char *const answers[] = {
        "\x16\x03\x03\x02\x02\x63\x01\x01\x01\x01",
        "\x16\x16\x16\x16\x16\x16",
        "\x16\x03\x03\xff\xff\xff",
        "\x15\x03\x03\x01\x01\x01\x01",
    };
    const struct meeting_plan plan = { 0 };
    struct meeting m;

    (void)state;
    meeting_init(&m, &plan);
    for (unsigned i = 0; i < ROWS(answers); i++) {
        caller_calls(&m, "a.test", NULL);
        caller_gets(&m, span_of_string(answers[i]));
        if (tls_state(m.tls) == TLS_HANDSHAKING) /* it waits for the rest of a message */
            assert_false(tls_end_of_input(m.tls));
        assert_int_equal(tls_state(m.tls), TLS_FAILED);
        assert_int_equal(tls_fault(m.tls)->code, FAULT_TLS_HANDSHAKE);
        assert_true(tls_failure_text(m.tls)[0]);
    }
    meeting_deinit(&m);
}

/* All of the server's first flight but its end, at every length. */
static void a_handshake_cut_short_anywhere_fails(void **state)
{
    const struct meeting_plan plan = { .server_max = TLS1_2_VERSION };
    struct meeting m;
    struct block *hello, *flight;

    (void)state;
    meeting_init(&m, &plan);
    for (size_t bytes = 0;; bytes++) {
        bool is_whole;

        caller_calls(&m, "a.test", NULL);
        hello = tls_take_output(m.tls);
        BIO_write(SSL_get_rbio(m.server), hello->data, (int)hello->bytes);
        block_free(hello);
        assert_int_equal(SSL_do_handshake(m.server), -1);
        flight = peer_output(&m);
        is_whole = bytes >= flight->bytes; /* signatures differ in length */
        caller_gets(&m, span_of(flight->data, is_whole ? flight->bytes : bytes));
        block_free(flight);
        assert_int_equal(tls_state(m.tls), TLS_HANDSHAKING);
        assert_false(tls_end_of_input(m.tls));
        assert_failed(&m, FAULT_TLS_HANDSHAKE, PHASE_TLS,
                      "the server ended the connection during the handshake");
        if (is_whole)
            break;
    }
    meeting_deinit(&m);
}

static void a_flipped_bit_anywhere_fails_the_handshake(void **state)
{
    const struct meeting_plan plan = { .server_max = TLS1_2_VERSION };
    struct meeting m;
    struct block *hello, *flight;
    size_t bytes = 1;

    (void)state;
    meeting_init(&m, &plan);
    for (size_t offset = 0; offset < bytes; offset += 7) {
        caller_calls(&m, "a.test", NULL);
        hello = tls_take_output(m.tls);
        BIO_write(SSL_get_rbio(m.server), hello->data, (int)hello->bytes);
        block_free(hello);
        assert_int_equal(SSL_do_handshake(m.server), -1);
        flight = peer_output(&m);
        bytes = flight->bytes;
        flight->data[offset] ^= 1 << (offset & 7);
        caller_gets(&m, block_span(flight));
        block_free(flight);
        meet(&m);
        assert_int_not_equal(tls_state(m.tls), TLS_OPEN);
        (void)tls_end_of_input(m.tls);
        assert_int_equal(tls_state(m.tls), TLS_FAILED);
        assert_true(tls_failure_text(m.tls)[0]);
    }
    meeting_deinit(&m);
}

static void alerts_of_the_server_are_told_in_words(void **state)
{
    static const struct {
        uint8_t alert;
        enum fault_code code;
        const char *text;
    } rows[] = {
        { 40, FAULT_TLS_HANDSHAKE,
          "the server refused the handshake: no cipher in common, or it wants a client "
          "certificate" },
        { 47, FAULT_TLS_HANDSHAKE, "the server sent the alert \"illegal parameter\"" },
        { 70, FAULT_TLS_HANDSHAKE, "no protocol version in common" },
        { 80, FAULT_TLS_HANDSHAKE, "the server sent the alert \"internal error\"" },
        { 112, FAULT_TLS_HANDSHAKE, "the server does not know this host" },
        { 120, FAULT_TLS_ALPN, "the server does not speak HTTP/1.1" },
        { 200, FAULT_TLS_HANDSHAKE, "the server sent the alert \"unknown\"" },
    };
    const struct meeting_plan plan = { 0 };
    struct meeting m;

    (void)state;
    meeting_init(&m, &plan);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const char alert[] = { 0x15, 3, 3, 0, 2, 2, (char)rows[i].alert };

        caller_calls(&m, "a.test", NULL);
        caller_gets(&m, span_of(alert, sizeof(alert)));
        assert_failed(&m, rows[i].code, PHASE_TLS, rows[i].text);
    }
    meeting_deinit(&m);
}

static void a_server_that_chooses_another_protocol_gets_no_request(void **state)
{
    static const char *const choices[] = { "h2", "http/1.0", "http/1.1x", "x" };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < 2 * ROWS(choices); i++) {
        const struct meeting_plan plan = { .alpn = choices[i / 2],
                                           .server_max = i % 2 ? TLS1_2_VERSION : 0 };

        meeting_init(&m, &plan);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_FAILED);
        assert_failed(&m, FAULT_TLS_ALPN, PHASE_TLS,
                      "the server chose another protocol than HTTP/1.1");
        caller_says(&m, SPAN_LITERAL("GET /"));
        meet(&m);
        assert_true(peer_got(&m, ""));
        meeting_deinit(&m);
    }
}

static void a_server_without_http_1_1_says_so(void **state)
{
    const struct meeting_plan plan = { .no_alpn_in_common = true };
    struct meeting m;

    (void)state;
    meeting_init(&m, &plan);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_FAILED);
    assert_failed(&m, FAULT_TLS_ALPN, PHASE_TLS, "the server does not speak HTTP/1.1");
    meeting_deinit(&m);
}

/* The server hears why: so its log says more than "connection lost". */
static void a_failed_verification_leaves_an_alert_to_send(void **state)
{
    const struct meeting_plan plan = { .server_max = TLS1_2_VERSION };
    struct meeting m;

    (void)state;
    meeting_init(&m, &plan);
    assert_int_equal(caller_meets(&m, "b.test", NULL), TLS_FAILED);
    assert_int_equal(m.blocks, 2); /* the ClientHello and the alert */
    assert_true(m.server_failed);
    meeting_deinit(&m);
}

/* ---- after the handshake -------------------------------------------------------------------- */

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void meeting_opens(struct meeting *m, int version)
{
    const struct meeting_plan plan = { .server_min = version, .server_max = version };

    meeting_init(m, &plan);
    assert_int_equal(caller_meets(m, "a.test", NULL), TLS_OPEN);
}

static void bytes_before_a_bad_record_are_read(void **state)
{
    static const char *const records[] = {
        "\x17\x03\x03\x01\x01HTTP/1.1 200 OK", /* unfinished: the end of input tells */
        "\x17\x03\x03\xff\xff....",
        "HTTP/1.1 200 OK\r\n\r\n",
        "\x99\x03\x03\x01\x01........",
    };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions) * ROWS(records); i++) {
        const char *record = records[i % ROWS(records)];

        meeting_opens(&m, versions[i / ROWS(records)]);
        peer_says(&m, SPAN_LITERAL("good"));
        meet(&m);
        caller_gets(&m, span_of_string(record));
        assert_false(tls_end_of_input(m.tls));
        assert_true(caller_got(&m, "good"));
        assert_int_equal(tls_state(m.tls), TLS_FAILED);
        assert_int_equal(tls_fault(m.tls)->code, FAULT_IO_RECV);
        assert_int_equal(tls_fault(m.tls)->phase, PHASE_RECEIVE);
        meeting_deinit(&m);
    }
}

static void a_flipped_bit_anywhere_in_a_record_is_noticed(void **state)
{
    struct meeting m;
    struct block *record;
    size_t bytes;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        bytes = 6;
        for (size_t offset = 5; offset < bytes; offset++) {
            if (offset == 5)
                meeting_opens(&m, versions[i]);
            else
                assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
            peer_says(&m, SPAN_LITERAL("0123456789"));
            record = peer_output(&m);
            bytes = record->bytes;
            record->data[offset] ^= 0x40;
            caller_gets(&m, block_span(record));
            block_free(record);
            assert_failed(&m, FAULT_IO_RECV, PHASE_RECEIVE, "decryption failed or bad record mac");
            assert_true(caller_got(&m, ""));
        }
        meeting_deinit(&m);
    }
}

static void an_end_without_close_notify_is_told_from_one_with_it(void **state)
{
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_opens(&m, versions[i]);
        peer_says(&m, SPAN_LITERAL("part of a bo"));
        meet(&m);
        assert_false(tls_end_of_input(m.tls));
        assert_failed(&m, FAULT_IO_RECV, PHASE_RECEIVE,
                      "the server ended the connection without a TLS close_notify");
        assert_true(caller_got(&m, "part of a bo"));
        assert_false(tls_end_of_input(m.tls));

        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        peer_says(&m, SPAN_LITERAL("all of a body"));
        peer_ends(&m);
        meet(&m);
        assert_true(tls_end_of_input(m.tls));
        assert_int_equal(tls_state(m.tls), TLS_CLOSED);
        meeting_deinit(&m);
    }
}

static void what_follows_a_failure_is_dropped(void **state)
{
    char room[16];
    struct meeting m;

    (void)state;
    meeting_opens(&m, TLS1_3_VERSION);
    peer_says(&m, SPAN_LITERAL("late"));
    caller_gets(&m, SPAN_LITERAL("\x99\x03\x03\x01\x01......"));
    block_free(tls_take_output(m.tls)); /* an alert */
    assert_int_equal(tls_state(m.tls), TLS_FAILED);
    meet(&m);
    assert_true(caller_got(&m, ""));
    assert_int_equal(tls_give(m.tls, SPAN_LITERAL("more")), TLS_FAILED);
    assert_int_equal(tls_write(m.tls, SPAN_LITERAL("more")), TLS_FAILED);
    assert_int_equal(tls_read(m.tls, room, sizeof(room)), 0);
    tls_notify_close(m.tls);
    assert_null(tls_take_output(m.tls));
    assert_null(tls_take_session(m.tls));
    meeting_deinit(&m);
}

/* OpenSSL's server does not take no for an answer; until it has heard it, all goes on. */
static void a_renegotiation_is_refused(void **state)
{
    struct meeting m;
    struct block *block;

    (void)state;
    meeting_opens(&m, TLS1_2_VERSION);
    assert_int_equal(SSL_renegotiate(m.server), 1);
    assert_int_equal(SSL_do_handshake(m.server), 1);
    peer_says(&m, SPAN_LITERAL("data"));
    block = peer_output(&m);
    caller_gets(&m, block_span(block));
    block_free(block);
    assert_int_equal(tls_state(m.tls), TLS_OPEN);
    assert_true(caller_got(&m, "data"));
    meet(&m);
    assert_true(m.server_failed);
    assert_failed(&m, FAULT_IO_RECV, PHASE_RECEIVE,
                  "the server sent the alert \"handshake failure\"");
    meeting_deinit(&m);
}

static void answers_that_nobody_takes_are_bounded(void **state)
{
    struct meeting m;
    struct block *block;
    unsigned count = 0;

    (void)state;
    meeting_opens(&m, TLS1_3_VERSION);
    for (; tls_state(m.tls) == TLS_OPEN; count++) {
        assert_true(count < TLS_ANSWER_BYTES_MAX / 20);
        assert_int_equal(SSL_key_update(m.server, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(m.server), 1);
        block = peer_output(&m);
        caller_gets(&m, block_span(block));
        block_free(block);
    }
    assert_true(count > TLS_ANSWER_BYTES_MAX / 60);
    assert_failed(&m, FAULT_IO_RECV, PHASE_RECEIVE, "the server asks for new keys without end");
    block = tls_take_output(m.tls);
    assert_true(block->bytes <= TLS_ANSWER_BYTES_MAX);
    block_free(block);
    meeting_deinit(&m);
}

/* ---- client certificates -------------------------------------------------------------------- */

static void a_missing_client_certificate_fails_the_handshake(void **state)
{
    static const struct {
        int version;
        const char *text;
    } rows[] = {
        { TLS1_2_VERSION, "the server refused the handshake: no cipher in common, or it wants a "
                          "client certificate" },
        { TLS1_3_VERSION, "the server wants a client certificate" }, /* noticed when reading */
    };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct meeting_plan plan = { .wants_cert = true,
                                           .server_min = rows[i].version,
                                           .server_max = rows[i].version };

        meeting_init(&m, &plan);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_FAILED);
        assert_failed(&m, FAULT_TLS_HANDSHAKE, PHASE_TLS, rows[i].text);
        meeting_deinit(&m);
    }
}

static void a_client_certificate_the_server_does_not_know_fails_the_handshake(void **state)
{
    const struct cert_plan stranger = { .name = "a stranger" };
    struct cert cert;
    struct meeting m;
    char *cert_text, *key_text;

    (void)state;
    cert_init(&cert, &stranger);
    cert_text = cert_pem(&cert);
    key_text = cert_key_pem(&cert, NULL);
    for (unsigned i = 0; i < ROWS(versions); i++) {
        const struct meeting_plan plan = {
            .wants_cert = true,
            .server_min = versions[i],
            .server_max = versions[i],
            .options = { .cert_pem = span_of_string(cert_text),
                         .key_pem = span_of_string(key_text) },
        };

        meeting_init(&m, &plan);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_FAILED);
        assert_failed(&m, FAULT_TLS_HANDSHAKE, PHASE_TLS,
                      "the server does not know the issuer of the client certificate");
        meeting_deinit(&m);
    }
    free(cert_text);
    free(key_text);
    cert_deinit(&cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_that_do_not_meet),
        cmocka_unit_test(what_is_no_tls_is_told_by_what_it_is),
        cmocka_unit_test(a_record_that_is_none_fails_the_handshake),
        cmocka_unit_test(a_handshake_cut_short_anywhere_fails),
        cmocka_unit_test(a_flipped_bit_anywhere_fails_the_handshake),
        cmocka_unit_test(alerts_of_the_server_are_told_in_words),
        cmocka_unit_test(a_server_that_chooses_another_protocol_gets_no_request),
        cmocka_unit_test(a_server_without_http_1_1_says_so),
        cmocka_unit_test(a_failed_verification_leaves_an_alert_to_send),
        cmocka_unit_test(bytes_before_a_bad_record_are_read),
        cmocka_unit_test(a_flipped_bit_anywhere_in_a_record_is_noticed),
        cmocka_unit_test(an_end_without_close_notify_is_told_from_one_with_it),
        cmocka_unit_test(what_follows_a_failure_is_dropped),
        cmocka_unit_test(a_renegotiation_is_refused),
        cmocka_unit_test(answers_that_nobody_takes_are_bounded),
        cmocka_unit_test(a_missing_client_certificate_fails_the_handshake),
        cmocka_unit_test(a_client_certificate_the_server_does_not_know_fails_the_handshake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
