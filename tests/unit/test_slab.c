/*
 * Objects come zeroed, stay where they are, do not overlap, and end at the bound; chunks go when
 * they are empty, all but one.
 */
#include "slab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 5000

static void objects_are_zeroed_aligned_and_apart(void **state)
{
    static const size_t sizes[] = { 1, 8, 24, 200, 3000, 20000, 200000 };

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct slab slab;
        unsigned char *objects[100];

        slab_init(&slab, sizes[i], 100);
        for (unsigned n = 0; n < 100; n++) {
            objects[n] = slab_acquire(&slab);
            assert_non_null(objects[n]);
            assert_int_equal((uintptr_t)objects[n] % sizeof(void *), 0);
            for (size_t byte = 0; byte < sizes[i]; byte++)
                assert_int_equal(objects[n][byte], 0);
            memset(objects[n], (int)n + 1, sizes[i]);
        }
        slab_check(&slab);
        for (unsigned n = 0; n < 100; n++) {
            assert_int_equal(objects[n][0], n + 1);
            assert_int_equal(objects[n][sizes[i] - 1], n + 1);
            slab_release(&slab, objects[n]);
        }
        slab_check(&slab);
        slab_deinit(&slab);
    }
}

static void refuses_beyond_the_bound_until_one_comes_back(void **state)
{
    struct slab slab;
    void *objects[3];

    (void)state;
    slab_init(&slab, 64, 3);
    for (unsigned i = 0; i < 3; i++)
        objects[i] = slab_acquire(&slab);
    assert_null(slab_acquire(&slab));
    slab_release(&slab, objects[1]);
    objects[1] = slab_acquire(&slab);
    assert_non_null(objects[1]);
    assert_null(slab_acquire(&slab));
    for (unsigned i = 0; i < 3; i++)
        slab_release(&slab, objects[i]);
    slab_deinit(&slab);
}

static void refuses_all_with_a_bound_of_zero(void **state)
{
    struct slab slab;

    (void)state;
    slab_init(&slab, 64, 0);
    assert_null(slab_acquire(&slab));
    slab_deinit(&slab);
}

static void reused_object_is_zeroed_again(void **state)
{
    struct slab slab;
    unsigned char *object;

    (void)state;
    slab_init(&slab, 100, 1);
    for (unsigned round = 0; round < 3; round++) {
        object = slab_acquire(&slab);
        for (unsigned i = 0; i < 100; i++)
            assert_int_equal(object[i], 0);
        memset(object, 0xff, 100);
        slab_release(&slab, object);
    }
    slab_deinit(&slab);
}

static void empty_chunks_are_given_back_but_for_one(void **state)
{
    static void *objects[COUNT];
    struct slab slab;
    size_t chunks;

    (void)state;
    slab_init(&slab, 256, COUNT);
    for (unsigned i = 0; i < COUNT; i++)
        objects[i] = slab_acquire(&slab);
    chunks = slab.chunks_count;
    assert_true(chunks > 3);
    for (unsigned i = 0; i < COUNT; i++) {
        slab_release(&slab, objects[i]);
        slab_check(&slab);
        assert_true(slab.chunks_count <= chunks);
        chunks = slab.chunks_count;
    }
    assert_int_equal(slab.chunks_count, 1);
    slab_deinit(&slab);
    assert_int_equal(slab.chunks_count, 0);
}

/* One object going to and fro at the edge of a chunk must not make and free the chunk each time. */
static void a_chunk_stays_when_the_last_object_comes_and_goes(void **state)
{
    static void *objects[COUNT];
    struct slab slab;
    unsigned count = 0;

    (void)state;
    slab_init(&slab, 1000, COUNT);
    while (slab.chunks_count < 2)
        objects[count++] = slab_acquire(&slab);
    for (unsigned i = 0; i < 10; i++) {
        slab_release(&slab, objects[count - 1]);
        assert_int_equal(slab.chunks_count, 2);
        objects[count - 1] = slab_acquire(&slab);
        slab_check(&slab);
    }
    while (count > 0)
        slab_release(&slab, objects[--count]);
    slab_deinit(&slab);
}

static void keeps_its_books_under_random_use(void **state)
{
    static unsigned *objects[COUNT];
    struct slab slab;

    (void)state;
    srand(1);
    slab_init(&slab, 48, COUNT / 2);
    for (unsigned step = 0; step < 30000; step++) {
        unsigned i = (unsigned)rand() % COUNT;

        if (objects[i]) {
            assert_int_equal(*objects[i], i);
            slab_release(&slab, objects[i]);
            objects[i] = NULL;
        } else {
            objects[i] = slab_acquire(&slab);
            assert_int_equal(objects[i] == NULL, slab.count == COUNT / 2 && !objects[i]);
            if (objects[i])
                *objects[i] = i;
        }
        if (step % 100 == 0)
            slab_check(&slab);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        if (objects[i])
            slab_release(&slab, objects[i]);
    }
    assert_int_equal(slab.count, 0);
    slab_deinit(&slab);
}

static void deinit_of_what_was_never_initialised_does_nothing(void **state)
{
    struct slab slab = { 0 };

    (void)state;
    slab_deinit(&slab);
    slab_deinit(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(refuses_beyond_the_bound_until_one_comes_back),
        cmocka_unit_test(refuses_all_with_a_bound_of_zero),
        cmocka_unit_test(reused_object_is_zeroed_again),
        cmocka_unit_test(empty_chunks_are_given_back_but_for_one),
        cmocka_unit_test(a_chunk_stays_when_the_last_object_comes_and_goes),
        cmocka_unit_test(keeps_its_books_under_random_use),
        cmocka_unit_test(deinit_of_what_was_never_initialised_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
