/*
 * confine_landlock.c - the system calls of Landlock, by hand.
 *
 * Everything that the kernel's version can refuse is refused, but for what a rule allows. Versions
 * are asked for, and what a version does not know is left out. The numbers are the kernel's ABI and
 * stand here because its header is often older than it is.
 *
 * A rule is tied to a file or folder, not to its name. A file that is replaced by a rename, as
 * editors and resolvers' daemons do, leaves its rule: so what may be read anew is allowed by its
 * folder.
 *
 * Descriptors that clients pass carry the rights they were opened with: Landlock judges opening.
 * Connecting to a Unix socket by its path is not asked for, though a kernel may be able to refuse
 * it: any may be an upstream.
 */
#include "confine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1
#define RULE_NET_PORT 2

#define FS_EXECUTE (1u << 0)
#define FS_WRITE_FILE (1u << 1)
#define FS_READ_FILE (1u << 2)
#define FS_READ_DIR (1u << 3)
#define FS_REMOVE_FILE (1u << 5)
#define FS_ALL_1 0x1fffu /* those, and the others of version 1: making and removing */
#define FS_REFER_2 (1u << 13)
#define FS_TRUNCATE_3 (1u << 14)
#define FS_IOCTL_DEV_5 (1u << 15)
#define FS_OF_A_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE_3 | FS_IOCTL_DEV_5)
#define NET_BIND_TCP_4 1u
#define SCOPE_ABSTRACT_SOCKETS_6 1u
#define SCOPE_SIGNALS_6 2u

struct ruleset_attributes {
    uint64_t fs;
    uint64_t net;
    uint64_t scoped;
};

struct path_rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

struct port_rule {
    uint64_t allowed;
    uint64_t port;
};

static uint64_t all_of_files(unsigned abi)
{
    return FS_ALL_1 | (abi >= 2 ? FS_REFER_2 : 0) | (abi >= 3 ? FS_TRUNCATE_3 : 0) |
           (abi >= 5 ? FS_IOCTL_DEV_5 : 0);
}

int confine_rules_open(struct confine_rules *rules, bool may_reach_abstract_sockets)
{
    /* Port 0 is "any that is free", which a source address is bound with. */
    const struct port_rule any_port = { .allowed = NET_BIND_TCP_4 };
    struct ruleset_attributes all = { 0 };
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

    *rules = (struct confine_rules){ .fd = -1 };
    if (abi < 0)
        return -errno;
    rules->abi = (unsigned)abi;
    all.fs = all_of_files(rules->abi);
    if (rules->abi >= 4)
        all.net = NET_BIND_TCP_4;
    if (rules->abi >= 6)
        all.scoped = SCOPE_SIGNALS_6 | (may_reach_abstract_sockets ? 0 : SCOPE_ABSTRACT_SOCKETS_6);
    /* Zeros at the end are fine for a version that does not know them. */
    rules->fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
    if (rules->fd < 0)
        return -errno;
    if (all.net && syscall(SYS_landlock_add_rule, rules->fd, RULE_NET_PORT, &any_port, 0) < 0) {
        int r = -errno;

        (void)close(rules->fd); /* nothing was in it */
        rules->fd = -1;
        return r;
    }
    return 0;
}

void confine_rules_add(struct confine_rules *rules, const char *path, enum confine_use use)
{
    const uint64_t uses[] = {
        [CONFINE_READ] = FS_READ_FILE | FS_READ_DIR,
        [CONFINE_REMOVE] = FS_REMOVE_FILE,
        [CONFINE_WRITE] = all_of_files(rules->abi) & ~(uint64_t)FS_EXECUTE,
    };
    struct path_rule rule = { .allowed = uses[use], .fd = open(path, O_PATH | O_CLOEXEC) };
    struct stat status;

    if (rule.fd < 0)
        return;
    if (fstat(rule.fd, &status) == 0 && !S_ISDIR(status.st_mode))
        rule.allowed &= FS_OF_A_FILE;
    /* Fails for what is no file at all (a pipe's path in /proc): it stays forbidden. */
    (void)syscall(SYS_landlock_add_rule, rules->fd, RULE_PATH_BENEATH, &rule, 0);
    (void)close(rule.fd); /* only looked up */
}

int confine_rules_apply(struct confine_rules *rules)
{
    int r = syscall(SYS_landlock_restrict_self, rules->fd, 0) < 0 ? -errno : 0;

    (void)close(rules->fd); /* the kernel has its copy */
    rules->fd = -1;
    return r;
}
