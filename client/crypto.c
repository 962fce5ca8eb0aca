/*
 * crypto.c - libcrypto by dlopen.
 *
 * Rejected: linking it. Loading it takes 5 ms of CPU, half as much again as all else that `haul
 * version` does, and every start would pay for a flag that few use (measured with getrusage over
 * 100 starts: 5.7 -> 10.5 ms).
 */
#include "crypto.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

bool crypto_open(struct crypto *ret_crypto)
{
    static const struct {
        const char *name;
        size_t offset;
    } symbols[] = {
        { "EVP_MD_CTX_new", offsetof(struct crypto, md_ctx_new) },
        { "EVP_MD_CTX_free", offsetof(struct crypto, md_ctx_free) },
        { "EVP_sha256", offsetof(struct crypto, sha256) },
        { "EVP_DigestInit_ex", offsetof(struct crypto, digest_init) },
        { "EVP_DigestUpdate", offsetof(struct crypto, digest_update) },
        { "EVP_DigestFinal_ex", offsetof(struct crypto, digest_final) },
    };
    void *library = dlopen(CRYPTO_LIBRARY, RTLD_NOW | RTLD_NODELETE);
    struct crypto crypto;
    bool has_all = library != NULL;

    for (size_t i = 0; has_all && i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = dlsym(library, symbols[i].name);

        memcpy((char *)&crypto + symbols[i].offset, &symbol, sizeof(symbol));
        has_all = symbol != NULL;
    }
    if (library)
        (void)dlclose(library); /* RTLD_NODELETE: what we found stays */
    if (has_all)
        *ret_crypto = crypto;
    return has_all;
}
