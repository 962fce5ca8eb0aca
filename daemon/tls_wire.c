/*
 * tls_wire.c - what OpenSSL takes for a socket.
 *
 * Both blocks exist only while they hold something: a connection that is idle has neither.
 *
 * Rejected: OpenSSL's memory BIOs. They keep their largest size for the life of the connection, and
 * their output would have to be copied into the block that is sent. Rejected: letting OpenSSL read
 * straight from the receive buffer. It saves one copy of the bytes before they are decrypted; in
 * return a holder that pauses would have ciphertext kept by conn behind plaintext kept by OpenSSL,
 * two backlogs whose order somebody must get right.
 */
#include "tls_wire.h"

#include <assert.h>
#include <errno.h>

#define OUTPUT_BYTES_MIN 1024u /* a ClientHello, or a Finished and a small request */

void tls_wire_deinit(struct tls_wire *wire)
{
    block_free(wire->input);
    block_free(wire->output);
    *wire = (struct tls_wire){ 0 };
}

/* Room for bytes more at the end of *block, the first skip_bytes of which are not needed. */
static int block_extend(struct block **block, size_t skip_bytes, size_t bytes)
{
    struct span used;
    struct block *bigger;

    if (!*block) {
        *block = block_new(bytes);
        return *block ? 0 : -ENOMEM;
    }
    if (block_room(*block) >= bytes)
        return 0;
    used = block_span(*block);
    span_advance(&used, skip_bytes);
    /* Twice the size each time, so that many small pieces do not cost their square. */
    bigger = block_copy(used, bytes > used.bytes ? bytes : used.bytes);
    if (!bigger)
        return -ENOMEM;
    block_free(*block);
    *block = bigger;
    return 0;
}

int tls_wire_give(struct tls_wire *wire, struct span ciphertext)
{
    struct span first = ciphertext;

    if (span_is_empty(ciphertext))
        return 0;
    for (; wire->first_bytes < TLS_WIRE_FIRST_BYTES && first.bytes; span_advance(&first, 1))
        wire->first[wire->first_bytes++] = *first.data;
    if (wire->input && block_room(wire->input) < ciphertext.bytes) {
        if (block_extend(&wire->input, wire->input_read_bytes, ciphertext.bytes) < 0)
            return -ENOMEM;
        wire->input_read_bytes = 0;
    } else if (block_extend(&wire->input, 0, ciphertext.bytes) < 0) {
        return -ENOMEM;
    }
    block_append(wire->input, ciphertext);
    return 0;
}

int tls_wire_reserve(struct tls_wire *wire, size_t output_bytes)
{
    return block_extend(&wire->output, 0,
                        output_bytes > OUTPUT_BYTES_MIN ? output_bytes : OUTPUT_BYTES_MIN);
}

struct block *tls_wire_take(struct tls_wire *wire)
{
    struct block *output = wire->output;

    if (!output)
        return NULL;
    wire->output = NULL;
    wire->answer_bytes = 0;
    if (output->bytes)
        return output;
    block_free(output);
    return NULL;
}

static int wire_read(BIO *bio, char *room, size_t room_bytes, size_t *ret_bytes)
{
    struct tls_wire *wire = BIO_get_data(bio);
    struct span unread;

    BIO_clear_retry_flags(bio);
    if (!wire->input) {
        BIO_set_retry_read(bio);
        return 0;
    }
    unread = block_span(wire->input);
    span_advance(&unread, wire->input_read_bytes);
    if (room_bytes > unread.bytes)
        room_bytes = unread.bytes;
    memcpy(room, unread.data, room_bytes);
    wire->input_read_bytes += room_bytes;
    if (wire->input_read_bytes == wire->input->bytes) {
        block_free(wire->input);
        wire->input = NULL;
        wire->input_read_bytes = 0;
    }
    *ret_bytes = room_bytes;
    return 1;
}

static int wire_write(BIO *bio, const char *data, size_t bytes, size_t *ret_bytes)
{
    struct tls_wire *wire = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (wire->answer_bytes_max) {
        if (wire->answer_bytes + bytes > wire->answer_bytes_max) {
            wire->failure = TLS_WIRE_FLOODED;
            return 0;
        }
        wire->answer_bytes += bytes;
    }
    if ((!wire->output || block_room(wire->output) < bytes) && tls_wire_reserve(wire, bytes) < 0) {
        wire->failure = TLS_WIRE_NO_MEMORY;
        return 0;
    }
    block_append(wire->output, span_of(data, bytes));
    *ret_bytes = bytes;
    return 1;
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* done: there is nothing behind us */
}

BIO_METHOD *tls_wire_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "haul");

    if (method && BIO_meth_set_read_ex(method, wire_read) &&
        BIO_meth_set_write_ex(method, wire_write) && BIO_meth_set_ctrl(method, wire_control))
        return method;
    BIO_meth_free(method);
    return NULL;
}

BIO *tls_wire_bio_new(const BIO_METHOD *method, struct tls_wire *wire)
{
    BIO *bio = BIO_new(method);

    if (!bio)
        return NULL;
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    return bio;
}
