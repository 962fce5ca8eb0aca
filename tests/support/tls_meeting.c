/*
 * tls_meeting.c - our TLS client meets OpenSSL's server.
 */
#include "tls_meeting.h"

#include <assert.h>
#include <stdlib.h>

#include <openssl/err.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void keep(struct block **block, struct span bytes)
{
    struct block *bigger;

    if (block_room(*block) < bytes.bytes) {
        bigger = block_copy(block_span(*block), (*block)->bytes + bytes.bytes);
        must(bigger);
        block_free(*block);
        *block = bigger;
    }
    block_append(*block, bytes);
}

/* ---- the server ----------------------------------------------------------------------------- */

static int on_select(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_bytes,
                     const unsigned char *offered, unsigned offered_bytes, void *arg)
{
    const struct meeting *m = arg;

    (void)ssl;
    (void)offered;
    (void)offered_bytes;
    if (m->plan.no_alpn_in_common)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    if (!m->plan.alpn)
        return SSL_TLSEXT_ERR_NOACK;
    *ret_name = (const unsigned char *)m->plan.alpn;
    *ret_bytes = (unsigned char)strlen(m->plan.alpn);
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context_new(struct meeting *m)
{
    const struct meeting_plan *plan = &m->plan;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    must(context && SSL_CTX_use_certificate(context, m->cert.x509) &&
         SSL_CTX_use_PrivateKey(context, m->cert.key) &&
         SSL_CTX_set_min_proto_version(context, plan->server_min) &&
         SSL_CTX_set_max_proto_version(context, plan->server_max) &&
         SSL_CTX_set_session_id_context(context, (const unsigned char *)"haul", 4));
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), m->ca.x509);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN); /* the CA is not sent along */
    if (plan->asks_for_cert || plan->wants_cert)
        SSL_CTX_set_verify(
            context, SSL_VERIFY_PEER | (plan->wants_cert ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
            NULL);
    if (plan->fragment_bytes)
        SSL_CTX_set_max_send_fragment(context, plan->fragment_bytes);
    if (plan->tickets)
        SSL_CTX_set_num_tickets(context, plan->tickets);
    SSL_CTX_set_alpn_select_cb(context, on_select, m);
    return context;
}

static void peer_moves(struct meeting *m)
{
    char room[20000];
    int r;

    ERR_clear_error();
    if (m->server_failed)
        return;
    if (!SSL_is_init_finished(m->server)) {
        r = SSL_do_handshake(m->server);
        if (r != 1) {
            m->server_failed = SSL_get_error(m->server, r) != SSL_ERROR_WANT_READ;
            return;
        }
    }
    while ((r = SSL_read(m->server, room, sizeof(room))) > 0)
        keep(&m->peer_block, span_of(room, (size_t)r));
    r = SSL_get_error(m->server, r);
    m->server_failed = r != SSL_ERROR_WANT_READ && r != SSL_ERROR_ZERO_RETURN;
}

void peer_says(struct meeting *m, struct span plaintext)
{
    size_t written;

    must(SSL_write_ex(m->server, plaintext.data, plaintext.bytes, &written));
}

void peer_ends(struct meeting *m)
{
    must(SSL_shutdown(m->server) >= 0);
}

struct block *peer_output(struct meeting *m)
{
    BIO *bio = SSL_get_wbio(m->server);
    struct block *block = block_new(BIO_pending(bio));
    int r = BIO_read(bio, block->data, (int)block->capacity);

    must(r == (int)block->capacity || (r <= 0 && !block->capacity));
    block->bytes = block->capacity;
    return block;
}

/* ---- the client ----------------------------------------------------------------------------- */

static void caller_reads(struct meeting *m)
{
    char *room = malloc(m->room_bytes);
    size_t bytes;

    must(room);
    while ((bytes = tls_read(m->tls, room, m->room_bytes)) > 0) {
        tls_check(m->tls);
        keep(&m->caller_block, span_of(room, bytes));
    }
    free(room);
    tls_check(m->tls);
}

static void caller_gets_piece(struct meeting *m, struct span piece)
{
    struct block *copy = block_copy(piece, 0); /* a sanitizer sees what reads beyond */

    must(copy);
    (void)tls_give(m->tls, block_span(copy));
    memset(copy->data, 0xee, copy->bytes);
    block_free(copy);
    m->given_bytes += piece.bytes;
    tls_check(m->tls);
    caller_reads(m);
}

void caller_gets(struct meeting *m, struct span ciphertext)
{
    struct span piece;
    size_t bytes;

    while (ciphertext.bytes) {
        bytes = ciphertext.bytes;
        if (m->is_bytewise)
            bytes = 1;
        else if (m->cut > m->given_bytes && m->cut - m->given_bytes < bytes)
            bytes = m->cut - m->given_bytes;
        (void)span_take(&ciphertext, bytes, &piece);
        caller_gets_piece(m, piece);
    }
}

void caller_says(struct meeting *m, struct span plaintext)
{
    (void)tls_write(m->tls, plaintext);
    tls_check(m->tls);
}

/* ---- both ----------------------------------------------------------------------------------- */

static struct tls_context *context_new(struct meeting *m)
{
    struct fault fault = { 0 };
    struct tls_options options = m->plan.options;
    struct tls_context *context;

    if (!options.ca_pem.bytes && !m->plan.system_store)
        options.ca_pem = span_of_string(m->ca_pem);
    context = tls_context_new(&options, &fault);
    must(context);
    return context;
}

struct tls_context *another_context(struct meeting *m)
{
    return context_new(m);
}

void meeting_init(struct meeting *m, const struct meeting_plan *plan)
{
    const struct cert_plan ca = { .name = "CA of the test", .is_ca = true };
    struct cert_plan cert = { .name = "a server", .hosts = "DNS:a.test" };

    *m = (struct meeting){ .plan = *plan, .room_bytes = 4096 };
    cert_init(&m->ca, &ca);
    m->ca_pem = cert_pem(&m->ca);
    if (plan->cert)
        cert = *plan->cert;
    if (!cert.issuer && !plan->signs_itself)
        cert.issuer = &m->ca;
    cert_init(&m->cert, &cert);
    m->server_context = server_context_new(m);
    m->context = context_new(m);
}

static void meeting_hang_up(struct meeting *m)
{
    tls_free(m->tls);
    SSL_free(m->server);
    block_free(m->caller_block);
    block_free(m->peer_block);
    m->tls = NULL;
    m->server = NULL;
    m->caller_block = NULL;
    m->peer_block = NULL;
}

void meeting_deinit(struct meeting *m)
{
    meeting_hang_up(m);
    tls_context_release(m->context);
    SSL_CTX_free(m->server_context);
    cert_deinit(&m->cert);
    cert_deinit(&m->ca);
    free(m->ca_pem);
    ERR_clear_error();
}

void caller_calls(struct meeting *m, const char *host, struct tls_session *resume)
{
    meeting_hang_up(m);
    m->caller_block = block_new(1024);
    m->peer_block = block_new(1024);
    m->server_failed = false;
    m->given_bytes = 0;
    m->blocks = 0;
    m->server = SSL_new(m->server_context);
    must(m->server && m->caller_block && m->peer_block);
    SSL_set_bio(m->server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(m->server);
    must(tls_new(m->context, span_of_string(host), &m->tls) == 0);
    tls_resume(m->tls, resume);
    tls_check(m->tls);
    (void)tls_start(m->tls);
    tls_check(m->tls);
}

void meet(struct meeting *m)
{
    struct block *block;
    bool moved = true;

    while (moved) {
        moved = false;
        block = tls_take_output(m->tls);
        if (block) {
            must(block->bytes > 0);
            must(BIO_write(SSL_get_rbio(m->server), block->data, (int)block->bytes) > 0);
            m->blocks++;
            moved = true;
        }
        block_free(block);
        peer_moves(m);
        block = peer_output(m);
        moved = moved || block->bytes > 0;
        caller_gets(m, block_span(block));
        block_free(block);
    }
}

enum tls_state caller_meets(struct meeting *m, const char *host, struct tls_session *resume)
{
    caller_calls(m, host, resume);
    meet(m);
    return tls_state(m->tls);
}

bool caller_got(const struct meeting *m, const char *text)
{
    return span_equals(block_span(m->caller_block), span_of_string(text));
}

bool peer_got(const struct meeting *m, const char *text)
{
    return span_equals(block_span(m->peer_block), span_of_string(text));
}
