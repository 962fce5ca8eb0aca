/*
 * confine.h - gives up what hauld never needs, for good.
 *
 * In two steps, before the first byte of a stranger is read: confine_files when what must be open
 * is open and no thread has been started, confine_calls when the ring is there as well. Threads
 * that are started later are as confined as the one that starts them.
 *
 * Neither step can be taken back. Where the kernel has no such thing, or a sandbox around us
 * forbids it, the step says so and the rest holds.
 */
#ifndef HAULD_CONFINE_H
#define HAULD_CONFINE_H

#include "config.h"

/* What this build is, for the options. */
#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_SANITIZED true
#elif defined(__has_feature)
#define CONFINE_SANITIZED __has_feature(address_sanitizer)
#else
#define CONFINE_SANITIZED false
#endif
#ifdef HAUL_WITH_COVERAGE
#define CONFINE_WRITE_PATH "/" /* counts are written at the end, beside the objects */
#else
#define CONFINE_WRITE_PATH NULL
#endif

struct confine_options {
    const struct config *config;
    const char *config_path; /* --config; NULL: the folders of config_files.h */
    const char *listen_path; /* of a socket that is removed at the end; NULL: none */
    const char *write_path;  /* anything may be done below it; NULL: there is none */
    bool is_private;         /* acts for the client that started it, reads its settings once */
    bool is_notifying;       /* talks to an abstract socket, which may be anybody's */
    bool is_sanitized;       /* a leak checker traces it at its end, and reads its own binary */
};

/* What binds. */
struct confinement {
    unsigned landlock_abi; /* 0: Landlock does not */
    bool has_seccomp;
    char lacks[300]; /* what the last step could not do: one line without a full stop, or empty */
};

/* No new privileges. Files: reads those of the system (configuration, libraries, trust) and of the
 * options, writes below $STATE_DIRECTORY, and opens no other; binds no TCP port of its choice and
 * signals nobody, where the kernel can say so. 0, or -errno with lacks filled. */
int confine_files(const struct confine_options *options, struct confinement *confinement);

/* This thread has no capability any more, but for a private daemon CAP_DAC_OVERRIDE if it had that:
 * it may connect to what its user may. Of system calls, those that run programs, make processes or
 * rings, look into others, change the system, an identity, or what a file is marked with, end with
 * EPERM from now on, in all threads. 0, or -errno with lacks filled. */
int confine_calls(const struct confine_options *options, struct confinement *confinement);

#endif
