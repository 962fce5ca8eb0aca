/*
 * Entries come out by time, those of one time as they were put in, whatever is taken out meanwhile.
 * Method: the heap beside a plain array that is searched.
 */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define COUNT 2000u

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* The entry of the array that must be first: the earliest, and of those the oldest. */
static const struct heap_entry *first_of(const struct heap_entry *entries, size_t count)
{
    const struct heap_entry *first = NULL;

    for (size_t i = 0; i < count; i++)
        if (heap_has(&entries[i]) &&
            (!first || entries[i].at_ns < first->at_ns ||
             (entries[i].at_ns == first->at_ns && entries[i].turn < first->turn)))
            first = &entries[i];
    return first;
}

static void is_empty_when_zeroed(void **state)
{
    struct heap heap = { 0 };
    struct heap_entry entry = { 0 };

    (void)state;
    assert_null(heap_first(&heap));
    assert_false(heap_has(&entry));
    heap_check(&heap);
}

static void entries_of_one_time_keep_their_order(void **state)
{
    static struct heap_entry entries[100];
    struct heap heap = { 0 };

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        heap_push(&heap, &entries[i], i % 2);
    for (unsigned i = 0; i < 100; i++) {
        assert_ptr_equal(heap_first(&heap), &entries[i < 50 ? i * 2 : (i - 50) * 2 + 1]);
        heap_remove(&heap, heap_first(&heap));
        heap_check(&heap);
    }
    assert_null(heap_first(&heap));
}

static void the_first_is_always_the_earliest(void **state)
{
    static struct heap_entry entries[200];

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct heap heap = { 0 };
        uint64_t luck = seed;

        for (unsigned step = 0; step < COUNT; step++) {
            struct heap_entry *entry = &entries[next_random(&luck) % 200];

            if (next_random(&luck) % 5 == 0 && heap_first(&heap))
                entry = heap_first(&heap);
            if (heap_has(entry))
                heap_remove(&heap, entry);
            else
                heap_push(&heap, entry, next_random(&luck) % 50);
            heap_check(&heap);
            assert_ptr_equal(heap_first(&heap), first_of(entries, 200));
        }
        while (heap_first(&heap))
            heap_remove(&heap, heap_first(&heap));
        heap_check(&heap);
    }
}

/* A sorted list took minutes for one of these. */
static void no_order_of_arrival_is_slow(void **state)
{
    const unsigned count = 65536;
    struct heap_entry *entries = calloc(count, sizeof(*entries));

    (void)state;
    for (unsigned order = 0; order < 3; order++) {
        struct heap heap = { 0 };
        uint64_t luck = 1, before_ns = 0;
        clock_t start = clock();

        for (unsigned i = 0; i < count; i++)
            heap_push(&heap, &entries[i],
                      order == 0   ? i
                      : order == 1 ? count - i
                                   : next_random(&luck));
        while (heap_first(&heap)) {
            assert_true(heap_first(&heap)->at_ns >= before_ns);
            before_ns = heap_first(&heap)->at_ns;
            heap_remove(&heap, heap_first(&heap));
        }
        assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
    }
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_empty_when_zeroed),
        cmocka_unit_test(entries_of_one_time_keep_their_order),
        cmocka_unit_test(the_first_is_always_the_earliest),
        cmocka_unit_test(no_order_of_arrival_is_slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
