/*
 * compare_text.h - a comparison as text or as JSON.
 */
#ifndef HAUL_COMPARE_TEXT_H
#define HAUL_COMPARE_TEXT_H

#include "gate.h"
#include "text.h"

void compare_write_text(struct text *out, const struct compare *compare, const struct gate *gates,
                        size_t gates_count);
void compare_write_json(struct text *out, const struct compare *compare, const struct gate *gates,
                        size_t gates_count);

#endif
