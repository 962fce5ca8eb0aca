/*
 * response_tokens.h - llhttp under response.c: runs over heads and chunks, and notes what they say.
 *
 * Inner part of response: only response.c includes this.
 */
#ifndef HAULD_RESPONSE_TOKENS_H
#define HAULD_RESPONSE_TOKENS_H

#include "response.h"

/* A fresh parser, before a status line; forgets what an interim head said. */
void response_tokens_begin(struct response *response);

/* Both run the parser over at most bytes from the front of *in (bytes > 0, and there) and advance
 * *in over what it has read. HPE_OK: read all it took. HPE_PAUSED: a stop that response.c names;
 * the next run goes on behind it. Else the stream is bad; fault is set when a callback found it.
 * The first is for heads: it may take less than bytes. */
llhttp_errno_t response_tokens_run_head(struct response *response, struct span *in, size_t bytes);
llhttp_errno_t response_tokens_run(struct response *response, struct span *in, size_t bytes);

#endif
