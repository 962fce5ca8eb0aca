/*
 * cmd_get.c - haul get: one after the other, like curl, with curl's exit codes.
 *
 * With several URLs the exit code is that of the first one that failed, whichever finished last.
 */
#include "verbs.h"

#include "exits.h"
#include "fetch.h"
#include "interrupt.h"
#include "report_files.h"
#include "template.h"
#include "why.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int usage_error(struct say *say, char *why)
{
    if (interrupt_is_pending()) { /* while a flag's file was read */
        free(why);
        return EXITS_INTERRUPTED;
    }
    say_error(say, "%s", why ? why : "out of memory");
    free(why);
    return EXITS_USAGE;
}

char *check_fetch_options(const struct options *options)
{
    char *why = NULL;

    if (options->write_out && (options->body_inline || options->headers_in_record))
        return why_format("-w writes its template in place of records: there is none for %s",
                          options->body_inline ? "--inline" : "--headers");
    if (options->is_private && options->no_private)
        return why_format("--private and --no-private exclude each other");
    if (options->remote_name && options->output.count)
        return why_format("-o and -O exclude each other");
    if (options->remote_name && options->output_template)
        return why_format("-O and --output-template exclude each other");
    if (options->output_template && !template_check(options->output_template, &why))
        return why;
    if (options->output.count > options->words.count)
        return why_format("more -o than URLs");
    return report_files_check(&options->report);
}

static char *check_get(const struct options *options)
{
    bool has_records = !options->write_out &&
                       (options->records == RECORDS_ALL || options->records == RECORDS_FAILED);
    bool body_to_stdout = !options->output.count && !options->remote_name && !options->output_dir &&
                          !options->output_template && !options->discard && !options->body_inline;

    if (options->words.count == 0)
        return why_format("get needs a URL; see `haul help get`");
    if (has_records && body_to_stdout)
        return why_format(
            "records and bodies would mix on standard output: add -o FILE, --output-dir, "
            "--discard or --inline");
    if (options->skip_existing && body_to_stdout)
        return why_format("--skip-existing needs files: add -o FILE, -O or --output-dir DIR");
    if (options->headers_in_record && !has_records && !options->body_inline && !options->write_out)
        return why_format("--headers puts them into the record: add --records all, or use -i");
    if (options->hash != HASH_NONE && !has_records && !options->body_inline)
        return why_format("--hash puts it into the record: add --records all");
    return check_fetch_options(options);
}

int cmd_get(const struct command *command)
{
    char *why = check_get(command->options);
    struct fetch fetch;
    enum exit_code exit, told;
    int code;

    if (why)
        return usage_error(command->say, why);
    if (!fetch_init(&fetch, command->options, command->say, &why)) {
        fetch_deinit(&fetch);
        return usage_error(command->say, why);
    }
    exit = fetch_run(&fetch);
    told = fetch_tell(&fetch, command->argc, command->argv);
    code = fetch.first_curl_code;
    if (exit != EXITS_OK)
        code = (int)exit;
    else if (code == 0)
        code = (int)told;
    fetch_deinit(&fetch);
    return code;
}
