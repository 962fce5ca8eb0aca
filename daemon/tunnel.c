/*
 * tunnel.c - a proxy's answer to CONNECT.
 *
 * Any 2xx opens the tunnel, and its body does not exist: so it is read like the answer to a HEAD.
 * Content-Length or Transfer-Encoding of such an answer means nothing; where both are given, or
 * Transfer-Encoding by HTTP/1.0, the proxy is not understood and the tunnel is not used: RFC 9110
 * would ignore them too.
 *
 * Refused: 3xx as a hint where to go, and showing the body of a refusal. Both would let a proxy, or
 * whoever sits on the way to it, speak in the place of an https origin.
 */
#include "tunnel.h"

void tunnel_init(struct tunnel *tunnel)
{
    *tunnel = (struct tunnel){
        .limits = { .head_bytes_max = TUNNEL_HEAD_BYTES_MAX,
                    .fields_max = 1000,
                    .interim_max = 16,
                    .trailer_bytes_max = 1 },
    };
    response_init(&tunnel->response, &tunnel->limits, true, false);
}

void tunnel_deinit(struct tunnel *tunnel)
{
    response_deinit(&tunnel->response);
}

static const char *refusal_of(uint16_t status)
{
    switch (status) {
    case 400:
        return "the proxy refused the tunnel with status 400: it did not understand CONNECT";
    case 401:
        return "the proxy refused the tunnel with status 401";
    case 403:
        return "the proxy refused the tunnel with status 403: it does not allow this host or port";
    case 404:
        return "the proxy refused the tunnel with status 404: is it a proxy?";
    case 405:
        return "the proxy refused the tunnel with status 405: it allows no CONNECT";
    case 407:
        return "the proxy refused the tunnel with status 407: it wants another user and password";
    case 429:
        return "the proxy refused the tunnel with status 429: it has been asked too often";
    case 500:
        return "the proxy refused the tunnel with status 500: it failed";
    case 501:
        return "the proxy refused the tunnel with status 501: it knows no CONNECT";
    case 502:
        return "the proxy refused the tunnel with status 502: it could not reach the host";
    case 503:
        return "the proxy refused the tunnel with status 503: it or the host is not available";
    case 504:
        return "the proxy refused the tunnel with status 504: the host did not answer it in time";
    default:
        break;
    }
    switch (status / 100) {
    case 3:
        return "the proxy answered CONNECT with a redirect, which is not followed";
    case 4:
        return "the proxy refused the tunnel with a status of 4xx";
    default:
        return "the proxy refused the tunnel with a status of 5xx";
    }
}

static enum tunnel_verdict tunnel_refuse(struct tunnel *tunnel, int error, const char *why)
{
    fault_set(&tunnel->fault, FAULT_CONNECT_PROXY, PHASE_CONNECT, error, why);
    return TUNNEL_REFUSED;
}

enum tunnel_verdict tunnel_feed(struct tunnel *tunnel, struct span *in)
{
    struct span body;

    switch (response_feed(&tunnel->response, in, &body)) {
    case RESPONSE_NEED_MORE:
        return TUNNEL_NEED_MORE;
    case RESPONSE_HEAD:
        break;
    case RESPONSE_BODY:     /* comes after HEAD */
    case RESPONSE_COMPLETE: /* likewise */
    case RESPONSE_BAD:
        tunnel->status = tunnel->response.status;
        return tunnel_refuse(tunnel, 0,
                             tunnel->response.fault.code == FAULT_HTTP_TOO_BIG
                                 ? "the proxy's answer to CONNECT is over a limit"
                                 : "the proxy's answer to CONNECT is no acceptable HTTP response");
    }
    tunnel->status = tunnel->response.status;
    if (tunnel->status / 100 == 2)
        return TUNNEL_OPEN;
    return tunnel_refuse(tunnel, 0, refusal_of(tunnel->status));
}

void tunnel_finish(struct tunnel *tunnel, int error)
{
    const char *why = "the proxy closed the connection without an answer to CONNECT";

    if (tunnel->response.any_byte)
        why = "the proxy closed the connection within its answer to CONNECT";
    (void)tunnel_refuse(tunnel, error, why); /* always REFUSED */
}
