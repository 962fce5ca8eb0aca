/*
 * tls.h - one TLS client connection as a function of bytes: ciphertext in, plaintext out, and the
 * other way round. It knows no socket.
 *
 *      tls_start           handshake done             close_notify came
 *   -------------> HANDSHAKING ----------> OPEN ------------------------> CLOSED
 *                       |                    |
 *                       +---------> FAILED <-+
 *
 * After every call below that returns a state, and after tls_read, there may be ciphertext to send:
 * tls_take_output. In FAILED too: it is the alert that tells the server why; sending it is a
 * courtesy.
 */
#ifndef HAULD_TLS_H
#define HAULD_TLS_H

#include "block.h"
#include "fault.h"
#include "tls_context.h"

struct tls;
struct tls_session;

enum tls_state {
    TLS_HANDSHAKING,
    TLS_OPEN,
    TLS_CLOSED, /* the server has said that nothing follows */
    TLS_FAILED, /* tls_fault says why. In both, what is given or written is dropped */
};

/* A server can make us answer it (key updates, refused renegotiations) as often as it likes; so
 * many bytes of answers may wait to be taken. */
#define TLS_ANSWER_BYTES_MAX (64u << 10)

/* host is what the certificate must be for: a DNS name (a trailing dot does not count) or an IP
 * address, IPv6 without brackets. A name is also what the server is told (SNI), an address is not.
 * 0, -ENOMEM, or -EINVAL: no certificate can be for this host. */
int tls_new(struct tls_context *context, struct span host, struct tls **ret_tls);

/* Before tls_start: begin with this session, of tls_take_session, or NULL. It is taken over,
 * whatever comes of it, and used only if it is of the same context and host. */
void tls_resume(struct tls *tls, struct tls_session *session);

void tls_free(struct tls *tls);

enum tls_state tls_state(const struct tls *tls);

/* Once, first: the output is then the ClientHello. */
enum tls_state tls_start(struct tls *tls);

/* Takes all of ciphertext, which may be cut anywhere, and carries on the handshake with it. Memory
 * is bounded by what is given and not read: whoever stops reading stops giving. */
enum tls_state tls_give(struct tls *tls, struct span ciphertext);

/* Plaintext in its order: the bytes written to room; 0 when there is none now. Read after each
 * tls_give, until 0, also when no answer is expected: tickets and key updates are dealt with here,
 * and the end is noticed (tls_state). While handshaking there is none. */
size_t tls_read(struct tls *tls, char *room, size_t room_bytes);

/* All of plaintext becomes ciphertext to send; not while handshaking. Written between the end of
 * the handshake and tls_take_output it leaves in one block with the end of the handshake. It can be
 * that nothing is there to take yet: then the server is in the middle of a message of its own, and
 * the output comes with later tls_give and tls_read. */
enum tls_state tls_write(struct tls *tls, struct span plaintext);

/* All ciphertext to send up to now, owned by the caller; NULL if there is none. Blocks must be sent
 * in the order they were taken. */
struct block *tls_take_output(struct tls *tls);

/* Tells the server that nothing follows from us; no tls_write after it. Reading goes on. */
void tls_notify_close(struct tls *tls);

/* No ciphertext follows; to be called after tls_read gave 0. True: the end was orderly (CLOSED).
 * Else the state is FAILED: what was read may be cut short. */
bool tls_end_of_input(struct tls *tls);

/* Set iff FAILED: tls/handshake, tls/verify (no request byte has left then), tls/alpn, local/...,
 * io/recv and io/send for what goes wrong in OPEN; its phase is tls, receive or send. why is static
 * text. A server may check the client's certificate after our handshake is done: if it sends an
 * alert about it in OPEN, that is tls/handshake, phase tls. */
const struct fault *tls_fault(const struct tls *tls);

/* The same in words that name names, where there are any: "the certificate is not for a.example,
 * but for b.example". Printable ASCII, at most TLS_TEXT_BYTES_MAX with its NUL; valid as long as
 * tls.
 */
#define TLS_TEXT_BYTES_MAX 400u
const char *tls_failure_text(const struct tls *tls);

/* Static text; NULL: no TLS. */
struct tls_names {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_256_GCM_SHA384" */
};

/* From OPEN on. */
struct tls_names tls_names(const struct tls *tls);
bool tls_is_resumed(const struct tls *tls);

/* What the next connection to the same host can begin with, owned by the caller; NULL if there is
 * nothing new. With TLS 1.3 tickets come after the handshake, often with the first answer; only the
 * newest is kept. A session serves one connection: giving it to tls_resume uses it up, and that
 * connection brings the next. It proves that the server was verified by the rules of its context,
 * so it is bound to context and host, and holds its context. */
struct tls_session *tls_take_session(struct tls *tls);
void tls_session_free(struct tls_session *session);

void tls_check(const struct tls *tls);

#endif
