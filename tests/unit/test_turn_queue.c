/*
 * Clients take turns, whatever each of them has queued and whoever gives up.
 */
#include "turn_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ENTRIES 26

struct thing {
    struct turn_entry entry;
    char name[3]; /* "a1": the first of client a */
};

static struct turn_queue queue;
static struct thing things[ENTRIES];
static unsigned things_count;

static void client_queues(const char *name)
{
    struct thing *thing = &things[things_count++];

    strcpy(thing->name, name);
    turn_queue_push(&queue, &thing->entry, (uint64_t)name[0]);
    turn_queue_check(&queue);
}

static void client_gives_up(const char *name)
{
    for (unsigned i = 0; i < things_count; i++)
        if (strcmp(things[i].name, name) == 0)
            turn_queue_remove(&things[i].entry);
    turn_queue_check(&queue);
}

static void out_come(const char *names)
{
    char seen[128] = "";
    struct turn_entry *entry;

    while ((entry = turn_queue_first(&queue))) {
        assert_ptr_equal(turn_queue_pop(&queue), entry);
        turn_queue_check(&queue);
        assert_false(entry->is_queued);
        strcat(strcat(seen, *seen ? " " : ""), container_of(entry, struct thing, entry)->name);
    }
    assert_string_equal(seen, names);
}

static int begin(void **state)
{
    (void)state;
    turn_queue_init(&queue);
    memset(things, 0, sizeof(things));
    things_count = 0;
    return 0;
}

static void is_empty_at_first(void **state)
{
    (void)state;
    assert_null(turn_queue_first(&queue));
    assert_null(turn_queue_pop(&queue));
}

static void one_client_is_served_in_order(void **state)
{
    (void)state;
    client_queues("a1");
    client_queues("a2");
    client_queues("a3");
    out_come("a1 a2 a3");
}

static void clients_take_turns(void **state)
{
    (void)state;
    client_queues("a1");
    client_queues("a2");
    client_queues("a3");
    client_queues("b1");
    client_queues("b2");
    client_queues("c1");
    out_come("a1 b1 c1 a2 b2 a3");
}

static void who_comes_again_waits_for_the_others(void **state)
{
    (void)state;
    client_queues("a1");
    client_queues("b1");
    client_queues("b2");
    assert_string_equal(container_of(turn_queue_pop(&queue), struct thing, entry)->name, "a1");
    client_queues("a2");
    client_queues("c1");
    out_come("b1 a2 c1 b2");
}

static void a_turn_is_kept_when_its_first_gives_up(void **state)
{
    (void)state;
    client_queues("a1");
    client_queues("a2");
    client_queues("a3");
    client_queues("b1");
    client_gives_up("a1");
    out_come("a2 b1 a3");
}

static void one_in_the_middle_gives_up(void **state)
{
    (void)state;
    client_queues("a1");
    client_queues("b1");
    client_queues("b2");
    client_queues("b3");
    client_gives_up("b2");
    out_come("a1 b1 b3");
}

static void a_client_that_gives_up_all_has_no_turn(void **state)
{
    (void)state;
    client_queues("a1");
    client_queues("b1");
    client_queues("a2");
    client_gives_up("a2");
    client_gives_up("a1");
    out_come("b1");
}

static void an_entry_may_be_queued_again(void **state)
{
    (void)state;
    client_queues("a1");
    client_queues("a2");
    client_gives_up("a1");
    turn_queue_push(&queue, &things[0].entry, 'a');
    out_come("a2 a1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(is_empty_at_first, begin),
        cmocka_unit_test_setup(one_client_is_served_in_order, begin),
        cmocka_unit_test_setup(clients_take_turns, begin),
        cmocka_unit_test_setup(who_comes_again_waits_for_the_others, begin),
        cmocka_unit_test_setup(a_turn_is_kept_when_its_first_gives_up, begin),
        cmocka_unit_test_setup(one_in_the_middle_gives_up, begin),
        cmocka_unit_test_setup(a_client_that_gives_up_all_has_no_turn, begin),
        cmocka_unit_test_setup(an_entry_may_be_queued_again, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
