/*
 * url_host.c - says what a host is, and writes it in its one canonical form.
 *
 * "127.1", "0x7f.1" and "2130706433" reach the same machine as "127.0.0.1", because inet_aton and
 * every resolver on top of it says so. A policy that looks at text must never see the first three.
 * So whatever ends in a number is an address in canonical form or is refused (the rule of the
 * WHATWG URL standard); what is left is a name, and no later step can read it as an address.
 *
 * Names are judged for what DNS can carry, not for what a registry sells: '_' and a '-' at the
 * edge of a label are in use; "xn--" labels go through unread, they are letters and digits to us.
 *
 * Refused instead of converted: non-ASCII names. The client converts those its user writes
 * (client/idn.c); what a server or a program writes into a Location or a frame is ASCII, by RFC
 * 3986, and the daemon needs no tables of Unicode.
 */
#include "url_host.h"
#include "url_chars.h"

#include <assert.h>

#define LABEL_BYTES_MAX 63
#define IPV6_GROUPS 8
#define IPV6_TEXT_BYTES 39 /* eight groups of four; the mapped form is shorter */

static_assert(IPV6_TEXT_BYTES <= URL_HOST_BYTES_MAX, "any literal fits the host");

/* The lower-case form of each byte that a name may hold; 0 for all others. */
static const char host_char[256] = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\0\0\0\0\0\0\0\0\0\0\0\0\0-.\0"
                                   "0123456789\0\0\0\0\0\0"
                                   "\0abcdefghijklmno"
                                   "pqrstuvwxyz\0\0\0\0_"
                                   "\0abcdefghijklmno"
                                   "pqrstuvwxyz\0\0\0\0\0";

static const char *why_bad_char(char c)
{
    if ((uint8_t)c >= 0x80)
        return "the host is not ASCII: write its xn-- form";
    if (c == '%')
        return "a host cannot be percent-encoded";
    if (c == ' ')
        return "there is a space in the host";
    return "there is a character in the host that no host name can hold";
}

/* Digits, or "0x" and hex digits: what inet_aton would take for a number, or nearly so. */
static bool is_number(struct span label)
{
    bool is_hex = label.bytes >= 2 && label.data[0] == '0' && label.data[1] == 'x';

    for (size_t i = is_hex ? 2 : 0; i < label.bytes; i++) {
        if (is_hex ? url_hex_value(label.data[i]) < 0 : !url_is_digit(label.data[i]))
            return false;
    }
    return true;
}

/* A number up to UINT32_MAX: "0x" hexadecimal, "0" octal, else decimal. text is lower case. */
static bool parse_number(struct span text, uint32_t *ret_number)
{
    uint64_t number = 0;
    int base = 10;

    if (text.bytes > 1 && text.data[0] == '0') {
        base = text.data[1] == 'x' ? 16 : 8;
        span_advance(&text, base == 16 ? 2 : 1);
    }
    if (text.bytes == 0)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        int digit = url_hex_value(text.data[i]);

        if (digit < 0 || digit >= base)
            return false;
        number = number * (unsigned)base + (unsigned)digit;
        if (number > UINT32_MAX)
            return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

/* As inet_aton: one to four numbers; the last fills all bytes that are left. */
static bool parse_ipv4(struct span text, uint8_t ret_address[4])
{
    uint32_t address = 0;

    for (unsigned part = 0; part < 4; part++) {
        const char *dot = memchr(text.data, '.', text.bytes);
        size_t bytes = dot ? (size_t)(dot - text.data) : text.bytes;
        uint32_t number_max = dot ? 255 : UINT32_MAX >> (8 * part);
        uint32_t number;

        if (!parse_number(span_of(text.data, bytes), &number) || number > number_max)
            return false;
        if (!dot) {
            address |= number;
            for (unsigned i = 0; i < 4; i++)
                ret_address[i] = (uint8_t)(address >> (24 - 8 * i));
            return true;
        }
        address |= number << (24 - 8 * part);
        span_advance(&text, bytes + 1);
    }
    return false;
}

/* Writes at out and returns the end. */
static char *write_ipv4(char *out, const uint8_t address[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned value = address[i];

        if (i > 0)
            *out++ = '.';
        if (value >= 100)
            *out++ = (char)('0' + value / 100);
        if (value >= 10)
            *out++ = (char)('0' + value / 10 % 10);
        *out++ = (char)('0' + value % 10);
    }
    return out;
}

static void finish_literal(struct url *url, enum url_host_kind kind, char *end)
{
    assert(end - url->host <= IPV6_TEXT_BYTES);
    *end = '\0';
    url->host_bytes = (uint8_t)(end - url->host);
    url->host_kind = kind;
}

const char *url_host_parse_name(struct span text, struct url *url)
{
    struct span label = { .data = url->host }; /* the last one that is not empty */
    bool ends_in_dot = text.bytes > 0 && text.data[text.bytes - 1] == '.';
    size_t name_bytes = text.bytes - ends_in_dot;

    if (text.bytes == 0)
        return "there is no host";
    if (name_bytes >= URL_HOST_BYTES_MAX)
        return "the host name is longer than 253 bytes";
    for (size_t i = 0; i < name_bytes; i++) {
        char c = host_char[(uint8_t)text.data[i]];

        url->host[i] = c;
        if (c == '\0')
            return why_bad_char(text.data[i]);
        if (c != '.' && ++label.bytes > LABEL_BYTES_MAX)
            return "a label of the host name is longer than 63 bytes";
        if (c != '.')
            continue;
        if (label.bytes == 0)
            return "a label of the host name is empty";
        label = span_of(url->host + i + 1, 0);
    }
    if (label.bytes == 0)
        return "a label of the host name is empty";

    if (url_is_digit(label.data[0]) && is_number(label)) {
        if (ends_in_dot || !parse_ipv4(span_of(url->host, name_bytes), url->address))
            return "the host ends in a number but is not an IPv4 address";
        finish_literal(url, URL_HOST_IPV4, write_ipv4(url->host, url->address));
        return NULL;
    }
    if (ends_in_dot)
        url->host[name_bytes] = '.';
    url->host[text.bytes] = '\0';
    url->host_bytes = (uint8_t)text.bytes;
    url->host_kind = URL_HOST_NAME;
    return NULL;
}

/* Four decimal numbers without leading zeros: inside an IPv6 address nothing else was ever legal.
 */
static bool parse_dotted_quad(struct span text, uint8_t ret_address[4])
{
    char canonical[16];

    return parse_ipv4(text, ret_address) &&
           span_equals(
               text, span_of(canonical, (size_t)(write_ipv4(canonical, ret_address) - canonical)));
}

/* Takes one to four hex digits off the front of *text. */
static bool take_group(struct span *text, uint16_t *ret_group)
{
    unsigned value = 0;
    size_t i;

    for (i = 0; i < text->bytes; i++) {
        int digit = url_hex_value(text->data[i]);

        if (digit < 0)
            break;
        if (i == 4)
            return false;
        value = value * 16 + (unsigned)digit;
    }
    if (i == 0)
        return false;
    span_advance(text, i);
    *ret_group = (uint16_t)value;
    return true;
}

/* Takes ":" or "::" off the front of *text; *gap is where the one "::" stands. */
static bool take_colons(struct span *text, unsigned group_count, int *gap)
{
    if (span_starts_with(*text, SPAN_LITERAL("::"))) {
        span_advance(text, 2);
        if (*gap >= 0)
            return false;
        *gap = (int)group_count;
        return true;
    }
    if (!span_starts_with(*text, SPAN_LITERAL(":")) || group_count == 0)
        return false;
    span_advance(text, 1);
    return text->bytes > 0;
}

static bool parse_ipv6(struct span text, uint8_t ret_address[16])
{
    uint16_t groups[IPV6_GROUPS] = { 0 };
    unsigned count = 0;
    int gap = -1;

    while (text.bytes > 0) {
        struct span rest;
        uint8_t quad[4];

        if ((count > 0 || text.data[0] == ':') && !take_colons(&text, count, &gap))
            return false;
        if (text.bytes == 0)
            break;
        rest = text;
        if (count == IPV6_GROUPS || !take_group(&rest, &groups[count]))
            return false;
        if (rest.bytes > 0 && rest.data[0] == '.') {
            if (count > IPV6_GROUPS - 2 || !parse_dotted_quad(text, quad))
                return false;
            groups[count++] = (uint16_t)(quad[0] << 8 | quad[1]);
            groups[count] = (uint16_t)(quad[2] << 8 | quad[3]);
            rest.bytes = 0;
        }
        count++;
        text = rest;
    }
    if (gap < 0 ? count != IPV6_GROUPS : count == IPV6_GROUPS)
        return false;
    if (gap < 0)
        gap = (int)count;
    memset(ret_address, 0, 16);
    for (unsigned i = 0; i < count; i++) {
        unsigned place = i < (unsigned)gap ? i : i + IPV6_GROUPS - count;

        ret_address[2 * place] = (uint8_t)(groups[i] >> 8);
        ret_address[2 * place + 1] = (uint8_t)groups[i];
    }
    return true;
}

static char *write_group(char *out, unsigned group)
{
    bool started = false;

    for (int shift = 12; shift >= 0; shift -= 4) {
        unsigned digit = group >> shift & 15;

        started = started || digit > 0 || shift == 0;
        if (started)
            *out++ = "0123456789abcdef"[digit];
    }
    return out;
}

/* The longest run of two or more zero groups, the first of equals; false if there is none. */
static bool find_zero_run(const uint8_t address[16], unsigned *ret_start, unsigned *ret_count)
{
    unsigned best = 1, run = 0;

    for (unsigned i = 0; i < IPV6_GROUPS; i++) {
        run = address[2 * i] == 0 && address[2 * i + 1] == 0 ? run + 1 : 0;
        if (run <= best)
            continue;
        best = run;
        *ret_start = i + 1 - run;
        *ret_count = run;
    }
    return best > 1;
}

/* RFC 5952. Writes at out and returns the end. */
static char *write_ipv6(char *out, const uint8_t address[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    unsigned run_start = IPV6_GROUPS, run_count = 0;

    if (memcmp(address, mapped, sizeof(mapped)) == 0) {
        memcpy(out, "::ffff:", 7);
        return write_ipv4(out + 7, address + 12);
    }
    (void)find_zero_run(address, &run_start, &run_count); /* none: the start is never reached */
    for (unsigned i = 0; i < IPV6_GROUPS; i++) {
        if (i == run_start) {
            *out++ = ':';
            *out++ = ':';
            i += run_count - 1;
            continue;
        }
        if (i > 0 && i != run_start + run_count)
            *out++ = ':';
        out = write_group(out, (unsigned)address[2 * i] << 8 | address[2 * i + 1]);
    }
    return out;
}

/* text begins with the '%' after the address. */
static const char *parse_zone(struct span text, struct url *url)
{
    if (!span_starts_with(text, SPAN_LITERAL("%25")))
        return "the zone of an IPv6 address must be written %25zone";
    span_advance(&text, 3);
    if (text.bytes == 0 || text.bytes > URL_ZONE_BYTES_MAX)
        return "the zone of an IPv6 address must have 1 to 15 characters";
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.data[i];

        if (!url_is_digit(c) && !url_is_letter(c) && c != '-' && c != '.' && c != '_' && c != '~')
            return "there is a character in the zone that no interface name can hold";
    }
    url->zone = text;
    return NULL;
}

const char *url_host_parse_ipv6(struct span text, struct url *url)
{
    const char *percent = text.bytes > 0 ? memchr(text.data, '%', text.bytes) : NULL;
    const char *why;

    if (text.bytes > 0 && (text.data[0] | 0x20) == 'v')
        return "addresses of the IPvFuture form are not supported";
    if (percent) {
        why = parse_zone(span_of(percent, text.bytes - (size_t)(percent - text.data)), url);
        if (why)
            return why;
        text.bytes = (size_t)(percent - text.data);
    }
    if (!parse_ipv6(text, url->address))
        return "what stands in the brackets is not an IPv6 address";
    finish_literal(url, URL_HOST_IPV6, write_ipv6(url->host, url->address));
    return NULL;
}
