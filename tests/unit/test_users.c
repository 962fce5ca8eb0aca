/*
 * What a user holds is counted over all of its sessions, and ends with the last of them.
 */
#include "users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void sessions_of_a_user_share_its_count(void **state)
{
    const struct user_limits limits = { .max[USER_ITEMS] = 10 };
    struct users users;
    struct user *first, *second, *other;

    (void)state;
    users_init(&users);
    first = users_enter(&users, 1000);
    second = users_enter(&users, 1000);
    other = users_enter(&users, 1001);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, other);
    user_take(first, USER_ITEMS, 10);
    assert_false(user_has_room(second, &limits, USER_ITEMS, 1));
    assert_true(user_has_room(other, &limits, USER_ITEMS, 1));
    user_give_back(first, USER_ITEMS, 10);
    users_leave(&users, first);
    assert_int_equal(second->held[USER_SESSIONS], 1);
    users_leave(&users, second);
    users_leave(&users, other);
    users_deinit(&users);
}

static void who_comes_again_holds_nothing(void **state)
{
    struct users users;
    struct user *user;

    (void)state;
    users_init(&users);
    user = users_enter(&users, 1000);
    user_take(user, USER_BYTES, 4096);
    user_give_back(user, USER_BYTES, 4096);
    users_leave(&users, user);
    user = users_enter(&users, 1000);
    assert_int_equal(user->held[USER_BYTES], 0);
    assert_int_equal(user->held[USER_SESSIONS], 1);
    users_leave(&users, user);
    users_deinit(&users);
}

static void a_limit_is_met_exactly(void **state)
{
    const struct user_limits limits = { .max = { [USER_BYTES] = 100, [USER_BATCHES] = 1 } };
    struct user user = { .held[USER_BYTES] = 60 };

    (void)state;
    assert_true(user_has_room(&user, &limits, USER_BYTES, 40));
    assert_false(user_has_room(&user, &limits, USER_BYTES, 41));
    assert_false(user_has_room(&user, &limits, USER_BYTES, UINT64_MAX)); /* no sum that overflows */
    assert_true(user_has_room(&user, &limits, USER_BATCHES, 1));
    assert_true(user_has_room(&user, &limits, USER_ITEMS, UINT64_MAX)); /* 0 is none */
}

/* A limit was lowered, or an answer had to be kept. */
static void who_is_over_a_limit_has_no_room_at_all(void **state)
{
    const struct user_limits limits = { .max[USER_BYTES] = 100 };
    struct user user = { .held[USER_BYTES] = 150 };

    (void)state;
    assert_false(user_has_room(&user, &limits, USER_BYTES, 0));
    assert_false(user_has_room(&user, &limits, USER_BYTES, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_of_a_user_share_its_count),
        cmocka_unit_test(who_comes_again_holds_nothing),
        cmocka_unit_test(a_limit_is_met_exactly),
        cmocka_unit_test(who_is_over_a_limit_has_no_room_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
