/*
 * A TLS connection that goes well: the handshake, bytes both ways, the end. Sessions:
 * test_tls_session.c; what goes wrong: test_tls_failure.c; whom it trusts: test_tls_verify.c.
 */
#include "tls_meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void meeting_init_version(struct meeting *m, int version)
{
    const struct meeting_plan plan = { .server_min = version,
                                       .server_max = version,
                                       .alpn = "http/1.1" };

    meeting_init(m, &plan);
}

static void opens_with_either_version(void **state)
{
    static const char *const texts[] = { "TLSv1.2", "TLSv1.3" };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        caller_calls(&m, "a.test", NULL);
        assert_int_equal(tls_state(m.tls), TLS_HANDSHAKING);
        meet(&m);
        assert_int_equal(tls_state(m.tls), TLS_OPEN);
        assert_string_equal(tls_names(m.tls).version, texts[i]);
        assert_string_equal(tls_names(m.tls).cipher, SSL_get_cipher_name(m.server));
        assert_false(tls_is_resumed(m.tls));
        assert_false(m.server_failed);
        meeting_deinit(&m);
    }
}

static void a_whole_exchange(struct meeting *m)
{
    assert_int_equal(caller_meets(m, "a.test", NULL), TLS_OPEN);
    caller_says(m, SPAN_LITERAL("GET / HTTP/1.1\r\n\r\n"));
    meet(m);
    assert_true(peer_got(m, "GET / HTTP/1.1\r\n\r\n"));
    peer_says(m, SPAN_LITERAL("HTTP/1.1 200 OK\r\n"));
    peer_says(m, SPAN_LITERAL("\r\nbody"));
    peer_ends(m);
    meet(m);
    assert_true(caller_got(m, "HTTP/1.1 200 OK\r\n\r\nbody"));
    assert_int_equal(tls_state(m->tls), TLS_CLOSED);
    assert_true(tls_end_of_input(m->tls));
    assert_false(fault_is_set(tls_fault(m->tls)));
}

static void every_cut_of_what_the_server_sends_gives_the_same(void **state)
{
    struct meeting m;
    size_t bytes;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        a_whole_exchange(&m);
        bytes = m.given_bytes;
        assert_true(bytes > 500);
        for (m.cut = 1; m.cut < bytes; m.cut++)
            a_whole_exchange(&m);
        m.is_bytewise = true;
        a_whole_exchange(&m);
        m.room_bytes = 1;
        a_whole_exchange(&m);
        meeting_deinit(&m);
    }
}

/* With 1.3 the client speaks last in a handshake: the request must not wait for a send of its own.
 */
static void the_end_of_the_handshake_and_the_request_leave_in_one_block(void **state)
{
    struct meeting m;
    struct block *block;

    (void)state;
    meeting_init_version(&m, TLS1_3_VERSION);
    caller_calls(&m, "a.test", NULL);
    block = tls_take_output(m.tls);
    assert_null(tls_take_output(m.tls));
    BIO_write(SSL_get_rbio(m.server), block->data, (int)block->bytes);
    block_free(block);
    assert_int_equal(SSL_do_handshake(m.server), -1);
    block = peer_output(&m);
    caller_gets(&m, block_span(block));
    block_free(block);
    assert_int_equal(tls_state(m.tls), TLS_OPEN);
    caller_says(&m, SPAN_LITERAL("GET / HTTP/1.1\r\n\r\n"));
    meet(&m);
    assert_int_equal(m.blocks, 1);
    assert_true(peer_got(&m, "GET / HTTP/1.1\r\n\r\n"));
    meeting_deinit(&m);
}

static void carries_100_KiB_both_ways(void **state)
{
    const size_t bytes = 100u << 10;
    char *data = malloc(bytes);
    struct meeting m;

    (void)state;
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)(i * 7 + i / 1000);
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        caller_says(&m, span_of(data, bytes));
        m.blocks = 0;
        meet(&m);
        assert_int_equal(m.blocks, 1);
        assert_true(span_equals(block_span(m.peer_block), span_of(data, bytes)));
        peer_says(&m, span_of(data, bytes));
        m.cut = m.given_bytes + 50000;
        m.room_bytes = 1000;
        meet(&m);
        assert_true(span_equals(block_span(m.caller_block), span_of(data, bytes)));
        assert_null(tls_take_output(m.tls));
        meeting_deinit(&m);
    }
    free(data);
}

static void keeps_what_nobody_reads_yet(void **state)
{
    char more[2001] = "";
    char room[16];
    struct meeting m;
    struct block *block;

    (void)state;
    meeting_init_version(&m, TLS1_3_VERSION);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
    for (unsigned i = 0; i < 3; i++) {
        peer_says(&m, SPAN_LITERAL("0123456789"));
        block = peer_output(&m);
        assert_int_equal(tls_give(m.tls, block_span(block)), TLS_OPEN);
        block_free(block);
    }
    assert_int_equal(tls_read(m.tls, room, 4), 4);
    tls_check(m.tls);
    assert_int_equal(tls_read(m.tls, room + 4, 12), 6);
    assert_memory_equal(room, "0123456789", 10);
    memset(more, 'x', sizeof(more) - 1); /* more than there is room left for */
    peer_says(&m, span_of_string(more));
    meet(&m);
    assert_int_equal(m.caller_block->bytes, 20 + 2000);
    assert_memory_equal(m.caller_block->data, "01234567890123456789xxx", 23);
    meeting_deinit(&m);
}

/* ---- while idle ----------------------------------------------------------------------------- */

/* Each asks for one of ours: the newest of these leaves with the next request. */
static void ten_thousand_key_updates_are_answered(void **state)
{
    struct meeting m;

    (void)state;
    meeting_init_version(&m, TLS1_3_VERSION);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
    for (unsigned i = 1; i <= 10000; i++) {
        assert_int_equal(SSL_key_update(m.server, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(m.server), 1);
        if (i % 1000 == 0)
            meet(&m);
    }
    assert_int_equal(tls_state(m.tls), TLS_OPEN);
    assert_true(caller_got(&m, ""));
    caller_says(&m, SPAN_LITERAL("still here?"));
    meet(&m);
    assert_true(peer_got(&m, "still here?"));
    peer_says(&m, SPAN_LITERAL("still here."));
    meet(&m);
    assert_true(caller_got(&m, "still here."));
    meeting_deinit(&m);
}

/* OpenSSL writes nothing while a message of the server is half read. A ticket with data of the
 * server's application is long, and 512 bytes a record cut it in two. */
static void a_request_in_the_middle_of_a_ticket_waits_for_its_rest(void **state)
{
    const struct meeting_plan plan = { .server_min = TLS1_3_VERSION,
                                       .fragment_bytes = 512,
                                       .tickets = 1 };
    const char filling[600] = { 0 };
    struct meeting m;
    struct block *block;
    struct span first, rest;

    (void)state;
    meeting_init(&m, &plan);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
    SSL_SESSION_set1_ticket_appdata(SSL_get_session(m.server), filling, sizeof(filling));
    assert_int_equal(SSL_new_session_ticket(m.server), 1);
    assert_int_equal(SSL_do_handshake(m.server), 1);
    block = peer_output(&m);
    rest = block_span(block);
    assert_true(span_take(
        &rest, 5 + ((size_t)(unsigned char)block->data[3] << 8) + (unsigned char)block->data[4],
        &first));
    assert_true(rest.bytes > 0);
    caller_gets(&m, first);
    caller_says(&m, SPAN_LITERAL("GET "));
    caller_says(&m, SPAN_LITERAL("/"));
    assert_null(tls_take_output(m.tls));
    caller_gets(&m, rest);
    block_free(block);
    meet(&m);
    assert_true(peer_got(&m, "GET /"));
    meeting_deinit(&m);
}

/* ---- names and ends ------------------------------------------------------------------------- */

static void tells_the_server_a_name_but_no_address(void **state)
{
    static const struct {
        const char *host;
        const char *told;
    } rows[] = {
        { "a.test", "a.test" },
        { "a.test.", "a.test" },
        { "127.0.0.1", NULL },
        { "2001:db8::1", NULL },
        { "::1", NULL },
        { "xn--bcher-kva.test", "xn--bcher-kva.test" },
        { "127.0.0.1.test", "127.0.0.1.test" },
    };
    const struct meeting_plan plan = { .options = { .insecure = true } };
    struct meeting m;

    (void)state;
    meeting_init(&m, &plan);
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const char *told;

        assert_int_equal(caller_meets(&m, rows[i].host, NULL), TLS_OPEN);
        told = SSL_get_servername(m.server, TLSEXT_NAMETYPE_host_name);
        if (rows[i].told)
            assert_string_equal(told, rows[i].told);
        else
            assert_null(told);
    }
    meeting_deinit(&m);
}

static void offers_http_1_1_and_is_content_with_no_choice(void **state)
{
    static const char *const choices[] = { "http/1.1", NULL };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(choices); i++) {
        const struct meeting_plan plan = { .alpn = choices[i] };

        meeting_init(&m, &plan);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        meeting_deinit(&m);
    }
}

static void the_server_hears_that_we_close(void **state)
{
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        assert_int_equal(SSL_get_shutdown(m.server), 0);
        tls_notify_close(m.tls);
        tls_notify_close(m.tls);
        m.blocks = 0;
        meet(&m);
        assert_int_equal(m.blocks, 1);
        assert_int_equal(SSL_get_shutdown(m.server), SSL_RECEIVED_SHUTDOWN);
        meeting_deinit(&m);
    }
}

static void what_comes_after_the_servers_close_is_dropped(void **state)
{
    struct meeting m;

    (void)state;
    meeting_init_version(&m, TLS1_3_VERSION);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
    peer_says(&m, SPAN_LITERAL("bye"));
    peer_ends(&m);
    meet(&m);
    caller_gets(&m, SPAN_LITERAL("no TLS at all"));
    assert_int_equal(tls_write(m.tls, SPAN_LITERAL("hello?")), TLS_CLOSED);
    assert_null(tls_take_output(m.tls));
    assert_true(caller_got(&m, "bye"));
    assert_true(tls_end_of_input(m.tls));
    tls_notify_close(m.tls);
    meet(&m);
    assert_int_equal(SSL_get_shutdown(m.server), SSL_RECEIVED_SHUTDOWN | SSL_SENT_SHUTDOWN);
    meeting_deinit(&m);
}

static void an_unused_one_is_freed_in_any_state(void **state)
{
    struct meeting m;
    struct tls *tls;

    (void)state;
    tls_free(NULL);
    meeting_init_version(&m, TLS1_3_VERSION);
    assert_int_equal(tls_new(m.context, SPAN_LITERAL("a.test"), &tls), 0);
    tls_notify_close(tls);
    assert_null(tls_take_output(tls));
    tls_free(tls);
    caller_calls(&m, "a.test", NULL);
    meeting_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_either_version),
        cmocka_unit_test(every_cut_of_what_the_server_sends_gives_the_same),
        cmocka_unit_test(the_end_of_the_handshake_and_the_request_leave_in_one_block),
        cmocka_unit_test(carries_100_KiB_both_ways),
        cmocka_unit_test(keeps_what_nobody_reads_yet),
        cmocka_unit_test(ten_thousand_key_updates_are_answered),
        cmocka_unit_test(a_request_in_the_middle_of_a_ticket_waits_for_its_rest),
        cmocka_unit_test(tells_the_server_a_name_but_no_address),
        cmocka_unit_test(offers_http_1_1_and_is_content_with_no_choice),
        cmocka_unit_test(the_server_hears_that_we_close),
        cmocka_unit_test(what_comes_after_the_servers_close_is_dropped),
        cmocka_unit_test(an_unused_one_is_freed_in_any_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
