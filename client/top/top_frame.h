/*
 * top_frame.h - one picture of haul top, as lines that fit a terminal.
 *
 * Pure. No line is wider than width columns and there are no more than height, 0 each for as it
 * comes; the lower lines, the origins, are cut first, and it says how many there are more. All text
 * is printable ASCII, one byte a column: whatever else the daemon says becomes '?'.
 */
#ifndef HAUL_TOP_FRAME_H
#define HAUL_TOP_FRAME_H

#include "text.h"
#include "top_rates.h"

struct top_frame {
    const struct top_sample *sample;
    const struct top_rates *rates;
    const char *notice; /* NULL: none */
    unsigned width;
    unsigned height;
    bool is_colored; /* a line begins and ends with its style then */
};

/* Lines, each with its LF. */
void top_frame_write(struct text *out, const struct top_frame *frame);

#endif
