/*
 * config_accounts.c - getpwnam(3) and getgrnam(3) over two lists.
 *
 * A user who is not there is an error, not a warning: a list that lets in fewer than it says is
 * noticed by those who stand outside, long after it was written.
 */
#include "config_accounts.h"

#include "config_value.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#define ACCOUNT_NAME_ROOM 256

struct account_kind {
    const char *key;
    const char *noun;
    bool (*find)(const char *name, uint32_t *ret_id); /* errno tells why not; 0: there is none */
};

static bool find_user(const char *name, uint32_t *ret_id)
{
    const struct passwd *entry;

    errno = 0;
    entry = getpwnam(name);
    if (entry)
        *ret_id = entry->pw_uid;
    return entry;
}

static bool find_group(const char *name, uint32_t *ret_id)
{
    const struct group *entry;

    errno = 0;
    entry = getgrnam(name);
    if (entry)
        *ret_id = entry->gr_gid;
    return entry;
}

static const struct account_kind users = { "AllowUsers", "user", find_user };
static const struct account_kind groups = { "AllowGroups", "group", find_group };

static enum config_verdict refuse(const struct config *config, const struct account_kind *kind,
                                  const char *name, const char *why,
                                  struct config_trouble *ret_trouble)
{
    char place[CONFIG_SOURCE_ROOM + 16];

    config_tell_place(config, kind->key, place, sizeof(place));
    (void)snprintf(ret_trouble->text, sizeof(ret_trouble->text), "%s: %s=%s: %s%s%s", place,
                   kind->key, name, why, *why ? "" : "there is no such ", *why ? "" : kind->noun);
    return CONFIG_BAD;
}

static enum config_verdict find_all(const struct config *config, const struct account_kind *kind,
                                    const char *names, struct config_accounts *accounts,
                                    struct config_trouble *ret_trouble)
{
    struct span rest = span_of_string(names), word;
    char name[ACCOUNT_NAME_ROOM];
    uint32_t id;

    accounts->count = 0;
    while (config_take_until(&rest, " ", &word)) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)word.bytes, word.data);
        if (accounts->count == CONFIG_ACCOUNTS_MAX)
            return refuse(config, kind, name, "more than 256 of them", ret_trouble);
        if (!config_parse_id(word, &id) && !kind->find(name, &id))
            return refuse(config, kind, name, errno && errno != ENOENT ? strerror(errno) : "",
                          ret_trouble);
        accounts->ids[accounts->count++] = id;
    }
    return CONFIG_OK;
}

enum config_verdict config_accounts_find(struct config *config, struct config_trouble *ret_trouble)
{
    enum config_verdict verdict =
        find_all(config, &users, config->allow_users, &config->allowed_users, ret_trouble);

    if (verdict == CONFIG_OK)
        verdict =
            find_all(config, &groups, config->allow_groups, &config->allowed_groups, ret_trouble);
    return verdict;
}
