/*
 * TLS sessions: what the second connection to a host need not do again, and what must never stand
 * in for a verification.
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
    const struct meeting_plan plan = { .server_min = version, .server_max = version };

    meeting_init(m, &plan);
}

static struct tls_session *session_of_first_call(struct meeting *m)
{
    struct tls_session *session;

    assert_int_equal(caller_meets(m, "a.test", NULL), TLS_OPEN);
    assert_false(tls_is_resumed(m->tls));
    session = tls_take_session(m->tls);
    assert_non_null(session);
    assert_null(tls_take_session(m->tls));
    return session;
}

static void the_second_connection_resumes_the_session_of_the_first(void **state)
{
    struct meeting m;
    struct tls_session *session;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        session = session_of_first_call(&m);
        for (unsigned call = 0; call < 3; call++) {
            assert_int_equal(caller_meets(&m, "a.test", session), TLS_OPEN);
            assert_true(tls_is_resumed(m.tls));
            caller_says(&m, SPAN_LITERAL("again"));
            meet(&m);
            assert_true(peer_got(&m, "again"));
            session = tls_take_session(m.tls);
            assert_non_null(session);
        }
        tls_session_free(session);
        meeting_deinit(&m);
    }
}

static void every_cut_of_a_resumption_gives_the_same(void **state)
{
    struct meeting m;
    struct tls_session *session;
    size_t bytes;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        session = session_of_first_call(&m);
        assert_int_equal(caller_meets(&m, "a.test", session), TLS_OPEN);
        bytes = m.given_bytes;
        for (m.cut = 1; m.cut < bytes; m.cut++) {
            session = tls_take_session(m.tls);
            assert_non_null(session);
            assert_int_equal(caller_meets(&m, "a.test", session), TLS_OPEN);
            assert_true(tls_is_resumed(m.tls));
        }
        meeting_deinit(&m);
    }
}

static void a_session_survives_an_end_without_ceremony(void **state)
{
    struct meeting m;
    struct tls_session *session;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        assert_false(tls_end_of_input(m.tls));
        session = tls_take_session(m.tls);
        assert_int_equal(caller_meets(&m, "a.test", session), TLS_OPEN);
        assert_true(tls_is_resumed(m.tls));
        meeting_deinit(&m);
    }
}

/* Resuming asks no certificate: it would be a way around another context's rules. */
static void a_session_is_not_used_with_another_context(void **state)
{
    struct meeting m;
    struct tls_session *session;
    struct tls_context *first;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        session = session_of_first_call(&m);
        first = m.context;
        m.context = another_context(&m);
        tls_context_release(first); /* the session holds it */
        assert_int_equal(caller_meets(&m, "a.test", session), TLS_OPEN);
        assert_false(tls_is_resumed(m.tls));
        meeting_deinit(&m);
    }
}

static void a_session_is_not_used_for_another_host(void **state)
{
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        assert_int_equal(caller_meets(&m, "b.test", session_of_first_call(&m)), TLS_FAILED);
        assert_int_equal(tls_fault(m.tls)->code, FAULT_TLS_VERIFY);
        meeting_deinit(&m);
    }
}

static void a_server_that_forgot_the_session_gets_a_full_handshake(void **state)
{
    struct meeting m, other;
    struct tls_session *session;
    SSL_CTX *forgetful;

    (void)state;
    for (unsigned i = 0; i < ROWS(versions); i++) {
        meeting_init_version(&m, versions[i]);
        meeting_init_version(&other, versions[i]); /* other ticket keys */
        session = session_of_first_call(&m);
        forgetful = other.server_context;
        SSL_CTX_use_certificate(forgetful, m.cert.x509);
        SSL_CTX_use_PrivateKey(forgetful, m.cert.key);
        other.server_context = m.server_context;
        m.server_context = forgetful;
        assert_int_equal(caller_meets(&m, "a.test", session), TLS_OPEN);
        assert_false(tls_is_resumed(m.tls));
        meeting_deinit(&m);
        meeting_deinit(&other);
    }
}

static void of_many_tickets_the_newest_is_kept(void **state)
{
    const struct meeting_plan plan = { .server_min = TLS1_3_VERSION, .tickets = 300 };
    struct meeting m;
    struct tls_session *session;

    (void)state;
    meeting_init(&m, &plan);
    session = session_of_first_call(&m);
    assert_true(m.given_bytes > (size_t)300 * 200);
    assert_int_equal(caller_meets(&m, "a.test", session), TLS_OPEN);
    assert_true(tls_is_resumed(m.tls));
    meeting_deinit(&m);
}

static void no_ticket_no_session(void **state)
{
    struct meeting m;

    (void)state;
    meeting_init_version(&m, TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(m.server_context, 0);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
    assert_null(tls_take_session(m.tls));
    tls_session_free(NULL);
    meeting_deinit(&m);
}

static void tickets_that_come_while_idle_are_no_plaintext(void **state)
{
    struct meeting m;
    struct tls_session *first;
    struct tls_session *later;

    (void)state;
    meeting_init_version(&m, TLS1_3_VERSION);
    first = session_of_first_call(&m);
    assert_int_equal(SSL_new_session_ticket(m.server), 1);
    assert_int_equal(SSL_do_handshake(m.server), 1);
    meet(&m);
    assert_int_equal(tls_state(m.tls), TLS_OPEN);
    assert_true(caller_got(&m, ""));
    later = tls_take_session(m.tls);
    assert_non_null(later);
    tls_session_free(first);
    tls_session_free(later);
    meeting_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_connection_resumes_the_session_of_the_first),
        cmocka_unit_test(every_cut_of_a_resumption_gives_the_same),
        cmocka_unit_test(a_session_survives_an_end_without_ceremony),
        cmocka_unit_test(a_session_is_not_used_with_another_context),
        cmocka_unit_test(a_session_is_not_used_for_another_host),
        cmocka_unit_test(a_server_that_forgot_the_session_gets_a_full_handshake),
        cmocka_unit_test(of_many_tickets_the_newest_is_kept),
        cmocka_unit_test(no_ticket_no_session),
        cmocka_unit_test(tickets_that_come_while_idle_are_no_plaintext),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
