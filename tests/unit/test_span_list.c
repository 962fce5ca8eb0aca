/*
 * test_span_list.c - the cursor never leaves its span, and a link is in one list or in none.
 */
#include "list.h"
#include "span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void takes_from_the_front_until_empty(void **state)
{
    struct span span = SPAN_LITERAL("abcdef"), taken;
    char pair[2];

    (void)state;
    assert_true(span_take(&span, 3, &taken));
    assert_true(span_equals(taken, SPAN_LITERAL("abc")));
    assert_true(span_take_copy(&span, pair, 2));
    assert_memory_equal(pair, "de", 2);
    assert_true(span_take(&span, 1, &taken));
    assert_true(span_is_empty(span));
    assert_true(span_take(&span, 0, &taken)); /* nothing is always there */
    assert_true(span_is_empty(taken));
}

static void refuses_to_take_more_than_there_is(void **state)
{
    struct span span = SPAN_LITERAL("abc"), taken = SPAN_LITERAL("old");
    uint32_t value = 4711;
    char copy[4] = "old";

    (void)state;
    assert_false(span_take(&span, 4, &taken));
    assert_false(span_take(&span, SIZE_MAX, &taken));
    assert_false(span_take_u32(&span, &value));
    assert_false(span_take_copy(&span, copy, sizeof(copy)));
    assert_true(span_equals(span, SPAN_LITERAL("abc")));
    assert_true(span_equals(taken, SPAN_LITERAL("old")));
    assert_string_equal(copy, "old");
    assert_int_equal(value, 4711);
}

static void integers_are_little_endian(void **state)
{
    struct span span = SPAN_LITERAL("\x01\x02\x03\x84x");
    uint32_t value;

    (void)state;
    assert_true(span_take_u32(&span, &value));
    assert_int_equal(value, 0x84030201u);
    assert_true(span_equals(span, SPAN_LITERAL("x")));
}

static void compares_bytes_not_strings(void **state)
{
    (void)state;
    assert_true(span_equals(span_of("a\0b", 3), span_of("a\0b", 3)));
    assert_false(span_equals(span_of("a\0b", 3), span_of("a\0c", 3)));
    assert_false(span_equals(SPAN_LITERAL("ab"), SPAN_LITERAL("a")));
    assert_false(span_equals(SPAN_LITERAL("Ab"), SPAN_LITERAL("aB")));
    assert_true(span_equals_nocase(SPAN_LITERAL("Ab-C"), SPAN_LITERAL("aB-c")));
    assert_false(span_equals_nocase(SPAN_LITERAL("ab"), SPAN_LITERAL("abc")));
    assert_true(span_equals(span_of(NULL, 0), SPAN_LITERAL("")));
    assert_true(span_equals_nocase(SPAN_LITERAL(""), span_of(NULL, 0)));
    assert_true(span_starts_with(SPAN_LITERAL("abc"), SPAN_LITERAL("ab")));
    assert_true(span_starts_with(SPAN_LITERAL("abc"), SPAN_LITERAL("")));
    assert_false(span_starts_with(SPAN_LITERAL("ab"), SPAN_LITERAL("abc")));
    assert_false(span_starts_with(SPAN_LITERAL("abc"), SPAN_LITERAL("b")));
    assert_true(span_equals(span_of_string("ab"), SPAN_LITERAL("ab")));
}

struct bead {
    int number;
    struct list link;
};

static int number_of(const struct list *link)
{
    return link ? container_of(link, struct bead, link)->number : -1;
}

static void keeps_the_order_of_linking(void **state)
{
    struct list list = LIST_INIT(list);
    struct bead beads[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };

    (void)state;
    assert_true(list_is_empty(&list));
    assert_null(list_first(&list));
    assert_null(list_last(&list));
    assert_null(list_pop(&list));
    list_link_back(&list, &beads[1].link);
    list_link_back(&list, &beads[2].link);
    list_link_front(&list, &beads[0].link);
    assert_false(list_is_empty(&list));
    assert_int_equal(number_of(list_last(&list)), 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(number_of(list_first(&list)), i);
        assert_int_equal(number_of(list_pop(&list)), i);
        assert_false(list_is_linked(&beads[i].link));
    }
    assert_true(list_is_empty(&list));
}

static void unlinking_needs_only_the_link(void **state)
{
    struct list list = LIST_INIT(list);
    struct bead beads[3] = { { .number = 0 }, { .number = 1 }, { .number = 2 } };

    (void)state;
    for (int i = 0; i < 3; i++) {
        list_init(&beads[i].link);
        assert_false(list_is_linked(&beads[i].link));
        list_link_back(&list, &beads[i].link);
        assert_true(list_is_linked(&beads[i].link));
    }
    list_unlink(&beads[1].link);
    list_unlink(&beads[1].link); /* a second time is harmless */
    assert_int_equal(number_of(list_pop(&list)), 0);
    assert_int_equal(number_of(list_first(&list)), 2);
    assert_ptr_equal(list_first(&list), list_last(&list));
    list_unlink(&beads[2].link);
    assert_true(list_is_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_from_the_front_until_empty),
        cmocka_unit_test(refuses_to_take_more_than_there_is),
        cmocka_unit_test(integers_are_little_endian),
        cmocka_unit_test(compares_bytes_not_strings),
        cmocka_unit_test(keeps_the_order_of_linking),
        cmocka_unit_test(unlinking_needs_only_the_link),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
