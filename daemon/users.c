/*
 * users.c - a count of everything, per user.
 *
 * Taking and asking are two calls: what is over a limit may have to be counted all the same, as an
 * answer that is there already is.
 */
#include "users.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void users_init(struct users *users)
{
    table_init(&users->by_uid);
}

void users_deinit(struct users *users)
{
    assert(users->by_uid.count == 0);
    table_deinit(&users->by_uid);
}

struct user *users_enter(struct users *users, uint32_t uid)
{
    struct user *user = table_find(&users->by_uid, uid);

    if (!user) {
        user = calloc(1, sizeof(*user));
        if (!user)
            return NULL;
        user->uid = uid;
        if (table_insert(&users->by_uid, uid, user) < 0) {
            free(user);
            return NULL;
        }
    }
    user->held[USER_SESSIONS]++;
    return user;
}

void users_leave(struct users *users, struct user *user)
{
    user_give_back(user, USER_SESSIONS, 1);
    if (user->held[USER_SESSIONS] > 0)
        return;
    for (unsigned i = 0; i < USER_GOODS; i++)
        assert(user->held[i] == 0); /* all of it is of some session */
    (void)table_remove(&users->by_uid, user->uid);
    free(user);
}

bool user_has_room(const struct user *user, const struct user_limits *limits, enum user_good good,
                   uint64_t amount)
{
    uint64_t max = limits->max[good];

    return max == 0 || (amount <= max && user->held[good] <= max - amount);
}

void user_take(struct user *user, enum user_good good, uint64_t amount)
{
    user->held[good] += amount;
}

void user_give_back(struct user *user, enum user_good good, uint64_t amount)
{
    assert(user->held[good] >= amount);
    user->held[good] -= amount;
}
