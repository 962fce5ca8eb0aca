/*
 * template.h - file names made of placeholders: --output-template '{host}/{path}'.
 *
 * Pure. A name is relative, its parts are never empty, "." or ".." and have at most
 * FILENAME_BYTES_MAX bytes: what a URL or an "id" says cannot lead out of the directory. Only
 * {path} makes directories; in all other values a slash becomes '_', as filename.h has it.
 */
#ifndef HAUL_TEMPLATE_H
#define HAUL_TEMPLATE_H

#include "text.h"

struct url;

struct template_values {
    const struct url *url;
    struct span id; /* empty: the number stands for it */
    uint64_t number;
};

/* False: *ret_why says what is wrong with it, malloc'd. */
bool template_check(const char *template, char **ret_why);

/* Appends the name; template_check was content. */
void template_expand(struct text *out, const char *template, const struct template_values *values);

#endif
