/*
 * confine_internal.h - what the files of confine share.
 *
 * confine.c takes the steps, confine_paths.c says which files are needed, confine_landlock.c and
 * confine_seccomp.c speak to the kernel. Nobody else includes this.
 */
#ifndef HAULD_CONFINE_INTERNAL_H
#define HAULD_CONFINE_INTERNAL_H

#include "confine.h"

enum confine_use {
    CONFINE_READ,   /* read, and list if it is a folder */
    CONFINE_REMOVE, /* take files out of this folder */
    CONFINE_WRITE,  /* all but run programs */
};

/* Landlock's rules, while they are made. */
struct confine_rules {
    int fd; /* -1: none */
    unsigned abi;
};

/* 0, or -errno when there is no Landlock. */
int confine_rules_open(struct confine_rules *rules, bool may_reach_abstract_sockets);
/* A path and what is below it. One that is not there, or cannot be looked up, gets no rule. */
void confine_rules_add(struct confine_rules *rules, const char *path, enum confine_use use);
/* Binds this thread and those it starts. The rules are closed either way. */
int confine_rules_apply(struct confine_rules *rules);

void confine_paths_add(struct confine_rules *rules, const struct confine_options *options);

/* The filter of confine_calls: 0 or -errno. */
int confine_seccomp_apply(bool is_sanitized);

#endif
