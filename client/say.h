/*
 * say.h - lines for the user on stderr, as far as they are wanted.
 */
#ifndef HAUL_SAY_H
#define HAUL_SAY_H

#include "options.h"

struct say {
    bool wants_warnings; /* not -q */
    bool wants_errors;   /* not -q; not -s without -S */
    bool wants_notes;    /* not -q, not -s: summaries, what was done instead */
    bool is_verbose;
    bool is_terminal; /* stderr is one */
    bool is_colored;
    bool has_progress; /* a progress line stands at the cursor */
};

void say_init(struct say *say, const struct options *options);

/* "haul: ..." and LF, in one write. */
__attribute__((format(printf, 2, 3))) void say_error(struct say *say, const char *format, ...);
__attribute__((format(printf, 2, 3))) void say_note(struct say *say, const char *format, ...);

/* The same even with -s: what the user wrote means something else than it seems to. */
__attribute__((format(printf, 2, 3))) void say_warning(struct say *say, const char *format, ...);

/* Text that the user has asked to have on stderr, whatever the flags. */
void say_text(struct say *say, struct span text);

/* Text with its own line ends, to stderr, in one write; nothing without wants_notes. */
void say_block(struct say *say, struct span text);

/* Likewise, but wanted with -v, even with -s. */
void say_verbose(struct say *say, struct span text);

/* Puts a line at the cursor, without LF, in place of the one before; empty: takes it away. */
void say_progress(struct say *say, struct span line);

#endif
