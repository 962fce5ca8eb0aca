/*
 * timeline.c - what haul knows of each request, to scale.
 */
#include "timeline.h"

#include "units.h"

#include <stdio.h>

static uint64_t phase(const struct waterfall_row *row, enum phase which)
{
    return row->phase_ns[which - PHASE_QUEUE];
}

struct scale {
    uint64_t start_ns;
    uint64_t length_ns;
};

static unsigned column_of(const struct scale *scale, uint64_t now_ns)
{
    double share = (double)(now_ns - scale->start_ns) / (double)scale->length_ns;

    return (unsigned)(share * TIMELINE_WIDTH + 0.5);
}

/* Every phase that took time is seen: at least one column, if there is one left. */
static void draw(char *columns, const struct scale *scale, uint64_t *now_ns, uint64_t length_ns,
                 char mark)
{
    unsigned from = column_of(scale, *now_ns);
    unsigned to = column_of(scale, *now_ns + length_ns);

    *now_ns += length_ns;
    if (length_ns == 0)
        return;
    if (to == from && to < TIMELINE_WIDTH)
        to++;
    for (unsigned i = from; i < to && i < TIMELINE_WIDTH; i++)
        columns[i] = mark;
}

static void put_name(struct text *out, const struct waterfall_row *row)
{
    if (row->fault) {
        text_put_format(out, "%s/%s", fault_domain(row->fault), fault_name(row->fault));
        return;
    }
    text_put_format(out, "%u  ", row->status);
    text_put_visible(out, span_of(row->name, strnlen(row->name, TIMELINE_NAME_BYTES)));
}

static void put_row(struct text *out, const struct waterfall_row *row, const struct scale *scale)
{
    char columns[TIMELINE_WIDTH + 1];
    uint64_t now_ns = row->start_ns;

    memset(columns, ' ', TIMELINE_WIDTH);
    columns[TIMELINE_WIDTH] = '\0';
    draw(columns, scale, &now_ns, phase(row, PHASE_QUEUE), '.');
    draw(columns, scale, &now_ns,
         phase(row, PHASE_DNS) + phase(row, PHASE_CONNECT) + phase(row, PHASE_TLS), '-');
    draw(columns, scale, &now_ns, phase(row, PHASE_SEND) + phase(row, PHASE_WAIT), '=');
    draw(columns, scale, &now_ns, phase(row, PHASE_RECEIVE) + phase(row, PHASE_DELIVER), '#');
    text_put_format(out, "%5llu |%s| ", (unsigned long long)row->number, columns);
    put_name(out, row);
    text_put_char(out, '\n');
}

void timeline_write(struct text *out, const struct waterfall *waterfall)
{
    struct scale scale = { .start_ns = UINT64_MAX };
    char length[UNITS_TEXT_BYTES];
    uint64_t end_ns = 0;
    size_t count =
        waterfall->first_count < TIMELINE_ROWS_MAX ? waterfall->first_count : TIMELINE_ROWS_MAX;

    for (size_t i = 0; i < count; i++) {
        const struct waterfall_row *row = &waterfall->first[i];
        uint64_t row_end_ns = row->start_ns;

        for (unsigned j = 0; j < TIMING_PHASES; j++)
            row_end_ns += row->phase_ns[j];
        scale.start_ns = row->start_ns < scale.start_ns ? row->start_ns : scale.start_ns;
        end_ns = row_end_ns > end_ns ? row_end_ns : end_ns;
    }
    if (end_ns == 0)
        return;
    scale.length_ns = end_ns > scale.start_ns ? end_ns - scale.start_ns : 1;
    text_put_format(out, "%5s  0 s%*s  . queued  - connect  = wait  # receive\n", "",
                    (int)TIMELINE_WIDTH - 3,
                    units_format_duration(scale.length_ns, length, sizeof(length)));
    for (size_t i = 0; i < count; i++)
        put_row(out, &waterfall->first[i], &scale);
}
