/*
 * session_user.c - what a session takes of its user's share.
 *
 * A user who may not use the daemon, or has too many sessions, is not hung up on: its first message
 * is answered with the reason, and then it goes. So many of those may wait at once, so long as half
 * a frame may; the rest is closed unheard.
 *
 * What is over a limit is refused item by item, each with the name of the limit; what was admitted
 * goes on.
 */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SESSION_GROUPS_MAX 65536u /* NGROUPS_MAX */
#define SESSION_TURNED_AWAY_MAX 16u

static bool is_operator(const struct session *s)
{
    return s->peer.uid == 0 || s->peer.uid == geteuid();
}

/* Whether AllowUsers= and AllowGroups= let the peer in; the groups are asked for only if they
 * matter. */
static bool session_is_allowed(const struct session *s)
{
    const struct config *config = s->front->config;
    bool is_allowed = is_operator(s) || config_allows_user(config, s->peer.uid, &s->peer.gid, 1);
    gid_t *gids = NULL;
    int count;

    if (!is_allowed && config->allowed_groups.count > 0)
        gids = malloc(SESSION_GROUPS_MAX * sizeof(*gids));
    if (!gids)
        return is_allowed;
    count = ring_peer_groups(s->front->ring, s->fd, gids, SESSION_GROUPS_MAX);
    if (count > 0)
        is_allowed = config_allows_user(config, s->peer.uid, gids, (size_t)count);
    free(gids);
    return is_allowed;
}

int session_meet_user(struct session *s)
{
    const struct user_limits *limits = &s->front->config->user_limits;

    s->user = users_enter(&s->sessions->users, s->peer.uid);
    if (!s->user)
        return -ENOMEM;
    if (!session_is_allowed(s))
        s->unwelcome = "this user may not use the daemon (AllowUsers=, AllowGroups=)";
    else if (limits->max[USER_SESSIONS] &&
             s->user->held[USER_SESSIONS] - s->user->turned_away > limits->max[USER_SESSIONS])
        s->unwelcome = "this user has as many sessions as it may (MaxSessionsPerUser=); close one";
    if (!s->unwelcome)
        return 0;
    if (s->user->turned_away >= SESSION_TURNED_AWAY_MAX) {
        users_leave(&s->sessions->users, s->user);
        return -EDQUOT;
    }
    s->user->turned_away++;
    return 0;
}

void session_leave_user(struct session *s)
{
    user_give_back(s->user, USER_BYTES, s->bytes_counted);
    if (s->unwelcome)
        s->user->turned_away--;
    users_leave(&s->sessions->users, s->user);
}

void session_turn_away(struct session *s)
{
    size_t bytes = 0;
    char *reply = varlink_format_error(VARLINK_ACCESS_DENIED, s->unwelcome, &bytes);
    char *out = reply ? outbox_reserve(&s->outbox, bytes) : NULL;

    if (out)
        memcpy(out, reply, bytes);
    free(reply);
    session_log_end(s, "turned away", s->unwelcome);
    session_enter(s, SESSION_REFUSED);
    session_wake(s);
}

bool session_may_keep_fd(const struct session *s)
{
    uint64_t max = s->front->config->user_limits.max[USER_DESCRIPTORS];

    return s->fds_count < WIRE_FDS_PER_SESSION &&
           (max == 0 || s->user->held[USER_DESCRIPTORS] + s->user->unclaimed_fds <
                            max + SESSION_FDS_PER_MESSAGE);
}

void session_count_batch(struct session *s, struct batch *batch)
{
    batch->is_counted = user_has_room(s->user, &s->front->config->user_limits, USER_BATCHES, 1);
    if (batch->is_counted)
        user_take(s->user, USER_BATCHES, 1);
}

void session_discount_batch(struct session *s, struct batch *batch)
{
    if (batch->is_counted)
        user_give_back(s->user, USER_BATCHES, 1);
    batch->is_counted = false;
}

/* NULL, or why it is over its user's limits: then it is not counted. */
static const char *session_count_item(struct session *s, struct item *item, unsigned fds_count)
{
    const struct user_limits *limits = &s->front->config->user_limits;
    size_t bytes = item_request_bytes(item);

    if (!item->batch->is_counted)
        return "this user has as many batches as it may (MaxBatchesPerUser=)";
    if (!user_has_room(s->user, limits, USER_ITEMS, 1))
        return "this user has as many items in flight as it may (MaxItemsPerUser=)";
    if (!user_has_room(s->user, limits, USER_BYTES, bytes))
        return "this user has as many bytes in the daemon as it may (MaxBytesPerUser=)";
    if (fds_count > 0 && !user_has_room(s->user, limits, USER_DESCRIPTORS, fds_count))
        return "this user has passed as many descriptors as it may (MaxDescriptorsPerUser=)";
    user_take(s->user, USER_ITEMS, 1);
    user_take(s->user, USER_BYTES, bytes);
    user_take(s->user, USER_DESCRIPTORS, fds_count);
    item->is_counted = true;
    item->fds_count = (uint8_t)fds_count;
    return NULL;
}

void session_judge_item(struct session *s, struct item *item, unsigned fds_count)
{
    const char *over = session_count_item(s, item, fds_count);

    if (s->draining)
        item_refuse_admission(item, FAULT_ADMISSION_DRAINING, NULL);
    else if (over)
        item_refuse_admission(item, FAULT_ADMISSION_QUOTA, over);
}

void session_discount_item(struct session *s, struct item *item)
{
    if (!item->is_counted)
        return;
    user_give_back(s->user, USER_ITEMS, 1);
    user_give_back(s->user, USER_BYTES, item_request_bytes(item));
    user_give_back(s->user, USER_DESCRIPTORS, item->fds_count);
    item->is_counted = false;
}

void session_count_bytes(struct session *s)
{
    size_t bytes = s->outbox.bytes_queued + s->bodies_bytes + s->profiles_bytes +
                   (s->call ? s->call->body_bytes : 0);

    user_give_back(s->user, USER_BYTES, s->bytes_counted);
    user_take(s->user, USER_BYTES, bytes);
    s->bytes_counted = bytes;
}
