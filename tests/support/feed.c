/*
 * feed.c - cuts an input, copies each piece away from its neighbours, and lets the decoder run.
 *
 * Only one cut is made at a time, besides the byte-by-byte run: two cuts at chosen places would
 * cost the cube of the length and have found nothing that one cut and all cuts do not find.
 */
#include "feed.h"

#include <stdio.h>
#include <stdlib.h>

typedef void run_fn(void *ctx, const struct span *pieces, size_t pieces_count);

static void *must_allocate(size_t bytes)
{
    void *block = malloc(bytes); /* glibc: NULL means failure, also for 0 bytes */

    if (!block) {
        fputs("feed: out of memory\n", stderr);
        abort();
    }
    return block;
}

static struct span piece_copy(const char *data, size_t bytes)
{
    char *copy = must_allocate(bytes);

    if (bytes > 0)
        memcpy(copy, data, bytes);
    return span_of(copy, bytes);
}

static void pieces_free(struct span *pieces, size_t pieces_count)
{
    for (size_t i = 0; i < pieces_count; i++)
        free((void *)(uintptr_t)pieces[i].data);
}

static void feed_cut(struct span input, size_t offset, run_fn *run, void *ctx)
{
    struct span pieces[2];

    pieces[0] = piece_copy(input.data, offset);
    pieces[1] = piece_copy(input.data + offset, input.bytes - offset);
    run(ctx, pieces, 2);
    pieces_free(pieces, 2);
}

static void feed_bytes(struct span input, run_fn *run, void *ctx)
{
    struct span *pieces = must_allocate(input.bytes * sizeof(*pieces));

    for (size_t i = 0; i < input.bytes; i++)
        pieces[i] = piece_copy(input.data + i, 1);
    run(ctx, pieces, input.bytes);
    pieces_free(pieces, input.bytes);
    free(pieces);
}

void feed_every_split(struct span input,
                      void (*run)(void *ctx, const struct span *pieces, size_t pieces_count),
                      void *ctx)
{
    struct span whole = piece_copy(input.data, input.bytes);

    run(ctx, &whole, 1);
    for (size_t offset = 0; offset <= whole.bytes; offset++)
        feed_cut(whole, offset, run, ctx);
    if (whole.bytes > 0)
        feed_bytes(whole, run, ctx);
    pieces_free(&whole, 1);
}
