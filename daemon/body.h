/*
 * body.h - one body on its way from the parser to the sink, decoded if that is asked for.
 */
#ifndef HAULD_BODY_H
#define HAULD_BODY_H

#include "block.h"
#include "decode.h"
#include "sink.h"

enum body_verdict {
    BODY_TAKEN,
    BODY_FULL,   /* taken, but the sink wants a pause: nothing more until it is ready; then
                    body_go_on, if body_has_more */
    BODY_BUSY,   /* taken, but there was more to decode than one call does: body_go_on, soon */
    BODY_FAILED, /* see fault; nothing more will be taken */
};

struct body_options {
    struct sink *sink;  /* must outlive the body */
    bool decodes;       /* what Content-Encoding says is undone; else it means nothing */
    uint64_t bytes_max; /* of a decoded body: 0 = none. Those received are the parser's to limit */
};

struct body {
    struct sink *sink;
    struct decode *decode; /* NULL until the first byte of a coded body */
    struct block *held;    /* received and not decoded; NULL if nothing */
    size_t held_taken;     /* of held, by the decoder */
    uint64_t bytes_max;
    uint64_t bytes; /* handed to the sink */
    struct fault fault;
    struct decode_list codings;
    bool decodes;
    bool has_begun; /* a byte has come */
    bool has_more;  /* the decoder has not given all of what it got */
};

void body_init(struct body *body, const struct body_options *options);
void body_deinit(struct body *body);

/* The head says so; before the first byte. */
void body_set_codings(struct body *body, const struct decode_list *codings);

/* The next piece, which is not empty; all earlier ones have been decoded. What cannot be decoded
 * yet is copied. A body in a coding that is not known, or in too many, fails here: so one without a
 * byte is fine. */
enum body_verdict body_write(struct body *body, struct span piece);

/* Decodes what is left of the last piece; body_has_more. */
enum body_verdict body_go_on(struct body *body);

static inline bool body_has_more(const struct body *body)
{
    return body->has_more;
}

/* All of it has come and none is left. False: it is not whole, see fault. */
bool body_finish(struct body *body);

static inline bool body_is_decoded(const struct body *body)
{
    return body->decode != NULL;
}

void body_check(const struct body *body);

#endif
