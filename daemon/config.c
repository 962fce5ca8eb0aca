/*
 * config.c - one table of keys per section drives reading, printing and the error texts.
 *
 * A row says where the value lives, how it is written, its bounds and its default as a user would
 * write it: defaults go through the same parser as a file, so that a default cannot be out of its
 * own bounds. The kinds of values are config_value.c's, the lines of a file config_parse.c's.
 */
#include "config_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define MS_NS 1000000ull
#define RATE_MAX_UHZ 1000000000000ull /* a million a second */
#define DAY_NS (24 * 3600 * 1000 * MS_NS)

#define FIELD(key, type_, field, ...)                                                              \
    .name = (key), .offset = offsetof(type_, field),                                               \
    .type = { .room = sizeof(((type_ *)0)->field), __VA_ARGS__ }
#define KEY(key, field, ...) FIELD(key, struct config, field, __VA_ARGS__)
#define TEXT(key, kind_, field) KEY(key, field, .kind = (kind_))
#define COUNT(key, field, low, high)                                                               \
    KEY(key, field, .kind = CONFIG_COUNT, .min = (low), .max = (high))
#define COUNT_OR_AUTO(key, field, high)                                                            \
    KEY(key, field, .kind = CONFIG_COUNT, .min = 1, .max = (high), .zero_is_auto = true)
#define PER_USER(key, good) COUNT_OR_AUTO(key, user_limits.max[good], 1000000000)
#define DURATION(key, field, high)                                                                 \
    KEY(key, field, .kind = CONFIG_DURATION, .min = MS_NS, .max = (high))

static const struct config_key hauld_rows[] = {
    { TEXT("Socket", CONFIG_PATH, socket_path), .fallback = "", .is_fixed = true },
    { COUNT_OR_AUTO("Workers", workers, 64), .fallback = "0", .is_fixed = true },
    { KEY("LogLevel", log_level, .kind = CONFIG_LEVEL), .fallback = "info" },
    { KEY("Isolation", isolation, .kind = CONFIG_ISOLATION), .fallback = "auto", .is_fixed = true },
    { COUNT("MaxSessions", sessions_max, 1, 65536), .fallback = "1024" },
    { COUNT_OR_AUTO("MaxConnections", connections_max, 1000000), .fallback = "0",
      .is_fixed = true },
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
    { DURATION("DrainTime", drain_time_ns, DAY_NS), .fallback = "30s" },
    { KEY("IdleExit", idle_exit_ns, .kind = CONFIG_DURATION, .min = MS_NS, .max = 365 * DAY_NS,
          .zero_is_auto = true),
      .fallback = "0" },
    { KEY("WriterQueue", writer_queue_bytes_max, .kind = CONFIG_BYTES, .min = 1u << 20,
          .max = 1u << 30),
      .fallback = "16M", .is_fixed = true },
    { TEXT("DNSServers", CONFIG_SERVERS, dns_servers), .fallback = "", .is_fixed = true },
    { COUNT("DNSCacheEntries", dns_cache_entries_max, 16, 1000000), .fallback = "4096",
      .is_fixed = true },
    { TEXT("HostsFile", CONFIG_PATH, hosts_path), .fallback = "/etc/hosts", .is_fixed = true },
    { TEXT("UnixUpstreams", CONFIG_PATHS, unix_upstreams), .fallback = "" },
    { TEXT("DenyAddresses", CONFIG_DENIALS, denials), .fallback = "none" },
    { TEXT("AllowUsers", CONFIG_ACCOUNTS, allow_users), .fallback = "" },
    { TEXT("AllowGroups", CONFIG_ACCOUNTS, allow_groups), .fallback = "" },
    { PER_USER("MaxSessionsPerUser", USER_SESSIONS), .fallback = "0" },
    { PER_USER("MaxBatchesPerUser", USER_BATCHES), .fallback = "0" },
    { PER_USER("MaxItemsPerUser", USER_ITEMS), .fallback = "0" },
    { KEY("MaxBytesPerUser", user_limits.max[USER_BYTES], .kind = CONFIG_BYTES, .min = 1u << 20,
          .max = 1ull << 40, .zero_is_auto = true),
      .fallback = "0" },
    { PER_USER("MaxDescriptorsPerUser", USER_DESCRIPTORS), .fallback = "0" },
};

static const struct config_key origin_rows[] = {
    [CONFIG_ORIGIN_CONNECTIONS] = { FIELD("MaxConnections", struct config_origin, active_max,
                                          .kind = CONFIG_COUNT, .min = 1, .max = 1000000,
                                          .zero_is_auto = true),
                                    .fallback = "0" },
    [CONFIG_ORIGIN_RATE] = { FIELD("Rate", struct config_origin, rate_uhz, .kind = CONFIG_RATE,
                                   .min = 1, .max = RATE_MAX_UHZ, .zero_is_auto = true),
                             .fallback = "0" },
};

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
static_assert(ROWS(hauld_rows) <= CONFIG_KEYS_ROOM, "every key has its place");
static_assert(ROWS(origin_rows) == CONFIG_ORIGIN_KEYS, "likewise");

const struct config_keys config_hauld_keys = { hauld_rows, ROWS(hauld_rows) };
const struct config_keys config_origin_keys = { origin_rows, ROWS(origin_rows) };

struct config_section config_hauld_section(struct config *config)
{
    return (struct config_section){ .keys = &config_hauld_keys,
                                    .base = (char *)config,
                                    .places = config->places };
}

struct config_section config_origin_section(struct config_origin *origin)
{
    return (struct config_section){ .keys = &config_origin_keys,
                                    .base = (char *)origin,
                                    .places = origin->places };
}

void config_init_defaults(struct config *config)
{
    struct config_refusal refusal;

    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < ROWS(hauld_rows); i++) {
        const struct config_key *key = &hauld_rows[i];

        if (!config_value_read(&key->type, span_of_string(key->fallback),
                               (char *)config + key->offset, &refusal))
            assert(!"a default out of its own bounds");
    }
    strcpy(config->sources[0], "default");
    config->sources_count = 1;
}

/* ---- printing ---- */

struct printer {
    char *out;
    size_t room;
    size_t used;
    const struct config *config;
    struct config_place place; /* of what was printed last */
};

static void put(struct printer *to, const char *text)
{
    for (; *text; text++, to->used++)
        if (to->used + 1 < to->room)
            to->out[to->used] = *text;
}

/* A comment, when the place is another one than that of the line before. */
static void put_place(struct printer *to, const struct config_place *place, bool is_first)
{
    char line[16] = "";

    if (!is_first && place->source == to->place.source && place->line == to->place.line)
        return;
    if (place->line)
        (void)snprintf(line, sizeof(line), ":%u", place->line);
    put(to, "# ");
    put(to, to->config->sources[place->source]);
    put(to, line);
    put(to, "\n");
    to->place = *place;
}

static void put_section(struct printer *to, const struct config_section *section, bool is_whole)
{
    char value[CONFIG_PATH_ROOM + 64];
    bool is_first = true;

    static_assert(CONFIG_LIST_ROOM <= CONFIG_PATH_ROOM, "value has room for the longest");
    for (size_t i = 0; i < section->keys->count; i++) {
        const struct config_key *key = &section->keys->rows[i];

        if (!is_whole && section->places[i].source == 0)
            continue;
        put_place(to, &section->places[i], is_first);
        is_first = false;
        put(to, key->name);
        put(to, "=");
        config_value_format(&key->type, section->base + key->offset, value, sizeof(value));
        put(to, value);
        put(to, "\n");
    }
}

static void put_origin(struct printer *to, const struct config_origin *origin)
{
    const struct config_section section =
        config_origin_section((struct config_origin *)(uintptr_t)origin);
    bool is_v6 = strchr(origin->host, ':');
    char header[URL_HOST_BYTES_MAX + 64];

    (void)snprintf(header, sizeof(header), "\n[Origin \"%s://%s%s%s:%u\"]\n",
                   origin->scheme == URL_HTTPS ? "https" : "http", is_v6 ? "[" : "", origin->host,
                   is_v6 ? "]" : "", origin->port);
    put(to, header);
    put_section(to, &section, false);
}

size_t config_print(const struct config *config, char *out, size_t room)
{
    const struct config_section all = config_hauld_section((struct config *)(uintptr_t)config);
    struct printer to = { .out = out, .room = room, .config = config };

    put(&to, "[Hauld]\n");
    put_section(&to, &all, true);
    for (unsigned i = 0; i < config->origins_count; i++)
        put_origin(&to, &config->origins[i]);
    if (room > 0)
        out[to.used < room ? to.used : room - 1] = '\0';
    return to.used;
}

/* ---- questions ---- */

const char *config_find_fixed(const struct config *now, const struct config *next)
{
    for (size_t i = 0; i < ROWS(hauld_rows); i++) {
        const struct config_key *key = &hauld_rows[i];

        if (key->is_fixed && memcmp((const char *)now + key->offset,
                                    (const char *)next + key->offset, key->type.room) != 0)
            return key->name;
    }
    return NULL;
}

void config_keep(struct config *config, const struct config *from, const char *key)
{
    for (size_t i = 0; i < ROWS(hauld_rows); i++)
        if (strcmp(hauld_rows[i].name, key) == 0)
            memcpy((char *)config + hauld_rows[i].offset, (const char *)from + hauld_rows[i].offset,
                   hauld_rows[i].type.room);
}

void config_tell_place(const struct config *config, const char *key, char *out, size_t room)
{
    struct config_place place = { 0 };

    for (size_t i = 0; i < ROWS(hauld_rows); i++)
        if (strcmp(hauld_rows[i].name, key) == 0)
            place = config->places[i];
    if (place.line)
        (void)snprintf(out, room, "%s:%u", config->sources[place.source], place.line);
    else
        (void)snprintf(out, room, "%s", config->sources[place.source]);
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

static bool accounts_have(const struct config_accounts *accounts, uint32_t id)
{
    for (unsigned i = 0; i < accounts->count; i++)
        if (accounts->ids[i] == id)
            return true;
    return false;
}

bool config_allows_user(const struct config *config, uint32_t uid, const uint32_t *gids,
                        size_t gids_count)
{
    if (!config->allow_users[0] && !config->allow_groups[0])
        return true;
    if (accounts_have(&config->allowed_users, uid))
        return true;
    for (size_t i = 0; i < gids_count; i++)
        if (accounts_have(&config->allowed_groups, gids[i]))
            return true;
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
