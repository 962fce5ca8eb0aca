/*
 * report_files.c - a file per --report, each whole or not at all.
 */
#include "report_files.h"

#include "clock.h"
#include "file.h"
#include "record.h"
#include "report_formats.h"
#include "why.h"

#include <errno.h>

enum format {
    FORMAT_JSON,
    FORMAT_HGRM,
    FORMAT_HLOG,
    FORMAT_CSV,
    FORMAT_HTML,
    FORMAT_UNKNOWN,
};

/* By the name; what has none (/dev/stdout) is JSON. */
static enum format format_of(const char *path)
{
    static const char *const suffixes[] = { [FORMAT_JSON] = ".json",
                                            [FORMAT_HGRM] = ".hgrm",
                                            [FORMAT_HLOG] = ".hlog",
                                            [FORMAT_CSV] = ".csv",
                                            [FORMAT_HTML] = ".html" };
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');

    if (strncmp(path, "/dev/", 5) == 0)
        return FORMAT_JSON;
    for (unsigned i = 0; dot && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (strcmp(dot, suffixes[i]) == 0)
            return (enum format)i;
    return FORMAT_UNKNOWN;
}

static char *check_path(const char *path)
{
    switch (format_of(path)) {
    case FORMAT_JSON:
    case FORMAT_HGRM:
    case FORMAT_HLOG:
    case FORMAT_CSV:
        return NULL;
    case FORMAT_HTML:
        return why_format(
            "--report %s: html is not in this build; .json, .hgrm, .hlog and .csv are", path);
    case FORMAT_UNKNOWN:
        break;
    }
    return why_format("--report %s: the name must end in .json, .hgrm, .hlog or .csv", path);
}

char *report_files_check(const struct option_list *paths)
{
    char *why = NULL;

    for (size_t i = 0; !why && i < paths->count; i++)
        why = check_path(paths->values[i]);
    return why;
}

static void put_report(struct text *out, enum format format, const struct report_run *run,
                       const struct tally *tally, double started_s)
{
    switch (format) {
    case FORMAT_JSON:
        report_write(out, run, tally);
        break;
    case FORMAT_HGRM:
        report_write_hgrm(out, tally);
        break;
    case FORMAT_HLOG:
        report_write_hlog(out, tally, started_s);
        break;
    case FORMAT_CSV:
        report_write_csv(out, tally);
        break;
    case FORMAT_HTML:
    case FORMAT_UNKNOWN:
        break; /* refused before the run */
    }
}

bool report_files_write(const struct option_list *paths, struct report_run *run,
                        const struct tally *tally, struct say *say)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), wall_ns = clock_ns(CLOCK_REALTIME);
    double started_s = ((double)wall_ns - (double)(now_ns - tally->start_ns)) / 1e9;
    struct text started_at, report;
    struct record_clock clock;
    bool fits = true;

    text_init(&started_at);
    text_init(&report);
    record_clock_init(&clock, now_ns, wall_ns);
    record_put_time(&started_at, &clock, tally->start_ns);
    run->started_at = text_span(&started_at);
    for (size_t i = 0; i < paths->count; i++) {
        int r;

        text_clear(&report, SIZE_MAX);
        put_report(&report, format_of(paths->values[i]), run, tally, started_s);
        r = report.failed ? -ENOMEM : file_write_whole(paths->values[i], text_span(&report));
        if (r < 0)
            say_error(say, "--report %s: %s", paths->values[i], strerror(-r));
        fits &= r >= 0;
    }
    text_deinit(&started_at);
    text_deinit(&report);
    return fits;
}
