/*
 * child.c - fork, expectations, _exit.
 */
#include "child.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned failures;

void child_expect(bool holds, const char *what)
{
    if (holds)
        return;
    failures++;
    fprintf(stderr, "does not hold: %s\n", what);
}

void child_expect_errno(long result, int error, const char *what)
{
    int seen = errno;

    if (result == -1 && seen == error)
        return;
    failures++;
    if (result == -1)
        fprintf(stderr, "%s: %s, not %s\n", what, strerror(seen), strerror(error));
    else
        fprintf(stderr, "%s: %ld, not %s\n", what, result, strerror(error));
}

bool child_holds(void (*body)(void *ctx), void *ctx)
{
    int status = 0;
    pid_t pid;

    (void)fflush(NULL); /* else both write it */
    pid = fork();
    if (pid == 0) {
        failures = 0;
        body(ctx);
        _exit(failures > 0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}
