/*
 * Whom a TLS connection trusts: the certificate's dates, issuer and names (RFC 9525).
 */
#include "tls_meeting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void assert_refused(struct meeting *m, const char *text)
{
    assert_int_equal(tls_state(m->tls), TLS_FAILED);
    assert_int_equal(tls_fault(m->tls)->code, FAULT_TLS_VERIFY);
    assert_int_equal(tls_fault(m->tls)->phase, PHASE_TLS);
    assert_string_equal(tls_failure_text(m->tls), text);
    assert_null(tls_take_session(m->tls));
    assert_int_equal(tls_write(m->tls, SPAN_LITERAL("secret")), TLS_FAILED);
    meet(m);
    assert_true(peer_got(m, ""));
}

static void a_certificate_that_is_bad_in_itself_is_refused(void **state)
{
    static const struct {
        struct cert_plan cert;
        bool signs_itself;
        const char *text;
    } rows[] = {
        { { .from_days = -10, .to_days = -1 }, false, "certificate has expired" },
        { { .from_days = 1, .to_days = 10 }, false, "certificate is not yet valid" },
        { { .is_ca = false }, true, "self-signed certificate" },
        { { .is_ca = true }, true, "self-signed certificate" },
    };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < 2 * ROWS(rows); i++) {
        struct cert_plan cert = rows[i / 2].cert;
        struct meeting_plan plan = { .cert = &cert,
                                     .signs_itself = rows[i / 2].signs_itself,
                                     .server_max = i % 2 ? TLS1_2_VERSION : 0 };

        cert.name = "a.test";
        cert.hosts = "DNS:a.test";
        meeting_init(&m, &plan);
        (void)caller_meets(&m, "a.test", NULL);
        assert_refused(&m, rows[i / 2].text);
        assert_string_equal(tls_fault(m.tls)->why, rows[i / 2].text);
        meeting_deinit(&m);
    }
}

static void an_unknown_issuer_is_refused(void **state)
{
    const struct cert_plan ca_plan = { .name = "another CA", .is_ca = true };
    struct cert ca;
    struct meeting m;
    char *pem;

    (void)state;
    cert_init(&ca, &ca_plan);
    pem = cert_pem(&ca);
    {
        const struct meeting_plan plan = { .options = { .ca_pem = span_of_string(pem) } };
        const struct meeting_plan system = { .system_store = true };

        meeting_init(&m, &plan);
        (void)caller_meets(&m, "a.test", NULL);
        assert_refused(&m, "unable to get local issuer certificate");
        meeting_deinit(&m);

        meeting_init(&m, &system);
        (void)caller_meets(&m, "a.test", NULL);
        assert_refused(&m, "unable to get local issuer certificate");
        meeting_deinit(&m);
    }
    free(pem);
    cert_deinit(&ca);
}

static struct cert system_ca;
static char system_path[] = "/tmp/haul-test-ca-XXXXXX";

static int system_store_init(void **state)
{
    const struct cert_plan plan = { .name = "CA of the system", .is_ca = true };
    int fd = mkstemp(system_path);
    char *pem;

    (void)state;
    cert_init(&system_ca, &plan);
    pem = cert_pem(&system_ca);
    if (fd < 0 || dprintf(fd, "%s", pem) < 0 || close(fd) < 0)
        return -1;
    free(pem);
    return setenv("SSL_CERT_FILE", system_path, 1);
}

static int system_store_deinit(void **state)
{
    (void)state;
    (void)unlink(system_path);
    cert_deinit(&system_ca);
    return 0;
}

static void the_systems_store_is_read_once(void **state)
{
    const struct cert_plan cert = { .name = "x", .hosts = "DNS:a.test", .issuer = &system_ca };
    const struct meeting_plan plan = { .cert = &cert, .system_store = true };
    const struct meeting_plan own = { .cert = &cert };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        meeting_init(&m, &plan);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        meeting_deinit(&m);
        (void)unlink(system_path);
    }
    meeting_init(&m, &own); /* a CA of its own is instead, not besides */
    (void)caller_meets(&m, "a.test", NULL);
    assert_refused(&m, "unable to get local issuer certificate");
    meeting_deinit(&m);
}

/* The name is right and the issuer known, but the issuer is no CA. */
static void a_leaf_that_issues_certificates_is_refused(void **state)
{
    const struct cert_plan ca_plan = { .name = "CA", .is_ca = true };
    struct cert ca, leaf;
    struct cert_plan leaf_plan = { .name = "a leaf", .issuer = &ca };
    const struct cert_plan forged = { .name = "forged", .hosts = "DNS:a.test", .issuer = &leaf };
    struct meeting m;
    char *pem;

    (void)state;
    cert_init(&ca, &ca_plan);
    cert_init(&leaf, &leaf_plan);
    pem = cert_pem(&ca);
    {
        const struct meeting_plan plan = { .cert = &forged,
                                           .options = { .ca_pem = span_of_string(pem) } };

        meeting_init(&m, &plan);
        SSL_CTX_add1_chain_cert(m.server_context, leaf.x509);
        (void)caller_meets(&m, "a.test", NULL);
        assert_int_equal(tls_state(m.tls), TLS_FAILED);
        assert_int_equal(tls_fault(m.tls)->code, FAULT_TLS_VERIFY);
        meeting_deinit(&m);
    }
    free(pem);
    cert_deinit(&leaf);
    cert_deinit(&ca);
}

/* Also when it is not a root: the user named it. */
static void a_certificate_in_the_ca_file_is_trusted(void **state)
{
    const struct meeting_plan plan = { 0 };
    struct tls_options options = { 0 };
    struct fault fault;
    struct meeting m;
    char *pem;

    (void)state;
    meeting_init(&m, &plan);
    pem = cert_pem(&m.cert);
    options.ca_pem = span_of_string(pem);
    tls_context_release(m.context);
    m.context = tls_context_new(&options, &fault);
    assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
    (void)caller_meets(&m, "b.test", NULL);
    assert_refused(&m, "the certificate is not for b.test, but for a.test");
    meeting_deinit(&m);
    free(pem);
}

#define OTHER(host, names) "the certificate is not for " host ", but for " names
#define NOBODY(host) "the certificate is not for " host ": it names no host (subjectAltName)"

static void names_are_compared_by_rfc_9525(void **state)
{
    static const struct {
        const char *hosts;
        const char *host;
        const char *text; /* NULL: accepted */
    } rows[] = {
        { "DNS:a.test", "a.test", NULL },
        { "DNS:a.test", "A.TEST", NULL },
        { "DNS:A.Test", "a.test", NULL },
        { "DNS:a.test", "a.test.", NULL },
        { "DNS:x.test,DNS:a.test", "a.test", NULL },
        { "DNS:*.example.org", "a.example.org", NULL },
        { "DNS:*.example.org", "a.example.org.", NULL },
        { "DNS:*.example.org", "xn--bcher-kva.example.org", NULL },
        { "DNS:xn--bcher-kva.test", "xn--bcher-kva.test", NULL },
        { "IP:10.0.0.1", "10.0.0.1", NULL },
        { "IP:::1", "::1", NULL },
        { "IP:2001:db8::1,IP:10.0.0.1", "2001:db8:0:0::1", NULL },
        { "DNS:a.test", "b.test", OTHER("b.test", "a.test") },
        { "DNS:a.test", "a.test.evil.test", OTHER("a.test.evil.test", "a.test") },
        { "DNS:a.test", "aa.test", OTHER("aa.test", "a.test") },
        { "DNS:a.test", "test", OTHER("test", "a.test") },
        { "DNS:a.test", "x.a.test", OTHER("x.a.test", "a.test") },
        { "DNS:.a.test", "x.a.test", OTHER("x.a.test", ".a.test") },
        { "DNS:*.example.org", "example.org", OTHER("example.org", "*.example.org") },
        { "DNS:*.example.org", "b.a.example.org", OTHER("b.a.example.org", "*.example.org") },
        { "DNS:*.test", "a.test", OTHER("a.test", "*.test") },
        { "DNS:*", "test", OTHER("test", "*") },
        { "DNS:f*.a.test", "foo.a.test", OTHER("foo.a.test", "f*.a.test") },
        { "DNS:*f.a.test", "foof.a.test", OTHER("foof.a.test", "*f.a.test") },
        { "DNS:xn--*.a.test", "xn--x.a.test", OTHER("xn--x.a.test", "xn--*.a.test") },
        { "DNS:a.*.test", "a.b.test", OTHER("a.b.test", "a.*.test") },
        { "DNS:*.*.test", "a.b.test", OTHER("a.b.test", "*.*.test") },
        { "DNS:10.0.0.1", "10.0.0.1", OTHER("10.0.0.1", "10.0.0.1") },
        { "DNS:*.0.0.1", "10.0.0.1", OTHER("10.0.0.1", "*.0.0.1") },
        { "IP:10.0.0.1", "10.0.0.2", OTHER("10.0.0.2", "10.0.0.1") },
        { "IP:::1", "::2", OTHER("::2", "::1") },
        { "IP:10.0.0.1", "::ffff:10.0.0.1", OTHER("::ffff:10.0.0.1", "10.0.0.1") },
        { "DNS:a.test", "10.0.0.1", OTHER("10.0.0.1", "a.test") },
        { "DNS:a.test,DNS:b.test,IP:10.0.0.1", "c.test",
          OTHER("c.test", "a.test, b.test, 10.0.0.1") },
        { "DNS:1.test,DNS:2.test,DNS:3.test,DNS:4.test,DNS:5.test", "c.test",
          OTHER("c.test", "1.test, 2.test, 3.test and 2 more") },
        { "URI:https://a.test,email:a@a.test", "a.test", NOBODY("a.test") },
        { NULL, "a.test", NOBODY("a.test") }, /* though its common name is that */
        { NULL, "10.0.0.1", NOBODY("10.0.0.1") },
    };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct cert_plan cert = { .name = rows[i].host, .hosts = rows[i].hosts };
        const struct meeting_plan plan = { .cert = &cert };

        meeting_init(&m, &plan);
        (void)caller_meets(&m, rows[i].host, NULL);
        if (rows[i].text)
            assert_refused(&m, rows[i].text);
        else if (tls_state(m.tls) != TLS_OPEN)
            fail_msg("%s for %s: %s", rows[i].hosts, rows[i].host, tls_failure_text(m.tls));
        meeting_deinit(&m);
    }
}

static void a_name_with_hostile_bytes_neither_fits_nor_reaches_the_terminal(void **state)
{
    static const struct {
        struct span name;
        const char *text;
    } rows[] = {
        { SPAN_LITERAL("a.test\0.evil.test"), OTHER("a.test", "a.test?.evil.test") },
        { SPAN_LITERAL("\033[2J\n\"a\""), OTHER("a.test", "??2J??a?") },
        { SPAN_LITERAL("a.test\0"), OTHER("a.test", "a.test?") },
        { SPAN_LITERAL("a.test "), OTHER("a.test", "a.test?") },
        { SPAN_LITERAL("1234567890123456789012345678901234567890123456789012345678901234567890"),
          OTHER("a.test", "123456789012345678901234567890123456789012345678901234567890123") },
    };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct cert_plan cert = { .name = "a.test", .raw_host = rows[i].name };
        const struct meeting_plan plan = { .cert = &cert };

        meeting_init(&m, &plan);
        (void)caller_meets(&m, "a.test", NULL);
        assert_refused(&m, rows[i].text);
        meeting_deinit(&m);
    }
}

/* OpenSSL would take the first for "any host" and the second for "any host below". */
static void a_host_that_no_certificate_can_name_is_refused_before_anything_is_sent(void **state)
{
    static const struct span hosts[] = {
        SPAN_LITERAL(""),   SPAN_LITERAL(".a.test"), SPAN_LITERAL("."),
        SPAN_LITERAL(".."), SPAN_LITERAL("a.."),     SPAN_LITERAL("a.test\0.b.test"),
    };
    const struct meeting_plan plan = { 0 };
    char long_host[255];
    struct meeting m;
    struct tls *tls = NULL;

    (void)state;
    memset(long_host, 'a', sizeof(long_host));
    long_host[253] = '.';
    meeting_init(&m, &plan);
    for (unsigned i = 0; i < ROWS(hosts); i++)
        assert_int_equal(tls_new(m.context, hosts[i], &tls), -22);
    assert_int_equal(tls_new(m.context, span_of(long_host, 255), &tls), -22);
    assert_null(tls);
    assert_int_equal(tls_new(m.context, span_of(long_host, 254), &tls), 0);
    tls_free(tls);
    meeting_deinit(&m);
}

static void insecure_takes_any_certificate(void **state)
{
    static const struct {
        struct cert_plan cert;
        bool signs_itself;
    } rows[] = {
        { { .hosts = "DNS:other.test" }, false },
        { { .hosts = "DNS:a.test", .from_days = -10, .to_days = -1 }, false },
        { { .hosts = "DNS:a.test", .from_days = 1, .to_days = 10 }, true },
        { { .hosts = NULL }, true },
    };
    struct meeting m;

    (void)state;
    for (unsigned i = 0; i < 2 * ROWS(rows); i++) {
        struct cert_plan cert = rows[i / 2].cert;
        const struct meeting_plan plan = { .cert = &cert,
                                           .signs_itself = rows[i / 2].signs_itself,
                                           .system_store = i % 2,
                                           .options = { .insecure = true } };

        cert.name = "whoever";
        meeting_init(&m, &plan);
        assert_int_equal(caller_meets(&m, "a.test", NULL), TLS_OPEN);
        assert_int_equal(caller_meets(&m, "10.0.0.1", NULL), TLS_OPEN);
        meeting_deinit(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_that_is_bad_in_itself_is_refused),
        cmocka_unit_test(an_unknown_issuer_is_refused),
        cmocka_unit_test(the_systems_store_is_read_once),
        cmocka_unit_test(a_leaf_that_issues_certificates_is_refused),
        cmocka_unit_test(a_certificate_in_the_ca_file_is_trusted),
        cmocka_unit_test(names_are_compared_by_rfc_9525),
        cmocka_unit_test(a_name_with_hostile_bytes_neither_fits_nor_reaches_the_terminal),
        cmocka_unit_test(a_host_that_no_certificate_can_name_is_refused_before_anything_is_sent),
        cmocka_unit_test(insecure_takes_any_certificate),
    };

    return cmocka_run_group_tests(tests, system_store_init, system_store_deinit);
}
