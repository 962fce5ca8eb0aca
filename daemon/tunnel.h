/*
 * tunnel.h - a proxy's answer to CONNECT (RFC 9110 section 9.3.6).
 *
 * Pure: bytes in, verdict out; the same however they are cut. The head is read by `response` with
 * its rules and its limits on size and interim responses.
 */
#ifndef HAULD_TUNNEL_H
#define HAULD_TUNNEL_H

#include "response.h"

enum tunnel_verdict {
    TUNNEL_NEED_MORE, /* all bytes were consumed */
    TUNNEL_OPEN,      /* what is left in *in is from behind the tunnel */
    TUNNEL_REFUSED,   /* see fault; the connection is of no use */
};

#define TUNNEL_HEAD_BYTES_MAX (64u << 10) /* interim heads included */

struct tunnel {
    struct response response;
    struct response_limits limits;
    struct fault fault; /* with REFUSED: connect/proxy in PHASE_CONNECT, why static */
    uint16_t status;    /* of the proxy's final answer, 0 before */
};

/* The response keeps a pointer to the limits: a tunnel stays where it is. */
void tunnel_init(struct tunnel *tunnel);
void tunnel_deinit(struct tunnel *tunnel);

/* Takes bytes from the front of *in. A refusal's body is left unread: it is nobody's. OPEN and
 * REFUSED are final. */
enum tunnel_verdict tunnel_feed(struct tunnel *tunnel, struct span *in);

/* The connection has ended before the answer, with a positive errno or 0: sets the fault. */
void tunnel_finish(struct tunnel *tunnel, int error);

#endif
