/*
 * public_suffix.h - under which names anyone can register one: com, co.uk, github.io.
 *
 * A cookie for such a name would go to strangers. The list is libpsl's: the system's newest.
 */
#ifndef HAULD_PUBLIC_SUFFIX_H
#define HAULD_PUBLIC_SUFFIX_H

#include <stdbool.h>

#define PUBLIC_SUFFIX_LIBRARY "libpsl.so.5"

/* Starts as zero: without a list. */
struct public_suffixes {
    struct psl_ctx_st *list; /* owned */
    void (*release)(struct psl_ctx_st *list);
    int (*is_suffix)(const struct psl_ctx_st *list, const char *name, int type);
};

/* Once. Loads the library, and from a file the list. False: there is no list on this machine. */
bool public_suffixes_load(struct public_suffixes *suffixes);
void public_suffixes_deinit(struct public_suffixes *suffixes);

/* name in lower case. Names that the list does not know have their last label as suffix. Without a
 * list every name is one: cookies then are for single hosts only. */
bool public_suffixes_have(const struct public_suffixes *suffixes, const char *name);

#endif
