/*
 * resume.h - what a response means for a file that has the first part already.
 *
 * Pure. The request had "Range: bytes=OFFSET-"; a server may send that part, everything, or
 * neither.
 */
#ifndef HAUL_RESUME_H
#define HAUL_RESUME_H

#include "span.h"

enum resume_verdict {
    RESUME_APPEND,     /* 206 with the part from offset on */
    RESUME_REPLACE,    /* everything, from the first byte on */
    RESUME_COMPLETE,   /* nothing is missing, or nothing has changed: the file stays */
    RESUME_OTHER_PART, /* 206 with another part, or none that can be told */
    RESUME_OTHER_SIZE, /* 416, and the resource has not the size of our file */
    RESUME_REFUSED,    /* any other status: its body is no part of the file */
};

/* content_range: the field's value, empty when there is none. offset is not 0. */
enum resume_verdict resume_judge(unsigned status, struct span content_range, uint64_t offset);

/* Reads the argument of -C, but for "-". */
bool resume_parse_offset(struct span text, uint64_t *ret_offset);

#endif
