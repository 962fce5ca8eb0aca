/*
 * config.c - one table of keys drives reading, printing and the error texts.
 *
 * A row says where the value lives in struct config, how it is written, its bounds and its default
 * as a user would write it: defaults go through the same parser as a file, so that a default can
 * not be out of its own bounds. Numbers are stored by the width of their field, which the table
 * takes from the struct itself.
 *
 * Refused on purpose: unknown keys and sections (a typing error in a limit must not pass as "no
 * limit"), line continuations, includes. Several files are main's business: it parses them one
 * after the other over the same struct.
 */
#include "config.h"

#include "units.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define SECOND_NS 1000000000ull
#define DAY_NS (24 * 3600 * SECOND_NS)
#define SHOWN_BYTES 40 /* of a wrong key or value, in a trouble's text */

enum config_kind {
    KIND_COUNT,
    KIND_BYTES,
    KIND_DURATION,
    KIND_LEVEL,
    KIND_PATH,
    KIND_SERVERS, /* items with commas between */
    KIND_PATHS,   /* items with spaces between */
};

struct config_key {
    const char *name;
    enum config_kind kind;
    size_t offset;
    size_t room; /* bytes of the field */
    uint64_t min, max;
    bool zero_is_auto; /* 0 stands for "derive it", below min */
    const char *fallback;
};

#define FIELD(field)                                                                               \
    .offset = offsetof(struct config, field), .room = sizeof(((struct config *)0)->field)
#define COUNT(field, low, high) .kind = KIND_COUNT, FIELD(field), .min = (low), .max = (high)
#define BYTES(field, low, high) .kind = KIND_BYTES, FIELD(field), .min = (low), .max = (high)
#define DURATION(field) .kind = KIND_DURATION, FIELD(field), .min = 1000000, .max = DAY_NS

static const struct config_key config_keys[] = {
    { "Socket", .kind = KIND_PATH, FIELD(socket_path), .fallback = "" },
    { "Workers", COUNT(workers, 1, 64), .zero_is_auto = true, .fallback = "0" },
    { "LogLevel", .kind = KIND_LEVEL, FIELD(log_level), .fallback = "info" },
    { "MaxSessions", COUNT(sessions_max, 1, 65536), .fallback = "1024" },
    { "MaxConnections", COUNT(connections_max, 1, 1000000), .zero_is_auto = true, .fallback = "0" },
    { "MaxPerOrigin", COUNT(per_origin_default, 1, 65535), .fallback = "16" },
    { "MaxPerOriginTotal", COUNT(per_origin_total_max, 1, 1000000), .zero_is_auto = true,
      .fallback = "0" },
    { "Concurrency", COUNT(concurrency_default, 1, 65536), .fallback = "100" },
    { "MaxItemTime", .kind = KIND_DURATION, FIELD(item_time_max_ns), .min = 1000000,
      .max = 365 * DAY_NS, .fallback = "24h" },
    { "DNSTimeout", DURATION(dns_timeout_ns), .fallback = "5s" },
    { "ConnectTimeout", DURATION(connect_timeout_ns), .fallback = "10s" },
    { "TLSTimeout", DURATION(tls_timeout_ns), .fallback = "10s" },
    { "FirstByteTimeout", DURATION(first_byte_timeout_ns), .fallback = "60s" },
    { "IdleTimeout", DURATION(idle_timeout_ns), .fallback = "60s" },
    { "FrameTimeout", DURATION(frame_timeout_ns), .fallback = "10s" },
    { "SlowReaderTimeout", DURATION(slow_reader_timeout_ns), .fallback = "30s" },
    { "SinkTimeout", DURATION(sink_timeout_ns), .fallback = "30s" },
    { "PoolIdleTimeout", DURATION(pool_idle_timeout_ns), .fallback = "30s" },
    { "WriterQueue", BYTES(writer_queue_bytes_max, 1u << 20, 1u << 30), .fallback = "16M" },
    { "DNSServers", .kind = KIND_SERVERS, FIELD(dns_servers), .fallback = "" },
    { "DNSCacheEntries", COUNT(dns_cache_entries_max, 16, 1000000), .fallback = "4096" },
    { "HostsFile", .kind = KIND_PATH, FIELD(hosts_path), .fallback = "/etc/hosts" },
    { "UnixUpstreams", .kind = KIND_PATHS, FIELD(unix_upstreams), .fallback = "" },
};

#define KEYS_COUNT (sizeof(config_keys) / sizeof(config_keys[0]))

static const struct {
    const char *noun;
    bool (*parse)(struct span text, uint64_t *ret_value);
} number_kinds[] = {
    [KIND_COUNT] = { "a count", units_parse_count },
    [KIND_BYTES] = { "a size", units_parse_bytes },
    [KIND_DURATION] = { "a duration", units_parse_duration },
};

static const char *const level_names[] = {
    [3] = "err", [4] = "warning", [5] = "notice", [6] = "info", [7] = "debug",
};

/* Where a line stands, for the texts. */
struct place {
    const char *name;
    unsigned line; /* 0: not a file */
};

/* The beginning of text, with what is not printable ASCII as '?': fit for a log line. */
static const char *show(struct span text, char out[static SHOWN_BYTES + 4])
{
    size_t bytes = text.bytes < SHOWN_BYTES ? text.bytes : SHOWN_BYTES;

    for (size_t i = 0; i < bytes; i++)
        out[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    strcpy(out + bytes, bytes < text.bytes ? "..." : "");
    return out;
}

static enum config_verdict refuse(struct config_trouble *ret_trouble, const struct place *place,
                                  const char *key, struct span value, const char *what)
{
    char shown[SHOWN_BYTES + 4];
    char line[16] = "";

    if (place->line > 0)
        (void)snprintf(line, sizeof(line), ":%u", place->line);
    /* Cut short is fine: the beginning names the place and the key. */
    (void)snprintf(ret_trouble->text, sizeof(ret_trouble->text), "%.128s%s: %s%s%s: %s",
                   place->name, line, key, *key ? "=" : "", show(value, shown), what);
    return CONFIG_BAD;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span text)
{
    while (text.bytes > 0 && is_blank(text.data[0]))
        span_advance(&text, 1);
    while (text.bytes > 0 && is_blank(text.data[text.bytes - 1]))
        text.bytes--;
    return text;
}

/* Takes up to the next of any separator off the front; false at the end. */
static bool take_until(struct span *rest, const char *separators, struct span *ret_part)
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

static uint64_t config_number(const struct config *config, const struct config_key *key)
{
    const char *field = (const char *)config + key->offset;
    unsigned narrow;
    uint64_t wide;

    if (key->room == sizeof(narrow)) {
        memcpy(&narrow, field, sizeof(narrow));
        return narrow;
    }
    assert(key->room == sizeof(wide));
    memcpy(&wide, field, sizeof(wide));
    return wide;
}

static void config_set_number(struct config *config, const struct config_key *key, uint64_t value)
{
    char *field = (char *)config + key->offset;
    unsigned narrow = (unsigned)value;

    if (key->room == sizeof(narrow)) {
        assert(narrow == value);
        memcpy(field, &narrow, sizeof(narrow));
    } else {
        assert(key->room == sizeof(value));
        memcpy(field, &value, sizeof(value));
    }
}

/* The largest unit that holds the value without a rest, so that it reads back exactly. */
static void key_format_number(const struct config_key *key, uint64_t value, char out[static 32])
{
    static const struct {
        enum config_kind kind;
        uint64_t factor;
        const char *unit;
    } units[] = {
        { KIND_DURATION, 3600 * SECOND_NS, "h" },
        { KIND_DURATION, 60 * SECOND_NS, "m" },
        { KIND_DURATION, SECOND_NS, "s" },
        { KIND_DURATION, 1000000, "ms" },
        { KIND_DURATION, 1000, "us" },
        { KIND_DURATION, 1, "ns" },
        { KIND_BYTES, 1u << 30, "G" },
        { KIND_BYTES, 1u << 20, "M" },
        { KIND_BYTES, 1u << 10, "k" },
    };

    for (size_t i = 0; value > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].kind == key->kind && value % units[i].factor == 0) {
            (void)snprintf(out, 32, "%" PRIu64 "%s", value / units[i].factor, units[i].unit);
            return;
        }
    }
    (void)snprintf(out, 32, "%" PRIu64, value);
}

static enum config_verdict config_read_number(struct config *config, const struct config_key *key,
                                              struct span value, const struct place *place,
                                              struct config_trouble *ret_trouble)
{
    char low[32], high[32], what[160];
    uint64_t number;

    if (number_kinds[key->kind].parse(value, &number) &&
        ((number >= key->min && number <= key->max) || (number == 0 && key->zero_is_auto))) {
        config_set_number(config, key, number);
        return CONFIG_OK;
    }
    key_format_number(key, key->min, low);
    key_format_number(key, key->max, high);
    (void)snprintf(what, sizeof(what), "expected %s from %s to %s%s", number_kinds[key->kind].noun,
                   low, high, key->zero_is_auto ? ", or 0 to let hauld choose" : "");
    return refuse(ret_trouble, place, key->name, value, what);
}

/* Control bytes and NUL have no place in a path or an address that we hand on as text. */
static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.bytes; i++) {
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    }
    return true;
}

static enum config_verdict config_read_path(struct config *config, const struct config_key *key,
                                            struct span value, const struct place *place,
                                            struct config_trouble *ret_trouble)
{
    char *field = (char *)config + key->offset;

    if (!is_plain(value))
        return refuse(ret_trouble, place, key->name, value, "control characters in a path");
    if (value.bytes > 0 && value.data[0] != '/')
        return refuse(ret_trouble, place, key->name, value, "expected an absolute path");
    if (value.bytes >= key->room)
        return refuse(ret_trouble, place, key->name, value, "the path is too long");
    memcpy(field, value.data, value.bytes);
    field[value.bytes] = '\0';
    return CONFIG_OK;
}

/* Appends the items of a list, each behind one separator. */
static enum config_verdict config_read_list(struct config *config, const struct config_key *key,
                                            struct span value, const struct place *place,
                                            struct config_trouble *ret_trouble)
{
    char *field = (char *)config + key->offset;
    size_t used = strlen(field);
    struct span item;

    while (take_until(&value, key->kind == KIND_SERVERS ? " \t," : " \t", &item)) {
        if (span_is_empty(item))
            continue;
        if (!is_plain(item))
            return refuse(ret_trouble, place, key->name, item, "control characters in a list");
        if (key->kind == KIND_PATHS && item.data[0] != '/')
            return refuse(ret_trouble, place, key->name, item,
                          "expected absolute paths with a space between");
        if (used + item.bytes + 2 > key->room)
            return refuse(ret_trouble, place, key->name, item, "the list is too long");
        if (used > 0)
            field[used++] = key->kind == KIND_SERVERS ? ',' : ' ';
        memcpy(field + used, item.data, item.bytes);
        used += item.bytes;
        field[used] = '\0';
    }
    return CONFIG_OK;
}

static enum config_verdict config_read(struct config *config, const struct config_key *key,
                                       struct span value, const struct place *place,
                                       struct config_trouble *ret_trouble)
{
    unsigned level;

    if (span_is_empty(value)) {
        if (key->kind == KIND_PATHS || key->kind == KIND_SERVERS)
            *((char *)config + key->offset) = '\0';
        value = span_of_string(key->fallback);
    }
    switch (key->kind) {
    case KIND_COUNT:
    case KIND_BYTES:
    case KIND_DURATION:
        return config_read_number(config, key, value, place, ret_trouble);
    case KIND_LEVEL:
        if (!config_parse_level(value, &level))
            return refuse(ret_trouble, place, key->name, value,
                          "expected err, warning, notice, info or debug");
        config_set_number(config, key, level);
        return CONFIG_OK;
    case KIND_PATH:
        return config_read_path(config, key, value, place, ret_trouble);
    case KIND_SERVERS:
    case KIND_PATHS:
        return config_read_list(config, key, value, place, ret_trouble);
    }
    return CONFIG_OK;
}

static const struct config_key *find_key(struct span name)
{
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        if (span_equals_nocase(span_of_string(config_keys[i].name), name))
            return &config_keys[i];
    }
    return NULL;
}

/* How many bytes two names share at both ends: enough to find the likely meaning of a typing
 * error. */
static size_t likeness(struct span a, struct span b)
{
    size_t shorter = a.bytes < b.bytes ? a.bytes : b.bytes, front = 0, back = 0;

    while (front < shorter && strncasecmp(a.data + front, b.data + front, 1) == 0)
        front++;
    while (front + back < shorter &&
           strncasecmp(a.data + a.bytes - 1 - back, b.data + b.bytes - 1 - back, 1) == 0)
        back++;
    return front + back;
}

static enum config_verdict refuse_key(struct span name, const struct place *place,
                                      struct config_trouble *ret_trouble)
{
    const char *nearest = NULL;
    size_t best = 3; /* fewer bytes in common is chance */
    char what[128] = "unknown key; see hauld.conf(5)";

    for (size_t i = 0; i < KEYS_COUNT; i++) {
        struct span candidate = span_of_string(config_keys[i].name);
        size_t alike = likeness(name, candidate);

        if (alike > best && alike * 2 > candidate.bytes) {
            best = alike;
            nearest = config_keys[i].name;
        }
    }
    if (nearest)
        (void)snprintf(what, sizeof(what), "unknown key; did you mean %s=?", nearest);
    return refuse(ret_trouble, place, "", name, what);
}

static enum config_verdict config_parse_line(struct config *config, struct span line,
                                             const struct place *place,
                                             struct config_trouble *ret_trouble)
{
    const struct config_key *key;
    struct span name, value;
    const char *equals;

    line = trim(line);
    if (span_is_empty(line) || line.data[0] == '#' || line.data[0] == ';')
        return CONFIG_OK;
    if (line.data[0] == '[') {
        if (span_equals(line, SPAN_LITERAL("[Hauld]")))
            return CONFIG_OK;
        return refuse(ret_trouble, place, "", line, "the only section is [Hauld]");
    }
    equals = memchr(line.data, '=', line.bytes);
    if (!equals)
        return refuse(ret_trouble, place, "", line, "expected Key=value");
    name = trim(span_of(line.data, (size_t)(equals - line.data)));
    value = trim(span_of(equals + 1, line.bytes - (size_t)(equals - line.data) - 1));
    key = find_key(name);
    if (!key)
        return refuse_key(name, place, ret_trouble);
    return config_read(config, key, value, place, ret_trouble);
}

enum config_verdict config_parse(struct config *config, struct span text, const char *file_name,
                                 struct config_trouble *ret_trouble)
{
    struct place place = { .name = file_name };
    struct config next = *config;
    struct span line;

    if (text.bytes > CONFIG_FILE_BYTES_MAX)
        return refuse(ret_trouble, &place, "", SPAN_LITERAL("the file"), "larger than 1 MiB");
    while (take_until(&text, "\n", &line)) {
        place.line++;
        if (config_parse_line(&next, line, &place, ret_trouble) == CONFIG_BAD)
            return CONFIG_BAD;
    }
    *config = next;
    return CONFIG_OK;
}

enum config_verdict config_set(struct config *config, const char *key, struct span value,
                               const char *where, struct config_trouble *ret_trouble)
{
    const struct config_key *row = find_key(span_of_string(key));
    struct place place = { .name = where };
    struct config next = *config;

    if (!row)
        return refuse_key(span_of_string(key), &place, ret_trouble);
    if (config_read(&next, row, trim(value), &place, ret_trouble) == CONFIG_BAD)
        return CONFIG_BAD;
    *config = next;
    return CONFIG_OK;
}

void config_init_defaults(struct config *config)
{
    const struct place place = { .name = "default" };
    struct config_trouble trouble;

    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        const struct config_key *key = &config_keys[i];

        if (config_read(config, key, SPAN_LITERAL(""), &place, &trouble) != CONFIG_OK)
            assert(!"a default out of its own bounds");
    }
}

static void key_format(const struct config_key *key, const struct config *config, char *out,
                       size_t room)
{
    char number[32];

    switch (key->kind) {
    case KIND_COUNT:
    case KIND_BYTES:
    case KIND_DURATION:
        key_format_number(key, config_number(config, key), number);
        (void)snprintf(out, room, "%s=%s\n", key->name, number);
        break;
    case KIND_LEVEL:
        (void)snprintf(out, room, "%s=%s\n", key->name, level_names[config->log_level]);
        break;
    case KIND_PATH:
    case KIND_SERVERS:
    case KIND_PATHS:
        (void)snprintf(out, room, "%s=%s\n", key->name, (const char *)config + key->offset);
        break;
    }
}

size_t config_print(const struct config *config, char *out, size_t room)
{
    char line[CONFIG_PATH_ROOM + 64];
    size_t used = 0;

    static_assert(CONFIG_LIST_ROOM <= CONFIG_PATH_ROOM, "a line holds the longest value");
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        key_format(&config_keys[i], config, line, sizeof(line));
        for (const char *c = line; *c; c++, used++) {
            if (used + 1 < room)
                out[used] = *c;
        }
    }
    if (room > 0)
        out[used < room ? used : room - 1] = '\0';
    return used;
}

bool config_allows_unix_upstream(const struct config *config, struct span path)
{
    struct span rest = span_of_string(config->unix_upstreams), item;

    while (take_until(&rest, " ", &item)) {
        if (!span_is_empty(item) && span_equals(item, path))
            return true;
    }
    return false;
}
