/*
 * protocol_doc.h - PROTOCOL.md as tests read it: line by line, with the heading above each line.
 */
#ifndef HAUL_PROTOCOL_DOC_H
#define HAUL_PROTOCOL_DOC_H

#include <stdbool.h>
#include <stddef.h>

struct protocol_doc {
    char *text;
    const char *next;   /* where the next line begins */
    char current[4096]; /* the last line, without its end */
    char heading[64];   /* of the section it is in, without the #s */
    unsigned line;      /* its number, from 1 */
};

/* A fenced block "```hex INFO": the bytes, comments taken out. */
struct protocol_hex {
    char info[64];
    unsigned line; /* of the fence */
    char bytes[2048];
    size_t bytes_count;
};

/* Reads the page: argv[1], else what the build names, else proto/PROTOCOL.md from here. Ends the
 * program with a message when there is none. */
void protocol_doc_open(struct protocol_doc *doc, int argc, char **argv);
void protocol_doc_close(struct protocol_doc *doc);

/* Back to the first line. */
void protocol_doc_rewind(struct protocol_doc *doc);

/* The next line, valid until the next call, or NULL. */
const char *protocol_doc_line(struct protocol_doc *doc);

/* False when no block follows. Ends the program on bad hex. */
bool protocol_doc_next_hex(struct protocol_doc *doc, struct protocol_hex *ret_hex);

#endif
