/*
 * fields.h - the header fields a client gives, and which of them may be sent.
 *
 * Pure. Lists are in wire form (message.h), already bounds-checked.
 */
#ifndef HAULD_FIELDS_H
#define HAULD_FIELDS_H

#include "message.h"
#include "span.h"

/* "Name: value\r\n" */
#define FIELDS_FRAMING_BYTES 4

#define FIELDS_HOST SPAN_LITERAL("host")
#define FIELDS_AUTHORIZATION SPAN_LITERAL("authorization")
#define FIELDS_COOKIE SPAN_LITERAL("cookie")

/* What goes into one head; starts as zero. */
struct fields_total {
    size_t count;
    size_t bytes;
};

/* Adds a field: NULL, or which limit it passes (static, one clause). */
const char *fields_add(struct fields_total *total, const struct message_field *field);

/* NULL, or which limit this list passes by itself. */
const char *fields_check_sizes(struct span fields);

/* NULL, or what in this list cannot be sent (static, one clause). */
const char *fields_check(struct span fields);

bool fields_have(struct span fields, struct span name);

/* Of names and values: RFC 9110 section 5.6.2; 0x00 to 0x1f and 0x7f. */
bool fields_text_is_token(struct span text);
bool fields_text_has_control(struct span text, bool tab_is_fine);

#endif
