/*
 * fuzz_url.c - whatever text comes in, what url.c accepts can be sent and means one host.
 *
 * Of an accepted URL, the text built from what we would send (scheme, authority, target) must be
 * accepted too, name the same host and port, and be sent as the same bytes: a daemon that parses
 * what a client wrote must not see another place than the client did.
 */
#include "url.h"
#include "wire.h"

#include <stdlib.h>

#define REBUILT_BYTES_MAX (8 + URL_AUTHORITY_BYTES_MAX + 3 * WIRE_URL_BYTES_MAX + 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static bool is_inside(struct span part, struct span text)
{
    return !part.data ||
           (part.data >= text.data && part.data + part.bytes <= text.data + text.bytes);
}

static void check_parts(const struct url *url, struct span text)
{
    const struct span parts[] = { url->zone, url->user,  url->password, url->target,
                                  url->path, url->query, url->fragment };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        REQUIRE(is_inside(parts[i], text));
    REQUIRE(url->port != 0);
    REQUIRE(url->host_bytes > 0 && strlen(url->host) == url->host_bytes);
    for (size_t i = 0; i < url->host_bytes; i++)
        REQUIRE(strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.:", url->host[i]));
}

static void check_sendable(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++)
        REQUIRE((uint8_t)text.data[i] > ' ' && (uint8_t)text.data[i] < 0x7f);
}

/* Writes what we would send into out and returns its length. */
static size_t rebuild(const struct url *url, char *out, struct span *ret_target)
{
    size_t bytes = url->scheme == URL_HTTPS ? 8 : 7;
    size_t target_bytes = url_write_target(url, NULL, 0);

    memcpy(out, url->scheme == URL_HTTPS ? "https://" : "http://", bytes);
    bytes += url_write_authority(url, out + bytes, URL_AUTHORITY_BYTES_MAX);
    REQUIRE(target_bytes > 0 && target_bytes <= URL_TARGET_BYTES_MAX(url));
    REQUIRE(url_write_target(url, out + bytes, target_bytes) == target_bytes);
    REQUIRE(out[bytes] == '/');
    *ret_target = span_of(out + bytes, target_bytes);
    bytes += target_bytes;
    check_sendable(span_of(out, bytes));
    return bytes;
}

/* What is sent, sent again, is the same. */
static void check_target_is_final(const struct url *again)
{
    char *out = malloc(URL_TARGET_BYTES_MAX(again));
    size_t bytes;

    REQUIRE(out);
    bytes = url_write_target(again, out, URL_TARGET_BYTES_MAX(again));
    REQUIRE(span_equals(span_of(out, bytes), again->target));
    free(out);
}

static void check_again(const struct url *url, struct span rebuilt, struct span target)
{
    struct url again;
    struct url_fault fault;

    if (!url_parse(rebuilt, &again, &fault)) {
        REQUIRE(fault.code == FAULT_INPUT_TOO_BIG); /* it can grow by encoding */
        return;
    }
    REQUIRE(again.scheme == url->scheme && again.port == url->port);
    REQUIRE(again.host_kind == url->host_kind && strcmp(again.host, url->host) == 0);
    if (url->host_kind != URL_HOST_NAME)
        REQUIRE(memcmp(again.address, url->address, url->host_kind == URL_HOST_IPV4 ? 4 : 16) == 0);
    REQUIRE(!again.user.data && !again.fragment.data && span_is_empty(again.zone));
    REQUIRE(span_equals(again.target, target));
    check_target_is_final(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct span text = span_of(data, bytes);
    struct url url;
    struct url_fault fault = { 0 };
    struct span target;
    char *out;

    out = malloc(bytes + 1);
    REQUIRE(out && url_percent_decode(text, out) <= bytes);
    free(out);

    if (!url_parse(text, &url, &fault)) {
        REQUIRE(fault.code != FAULT_NONE && fault.why);
        return 0;
    }
    check_parts(&url, text);
    out = malloc(REBUILT_BYTES_MAX);
    REQUIRE(out);
    bytes = rebuild(&url, out, &target);
    check_again(&url, span_of(out, bytes), target);
    free(out);
    return 0;
}
