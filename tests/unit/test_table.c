/*
 * The map from ids to pointers, against a plain array that cannot be wrong.
 */
#include "table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void finds_what_was_inserted_and_nothing_else(void **state)
{
    struct table table;
    int values[2];

    (void)state;
    table_init(&table);
    assert_null(table_find(&table, 0));
    assert_null(table_remove(&table, 0));
    assert_int_equal(table_insert(&table, 0, &values[0]), 0);
    assert_int_equal(table_insert(&table, UINT64_MAX, &values[1]), 0);
    assert_ptr_equal(table_find(&table, 0), &values[0]);
    assert_ptr_equal(table_find(&table, UINT64_MAX), &values[1]);
    assert_null(table_find(&table, 1));
    table_check(&table);
    table_deinit(&table);
    table_deinit(&table); /* harmless */
}

static void an_id_is_there_once(void **state)
{
    struct table table;
    int values[2];

    (void)state;
    table_init(&table);
    assert_int_equal(table_insert(&table, 7, &values[0]), 0);
    assert_int_equal(table_insert(&table, 7, &values[1]), -EEXIST);
    assert_ptr_equal(table_find(&table, 7), &values[0]);
    assert_ptr_equal(table_remove(&table, 7), &values[0]);
    assert_int_equal(table_insert(&table, 7, &values[1]), 0);
    assert_int_equal(table.count, 1);
    table_deinit(&table);
}

/* Runs of neighbours grow, wrap around and are torn in the middle. */
static void keeps_to_a_plain_array_over_many_steps(void **state)
{
    enum {
        IDS = 300
    };
    static int values[IDS];
    bool is_in[IDS] = { false };
    struct table table;
    size_t count = 0;
    uint64_t random = 1;

    (void)state;
    table_init(&table);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)((random = table_hash(random + step)) % IDS);
        uint64_t id = (uint64_t)i << (i % 5 * 12); /* dense ones and sparse ones */

        if (random >> 40 & 1) {
            assert_int_equal(table_insert(&table, id + i, &values[i]), is_in[i] ? -EEXIST : 0);
            count += !is_in[i];
            is_in[i] = true;
        } else {
            assert_ptr_equal(table_remove(&table, id + i), is_in[i] ? &values[i] : NULL);
            count -= is_in[i];
            is_in[i] = false;
        }
        assert_int_equal(table.count, count);
        if (step % 16 == 0)
            table_check(&table);
    }
    for (unsigned i = 0; i < IDS; i++)
        assert_ptr_equal(table_find(&table, ((uint64_t)i << (i % 5 * 12)) + i),
                         is_in[i] ? &values[i] : NULL);
    table_deinit(&table);
}

static void a_walk_meets_each_once(void **state)
{
    static int values[1000];
    unsigned met[1000] = { 0 };
    struct table table;
    size_t position = 0;
    int *value;

    (void)state;
    table_init(&table);
    assert_null(table_next(&table, &position));
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(table_insert(&table, i * 8u, &values[i]), 0);
    position = 0;
    while ((value = table_next(&table, &position)))
        met[value - values]++;
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(met[i], 1);
    table_deinit(&table);
}

static void hashes_depend_on_every_byte_and_on_the_seed(void **state)
{
    char text[40] = "0123456789012345678901234567890123456789";

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(text); bytes++) {
        uint64_t hash = table_hash_bytes(1, text, bytes);

        assert_int_equal(hash, table_hash_bytes(1, text, bytes));
        assert_int_not_equal(hash, table_hash_bytes(2, text, bytes));
        assert_int_not_equal(hash, table_hash_bytes(1, text, bytes + 1));
        for (size_t at = 0; at < bytes; at++) {
            text[at] ^= 1;
            assert_int_not_equal(hash, table_hash_bytes(1, text, bytes));
            text[at] ^= 1;
        }
    }
    assert_int_not_equal(table_hash_bytes(1, "\0", 1), table_hash_bytes(1, "\0\0", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_inserted_and_nothing_else),
        cmocka_unit_test(an_id_is_there_once),
        cmocka_unit_test(keeps_to_a_plain_array_over_many_steps),
        cmocka_unit_test(a_walk_meets_each_once),
        cmocka_unit_test(hashes_depend_on_every_byte_and_on_the_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
