/*
 * response_cookies.h - the values of Set-Cookie fields, kept while a head is being read; for
 * response_tokens.c.
 */
#ifndef HAULD_RESPONSE_COOKIES_H
#define HAULD_RESPONSE_COOKIES_H

#include "response.h"

struct response_cookies {
    uint32_t bytes;    /* of those that have ended: a wire_field and the value each */
    uint32_t at_bytes; /* with what there is of the one being read */
    uint32_t capacity;
    bool is_too_long; /* the one being read does not fit */
    char data[];
};

/* A value begins, goes on, ends. *cookies is NULL before the first. 0 or -ENOMEM. */
int response_cookies_begin(struct response_cookies **cookies);
int response_cookies_add(struct response_cookies **cookies, struct span piece);
void response_cookies_end(struct response_cookies *cookies, uint32_t value_bytes);

#endif
