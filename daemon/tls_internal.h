/*
 * tls_internal.h - what the files of tls share.
 *
 * tls.c runs a connection, tls_context.c sets the rules for many, tls_wire.c holds the ciphertext,
 * tls_failure.c finds the words. Nobody else includes this: OpenSSL stops here.
 */
#ifndef HAULD_TLS_INTERNAL_H
#define HAULD_TLS_INTERNAL_H

#include "tls.h"
#include "tls_wire.h"

#include <openssl/ssl.h>

#define TLS_ALPN "http/1.1"

struct tls_context {
    unsigned holders;
    SSL_CTX *ssl;
    BIO_METHOD *wire_method;
};

struct tls_session {
    struct tls_context *context;
    SSL_SESSION *ssl;
    char host[];
};

struct tls {
    struct tls_context *context;
    SSL *ssl;
    struct tls_wire wire;
    struct block *unsent; /* plaintext that could not be encrypted yet, or NULL */
    SSL_SESSION *ticket;  /* the newest one nobody took, or NULL */
    enum tls_state state;
    bool close_notified;
    struct fault fault;
    int verify_error;              /* X509_V_ERR_..., X509_V_OK if none */
    char text[TLS_TEXT_BYTES_MAX]; /* empty: fault.why says it all */
    char host[];                   /* without trailing dot */
};

/* Callbacks of OpenSSL, set in every context. */
int tls_on_ticket(SSL *ssl, SSL_SESSION *ticket);
int tls_on_verify(int is_good, X509_STORE_CTX *verification);

void tls_enter(struct tls *tls, enum tls_state next);

/* To FAILED, for a reason of ours. */
void tls_fail(struct tls *tls, enum fault_code code, enum phase phase, const char *why);

/* To FAILED, for what OpenSSL has put in its queue of errors, which is empty afterwards. */
void tls_fail_as_told(struct tls *tls, enum phase phase);

extern const char tls_other_protocol[];

/* The input ended in the middle of the handshake. */
void tls_fail_unfinished(struct tls *tls);

#endif
