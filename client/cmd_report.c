/*
 * cmd_report.c - haul report: a run that was kept, told again.
 */
#include "verbs.h"

#include "exits.h"
#include "report_files.h"
#include "report_read.h"
#include "why.h"

#include <stdlib.h>

int cmd_report(const struct command *command)
{
    const struct options *options = command->options;
    struct report_file file;
    char *why = NULL;
    bool fits;

    if (options->words.count != 1)
        return usage_error(command->say,
                           why_format("report takes one file, as --report FILE.json wrote it"));
    why = report_files_check(&options->report);
    if (why)
        return usage_error(command->say, why);
    fits = report_read(&file, options->words.values[0], &why);
    if (fits) {
        fits = report_tell(&file.report, options, command->say);
    } else {
        say_error(command->say, "%s", why);
        free(why);
    }
    report_read_deinit(&file);
    return fits ? EXITS_OK : EXITS_FAILED;
}
