/*
 * dial_address.c - between texts, the resolver's addresses and the kernel's.
 */
#include "dial_address.h"

#include <arpa/inet.h>
#include <assert.h>

/* IPv6 without brackets. */
static bool parse_literal(const char *text, struct resolve_address *ret_address)
{
    *ret_address = (struct resolve_address){ 0 };
    if (inet_pton(AF_INET, text, ret_address->bytes) == 1)
        ret_address->family = 4;
    else if (inet_pton(AF_INET6, text, ret_address->bytes) == 1)
        ret_address->family = 6;
    return ret_address->family != 0;
}

bool dial_address_parse_list(const char *text, enum resolve_family family,
                             struct resolve_address *ret_addresses, unsigned *ret_count)
{
    struct resolve_address address;
    char literal[INET6_ADDRSTRLEN];
    unsigned count = 0;
    size_t bytes;

    for (;; text += bytes + 1) {
        bytes = strcspn(text, ",");
        if (bytes >= sizeof(literal))
            return false;
        memcpy(literal, text, bytes);
        literal[bytes] = '\0';
        if (!parse_literal(literal, &address))
            return false;
        if (count < RESOLVE_ADDRESSES_MAX &&
            (family == RESOLVE_ANY || (family == RESOLVE_IPV4) == (address.family == 4)))
            ret_addresses[count++] = address;
        if (text[bytes] == '\0')
            break;
    }
    *ret_count = count;
    return true;
}

socklen_t dial_address_of(const struct resolve_address *from, uint16_t port,
                          union conn_address *ret)
{
    *ret = (union conn_address){ 0 };
    if (from->family == 4) {
        ret->ipv4.sin_family = AF_INET;
        ret->ipv4.sin_port = htons(port);
        memcpy(&ret->ipv4.sin_addr, from->bytes, 4);
        return sizeof(ret->ipv4);
    }
    ret->ipv6.sin6_family = AF_INET6;
    ret->ipv6.sin6_port = htons(port);
    ret->ipv6.sin6_scope_id = from->scope;
    memcpy(&ret->ipv6.sin6_addr, from->bytes, 16);
    return sizeof(ret->ipv6);
}

socklen_t dial_address_of_text(const char *text, union conn_address *ret)
{
    struct resolve_address address;

    return parse_literal(text, &address) ? dial_address_of(&address, 0, ret) : 0;
}

socklen_t dial_address_of_path(const char *path, union conn_address *ret)
{
    *ret = (union conn_address){ 0 };
    assert(strlen(path) < sizeof(ret->local.sun_path));
    ret->local.sun_family = AF_UNIX;
    memcpy(ret->local.sun_path, path, strlen(path));
    return sizeof(ret->local);
}
