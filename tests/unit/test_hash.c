/*
 * test_hash.c - hashes agree with what everybody else computes.
 */
#include "hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define SHA256_OF_ABC "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define SHA256_OF_NOTHING "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void agrees_with_the_published_values(void **state)
{
    static const struct {
        enum hash_kind kind;
        const char *bytes;
        const char *text;
    } rows[] = {
        { HASH_SHA256, "", SHA256_OF_NOTHING },
        { HASH_SHA256, "abc", SHA256_OF_ABC },
        { HASH_XXH3, "", "xxh3:2d06800538d394c2" },
        { HASH_XXH3, "abc", "xxh3:78af5f94892f3950" },
    };
    char text[HASH_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct hash *hash;

        assert_int_equal(hash_new(rows[i].kind, &hash), 0);
        hash_update(hash, span_of_string(rows[i].bytes));
        hash_finish(hash, text);
        assert_string_equal(text, rows[i].text);
        hash_free(hash);
    }
}

static void pieces_and_restarts_make_no_difference(void **state)
{
    char whole[HASH_TEXT_BYTES], pieces[HASH_TEXT_BYTES], again[HASH_TEXT_BYTES];
    static const char bytes[100000] = "not only zeros";

    (void)state;
    for (enum hash_kind kind = HASH_SHA256; kind <= HASH_XXH3; kind++) {
        struct hash *hash;

        assert_int_equal(hash_new(kind, &hash), 0);
        hash_update(hash, span_of(bytes, sizeof(bytes)));
        hash_finish(hash, whole);
        hash_restart(hash);
        for (size_t at = 0, size = 1; at < sizeof(bytes); at += size, size = size * 2 + 1) {
            size = size > sizeof(bytes) - at ? sizeof(bytes) - at : size;
            hash_update(hash, span_of(bytes + at, size));
        }
        hash_finish(hash, pieces);
        assert_string_equal(pieces, whole);
        hash_restart(hash);
        hash_update(hash, SPAN_LITERAL("an attempt that failed"));
        hash_restart(hash);
        hash_update(hash, span_of(bytes, sizeof(bytes)));
        hash_finish(hash, again);
        assert_string_equal(again, whole);
        hash_free(hash);
    }
}

static void reads_what_it_writes_and_bare_sha256(void **state)
{
    static const struct {
        const char *text;
        enum hash_kind kind;
        const char *canonical;
    } rows[] = {
        { SHA256_OF_ABC, HASH_SHA256, SHA256_OF_ABC },
        { "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", HASH_SHA256,
          SHA256_OF_ABC },
        { "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", HASH_SHA256,
          SHA256_OF_ABC },
        { "xxh3:78AF5f94892f3950", HASH_XXH3, "xxh3:78af5f94892f3950" },
        { "", HASH_NONE, NULL },
        { "sha256:", HASH_NONE, NULL },
        { "78af5f94892f3950", HASH_NONE, NULL },
        { "md5:d41d8cd98f00b204e9800998ecf8427e", HASH_NONE, NULL },
        { "xxh3:78af5f94892f395", HASH_NONE, NULL },
        { "xxh3:78af5f94892f39500", HASH_NONE, NULL },
        { "xxh3:78af5f94892f395g", HASH_NONE, NULL },
        { "xxh3:78af5f94892f395 ", HASH_NONE, NULL },
        { "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", HASH_NONE,
          NULL },
    };
    char text[HASH_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (hash_parse(span_of_string(rows[i].text), text) != rows[i].kind)
            fail_msg("'%s'", rows[i].text);
        if (rows[i].canonical)
            assert_string_equal(text, rows[i].canonical);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_published_values),
        cmocka_unit_test(pieces_and_restarts_make_no_difference),
        cmocka_unit_test(reads_what_it_writes_and_bare_sha256),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
