/*
 * config_value.c - the kinds of settings.
 *
 * Numbers are stored by the width of their field. What is handed on as text (paths, servers) is
 * checked here as far as that needs no look at the machine: a bad DNS server must stop the daemon
 * at its start and not fail the first name.
 */
#include "config_value.h"

#include "config.h"
#include "units.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *noun;
    bool (*parse)(struct span text, uint64_t *ret_value);
} number_kinds[] = {
    [CONFIG_COUNT] = { "a count", units_parse_count },
    [CONFIG_BYTES] = { "a size", units_parse_bytes },
    [CONFIG_DURATION] = { "a duration", units_parse_duration },
    [CONFIG_RATE] = { "a rate", units_parse_rate_uhz },
};

static const char *const level_names[] = {
    [3] = "err", [4] = "warning", [5] = "notice", [6] = "info", [7] = "debug",
};

static const char *const isolation_names[] = {
    [CONFIG_ISOLATION_AUTO] = "auto",
    [CONFIG_ISOLATION_REQUIRED] = "required",
    [CONFIG_ISOLATION_OFF] = "off",
};

bool config_parse_level(struct span text, unsigned *ret_level)
{
    for (unsigned level = 3; level <= 7; level++) {
        char digit = (char)('0' + level);

        if (span_equals_nocase(text, span_of_string(level_names[level])) ||
            span_equals(text, span_of(&digit, 1))) {
            *ret_level = level;
            return true;
        }
    }
    return false;
}

bool config_take_until(struct span *rest, const char *separators, struct span *ret_part)
{
    size_t bytes = 0;

    if (span_is_empty(*rest))
        return false;
    while (bytes < rest->bytes &&
           (rest->data[bytes] == '\0' || !strchr(separators, rest->data[bytes])))
        bytes++;
    *ret_part = span_of(rest->data, bytes);
    span_advance(rest, bytes < rest->bytes ? bytes + 1 : bytes);
    return true;
}

static bool refuse(struct config_refusal *ret_refusal, struct span wrong, const char *why)
{
    ret_refusal->wrong = wrong;
    (void)snprintf(ret_refusal->why, sizeof(ret_refusal->why), "%s", why);
    return false;
}

static uint64_t get_number(const struct config_type *type, const void *field)
{
    unsigned narrow;
    uint64_t wide;

    if (type->room == sizeof(narrow)) {
        memcpy(&narrow, field, sizeof(narrow));
        return narrow;
    }
    assert(type->room == sizeof(wide));
    memcpy(&wide, field, sizeof(wide));
    return wide;
}

static void set_number(const struct config_type *type, void *field, uint64_t value)
{
    unsigned narrow = (unsigned)value;

    if (type->room == sizeof(narrow)) {
        assert(narrow == value);
        memcpy(field, &narrow, sizeof(narrow));
    } else {
        assert(type->room == sizeof(value));
        memcpy(field, &value, sizeof(value));
    }
}

/* In microhertz: a whole number per second, minute or hour, else six digits of a fraction. */
static void format_rate(uint64_t uhz, char out[static 32])
{
    static const struct {
        unsigned period_s;
        const char *unit;
    } periods[] = { { 1, "/s" }, { 60, "/m" }, { 3600, "/h" } };

    for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
        if (uhz * periods[i].period_s % 1000000 == 0) {
            (void)snprintf(out, 32, "%" PRIu64 "%s", uhz * periods[i].period_s / 1000000,
                           uhz ? periods[i].unit : "");
            return;
        }
    }
    (void)snprintf(out, 32, "%" PRIu64 ".%06u/s", uhz / 1000000, (unsigned)(uhz % 1000000));
}

/* The largest unit that holds the value without a rest. */
static void format_number(enum config_kind kind, uint64_t value, char out[static 32])
{
    static const struct {
        enum config_kind kind;
        uint64_t factor;
        const char *unit;
    } units[] = {
        { CONFIG_DURATION, 3600 * 1000000000ull, "h" },
        { CONFIG_DURATION, 60 * 1000000000ull, "m" },
        { CONFIG_DURATION, 1000000000, "s" },
        { CONFIG_DURATION, 1000000, "ms" },
        { CONFIG_DURATION, 1000, "us" },
        { CONFIG_DURATION, 1, "ns" },
        { CONFIG_BYTES, 1u << 30, "G" },
        { CONFIG_BYTES, 1u << 20, "M" },
        { CONFIG_BYTES, 1u << 10, "k" },
    };

    if (kind == CONFIG_RATE) {
        format_rate(value, out);
        return;
    }
    for (size_t i = 0; value > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].kind == kind && value % units[i].factor == 0) {
            (void)snprintf(out, 32, "%" PRIu64 "%s", value / units[i].factor, units[i].unit);
            return;
        }
    }
    (void)snprintf(out, 32, "%" PRIu64, value);
}

static bool read_number(const struct config_type *type, struct span text, void *field,
                        struct config_refusal *ret_refusal)
{
    char low[32], high[32];
    uint64_t number;

    if (number_kinds[type->kind].parse(text, &number) &&
        ((number >= type->min && number <= type->max) || (number == 0 && type->zero_is_auto))) {
        set_number(type, field, number);
        return true;
    }
    ret_refusal->wrong = text;
    if (type->kind == CONFIG_RATE) {
        (void)snprintf(ret_refusal->why, sizeof(ret_refusal->why),
                       "expected a rate such as 10, 100/s, 6/m or 20/h, up to 1M/s, or 0 for none");
        return false;
    }
    format_number(type->kind, type->min, low);
    format_number(type->kind, type->max, high);
    (void)snprintf(ret_refusal->why, sizeof(ret_refusal->why), "expected %s from %s to %s%s",
                   number_kinds[type->kind].noun, low, high,
                   type->zero_is_auto ? ", or 0 to let hauld choose" : "");
    return false;
}

/* Control bytes and NUL have no place in what we hand on as text. */
static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    }
    return true;
}

static bool read_path(const struct config_type *type, struct span text, char *field,
                      struct config_refusal *ret_refusal)
{
    if (!is_plain(text))
        return refuse(ret_refusal, text, "control characters in a path");
    if (text.bytes > 0 && text.data[0] != '/')
        return refuse(ret_refusal, text, "expected an absolute path");
    if (text.bytes >= type->room)
        return refuse(ret_refusal, text, "the path is too long");
    memset(field, 0, type->room); /* settings are compared byte for byte */
    memcpy(field, text.data, text.bytes);
    return true;
}

static bool is_port(struct span text)
{
    unsigned port = 0;

    if (span_is_empty(text) || text.bytes > 5)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text.data[i] - '0');
    }
    return port > 0 && port <= 65535;
}

static bool is_address(int family, struct span text)
{
    char string[INET6_ADDRSTRLEN], address[16];

    if (text.bytes >= sizeof(string))
        return false;
    memcpy(string, text.data, text.bytes);
    string[text.bytes] = '\0';
    return inet_pton(family, string, address) == 1;
}

/* 127.0.0.1, 127.0.0.1:53, ::1, [::1]:53; c-ares 1.18 does not take [::1]. */
static bool is_server(struct span text)
{
    struct span host, rest = text;

    if (is_address(AF_INET6, text))
        return true;
    if (span_starts_with(text, SPAN_LITERAL("["))) {
        span_advance(&rest, 1);
        if (!config_take_until(&rest, "]", &host) || !is_address(AF_INET6, host))
            return false;
        return span_starts_with(rest, SPAN_LITERAL(":")) &&
               is_port(span_of(rest.data + 1, rest.bytes - 1));
    }
    return config_take_until(&rest, ":", &host) && is_address(AF_INET, host) &&
           (host.bytes == text.bytes || is_port(rest));
}

bool config_parse_id(struct span text, uint32_t *ret_id)
{
    uint64_t uid = 0;

    if (span_is_empty(text) || text.bytes > 10)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uid = uid * 10 + (unsigned)(text.data[i] - '0');
    }
    *ret_id = (uint32_t)uid;
    return uid < UINT32_MAX; /* which is (uid_t)-1, nobody's */
}

bool config_parse_denial(struct span text, uint32_t *ret_uid_min, uint32_t *ret_uid_max)
{
    uint32_t uid_min = 0, uid_max = UINT32_MAX;
    bool is_for_some = memchr(text.data, ':', text.bytes);
    bool is_range = memchr(text.data, '-', text.bytes);
    struct span word, first;

    if (!config_take_until(&text, ":", &word) || !span_equals_nocase(word, SPAN_LITERAL("private")))
        return false;
    if (is_for_some) {
        if (!config_take_until(&text, "-", &first) || !config_parse_id(first, &uid_min))
            return false;
        uid_max = uid_min;
        if (is_range && (!config_parse_id(text, &uid_max) || uid_max < uid_min))
            return false;
    }
    *ret_uid_min = uid_min;
    *ret_uid_max = uid_max;
    return true;
}

static bool is_path(struct span text)
{
    return span_starts_with(text, SPAN_LITERAL("/"));
}

static bool is_denial(struct span text)
{
    uint32_t uid_min, uid_max;

    return config_parse_denial(text, &uid_min, &uid_max);
}

static bool is_account(struct span text)
{
    uint32_t id;
    bool is_number = text.data[0] >= '0' && text.data[0] <= '9';

    return is_number ? config_parse_id(text, &id) : !memchr(text.data, ':', text.bytes);
}

static const struct {
    bool (*is_item)(struct span text);
    const char *expected;
    const char *separators; /* as written */
    char separator;         /* as kept */
    struct span none;       /* takes back what stands before it */
} list_kinds[] = {
    [CONFIG_SERVERS] = { is_server,
                         "expected addresses such as 192.0.2.1, 192.0.2.1:53, ::1 or [::1]:53",
                         " \t,",
                         ',',
                         { 0 } },
    [CONFIG_PATHS] = { is_path, "expected absolute paths with a space between", " \t", ' ', { 0 } },
    [CONFIG_DENIALS] = { is_denial, "expected none, private, private:UID or private:UID-UID", " \t",
                         ' ', SPAN_LITERAL("none") },
    [CONFIG_ACCOUNTS] = { is_account,
                          "expected names or numbers with a space between",
                          " \t,",
                          ' ',
                          { 0 } },
};

/* Appends the items of a list, each behind one separator. */
static bool read_list(const struct config_type *type, struct span text, char *field,
                      struct config_refusal *ret_refusal)
{
    size_t used = strlen(field);
    struct span item;

    while (config_take_until(&text, list_kinds[type->kind].separators, &item)) {
        if (span_is_empty(item))
            continue;
        if (!is_plain(item))
            return refuse(ret_refusal, item, "control characters in a list");
        if (list_kinds[type->kind].none.data &&
            span_equals_nocase(item, list_kinds[type->kind].none)) {
            memset(field, 0, used);
            used = 0;
            continue;
        }
        if (!list_kinds[type->kind].is_item(item))
            return refuse(ret_refusal, item, list_kinds[type->kind].expected);
        if (used + item.bytes + 2 > type->room)
            return refuse(ret_refusal, item, "the list is too long");
        if (used > 0)
            field[used++] = list_kinds[type->kind].separator;
        memcpy(field + used, item.data, item.bytes);
        used += item.bytes;
        field[used] = '\0';
    }
    return true;
}

static bool read_isolation(const struct config_type *type, struct span text, void *field,
                           struct config_refusal *ret_refusal)
{
    for (unsigned i = 0; i < sizeof(isolation_names) / sizeof(isolation_names[0]); i++) {
        if (span_equals_nocase(text, span_of_string(isolation_names[i]))) {
            set_number(type, field, i);
            return true;
        }
    }
    return refuse(ret_refusal, text, "expected auto, required or off");
}

bool config_value_read(const struct config_type *type, struct span text, void *field,
                       struct config_refusal *ret_refusal)
{
    unsigned level;

    switch (type->kind) {
    case CONFIG_COUNT:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
    case CONFIG_RATE:
        return read_number(type, text, field, ret_refusal);
    case CONFIG_LEVEL:
        if (!config_parse_level(text, &level))
            return refuse(ret_refusal, text, "expected err, warning, notice, info or debug");
        set_number(type, field, level);
        return true;
    case CONFIG_ISOLATION:
        return read_isolation(type, text, field, ret_refusal);
    case CONFIG_PATH:
        return read_path(type, text, field, ret_refusal);
    case CONFIG_SERVERS:
    case CONFIG_PATHS:
    case CONFIG_DENIALS:
    case CONFIG_ACCOUNTS:
        return read_list(type, text, field, ret_refusal);
    }
    return false;
}

void config_value_format(const struct config_type *type, const void *field, char *out, size_t room)
{
    char number[32];

    switch (type->kind) {
    case CONFIG_COUNT:
    case CONFIG_BYTES:
    case CONFIG_DURATION:
    case CONFIG_RATE:
        format_number(type->kind, get_number(type, field), number);
        (void)snprintf(out, room, "%s", number);
        break;
    case CONFIG_LEVEL:
        (void)snprintf(out, room, "%s", level_names[get_number(type, field)]);
        break;
    case CONFIG_ISOLATION:
        (void)snprintf(out, room, "%s", isolation_names[get_number(type, field)]);
        break;
    case CONFIG_PATH:
    case CONFIG_SERVERS:
    case CONFIG_PATHS:
    case CONFIG_ACCOUNTS:
        (void)snprintf(out, room, "%s", (const char *)field);
        break;
    case CONFIG_DENIALS:
        (void)snprintf(out, room, "%s", *(const char *)field ? (const char *)field : "none");
        break;
    }
}
