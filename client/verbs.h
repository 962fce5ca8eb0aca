/*
 * verbs.h - one function per verb; each returns the exit code of the program.
 */
#ifndef HAUL_VERBS_H
#define HAUL_VERBS_H

#include "options.h"
#include "say.h"

struct command {
    const struct options *options;
    struct say *say;
    int argc; /* as main got them, for reports */
    char **argv;
};

int cmd_get(const struct command *command);
int cmd_batch(const struct command *command);
int cmd_bench(const struct command *command);
int cmd_report(const struct command *command);
int cmd_compare(const struct command *command);
int cmd_ping(const struct command *command);
int cmd_top(const struct command *command);
int cmd_stats(const struct command *command);
int cmd_origins(const struct command *command);
int cmd_inflight(const struct command *command);
int cmd_metrics(const struct command *command);
int cmd_introspect(const struct command *command);
int cmd_completion(const struct command *command);
int cmd_reload(const struct command *command);
int cmd_drain(const struct command *command);
int cmd_doctor(const struct command *command);
int cmd_version(const struct command *command);
int cmd_help(const struct command *command);

/* The eight lines of `haul` alone. */
void help_short(void);

/* Says "haul: why" as a usage error, frees why, returns the exit code. */
int usage_error(struct say *say, char *why);

/* Checks of flags that get and batch share; NULL, or one line for the user, malloc'd. */
char *check_fetch_options(const struct options *options);

#endif
