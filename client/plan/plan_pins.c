/*
 * plan_pins.c - HOST:PORT:ADDR and HOST1:PORT1:HOST2:PORT2, with IPv6 literals in brackets.
 *
 * The last part of --resolve is a list of addresses and is taken whole, so brackets are optional
 * there, as with curl. So are the '+' before it (it lets the entry grow old, which ours do with the
 * command) and the last colon of --connect-to.
 */
#include "plan_pins.h"

#include "idn.h"
#include "units.h"
#include "why.h"

#include <arpa/inet.h>
#include <assert.h>

#define ADDRESSES_MAX 16u /* that a connection tries */

static bool fail(char **why, const char *flag, const char *value, const char *expected)
{
    return why_fail(why, "%s takes %s, not '%s'", flag, expected, value);
}

static bool is_address(struct span text)
{
    char copy[INET6_ADDRSTRLEN + 1];
    struct in6_addr address;

    if (text.bytes >= sizeof(copy))
        return false;
    memcpy(copy, text.data, text.bytes);
    copy[text.bytes] = '\0';
    return inet_pton(AF_INET, copy, &address) == 1 || inet_pton(AF_INET6, copy, &address) == 1;
}

static struct span without_brackets(struct span text)
{
    if (text.bytes >= 2 && text.data[0] == '[' && text.data[text.bytes - 1] == ']')
        return span_of(text.data + 1, text.bytes - 2);
    return text;
}

/* Takes up to the next ':' outside brackets, and the ':'; false when there is none. */
static bool take_part(struct span *rest, struct span *ret_part)
{
    bool in_brackets = false;

    for (size_t i = 0; i < rest->bytes; i++) {
        char c = rest->data[i];

        in_brackets = c == '[' || (in_brackets && c != ']');
        if (c == ':' && !in_brackets) {
            *ret_part = span_of(rest->data, i);
            span_advance(rest, i + 1);
            return true;
        }
    }
    return false;
}

static bool parse_port(struct span text, uint16_t *ret_port)
{
    uint64_t port;

    if (span_is_empty(text)) {
        *ret_port = 0;
        return true;
    }
    if (text.bytes > 5 || !units_parse_count(text, &port) || port == 0 || port > 65535)
        return false;
    for (size_t i = 0; i < text.bytes; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    *ret_port = (uint16_t)port;
    return true;
}

static void add_pin(struct plan *plan, const struct message_pin *pin)
{
    char *room =
        text_reserve(&plan->pins, sizeof(struct wire_pin) + pin->host.bytes + pin->to_host.bytes);

    if (room)
        plan->pins.bytes += message_append_pin(room, pin);
    plan->pin_count++;
}

/* Room for the names of a pin in ASCII, and for its addresses without brackets. */
struct pin_names {
    char host[IDN_NAME_BYTES];
    char to_host[IDN_NAME_BYTES];
    char addresses[ADDRESSES_MAX * (INET6_ADDRSTRLEN + 1)];
};
static_assert(IDN_NAME_BYTES >= INET6_ADDRSTRLEN, "an address may be a name");

static bool convert_name(struct span *name, char *room, const char **ret_why)
{
    switch (idn_convert_name(*name, room, ret_why)) {
    case IDN_IS_ASCII:
        break;
    case IDN_CONVERTED:
        *name = span_of_string(room);
        break;
    case IDN_REFUSED:
        return false;
    }
    return true;
}

static bool convert_names(struct message_pin *pin, struct pin_names *names, const char **ret_why)
{
    return convert_name(&pin->host, names->host, ret_why) &&
           convert_name(&pin->to_host, names->to_host, ret_why);
}

/* "192.0.2.1,[2001:db8::1]" */
static bool parse_addresses(struct span list, char *room, struct span *ret_addresses)
{
    struct span address;
    size_t bytes = 0;

    for (unsigned count = 0; count < ADDRESSES_MAX; count++) {
        const char *comma = memchr(list.data, ',', list.bytes);

        address =
            without_brackets(span_of(list.data, comma ? (size_t)(comma - list.data) : list.bytes));
        if (!is_address(address))
            return false;
        memcpy(room + bytes, address.data, address.bytes);
        bytes += address.bytes;
        *ret_addresses = span_of(room, bytes);
        if (!comma)
            return true;
        room[bytes++] = ',';
        span_advance(&list, (size_t)(comma + 1 - list.data));
    }
    return false;
}

static bool parse_resolve(const char *value, struct message_pin *pin, struct pin_names *names)
{
    struct span rest = span_of_string(value);
    struct span port;

    if (span_starts_with(rest, SPAN_LITERAL("+")))
        span_advance(&rest, 1);
    if (!take_part(&rest, &pin->host) || !take_part(&rest, &port))
        return false;
    pin->host = without_brackets(pin->host);
    if (span_equals(pin->host, SPAN_LITERAL("*")))
        pin->host.bytes = 0;
    else if (pin->host.bytes == 0)
        return false;
    pin->to_is_address = true;
    return parse_port(port, &pin->port) && pin->port != 0 &&
           parse_addresses(rest, names->addresses, &pin->to_host);
}

static bool parse_connect_to(const char *value, struct message_pin *pin)
{
    struct span rest = span_of_string(value);
    struct span port, to_port;

    if (!take_part(&rest, &pin->host) || !take_part(&rest, &port))
        return false;
    to_port = rest;
    if (!take_part(&to_port, &pin->to_host)) {
        pin->to_host = rest;
        to_port = span_of("", 0);
    }
    pin->host = without_brackets(pin->host);
    pin->to_host = without_brackets(pin->to_host);
    return parse_port(port, &pin->port) && parse_port(to_port, &pin->to_port);
}

/* Where --connect-to leads may be named by --resolve as well; the daemon follows one pin only. It
 * stays a pin that moves the connection (to_is_address is for what stands for a lookup), to the
 * first of several addresses. */
static void resolve_target(const struct options *options, struct message_pin *pin,
                           struct pin_names *names)
{
    struct span host = pin->to_host.bytes ? pin->to_host : pin->host;
    uint16_t port = pin->to_port ? pin->to_port : pin->port;

    for (size_t i = 0; i < options->resolve.count && !is_address(host); i++) {
        struct message_pin known = { 0 };
        struct pin_names known_names;
        const char *comma, *why;

        if (!parse_resolve(options->resolve.values[i], &known, &known_names) ||
            !convert_names(&known, &known_names, &why) || known.port != port ||
            (known.host.bytes && !span_equals_nocase(known.host, host)))
            continue;
        comma = memchr(known.to_host.data, ',', known.to_host.bytes);
        if (comma)
            known.to_host.bytes = (size_t)(comma - known.to_host.data);
        memcpy(names->to_host, known.to_host.data, known.to_host.bytes);
        pin->to_host = span_of(names->to_host, known.to_host.bytes);
        pin->to_port = port;
        return;
    }
}

/* --connect-to comes first: what it matches is no longer looked up under its own name. */
bool plan_add_pins(struct plan *plan, const struct options *options, char **ret_why)
{
    if (options->resolve.count + options->connect_to.count > WIRE_PINS_MAX)
        return why_fail(ret_why, "--resolve and --connect-to have more than 64 rows together");
    for (size_t i = 0; i < options->connect_to.count; i++) {
        const char *value = options->connect_to.values[i];
        struct message_pin pin = { 0 };
        struct pin_names names;
        const char *why;

        if (!parse_connect_to(value, &pin))
            return fail(ret_why, "--connect-to", value, "HOST1:PORT1:HOST2:PORT2");
        if (!convert_names(&pin, &names, &why))
            return why_fail(ret_why, "--connect-to %s: %s", value, why);
        resolve_target(options, &pin, &names);
        add_pin(plan, &pin);
    }
    for (size_t i = 0; i < options->resolve.count; i++) {
        const char *value = options->resolve.values[i];
        struct message_pin pin = { 0 };
        struct pin_names names;
        const char *why;

        if (!parse_resolve(value, &pin, &names))
            return fail(ret_why, "--resolve", value,
                        "HOST:PORT:ADDR[,ADDR...] with up to 16 addresses");
        if (!convert_names(&pin, &names, &why))
            return why_fail(ret_why, "--resolve %s: %s", value, why);
        add_pin(plan, &pin);
    }
    if (options->interface) {
        plan->interface = span_of_string(options->interface);
        if (!is_address(plan->interface))
            return fail(ret_why, "--interface", options->interface,
                        "a local address (names of interfaces are not in this build)");
    }
    return true;
}
