/*
 * fuzz_input.c - whatever a list holds, its lines are the same however they arrive, and what is
 * made of a line points into the line or the parser and keeps the limits of the wire.
 */
#include "input.h"
#include "message.h"
#include "wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static void check_item(const struct input_item *item, enum input_kind kind)
{
    struct span fields = item->fields;
    struct message_field field;
    unsigned count = 0;

    REQUIRE((kind == INPUT_BAD) == fault_is_set(&item->fault));
    REQUIRE(item->url.bytes <= WIRE_URL_BYTES_MAX);
    REQUIRE(item->label.bytes <= INPUT_LABEL_BYTES_MAX || kind == INPUT_BAD);
    if (kind != INPUT_ITEM)
        return;
    REQUIRE(item->url.bytes > 0);
    while (message_next_field(&fields, &field))
        count++;
    REQUIRE(count == item->field_count && count <= WIRE_HEADERS_MAX);
    REQUIRE(item->fields.bytes <= WIRE_HEADER_BYTES_MAX);
}

/* A checksum of all lines and of what they mean; piece_bytes is how the input arrives. */
static uint64_t read_all(struct span text, size_t piece_bytes)
{
    struct input_parser parser;
    struct input_item item;
    struct input input;
    struct span line;
    uint64_t sum = 1;

    input_init(&input, -1);
    input_parser_init(&parser);
    while (text.bytes || !input.ended) {
        size_t piece = text.bytes < piece_bytes ? text.bytes : piece_bytes;

        if (piece)
            input_feed(&input, span_of(text.data, piece));
        else
            input_finish(&input);
        span_advance(&text, piece);
        while (input_next(&input, &line) == INPUT_LINE) {
            enum input_kind kind = input_parse(&parser, line, &item);

            check_item(&item, kind);
            sum = (sum ^ kind ^ item.url.bytes << 2) * 0x100000001b3u + line.bytes;
        }
    }
    input_parser_deinit(&parser);
    input_deinit(&input);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct span text = span_of(data, bytes);

    if (bytes == 0)
        return 0;
    REQUIRE(read_all(text, bytes) == read_all(text, 7));
    return 0;
}
