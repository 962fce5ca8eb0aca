/*
 * resume.c - RFC 9110, section 14.4, as far as one part is concerned.
 */
#include "resume.h"

static bool take_number(struct span *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t digits = 0;

    while (digits < text->bytes && text->data[digits] >= '0' && text->data[digits] <= '9') {
        if (digits == 18)
            return false;
        number = number * 10 + (uint64_t)(text->data[digits++] - '0');
    }
    span_advance(text, digits);
    *ret_number = number;
    return digits > 0;
}

bool resume_parse_offset(struct span text, uint64_t *ret_offset)
{
    return take_number(&text, ret_offset) && text.bytes == 0;
}

static bool take_prefix(struct span *text, struct span prefix)
{
    if (text->bytes < prefix.bytes ||
        !span_equals_nocase(span_of(text->data, prefix.bytes), prefix))
        return false;
    span_advance(text, prefix.bytes);
    return true;
}

/* "bytes 4-6/7", and "*" in place of the 7. */
static bool begins_at(struct span content_range, uint64_t offset)
{
    uint64_t first, last;

    return take_prefix(&content_range, SPAN_LITERAL("bytes ")) &&
           take_number(&content_range, &first) && take_prefix(&content_range, SPAN_LITERAL("-")) &&
           take_number(&content_range, &last) && take_prefix(&content_range, SPAN_LITERAL("/")) &&
           first == offset && last >= first;
}

/* "bytes * / 7" without the blanks. A server that does not say it is believed, as curl does. */
static bool has_size(struct span content_range, uint64_t offset)
{
    uint64_t size;

    return !take_prefix(&content_range, SPAN_LITERAL("bytes */")) ||
           !take_number(&content_range, &size) || size == offset;
}

enum resume_verdict resume_judge(unsigned status, struct span content_range, uint64_t offset)
{
    switch (status) {
    case 206:
        return begins_at(content_range, offset) ? RESUME_APPEND : RESUME_OTHER_PART;
    case 200:
    case 203:
        return RESUME_REPLACE;
    case 304:
        return RESUME_COMPLETE;
    case 416:
        return has_size(content_range, offset) ? RESUME_COMPLETE : RESUME_OTHER_SIZE;
    default:
        return RESUME_REFUSED;
    }
}
