/*
 * tls_meeting.h - our TLS client meets OpenSSL's server, in memory.
 *
 * The server's certificate is for a.test unless the plan says otherwise, from a CA that the client
 * trusts. Ciphertext moves only in meet(), and towards the client in the cuts that the meeting asks
 * for. The client reads whenever it was given something.
 */
#ifndef HAUL_TLS_MEETING_H
#define HAUL_TLS_MEETING_H

#include "certs.h"
#include "tls.h"

#include <openssl/ssl.h>

struct meeting_plan {
    const struct cert_plan *cert; /* of the server; issuer NULL: the meeting's CA */
    bool signs_itself;            /* then the issuer is the certificate itself */
    const char *alpn;             /* what the server selects, unasked too; NULL: none */
    bool no_alpn_in_common;       /* the server answers with an alert */
    bool asks_for_cert;           /* and goes on without one */
    bool wants_cert;              /* and does not */
    int server_min;               /* TLS1_2_VERSION, ...; 0: any */
    int server_max;
    unsigned fragment_bytes;    /* of the server's records; 0: the usual */
    unsigned tickets;           /* 0: two; TLS 1.3 */
    struct tls_options options; /* ca_pem empty: the meeting's CA */
    bool system_store;          /* ca_pem stays empty */
};

struct meeting {
    struct cert ca;
    struct cert cert; /* the server's */
    char *ca_pem;
    struct meeting_plan plan;
    struct tls_context *context;
    struct tls *tls;
    SSL_CTX *server_context;
    SSL *server; /* its BIOs are memory */
    bool server_failed;
    size_t cut;         /* of all that the server sends, here is a cut; 0: none */
    bool is_bytewise;   /* a cut after each byte */
    size_t room_bytes;  /* for each tls_read */
    size_t given_bytes; /* to the client */
    unsigned blocks;    /* from the client */
    struct block *caller_block;
    struct block *peer_block;
};

void meeting_init(struct meeting *m, const struct meeting_plan *plan);
void meeting_deinit(struct meeting *m);

/* A new connection of both sides; the ones before are gone. Nothing has moved yet. */
void caller_calls(struct meeting *m, const char *host, struct tls_session *resume);

/* The same from another context of the same plan. */
struct tls_context *another_context(struct meeting *m);

/* Moves all there is to move, both ways, until nothing moves. */
void meet(struct meeting *m);

/* caller_calls and meet. */
enum tls_state caller_meets(struct meeting *m, const char *host, struct tls_session *resume);

void caller_says(struct meeting *m, struct span plaintext); /* nothing moves */
void peer_says(struct meeting *m, struct span plaintext);   /* likewise */
void peer_ends(struct meeting *m);                          /* close_notify; nothing moves */

/* What the server has ready to go, to be freed; or raw bytes for the client, in the cuts asked. */
struct block *peer_output(struct meeting *m);
void caller_gets(struct meeting *m, struct span ciphertext);

bool caller_got(const struct meeting *m, const char *text);
bool peer_got(const struct meeting *m, const char *text);

#endif
