/*
 * confine.c - the steps, in the order in which they bind.
 *
 *   no new privileges, Landlock --> (ring, restricted) --> capabilities, seccomp --> strangers
 *
 * What binds what: seccomp sees system calls, and of a ring only that it is entered; so the ring
 * has its own restrictions (ring_restrict.c), without an operation that opens, and files are opened
 * by plain calls, which Landlock judges by path and seccomp by number.
 *
 * Capabilities: a service for others needs none, started by root or not; what it opens as root it
 * has opened before. The ring is among that: with kernel.io_uring_disabled=1 it is for those who
 * have CAP_SYS_ADMIN, or a group. A private daemon of root's keeps the one that makes root root
 * among files, CAP_DAC_OVERRIDE: its user may connect to any Unix socket by any other program as
 * well.
 */
#include "confine_internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int give_up_capabilities(bool is_private)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3], next[_LINUX_CAPABILITY_U32S_3];
    unsigned kept = is_private ? CAP_TO_MASK(CAP_DAC_OVERRIDE) : 0;

    if (syscall(SYS_capget, &header, now) < 0)
        return -errno;
    memset(next, 0, sizeof(next));
    next[0].permitted = now[0].permitted & kept;
    next[0].effective = now[0].effective & kept;
    if (memcmp(now, next, sizeof(now)) == 0)
        return 0; /* there are no others; a sandbox need not be asked */
    return syscall(SYS_capset, &header, next) < 0 ? -errno : 0;
}

/* One more thing that cannot be had; the first one's r is the step's. */
static void lack(struct confinement *confinement, int *first, int r, const char *what)
{
    size_t used = strlen(confinement->lacks);

    (void)snprintf(confinement->lacks + used, sizeof(confinement->lacks) - used, "%s%s: %s",
                   used ? "; " : "", what, strerror(-r));
    if (*first == 0)
        *first = r;
}

int confine_files(const struct confine_options *options, struct confinement *confinement)
{
    struct confine_rules rules;
    int first = 0, r;

    *confinement = (struct confinement){ 0 };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        lack(confinement, &first, -errno, "new privileges cannot be ruled out");
    r = confine_rules_open(&rules, options->is_notifying);
    if (r == 0) {
        confine_paths_add(&rules, options);
        r = confine_rules_apply(&rules);
    }
    if (r == 0)
        confinement->landlock_abi = rules.abi;
    else
        lack(confinement, &first, r, "there is no Landlock here, so files are not confined");
    return first;
}

int confine_calls(const struct confine_options *options, struct confinement *confinement)
{
    int first = 0, r;

    confinement->lacks[0] = '\0';
    r = give_up_capabilities(options->is_private);
    if (r < 0)
        lack(confinement, &first, r, "capabilities cannot be given up");
    r = confine_seccomp_apply(options->is_sanitized);
    if (r == 0)
        confinement->has_seccomp = true;
    else
        lack(confinement, &first, r, "there is no seccomp here, so system calls are not confined");
    return first;
}
