/*
 * cmd_compare.c - haul compare: two runs that were kept, and whether they differ.
 */
#include "verbs.h"

#include "compare_text.h"
#include "exits.h"
#include "file.h"
#include "page.h"
#include "report_read.h"
#include "why.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define GATES_MAX (FIGURES_MAX - FIGURES_ALWAYS) /* each may name a figure of its own */

struct two {
    struct report_file a;
    struct report_file b;
    struct compare compare;
    struct gate gates[GATES_MAX];
    size_t gates_count;
};

static bool is_page(const char *path)
{
    size_t bytes = strlen(path);

    return bytes > 5 && strcmp(path + bytes - 5, ".html") == 0;
}

static char *check_compare(const struct options *options, struct two *two)
{
    if (options->words.count != 2)
        return why_format("compare takes two files, as --save or --report FILE.json wrote them");
    for (size_t i = 0; i < options->report.count; i++)
        if (!is_page(options->report.values[i]))
            return why_format("--report %s: compare writes a page: the name must end in .html",
                              options->report.values[i]);
    if (options->fail_if.count > GATES_MAX)
        return why_format("--fail-if: at most %u of them", GATES_MAX);
    figures_init(&two->compare.figures);
    for (size_t i = 0; i < options->fail_if.count; i++) {
        struct gate *gate = &two->gates[two->gates_count++];

        if (!gate_parse(options->fail_if.values[i], gate))
            return why_format("--fail-if takes a change of mean, a percentile, rate or errors, as "
                              "'p99>+10%%', 'p50>+2ms' or 'rate<-5%%', not '%s'",
                              options->fail_if.values[i]);
        figures_add(&two->compare.figures, &gate->figure);
    }
    return NULL;
}

static bool read_both(struct two *two, const struct options *options, struct say *say)
{
    char *why = NULL;
    bool fits = report_read(&two->a, options->words.values[0], &why);

    if (fits)
        fits = report_read(&two->b, options->words.values[1], &why);
    else
        two->b = (struct report_file){ 0 };
    if (!fits) {
        say_error(say, "%s", why);
        free(why);
        return false;
    }
    two->compare.a = &two->a.report;
    two->compare.b = &two->b.report;
    two->compare.a_path = options->words.values[0];
    two->compare.b_path = options->words.values[1];
    if (compare_run(&two->compare) == 0)
        return true;
    say_error(say, "the histograms of the seconds cannot be read: a file was changed");
    return false;
}

static bool write_pages(const struct two *two, const struct options *options, struct say *say)
{
    struct text page;
    bool fits = true;

    text_init(&page);
    for (size_t i = 0; i < options->report.count; i++) {
        const char *path = options->report.values[i];
        int r;

        text_clear(&page, SIZE_MAX);
        page_write(&page, two->compare.b, two->compare.a);
        r = text_has_failed(&page) ? -ENOMEM : file_write_whole(path, text_span(&page));
        if (r < 0)
            say_error(say, "--report %s: %s", path, strerror(-r));
        fits &= r >= 0;
    }
    text_deinit(&page);
    return fits;
}

static bool tell(const struct two *two, const struct options *options, struct say *say)
{
    struct text text;
    bool fits;

    text_init(&text);
    if (options->format == REPORT_FORMAT_JSON)
        compare_write_json(&text, &two->compare, two->gates, two->gates_count);
    else
        compare_write_text(&text, &two->compare, two->gates, two->gates_count);
    (void)fwrite(text.data, 1, text.bytes, stdout); /* main looks at stdout in the end */
    fits = !text_has_failed(&text);
    text_deinit(&text);
    return fits & write_pages(two, options, say);
}

/* A bound that is missed is worse than one that cannot be judged. */
static enum exit_code judge(const struct two *two)
{
    enum exit_code exit = EXITS_OK;

    for (size_t i = 0; i < two->gates_count; i++) {
        enum gate_verdict verdict = gate_judge(&two->gates[i], &two->compare);

        if (verdict == GATE_FAILED)
            return EXITS_MISSED;
        if (verdict == GATE_UNJUDGED)
            exit = EXITS_INVALID;
    }
    return exit;
}

int cmd_compare(const struct command *command)
{
    struct two *two = calloc(1, sizeof(*two));
    enum exit_code exit = EXITS_FAILED;
    char *why;

    if (!two)
        return EXITS_NO_MEMORY;
    why = check_compare(command->options, two);
    if (why) {
        free(two);
        return usage_error(command->say, why);
    }
    if (read_both(two, command->options, command->say) && tell(two, command->options, command->say))
        exit = judge(two);
    report_read_deinit(&two->a);
    report_read_deinit(&two->b);
    free(two);
    return (int)exit;
}
