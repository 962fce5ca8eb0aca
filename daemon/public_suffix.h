/*
 * public_suffix.h - under which names anyone can register one: com, co.uk, github.io.
 *
 * A cookie for such a name would go to strangers. The list is libpsl's: the system's newest, read
 * from a file when it is first asked.
 */
#ifndef HAULD_PUBLIC_SUFFIX_H
#define HAULD_PUBLIC_SUFFIX_H

#include <stdbool.h>

/* Starts as zero. */
struct public_suffixes {
    void *list; /* psl_ctx_t; owned */
    bool is_loaded;
};

void public_suffixes_deinit(struct public_suffixes *suffixes);

/* name in lower case. Names that the list does not know have their last label as suffix. Without a
 * list every name is one. */
bool public_suffixes_have(struct public_suffixes *suffixes, const char *name);

#endif
