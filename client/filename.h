/*
 * filename.h - a safe file name for a URL, never used twice in one run.
 *
 * The name is the last part of the URL's path, percent-decoded; "index.html" when there is none.
 * Slashes, backslashes and control bytes become '_', and so does a leading dot: a name never leaves
 * its directory and is never hidden. At most 180 bytes. When the name was given before in this run,
 * the item's number is appended ("a.7"). The names given are remembered as hashes, a million of
 * them; after that every name carries its number, so memory stays flat.
 */
#ifndef HAUL_FILENAME_H
#define HAUL_FILENAME_H

#include "text.h"

#define FILENAME_BYTES_MAX 180u
#define FILENAME_REMEMBERED_MAX (1u << 20)

struct filename_set {
    uint64_t *hashes; /* open addressing; 0 = free */
    size_t capacity;
    size_t count;
};

void filename_set_init(struct filename_set *set);
void filename_set_deinit(struct filename_set *set);

/* Appends the name for a URL's path (as struct url has it). */
void filename_of_path(struct text *out, struct span path);

/* Appends bytes as a piece of a name: slashes, backslashes and control bytes become '_', and a dot
 * that would be the first of its part. A part begins where out is empty or ends in '/'. */
void filename_put_value(struct text *out, struct span bytes);

/* Likewise of percent-encoded bytes. */
void filename_put_encoded(struct text *out, struct span bytes);

/* Appends one part of a path that was made of such pieces and of the user's own text: cut to
 * FILENAME_BYTES_MAX, and not "." or "..". */
void filename_put_part(struct text *out, struct span part);

/* out holds a name and nothing else: appends number when it was taken, and takes it. 0 or -ENOMEM.
 */
int filename_claim(struct filename_set *set, struct text *out, uint64_t number);

/* True when no part of the path is "..", and it is not absolute. */
bool filename_stays_inside(struct span path);

#endif
