/*
 * A request is refused, or a server understands from its bytes exactly what was asked for.
 *
 * The input is lines of text: method, URL, then fields as "name=value"; a line that begins with '!'
 * goes into the profile, one that begins with '>' is the body. What passes the check is written
 * into blocks of every awkward size, and read again by llhttp, whose account must be the fields
 * merged by the plainest code.
 */
#include "request.h"

#include "message.h"
#include "wire.h"

#include <assert.h>
#include <llhttp.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct draft {
    struct request request;
    struct request_defaults defaults;
    struct url url;
    char *lists[2]; /* fields of the profile, of the item */
    size_t lists_bytes[2];
};

static struct span take_until(struct span *text, char stop)
{
    const char *end = text->bytes ? memchr(text->data, stop, text->bytes) : NULL;
    struct span part = { text->data, end ? (size_t)(end - text->data) : text->bytes };

    span_advance(text, end ? part.bytes + 1 : part.bytes);
    return part;
}

static void draft_add(struct draft *draft, struct span line)
{
    bool is_default = line.bytes > 0 && line.data[0] == '!';
    size_t *bytes = &draft->lists_bytes[!is_default];
    char **list = &draft->lists[!is_default];
    struct span name;

    if (is_default)
        span_advance(&line, 1);
    name = take_until(&line, '=');
    *list = realloc(*list, *bytes + sizeof(struct wire_field) + name.bytes + line.bytes);
    assert(*list);
    *bytes += message_append_field(*list + *bytes, name, line);
}

/* What a server understood, as "name: value" lines. */
struct account {
    char *text;
    size_t bytes;
    unsigned messages_count;
    unsigned hosts_count;
};

static int note(llhttp_t *parser, const char *at, size_t bytes)
{
    struct account *account = parser->data;

    memcpy(account->text + account->bytes, at, bytes);
    account->bytes += bytes;
    return 0;
}

static int note_name(llhttp_t *parser, const char *at, size_t bytes)
{
    struct account *account = parser->data;

    if (span_equals_nocase(span_of(at, bytes), SPAN_LITERAL("host")))
        account->hosts_count++;
    return note(parser, at, bytes);
}

static int note_end(llhttp_t *parser)
{
    return note(parser, "\n", 1);
}

static int note_message(llhttp_t *parser)
{
    ((struct account *)parser->data)->messages_count++;
    return 0;
}

static bool contains(const struct account *account, struct span text)
{
    return text.bytes == 0 || memmem(account->text, account->bytes, text.data, text.bytes);
}

/* Each field that must be there is, whole, between two ends of line. */
static void check_fields(const struct account *account, struct span fields)
{
    struct message_field field;
    char *line = malloc(fields.bytes + 8);

    assert(line);
    while (message_next_field(&fields, &field)) {
        size_t bytes = 0;

        memcpy(line + bytes, field.name.data, field.name.bytes);
        bytes += field.name.bytes;
        line[bytes++] = '\n';
        if (field.value.bytes > 0)
            memcpy(line + bytes, field.value.data, field.value.bytes);
        bytes += field.value.bytes;
        line[bytes++] = '\n';
        if (!span_equals_nocase(field.name, SPAN_LITERAL("host")))
            assert(contains(account, span_of(line, bytes)));
        else
            assert(contains(account, field.value));
    }
    free(line);
}

static size_t count_lines(struct span text)
{
    size_t count = 0;

    while (text.bytes > 0) {
        (void)take_until(&text, '\n');
        count++;
    }
    return count;
}

static bool is_known_to_llhttp(struct span method)
{
    static const char *const names[] = { "", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_equals(method, span_of_string(names[i])))
            return true;
    return false;
}

static void check_head(const struct request *request, struct span out)
{
    static const llhttp_settings_t callbacks = {
        .on_header_field = note_name,
        .on_header_field_complete = note_end,
        .on_header_value = note,
        .on_header_value_complete = note_end,
        .on_message_complete = note_message,
    };
    struct account account = { .text = malloc(2 * out.bytes + 16) };
    struct span head = { out.data, out.bytes - (request->has_body ? request->body.bytes : 0) };
    llhttp_t parser;
    size_t lines = 0;

    /* No line break but those between lines, and one empty line at the end. */
    for (size_t i = 0; i < head.bytes; i++) {
        if (head.data[i] == '\n')
            lines++;
        assert((head.data[i] == '\n') == (i > 0 && head.data[i - 1] == '\r'));
        assert(head.data[i] != '\0');
    }
    assert(memmem(head.data, head.bytes, "\r\n\r\n", 4) == head.data + head.bytes - 4);
    assert(account.text);
    if (is_known_to_llhttp(request->method)) {
        llhttp_init(&parser, HTTP_REQUEST, &callbacks);
        parser.data = &account;
        assert(llhttp_execute(&parser, out.data, out.bytes) == HPE_OK);
        assert(account.messages_count == 1 && account.hosts_count == 1);
        assert(count_lines(span_of(account.text, account.bytes)) == 2 * (lines - 2));
        check_fields(&account, request->fields);
        if (span_is_empty(request->fields)) /* else some are replaced */
            check_fields(&account, request->defaults->fields);
    }
    free(account.text);
}

static void check_written(const struct request *request)
{
    size_t bytes = request_write(request, NULL, 0);
    const size_t rooms[] = { bytes, bytes - 1, bytes / 2, 1 };

    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        char *out = malloc(rooms[i] + !rooms[i]);

        assert(out);
        assert(request_write(request, out, rooms[i]) == bytes);
        if (rooms[i] == bytes)
            check_head(request, span_of(out, bytes));
        free(out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draft draft = { .request.url = &draft.url };
    struct span text = { (const char *)data, size };
    const char *why = NULL;
    struct url_fault fault;

    draft.request.method = take_until(&text, '\n');
    if (!url_parse(take_until(&text, '\n'), &draft.url, &fault))
        return 0;
    while (text.bytes > 0) {
        struct span line = take_until(&text, '\n');

        if (line.bytes > 0 && line.data[0] == '>') {
            draft.request.body = span_of(line.data + 1, line.bytes - 1);
            draft.request.body_bytes = draft.request.body.bytes;
            draft.request.has_body = true;
        } else {
            draft_add(&draft, line);
        }
    }
    assert(request_defaults_init(&draft.defaults, span_of(draft.lists[0], draft.lists_bytes[0])) ==
           0);
    draft.request.defaults = &draft.defaults;
    draft.request.fields = span_of(draft.lists[1], draft.lists_bytes[1]);
    draft.request.close = size % 2;
    if (request_check(&draft.request, &why) == FAULT_NONE)
        check_written(&draft.request);
    else
        assert(why);
    request_defaults_deinit(&draft.defaults);
    free(draft.lists[0]);
    free(draft.lists[1]);
    return 0;
}
