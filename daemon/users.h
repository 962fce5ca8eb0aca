/*
 * users.h - what each local user holds of the daemon.
 *
 * Pure. A user is known from its first session to the end of its last one.
 */
#ifndef HAULD_USERS_H
#define HAULD_USERS_H

#include "table.h"

/* What is counted. */
enum user_good {
    USER_SESSIONS,
    USER_BATCHES,     /* begun, not done */
    USER_ITEMS,       /* accepted, without a RESULT */
    USER_BYTES,       /* of their requests, and of answers that wait to be read */
    USER_DESCRIPTORS, /* passed with requests, until their items end */
    USER_GOODS
};

/* What one user may hold; 0 = as much as there is. */
struct user_limits {
    uint64_t max[USER_GOODS];
};

struct user {
    uint32_t uid;
    uint64_t held[USER_GOODS];
    unsigned turned_away;   /* of its sessions: those that only hear why */
    unsigned unclaimed_fds; /* descriptors that came, and no request has claimed yet */
};

struct users {
    struct table by_uid;
};

void users_init(struct users *users);
void users_deinit(struct users *users); /* no session left */

/* A session more of this user, whatever it may hold: user_has_room tells. NULL: out of memory.
 * users_leave gives it back, and may end the user. */
struct user *users_enter(struct users *users, uint32_t uid);
void users_leave(struct users *users, struct user *user);

/* Whether so much more is within the limit. */
bool user_has_room(const struct user *user, const struct user_limits *limits, enum user_good good,
                   uint64_t amount);

void user_take(struct user *user, enum user_good good, uint64_t amount);
void user_give_back(struct user *user, enum user_good good, uint64_t amount);

#endif
