/*
 * body.c - bodies to their places.
 *
 * An error of ours does not stop the item at once: its bytes are dropped and the result, when it
 * comes, is turned into sink/write. That keeps one way out for every item.
 */
#include "body.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

int body_init(struct body *body, enum body_kind kind, const char *path)
{
    *body = BODY_INIT;
    body->kind = kind;
    if (!path)
        return 0;
    body->path = strdup(path);
    return body->path ? 0 : -ENOMEM;
}

void body_deinit(struct body *body)
{
    if (body->path || file_is_open(&body->file))
        file_discard(&body->file);
    free(body->path);
    free(body->expect_hash);
    hash_free(body->hash);
    text_deinit(&body->kept);
    *body = BODY_INIT;
}

int body_want_hash(struct body *body, enum hash_kind kind, const char *expect)
{
    assert(body->kind != BODY_DISCARD && body->kind != BODY_DAEMON_FILE);
    body->expect_hash = expect ? strdup(expect) : NULL;
    if (expect && !body->expect_hash)
        return -ENOMEM;
    return hash_new(kind, &body->hash);
}

bool body_check_hash(struct body *body)
{
    if (!body->hash)
        return true;
    hash_finish(body->hash, body->hash_text);
    return !body->expect_hash || strcmp(body->hash_text, body->expect_hash) == 0;
}

static int body_fail(struct body *body, int r)
{
    if (r < 0 && !body->error)
        body->error = -r;
    if (r < 0)
        body->is_dropped = true;
    return r;
}

static int body_open_below(struct body *body)
{
    char *directory = strndup(body->path, body->directory_bytes);
    const char *name = body->path + body->directory_bytes;
    int r = -ENOMEM;

    if (directory && body->is_resumed)
        r = file_resume_below(&body->file, directory, name, body->offset);
    else if (directory)
        r = file_open_below(&body->file, directory, name);
    free(directory);
    return r;
}

int body_open(struct body *body)
{
    if (file_is_open(&body->file))
        return 0;
    if (body->is_below)
        return body_fail(body, body_open_below(body));
    if (body->is_resumed)
        return body_fail(body, file_resume(&body->file, body->path, body->offset));
    return body_fail(body, file_open(&body->file, body->path));
}

void body_write_head(struct body *body, struct output *output, struct span bytes)
{
    if (body->is_dropped)
        return;
    body->bytes += bytes.bytes;
    switch (body->kind) {
    case BODY_DISCARD:
    case BODY_HASH:
    case BODY_DAEMON_FILE:
        break;
    case BODY_OUTPUT:
        output_write(output, bytes);
        (void)body_fail(body, -output->error); /* kept in body->error */
        break;
    case BODY_FILE:
        if (body_open(body) == 0)
            (void)body_fail(body, file_write(&body->file, bytes)); /* likewise */
        break;
    case BODY_INLINE:
        text_put_span(&body->kept, bytes);
        (void)body_fail(body, body->kept.failed ? -ENOMEM : 0); /* likewise */
        break;
    }
}

void body_write(struct body *body, struct output *output, struct span bytes)
{
    if (body->hash && !body->is_dropped)
        hash_update(body->hash, bytes);
    body_write_head(body, output, bytes);
}

uint64_t body_received(const struct body *body)
{
    struct stat st;

    if (body->kind != BODY_DAEMON_FILE)
        return body->bytes - body->head_bytes;
    return fstat(body->file.fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void body_restart(struct body *body)
{
    if (body->bytes == 0)
        return;
    if (body->hash)
        hash_restart(body->hash);
    switch (body->kind) {
    case BODY_DISCARD:
    case BODY_HASH:
    case BODY_DAEMON_FILE:
        break;
    case BODY_OUTPUT:
        (void)body_fail(body, -ESPIPE); /* what is printed cannot be taken back */
        break;
    case BODY_FILE:
        if (file_is_open(&body->file))
            (void)body_fail(body, file_restart(&body->file)); /* kept in body->error */
        break;
    case BODY_INLINE:
        text_clear(&body->kept, SIZE_MAX);
        break;
    }
    body->bytes = body->head_bytes = body->size = 0;
}

void body_finish(struct body *body, bool is_wanted)
{
    if (body->kind != BODY_FILE && body->kind != BODY_DAEMON_FILE)
        return;
    if (is_wanted && !body->is_dropped && body_open(body) == 0) {
        (void)body_fail(body, file_commit(&body->file)); /* kept in body->error */
        return;
    }
    file_discard(&body->file);
}

/* Bytes behind an older part are in place already. A new file that was to replace an older part is
 * worth less than it, if the server sends no parts. */
bool body_break_off(struct body *body)
{
    bool is_part = body->keeps_part && body->offset == 0 && body->bytes && !body->is_dropped;

    body_finish(body, is_part);
    return is_part;
}
