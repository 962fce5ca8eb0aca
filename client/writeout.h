/*
 * writeout.h - a text of the user's own after each item: curl's --write-out.
 *
 * Pure: a template is parsed once and then written for every outcome. What curl 7.88 does is the
 * measure, odd templates included; where this differs docs/haul.1 says so.
 */
#ifndef HAUL_WRITEOUT_H
#define HAUL_WRITEOUT_H

#include "outcome.h"
#include "text.h"

struct writeout {
    struct text words; /* literal text, unescaped; names of headers and unknown variables */
    struct writeout_part *parts;
    size_t parts_count;
    bool needs_head;       /* something of the response's header is asked for */
    struct span referer;   /* what -e says, for %{referer}; the caller's */
    struct span unix_path; /* of --unix-socket, for %{remote_ip}; the caller's */
};

/* The template itself, as it came from the command line or from a file. False: *ret_why is one line
 * for the user, malloc'd. */
bool writeout_parse(struct writeout *writeout, struct span template, char **ret_why);
void writeout_deinit(struct writeout *writeout);

/* The next variable that does not exist, from *position (0 at first), which moves on; false at the
 * end. Nothing is written for such a variable. */
bool writeout_next_unknown(const struct writeout *writeout, size_t *position,
                           struct span *ret_name);

/* Appends what the template makes of the item to out and, from %{stderr} on, to err. */
void writeout_write(const struct writeout *writeout, const struct outcome *item, struct text *out,
                    struct text *err);

#endif
