/*
 * protocol_doc.c - just enough Markdown: headings, lines, fences.
 */
#include "protocol_doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef HAUL_PROTOCOL_MD
#define HAUL_PROTOCOL_MD "proto/PROTOCOL.md"
#endif

#define TEXT_BYTES_MAX ((size_t)1 << 20)

static void give_up(const char *what, unsigned line)
{
    fprintf(stderr, "PROTOCOL.md: %s (line %u)\n", what, line);
    exit(1);
}

void protocol_doc_open(struct protocol_doc *doc, int argc, char **argv)
{
    FILE *file = fopen(argc > 1 ? argv[1] : HAUL_PROTOCOL_MD, "r");
    size_t bytes;

    *doc = (struct protocol_doc){ .text = malloc(TEXT_BYTES_MAX + 1) };
    if (!file || !doc->text) {
        give_up("cannot be read", 0);
        return;
    }
    bytes = fread(doc->text, 1, TEXT_BYTES_MAX, file);
    if (ferror(file) || !feof(file))
        give_up("cannot be read whole", 0);
    (void)fclose(file); /* it was only read */
    doc->text[bytes] = 0;
    protocol_doc_rewind(doc);
}

void protocol_doc_close(struct protocol_doc *doc)
{
    free(doc->text);
    *doc = (struct protocol_doc){ 0 };
}

void protocol_doc_rewind(struct protocol_doc *doc)
{
    doc->next = doc->text;
    doc->heading[0] = 0;
    doc->line = 0;
}

const char *protocol_doc_line(struct protocol_doc *doc)
{
    size_t bytes = strcspn(doc->next, "\n");

    if (!*doc->next)
        return NULL;
    doc->line++;
    if (bytes >= sizeof(doc->current))
        give_up("a line is too long", doc->line);
    memcpy(doc->current, doc->next, bytes);
    doc->current[bytes] = 0;
    doc->next += doc->next[bytes] ? bytes + 1 : bytes;
    if (doc->current[0] == '#') {
        const char *heading = doc->current + strspn(doc->current, "# ");

        (void)snprintf(doc->heading, sizeof(doc->heading), "%.63s",
                       heading); /* a cut one is fine */
    }
    return doc->current;
}

/* Adds the bytes of one line, up to its comment. */
static void hex_add_line(struct protocol_hex *hex, const char *text, unsigned line)
{
    text += strspn(text, " ");
    while (*text && *text != '#') {
        unsigned byte = 0;
        int used = 0;

        if (strcspn(text, " #") != 2 || sscanf(text, "%2x%n", &byte, &used) != 1 || used != 2)
            give_up("not two hex digits", line);
        if (hex->bytes_count == sizeof(hex->bytes))
            give_up("a block is too long", line);
        hex->bytes[hex->bytes_count++] = (char)byte;
        text += 2;
        text += strspn(text, " ");
    }
}

bool protocol_doc_next_hex(struct protocol_doc *doc, struct protocol_hex *ret_hex)
{
    const char *line;

    while ((line = protocol_doc_line(doc)) && strncmp(line, "```hex ", 7) != 0)
        ;
    if (!line)
        return false;
    *ret_hex = (struct protocol_hex){ .line = doc->line };
    (void)snprintf(ret_hex->info, sizeof(ret_hex->info), "%.63s", line + 7); /* ours are short */
    while ((line = protocol_doc_line(doc)) && strcmp(line, "```") != 0)
        hex_add_line(ret_hex, line, doc->line);
    if (!line)
        give_up("a block does not end", ret_hex->line);
    return true;
}
