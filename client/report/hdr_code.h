/*
 * hdr_code.h - a histogram as text that HdrHistogram's own tools read (V2, deflated, base64).
 */
#ifndef HAUL_HDR_CODE_H
#define HAUL_HDR_CODE_H

#include "histogram.h"
#include "text.h"

/* Appends the text. 0 or -ENOMEM. */
int hdr_encode(const struct histogram *histogram, struct text *out);

/* Adds what the text says to histogram: each count at the low end of its bucket. 0, -ENOMEM, or
 * -EINVAL for what is no such text, or one of another precision. */
int hdr_decode(struct span text, struct histogram *histogram);

#endif
