/*
 * tls.c - one TLS client connection as a function of bytes.
 *
 * OpenSSL believes that it reads and writes a socket; tls_wire gives it two blocks. So the owner of
 * the real socket decides when bytes move, and "the end of the handshake and the first request in
 * one send" is: take the output after writing the request, not before.
 *
 * What this refuses to do: keep sessions (the caller does, by route), decide what a missing
 * close_notify means for an answer (HTTP's framing does), or go on after anything OpenSSL calls
 * fatal.
 *
 * A session stands for a verified server. Resuming asks no certificate, so a session that came to
 * another context (other rules) or host (other name) would be a way around the verification: it is
 * ignored here, whatever the caller's table says.
 */
#include "tls_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#define HOST_BYTES_MAX 253u /* a DNS name; SNI bears 255 */
#define RECORD_BYTES_MAX (16u << 10)
#define RECORD_OVERHEAD_BYTES 64u /* a guess: more only costs a copy */

static const uint8_t tls_next[] = {
    [TLS_HANDSHAKING] = 1u << TLS_OPEN | 1u << TLS_FAILED,
    [TLS_OPEN] = 1u << TLS_CLOSED | 1u << TLS_FAILED,
    [TLS_CLOSED] = 0,
    [TLS_FAILED] = 0,
};

void tls_enter(struct tls *tls, enum tls_state next)
{
    assert(tls_next[tls->state] & 1u << next);
    tls->state = next;
}

/* ---- life ----------------------------------------------------------------------------------- */

/* What verification compares, and what the server is told. */
static bool tls_name_host(struct tls *tls)
{
    X509_VERIFY_PARAM *rules = SSL_get0_param(tls->ssl);
    unsigned char address[16];

    if (inet_pton(AF_INET, tls->host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip(rules, address, 4);
    if (inet_pton(AF_INET6, tls->host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip(rules, address, 16);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(rules, tls->host, strlen(tls->host)) &&
           SSL_set_tlsext_host_name(tls->ssl, tls->host);
}

static bool tls_set_up(struct tls *tls)
{
    BIO *bio;

    tls->ssl = SSL_new(tls->context->ssl);
    if (!tls->ssl)
        return false;
    bio = tls_wire_bio_new(tls->context->wire_method, &tls->wire);
    if (!bio)
        return false;
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_connect_state(tls->ssl);
    return SSL_set_app_data(tls->ssl, tls) && tls_name_host(tls);
}

/* OpenSSL takes an empty name for "any" and one with a dot in front for "anything below". */
static bool can_be_certified(struct span host)
{
    return host.bytes > 0 && host.bytes <= HOST_BYTES_MAX && host.data[0] != '.' &&
           host.data[host.bytes - 1] != '.' && !memchr(host.data, '\0', host.bytes);
}

int tls_new(struct tls_context *context, struct span host, struct tls **ret_tls)
{
    struct tls *tls = NULL;
    int r = -EINVAL;

    if (host.bytes > 0 && host.data[host.bytes - 1] == '.')
        host.bytes--;
    if (!can_be_certified(host))
        goto end;
    r = -ENOMEM;
    tls = calloc(1, sizeof(*tls) + host.bytes + 1);
    if (!tls)
        goto end;
    memcpy(tls->host, host.data, host.bytes);
    tls->context = tls_context_acquire(context);
    tls->verify_error = X509_V_OK;
    if (!tls_set_up(tls))
        goto end;
    *ret_tls = tls;
    tls = NULL;
    r = 0;

end:
    tls_free(tls);
    ERR_clear_error();
    return r;
}

void tls_resume(struct tls *tls, struct tls_session *session)
{
    if (session && session->context == tls->context && strcmp(session->host, tls->host) == 0)
        (void)SSL_set_session(tls->ssl, session->ssl); /* else a full handshake */
    tls_session_free(session);
    ERR_clear_error();
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    /* To OpenSSL a connection that was not shut down spoils its session, which may be in use. (What
     * is fatal has spoilt it already.) */
    if (tls->ssl)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_SESSION_free(tls->ticket);
    SSL_free(tls->ssl);
    tls_wire_deinit(&tls->wire);
    block_free(tls->unsent);
    tls_context_release(tls->context);
    free(tls);
}

/* ---- the handshake -------------------------------------------------------------------------- */

static void tls_on_handshake_done(struct tls *tls)
{
    const unsigned char *protocol;
    unsigned bytes;

    /* Older versions of OpenSSL take a protocol that was not offered. */
    SSL_get0_alpn_selected(tls->ssl, &protocol, &bytes);
    if (bytes && !span_equals(span_of(protocol, bytes), SPAN_LITERAL(TLS_ALPN))) {
        tls_fail(tls, FAULT_TLS_ALPN, PHASE_TLS, tls_other_protocol);
        return;
    }
    tls_enter(tls, TLS_OPEN);
    /* Until 1.2 a session lasts, and a server that resumes one need not send a new ticket. */
    if (!tls->ticket && SSL_session_reused(tls->ssl) && SSL_version(tls->ssl) < TLS1_3_VERSION)
        tls->ticket = SSL_get1_session(tls->ssl);
}

static void tls_carry_on(struct tls *tls)
{
    int r;

    ERR_clear_error();
    r = SSL_do_handshake(tls->ssl);
    if (r == 1)
        tls_on_handshake_done(tls);
    else if (SSL_get_error(tls->ssl, r) != SSL_ERROR_WANT_READ)
        tls_fail_as_told(tls, PHASE_TLS);
}

enum tls_state tls_start(struct tls *tls)
{
    assert(tls->state == TLS_HANDSHAKING && !tls->wire.output);
    tls_carry_on(tls);
    return tls->state;
}

enum tls_state tls_give(struct tls *tls, struct span ciphertext)
{
    bool is_handshaking = tls->state == TLS_HANDSHAKING;

    if (tls->state == TLS_CLOSED || tls->state == TLS_FAILED)
        return tls->state;
    if (tls_wire_give(&tls->wire, ciphertext) < 0)
        tls_fail(tls, FAULT_LOCAL_NO_MEMORY, is_handshaking ? PHASE_TLS : PHASE_RECEIVE,
                 "out of memory");
    else if (is_handshaking)
        tls_carry_on(tls);
    return tls->state;
}

/* ---- data ----------------------------------------------------------------------------------- */

/* False: OpenSSL must read the rest of a message first. */
static bool tls_encrypt(struct tls *tls, struct span plaintext)
{
    size_t records = plaintext.bytes / RECORD_BYTES_MAX + 1;
    size_t written;

    if (tls_wire_reserve(&tls->wire, plaintext.bytes + records * RECORD_OVERHEAD_BYTES) < 0) {
        tls_fail(tls, FAULT_LOCAL_NO_MEMORY, PHASE_SEND, "out of memory");
        return true;
    }
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, plaintext.data, plaintext.bytes, &written)) {
        assert(written == plaintext.bytes); /* no partial writes without SSL_MODE for them */
        return true;
    }
    if (SSL_get_error(tls->ssl, 0) == SSL_ERROR_WANT_READ)
        return false;
    tls_fail_as_told(tls, PHASE_SEND);
    return true;
}

static void tls_encrypt_unsent(struct tls *tls)
{
    struct block *unsent = tls->unsent;

    if (!unsent || !tls_encrypt(tls, block_span(unsent)))
        return;
    tls->unsent = NULL;
    block_free(unsent);
}

enum tls_state tls_write(struct tls *tls, struct span plaintext)
{
    struct block *unsent;

    assert(tls->state != TLS_HANDSHAKING && !tls->close_notified);
    if (tls->state != TLS_OPEN || span_is_empty(plaintext))
        return tls->state;
    if (!tls->unsent && tls_encrypt(tls, plaintext))
        return tls->state;
    unsent = tls->unsent ? block_copy(block_span(tls->unsent), plaintext.bytes)
                         : block_new(plaintext.bytes);
    if (!unsent) {
        tls_fail(tls, FAULT_LOCAL_NO_MEMORY, PHASE_SEND, "out of memory");
        return tls->state;
    }
    block_append(unsent, plaintext);
    block_free(tls->unsent);
    tls->unsent = unsent;
    return tls->state;
}

size_t tls_read(struct tls *tls, char *room, size_t room_bytes)
{
    size_t bytes = 0;
    int error;

    assert(room_bytes > 0);
    if (tls->state != TLS_OPEN)
        return 0;
    ERR_clear_error();
    tls->wire.answer_bytes_max = TLS_ANSWER_BYTES_MAX;
    error = SSL_read_ex(tls->ssl, room, room_bytes, &bytes) ? SSL_ERROR_NONE
                                                            : SSL_get_error(tls->ssl, 0);
    tls->wire.answer_bytes_max = 0;
    if (error == SSL_ERROR_ZERO_RETURN)
        tls_enter(tls, TLS_CLOSED);
    else if (error == SSL_ERROR_WANT_READ)
        tls_encrypt_unsent(tls);
    else if (error != SSL_ERROR_NONE)
        tls_fail_as_told(tls, PHASE_RECEIVE);
    return error == SSL_ERROR_NONE ? bytes : 0;
}

struct block *tls_take_output(struct tls *tls)
{
    return tls_wire_take(&tls->wire);
}

/* ---- the end -------------------------------------------------------------------------------- */

void tls_notify_close(struct tls *tls)
{
    if (tls->close_notified || (tls->state != TLS_OPEN && tls->state != TLS_CLOSED))
        return;
    tls->close_notified = true;
    (void)SSL_shutdown(tls->ssl); /* a courtesy; in the middle of a message it fails */
    ERR_clear_error();
}

bool tls_end_of_input(struct tls *tls)
{
    switch (tls->state) {
    case TLS_HANDSHAKING:
        tls_fail_unfinished(tls);
        return false;
    case TLS_OPEN:
        tls_fail(tls, FAULT_IO_RECV, PHASE_RECEIVE,
                 "the server ended the connection without a TLS close_notify");
        return false;
    case TLS_CLOSED:
        return true;
    case TLS_FAILED:
        return false;
    }
    return false;
}

/* ---- questions ------------------------------------------------------------------------------ */

enum tls_state tls_state(const struct tls *tls)
{
    return tls->state;
}

const struct fault *tls_fault(const struct tls *tls)
{
    return &tls->fault;
}

const char *tls_failure_text(const struct tls *tls)
{
    return tls->text[0] || !tls->fault.why ? tls->text : tls->fault.why;
}

struct tls_names tls_names(const struct tls *tls)
{
    return (struct tls_names){ SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl) };
}

bool tls_is_resumed(const struct tls *tls)
{
    return SSL_session_reused(tls->ssl);
}

/* ---- sessions ------------------------------------------------------------------------------- */

/* Returns 1 if it keeps the ticket. */
int tls_on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    struct tls *tls = SSL_get_app_data(ssl);

    SSL_SESSION_free(tls->ticket);
    tls->ticket = ticket;
    return 1;
}

struct tls_session *tls_take_session(struct tls *tls)
{
    size_t host_bytes = strlen(tls->host) + 1;
    struct tls_session *session;

    if (!tls->ticket || !SSL_SESSION_is_resumable(tls->ticket))
        return NULL;
    session = malloc(sizeof(*session) + host_bytes);
    if (!session)
        return NULL; /* it stays for the next call */
    memcpy(session->host, tls->host, host_bytes);
    session->context = tls_context_acquire(tls->context);
    session->ssl = tls->ticket;
    tls->ticket = NULL;
    return session;
}

void tls_session_free(struct tls_session *session)
{
    if (!session)
        return;
    SSL_SESSION_free(session->ssl);
    tls_context_release(session->context);
    free(session);
}

void tls_check(const struct tls *tls)
{
    const struct tls_wire *wire = &tls->wire;

    assert((tls->state == TLS_FAILED) == fault_is_set(&tls->fault));
    assert(!tls->unsent || tls->unsent->bytes > 0);
    assert(!wire->input || wire->input_read_bytes < wire->input->bytes);
    assert(wire->input || !wire->input_read_bytes);
    assert(wire->answer_bytes <= TLS_ANSWER_BYTES_MAX);
    assert(!wire->answer_bytes_max);
    assert(tls->context->holders > 0);
}
