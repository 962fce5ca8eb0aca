/*
 * decode.c - a chain of stages, each undoing one coding.
 *
 *      in --> stage 0 --link--> stage 1 --link--> stage 2 --> out
 *
 * The coding that was applied last is undone first. We pull: the stage next to the output runs
 * until it is dry, then the one before it fills the (empty) link between them, and so on. Nothing
 * is held but what the links and the libraries hold.
 *
 * A chain can hide work: a thousand-fold bomb inside another whose inner body is all padding gives
 * a million bytes to look at for each received, and none to count against a limit on the decoded
 * size. So the bytes that pass the links are counted too: after so many a call returns, and if all
 * of them together are far more than what comes out, the body is refused. An honest coding makes a
 * body hardly larger, whatever it is.
 *
 * Rejected: a verdict "ended". A gzip member or a zstd frame can always be followed by another, so
 * only the end of the body is an end, and decode_finish must be asked anyway.
 */
#include "decode.h"

#include "decode_stage.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define LINK_BYTES ((size_t)16 << 10)
#define LINKED_BYTES_PER_CALL ((size_t)256 << 10)

/* All that passes links: at most the first, plus so many times what came out. */
#define LINKED_BYTES_FREE ((uint64_t)1 << 20)
#define LINKED_PER_DECODED 16u

struct decode_link {
    struct span unread; /* within buffer: the next stage's input */
    char buffer[LINK_BYTES];
};

struct decode {
    struct fault fault;
    unsigned count; /* of stages; there is one link less */
    enum decode_verdict verdict;
    uint64_t linked_bytes;
    uint64_t decoded_bytes;
    struct decode_stage stages[DECODE_CODINGS_MAX];
    struct decode_link links[];
};

static const struct decode_kind *const decode_kinds[DECODE_CODING_COUNT] = {
    [DECODE_GZIP] = &decode_gzip,
    [DECODE_DEFLATE] = &decode_deflate,
    [DECODE_BROTLI] = &decode_brotli,
    [DECODE_ZSTD] = &decode_zstd,
};

int decode_new(struct decode **ret, const struct decode_list *list)
{
    struct decode *decode;

    assert(list->count > 0);
    assert(list->count <= DECODE_CODINGS_MAX);

    decode = malloc(sizeof(*decode) + (list->count - 1) * sizeof(struct decode_link));
    if (!decode)
        return -ENOMEM;
    *decode = (struct decode){ .count = list->count, .verdict = DECODE_NEED_MORE };
    for (unsigned i = 0; i + 1 < decode->count; i++)
        decode->links[i].unread = span_of(decode->links[i].buffer, 0);

    for (unsigned i = 0; i < decode->count; i++) {
        const struct decode_kind *kind = decode_kinds[list->codings[list->count - 1 - i]];

        assert(kind);
        decode->stages[i].kind = kind;
        if (kind->init(&decode->stages[i]) < 0)
            goto fail;
    }
    *ret = decode;
    return 0;

fail:
    decode_free(decode);
    return -ENOMEM;
}

void decode_free(struct decode *decode)
{
    if (!decode)
        return;
    for (unsigned i = 0; i < decode->count; i++) {
        if (decode->stages[i].state)
            decode->stages[i].kind->deinit(&decode->stages[i]);
    }
    free(decode);
}

const struct fault *decode_fault(const struct decode *decode)
{
    return &decode->fault;
}

static enum decode_verdict decode_fail(struct decode *decode, enum fault_code code, const char *why)
{
    fault_set(&decode->fault, code, PHASE_RECEIVE, 0, why);
    return DECODE_BAD;
}

/* Runs one stage, from the link before it (or in) to the link behind it (or out). */
static enum decode_stage_verdict decode_run_stage(struct decode *decode, unsigned index,
                                                  struct span *in, struct decode_room *out)
{
    struct decode_stage *stage = &decode->stages[index];
    struct span *from = index > 0 ? &decode->links[index - 1].unread : in;
    enum decode_stage_verdict verdict;
    struct decode_link *link;
    struct decode_room room;

    if (index + 1 == decode->count)
        return stage->kind->run(stage, from, out);

    link = &decode->links[index];
    assert(link->unread.bytes == 0);
    room = (struct decode_room){ link->buffer, sizeof(link->buffer) };
    verdict = stage->kind->run(stage, from, &room);
    link->unread = span_of(link->buffer, sizeof(link->buffer) - room.bytes);
    decode->linked_bytes += link->unread.bytes;
    return verdict;
}

static enum decode_verdict decode_run(struct decode *decode, struct span *in,
                                      struct decode_room *out)
{
    const uint64_t linked_max = decode->linked_bytes + LINKED_BYTES_PER_CALL;
    const uint64_t room_bytes = out->bytes;
    const unsigned last = decode->count - 1;
    unsigned i = last;

    while (decode->linked_bytes < linked_max) {
        uint64_t decoded_bytes;

        switch (decode_run_stage(decode, i, in, out)) {
        case DECODE_STAGE_DRY:
            break;
        case DECODE_STAGE_FULL:
            if (i == last)
                return DECODE_AGAIN;
            break;
        case DECODE_STAGE_BAD:
            return decode_fail(decode, FAULT_HTTP_ENCODING, decode->stages[i].why);
        case DECODE_STAGE_NO_MEMORY:
            return decode_fail(decode, FAULT_LOCAL_NO_MEMORY, NULL);
        }
        decoded_bytes = decode->decoded_bytes + (room_bytes - out->bytes);
        if (decode->linked_bytes > LINKED_BYTES_FREE + LINKED_PER_DECODED * decoded_bytes)
            return decode_fail(decode, FAULT_HTTP_ENCODING,
                               "a coding within another holds next to nothing");
        if (i < last && decode->links[i].unread.bytes > 0)
            i++;
        else if (i > 0)
            i--;
        else
            return DECODE_NEED_MORE;
    }
    return DECODE_AGAIN;
}

enum decode_verdict decode_step(struct decode *decode, struct span *in, char *out, size_t room,
                                size_t *ret_bytes)
{
    struct decode_room left = { out, room };

    assert(room > 0);

    if (!in->data)
        *in = span_of("", 0); /* NULL has no front to move, not even by 0 */
    if (decode->verdict != DECODE_BAD)
        decode->verdict = decode_run(decode, in, &left);
    decode->decoded_bytes += room - left.bytes;
    *ret_bytes = room - left.bytes;
    return decode->verdict;
}

bool decode_finish(struct decode *decode)
{
    assert(decode->verdict != DECODE_AGAIN);

    for (unsigned i = 0; i < decode->count && decode->verdict != DECODE_BAD; i++) {
        const struct decode_stage *stage = &decode->stages[i];

        if (stage->has_begun && !stage->has_ended)
            decode->verdict = decode_fail(decode, FAULT_HTTP_ENCODING, stage->kind->cut_short);
    }
    return decode->verdict != DECODE_BAD;
}

void decode_check(const struct decode *decode)
{
    assert(decode->count > 0);
    assert(decode->count <= DECODE_CODINGS_MAX);
    assert((decode->verdict == DECODE_BAD) == fault_is_set(&decode->fault));
    for (unsigned i = 0; i < decode->count; i++) {
        assert(decode->stages[i].state);
        assert(decode->stages[i].has_begun || !decode->stages[i].has_ended);
    }
    for (unsigned i = 0; i + 1 < decode->count; i++) {
        const struct decode_link *link = &decode->links[i];

        assert(link->unread.data >= link->buffer);
        assert(link->unread.data + link->unread.bytes <= link->buffer + sizeof(link->buffer));
        assert(decode->verdict != DECODE_NEED_MORE || link->unread.bytes == 0);
    }
}
