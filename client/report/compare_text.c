/*
 * compare_text.c - both runs side by side, as text or as JSON.
 */
#include "compare_text.h"

#include "units.h"

#include <math.h>
#include <stdio.h>

#define CELL_BYTES 128u
#define CELL_WIDTH 28
#define NAME_WIDTH 6 /* at least */

static const char *const gate_words[] = {
    [GATE_KEPT] = "kept",
    [GATE_FAILED] = "FAILED",
    [GATE_NOT_SHOWN] = "not shown: the intervals touch; longer runs would tell",
    [GATE_UNJUDGED] = "cannot be judged",
};

static const char *figure_text(enum figure_kind kind, double value, char *out, size_t room)
{
    if (kind == FIGURE_RATE) {
        char count[UNITS_TEXT_BYTES];

        (void)snprintf(out, room, "%s/s", units_format_count(value, count, sizeof(count)));
        return out;
    }
    if (kind == FIGURE_ERRORS) {
        (void)snprintf(out, room, "%.3g %%", value * 100);
        return out;
    }
    return units_format_latency((uint64_t)value, out, room);
}

static void put_estimate(struct text *out, enum figure_kind kind, const struct estimate *estimate,
                         bool has_interval)
{
    char value[UNITS_TEXT_BYTES + 3], low[UNITS_TEXT_BYTES + 3], high[UNITS_TEXT_BYTES + 3];
    char cell[CELL_BYTES];

    (void)figure_text(kind, estimate->value, value, sizeof(value));
    (void)figure_text(kind, estimate->low, low, sizeof(low));
    (void)figure_text(kind, estimate->high, high, sizeof(high));
    if (has_interval)
        (void)snprintf(cell, sizeof(cell), "%s [%s %s]", value, low,
                       estimate->is_open ? "..." : high);
    else
        (void)snprintf(cell, sizeof(cell), "%s", value);
    text_put_format(out, "  %-*s", CELL_WIDTH, cell);
}

static void put_change(struct text *out, const struct compare *compare, size_t index)
{
    double a = compare->a_figures.estimates[index].value;
    double b = compare->b_figures.estimates[index].value;

    if (compare->figures.rows[index].kind == FIGURE_ERRORS)
        text_put_format(out, "%+.3g points", (b - a) * 100);
    else if (a > 0)
        text_put_format(out, "%+.1f %%", (b / a - 1) * 100);
    else
        text_put_literal(out, "-");
}

/* What more of a figure means. */
static const char *shown_word(const struct compare *compare, size_t index)
{
    bool is_time = figure_is_time(&compare->figures.rows[index]);

    switch (compare_shown(compare, index)) {
    case COMPARE_MORE:
        return is_time ? "slower" : "more";
    case COMPARE_LESS:
        return is_time ? "faster" : "less";
    case COMPARE_CANNOT_TELL:
        return "cannot tell";
    case COMPARE_SAME:
        break;
    }
    return "no difference shown";
}

static void put_run(struct text *out, const char *name, const char *path,
                    const struct report *report)
{
    char rate[UNITS_TEXT_BYTES];

    text_put_format(out, "%s  %s", name, path);
    if (report->name)
        text_put_format(out, " (%s)", report->name);
    text_put_format(out, ": %llu requests, ", (unsigned long long)report->tally->requests);
    if (report->load == REPORT_LOAD_OPEN)
        text_put_format(out, "open loop at %s/s, ",
                        units_format_count(report->planned_rate_per_s, rate, sizeof(rate)));
    else
        text_put_string(out, report->load == REPORT_LOAD_BATCH ? "batch, " : "closed loop, ");
    text_put_format(out, "-c %u, %s", report->concurrency, verdict_name(report->verdict.state));
    for (unsigned i = 0; i < report->verdict.reasons_count; i++)
        text_put_format(out, "%s %s", i ? ";" : ":", report->verdict.reasons[i]);
    text_put_char(out, '\n');
}

/* ---- what makes two runs hard to compare ---- */

static void put_unlike(struct text *out, const struct compare *compare)
{
    const struct report *a = compare->a, *b = compare->b;
    const struct {
        bool differs;
        const char *what;
    } rows[] = {
        { a->load != b->load, "the kind of load" },
        { a->load == b->load && a->planned_rate_per_s != b->planned_rate_per_s, "the rate" },
        { a->load == b->load && a->is_poisson != b->is_poisson, "the arrivals" },
        { a->concurrency != b->concurrency, "the connections" },
        { a->is_fresh_conn != b->is_fresh_conn, "whether connections are kept" },
        { a->targets_count != b->targets_count, "the number of URLs" },
        { strcmp(a->host, b->host) != 0, "the machine" },
        { strcmp(a->kernel, b->kernel) != 0, "the kernel" },
        { strcmp(a->version, b->version) != 0, "the version of haul" },
    };
    bool is_first = true;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (!rows[i].differs)
            continue;
        text_put_format(out, "%s%s", is_first ? "not like with like: " : ", ", rows[i].what);
        is_first = false;
    }
    if (!is_first)
        text_put_literal(out, " differ\n");
}

static bool put_result(struct text *out, const struct compare *compare)
{
    bool is_first = true;

    for (size_t i = 0; i < compare->figures.count; i++) {
        enum compare_shown shown = compare_shown(compare, i);

        if (shown != COMPARE_MORE && shown != COMPARE_LESS)
            continue;
        text_put_format(out, "%s%s %s ", is_first ? "B differs: " : ", ",
                        compare->figures.rows[i].name, shown_word(compare, i));
        put_change(out, compare, i);
        is_first = false;
    }
    return !is_first;
}

static void put_conclusion(struct text *out, const struct compare *compare)
{
    const struct resample *a = &compare->a_figures, *b = &compare->b_figures;
    bool is_a = !a->can_tell;

    if (!a->can_tell || !b->can_tell)
        text_put_format(out,
                        "cannot tell: %s has only %u whole seconds, and %u are needed to know how "
                        "much its figures vary",
                        is_a ? "A" : "B", is_a ? a->seconds : b->seconds, RESAMPLE_SECONDS_MIN);
    else if (!put_result(out, compare))
        text_put_literal(out, "no difference shown");
}

static void put_gates(struct text *out, const struct compare *compare, const struct gate *gates,
                      size_t gates_count)
{
    for (size_t i = 0; i < gates_count; i++) {
        text_put_format(out, "fail-if %s: %s (", gates[i].text,
                        gate_words[gate_judge(&gates[i], compare)]);
        put_change(out, compare, figures_find(&compare->figures, &gates[i].figure));
        text_put_literal(out, ")\n");
    }
}

static int name_width(const struct figures *figures)
{
    size_t width = NAME_WIDTH;

    for (size_t i = 0; i < figures->count; i++)
        if (strlen(figures->rows[i].name) > width)
            width = strlen(figures->rows[i].name);
    return (int)width;
}

static void put_rows(struct text *out, const struct compare *compare)
{
    const struct resample *a = &compare->a_figures, *b = &compare->b_figures;
    int width = name_width(&compare->figures);

    text_put_format(out, "\n%-*s  %-*s  %-*s  change\n", width, "", CELL_WIDTH, "A", CELL_WIDTH,
                    "B");
    for (size_t i = 0; i < compare->figures.count; i++) {
        const struct figure *figure = &compare->figures.rows[i];

        text_put_format(out, "%-*s", width, figure->name);
        put_estimate(out, figure->kind, &a->estimates[i], a->can_tell);
        put_estimate(out, figure->kind, &b->estimates[i], b->can_tell);
        text_put_literal(out, "  ");
        put_change(out, compare, i);
        text_put_format(out, "  %s\n", shown_word(compare, i));
    }
    text_put_char(out, '\n');
}

static void put_open(struct text *out, const struct compare *compare)
{
    bool is_first = true;

    for (size_t i = 0; i < compare->figures.count; i++) {
        bool is_a = compare->a_figures.estimates[i].is_open;
        bool is_b = compare->b_figures.estimates[i].is_open;

        if (!is_a && !is_b)
            continue;
        text_put_format(out, "%s%s of %s", is_first ? "no upper end: too few requests for " : ", ",
                        compare->figures.rows[i].name,
                        is_a && is_b ? "A and B"
                        : is_a       ? "A"
                                     : "B");
        is_first = false;
    }
    if (!is_first)
        text_put_char(out, '\n');
}

void compare_write_text(struct text *out, const struct compare *compare, const struct gate *gates,
                        size_t gates_count)
{
    put_run(out, "A", compare->a_path, compare->a);
    put_run(out, "B", compare->b_path, compare->b);
    put_unlike(out, compare);
    put_rows(out, compare);
    put_open(out, compare);
    put_conclusion(out, compare);
    text_put_char(out, '\n');
    put_gates(out, compare, gates, gates_count);
}

/* ---- JSON ---- */

static void put_json_estimate(struct text *out, const char *key, const struct estimate *estimate)
{
    text_put_format(out, ",\"%s\":{\"value\":", key);
    text_put_double(out, estimate->value);
    text_put_literal(out, ",\"low\":");
    text_put_double(out, estimate->low);
    text_put_literal(out, ",\"high\":");
    text_put_double(out, estimate->high);
    text_put_format(out, ",\"no_upper_end\":%s}", estimate->is_open ? "true" : "false");
}

static void put_json_run(struct text *out, const char *key, const char *path,
                         const struct report *report, const struct resample *resample)
{
    text_put_format(out, ",\"%s\":{\"file\":", key);
    text_put_json(out, span_of_string(path));
    text_put_format(out, ",\"verdict\":\"%s\",\"requests\":%llu,\"whole_seconds\":%u}",
                    verdict_name(report->verdict.state),
                    (unsigned long long)report->tally->requests, resample->seconds);
}

void compare_write_json(struct text *out, const struct compare *compare, const struct gate *gates,
                        size_t gates_count)
{
    static const char *const units[] = { [FIGURE_MEAN] = "ns",
                                         [FIGURE_QUANTILE] = "ns",
                                         [FIGURE_RATE] = "per_s",
                                         [FIGURE_ERRORS] = "share" };
    struct text conclusion;

    text_put_literal(out, "{\"schema\":\"haul-compare\",\"schemaVersion\":1");
    put_json_run(out, "a", compare->a_path, compare->a, &compare->a_figures);
    put_json_run(out, "b", compare->b_path, compare->b, &compare->b_figures);
    text_put_literal(out, ",\"figures\":[");
    for (size_t i = 0; i < compare->figures.count; i++) {
        const struct figure *figure = &compare->figures.rows[i];

        text_put_format(out, "%s{\"figure\":\"%s\",\"unit\":\"%s\"", i ? "," : "", figure->name,
                        units[figure->kind]);
        put_json_estimate(out, "a", &compare->a_figures.estimates[i]);
        put_json_estimate(out, "b", &compare->b_figures.estimates[i]);
        text_put_format(out, ",\"shown\":\"%s\"}", shown_word(compare, i));
    }
    text_put_literal(out, "],\"gates\":[");
    for (size_t i = 0; i < gates_count; i++) {
        text_put_string(out, i ? ",{\"bound\":" : "{\"bound\":");
        text_put_json(out, span_of_string(gates[i].text));
        text_put_literal(out, ",\"result\":");
        text_put_json(out, span_of_string(gate_words[gate_judge(&gates[i], compare)]));
        text_put_char(out, '}');
    }
    text_init(&conclusion);
    put_conclusion(&conclusion, compare);
    text_put_literal(out, "],\"conclusion\":");
    text_put_json(out, text_span(&conclusion));
    text_put_literal(out, "}\n");
    text_deinit(&conclusion);
}
