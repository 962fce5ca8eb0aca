/*
 * netrc.h - the file of logins per machine that ftp began and curl reads.
 *
 * Pure: bytes in, entries out, and the entry for a host.
 */
#ifndef HAUL_NETRC_H
#define HAUL_NETRC_H

#include "text.h"

#define NETRC_BYTES_MAX (1u << 20) /* of a file; whoever reads it must see to that */

/* Spans point into the struct netrc; data NULL = not given. */
struct netrc_entry {
    struct span machine; /* NULL: "default", which is any */
    struct span login;
    struct span password;
};

struct netrc {
    struct netrc_entry *entries; /* in the order of the file */
    size_t count;
    struct text words;
};

struct netrc_fault {
    unsigned line;
    const char *why; /* static, one clause */
};

/* Parses a whole file. Words are parted by white space, line ends included:
 *
 *   machine NAME   default   login NAME   password WORD   account WORD (read over)
 *   macdef NAME    and all lines up to an empty one are read over
 *
 * Keywords are of any case, other words mean nothing. A word that begins with '#' begins a comment
 * up to the end of its line. "..." is one word of one line, in which \n, \r and \t are those
 * characters and a backslash before any other stands for that.
 *
 * False: a quote that is not closed, or goes on behind its end; or out of memory, with line 0.
 * *netrc needs netrc_deinit in either case. */
bool netrc_parse(struct netrc *netrc, struct span data, struct netrc_fault *ret_fault);
void netrc_deinit(struct netrc *netrc);

/* The first entry for the host (any case) and, when user.data is not NULL, with that login or none;
 * NULL = none. */
const struct netrc_entry *netrc_find(const struct netrc *netrc, struct span host, struct span user);

#endif
