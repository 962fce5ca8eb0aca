/*
 * fault.h - why an item failed: a name that scripts can rely on.
 *
 * A fault is data that travels from where it happened to the client's record. Its name is
 * domain/code, its number curl's exit code, its phase what the item was doing. The numbers of the
 * enums below are on the wire (PROTOCOL.md): append, never renumber.
 */
#ifndef HAUL_FAULT_H
#define HAUL_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum fault_code {
    FAULT_NONE = 0,
    FAULT_INPUT_URL = 1,
    FAULT_INPUT_SCHEME = 2,
    FAULT_INPUT_ARGUMENT = 3,
    FAULT_INPUT_TOO_BIG = 4,
    FAULT_POLICY_DENIED = 5,
    FAULT_ADMISSION_BUSY = 6,
    FAULT_ADMISSION_QUOTA = 7,
    FAULT_ADMISSION_DRAINING = 8,
    FAULT_DNS_NOT_FOUND = 9,
    FAULT_DNS_FAILED = 10,
    FAULT_CONNECT_REFUSED = 11,
    FAULT_CONNECT_UNREACHABLE = 12,
    FAULT_CONNECT_RESET = 13,
    FAULT_TLS_HANDSHAKE = 14,
    FAULT_TLS_VERIFY = 15,
    FAULT_TLS_ALPN = 16,
    FAULT_TIMEOUT_QUEUE = 17,
    FAULT_TIMEOUT_DNS = 18,
    FAULT_TIMEOUT_CONNECT = 19,
    FAULT_TIMEOUT_TLS = 20,
    FAULT_TIMEOUT_SEND = 21,
    FAULT_TIMEOUT_FIRST_BYTE = 22,
    FAULT_TIMEOUT_IDLE = 23,
    FAULT_TIMEOUT_TOTAL = 24,
    FAULT_HTTP_EMPTY = 25,
    FAULT_HTTP_MALFORMED = 26,
    FAULT_HTTP_PARTIAL = 27,
    FAULT_HTTP_TOO_BIG = 28,
    FAULT_HTTP_ENCODING = 29,
    FAULT_HTTP_REDIRECTS = 30,
    FAULT_HTTP_STATUS = 31,
    FAULT_IO_RECV = 32,
    FAULT_IO_SEND = 33,
    FAULT_SINK_WRITE = 34,
    FAULT_SINK_SLOW = 35,
    FAULT_CANCELLED_CLIENT = 36,
    FAULT_CANCELLED_DAEMON = 37,
    FAULT_LOCAL_NO_DESCRIPTORS = 38,
    FAULT_LOCAL_NO_PORTS = 39,
    FAULT_LOCAL_NO_MEMORY = 40,
    FAULT_STORAGE_FULL = 41,
    FAULT_STORAGE_QUOTA = 42,
    FAULT_STORAGE_CORRUPT = 43,
    FAULT_STORAGE_FAILED = 44,
    FAULT_CONNECT_PROXY = 45,
    FAULT_DNS_PROXY = 46,
    FAULT_CODE_COUNT
};

/* What the item was doing. The eight from QUEUE on are also the columns of the phase table. */
enum phase {
    PHASE_NONE = 0,
    PHASE_INPUT = 1, /* before any I/O: reading the line, checking the request */
    PHASE_QUEUE = 2, /* waiting for its turn, or for a connection */
    PHASE_DNS = 3,
    PHASE_CONNECT = 4,
    PHASE_TLS = 5,
    PHASE_SEND = 6,
    PHASE_WAIT = 7, /* sent, no byte of the answer yet */
    PHASE_RECEIVE = 8,
    PHASE_DELIVER = 9, /* handing the body to its sink, the result to the client */
    PHASE_COUNT
};

struct fault {
    uint16_t code;   /* enum fault_code; FAULT_NONE means success */
    uint8_t phase;   /* enum phase */
    int32_t error;   /* positive errno, 0 if none */
    const char *why; /* static text, one clause without a full stop; NULL: fault_message() */
};

/* Static strings; an unknown number gives "unknown". */
const char *fault_domain(enum fault_code code);
const char *fault_name(enum fault_code code);

/* The other way; FAULT_NONE for a name that there is not. */
enum fault_code fault_of_name(const char *domain, const char *name);
const char *phase_name(enum phase phase);

/* What happened, in plain words; static. */
const char *fault_message(enum fault_code code);

/* curl's exit code for it (curl(1), EXIT CODES). */
int fault_curl_code(enum fault_code code);

static inline bool fault_is_set(const struct fault *fault)
{
    return fault->code != FAULT_NONE;
}

/* The domains tls and policy: these faults come with words about this server, this address. */
static inline bool fault_has_own_words(enum fault_code code)
{
    return code == FAULT_TLS_HANDSHAKE || code == FAULT_TLS_VERIFY || code == FAULT_TLS_ALPN ||
           code == FAULT_POLICY_DENIED;
}

/* Sets *fault unless one is set already: the second error is a consequence. */
void fault_set(struct fault *fault, enum fault_code code, enum phase phase, int error,
               const char *why);

/* Our own class of a failed connect, socket or bind: local/... when the machine is at its limit,
 * connect/... when the origin or the path is. error is a positive errno. */
enum fault_code fault_of_connect_errno(int error);

#endif
