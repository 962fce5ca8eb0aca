/*
 * A coded body must mean the same however its bytes are cut and whatever room there is.
 *
 * The first byte names the codings: two bits for their number (0: one), then two for each. The
 * second seeds the cuts, the rest is the body. It is decoded whole, cut by the seed, and byte by
 * byte, each with another room; a good body must be the same each time, and a bad one bad.
 */
#include "decode.h"

#include <assert.h>
#include <stdlib.h>

#define BODY_BYTES_MAX ((size_t)256 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct decode *decode;
    enum decode_verdict verdict;
    bool is_whole;
    bool is_large; /* more than BODY_BYTES_MAX: not decoded to its end */
    size_t body_bytes;
    char body[BODY_BYTES_MAX];
};

static struct outcome whole, cut, bytes; /* too large for a stack; a new heap block is slow */

static struct decode *decode_of_options(uint8_t options)
{
    static const char *const names[] = { "gzip", "deflate", "br", "zstd" };
    unsigned count = (options & 3u) == 0 ? 1 : options & 3u;
    struct decode_list list = { 0 };
    struct decode *decode = NULL;
    const char *why = NULL;
    int result;

    for (unsigned i = 0; i < count; i++) {
        decode_list_feed(&list, span_of_string(names[options >> (2 + 2 * i) & 3]));
        decode_list_end_value(&list);
        decode_list_check(&list);
    }
    assert(decode_list_judge(&list, &why) == DECODE_LIST_CODED);
    result = decode_new(&decode, &list);
    assert(result == 0);
    return decode;
}

static void decode_piece(struct outcome *outcome, struct span in, size_t room)
{
    do {
        struct span before = in;
        size_t written = SIZE_MAX;

        if (outcome->body_bytes + room > BODY_BYTES_MAX) {
            outcome->is_large = true;
            return;
        }
        outcome->verdict =
            decode_step(outcome->decode, &in, outcome->body + outcome->body_bytes, room, &written);
        decode_check(outcome->decode);
        assert(written <= room);
        assert(in.data >= before.data && in.data + in.bytes == before.data + before.bytes);
        assert(outcome->verdict != DECODE_NEED_MORE || in.bytes == 0);
        outcome->body_bytes += written;
    } while (outcome->verdict == DECODE_AGAIN);
}

static void decode_input(struct outcome *outcome, uint8_t options, struct span input,
                         size_t piece_bytes, size_t room)
{
    outcome->decode = decode_of_options(options);
    outcome->verdict = DECODE_NEED_MORE;
    outcome->is_whole = false;
    outcome->is_large = false;
    outcome->body_bytes = 0;

    while (input.bytes > 0 && outcome->verdict != DECODE_BAD && !outcome->is_large) {
        size_t taken = input.bytes < piece_bytes ? input.bytes : piece_bytes;
        char *copy = malloc(taken); /* so that the sanitizer sees a read beyond it */

        assert(copy);
        memcpy(copy, input.data, taken);
        decode_piece(outcome, span_of(copy, taken), room);
        free(copy);
        span_advance(&input, taken);
    }
    if (!outcome->is_large) {
        outcome->is_whole = decode_finish(outcome->decode);
        assert(outcome->is_whole != fault_is_set(decode_fault(outcome->decode)));
    }
    decode_free(outcome->decode);
}

static void compare(const struct outcome *a, const struct outcome *b)
{
    size_t both = a->body_bytes < b->body_bytes ? a->body_bytes : b->body_bytes;

    assert(memcmp(a->body, b->body, both) == 0);
    if (a->is_large || b->is_large)
        return; /* how far it got depends on the room */
    assert(a->is_whole == b->is_whole);
    assert(!a->is_whole || a->body_bytes == b->body_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input;

    if (size < 2)
        return 0;
    input = span_of(data + 2, size - 2);
    decode_input(&whole, data[0], input, SIZE_MAX, 64 << 10);
    decode_input(&cut, data[0], input, 2u + data[1], 100);
    decode_input(&bytes, data[0], input, 1, 1 + data[1] % 8u);
    compare(&whole, &cut);
    compare(&whole, &bytes);
    return 0;
}
