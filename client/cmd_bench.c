/*
 * cmd_bench.c - haul bench: how long a server takes, and whether the figures may be believed.
 */
#include "verbs.h"

#include "bench.h"
#include "exits.h"
#include "report_files.h"
#include "slo.h"
#include "verdict.h"
#include "why.h"

#include <stdio.h>

static char *check_bench(const struct options *options)
{
    if (options->words.count == 0 && options->input.count == 0)
        return why_format("bench needs a URL, or requests with -i FILE; see `haul help bench`");
    if (options->is_private && options->no_private)
        return why_format("--private and --no-private exclude each other");
    for (size_t i = 0; i < options->slo.count; i++) {
        struct slo slo;

        if (!slo_parse(options->slo.values[i], &slo))
            return why_format("--slo takes a bound as 'p99<50ms', 'mean<10ms', 'max<1s' or "
                              "'errors<0.1%%', not '%s'",
                              options->slo.values[i]);
    }
    return report_files_check(&options->report);
}

static enum exit_code write_reports(const struct bench *bench, const struct command *command)
{
    struct report_run run = {
        .verb = "bench",
        .name = command->options->name,
        .load = bench->is_open_loop ? REPORT_LOAD_OPEN : REPORT_LOAD_CLOSED,
        .planned_rate_per_s = bench->rate_per_s,
        .argc = command->argc,
        .argv = command->argv,
        .concurrency = bench->plan.concurrency,
        .max_per_origin = bench->plan.max_per_origin,
        .has_private_daemon = reach_is_private(&bench->reach),
        .is_interrupted = bench->is_interrupted,
    };
    bool fits = report_files_write(&command->options->report, &run, &bench->tally, command->say);

    return fits ? EXITS_OK : EXITS_FAILED;
}

static enum exit_code judge(const struct bench *bench, const struct options *options)
{
    struct verdict verdict;
    struct slo slo;

    verdict_judge(&bench->tally, &verdict);
    if (options->strict && verdict.state == VERDICT_INVALID)
        return EXITS_INVALID;
    for (size_t i = 0; i < options->slo.count; i++) {
        (void)slo_parse(options->slo.values[i], &slo); /* it was checked before the run */
        if (!slo_is_kept(&slo, &bench->tally))
            return EXITS_MISSED;
    }
    return bench->tally.failed ? EXITS_FAILED : EXITS_OK;
}

int cmd_bench(const struct command *command)
{
    const struct options *options = command->options;
    char *why = check_bench(options);
    enum exit_code exit, told;
    struct bench bench;
    struct text text;

    if (why)
        return usage_error(command->say, why);
    if (!bench_init(&bench, options, command->say, &why)) {
        bench_deinit(&bench);
        return usage_error(command->say, why);
    }
    exit = bench_run(&bench);
    if (exit == EXITS_OK || bench.sent) {
        text_init(&text);
        bench_write_text(&bench, &text);
        (void)fwrite(text.data, 1, text.bytes, stdout); /* main looks at stdout in the end */
        text_deinit(&text);
        told = write_reports(&bench, command);
        exit = exit == EXITS_OK ? told : exit;
    }
    if (exit == EXITS_OK)
        exit = bench.is_interrupted ? EXITS_INTERRUPTED : judge(&bench, options);
    bench_deinit(&bench);
    return (int)exit;
}
