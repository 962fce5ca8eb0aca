/*
 * main.c - argv to a verb.
 */
#include "exits.h"
#include "interrupt.h"
#include "verbs.h"
#include "why.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Descriptors 0 to 2 are expected by everyone; without them a socket could become stdout. What
 * stands in for a closed stdout cannot be written: data must not vanish with exit code 0. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY);
}

static int run(const struct command *command)
{
    const struct options *options = command->options;

    if (options->version)
        return cmd_version(command);
    if (options->help)
        return cmd_help(command);
    if ((options->verb & (VERB_PING | VERB_DOCTOR | VERB_VERSION)) && options->words.count)
        return usage_error(command->say,
                           why_format("%s takes no argument '%s'", verb_name(options->verb),
                                      options->words.values[0]));
    switch (options->verb) {
    case VERB_GET:
        return cmd_get(command);
    case VERB_BATCH:
        return cmd_batch(command);
    case VERB_BENCH:
        return cmd_bench(command);
    case VERB_REPORT:
        return cmd_report(command);
    case VERB_COMPARE:
        return cmd_compare(command);
    case VERB_PING:
        return cmd_ping(command);
    case VERB_TOP:
        return cmd_top(command);
    case VERB_STATS:
        return cmd_stats(command);
    case VERB_ORIGINS:
        return cmd_origins(command);
    case VERB_INFLIGHT:
        return cmd_inflight(command);
    case VERB_METRICS:
        return cmd_metrics(command);
    case VERB_INTROSPECT:
        return cmd_introspect(command);
    case VERB_COMPLETION:
        return cmd_completion(command);
    case VERB_RELOAD:
        return cmd_reload(command);
    case VERB_DRAIN:
        return cmd_drain(command);
    case VERB_DOCTOR:
        return cmd_doctor(command);
    case VERB_VERSION:
        return cmd_version(command);
    case VERB_HELP:
        return cmd_help(command);
    }
    return EXITS_USAGE;
}

/* What was written through stdio and did not get out; a reader that has gone knows by itself. */
static int check_stdout(struct say *say, int code)
{
    bool had_failed = ferror(stdout);
    int error;

    errno = 0;
    if (fflush(stdout) == 0 && !had_failed)
        return code;
    error = errno;
    if (error != EPIPE)
        say_error(say, "stdout: %s", error ? strerror(error) : "not all of it could be written");
    return code == EXITS_OK ? EXITS_FAILED : code;
}

int main(int argc, char **argv)
{
    struct options options;
    struct say say;
    char *why = NULL;
    struct command command = { .options = &options, .say = &say, .argc = argc, .argv = argv };
    int code;

    open_standard_descriptors();
    interrupt_init();
    if (options_parse(&options, argc, argv, &why)) {
        say_init(&say, &options);
        code = run(&command);
    } else {
        say_init(&say, &options);
        code = usage_error(&say, why);
    }
    options_deinit(&options);
    return check_stdout(&say, code);
}
