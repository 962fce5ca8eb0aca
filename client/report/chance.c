/*
 * chance.c - intervals of independent requests.
 */
#include "chance.h"

#include <math.h>

#define Z 1.96 /* of a normal distribution: 2.5 % are beyond it, at either end */
#define TAIL 0.025

/* How many of the requests are below the quantile varies as a binomial does; the ends are the
 * requests of those ranks. */
static void set_quantile(struct estimate *estimate, double quantile, const struct histogram *h)
{
    double count = (double)h->count;
    double reach = Z * sqrt(count * quantile * (1 - quantile));
    double low = floor(count * quantile - reach);
    double high = fmin(floor(count * quantile + reach) + 1, count);

    estimate->is_open = pow(quantile, count) > TAIL;
    if (h->count == 0)
        return;
    estimate->low = low < 1 ? 0 : (double)histogram_quantile(h, low / count);
    estimate->high = (double)histogram_quantile(h, high / count);
}

static void set_share(struct estimate *estimate, double count)
{
    double share = estimate->value, scale = 1 + Z * Z / count;
    double middle = (share + Z * Z / (2 * count)) / scale;
    double reach = Z / scale * sqrt(share * (1 - share) / count + Z * Z / (4 * count * count));

    estimate->low = share > 0 ? fmax(middle - reach, 0) : 0; /* not what rounding leaves of it */
    estimate->high = share < 1 ? fmin(middle + reach, 1) : 1;
}

struct estimate chance_estimate(const struct figure *figure, const struct report *report)
{
    const struct tally *tally = report->tally;
    const struct histogram *h = &tally->response;
    double value = figure_value(figure, report), reach;
    struct estimate estimate = { .value = value, .low = value, .high = value };

    switch (figure->kind) {
    case FIGURE_MEAN:
        reach = h->count ? Z * histogram_stdev(h) / sqrt((double)h->count) : 0;
        estimate.low = fmax(value - reach, 0);
        estimate.high = value + reach;
        break;
    case FIGURE_QUANTILE:
        set_quantile(&estimate, figure->quantile, h);
        break;
    case FIGURE_ERRORS:
        if (tally->requests)
            set_share(&estimate, (double)tally->requests);
        break;
    case FIGURE_RATE:
        break;
    }
    return estimate;
}
