/*
 * tls_context.c - PEM and flags become an SSL_CTX, or a clause that says what is wrong with them.
 *
 * The rules that no option changes: TLS 1.2 or 1.3, ALPN http/1.1, names by RFC 9525 (whole-label
 * wildcards, no common names), no renegotiation, no compression, no early data. Sessions are the
 * caller's to keep: OpenSSL's own cache is off.
 *
 * A context has a count of holders, against the house's rule: the pool drops the context of a route
 * while connections of it are still draining and sessions of it may still be given out, and each of
 * them needs it to the end.
 *
 * The system's store is the one thing all contexts share. OpenSSL counts its holders and locks it;
 * opening it parses a bundle of hundreds where there is one, which is why it happens once. It is
 * the only global here, set once.
 */
#include "tls_internal.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

static const char out_of_memory[] = "out of memory";

static CRYPTO_ONCE system_store_once = CRYPTO_ONCE_STATIC_INIT;
static X509_STORE *system_store;

static void open_system_store(void)
{
    system_store = X509_STORE_new();
    if (system_store && !X509_STORE_set_default_paths(system_store)) {
        X509_STORE_free(system_store);
        system_store = NULL;
    }
}

const char *tls_store_file(void)
{
    return X509_get_default_cert_file();
}

const char *tls_store_folder(void)
{
    return X509_get_default_cert_dir();
}

/* OpenSSL would ask on the terminal. */
static int refuse_passphrase(char *room, int room_bytes, int is_writing, void *asked)
{
    (void)room;
    (void)room_bytes;
    (void)is_writing;
    *(bool *)asked = true;
    return -1;
}

/* The next certificate, or NULL: at the end, or *ret_is_broken. */
static X509 *read_certificate(BIO *pem, bool *ret_is_broken)
{
    bool asked = false;
    X509 *cert;

    ERR_clear_error();
    cert = PEM_read_bio_X509_AUX(pem, NULL, refuse_passphrase, &asked);
    *ret_is_broken = !cert && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    return cert;
}

static const char *trust_given(X509_STORE *store, BIO *pem)
{
    unsigned count = 0;
    bool is_broken;
    X509 *cert;
    int is_added;

    while ((cert = read_certificate(pem, &is_broken))) {
        is_added = X509_STORE_add_cert(store, cert);
        X509_free(cert);
        if (!is_added)
            return out_of_memory;
        count++;
    }
    if (is_broken)
        return "a certificate in the CA file is damaged";
    if (!count)
        return "there is no certificate in the CA file";
    /* Who names a certificate means it, also when it is not a root. */
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return NULL;
}

static const char *context_trust(SSL_CTX *ssl, struct span ca_pem)
{
    X509_STORE *store;
    const char *wrong;
    BIO *pem;

    if (span_is_empty(ca_pem)) {
        if (!CRYPTO_THREAD_run_once(&system_store_once, open_system_store) || !system_store)
            return out_of_memory; /* a store that is missing is an empty one */
        SSL_CTX_set1_cert_store(ssl, system_store);
        return NULL;
    }
    store = X509_STORE_new();
    pem = BIO_new_mem_buf(ca_pem.data, (int)ca_pem.bytes);
    wrong = store && pem ? trust_given(store, pem) : out_of_memory;
    BIO_free(pem);
    SSL_CTX_set_cert_store(ssl, store); /* NULL too: it is not used any more then */
    return wrong;
}

static const char *use_certificates(SSL_CTX *ssl, BIO *pem)
{
    bool is_broken;
    X509 *cert = read_certificate(pem, &is_broken);
    int reason;

    if (!cert)
        return is_broken ? "the client certificate is damaged"
                         : "there is no certificate in the client certificate's file";
    reason = SSL_CTX_use_certificate(ssl, cert) ? 0 : ERR_GET_REASON(ERR_peek_error());
    X509_free(cert);
    if (reason == SSL_R_EE_KEY_TOO_SMALL)
        return "the key of the client certificate is too short to be safe";
    if (reason == SSL_R_CA_MD_TOO_WEAK)
        return "the client certificate is signed with a hash that is not safe";
    if (reason)
        return "OpenSSL has no use for the client certificate";
    while ((cert = read_certificate(pem, &is_broken))) {
        if (!SSL_CTX_add0_chain_cert(ssl, cert)) {
            X509_free(cert);
            return "OpenSSL has no use for a certificate behind the client's own";
        }
    }
    return is_broken ? "a certificate behind the client's own is damaged" : NULL;
}

static const char *use_key(SSL_CTX *ssl, BIO *pem)
{
    bool asked = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, refuse_passphrase, &asked);
    bool fits;

    if (!key)
        return asked ? "the private key has a passphrase, which nobody can be asked for here"
                     : "the private key is damaged, or of a kind that OpenSSL does not know";
    fits = SSL_CTX_use_PrivateKey(ssl, key) && SSL_CTX_check_private_key(ssl);
    EVP_PKEY_free(key);
    return fits ? NULL : "the private key is not that of the client certificate";
}

static const char *context_identify(SSL_CTX *ssl, const struct tls_options *options)
{
    struct span key_pem = options->key_pem;
    const char *wrong;
    BIO *pem;

    if (span_is_empty(options->cert_pem))
        return span_is_empty(key_pem) ? NULL : "there is a private key but no client certificate";
    if (span_is_empty(key_pem))
        key_pem = options->cert_pem;
    pem = BIO_new_mem_buf(options->cert_pem.data, (int)options->cert_pem.bytes);
    wrong = pem ? use_certificates(ssl, pem) : out_of_memory;
    BIO_free(pem);
    if (wrong)
        return wrong;
    if (!memmem(key_pem.data, key_pem.bytes, "PRIVATE KEY-----", 16))
        return span_is_empty(options->key_pem) ? "the client certificate lacks its private key"
                                               : "there is no private key in the key's file";
    pem = BIO_new_mem_buf(key_pem.data, (int)key_pem.bytes);
    wrong = pem ? use_key(ssl, pem) : out_of_memory;
    BIO_free(pem);
    return wrong;
}

static int openssl_version(uint8_t version, int default_version)
{
    switch ((enum tls_version)version) {
    case TLS_VERSION_DEFAULT:
        return default_version;
    case TLS_VERSION_1_2:
        return TLS1_2_VERSION;
    case TLS_VERSION_1_3:
        return TLS1_3_VERSION;
    }
    return 0;
}

static const char *context_bound_versions(SSL_CTX *ssl, const struct tls_options *options)
{
    int min = openssl_version(options->version_min, TLS1_2_VERSION);
    int max = openssl_version(options->version_max, TLS1_3_VERSION);

    if (!min || !max)
        return "only the versions 1.2 and 1.3 of TLS are spoken here";
    if (min > max)
        return "the lowest TLS version allowed is above the highest";
    if (!SSL_CTX_set_min_proto_version(ssl, min) || !SSL_CTX_set_max_proto_version(ssl, max))
        return "OpenSSL is configured not to speak this TLS version";
    return NULL;
}

static int accept_any_certificate(X509_STORE_CTX *verification, void *argument)
{
    (void)verification;
    (void)argument;
    return 1;
}

static const char *context_set_rules(SSL_CTX *ssl, bool insecure)
{
    static const unsigned char protocols[] = "\x08" TLS_ALPN;

    static_assert(sizeof(protocols) == 1 + 8 + 1, "the length in front");
    if (SSL_CTX_set_alpn_protos(ssl, protocols, sizeof(protocols) - 1) != 0) /* 0 is success */
        return out_of_memory;
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, tls_on_ticket);
    if (insecure) {
        SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_cert_verify_callback(ssl, accept_any_certificate, NULL);
    } else {
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, tls_on_verify);
    }
    return NULL;
}

static const char *context_set_up(SSL_CTX *ssl, const struct tls_options *options)
{
    const char *wrong = context_set_rules(ssl, options->insecure);

    if (!wrong)
        wrong = context_bound_versions(ssl, options);
    if (!wrong && !(options->insecure && span_is_empty(options->ca_pem)))
        wrong = context_trust(ssl, options->ca_pem);
    if (!wrong)
        wrong = context_identify(ssl, options);
    return wrong;
}

struct tls_context *tls_context_new(const struct tls_options *options, struct fault *ret_fault)
{
    struct tls_context *context = calloc(1, sizeof(*context));
    const char *wrong = out_of_memory;

    assert(options->ca_pem.bytes <= INT_MAX && options->cert_pem.bytes <= INT_MAX &&
           options->key_pem.bytes <= INT_MAX);
    ERR_clear_error();
    if (!context)
        goto fail;
    context->holders = 1;
    context->wire_method = tls_wire_method_new();
    context->ssl = SSL_CTX_new(TLS_client_method());
    if (!context->ssl || !context->wire_method)
        goto fail;
    wrong = context_set_up(context->ssl, options);
    ERR_clear_error();
    if (wrong)
        goto fail;
    return context;

fail:
    tls_context_release(context);
    *ret_fault = (struct fault){
        .code = wrong == out_of_memory ? FAULT_LOCAL_NO_MEMORY : FAULT_INPUT_ARGUMENT,
        .phase = PHASE_INPUT,
        .why = wrong,
    };
    return NULL;
}

struct tls_context *tls_context_acquire(struct tls_context *context)
{
    assert(context->holders > 0);
    context->holders++;
    return context;
}

void tls_context_release(struct tls_context *context)
{
    if (!context)
        return;
    assert(context->holders > 0);
    if (--context->holders)
        return;
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->wire_method);
    free(context);
}
