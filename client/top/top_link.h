/*
 * top_link.h - one connection to a daemon, over which it is asked again and again.
 *
 * Nothing here waits: the caller polls fd.
 */
#ifndef HAUL_TOP_LINK_H
#define HAUL_TOP_LINK_H

#include "varlink.h"

enum top_question {
    TOP_DESCRIBE,
    TOP_METRICS,
    TOP_ORIGINS,
    TOP_QUESTIONS,
};

struct top_link {
    int fd; /* -1: none */
    struct varlink_reader reader;
    yyjson_doc *answers[TOP_QUESTIONS]; /* owned */
    unsigned answered;                  /* TOP_QUESTIONS: nothing is asked */
};

void top_link_init(struct top_link *link);

/* Takes a connected socket over. */
void top_link_open(struct top_link *link, int fd);
void top_link_close(struct top_link *link);

/* Whether answers are on their way. */
static inline bool top_link_is_waiting(const struct top_link *link)
{
    return link->fd >= 0 && link->answered < TOP_QUESTIONS;
}

/* Asks everything at once. 0 or -errno. */
int top_link_ask(struct top_link *link);

/* To be called when fd is readable: 1 when all answers are there, 0 when more must come, or
 * -errno. */
int top_link_read(struct top_link *link);

#endif
