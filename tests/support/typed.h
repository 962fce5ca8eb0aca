/*
 * typed.h - what a plan makes of the words that a user types.
 */
#ifndef HAUL_TYPED_H
#define HAUL_TYPED_H

#include "plan.h"

#define TYPED_WORDS_MAX 24

struct made {
    struct options options;
    struct plan plan;
    char *why;
    char *argv[TYPED_WORDS_MAX];
    bool is_made; /* else why says why not */
};

/* words: what follows "haul", ended by NULL; good options. */
void user_types(struct made *made, const char *const *words);
void user_is_done(struct made *made);

#endif
