/*
 * conn_internal.h - what the files of the conn share.
 *
 * conn.c has the states and both halves of a plain connection, conn_tunnel.c asks a proxy for the
 * way to the origin, conn_tls.c puts TLS between the halves and the holder. Nobody else includes
 * this.
 */
#ifndef HAULD_CONN_INTERNAL_H
#define HAULD_CONN_INTERNAL_H

#include "conn.h"

/* conn.c */
void conn_enter(struct conn *conn, enum conn_state next); /* a legal step */
void conn_arm_receive(struct conn *conn);
/* Behind what is in the backlog: 0 or -ENOMEM. */
int conn_keep_aside(struct conn *conn, struct span bytes);
/* No bytes follow; told when all bytes before are. */
void conn_end(struct conn *conn, int error, bool while_sending);

/* The transport is there, to the origin itself or through a tunnel: the handshake, or ready. */
void conn_begin(struct conn *conn, uint64_t now_ns);

/* conn_tunnel.c; for conns with a tunnel only. */
int conn_tunnel_new(struct conn *conn, struct span connect_head); /* 0 or -ENOMEM */
void conn_tunnel_free(struct conn *conn);
void conn_tunnel_start(struct conn *conn);
void conn_tunnel_sent(struct conn *conn, uint64_t now_ns);
void conn_tunnel_receive(struct conn *conn, struct span bytes, uint64_t now_ns);
/* The end of the connection is about to be told. */
void conn_tunnel_judge_end(struct conn *conn);

/* conn_tls.c; for conns with TLS only. */
void conn_tls_start(struct conn *conn);
void conn_tls_send(struct conn *conn, struct block *block);
void conn_tls_sent(struct conn *conn, uint64_t submitted_ns);
void conn_tls_receive(struct conn *conn, struct span ciphertext, uint64_t now_ns);
/* The same with the backlog, whose turn it may be now. */
void conn_tls_step(struct conn *conn, uint64_t now_ns);
void conn_tls_forget_step(struct conn *conn);
/* Delivers what the engine holds; after a pause. */
void conn_tls_deliver(struct conn *conn, uint64_t now_ns);
/* The end of file is about to be told: what was it? */
void conn_tls_judge_end(struct conn *conn);
/* Says goodbye as far as that goes without waiting. */
void conn_tls_part(struct conn *conn);

#endif
