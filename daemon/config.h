/*
 * config.h - the settings of hauld: every bound, timeout and address, with its default.
 *
 * Pure: it parses spans; config_files.h reads the files. A struct config owns nothing, so that it
 * is copied by assignment and a reload is "parse into a copy, then assign". hauld.conf(5) describes
 * the keys.
 *
 * Adding a key: (1) a field below, (2) a row of the table in config.c, (3) docs/hauld.conf.5.scd.
 */
#ifndef HAULD_CONFIG_H
#define HAULD_CONFIG_H

#include "span.h"
#include "url.h"
#include "users.h"

#define CONFIG_FILE_BYTES_MAX (1u << 20) /* of one file; what is larger is refused */
#define CONFIG_SOCKET_ROOM 108           /* sun_path, NUL included */
#define CONFIG_PATH_ROOM 4096
#define CONFIG_LIST_ROOM 4096
#define CONFIG_SERVERS_ROOM 1024
#define CONFIG_ORIGINS_MAX 64u
#define CONFIG_ACCOUNTS_MAX 256u
#define CONFIG_SOURCES_MAX 64u
#define CONFIG_SOURCE_ROOM 160
#define CONFIG_KEYS_ROOM 48u

/* Where a setting was made. */
struct config_place {
    uint16_t source; /* its name is sources[source]; 0: nowhere, it is the default */
    uint16_t line;   /* 0: not in a file */
};

enum config_origin_key {
    CONFIG_ORIGIN_CONNECTIONS,
    CONFIG_ORIGIN_RATE,
    CONFIG_ORIGIN_KEYS
};

/* A section [Origin "https://api.example.com"]. */
struct config_origin {
    char host[URL_HOST_BYTES_MAX + 1]; /* as url_parse has it */
    uint16_t port;
    uint8_t scheme;      /* enum url_scheme */
    unsigned active_max; /* connections, over all batches; 0 = no limit */
    uint64_t rate_uhz;   /* begun in 10^6 s, over all batches; 0 = no limit */
    struct config_place places[CONFIG_ORIGIN_KEYS]; /* source 0: as any other origin */
};

/* Users or groups by their numbers. */
struct config_accounts {
    uint32_t ids[CONFIG_ACCOUNTS_MAX];
    unsigned count;
};

/* Of what the kernel can keep hauld from. */
enum config_isolation {
    CONFIG_ISOLATION_AUTO,     /* as much as it can */
    CONFIG_ISOLATION_REQUIRED, /* all of it, or no start */
    CONFIG_ISOLATION_OFF,
};

/* Text fields: empty = not set. 0 in a number: see its comment, else 0 is refused. */
struct config {
    char socket_path[CONFIG_SOCKET_ROOM]; /* where to listen; not set: main's rule */
    unsigned workers;                     /* event loops; 0 = by the number of cores */
    unsigned log_level;                   /* 3 err, 4 warning, 5 notice, 6 info, 7 debug */
    unsigned isolation;                   /* enum config_isolation */

    unsigned sessions_max;
    unsigned connections_max;      /* outbound, all together; 0 = from RLIMIT_NOFILE */
    unsigned per_origin_default;   /* connections for a batch that asks for nothing */
    unsigned per_origin_total_max; /* over all batches together; 0 = connections_max */
    unsigned concurrency_default;  /* items in progress, of a batch that asks for nothing */
    unsigned dns_cache_entries_max;
    uint64_t writer_queue_bytes_max;
    uint64_t origin_rate_uhz; /* begun at one origin in 10^6 s, over all batches; 0 = no limit */

    uint64_t item_time_max_ns; /* the ceiling of any item's total time */
    uint64_t dns_timeout_ns;
    uint64_t connect_timeout_ns; /* over all addresses of a name */
    uint64_t tls_timeout_ns;
    uint64_t first_byte_timeout_ns;
    uint64_t idle_timeout_ns;        /* between two reads of a response */
    uint64_t frame_timeout_ns;       /* half a frame, half a Varlink message */
    uint64_t slow_reader_timeout_ns; /* a client that does not read its results */
    uint64_t sink_timeout_ns;        /* a body's sink that stays full */
    uint64_t pool_idle_timeout_ns;   /* a kept connection without a request */
    uint64_t drain_time_ns;          /* what runs may go on so long when hauld is told to stop */
    uint64_t idle_exit_ns;           /* without a client, with socket activation; 0 = never */

    char dns_servers[CONFIG_SERVERS_ROOM]; /* "127.0.0.1:5353,[::1]:53"; not set: resolv.conf */
    char hosts_path[CONFIG_PATH_ROOM];
    char unix_upstreams[CONFIG_LIST_ROOM]; /* absolute paths, one space between */
    char denials[CONFIG_LIST_ROOM];        /* who gets public addresses only (policy.h), likewise */

    char allow_users[CONFIG_LIST_ROOM]; /* names or numbers, likewise; with no user and no group:
                                           all */
    char allow_groups[CONFIG_LIST_ROOM];
    struct config_accounts allowed_users; /* of the names: config_accounts.h */
    struct config_accounts allowed_groups;
    struct user_limits user_limits;

    struct config_origin origins[CONFIG_ORIGINS_MAX];
    unsigned origins_count;

    char sources[CONFIG_SOURCES_MAX][CONFIG_SOURCE_ROOM]; /* files, flags; the first is "default" */
    unsigned sources_count;
    struct config_place places[CONFIG_KEYS_ROOM]; /* of the keys, in the order of the table */
};

/* What is wrong, where, and the cure: one line without a full stop. */
struct config_trouble {
    char text[512];
};

enum config_verdict {
    CONFIG_OK,
    CONFIG_BAD, /* *ret_trouble says why, *config is as it was */
};

void config_init_defaults(struct config *config);

/* Reads a whole file of Key=value lines over *config. Comments start with # or ; and stand on their
 * own line. Sections are [Hauld], which may be left out, and [Origin "URL"]. Keys are matched
 * without regard to case. An empty value means the default again; the last of several lines counts,
 * but lists grow line by line. file_name begins the trouble's text, and is where config_print says
 * that a value is from. */
enum config_verdict config_parse(struct config *config, struct span text, const char *file_name,
                                 struct config_trouble *ret_trouble);

/* One key, as argv gives it; where ("--workers") begins the trouble's text. */
enum config_verdict config_set(struct config *config, const char *key, struct span value,
                               const char *where, struct config_trouble *ret_trouble);

/* Writes all keys as a file that config_parse reads back to the same settings, each group below a
 * comment that says where it is from; at most room bytes, NUL included when room > 0. Returns the
 * bytes needed without it. */
size_t config_print(const struct config *config, char *out, size_t room);

/* The first key that differs and cannot change while hauld runs, or NULL. */
const char *config_find_fixed(const struct config *now, const struct config *next);

/* Sets that key as it is in from. */
void config_keep(struct config *config, const struct config *from, const char *key);

/* Where a key was set, as a trouble begins with it: "hauld.conf:12". */
void config_tell_place(const struct config *config, const char *key, char *out, size_t room);

/* Whether path is one of the paths of unix_upstreams, byte for byte. */
bool config_allows_unix_upstream(const struct config *config, struct span path);

/* Whether clients of this user get public addresses only. */
bool config_denies_private(const struct config *config, uint32_t uid);

/* Whether this user, who is in these groups, may use the daemon, as far as AllowUsers= and
 * AllowGroups= say. */
bool config_allows_user(const struct config *config, uint32_t uid, const uint32_t *gids,
                        size_t gids_count);

/* "err", "warning", "notice", "info", "debug" (or 3 to 7) to the number. */
bool config_parse_level(struct span text, unsigned *ret_level);

#endif
