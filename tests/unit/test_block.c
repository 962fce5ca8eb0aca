/*
 * Blocks: room, copies, lists.
 */
#include "block.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_new_block_is_empty_and_has_its_room(void **state)
{
    struct block *block = block_new(10);

    (void)state;
    assert_int_equal(block->bytes, 0);
    assert_int_equal(block_room(block), 10);
    assert_null(block->ctx);
    assert_false(block->is_frame);
    block_append(block, SPAN_LITERAL("hello"));
    block_append(block, SPAN_LITERAL("world"));
    assert_true(span_equals(block_span(block), SPAN_LITERAL("helloworld")));
    assert_int_equal(block_room(block), 0);
    block_free(block);
    block_free(NULL);
}

static void a_copy_is_its_own_and_has_spare_room(void **state)
{
    char text[] = "text";
    struct block *block = block_copy(span_of(text, 4), 8);

    (void)state;
    text[0] = 'n';
    assert_true(span_equals(block_span(block), SPAN_LITERAL("text")));
    assert_int_equal(block_room(block), 8);
    memset(block->data + block->bytes, 0, 8); /* as the padding of a frame */
    block_free(block);
}

static void an_empty_copy_is_a_block_too(void **state)
{
    struct block *block = block_copy((struct span){ 0 }, 0);

    (void)state;
    assert_non_null(block);
    assert_int_equal(block->bytes + block_room(block), 0);
    block_free(block);
}

static void a_list_of_blocks_is_freed_whole(void **state)
{
    struct list blocks = LIST_INIT(blocks);

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        list_link_back(&blocks, &block_new(i)->link);
    block_free_all(&blocks);
    assert_true(list_is_empty(&blocks));
    block_free_all(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_block_is_empty_and_has_its_room),
        cmocka_unit_test(a_copy_is_its_own_and_has_spare_room),
        cmocka_unit_test(an_empty_copy_is_a_block_too),
        cmocka_unit_test(a_list_of_blocks_is_freed_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
