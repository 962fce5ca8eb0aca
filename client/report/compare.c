/*
 * compare.c - what is shown, and what a gate makes of it.
 */
#include "compare.h"

#include "units.h"

#include <math.h>

/* Two of the histogram's steps: less is no difference, however steady both runs are. */
#define RESOLUTION 0.002

static bool take_change(struct span text, struct compare_gate *gate)
{
    bool is_growth = text.data[0] == '>', is_percent;
    struct span number;
    uint64_t value;

    if (text.bytes < 3 || text.data[1] != (is_growth ? '+' : '-'))
        return false;
    number = span_of(text.data + 2, text.bytes - 2);
    is_percent = number.data[number.bytes - 1] == '%';
    if (memchr(number.data, '/', number.bytes))
        return false; /* a rate, but not a change of one */
    if (is_percent) {
        if (!units_parse_rate_uhz(span_of(number.data, number.bytes - 1), &value))
            return false;
        gate->bound = (double)value / 1e8;
    } else if (gate->figure == FIGURE_RATE) {
        if (!units_parse_rate_uhz(number, &value))
            return false;
        gate->bound = (double)value / 1e6;
    } else {
        if (gate->figure == FIGURE_ERRORS || !units_parse_duration(number, &value))
            return false;
        gate->bound = (double)value;
    }
    gate->is_relative = is_percent && gate->figure != FIGURE_ERRORS;
    if (!is_growth)
        gate->bound = -gate->bound;
    return true;
}

bool compare_gate_parse(const char *text, struct compare_gate *ret_gate)
{
    size_t bytes = strcspn(text, "<>");

    *ret_gate = (struct compare_gate){ .text = text };
    for (unsigned i = 0; text[bytes] && i < FIGURE_COUNT; i++) {
        ret_gate->figure = i;
        if (span_equals(span_of(text, bytes), span_of_string(figure_name(i))))
            return take_change(span_of_string(text + bytes), ret_gate);
    }
    return false;
}

int compare_run(struct compare *compare)
{
    int r = resample_run(compare->a, &compare->a_figures);

    return r < 0 ? r : resample_run(compare->b, &compare->b_figures);
}

enum compare_shown compare_shown(const struct compare *compare, enum figure figure)
{
    const struct estimate *a = &compare->a_figures.figures[figure];
    const struct estimate *b = &compare->b_figures.figures[figure];
    double least = RESOLUTION * fmax(a->value, b->value);

    if (!compare->a_figures.can_tell || !compare->b_figures.can_tell)
        return COMPARE_CANNOT_TELL;
    if (b->low > a->high && b->value - a->value > least)
        return COMPARE_MORE;
    if (b->high < a->low && a->value - b->value > least)
        return COMPARE_LESS;
    return COMPARE_SAME;
}

enum compare_verdict compare_judge(const struct compare *compare, const struct compare_gate *gate)
{
    double a = compare->a_figures.figures[gate->figure].value;
    double change = compare->b_figures.figures[gate->figure].value - a;
    double bound = gate->is_relative ? gate->bound * a : gate->bound;
    bool is_beyond = gate->bound < 0 ? change < bound : change > bound;

    if (compare->a->verdict.state == VERDICT_INVALID ||
        compare->b->verdict.state == VERDICT_INVALID)
        return COMPARE_UNJUDGED;
    switch (compare_shown(compare, gate->figure)) {
    case COMPARE_CANNOT_TELL:
        return COMPARE_UNJUDGED;
    case COMPARE_SAME:
        return is_beyond ? COMPARE_NOT_SHOWN : COMPARE_KEPT;
    case COMPARE_MORE:
    case COMPARE_LESS:
        break;
    }
    return is_beyond ? COMPARE_FAILED : COMPARE_KEPT;
}
