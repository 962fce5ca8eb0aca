/*
 * report_files.c - a file per --report, each whole or not at all.
 */
#include "report_files.h"

#include "file.h"
#include "record.h"
#include "why.h"

#include <errno.h>
#include <time.h>

/* Only .json exists so far; the others are named by the contract. */
static char *check_path(const char *path)
{
    static const char *const later[] = { ".html", ".hgrm", ".hlog", ".csv" };
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');

    if (strncmp(path, "/dev/", 5) == 0 || (dot && strcmp(dot, ".json") == 0))
        return NULL;
    for (size_t i = 0; dot && i < sizeof(later) / sizeof(later[0]); i++)
        if (strcmp(dot, later[i]) == 0)
            return why_format("--report %s: %s is not in this build; .json is", path, later[i] + 1);
    return why_format("--report %s: the name must end in .json", path);
}

char *report_files_check(const struct option_list *paths)
{
    char *why = NULL;

    for (size_t i = 0; !why && i < paths->count; i++)
        why = check_path(paths->values[i]);
    return why;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now); /* cannot fail */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool write_file(const char *path, const struct text *report, struct say *say)
{
    int r = report->failed ? -ENOMEM : file_write_whole(path, text_span(report));

    if (r < 0)
        say_error(say, "--report %s: %s", path, strerror(-r));
    return r >= 0;
}

bool report_files_write(const struct option_list *paths, struct report_run *run,
                        const struct tally *tally, struct say *say)
{
    struct text started_at, report;
    struct record_clock clock;
    bool fits = true;

    if (paths->count == 0)
        return true;
    text_init(&started_at);
    text_init(&report);
    record_clock_init(&clock, clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME));
    record_put_time(&started_at, &clock, tally->start_ns);
    run->started_at = text_span(&started_at);
    report_write(&report, run, tally);
    for (size_t i = 0; i < paths->count; i++)
        fits &= write_file(paths->values[i], &report, say);
    text_deinit(&started_at);
    text_deinit(&report);
    return fits;
}
