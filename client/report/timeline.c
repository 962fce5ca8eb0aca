/*
 * timeline.c - what haul knows of each request, to scale.
 */
#include "timeline.h"

#include "units.h"

#include <stdio.h>

void timeline_add(struct timeline *timeline, const struct outcome *item)
{
    const uint64_t *phases = item->timing.phase_ns;
    struct timeline_row *row;

    if (item->number == 0 || item->number > TIMELINE_ROWS_MAX)
        return;
    row = &timeline->rows[item->number - 1];
    *row = (struct timeline_row){
        .number = item->number,
        .start_ns = item->result->t0_ns,
        .queue_ns = phases[PHASE_QUEUE - PHASE_QUEUE],
        .connect_ns = phases[PHASE_DNS - PHASE_QUEUE] + phases[PHASE_CONNECT - PHASE_QUEUE] +
                      phases[PHASE_TLS - PHASE_QUEUE],
        .wait_ns = phases[PHASE_SEND - PHASE_QUEUE] + phases[PHASE_WAIT - PHASE_QUEUE],
        .receive_ns = phases[PHASE_RECEIVE - PHASE_QUEUE] + phases[PHASE_DELIVER - PHASE_QUEUE],
        .status = item->is_ok ? item->result->status : 0,
    };
    if (item->is_ok)
        (void)snprintf(row->name, sizeof(row->name), "%.*s", (int)item->url.bytes, item->url.data);
    else
        (void)snprintf(row->name, sizeof(row->name), "%s/%s", fault_domain(item->fault.code),
                       fault_name(item->fault.code));
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

static void put_row(struct text *out, const struct timeline_row *row, const struct scale *scale)
{
    char columns[TIMELINE_WIDTH + 1];
    uint64_t now_ns = row->start_ns;

    memset(columns, ' ', TIMELINE_WIDTH);
    columns[TIMELINE_WIDTH] = '\0';
    draw(columns, scale, &now_ns, row->queue_ns, '.');
    draw(columns, scale, &now_ns, row->connect_ns, '-');
    draw(columns, scale, &now_ns, row->wait_ns, '=');
    draw(columns, scale, &now_ns, row->receive_ns, '#');
    text_put_format(out, "%5llu |%s| ", (unsigned long long)row->number, columns);
    if (row->status)
        text_put_format(out, "%u  ", row->status);
    for (const char *c = row->name; *c; c++)
        text_put_char(out, (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
    text_put_char(out, '\n');
}

void timeline_write(struct text *out, const struct timeline *timeline)
{
    struct scale scale = { .start_ns = UINT64_MAX };
    char length[UNITS_TEXT_BYTES];
    uint64_t end_ns = 0;

    for (unsigned i = 0; i < TIMELINE_ROWS_MAX; i++) {
        const struct timeline_row *row = &timeline->rows[i];
        uint64_t row_end_ns =
            row->start_ns + row->queue_ns + row->connect_ns + row->wait_ns + row->receive_ns;

        if (!row->number)
            continue;
        scale.start_ns = row->start_ns < scale.start_ns ? row->start_ns : scale.start_ns;
        end_ns = row_end_ns > end_ns ? row_end_ns : end_ns;
    }
    if (end_ns == 0)
        return;
    scale.length_ns = end_ns > scale.start_ns ? end_ns - scale.start_ns : 1;
    text_put_format(out, "%5s  0 s%*s  . queued  - connect  = wait  # receive\n", "",
                    (int)TIMELINE_WIDTH - 3,
                    units_format_duration(scale.length_ns, length, sizeof(length)));
    for (unsigned i = 0; i < TIMELINE_ROWS_MAX; i++)
        if (timeline->rows[i].number)
            put_row(out, &timeline->rows[i], &scale);
}
