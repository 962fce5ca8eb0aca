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

/* Looks at fd, which is to be closed in the end if is_ours. 0, or -EISDIR and the like: then it is
 * the caller's still. */
int large_body_of(int fd, bool is_ours, struct large_body *ret_body);

/* Moves what is in text to memory with a descriptor. 0 or -errno. */
int large_body_take_text(struct text *text, struct large_body *ret_body);

void large_body_close(struct large_body *body);

#endif
