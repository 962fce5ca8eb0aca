/*
 * hash.c - two libraries behind one face.
 *
 * XXH3 is compiled in: it is a header of the library.
 */
#include "hash.h"

#include "crypto.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct hash {
    enum hash_kind kind;
    struct crypto crypto;
    EVP_MD_CTX *sha256;
    XXH3_state_t *xxh3;
};

static const struct {
    const char *prefix;
    size_t digits;
} forms[] = {
    [HASH_NONE] = { "", 0 },
    [HASH_SHA256] = { "sha256:", 64 },
    [HASH_XXH3] = { "xxh3:", 16 },
};

static bool hash_start(struct hash *hash)
{
    switch (hash->kind) {
    case HASH_SHA256:
        return hash->crypto.digest_init(hash->sha256, hash->crypto.sha256(), NULL) == 1;
    case HASH_XXH3:
        return XXH3_64bits_reset(hash->xxh3) == XXH_OK;
    case HASH_NONE:
        break;
    }
    return false;
}

static int hash_open(struct hash *hash)
{
    if (hash->kind == HASH_XXH3) {
        hash->xxh3 = XXH3_createState();
        return hash->xxh3 && hash_start(hash) ? 0 : -ENOMEM;
    }
    if (!crypto_open(&hash->crypto))
        return -ELIBACC;
    hash->sha256 = hash->crypto.md_ctx_new();
    return hash->sha256 && hash_start(hash) ? 0 : -ENOMEM;
}

int hash_new(enum hash_kind kind, struct hash **ret_hash)
{
    struct hash *hash = calloc(1, sizeof(*hash));
    int r;

    if (!hash)
        return -ENOMEM;
    hash->kind = kind;
    r = hash_open(hash);
    if (r < 0)
        hash_free(hash);
    else
        *ret_hash = hash;
    return r;
}

void hash_free(struct hash *hash)
{
    if (!hash)
        return;
    if (hash->sha256)
        hash->crypto.md_ctx_free(hash->sha256);
    (void)XXH3_freeState(hash->xxh3); /* always XXH_OK */
    free(hash);
}

void hash_update(struct hash *hash, struct span bytes)
{
    bool is_taken = false;

    if (bytes.bytes == 0)
        return;
    switch (hash->kind) {
    case HASH_SHA256:
        is_taken = hash->crypto.digest_update(hash->sha256, bytes.data, bytes.bytes) == 1;
        break;
    case HASH_XXH3:
        is_taken = XXH3_64bits_update(hash->xxh3, bytes.data, bytes.bytes) == XXH_OK;
        break;
    case HASH_NONE:
        break;
    }
    assert(is_taken); /* both fail on a state that was not started only */
}

void hash_restart(struct hash *hash)
{
    bool is_started = hash_start(hash);

    assert(is_started); /* it was once, with the same memory */
}

void hash_finish(struct hash *hash, char ret_text[HASH_TEXT_BYTES])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned count = 0;
    int at = snprintf(ret_text, HASH_TEXT_BYTES, "%s", forms[hash->kind].prefix);

    if (hash->kind == HASH_SHA256) {
        (void)hash->crypto.digest_final(hash->sha256, bytes, &count); /* checked by its count */
    } else {
        XXH64_canonical_t canonical;

        XXH64_canonicalFromHash(&canonical, XXH3_64bits_digest(hash->xxh3));
        count = sizeof(canonical.digest);
        memcpy(bytes, canonical.digest, count);
    }
    assert(count * 2 == forms[hash->kind].digits);
    for (unsigned i = 0; i < count; i++)
        at += snprintf(ret_text + at, HASH_TEXT_BYTES - (size_t)at, "%02x", bytes[i]);
}

static bool is_hex(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        if (!memchr("0123456789abcdefABCDEF", text.data[i], 22))
            return false;
    return true;
}

enum hash_kind hash_parse(struct span text, char ret_text[HASH_TEXT_BYTES])
{
    enum hash_kind kind = HASH_SHA256;
    size_t at;

    for (enum hash_kind k = HASH_SHA256; k <= HASH_XXH3; k++) {
        struct span prefix = span_of_string(forms[k].prefix);

        if (!span_starts_with(text, prefix))
            continue;
        kind = k;
        span_advance(&text, prefix.bytes);
        break;
    }
    if (text.bytes != forms[kind].digits || !is_hex(text))
        return HASH_NONE;
    at = strlen(forms[kind].prefix);
    memcpy(ret_text, forms[kind].prefix, at);
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];

        ret_text[at++] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
    }
    ret_text[at] = '\0';
    return kind;
}
