/*
 * netrc.c - words, then entries.
 *
 * The format has no grammar but habit. Where readers differ we are as curl, with one exception:
 * an entry is what stands between one "machine" and the next, and nothing of another entry fills
 * its gaps. curl 7.88 looks on for a password in the entries that follow, "default" included, and
 * so sends it to a host that it was not written for.
 */
#include "netrc.h"

#include <stdlib.h>

#define ENTRIES_FIRST 8u

struct netrc_parser {
    struct netrc *netrc;
    struct span rest;
    unsigned line;
    const char *why; /* NULL = well so far */
    size_t entries_room;
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char take_byte(struct netrc_parser *p)
{
    char c = p->rest.data[0];

    span_advance(&p->rest, 1);
    p->line += c == '\n';
    return c;
}

static void skip_line(struct netrc_parser *p)
{
    while (p->rest.bytes && take_byte(p) != '\n')
        ;
}

static void skip_to_word(struct netrc_parser *p)
{
    while (p->rest.bytes) {
        if (p->rest.data[0] == '#')
            skip_line(p);
        else if (is_blank(p->rest.data[0]))
            (void)take_byte(p);
        else
            return;
    }
}

static char unescape(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

/* The opening quote is taken. */
static bool take_quoted(struct netrc_parser *p, struct text *words)
{
    while (p->rest.bytes && p->rest.data[0] != '\n') {
        char c = take_byte(p);

        if (c == '"') {
            if (p->rest.bytes && !is_blank(p->rest.data[0]))
                p->why = "something follows a closing quote";
            return !p->why;
        }
        if (c == '\\' && p->rest.bytes && p->rest.data[0] != '\n')
            c = unescape(take_byte(p));
        text_put_char(words, c);
    }
    p->why = "a quote is not closed";
    return false;
}

/* False at the end, and when p->why is set. The room for all words is there: none moves. */
static bool take_word(struct netrc_parser *p, struct span *ret_word)
{
    struct text *words = &p->netrc->words;
    size_t start = words->bytes;

    skip_to_word(p);
    if (!p->rest.bytes)
        return false;
    if (p->rest.data[0] == '"') {
        (void)take_byte(p);
        if (!take_quoted(p, words))
            return false;
    } else {
        while (p->rest.bytes && !is_blank(p->rest.data[0]))
            text_put_char(words, take_byte(p));
    }
    *ret_word = span_of(words->data + start, words->bytes - start);
    return true;
}

/* Up to an empty line. */
static void skip_macro(struct netrc_parser *p)
{
    skip_line(p);
    while (p->rest.bytes && p->rest.data[0] != '\n' && p->rest.data[0] != '\r')
        skip_line(p);
}

static bool add_entry(struct netrc_parser *p, struct span machine)
{
    struct netrc *netrc = p->netrc;

    if (netrc->count == p->entries_room) {
        size_t room = p->entries_room ? p->entries_room * 2 : ENTRIES_FIRST;
        struct netrc_entry *entries = realloc(netrc->entries, room * sizeof(*entries));

        if (!entries)
            return false;
        netrc->entries = entries;
        p->entries_room = room;
    }
    netrc->entries[netrc->count++] = (struct netrc_entry){ .machine = machine };
    return true;
}

/* False when out of memory; a bad word sets p->why. */
static bool take_keyword(struct netrc_parser *p, struct span keyword)
{
    struct netrc *netrc = p->netrc;
    struct netrc_entry *entry = netrc->count ? &netrc->entries[netrc->count - 1] : NULL;
    struct span value;

    if (span_equals_nocase(keyword, SPAN_LITERAL("default")))
        return add_entry(p, (struct span){ 0 });
    if (span_equals_nocase(keyword, SPAN_LITERAL("macdef"))) {
        skip_macro(p);
        return true;
    }
    if (span_equals_nocase(keyword, SPAN_LITERAL("machine")))
        return !take_word(p, &value) || add_entry(p, value);
    if (span_equals_nocase(keyword, SPAN_LITERAL("account")))
        (void)take_word(p, &value);
    else if (span_equals_nocase(keyword, SPAN_LITERAL("login")) && take_word(p, &value) && entry)
        entry->login = value;
    else if (span_equals_nocase(keyword, SPAN_LITERAL("password")) && take_word(p, &value) && entry)
        entry->password = value;
    return true;
}

bool netrc_parse(struct netrc *netrc, struct span data, struct netrc_fault *ret_fault)
{
    struct netrc_parser p = { .netrc = netrc, .rest = data, .line = 1 };
    struct span word;

    *netrc = (struct netrc){ 0 };
    if (span_starts_with(p.rest, SPAN_LITERAL("\xef\xbb\xbf"))) /* of an editor */
        span_advance(&p.rest, 3);
    text_init(&netrc->words);
    if (!text_reserve(&netrc->words, data.bytes + 1)) { /* an entry is never longer than the file */
        *ret_fault = (struct netrc_fault){ .why = "out of memory" };
        return false;
    }
    while (!p.why && take_word(&p, &word)) {
        if (!take_keyword(&p, word)) {
            *ret_fault = (struct netrc_fault){ .why = "out of memory" };
            return false;
        }
    }
    if (p.why)
        *ret_fault = (struct netrc_fault){ .line = p.line, .why = p.why };
    return !p.why;
}

void netrc_deinit(struct netrc *netrc)
{
    free(netrc->entries);
    text_deinit(&netrc->words);
    *netrc = (struct netrc){ 0 };
}

const struct netrc_entry *netrc_find(const struct netrc *netrc, struct span host, struct span user)
{
    for (size_t i = 0; i < netrc->count; i++) {
        const struct netrc_entry *entry = &netrc->entries[i];

        if (entry->machine.data && !span_equals_nocase(entry->machine, host))
            continue;
        if (!user.data || !entry->login.data || span_equals(entry->login, user))
            return entry;
    }
    return NULL;
}
