/*
 * tls_contexts.c - one context for all routes with the same options.
 */
#include "tls_context.h"

#include <openssl/evp.h>

static void digest_text(EVP_MD_CTX *digest, struct span text)
{
    uint64_t bytes = text.bytes;

    (void)EVP_DigestUpdate(digest, &bytes, sizeof(bytes));
    if (bytes)
        (void)EVP_DigestUpdate(digest, text.data, text.bytes);
}

void tls_options_seal(struct tls_options *options)
{
    const uint8_t numbers[] = { options->insecure, options->version_min, options->version_max };
    EVP_MD_CTX *digest;

    memset(options->id, 0, sizeof(options->id));
    memcpy(options->id, numbers, sizeof(numbers));
    if (span_is_empty(options->ca_pem) && span_is_empty(options->cert_pem) &&
        span_is_empty(options->key_pem))
        return; /* zeros behind the numbers: no digest looks like that */
    digest = EVP_MD_CTX_new();
    if (digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL)) {
        (void)EVP_DigestUpdate(digest, numbers, sizeof(numbers));
        digest_text(digest, options->ca_pem);
        digest_text(digest, options->cert_pem);
        digest_text(digest, options->key_pem);
        (void)EVP_DigestFinal_ex(digest, options->id, NULL);
    }
    EVP_MD_CTX_free(digest);
}

struct tls_context *tls_contexts_get(struct tls_contexts *contexts,
                                     const struct tls_options *options, struct fault *ret_fault)
{
    struct tls_context *context;

    for (unsigned i = 0; i < TLS_CONTEXTS_MAX; i++)
        if (contexts->rows[i].context &&
            memcmp(contexts->rows[i].id, options->id, sizeof(options->id)) == 0)
            return tls_context_acquire(contexts->rows[i].context);
    context = tls_context_new(options, ret_fault);
    if (!context)
        return NULL;
    tls_context_release(contexts->rows[contexts->next].context);
    memcpy(contexts->rows[contexts->next].id, options->id, sizeof(options->id));
    contexts->rows[contexts->next].context = tls_context_acquire(context);
    contexts->next = (contexts->next + 1) % TLS_CONTEXTS_MAX;
    return context;
}

void tls_contexts_deinit(struct tls_contexts *contexts)
{
    for (unsigned i = 0; i < TLS_CONTEXTS_MAX; i++)
        tls_context_release(contexts->rows[i].context);
    *contexts = (struct tls_contexts){ 0 };
}
