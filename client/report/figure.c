/*
 * figure.c - an ordered set of figures.
 */
#include "figure.h"

#include "units.h"

#include <assert.h>

static const struct figure always[FIGURES_ALWAYS] = {
    { "mean", FIGURE_MEAN, 0 },       { "p50", FIGURE_QUANTILE, 0.5 },
    { "p90", FIGURE_QUANTILE, 0.9 },  { "p95", FIGURE_QUANTILE, 0.95 },
    { "p99", FIGURE_QUANTILE, 0.99 }, { "p99.9", FIGURE_QUANTILE, 0.999 },
    { "rate", FIGURE_RATE, 0 },       { "errors", FIGURE_ERRORS, 0 },
};

static bool parse_percentile(struct span name, struct figure *ret_figure)
{
    struct span number = span_of(name.data + 1, name.bytes - 1);
    uint64_t millionths;

    for (size_t i = 0; i < number.bytes; i++)
        if (number.data[i] != '.' && (number.data[i] < '0' || number.data[i] > '9'))
            return false;
    if (!units_parse_rate_uhz(number, &millionths) || millionths == 0 || millionths >= 100000000)
        return false;
    *ret_figure = (struct figure){ .kind = FIGURE_QUANTILE, .quantile = (double)millionths / 1e8 };
    memcpy(ret_figure->name, name.data, name.bytes);
    return true;
}

bool figure_parse(struct span name, struct figure *ret_figure)
{
    for (size_t i = 0; i < FIGURES_ALWAYS; i++)
        if (span_equals(name, span_of_string(always[i].name))) {
            *ret_figure = always[i];
            return true;
        }
    return name.bytes > 1 && name.bytes < FIGURE_NAME_BYTES && name.data[0] == 'p' &&
           parse_percentile(name, ret_figure);
}

double figure_value(const struct figure *figure, const struct report *report)
{
    const struct tally *tally = report->tally;
    double requests = (double)tally->requests, seconds = report_seconds(report);

    switch (figure->kind) {
    case FIGURE_MEAN:
        return histogram_mean(&tally->response);
    case FIGURE_QUANTILE:
        return (double)histogram_quantile(&tally->response, figure->quantile);
    case FIGURE_RATE:
        return seconds > 0 ? requests / seconds : 0;
    case FIGURE_ERRORS:
        break;
    }
    return requests > 0 ? (requests - (double)tally->good) / requests : 0;
}

void figures_init(struct figures *figures)
{
    *figures = (struct figures){ .count = FIGURES_ALWAYS };
    memcpy(figures->rows, always, sizeof(always));
}

/* Less than zero: a comes first. */
static int order_of(const struct figure *a, const struct figure *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->quantile > b->quantile) - (a->quantile < b->quantile);
}

static size_t place_of(const struct figures *figures, const struct figure *figure)
{
    size_t i = 0;

    while (i < figures->count && order_of(&figures->rows[i], figure) < 0)
        i++;
    return i;
}

void figures_add(struct figures *figures, const struct figure *figure)
{
    size_t place = place_of(figures, figure);
    struct figure *row = &figures->rows[place];

    if (place < figures->count && order_of(row, figure) == 0)
        return;
    assert(figures->count < FIGURES_MAX);
    memmove(row + 1, row, (figures->count - place) * sizeof(*row));
    *row = *figure;
    figures->count++;
}

size_t figures_find(const struct figures *figures, const struct figure *figure)
{
    size_t place = place_of(figures, figure);

    assert(place < figures->count && order_of(&figures->rows[place], figure) == 0);
    return place;
}
