/*
 * feed.h - the same input in every possible cut, for incremental decoders.
 */
#ifndef HAUL_FEED_H
#define HAUL_FEED_H

#include "span.h"

/* Calls run with input whole, then cut in two at every offset (0 and the end included, so that
 * empty pieces occur), then byte by byte. Each piece is an allocation of its own, so that a
 * sanitizer sees a read beyond it; all of them live until run returns. run begins with a fresh
 * decoder each time and asserts the same result each time. */
void feed_every_split(struct span input,
                      void (*run)(void *ctx, const struct span *pieces, size_t pieces_count),
                      void *ctx);

#endif
