/*
 * resolve_hosts.h - the hosts file, read again when it has changed.
 *
 * The resolver's own. Names are compared without regard to case. Lines that make no sense are
 * passed over, as every other reader of the file does; so is what lies beyond the bounds.
 */
#ifndef HAULD_RESOLVE_HOSTS_H
#define HAULD_RESOLVE_HOSTS_H

#include "resolve.h"

#include <sys/types.h>
#include <time.h>

#define RESOLVE_HOSTS_BYTES_MAX (1u << 20)
#define RESOLVE_HOSTS_NAMES_MAX 100000u

struct resolve_hosts_entry {
    const char *name; /* in text, lower case */
    uint8_t name_bytes;
    uint32_t order; /* of the file */
    struct resolve_address address;
};

struct resolve_hosts {
    char *path;                          /* owned */
    char *text;                          /* owned; what the entries point into */
    struct resolve_hosts_entry *entries; /* by name, then by order */
    size_t entries_count;
    uint64_t checked_ns; /* when the file was looked at last; 0 = never */
    dev_t device;
    ino_t inode;
    off_t bytes;
    struct timespec modified;
};

/* 0 or -ENOMEM. */
int resolve_hosts_init(struct resolve_hosts *hosts, const char *path);
void resolve_hosts_deinit(struct resolve_hosts *hosts);

/* Addresses of name, in the file's order, at most RESOLVE_ADDRESSES_MAX; 0 when it is not there.
 * Looks at the file at most once a second; a file that cannot be read is an empty one. */
unsigned resolve_hosts_lookup(struct resolve_hosts *hosts, struct span name,
                              enum resolve_family family, uint64_t now_ns,
                              struct resolve_address *ret_addresses);

/* Takes the entries from text in the place of a file's; 0 or -ENOMEM. For lookup and tests. */
int resolve_hosts_parse(struct resolve_hosts *hosts, struct span text);

#endif
