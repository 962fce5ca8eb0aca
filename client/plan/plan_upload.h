/*
 * plan_upload.h - -T: files that are put to URLs.
 */
#ifndef HAUL_PLAN_UPLOAD_H
#define HAUL_PLAN_UPLOAD_H

#include "plan.h"

struct plan_upload {
    const char *path; /* points into argv; "" = none: this URL is fetched */
    struct text body; /* unless it is large */
    struct large_body large;
};

/* "-", and "." as curl has it. */
bool plan_upload_is_stdin(const char *path);

/* Reads or opens the files. Body, query and method of the other flags are known already. False:
 * *ret_why is one line for the user, malloc'd. */
bool plan_read_uploads(struct plan *plan, const struct options *options, char **ret_why);
void plan_free_uploads(struct plan *plan);

/* The file of an item without a body of its own: with get that of the n-th URL, with batch the one
 * of all; NULL = none. */
const struct plan_upload *plan_find_upload(const struct plan *plan, size_t word_index);

/* Appends url, and where its path names no file, the name of ours, as curl does. Standard input has
 * no name. */
void plan_put_upload_url(struct text *out, struct span url, const struct plan_upload *upload);

#endif
