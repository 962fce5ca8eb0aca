/*
 * fault.c - the one table behind every error name.
 *
 * To add a fault: (1) append to the enum in fault.h, (2) a row here, (3) PROTOCOL.md, (4) the list
 * "Error names" in the manual.
 */
#include "fault.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

struct fault_row {
    const char *domain;
    const char *name;
    const char *message;
    int curl_code;
};

static const struct fault_row fault_rows[FAULT_CODE_COUNT] = {
    [FAULT_NONE] = { "none", "none", "no error", 0 },
    [FAULT_INPUT_URL] = { "input", "url", "the URL is malformed", 3 },
    [FAULT_INPUT_SCHEME] = { "input", "scheme", "the URL's scheme is not supported", 1 },
    [FAULT_INPUT_ARGUMENT] = { "input", "argument", "the request cannot be sent safely", 43 },
    [FAULT_INPUT_TOO_BIG] = { "input", "too_big", "the request is over a limit", 43 },
    [FAULT_POLICY_DENIED] = { "policy", "denied", "refused by policy", 7 },
    [FAULT_ADMISSION_BUSY] = { "admission", "busy", "the daemon takes no more work now", 42 },
    [FAULT_ADMISSION_QUOTA] = { "admission", "quota", "over this user's quota", 42 },
    [FAULT_ADMISSION_DRAINING] = { "admission", "draining", "the daemon is stopping", 42 },
    [FAULT_DNS_NOT_FOUND] = { "dns", "not_found", "no such host", 6 },
    [FAULT_DNS_FAILED] = { "dns", "failed", "the name could not be looked up", 6 },
    [FAULT_CONNECT_REFUSED] = { "connect", "refused", "connection refused", 7 },
    [FAULT_CONNECT_UNREACHABLE] = { "connect", "unreachable", "the host cannot be reached", 7 },
    [FAULT_CONNECT_RESET] = { "connect", "reset", "connection reset while connecting", 7 },
    [FAULT_TLS_HANDSHAKE] = { "tls", "handshake", "TLS handshake failed", 35 },
    [FAULT_TLS_VERIFY] = { "tls", "verify", "the certificate is not acceptable", 60 },
    [FAULT_TLS_ALPN] = { "tls", "alpn", "the server chose another protocol", 35 },
    [FAULT_TIMEOUT_QUEUE] = { "timeout", "queue", "timed out before it could start", 28 },
    [FAULT_TIMEOUT_DNS] = { "timeout", "dns", "name lookup timed out", 28 },
    [FAULT_TIMEOUT_CONNECT] = { "timeout", "connect", "connecting timed out", 28 },
    [FAULT_TIMEOUT_TLS] = { "timeout", "tls", "TLS handshake timed out", 28 },
    [FAULT_TIMEOUT_SEND] = { "timeout", "send", "sending the request timed out", 28 },
    [FAULT_TIMEOUT_FIRST_BYTE] = { "timeout", "first_byte", "no first byte in time", 28 },
    [FAULT_TIMEOUT_IDLE] = { "timeout", "idle", "the answer stalled", 28 },
    [FAULT_TIMEOUT_TOTAL] = { "timeout", "total", "over the time limit of the item", 28 },
    [FAULT_HTTP_EMPTY] = { "http", "empty", "the server closed without answering", 52 },
    [FAULT_HTTP_MALFORMED] = { "http", "malformed", "not an acceptable HTTP response", 8 },
    [FAULT_HTTP_PARTIAL] = { "http", "partial", "the response ended too early", 18 },
    [FAULT_HTTP_TOO_BIG] = { "http", "too_big", "the response is over a limit", 63 },
    [FAULT_HTTP_ENCODING] = { "http", "encoding", "unacceptable coding of the body", 61 },
    [FAULT_HTTP_REDIRECTS] = { "http", "redirects", "too many redirects", 47 },
    [FAULT_HTTP_STATUS] = { "http", "status", "HTTP status of 400 or above", 22 },
    [FAULT_IO_RECV] = { "io", "recv", "receiving failed", 56 },
    [FAULT_IO_SEND] = { "io", "send", "sending failed", 55 },
    [FAULT_SINK_WRITE] = { "sink", "write", "the body could not be written", 23 },
    [FAULT_SINK_SLOW] = { "sink", "slow", "the body was not taken in time", 23 },
    [FAULT_CANCELLED_CLIENT] = { "cancelled", "client", "cancelled by the client", 42 },
    [FAULT_CANCELLED_DAEMON] = { "cancelled", "daemon", "cancelled by the daemon", 42 },
    [FAULT_LOCAL_NO_DESCRIPTORS] = { "local", "no_descriptors", "out of file descriptors", 7 },
    [FAULT_LOCAL_NO_PORTS] = { "local", "no_ports", "out of local ports", 7 },
    [FAULT_LOCAL_NO_MEMORY] = { "local", "no_memory", "out of memory", 27 },
    [FAULT_STORAGE_FULL] = { "storage", "full", "the store is full", 23 },
    [FAULT_STORAGE_QUOTA] = { "storage", "quota", "over the store's quota", 23 },
    [FAULT_STORAGE_CORRUPT] = { "storage", "corrupt", "a stored row is damaged", 23 },
    [FAULT_STORAGE_FAILED] = { "storage", "failed", "the store failed", 23 },
    [FAULT_CONNECT_PROXY] = { "connect", "proxy", "the proxy opened no tunnel", 56 },
    [FAULT_DNS_PROXY] = { "dns", "proxy", "the proxy's name could not be looked up", 5 },
};

static const char *const phase_names[PHASE_COUNT] = {
    [PHASE_NONE] = "none",       [PHASE_INPUT] = "input",     [PHASE_QUEUE] = "queue",
    [PHASE_DNS] = "dns",         [PHASE_CONNECT] = "connect", [PHASE_TLS] = "tls",
    [PHASE_SEND] = "send",       [PHASE_WAIT] = "wait",       [PHASE_RECEIVE] = "receive",
    [PHASE_DELIVER] = "deliver",
};

static const struct fault_row fault_row_unknown = { "unknown", "unknown", "unknown error", 43 };

static const struct fault_row *fault_row(enum fault_code code)
{
    return (unsigned)code < FAULT_CODE_COUNT ? &fault_rows[code] : &fault_row_unknown;
}

const char *fault_domain(enum fault_code code)
{
    return fault_row(code)->domain;
}

const char *fault_name(enum fault_code code)
{
    return fault_row(code)->name;
}

const char *fault_message(enum fault_code code)
{
    return fault_row(code)->message;
}

enum fault_code fault_of_name(const char *domain, const char *name)
{
    for (unsigned code = FAULT_NONE + 1; code < FAULT_CODE_COUNT; code++)
        if (strcmp(domain, fault_domain(code)) == 0 && strcmp(name, fault_name(code)) == 0)
            return code;
    return FAULT_NONE;
}

int fault_curl_code(enum fault_code code)
{
    return fault_row(code)->curl_code;
}

const char *phase_name(enum phase phase)
{
    return (unsigned)phase < PHASE_COUNT ? phase_names[phase] : "unknown";
}

void fault_set(struct fault *fault, enum fault_code code, enum phase phase, int error,
               const char *why)
{
    assert(code != FAULT_NONE);
    if (fault_is_set(fault))
        return;
    *fault = (struct fault){ .code = code, .phase = phase, .error = error, .why = why };
}

enum fault_code fault_of_connect_errno(int error)
{
    switch (error) {
    case EMFILE:
    case ENFILE:
        return FAULT_LOCAL_NO_DESCRIPTORS;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
        return FAULT_LOCAL_NO_PORTS;
    case ENOMEM:
    case ENOBUFS:
        return FAULT_LOCAL_NO_MEMORY;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return FAULT_CONNECT_RESET;
    case ETIMEDOUT:
        return FAULT_TIMEOUT_CONNECT;
    case ECONNREFUSED:
    case ENOENT: /* a unix socket that is not there */
        return FAULT_CONNECT_REFUSED;
    default:
        return FAULT_CONNECT_UNREACHABLE;
    }
}
