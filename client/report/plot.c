/*
 * plot.c - 2 x 4 dots to a character.
 */
#include "plot.h"

#include "units.h"

#include <math.h>

#define COLUMNS 64u
#define ROWS 12u
#define DOTS_X (COLUMNS * 2)
#define DOTS_Y (ROWS * 4)
#define LABEL_WIDTH 9
#define DECADES_MAX 5u /* 99.999 % */

struct plot {
    unsigned char cells[ROWS][COLUMNS]; /* the dots of a character, as in U+2800 */
    unsigned decades;                   /* along x */
    double low;                         /* log10 of ns, at the bottom */
    double high;
};

static void set_dot(struct plot *plot, unsigned x, unsigned y)
{
    static const unsigned char bits[4][2] = {
        { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 }
    };

    plot->cells[y / 4][x / 2] |= bits[y % 4][x % 2];
}

static double quantile_at(const struct plot *plot, unsigned x)
{
    return 1 - pow(10, -(double)x * plot->decades / (DOTS_X - 1));
}

static unsigned dot_of(const struct plot *plot, uint64_t ns)
{
    double share = (log10((double)(ns ? ns : 1)) - plot->low) / (plot->high - plot->low);

    return (unsigned)((1 - share) * (DOTS_Y - 1) + 0.5);
}

static void draw(struct plot *plot, const struct histogram *h)
{
    unsigned before = dot_of(plot, histogram_quantile(h, 0));

    for (unsigned x = 0; x < DOTS_X; x++) {
        unsigned y = dot_of(plot, histogram_quantile(h, quantile_at(plot, x)));

        for (unsigned step = y; step <= before; step++) /* a jump is a line upwards */
            set_dot(plot, x, step);
        before = y;
    }
}

static void put_braille(struct text *out, unsigned char dots)
{
    const char bytes[3] = { '\342', (char)(0xa0 | dots >> 6), (char)(0x80 | (dots & 0x3f)) };

    text_put(out, bytes, sizeof(bytes));
}

static void put_row(struct text *out, const struct plot *plot, unsigned row)
{
    double level = plot->high - (plot->high - plot->low) * (row * 4 + 1.5) / (DOTS_Y - 1);
    char label[UNITS_TEXT_BYTES];

    text_put_format(out, "  %*s \342\224\202", LABEL_WIDTH,
                    row % 3 == 1 || row == 0
                        ? units_format_latency((uint64_t)pow(10, level), label, sizeof(label))
                        : "");
    for (unsigned x = 0; x < COLUMNS; x++)
        put_braille(out, plot->cells[row][x]);
    text_put_char(out, '\n');
}

/* The name of each decade stands where it begins. */
static void put_axis(struct text *out, const struct plot *plot)
{
    static const char *const names[DECADES_MAX + 1] = {
        "0", "90", "99", "99.9", "99.99", "99.999%"
    };
    unsigned used = 0;

    text_put_format(out, "  %*s \342\224\224", LABEL_WIDTH, "");
    for (unsigned x = 0; x < COLUMNS; x++)
        text_put_literal(out, "\342\224\200");
    text_put_format(out, "\n  %*s  ", LABEL_WIDTH, "");
    for (unsigned decade = 0; decade <= plot->decades; decade++) {
        unsigned at = decade * COLUMNS / plot->decades;
        unsigned bytes = (unsigned)strlen(names[decade]);

        at = at + bytes > COLUMNS ? COLUMNS - bytes : at;
        for (; used < at; used++)
            text_put_char(out, ' ');
        text_put_string(out, names[decade]);
        used += bytes;
    }
    text_put_char(out, '\n');
}

void plot_write(struct text *out, const struct report *report)
{
    const struct histogram *h = report_clock(report);
    struct plot plot = { .decades = 1 };
    double margin;

    if (h->count == 0)
        return;
    while (plot.decades < DECADES_MAX && pow(10, plot.decades) < (double)h->count)
        plot.decades++;
    plot.low = log10((double)(h->min_ns ? h->min_ns : 1));
    plot.high = log10((double)(h->max_ns ? h->max_ns : 1));
    margin = plot.high - plot.low < 0.1 ? 0.05 : 0; /* all alike: a line in the middle */
    plot.low -= margin;
    plot.high += margin;
    draw(&plot, h);
    text_put_format(out, "\n  %s time by percentile\n",
                    report_has_response_clock(report) ? "response" : "service");
    for (unsigned row = 0; row < ROWS; row++)
        put_row(out, &plot, row);
    put_axis(out, &plot);
}
