/*
 * retry_on.h - which outcomes are worth another try: the words of --retry-on and their wire form.
 *
 * A word is a status ("429"), a class of statuses ("5xx"), an error name as records spell it
 * ("connect/refused"), a group of those, or "default":
 *
 *   connect  connect/refused, /unreachable, /reset        io       io/recv, io/send
 *   dns      dns/not_found, /failed                       reset    connect/reset, io/recv, io/send
 *   timeout  timeout/dns, /connect, /tls, /send,          empty    http/empty
 *            /first_byte, /idle                           partial  http/partial
 *   local    local/no_descriptors, /no_ports, /no_memory  tls      tls/handshake
 *
 * A name alone also reaches http/malformed and http/encoding. All others are refused, because
 * another try ends alike: timeout/queue and timeout/total are the end of the item's own time,
 * tls/verify and tls/alpn are the server's answer about itself, and what policy, the client or a
 * limit ended stays ended.
 *
 * "default" is what --retry means without --retry-on: the statuses 408 429 500 502 503 504,
 * timeout, connect, io, empty, partial and dns/failed. The statuses and timeouts are curl's. Unlike
 * curl, lost and refused connections are in it, for they are what a batch of thousands meets; a
 * request that may have been acted upon is safe from them by its method (retry.h). Unlike curl,
 * dns/not_found is not: it is an answer, and the cache would give it again.
 */
#ifndef HAUL_RETRY_ON_H
#define HAUL_RETRY_ON_H

#include "fault.h"
#include "span.h"

#include <assert.h>

#define RETRY_ON_STATUSES_MAX 16

/* Fit to be a part of a wire struct as it is. All zero: nothing is retried. */
struct retry_on {
    uint64_t faults; /* bit n: enum fault_code n */
    /* 100 to 599 is that status, 1 to 5 is its class; the first 0 ends the list, only 0 follows. */
    uint16_t statuses[RETRY_ON_STATUSES_MAX];
};
static_assert(sizeof(struct retry_on) == 40, "wire layout");
static_assert(FAULT_CODE_COUNT <= 64, "a bit for each fault");

/* What could not be taken. */
struct retry_on_trouble {
    struct span word; /* into the text that was parsed; may be empty */
    const char *why;  /* static, to be read after the word: "is no status ..." */
};

void retry_on_init_default(struct retry_on *on);

/* Reads words with commas between, without blanks, in lower case but for "5XX"; repeating one is
 * harmless. At most RETRY_ON_STATUSES_MAX different statuses and classes. Returns false and says
 * which word it was and why, *ret_on untouched, or true. */
bool retry_on_parse(struct span text, struct retry_on *ret_on,
                    struct retry_on_trouble *ret_trouble);

/* Whether it can have come from retry_on_parse: of what a peer sent. */
bool retry_on_is_valid(const struct retry_on *on);

bool retry_on_has_status(const struct retry_on *on, uint16_t status);
bool retry_on_has_fault(const struct retry_on *on, enum fault_code code);

#endif
