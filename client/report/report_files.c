/*
 * report_files.c - standard output, and a file per --report, each whole or not at all.
 */
#include "report_files.h"

#include "file.h"
#include "plot.h"
#include "report_formats.h"
#include "why.h"

#include <errno.h>
#include <stdio.h>

/* By the name; what has none (/dev/stdout) is JSON. */
static enum report_format format_of(const char *path)
{
    static const struct {
        const char *suffix;
        enum report_format format;
    } rows[] = {
        { ".json", REPORT_FORMAT_JSON }, { ".hgrm", REPORT_FORMAT_HGRM },
        { ".hlog", REPORT_FORMAT_HLOG }, { ".csv", REPORT_FORMAT_CSV },
        { ".html", REPORT_FORMAT_HTML }, { ".txt", REPORT_FORMAT_TEXT },
    };
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');

    if (strncmp(path, "/dev/", 5) == 0)
        return REPORT_FORMAT_JSON;
    for (unsigned i = 0; dot && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(dot, rows[i].suffix) == 0)
            return rows[i].format;
    return REPORT_FORMAT_UNKNOWN;
}

char *report_files_check(const struct option_list *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (format_of(paths->values[i]) == REPORT_FORMAT_UNKNOWN)
            return why_format("--report %s: the name must end in .json, .html, .hgrm, .hlog, .csv "
                              "or .txt",
                              paths->values[i]);
    }
    for (size_t i = 0; i < paths->count; i++) {
        int r = file_check(paths->values[i]);

        if (r < 0)
            return why_format("--report %s: %s%s", paths->values[i], strerror(-r),
                              r == -ENOENT ? "; make its folder first" : "");
    }
    return NULL;
}

bool report_files_write(const struct option_list *paths, const struct report *report,
                        struct say *say)
{
    struct text text;
    bool fits = true;

    text_init(&text);
    for (size_t i = 0; i < paths->count; i++) {
        enum report_format format = format_of(paths->values[i]);
        int r;

        text_clear(&text, SIZE_MAX);
        report_put(&text, format, report);
        r = text.failed ? -ENOMEM : file_write_whole(paths->values[i], text_span(&text));
        if (r < 0)
            say_error(say, "--report %s: %s", paths->values[i], strerror(-r));
        fits &= r >= 0;
    }
    text_deinit(&text);
    return fits;
}

bool report_tell(const struct report *report, const struct options *options, struct say *say)
{
    struct text text;

    text_init(&text);
    report_put(&text, options->format, report);
    if (options->plot && options->format == REPORT_FORMAT_TEXT)
        plot_write(&text, report);
    (void)fwrite(text.data, 1, text.bytes, stdout); /* main looks at stdout in the end */
    text_deinit(&text);
    return report_files_write(&options->report, report, say);
}
