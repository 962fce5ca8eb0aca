/*
 * slo.c - bounds on figures.
 */
#include "slo.h"

#include "units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number up to 100, and nothing behind it; strtod would know other locales and "nan". */
static bool parse_percentage(struct span text, double *ret_share)
{
    double value = 0, unit = 1;
    bool has_digit = false, has_point = false;

    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];

        if (c == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (c < '0' || c > '9')
            return false;
        has_digit = true;
        value = value * 10 + (c - '0');
        unit *= has_point ? 10 : 1;
    }
    *ret_share = value / unit / 100;
    return has_digit && *ret_share <= 1;
}

static bool parse_figure(struct span name, struct slo *slo)
{
    if (span_equals(name, SPAN_LITERAL("mean")))
        slo->figure = SLO_MEAN;
    else if (span_equals(name, SPAN_LITERAL("max")))
        slo->figure = SLO_MAX;
    else if (span_equals(name, SPAN_LITERAL("errors")))
        slo->figure = SLO_ERRORS;
    else if (name.bytes > 1 && name.data[0] == 'p') {
        slo->figure = SLO_QUANTILE;
        span_advance(&name, 1);
        return parse_percentage(name, &slo->quantile);
    } else
        return false;
    return true;
}

bool slo_parse(const char *text, struct slo *ret_slo)
{
    const char *less = strchr(text, '<');
    struct span bound;
    uint64_t ns;

    *ret_slo = (struct slo){ 0 };
    if (!less || !parse_figure(span_of(text, (size_t)(less - text)), ret_slo))
        return false;
    bound = span_of_string(less + 1);
    if (ret_slo->figure == SLO_ERRORS) {
        if (bound.bytes == 0 || bound.data[bound.bytes - 1] != '%')
            return false;
        bound.bytes--;
        return parse_percentage(bound, &ret_slo->bound);
    }
    if (!units_parse_duration(bound, &ns))
        return false;
    ret_slo->bound = (double)ns;
    return true;
}

double slo_measure(const struct slo *slo, const struct tally *tally)
{
    const struct histogram *h = &tally->response;
    double good = tally->requests ? (double)tally->good / (double)tally->requests : 0;

    switch (slo->figure) {
    case SLO_QUANTILE:
        return slo->quantile > good + 1e-12 ? INFINITY
                                            : (double)histogram_quantile(h, slo->quantile);
    case SLO_MEAN:
        return tally->good ? histogram_mean(h) : INFINITY;
    case SLO_MAX:
        return tally->good < tally->requests ? INFINITY : (double)h->max_ns;
    case SLO_ERRORS:
        break;
    }
    return 1 - good;
}
