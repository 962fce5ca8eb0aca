/*
 * hash.h - the hash of a body, as "sha256:HEX" or "xxh3:HEX".
 *
 * sha256 for what somebody else says about the bytes, xxh3 (XXH3, 64 bits, as `xxhsum -H3` prints
 * it) for noticing accidents at the speed of memory.
 */
#ifndef HAUL_HASH_H
#define HAUL_HASH_H

#include "span.h"

#define HASH_TEXT_BYTES 72 /* "sha256:", 64 digits, NUL */

/* In the order of the words of --hash. */
enum hash_kind {
    HASH_NONE,
    HASH_SHA256,
    HASH_XXH3,
};

struct hash;

/* kind is not HASH_NONE. 0, -ENOMEM, or -ELIBACC when the library that sha256 needs is not there.
 */
int hash_new(enum hash_kind kind, struct hash **ret_hash);
void hash_free(struct hash *hash);

void hash_update(struct hash *hash, struct span bytes);

/* Forgets what it was given. */
void hash_restart(struct hash *hash);

/* Ends it; only hash_restart and hash_free may follow. */
void hash_finish(struct hash *hash, char ret_text[HASH_TEXT_BYTES]);

/* Reads "sha256:HEX", "xxh3:HEX" or 64 bare digits, which are a sha256, and writes them in the form
 * of hash_finish; HASH_NONE when the text is none of them. */
enum hash_kind hash_parse(struct span text, char ret_text[HASH_TEXT_BYTES]);

#endif
