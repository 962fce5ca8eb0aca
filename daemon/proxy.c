/*
 * proxy.c - which proxy an origin is reached through.
 *
 * What is wrong with a proxy is found when the profile comes and told to the items that need it:
 * a bad https_proxy of somebody's environment does not end their http requests.
 *
 * As in curl, but "0.0.0.0/0" is every IPv4 address: there it is that one address alone.
 */
#include "proxy.h"

#include "basic.h"
#include "proxy_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD_NAME "Proxy-Authorization: "
#define FIELD_BYTES_MIN (sizeof(FIELD_NAME) - 1 + 2)

/* ---- one proxy ---- */

static size_t proxy_parse(struct proxy *proxy, struct span text)
{
    struct url_fault fault = { 0 };

    *proxy = (struct proxy){ .is_given = text.bytes > 0 };
    if (!proxy->is_given)
        return 0;
    if (!proxy_url_parse(text, &proxy->url, &fault))
        proxy->why = fault.why;
    else if (basic_check(&proxy->url))
        proxy->why = "a control character in the proxy's user or password, or a colon in the user";
    return proxy->why || !basic_is_given(&proxy->url)
               ? 0
               : FIELD_BYTES_MIN + basic_write(&proxy->url, NULL, 0);
}

/* Into room for what proxy_parse counted; returns its end. */
static char *proxy_put_fields(struct proxy *proxy, char *out, size_t bytes)
{
    char *at = out;

    if (bytes == 0)
        return out;
    memcpy(at, FIELD_NAME, sizeof(FIELD_NAME) - 1);
    at += sizeof(FIELD_NAME) - 1;
    at += basic_write(&proxy->url, at, bytes - FIELD_BYTES_MIN);
    memcpy(at, "\r\n", 2);
    proxy->fields = span_of(out, bytes);
    return at + 2;
}

int proxies_init(struct proxies *proxies, const struct message_profile *message)
{
    size_t http, https;
    char *at;

    *proxies = (struct proxies){ .no_proxy = message->no_proxy };
    http = proxy_parse(&proxies->http, message->proxy_http);
    https = proxy_parse(&proxies->https, message->proxy_https);
    if (http + https == 0)
        return 0;
    proxies->text_bytes = http + https;
    proxies->text = malloc(proxies->text_bytes);
    if (!proxies->text)
        return -ENOMEM;
    at = proxy_put_fields(&proxies->http, proxies->text, http);
    (void)proxy_put_fields(&proxies->https, at, https); /* the end of the text */
    return 0;
}

void proxies_deinit(struct proxies *proxies)
{
    if (proxies->text)
        explicit_bzero(proxies->text, proxies->text_bytes);
    free(proxies->text);
    proxies->text = NULL;
}

const struct proxy *proxies_choose(const struct proxies *proxies, const struct url *origin)
{
    const struct proxy *proxy = origin->scheme == URL_HTTPS ? &proxies->https : &proxies->http;

    if (!proxy->is_given || proxy_list_has(proxies->no_proxy, origin))
        return NULL;
    return proxy;
}

/* ---- --noproxy ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next entry, or false. */
static bool take_entry(struct span *list, struct span *ret_entry)
{
    size_t bytes = 0;

    while (list->bytes && (is_blank(*list->data) || *list->data == ','))
        span_advance(list, 1);
    while (bytes < list->bytes && !is_blank(list->data[bytes]) && list->data[bytes] != ',')
        bytes++;
    return span_take(list, bytes, ret_entry) && bytes > 0;
}

static struct span without_trailing_dot(struct span name)
{
    if (name.bytes && name.data[name.bytes - 1] == '.')
        name.bytes--;
    return name;
}

static bool entry_has_name(struct span entry, struct span name)
{
    struct span tail = name;

    entry = without_trailing_dot(entry);
    if (entry.bytes && entry.data[0] == '.')
        span_advance(&entry, 1);
    if (entry.bytes == 0 || entry.bytes > name.bytes)
        return false;
    span_advance(&tail, name.bytes - entry.bytes);
    return span_equals_nocase(entry, tail) && (entry.bytes == name.bytes || tail.data[-1] == '.');
}

static bool parse_bits(struct span text, unsigned bits_max, unsigned *ret_bits)
{
    unsigned bits = 0;

    if (text.bytes == 0 || text.bytes > 3)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        bits = bits * 10 + (unsigned)(text.data[i] - '0');
    }
    *ret_bits = bits;
    return bits <= bits_max;
}

static bool bits_are_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned rest = bits % 8;

    if (memcmp(a, b, bits / 8) != 0)
        return false;
    return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

static bool entry_has_address(struct span entry, const struct url *origin)
{
    bool is_ipv4 = origin->host_kind == URL_HOST_IPV4;
    const char *slash = memchr(entry.data, '/', entry.bytes);
    unsigned bits = is_ipv4 ? 32 : 128;
    char text[INET6_ADDRSTRLEN];
    uint8_t address[16];

    if (slash) {
        struct span tail = span_of(slash + 1, entry.bytes - (size_t)(slash + 1 - entry.data));

        if (!parse_bits(tail, bits, &bits))
            return false;
        entry.bytes = (size_t)(slash - entry.data);
    }
    if (!is_ipv4 && entry.bytes > 2 && entry.data[0] == '[' && entry.data[entry.bytes - 1] == ']')
        entry = span_of(entry.data + 1, entry.bytes - 2);
    if (entry.bytes >= sizeof(text))
        return false;
    memcpy(text, entry.data, entry.bytes);
    text[entry.bytes] = '\0';
    return inet_pton(is_ipv4 ? AF_INET : AF_INET6, text, address) == 1 &&
           bits_are_equal(address, origin->address, bits);
}

bool proxy_list_has(struct span list, const struct url *origin)
{
    struct span name = without_trailing_dot(span_of(origin->host, origin->host_bytes));
    struct span entry;

    if (span_equals(list, SPAN_LITERAL("*")))
        return true;
    while (take_entry(&list, &entry))
        if (origin->host_kind == URL_HOST_NAME ? entry_has_name(entry, name)
                                               : entry_has_address(entry, origin))
            return true;
    return false;
}

/* ---- CONNECT ---- */

size_t proxy_write_connect(const struct url *target, struct span fields, char *out, size_t room)
{
    char authority[URL_AUTHORITY_BYTES_MAX + 1];
    char head[2 * sizeof(authority) + 32];
    size_t bytes;

    /* With a port in every case (RFC 9110 section 9.3.6), unlike Host of a request. */
    (void)snprintf(authority, sizeof(authority),
                   target->host_kind == URL_HOST_IPV6 ? "[%s]:%u" : "%s:%u", target->host,
                   target->port);
    bytes = (size_t)snprintf(head, sizeof(head), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", authority,
                             authority);
    if (bytes + fields.bytes + 2 > room)
        return bytes + fields.bytes + 2;
    memcpy(out, head, bytes);
    if (fields.bytes)
        memcpy(out + bytes, fields.data, fields.bytes);
    memcpy(out + bytes + fields.bytes, "\r\n", 2);
    return bytes + fields.bytes + 2;
}

/* ---- whose fault it is ---- */

void proxy_blame(struct fault *fault, bool is_of_lookup)
{
    const char *why = NULL;

    switch (fault->code) {
    case FAULT_DNS_NOT_FOUND:
        fault->code = FAULT_DNS_PROXY;
        if (is_of_lookup)
            fault->why = "there is no host of the proxy's name";
        break;
    case FAULT_DNS_FAILED:
        fault->code = FAULT_DNS_PROXY;
        fault->why = NULL; /* the code's own words */
        break;
    case FAULT_CONNECT_REFUSED:
        why = "the proxy's host refused the connection";
        break;
    case FAULT_CONNECT_UNREACHABLE:
        why = "the proxy cannot be reached";
        break;
    case FAULT_CONNECT_RESET:
        why = "connection reset while connecting to the proxy";
        break;
    case FAULT_TIMEOUT_DNS:
        why = "the lookup of the proxy's name timed out";
        break;
    case FAULT_TIMEOUT_CONNECT:
        why = "connecting to the proxy timed out";
        break;
    default: /* of the machine, or of the tunnel and TLS, which have words of their own */
        break;
    }
    if (!fault->why)
        fault->why = why;
}
