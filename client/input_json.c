/*
 * input_json.c - an item as a JSON object.
 *
 * Keys are a table; one we do not know is refused by name, because a misspelt "heders" that is
 * silently ignored costs more than a message. "id" is a label and is given back as it was.
 */
#include "input.h"

#include "plan.h"
#include "units.h"
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>

#define TIMEOUT_SECONDS_MAX 86400.0

struct json_line {
    struct input_parser *parser;
    struct input_item *item;
    const char *why; /* of the last key that was refused */
    enum fault_code code;
    bool is_bad; /* a key was refused: the first one is reported */
};

static struct span span_of_json(yyjson_val *value)
{
    return span_of(yyjson_get_str(value), yyjson_get_len(value));
}

static bool refuse(struct json_line *line, const char *why)
{
    line->why = why;
    return false;
}

static bool read_url(struct json_line *line, yyjson_val *value)
{
    if (!yyjson_is_str(value))
        return refuse(line, "\"url\" is not a string");
    line->item->url = span_of_json(value);
    if (line->item->url.bytes > WIRE_URL_BYTES_MAX) {
        line->item->url.bytes = 256;
        line->code = FAULT_INPUT_TOO_BIG;
        return refuse(line, "a URL has at most 65536 bytes");
    }
    return true;
}

static bool read_id(struct json_line *line, yyjson_val *value)
{
    struct text *label = &line->parser->label;

    text_clear(label, INPUT_LABEL_BYTES_MAX * 8);
    if (yyjson_is_str(value))
        text_put_json(label, span_of_json(value));
    else if (yyjson_is_uint(value))
        text_put_u64(label, yyjson_get_uint(value));
    else if (yyjson_is_sint(value))
        text_put_i64(label, yyjson_get_sint(value));
    else
        return refuse(line, "\"id\" is neither a string nor an integer");
    if (label->bytes > INPUT_LABEL_BYTES_MAX)
        return refuse(line, "\"id\" has more than 1024 bytes");
    line->item->label = text_span(label);
    line->item->id = yyjson_is_str(value) ? span_of_json(value) : line->item->label;
    return true;
}

static bool read_method(struct json_line *line, yyjson_val *value)
{
    if (!yyjson_is_str(value) || yyjson_get_len(value) == 0 || yyjson_get_len(value) > 32)
        return refuse(line, "\"method\" is not a string of 1 to 32 bytes");
    line->item->method = span_of_json(value);
    return true;
}

static bool add_field(struct json_line *line, struct span name, yyjson_val *value)
{
    struct input_item *item = line->item;

    if (!yyjson_is_str(value))
        return refuse(line, "a value in \"headers\" is not a string");
    if (item->field_count >= WIRE_HEADERS_MAX) {
        line->code = FAULT_INPUT_TOO_BIG;
        return refuse(line, "\"headers\" has more than 256 fields");
    }
    plan_put_field(&line->parser->fields, name, span_of_json(value));
    item->field_count++;
    if (line->parser->fields.bytes > WIRE_HEADER_BYTES_MAX) {
        line->code = FAULT_INPUT_TOO_BIG;
        return refuse(line, "\"headers\" has more than 128 KiB");
    }
    return true;
}

/* {"Name":"value", "Name":["one","two"]} */
static bool read_headers(struct json_line *line, yyjson_val *value)
{
    yyjson_obj_iter fields;
    yyjson_val *key, *one;

    if (!yyjson_is_obj(value))
        return refuse(line, "\"headers\" is not an object");
    yyjson_obj_iter_init(value, &fields);
    while ((key = yyjson_obj_iter_next(&fields))) {
        yyjson_val *field = yyjson_obj_iter_get_val(key);
        size_t index, count;

        if (!yyjson_is_arr(field)) {
            if (!add_field(line, span_of_json(key), field))
                return false;
            continue;
        }
        yyjson_arr_foreach(field, index, count, one)
        {
            if (!add_field(line, span_of_json(key), one))
                return false;
        }
    }
    line->item->fields = text_span(&line->parser->fields);
    return true;
}

static bool set_body(struct json_line *line, struct span body)
{
    if (line->item->has_body)
        return refuse(line, "\"body\" and \"body_base64\" exclude each other");
    if (body.bytes > WIRE_FRAME_BYTES_MAX - (256u << 10)) {
        line->code = FAULT_INPUT_TOO_BIG;
        return refuse(line, "a body of more than 768 KiB is not in this build");
    }
    line->item->has_body = true;
    line->item->body = body;
    return true;
}

static bool read_body(struct json_line *line, yyjson_val *value)
{
    if (!yyjson_is_str(value))
        return refuse(line, "\"body\" is not a string");
    return set_body(line, span_of_json(value));
}

static bool read_body_base64(struct json_line *line, yyjson_val *value)
{
    struct text *decoded = &line->parser->decoded;

    text_clear(decoded, INPUT_LINE_BYTES_MAX);
    if (!yyjson_is_str(value) || !text_put_base64_decoded(decoded, span_of_json(value)))
        return refuse(line, "\"body_base64\" is not base64");
    return set_body(line, text_span(decoded));
}

static bool read_output(struct json_line *line, yyjson_val *value)
{
    struct span output = span_of_json(value);

    if (!yyjson_is_str(value) || output.bytes == 0 || output.bytes > 4095 ||
        memchr(output.data, '\0', output.bytes))
        return refuse(line, "\"output\" is not a file name");
    line->item->output = output;
    return true;
}

static bool read_timeout(struct json_line *line, yyjson_val *value)
{
    double seconds = yyjson_get_num(value);

    if (yyjson_is_str(value)) {
        if (!units_parse_duration(span_of_json(value), &line->item->timeout_ns) ||
            line->item->timeout_ns == 0)
            return refuse(line, "\"timeout\" is not a time, as 2.5 or \"500ms\"");
        return true;
    }
    if (!yyjson_is_num(value) || !(seconds > 0) || seconds > TIMEOUT_SECONDS_MAX)
        return refuse(line, "\"timeout\" is not between 0 and 86400 seconds");
    line->item->timeout_ns = (uint64_t)(seconds * 1e9);
    if (line->item->timeout_ns == 0)
        line->item->timeout_ns = 1;
    return true;
}

static bool read_expect_hash(struct json_line *line, yyjson_val *value)
{
    struct input_item *item = line->item;

    if (yyjson_is_str(value))
        item->expect_kind = hash_parse(span_of_json(value), line->parser->expect_hash);
    if (item->expect_kind == HASH_NONE)
        return refuse(line,
                      "\"expect_hash\" is neither sha256: and 64 hex digits, nor xxh3: and 16");
    item->expect_hash = line->parser->expect_hash;
    return true;
}

static const struct {
    const char *name;
    bool (*read)(struct json_line *line, yyjson_val *value);
} keys[] = {
    { "url", read_url },         { "id", read_id },           { "method", read_method },
    { "headers", read_headers }, { "body", read_body },       { "body_base64", read_body_base64 },
    { "output", read_output },   { "timeout", read_timeout }, { "expect_hash", read_expect_hash },
};

static const char unknown_key[] = "an unknown key";

static bool read_key(struct json_line *line, yyjson_val *key)
{
    struct span name = span_of_json(key);

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (span_equals(name, span_of_string(keys[i].name)))
            return keys[i].read(line, yyjson_obj_iter_get_val(key));
    return refuse(line, unknown_key);
}

static enum input_kind refuse_with(struct input_parser *parser, struct input_item *item,
                                   enum fault_code code, const char *why, const char *detail)
{
    char text[INPUT_WHY_BYTES];

    (void)snprintf(text, sizeof(text), "%s%s%.60s", why, *detail ? ": " : "", detail);
    return input_refuse(parser, item, code, text);
}

/* All keys are read even after a bad one, so that the record has the item's id and URL. */
static void read_members(struct json_line *line, yyjson_val *root)
{
    yyjson_obj_iter members;
    yyjson_val *key;

    yyjson_obj_iter_init(root, &members);
    while ((key = yyjson_obj_iter_next(&members))) {
        line->code = FAULT_INPUT_ARGUMENT;
        if (read_key(line, key) || line->is_bad)
            continue;
        line->is_bad = true;
        (void)refuse_with(line->parser, line->item, line->code, line->why,
                          line->why == unknown_key ? yyjson_get_str(key) : "");
    }
}

enum input_kind input_parse_json(struct input_parser *parser, struct span line,
                                 struct input_item *item)
{
    struct json_line reader = { .parser = parser, .item = item };
    yyjson_read_err error = { 0 };

    text_clear(&parser->fields, WIRE_HEADER_BYTES_MAX);
    yyjson_doc_free(parser->doc);
    /* Not insitu: the flag is not given, so the line is not written to. */
    parser->doc = yyjson_read_opts((char *)(uintptr_t)line.data, line.bytes, 0, NULL, &error);
    if (!parser->doc)
        return refuse_with(parser, item, FAULT_INPUT_ARGUMENT, "not JSON",
                           error.msg ? error.msg : "");
    read_members(&reader, yyjson_doc_get_root(parser->doc));
    if (!reader.is_bad && item->url.bytes == 0)
        return input_refuse(parser, item, FAULT_INPUT_URL, "\"url\" is missing");
    return reader.is_bad ? INPUT_BAD : INPUT_ITEM;
}
