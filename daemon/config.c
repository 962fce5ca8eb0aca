/*
 * config.c - one table of keys drives reading, printing and the error texts.
 *
 * A row says where the value lives in struct config, how it is written, its bounds and its default
 * as a user would write it: defaults go through the same parser as a file, so that a default cannot
 * be out of its own bounds. The kinds of values are config_value.c's.
 *
 * Refused on purpose: unknown keys and sections (a typing error in a limit must not pass as "no
 * limit"), line continuations, includes. Several files are main's business: it parses them one
 * after the other over the same struct.
 */
#include "config.h"

#include "config_value.h"

#include <assert.h>
#include <stdio.h>

#define MS_NS 1000000ull
#define RATE_MAX_UHZ 1000000000000ull /* a million a second */
#define DAY_NS (24 * 3600 * 1000 * MS_NS)
#define SHOWN_BYTES 40 /* of a wrong key or value, in a trouble's text */

struct config_key {
    const char *name;
    size_t offset;
    struct config_type type;
    const char *fallback;
};

#define KEY(key, field, ...)                                                                       \
    .name = (key), .offset = offsetof(struct config, field),                                       \
    .type = { .room = sizeof(((struct config *)0)->field), __VA_ARGS__ }
#define TEXT(key, kind_, field) KEY(key, field, .kind = (kind_))
#define COUNT(key, field, low, high)                                                               \
    KEY(key, field, .kind = CONFIG_COUNT, .min = (low), .max = (high))
#define COUNT_OR_AUTO(key, field, high)                                                            \
    KEY(key, field, .kind = CONFIG_COUNT, .min = 1, .max = (high), .zero_is_auto = true)
#define DURATION(key, field, high)                                                                 \
    KEY(key, field, .kind = CONFIG_DURATION, .min = MS_NS, .max = (high))

static const struct config_key config_keys[] = {
    { TEXT("Socket", CONFIG_PATH, socket_path), .fallback = "" },
    { COUNT_OR_AUTO("Workers", workers, 64), .fallback = "0" },
    { KEY("LogLevel", log_level, .kind = CONFIG_LEVEL), .fallback = "info" },
    { COUNT("MaxSessions", sessions_max, 1, 65536), .fallback = "1024" },
    { COUNT_OR_AUTO("MaxConnections", connections_max, 1000000), .fallback = "0" },
    { COUNT("MaxPerOrigin", per_origin_default, 1, 65535), .fallback = "16" },
    { COUNT_OR_AUTO("MaxPerOriginTotal", per_origin_total_max, 1000000), .fallback = "0" },
    { KEY("RatePerOrigin", origin_rate_uhz, .kind = CONFIG_RATE, .min = 1, .max = RATE_MAX_UHZ,
          .zero_is_auto = true),
      .fallback = "0" },
    { COUNT("Concurrency", concurrency_default, 1, 65536), .fallback = "100" },
    { DURATION("MaxItemTime", item_time_max_ns, 365 * DAY_NS), .fallback = "24h" },
    { DURATION("DNSTimeout", dns_timeout_ns, DAY_NS), .fallback = "5s" },
    { DURATION("ConnectTimeout", connect_timeout_ns, DAY_NS), .fallback = "10s" },
    { DURATION("TLSTimeout", tls_timeout_ns, DAY_NS), .fallback = "10s" },
    { DURATION("FirstByteTimeout", first_byte_timeout_ns, DAY_NS), .fallback = "60s" },
    { DURATION("IdleTimeout", idle_timeout_ns, DAY_NS), .fallback = "60s" },
    { DURATION("FrameTimeout", frame_timeout_ns, DAY_NS), .fallback = "10s" },
    { DURATION("SlowReaderTimeout", slow_reader_timeout_ns, DAY_NS), .fallback = "30s" },
    { DURATION("SinkTimeout", sink_timeout_ns, DAY_NS), .fallback = "30s" },
    { DURATION("PoolIdleTimeout", pool_idle_timeout_ns, DAY_NS), .fallback = "30s" },
    { KEY("WriterQueue", writer_queue_bytes_max, .kind = CONFIG_BYTES, .min = 1u << 20,
          .max = 1u << 30),
      .fallback = "16M" },
    { TEXT("DNSServers", CONFIG_SERVERS, dns_servers), .fallback = "" },
    { COUNT("DNSCacheEntries", dns_cache_entries_max, 16, 1000000), .fallback = "4096" },
    { TEXT("HostsFile", CONFIG_PATH, hosts_path), .fallback = "/etc/hosts" },
    { TEXT("UnixUpstreams", CONFIG_PATHS, unix_upstreams), .fallback = "" },
    { TEXT("DenyAddresses", CONFIG_DENIALS, denials), .fallback = "none" },
};

#define KEYS_COUNT (sizeof(config_keys) / sizeof(config_keys[0]))

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

static enum config_verdict config_read(struct config *config, const struct config_key *key,
                                       struct span value, const struct place *place,
                                       struct config_trouble *ret_trouble)
{
    char *field = (char *)config + key->offset;
    struct config_refusal refusal;

    if (span_is_empty(value)) {
        memset(field, 0, key->type.room); /* lists grow otherwise */
        value = span_of_string(key->fallback);
    }
    if (config_value_read(&key->type, value, field, &refusal))
        return CONFIG_OK;
    return refuse(ret_trouble, place, key->name, refusal.wrong, refusal.why);
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
    while (config_take_until(&text, "\n", &line)) {
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

size_t config_print(const struct config *config, char *out, size_t room)
{
    char line[CONFIG_PATH_ROOM + 64];
    size_t used = 0;

    static_assert(CONFIG_LIST_ROOM <= CONFIG_PATH_ROOM, "a line holds the longest value");
    for (size_t i = 0; i < KEYS_COUNT; i++) {
        int name_bytes = snprintf(line, sizeof(line), "%s=", config_keys[i].name);

        config_value_format(&config_keys[i].type, (const char *)config + config_keys[i].offset,
                            line + name_bytes, sizeof(line) - (size_t)name_bytes - 1);
        strcat(line, "\n");
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

    while (config_take_until(&rest, " ", &item)) {
        if (!span_is_empty(item) && span_equals(item, path))
            return true;
    }
    return false;
}

bool config_denies_private(const struct config *config, uint32_t uid)
{
    struct span rest = span_of_string(config->denials), item;
    uint32_t uid_min, uid_max;

    while (config_take_until(&rest, " ", &item)) {
        if (config_parse_denial(item, &uid_min, &uid_max) && uid >= uid_min && uid <= uid_max)
            return true;
    }
    return false;
}
