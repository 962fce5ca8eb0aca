/*
 * input.c - lines out of bytes, items out of lines.
 *
 * The buffer holds the unread rest of the last read; it is moved to the front only when a read
 * needs room, so a line is looked at once and copied at most once. A line that does not fit the
 * limit is dropped as it comes: ten gigabytes without a newline cost one buffer.
 */
#include "input.h"

#include "url.h"
#include "wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

void input_init(struct input *input, int fd)
{
    *input = (struct input){ .fd = fd, .ended = fd < 0 };
    text_init(&input->buffer);
}

void input_deinit(struct input *input)
{
    text_deinit(&input->buffer);
    input->fd = -1;
}

static char *input_make_room(struct input *input, size_t bytes)
{
    text_drop(&input->buffer, input->at);
    input->at = 0;
    return text_reserve(&input->buffer, bytes);
}

int input_read(struct input *input)
{
    char *room = input_make_room(input, INPUT_READ_BYTES);
    ssize_t got;

    if (!room)
        return -ENOMEM;
    got = read(input->fd, room, INPUT_READ_BYTES);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : -errno;
    if (got == 0)
        input->ended = true;
    input->buffer.bytes += (size_t)got;
    input->bytes_read += (uint64_t)got;
    return 0;
}

void input_feed(struct input *input, struct span bytes)
{
    if (input_make_room(input, bytes.bytes))
        text_put_span(&input->buffer, bytes);
    input->ended = false;
}

void input_finish(struct input *input)
{
    input->ended = true;
}

/* Some editors begin a file with U+FEFF. */
static struct span input_skip_mark(const struct input *input, struct span line)
{
    if (input->line_number == 1 && span_starts_with(line, SPAN_LITERAL("\xef\xbb\xbf")))
        span_advance(&line, 3);
    return line;
}

/* No newline in what we have. */
static enum input_verdict input_partial(struct input *input, struct span *ret_line)
{
    struct span rest = span_of(input->buffer.data + input->at, input->buffer.bytes - input->at);

    if (input->is_skipping) {
        input->at = input->buffer.bytes;
        if (!input->ended)
            return INPUT_NEED_MORE;
        input->is_skipping = false;
        return INPUT_END;
    }
    if (rest.bytes > INPUT_LINE_BYTES_MAX) {
        input->is_skipping = true;
        input->line_number++;
        input->at = input->buffer.bytes;
        return INPUT_TOO_LONG;
    }
    if (!input->ended)
        return INPUT_NEED_MORE;
    if (rest.bytes == 0)
        return INPUT_END;
    input->at = input->buffer.bytes;
    input->line_number++;
    *ret_line = input_skip_mark(input, rest);
    return INPUT_LINE;
}

enum input_verdict input_next(struct input *input, struct span *ret_line)
{
    const char *start, *end;
    size_t bytes;

    if (input->at == input->buffer.bytes)
        return input_partial(input, ret_line);
    start = input->buffer.data + input->at;
    end = memchr(start, '\n', input->buffer.bytes - input->at);
    if (!end)
        return input_partial(input, ret_line);
    bytes = (size_t)(end - start);
    input->at += bytes + 1;
    if (input->is_skipping) {
        input->is_skipping = false;
        return input_next(input, ret_line);
    }
    input->line_number++;
    if (bytes > INPUT_LINE_BYTES_MAX)
        return INPUT_TOO_LONG;
    if (bytes && start[bytes - 1] == '\r')
        bytes--;
    *ret_line = input_skip_mark(input, span_of(start, bytes));
    return INPUT_LINE;
}

void input_parser_init(struct input_parser *parser)
{
    *parser = (struct input_parser){ 0 };
}

void input_parser_deinit(struct input_parser *parser)
{
    yyjson_doc_free(parser->doc);
    text_deinit(&parser->fields);
    text_deinit(&parser->decoded);
    text_deinit(&parser->label);
    *parser = (struct input_parser){ 0 };
}

enum input_kind input_refuse(struct input_parser *parser, struct input_item *item,
                             enum fault_code code, const char *why)
{
    (void)snprintf(parser->why, sizeof(parser->why), "%s", why);
    fault_set(&item->fault, code, PHASE_INPUT, 0, NULL);
    item->why = parser->why;
    return INPUT_BAD;
}

static enum input_kind input_take_url(struct input_parser *parser, struct span url,
                                      struct input_item *ret_item)
{
    ret_item->url = url;
    if (url.bytes <= WIRE_URL_BYTES_MAX)
        return INPUT_ITEM;
    ret_item->url.bytes = 256;
    return input_refuse(parser, ret_item, FAULT_INPUT_TOO_BIG, "a URL has at most 65536 bytes");
}

enum input_kind input_parse_word(struct input_parser *parser, struct span word,
                                 struct input_item *ret_item)
{
    *ret_item = (struct input_item){ 0 };
    if (word.bytes == 0)
        return input_refuse(parser, ret_item, FAULT_INPUT_URL, "the URL is empty");
    return input_take_url(parser, word, ret_item);
}

enum input_kind input_parse(struct input_parser *parser, struct span line,
                            struct input_item *ret_item)
{
    *ret_item = (struct input_item){ 0 };
    while (line.bytes && (line.data[0] == ' ' || line.data[0] == '\t'))
        span_advance(&line, 1);
    while (line.bytes && strchr(" \t\r", line.data[line.bytes - 1]) &&
           line.data[line.bytes - 1] != '\0')
        line.bytes--;
    if (line.bytes == 0 || line.data[0] == '#')
        return INPUT_EMPTY;
    if (line.data[0] == '{')
        return input_parse_json(parser, line, ret_item);
    return input_take_url(parser, line, ret_item);
}
