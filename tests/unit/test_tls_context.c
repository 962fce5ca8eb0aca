/*
 * What the connections of a route have in common: PEM that is taken, PEM that is not and why,
 * client certificates, holders.
 */
#include "tls_meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* One CA, two certificates of it, and what can be made of their text. */
struct papers {
    struct cert ca;
    struct cert own;
    struct cert other;
    char *ca_pem;
    char *own_pem;
    char *own_key;
    char *own_key_locked;
    char *other_pem;
    char *other_key;
    char *own_both;      /* certificate and key */
    char *own_chain;     /* certificate and CA */
    char *own_truncated; /* the certificate without its last lines */
    char *own_spoilt;    /* with a byte that is no base64 */
    char *own_then_bad;  /* certificate, then a spoilt one */
    char *key_spoilt;
};

static char *join(const char *a, const char *b)
{
    size_t bytes = strlen(a) + strlen(b) + 1;
    char *text = malloc(bytes);

    assert_non_null(text);
    (void)snprintf(text, bytes, "%s%s", a, b);
    return text;
}

static char *spoil(const char *pem)
{
    char *text = join(pem, "");

    text[strlen(text) / 2] = '*';
    return text;
}

static int papers_init(void **state)
{
    static struct papers p;
    const struct cert_plan ca = { .name = "CA of clients", .is_ca = true };
    const struct cert_plan own = { .name = "client", .issuer = &p.ca };

    cert_init(&p.ca, &ca);
    cert_init(&p.own, &own);
    cert_init(&p.other, &own);
    p.ca_pem = cert_pem(&p.ca);
    p.own_pem = cert_pem(&p.own);
    p.own_key = cert_key_pem(&p.own, NULL);
    p.own_key_locked = cert_key_pem(&p.own, "a passphrase");
    p.other_pem = cert_pem(&p.other);
    p.other_key = cert_key_pem(&p.other, NULL);
    p.own_both = join(p.own_key, p.own_pem);
    p.own_chain = join(p.own_pem, p.ca_pem);
    p.own_truncated = join(p.own_pem, "");
    p.own_truncated[strlen(p.own_truncated) - 40] = '\0';
    p.own_spoilt = spoil(p.own_pem);
    p.own_then_bad = join(p.own_pem, p.own_spoilt);
    p.key_spoilt = spoil(p.own_key);
    *state = &p;
    return 0;
}

static int papers_deinit(void **state)
{
    struct papers *p = *state;

    free(p->ca_pem);
    free(p->own_pem);
    free(p->own_key);
    free(p->own_key_locked);
    free(p->other_pem);
    free(p->other_key);
    free(p->own_both);
    free(p->own_chain);
    free(p->own_truncated);
    free(p->own_spoilt);
    free(p->own_then_bad);
    free(p->key_spoilt);
    cert_deinit(&p->other);
    cert_deinit(&p->own);
    cert_deinit(&p->ca);
    return 0;
}

static void wrong_papers_are_refused_with_the_reason(void **state)
{
    const struct papers *p = *state;
    const struct {
        const char *ca;
        const char *cert;
        const char *key;
        const char *why;
    } rows[] = {
        { "not PEM at all", NULL, NULL, "there is no certificate in the CA file" },
        { "\n", NULL, NULL, "there is no certificate in the CA file" },
        { p->own_key, NULL, NULL, "there is no certificate in the CA file" },
        { p->own_spoilt, NULL, NULL, "a certificate in the CA file is damaged" },
        { p->own_truncated, NULL, NULL, "a certificate in the CA file is damaged" },
        { p->own_then_bad, NULL, NULL, "a certificate in the CA file is damaged" },
        { NULL, NULL, p->own_key, "there is a private key but no client certificate" },
        { NULL, "not PEM", p->own_key, "there is no certificate in the client certificate's file" },
        { NULL, p->own_key, p->own_key,
          "there is no certificate in the client certificate's file" },
        { NULL, p->own_spoilt, p->own_key, "the client certificate is damaged" },
        { NULL, p->own_truncated, p->own_key, "the client certificate is damaged" },
        { NULL, p->own_then_bad, p->own_key, "a certificate behind the client's own is damaged" },
        { NULL, p->own_pem, NULL, "the client certificate lacks its private key" },
        { NULL, p->own_pem, "not PEM", "there is no private key in the key's file" },
        { NULL, p->own_pem, p->own_pem, "there is no private key in the key's file" },
        { NULL, p->own_pem, p->key_spoilt,
          "the private key is damaged, or of a kind that OpenSSL does not know" },
        { NULL, p->own_pem, p->own_key_locked,
          "the private key has a passphrase, which nobody can be asked for here" },
        { NULL, p->own_pem, p->other_key, "the private key is not that of the client certificate" },
        { NULL, p->other_pem, p->own_key, "the private key is not that of the client certificate" },
        { NULL, p->own_chain, p->other_key,
          "the private key is not that of the client certificate" },
    };

    for (unsigned i = 0; i < 2 * ROWS(rows); i++) {
        const char *ca = rows[i / 2].ca;
        const char *cert = rows[i / 2].cert;
        const char *key = rows[i / 2].key;
        const struct tls_options options = {
            .insecure = i % 2, /* no excuse */
            .ca_pem = span_of_string(ca ? ca : ""),
            .cert_pem = span_of_string(cert ? cert : ""),
            .key_pem = span_of_string(key ? key : ""),
        };
        struct fault fault = { 0 };

        assert_null(tls_context_new(&options, &fault));
        assert_string_equal(fault.why, rows[i / 2].why);
        assert_int_equal(fault.code, FAULT_INPUT_ARGUMENT);
        assert_int_equal(fault.phase, PHASE_INPUT);
    }
}

static void right_papers_are_taken(void **state)
{
    const struct papers *p = *state;
    const struct {
        const char *ca;
        const char *cert;
        const char *key;
    } rows[] = {
        { "", "", "" },
        { p->ca_pem, "", "" },
        { p->own_chain, "", "" }, /* two to trust */
        { p->own_both, "", "" },  /* a key among them is passed over */
        { "", p->own_pem, p->own_key },
        { "", p->own_both, "" },
        { "", p->own_both, p->own_both },
        { "", p->own_chain, p->own_both },
    };

    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct tls_options options = {
            .ca_pem = span_of_string(rows[i].ca),
            .cert_pem = span_of_string(rows[i].cert),
            .key_pem = span_of_string(rows[i].key),
        };
        struct fault fault = { 0 };
        struct tls_context *context = tls_context_new(&options, &fault);

        if (!context)
            fail_msg("row %u: %s", i, fault.why);
        tls_context_release(context);
    }
}

static void versions_out_of_order_are_refused(void **state)
{
    static const struct {
        uint8_t min;
        uint8_t max;
        const char *why; /* NULL: fine */
    } rows[] = {
        { TLS_VERSION_DEFAULT, TLS_VERSION_DEFAULT, NULL },
        { TLS_VERSION_1_2, TLS_VERSION_1_2, NULL },
        { TLS_VERSION_1_3, TLS_VERSION_1_3, NULL },
        { TLS_VERSION_1_2, TLS_VERSION_1_3, NULL },
        { TLS_VERSION_1_3, TLS_VERSION_DEFAULT, NULL },
        { TLS_VERSION_DEFAULT, TLS_VERSION_1_2, NULL },
        { TLS_VERSION_1_3, TLS_VERSION_1_2, "the lowest TLS version allowed is above the highest" },
        { 11, TLS_VERSION_DEFAULT, "only the versions 1.2 and 1.3 of TLS are spoken here" },
        { TLS_VERSION_DEFAULT, 10, "only the versions 1.2 and 1.3 of TLS are spoken here" },
        { 14, 14, "only the versions 1.2 and 1.3 of TLS are spoken here" },
        { 255, 1, "only the versions 1.2 and 1.3 of TLS are spoken here" },
    };

    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct tls_options options = { .version_min = rows[i].min,
                                             .version_max = rows[i].max };
        struct fault fault = { 0 };
        struct tls_context *context = tls_context_new(&options, &fault);

        assert_true((context == NULL) == (rows[i].why != NULL));
        if (rows[i].why)
            assert_string_equal(fault.why, rows[i].why);
        tls_context_release(context);
    }
}

static void a_bounded_context_speaks_the_version_it_may(void **state)
{
    static const struct {
        struct tls_options options;
        const char *version;
    } rows[] = {
        { { 0 }, "TLSv1.3" },
        { { .version_max = TLS_VERSION_1_2 }, "TLSv1.2" },
        { { .version_min = TLS_VERSION_1_3 }, "TLSv1.3" },
    };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct meeting_plan plan = { .options = rows[i].options };

        meeting_init(&m, &plan);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        assert_string_equal(tls_names(m.tls).version, rows[i].version);
        meeting_deinit(&m);
    }
}

/* With its chain: the server knows only the CA above it. */
static void the_client_certificate_is_shown_to_who_asks(void **state)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    const struct papers *p = *state;
    const struct {
        const char *cert;
        const char *key;
    } rows[] = { { p->own_pem, p->own_key }, { p->own_chain, p->own_key }, { p->own_both, "" } };
    struct meeting m;

    for (unsigned i = 0; i < ROWS(versions) * ROWS(rows); i++) {
        const struct meeting_plan plan = {
            .wants_cert = true,
            .server_min = versions[i / ROWS(rows)],
            .server_max = versions[i / ROWS(rows)],
            .options = { .cert_pem = span_of_string(rows[i % ROWS(rows)].cert),
                         .key_pem = span_of_string(rows[i % ROWS(rows)].key) },
        };
        X509 *shown;

        meeting_init(&m, &plan);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(m.server_context), p->ca.x509);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        assert_false(m.server_failed);
        shown = SSL_get1_peer_certificate(m.server);
        assert_int_equal(X509_cmp(shown, p->own.x509), 0);
        X509_free(shown);
        assert_int_equal(caller_meets(&m, "a.test", tls_take_session(m.tls)), TLS_OPEN);
        assert_true(tls_is_resumed(m.tls));
        meeting_deinit(&m);
    }
}

static void a_server_that_only_asks_goes_on_without(void **state)
{
    const struct meeting_plan plan = { .asks_for_cert = true };
    struct meeting m;

    (void)state;
    meeting_init(&m, &plan);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
    assert_false(m.server_failed);
    assert_null(SSL_get0_peer_certificate(m.server));
    meeting_deinit(&m);
}

static void lasts_until_its_last_holder_is_gone(void **state)
{
    const struct meeting_plan plan = { 0 };
    struct tls_context *context;
    struct tls_session *session;
    struct meeting m;

    (void)state;
    meeting_init(&m, &plan);
    context = tls_context_acquire(m.context);
    tls_context_release(context);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
    session = tls_take_session(m.tls);
    tls_context_release(m.context); /* the connection holds it, then the session does */
    peer_says(&m, SPAN_LITERAL("data"));
    meet(&m);
    assert_true(caller_got(&m, "data"));
    m.context = NULL;
    meeting_deinit(&m);
    tls_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_papers_are_refused_with_the_reason),
        cmocka_unit_test(right_papers_are_taken),
        cmocka_unit_test(versions_out_of_order_are_refused),
        cmocka_unit_test(a_bounded_context_speaks_the_version_it_may),
        cmocka_unit_test(the_client_certificate_is_shown_to_who_asks),
        cmocka_unit_test(a_server_that_only_asks_goes_on_without),
        cmocka_unit_test(lasts_until_its_last_holder_is_gone),
    };

    return cmocka_run_group_tests(tests, papers_init, papers_deinit);
}
