/*
 * compare.c - whether two intervals touch.
 */
#include "compare.h"

#include <math.h>

/* Two of the histogram's steps: less is no difference, however steady both runs are. */
#define RESOLUTION 0.002

int compare_run(struct compare *compare)
{
    int r = resample_run(compare->a, &compare->figures, &compare->a_figures);

    return r < 0 ? r : resample_run(compare->b, &compare->figures, &compare->b_figures);
}

static bool is_below(const struct estimate *a, const struct estimate *b)
{
    return !a->is_open && a->high < b->low && b->value - a->value > RESOLUTION * b->value;
}

enum compare_shown compare_shown(const struct compare *compare, size_t index)
{
    const struct estimate *a = &compare->a_figures.estimates[index];
    const struct estimate *b = &compare->b_figures.estimates[index];

    if (!compare->a_figures.can_tell || !compare->b_figures.can_tell)
        return COMPARE_CANNOT_TELL;
    if (is_below(a, b))
        return COMPARE_MORE;
    return is_below(b, a) ? COMPARE_LESS : COMPARE_SAME;
}
