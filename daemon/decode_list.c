/*
 * decode_list.c - reads the elements of a list, one character at a time.
 *
 * An unknown coding takes a place in the list like any other, and the places are counted before
 * they are looked at: a long list is refused for its length, whatever it names. Identity takes
 * none; a thousand of them cost their bytes in the head, which has a limit of its own.
 */
#include "decode_list.h"

#include <assert.h>

static const struct {
    struct span name;
    enum decode_coding coding;
} decode_names[] = {
    { SPAN_LITERAL("gzip"), DECODE_GZIP },       { SPAN_LITERAL("x-gzip"), DECODE_GZIP },
    { SPAN_LITERAL("deflate"), DECODE_DEFLATE }, { SPAN_LITERAL("br"), DECODE_BROTLI },
    { SPAN_LITERAL("zstd"), DECODE_ZSTD },       { SPAN_LITERAL("identity"), DECODE_IDENTITY },
    { SPAN_LITERAL("none"), DECODE_IDENTITY },
};

static enum decode_coding coding_of_name(struct span name)
{
    for (size_t i = 0; i < sizeof(decode_names) / sizeof(decode_names[0]); i++) {
        if (span_equals_nocase(name, decode_names[i].name))
            return decode_names[i].coding;
    }
    return DECODE_UNKNOWN;
}

static void decode_list_end_element(struct decode_list *list)
{
    enum decode_coding coding = DECODE_UNKNOWN;
    bool is_empty = list->name_bytes == 0;

    if (list->name_bytes <= DECODE_NAME_BYTES_MAX)
        coding = coding_of_name(span_of(list->name, list->name_bytes));
    list->name_bytes = 0;
    list->name_has_ended = false;
    if (is_empty || coding == DECODE_IDENTITY || list->count > DECODE_CODINGS_MAX)
        return;
    if (list->count < DECODE_CODINGS_MAX)
        list->codings[list->count] = (uint8_t)coding;
    list->count++;
}

static void decode_list_add_character(struct decode_list *list, char c)
{
    if (list->name_has_ended || list->name_bytes >= DECODE_NAME_BYTES_MAX)
        list->name_bytes = DECODE_NAME_BYTES_MAX + 1;
    else
        list->name[list->name_bytes++] = c;
}

void decode_list_feed(struct decode_list *list, struct span piece)
{
    for (size_t i = 0; i < piece.bytes; i++) {
        char c = piece.data[i];

        if (c == ',')
            decode_list_end_element(list);
        else if (c == ' ' || c == '\t')
            list->name_has_ended = list->name_bytes > 0;
        else
            decode_list_add_character(list, c);
    }
}

void decode_list_end_value(struct decode_list *list)
{
    decode_list_end_element(list);
}

enum decode_list_verdict decode_list_judge(const struct decode_list *list, const char **ret_why)
{
    assert(list->name_bytes == 0);

    if (list->count > DECODE_CODINGS_MAX) {
        *ret_why = "the body is in more than 3 codings";
        return DECODE_LIST_TOO_MANY;
    }
    for (unsigned i = 0; i < list->count; i++) {
        if (list->codings[i] == DECODE_UNKNOWN) {
            *ret_why = "the body is in a coding that is not known";
            return DECODE_LIST_UNKNOWN;
        }
    }
    return list->count > 0 ? DECODE_LIST_CODED : DECODE_LIST_PLAIN;
}

void decode_list_check(const struct decode_list *list)
{
    assert(list->count <= DECODE_CODINGS_MAX + 1);
    assert(list->name_bytes <= DECODE_NAME_BYTES_MAX + 1);
    assert(!list->name_has_ended || list->name_bytes > 0);
    for (unsigned i = 0; i < list->count && i < DECODE_CODINGS_MAX; i++) {
        assert(list->codings[i] < DECODE_CODING_COUNT);
        assert(list->codings[i] != DECODE_IDENTITY);
    }
}
