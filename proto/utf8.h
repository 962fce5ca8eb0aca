/*
 * utf8.h - which bytes are text (Unicode, table 3-7).
 */
#ifndef HAUL_UTF8_H
#define HAUL_UTF8_H

#include "span.h"

/* Bytes of the sequence at the front of a text that is not empty; 0 if it is none. */
size_t utf8_sequence(struct span text);

bool utf8_is_valid(struct span text);

#endif
