/*
 * gate.c - bounds on a comparison.
 */
#include "gate.h"

#include "units.h"

static bool take_change(struct span text, struct gate *gate)
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
    } else if (gate->figure.kind == FIGURE_RATE) {
        if (!units_parse_rate_uhz(number, &value))
            return false;
        gate->bound = (double)value / 1e6;
    } else {
        if (!figure_is_time(&gate->figure) || !units_parse_duration(number, &value))
            return false;
        gate->bound = (double)value;
    }
    gate->is_relative = is_percent && gate->figure.kind != FIGURE_ERRORS;
    if (!is_growth)
        gate->bound = -gate->bound;
    return true;
}

bool gate_parse(const char *text, struct gate *ret_gate)
{
    size_t bytes = strcspn(text, "<>");

    *ret_gate = (struct gate){ .text = text };
    return text[bytes] && figure_parse(span_of(text, bytes), &ret_gate->figure) &&
           take_change(span_of_string(text + bytes), ret_gate);
}

enum gate_verdict gate_judge(const struct gate *gate, const struct compare *compare)
{
    size_t index = figures_find(&compare->figures, &gate->figure);
    const struct estimate *a = &compare->a_figures.estimates[index];
    const struct estimate *b = &compare->b_figures.estimates[index];
    double change = b->value - a->value;
    double bound = gate->is_relative ? gate->bound * a->value : gate->bound;
    bool is_beyond = gate->bound < 0 ? change < bound : change > bound;

    if (compare->a->verdict.state == VERDICT_INVALID ||
        compare->b->verdict.state == VERDICT_INVALID)
        return GATE_UNJUDGED;
    switch (compare_shown(compare, index)) {
    case COMPARE_CANNOT_TELL:
        return GATE_UNJUDGED;
    case COMPARE_SAME:
        if (a->is_open || b->is_open)
            return GATE_UNJUDGED;
        return is_beyond ? GATE_NOT_SHOWN : GATE_KEPT;
    case COMPARE_MORE:
    case COMPARE_LESS:
        break;
    }
    return is_beyond ? GATE_FAILED : GATE_KEPT;
}
