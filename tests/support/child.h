/*
 * child.h - tests of what cannot be undone: each in a process of its own.
 */
#ifndef HAUL_TESTS_CHILD_H
#define HAUL_TESTS_CHILD_H

#include <stdbool.h>

/* Runs body in a child and ends it by _exit, so that nothing runs at its exit. False when the child
 * was killed, or one of its expectations did not hold: they are on stderr. */
bool child_holds(void (*body)(void *ctx), void *ctx);

/* Within the body; it goes on either way. */
void child_expect(bool holds, const char *what);
/* The call, or what came of it, was -1 with this errno. */
void child_expect_errno(long result, int error, const char *what);

#endif
