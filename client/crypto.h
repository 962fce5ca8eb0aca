/*
 * crypto.h - the few calls of libcrypto that haul makes, loaded when the first one is needed.
 */
#ifndef HAUL_CRYPTO_H
#define HAUL_CRYPTO_H

#include <openssl/evp.h>
#include <stdbool.h>

#define CRYPTO_LIBRARY "libcrypto.so.3"

struct crypto {
    EVP_MD_CTX *(*md_ctx_new)(void);
    void (*md_ctx_free)(EVP_MD_CTX *ctx);
    const EVP_MD *(*sha256)(void);
    int (*digest_init)(EVP_MD_CTX *ctx, const EVP_MD *type, ENGINE *engine);
    int (*digest_update)(EVP_MD_CTX *ctx, const void *data, size_t bytes);
    int (*digest_final)(EVP_MD_CTX *ctx, unsigned char *md, unsigned *ret_bytes);
};

/* False when the library is not there. It stays loaded: opening it again costs next to nothing. */
bool crypto_open(struct crypto *ret_crypto);

#endif
