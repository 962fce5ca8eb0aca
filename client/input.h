/*
 * input.h - a list of work, line by line: URLs and JSON objects become items.
 *
 * Lines are cut from what has been read and never held as a list: memory is one buffer, whatever
 * the input. Parsing a line is pure. A bad line is an item too, with its fault set, so that it is
 * counted and reported like any other failure.
 */
#ifndef HAUL_INPUT_H
#define HAUL_INPUT_H

#include "fault.h"
#include "hash.h"
#include "text.h"

#include <yyjson.h>

#define INPUT_READ_BYTES (256u << 10)
#define INPUT_LINE_BYTES_MAX                                                                       \
    (1u << 20) /* a JSON line with its body; a URL has a limit of its own */
#define INPUT_LABEL_BYTES_MAX 1024u
#define INPUT_WHY_BYTES 160u

struct input {
    int fd; /* -1: nothing to read from */
    bool ended;
    bool is_skipping;     /* in the rest of a line that is too long */
    uint64_t line_number; /* of the line last returned */
    uint64_t bytes_read;
    size_t at; /* first byte in buffer not yet looked at by a line */
    struct text buffer;
};

enum input_verdict {
    INPUT_LINE,      /* *ret_line is valid until the next input_read */
    INPUT_NEED_MORE, /* call input_read */
    INPUT_TOO_LONG,  /* a line over INPUT_LINE_BYTES_MAX: reported once, its rest is skipped */
    INPUT_END,
};

void input_init(struct input *input, int fd);
void input_deinit(struct input *input);

/* One read(2). 0, also at the end; or -errno. */
int input_read(struct input *input);

/* Adds bytes as if they had been read; for tests. */
void input_feed(struct input *input, struct span bytes);
void input_finish(struct input *input);

/* The next line, without LF or CRLF; a last line without LF is a line too. */
enum input_verdict input_next(struct input *input, struct span *ret_line);

/* One parsed line. Spans point into the line, or into the parser until its next use. */
struct input_item {
    struct span url;
    struct span label; /* raw JSON of "id", empty if none */
    struct span id;    /* the same as text: a string without quotes */
    struct span method;
    struct span fields; /* wire form */
    uint16_t field_count;
    bool has_body;
    struct span body;
    struct span output; /* file name, empty if none */
    enum hash_kind expect_kind;
    const char *expect_hash; /* as hash_finish writes it, NULL if none */
    uint64_t timeout_ns;
    struct fault fault; /* set: the line is bad */
    const char *why;    /* of the fault; valid like the spans */
};

enum input_kind {
    INPUT_EMPTY, /* blank or a comment */
    INPUT_ITEM,
    INPUT_BAD, /* item->fault is set; url is as much as is known */
};

struct input_parser {
    yyjson_doc *doc;
    struct text fields;
    struct text decoded; /* of body_base64 */
    struct text label;
    char expect_hash[HASH_TEXT_BYTES];
    char why[INPUT_WHY_BYTES];
};

void input_parser_init(struct input_parser *parser);
void input_parser_deinit(struct input_parser *parser);

enum input_kind input_parse(struct input_parser *parser, struct span line,
                            struct input_item *ret_item);

/* The same for a word of the command line, which is a URL and nothing else; never INPUT_EMPTY. */
enum input_kind input_parse_word(struct input_parser *parser, struct span word,
                                 struct input_item *ret_item);

/* The JSON half of input_parse; line begins with '{'. */
enum input_kind input_parse_json(struct input_parser *parser, struct span line,
                                 struct input_item *item);

/* Sets the fault of an item that never leaves this process. why is copied. */
enum input_kind input_refuse(struct input_parser *parser, struct input_item *item,
                             enum fault_code code, const char *why);

#endif
