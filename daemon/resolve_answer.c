/*
 * resolve_answer.c - what c-ares says, as the resolver keeps it.
 */
#include "resolve_answer.h"

#include <errno.h>

void resolve_answer_explain(int status, enum resolve_family family,
                            struct resolve_dns_answer *ret_answer)
{
    static const struct {
        int status;
        enum fault_code code;
        bool is_negative;
        int error;
        const char *why;
    } rows[] = {
        { ARES_ENOTFOUND, FAULT_DNS_NOT_FOUND, true, 0, "no such host" },
        { ARES_ENODATA, FAULT_DNS_NOT_FOUND, true, 0, "the name has no address" },
        { ARES_EBADNAME, FAULT_DNS_NOT_FOUND, true, 0, "the name is not valid in DNS" },
        { ARES_EFORMERR, FAULT_DNS_FAILED, false, 0, "the DNS server did not take the question" },
        { ARES_ESERVFAIL, FAULT_DNS_FAILED, false, 0, "the DNS server failed (SERVFAIL)" },
        { ARES_ENOTIMP, FAULT_DNS_FAILED, false, 0, "the DNS server cannot answer (NOTIMP)" },
        { ARES_EREFUSED, FAULT_DNS_FAILED, false, 0, "the DNS server refused to answer (REFUSED)" },
        { ARES_EBADRESP, FAULT_DNS_FAILED, false, 0, "the DNS answer is malformed" },
        { ARES_ETIMEOUT, FAULT_TIMEOUT_DNS, false, ETIMEDOUT, "no DNS server answered in time" },
        { ARES_ECONNREFUSED, FAULT_DNS_FAILED, false, 0,
          "no DNS server could be reached, or each of them failed" },
        { ARES_ENOMEM, FAULT_LOCAL_NO_MEMORY, false, ENOMEM, NULL },
        { ARES_ECANCELLED, FAULT_DNS_FAILED, false, 0, "the question was dropped" },
        { ARES_EDESTRUCTION, FAULT_DNS_FAILED, false, 0, "the question was dropped" },
    };
    static const char *const no_address[] = { [RESOLVE_ANY] = "the name has no address",
                                              [RESOLVE_IPV4] = "the name has no IPv4 address",
                                              [RESOLVE_IPV6] = "the name has no IPv6 address" };

    ret_answer->fault = (struct fault){ .code = FAULT_DNS_FAILED, .phase = PHASE_DNS };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].status != status)
            continue;
        ret_answer->fault.code = (uint16_t)rows[i].code;
        ret_answer->fault.error = rows[i].error;
        ret_answer->fault.why = status == ARES_ENODATA ? no_address[family] : rows[i].why;
        ret_answer->is_negative = rows[i].is_negative;
    }
}

/* Copies up to max addresses of one family, and lowers *ttl to theirs. */
static unsigned take_family(const struct ares_addrinfo *info, int family,
                            struct resolve_address *ret_addresses, unsigned max, int *ttl)
{
    unsigned count = 0;

    for (const struct ares_addrinfo_node *node = info->nodes; node && count < max;
         node = node->ai_next) {
        struct resolve_address *address = &ret_addresses[count];

        if (node->ai_family != family)
            continue;
        *address = (struct resolve_address){ .family = family == AF_INET ? 4 : 6 };
        if (family == AF_INET) {
            memcpy(address->bytes,
                   &((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr, 4);
        } else {
            const struct sockaddr_in6 *six = (const void *)node->ai_addr;

            memcpy(address->bytes, &six->sin6_addr, 16);
            address->scope = six->sin6_scope_id;
        }
        if (node->ai_ttl < *ttl)
            *ttl = node->ai_ttl;
        count++;
    }
    return count;
}

void resolve_answer_take(const struct ares_addrinfo *info, struct resolve_dns_answer *ret_answer)
{
    struct resolve_address six[RESOLVE_ADDRESSES_MAX];
    int ttl = INT32_MAX;
    unsigned fours = take_family(info, AF_INET, ret_answer->addresses, RESOLVE_ADDRESSES_MAX, &ttl);
    unsigned sixes = take_family(info, AF_INET6, six, RESOLVE_ADDRESSES_MAX, &ttl);
    unsigned half = RESOLVE_ADDRESSES_MAX / 2;

    if (fours + sixes > RESOLVE_ADDRESSES_MAX) {
        if (sixes < half)
            fours = RESOLVE_ADDRESSES_MAX - sixes;
        else if (fours > half)
            fours = half;
        sixes = RESOLVE_ADDRESSES_MAX - fours;
    }
    memcpy(ret_answer->addresses + fours, six, sixes * sizeof(six[0]));
    ret_answer->addresses_count = fours + sixes;
    for (const struct ares_addrinfo_cname *cname = info->cnames; cname; cname = cname->next) {
        if (cname->ttl < ttl)
            ttl = cname->ttl;
    }
    ret_answer->ttl_seconds = ttl > 0 ? (uint32_t)ttl : 0;
}
