/*
 * cmd_bench.c - haul bench: how long a server takes, and whether the figures may be believed.
 */
#include "verbs.h"

#include "bench.h"
#include "exits.h"
#include "record.h"
#include "report_files.h"
#include "slo.h"
#include "verdict.h"
#include "why.h"

#include <stdlib.h>

/* --save NAME is --report NAME.json. Owned by the caller. */
static char *save_path(const char *name)
{
    size_t bytes = strlen(name);
    bool is_json = bytes > 5 && strcmp(name + bytes - 5, ".json") == 0;

    return why_format("%s%s", name, is_json ? "" : ".json");
}

static char *check_bench(const struct options *options)
{
    char *path, *why;

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
    why = report_files_check(&options->report);
    if (why || !options->save)
        return why;
    path = save_path(options->save);
    why =
        report_files_check(&(struct option_list){ .values = (const char *[]){ path }, .count = 1 });
    free(path);
    return why;
}

/* What the bench was asked for and has found; target is where its text is kept. */
static void make_report(const struct bench *bench, const struct command *command,
                        struct report_here *here, struct text *target, struct report *ret_report)
{
    const struct options *options = command->options;

    record_put_effective_url(target, bench->list.requests[0].url);
    *ret_report = (struct report){
        .verb = "bench",
        .name = options->name,
        .argc = (size_t)command->argc,
        .argv = (const char *const *)command->argv,
        .target = text_span(target),
        .targets_count = bench->list.count,
        .load = bench->is_open_loop ? REPORT_LOAD_OPEN : REPORT_LOAD_CLOSED,
        .is_poisson = options->arrival == ARRIVAL_POISSON,
        .is_fresh_conn = options->fresh_conn,
        .planned_rate_per_s = bench->rate_per_s,
        .duration_ns = bench->duration_ns == UINT64_MAX ? 0 : bench->duration_ns,
        .requests_max = options->requests_max,
        .concurrency = bench->plan.concurrency,
        .max_per_origin = bench->plan.max_per_origin,
        .slo = options->slo.values,
        .slo_count = options->slo.count,
        .has_private_daemon = reach_is_private(&bench->reach),
        .is_interrupted = bench->is_interrupted,
        .not_begun = bench->not_begun,
        .lead_in = { .requests = bench->lead_in.requests,
                     .failed = bench->lead_in.failed,
                     .p50_ns = histogram_quantile(&bench->lead_in.service, 0.5) },
        .tally = &bench->tally,
    };
    verdict_judge(&bench->tally, &ret_report->verdict);
    report_set_here(ret_report, here);
}

static enum exit_code save(const struct report *report, const struct command *command)
{
    const char *name = command->options->save;
    char *path;
    bool fits;

    if (!name)
        return EXITS_OK;
    path = save_path(name);
    fits =
        report_files_write(&(struct option_list){ .values = (const char *[]){ path }, .count = 1 },
                           report, command->say);
    free(path);
    return fits ? EXITS_OK : EXITS_FAILED;
}

/* On standard output, and to the files that were named. */
static enum exit_code tell(const struct report *report, const struct command *command)
{
    bool fits = report_tell(report, command->options, command->say);
    enum exit_code saved = save(report, command);

    return fits ? saved : EXITS_FAILED;
}

static enum exit_code judge(const struct report *report, const struct options *options)
{
    struct slo slo;

    if (options->strict && report->verdict.state == VERDICT_INVALID)
        return EXITS_INVALID;
    if (report->tally->daemon.is_lost)
        return EXITS_FAILED;
    for (size_t i = 0; i < options->slo.count; i++) {
        (void)slo_parse(options->slo.values[i], &slo); /* it was checked before the run */
        if (!slo_is_kept(&slo, report->tally))
            return EXITS_MISSED;
    }
    return report->tally->failed ? EXITS_FAILED : EXITS_OK;
}

int cmd_bench(const struct command *command)
{
    const struct options *options = command->options;
    char *why = check_bench(options);
    enum exit_code exit, told;
    struct report_here here;
    struct report report;
    struct bench bench;
    struct text target;

    if (why)
        return usage_error(command->say, why);
    if (!bench_init(&bench, options, command->say, &why)) {
        bench_deinit(&bench);
        return usage_error(command->say, why);
    }
    exit = bench_run(&bench);
    text_init(&target);
    make_report(&bench, command, &here, &target, &report);
    if (exit == EXITS_OK || bench.sent) {
        told = tell(&report, command);
        exit = exit == EXITS_OK ? told : exit;
    }
    if (exit == EXITS_OK || bench.is_lost)
        exit = bench.is_interrupted ? EXITS_INTERRUPTED : judge(&report, options);
    text_deinit(&target);
    bench_deinit(&bench);
    return (int)exit;
}
