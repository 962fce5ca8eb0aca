/*
 * large_body.h - a request's body that no frame holds: the daemon reads it from a descriptor.
 */
#ifndef HAUL_LARGE_BODY_H
#define HAUL_LARGE_BODY_H

#include "text.h"

#define LARGE_BODY_UNKNOWN UINT64_MAX

struct large_body {
    bool is_there;
    bool is_ours;   /* fd is to be closed */
    int fd;         /* open for reading, at the body's beginning */
    uint64_t bytes; /* of the body; LARGE_BODY_UNKNOWN of a pipe */
};

/* What fd is now; it stays the caller's unless is_ours. */
struct large_body large_body_of(int fd, bool is_ours);

/* 0, or -EISDIR. */
int large_body_check(const struct large_body *body);

/* Moves what is in text to memory with a descriptor. 0 or -errno. */
int large_body_take_text(struct text *text, struct large_body *ret_body);

void large_body_close(struct large_body *body);

#endif
