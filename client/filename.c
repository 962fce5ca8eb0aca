/*
 * filename.c - names for bodies.
 *
 * Rejected: the whole URL as a name (unreadable, and too long for file systems), and asking the
 * file system what exists (a second run must replace the first one's files, not add to them).
 */
#include "filename.h"

#include "url.h"

#include <errno.h>
#include <stdlib.h>

#define SET_FIRST 1024u

void filename_set_init(struct filename_set *set)
{
    *set = (struct filename_set){ 0 };
}

void filename_set_deinit(struct filename_set *set)
{
    free(set->hashes);
    *set = (struct filename_set){ 0 };
}

/* The piece of out from start on. */
static void clean(struct text *out, size_t start)
{
    bool is_first = start == 0 || out->data[start - 1] == '/';

    for (size_t i = start; i < out->bytes; i++) {
        unsigned char c = (unsigned char)out->data[i];

        if (c < 0x20 || c == 0x7f || c == '/' || c == '\\' || (is_first && c == '.'))
            out->data[i] = '_';
        is_first = false;
    }
}

void filename_put_value(struct text *out, struct span bytes)
{
    size_t start = out->bytes;

    text_put_span(out, bytes);
    clean(out, start);
}

void filename_put_encoded(struct text *out, struct span bytes)
{
    size_t start = out->bytes;
    char *room = text_reserve(out, bytes.bytes);

    if (!room)
        return;
    out->bytes += url_percent_decode(bytes, room);
    clean(out, start);
}

void filename_put_part(struct text *out, struct span part)
{
    size_t start = out->bytes;

    if (part.bytes > FILENAME_BYTES_MAX)
        part.bytes = FILENAME_BYTES_MAX;
    text_put_span(out, part);
    if (span_equals(part, SPAN_LITERAL(".")) || span_equals(part, SPAN_LITERAL("..")))
        clean(out, start);
}

void filename_of_path(struct text *out, struct span path)
{
    const char *slash = path.bytes ? memrchr(path.data, '/', path.bytes) : NULL;
    size_t start = out->bytes;

    if (slash)
        span_advance(&path, (size_t)(slash + 1 - path.data));
    if (path.bytes == 0) {
        text_put_literal(out, "index.html");
        return;
    }
    filename_put_encoded(out, path);
    if (out->bytes - start > FILENAME_BYTES_MAX)
        out->bytes = start + FILENAME_BYTES_MAX;
}

/* FNV-1a; never 0. */
static uint64_t hash_of(struct span name)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < name.bytes; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 0x100000001b3u;
    return hash ? hash : 1;
}

/* False when it was there already. */
static bool insert(uint64_t *hashes, size_t capacity, uint64_t hash)
{
    size_t at = (hash ^ hash >> 32) & (capacity - 1);

    while (hashes[at]) {
        if (hashes[at] == hash)
            return false;
        at = (at + 1) & (capacity - 1);
    }
    hashes[at] = hash;
    return true;
}

static int filename_set_grow(struct filename_set *set)
{
    size_t capacity = set->capacity ? set->capacity * 2 : SET_FIRST;
    uint64_t *hashes;

    if (set->count * 2 < set->capacity)
        return 0;
    hashes = calloc(capacity, sizeof(*hashes));
    if (!hashes)
        return -ENOMEM;
    for (size_t i = 0; i < set->capacity; i++)
        if (set->hashes[i])
            (void)insert(hashes, capacity, set->hashes[i]); /* they are all different */
    free(set->hashes);
    set->hashes = hashes;
    set->capacity = capacity;
    return 0;
}

int filename_claim(struct filename_set *set, struct text *out, uint64_t number)
{
    if (set->count >= FILENAME_REMEMBERED_MAX) {
        text_put_char(out, '.');
        text_put_u64(out, number);
        return 0;
    }
    for (;;) {
        if (filename_set_grow(set) < 0)
            return -ENOMEM;
        if (insert(set->hashes, set->capacity, hash_of(text_span(out))))
            break;
        text_put_char(out, '.');
        text_put_u64(out, number);
    }
    set->count++;
    return out->failed ? -ENOMEM : 0;
}

bool filename_stays_inside(struct span path)
{
    size_t start = 0;

    if (path.bytes == 0 || path.data[0] == '/')
        return false;
    for (size_t i = 0; i <= path.bytes; i++) {
        if (i < path.bytes && path.data[i] != '/')
            continue;
        if (i - start == 2 && path.data[start] == '.' && path.data[start + 1] == '.')
            return false;
        start = i + 1;
    }
    return true;
}
