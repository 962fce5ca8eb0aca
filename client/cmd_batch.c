/*
 * cmd_batch.c - haul batch: a list of work, a record for each, a summary.
 */
#include "verbs.h"

#include "exits.h"
#include "fetch.h"
#include "why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const standard_input[] = { "-" };

/* A word without a scheme that names a file is nearly always a forgotten -i. */
static const char *find_file_word(const struct options *options)
{
    struct stat st;

    for (size_t i = 0; i < options->words.count; i++) {
        const char *word = options->words.values[i];

        if (!strstr(word, "://") && stat(word, &st) == 0 && !S_ISDIR(st.st_mode))
            return word;
    }
    return NULL;
}

/* Said before anything is fetched, not once per item. */
static char *check_output_dir(const char *path)
{
    struct stat st;

    if (!*path)
        return NULL;
    if (stat(path, &st) < 0)
        return why_format("--output-dir %s: %s%s", path, strerror(errno),
                          errno == ENOENT ? "; make it first" : "");
    if (!S_ISDIR(st.st_mode))
        return why_format("--output-dir %s: not a directory", path);
    return access(path, W_OK | X_OK) == 0
               ? NULL
               : why_format("--output-dir %s: %s", path, strerror(errno));
}

static char *check_batch(const struct options *options)
{
    const char *file = find_file_word(options);

    if (file)
        return why_format("%s is a file; did you mean -i %s?", file, file);
    if (options->output.count && (options->words.count != 1 || options->input.count))
        return why_format("-o names one file, for one URL; --output-dir is for many");
    if (options->output.count && strcmp(options->output.values[0], "-") == 0)
        return why_format("records and bodies would mix on standard output; --inline puts the body "
                          "into the record");
    if (options->words.count == 0 && options->input.count == 0 && isatty(STDIN_FILENO))
        return why_format("batch needs URLs, or a list of them with -i FILE");
    if (options->output_dir) {
        char *why = check_output_dir(options->output_dir);

        if (why)
            return why;
    }
    return check_fetch_options(options);
}

int cmd_batch(const struct command *command)
{
    struct options options = *command->options;
    char *why = check_batch(&options);
    enum exit_code exit, told = EXITS_OK;
    struct fetch fetch;

    if (why)
        return usage_error(command->say, why);
    if (options.words.count == 0 && options.input.count == 0)
        options.input =
            (struct option_list){ .values = (const char **)(uintptr_t)standard_input, .count = 1 };
    if (!fetch_init(&fetch, &options, command->say, &why)) {
        fetch_deinit(&fetch);
        return usage_error(command->say, why);
    }
    exit = fetch_run(&fetch);
    if (exit != EXITS_UNREACHABLE && exit != EXITS_NO_IO_URING && exit != EXITS_USAGE)
        told = fetch_tell(&fetch, command->argc, command->argv);
    if (exit == EXITS_OUTPUT)
        exit = EXITS_FAILED;
    if (exit == EXITS_OK && fetch.tally.failed)
        exit = EXITS_FAILED;
    fetch_deinit(&fetch);
    return (int)(exit == EXITS_OK ? told : exit);
}
