/*
 * tls_wire.h - what OpenSSL takes for a socket: one block of ciphertext each way.
 *
 * Of tls alone.
 */
#ifndef HAULD_TLS_WIRE_H
#define HAULD_TLS_WIRE_H

#include "block.h"

#include <openssl/bio.h>

#define TLS_WIRE_FIRST_BYTES 5 /* the header of a record, or "HTTP/" */

enum tls_wire_failure {
    TLS_WIRE_SOUND,
    TLS_WIRE_NO_MEMORY,
    TLS_WIRE_FLOODED, /* the answers reached their bound */
};

struct tls_wire {
    struct block *input;     /* has unread bytes, or is NULL */
    struct block *output;    /* has bytes to take, or room reserved, or is NULL */
    size_t input_read_bytes; /* of input */
    size_t answer_bytes;     /* of output, written while answer_bytes_max was set */
    size_t answer_bytes_max; /* 0: what is written now is no answer */
    enum tls_wire_failure failure;
    uint8_t first_bytes;
    char first[TLS_WIRE_FIRST_BYTES]; /* that ever came */
};

void tls_wire_deinit(struct tls_wire *wire); /* all zero is a fresh one */

/* NULL when out of memory. BIO_meth_free after the last BIO of it. */
BIO_METHOD *tls_wire_method_new(void);

/* A BIO that reads from and writes to wire, which must outlive it. Owned by the caller. */
BIO *tls_wire_bio_new(const BIO_METHOD *method, struct tls_wire *wire);

/* 0 or -ENOMEM. */
int tls_wire_give(struct tls_wire *wire, struct span ciphertext);
int tls_wire_reserve(struct tls_wire *wire, size_t output_bytes);

struct block *tls_wire_take(struct tls_wire *wire); /* NULL if there is nothing */

#endif
