/*
 * reading.h - a response as its reader must understand it, checked at every cut of its bytes.
 */
#ifndef HAUL_READING_H
#define HAUL_READING_H

#include "response.h"

#define TEXT(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

struct reading {
    const char *name;
    struct span input;
    const struct response_limits *limits; /* NULL: those of the daemon */
    bool is_head_request;
    bool stays_open; /* the server keeps the connection after input */

    /* What must come of it. */
    uint16_t status;
    struct span body; /* delivered, also before a fault */
    enum fault_code fault;
    enum phase phase; /* of the fault; PHASE_NONE: PHASE_RECEIVE */
    size_t surplus;   /* bytes left over behind a complete response */
    bool closes;      /* complete, but the connection must not be used again */
    bool by_close;    /* complete only because the connection ended */
    bool is_waiting;  /* with stays_open: neither complete nor bad */
};

extern const struct response_limits reading_limits;

/* Reads input whole, cut in two at every offset, and byte by byte, with and without keeping the
 * fields, and fails the test, with name, when anything differs. */
void assert_reading(const struct reading *reading);

/* Likewise for a row of a table whose input is format with text in place of its %s. */
void assert_reading_of(const struct reading *reading, const char *format, const char *text);

#endif
