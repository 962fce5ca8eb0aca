/*
 * options.h - the command line as data (docs/haul.1, "Flags").
 *
 * Tables say which flag exists for which verb, what it takes and where it is kept; flags of the
 * contract that this build lacks are in the tables too, so that they are refused by name and never
 * ignored. Nothing here opens a file or prints.
 */
#ifndef HAUL_OPTIONS_H
#define HAUL_OPTIONS_H

#include "groups_by.h"
#include "hash.h"
#include "report_format.h"
#include "span.h"

/* Bits, so that a row of the table can name several. */
enum verb {
    VERB_GET = 1 << 0,
    VERB_BATCH = 1 << 1,
    VERB_PING = 1 << 2,
    VERB_DOCTOR = 1 << 3,
    VERB_VERSION = 1 << 4,
    VERB_HELP = 1 << 5,
    VERB_BENCH = 1 << 6,
    VERB_REPORT = 1 << 7,
    VERB_COMPARE = 1 << 8,
    VERB_STATS = 1 << 9,
    VERB_ORIGINS = 1 << 10,
    VERB_INFLIGHT = 1 << 11,
    VERB_RELOAD = 1 << 12,
    VERB_DRAIN = 1 << 13,
    VERB_METRICS = 1 << 14,
    VERB_COMPLETION = 1 << 15,
    VERB_INTROSPECT = 1 << 16,
    VERB_TOP = 1 << 17,
};
#define VERB_FETCH (VERB_GET | VERB_BATCH)
#define VERB_REQUEST (VERB_FETCH | VERB_BENCH)                /* those that make requests */
#define VERB_LOOK (VERB_STATS | VERB_ORIGINS | VERB_INFLIGHT) /* into the daemon */
#define VERB_ANY                                                                                   \
    (VERB_REQUEST | VERB_PING | VERB_DOCTOR | VERB_VERSION | VERB_HELP | VERB_REPORT |             \
     VERB_COMPARE | VERB_LOOK | VERB_METRICS | VERB_RELOAD | VERB_DRAIN | VERB_COMPLETION |        \
     VERB_INTROSPECT | VERB_TOP)

enum records_mode {
    RECORDS_DEFAULT, /* all for batch, none for get */
    RECORDS_ALL,
    RECORDS_FAILED,
    RECORDS_NONE,
};

enum arrival {
    ARRIVAL_FIXED,
    ARRIVAL_POISSON,
};

enum color_mode {
    COLOR_AUTO,
    COLOR_ALWAYS,
    COLOR_NEVER,
};

/* Values point into argv. */
struct option_list {
    const char **values;
    size_t count;
};

enum data_kind {
    DATA_FORM,      /* -d: joined with '&' */
    DATA_RAW,       /* --data-raw: '@' has no meaning */
    DATA_BINARY,    /* --data-binary */
    DATA_URLENCODE, /* --data-urlencode */
    DATA_JSON,      /* --json: appended as it is */
};

struct data_part {
    enum data_kind kind;
    const char *value;
};

#define OPTIONS_NO_TIMEOUT UINT64_MAX

struct options {
    enum verb verb; /* get when none is written */
    bool verb_given;
    /* global */
    const char *socket;
    bool is_private;
    bool no_private;
    bool quiet;
    bool verbose;
    enum color_mode color;
    bool help;
    bool version;
    /* request */
    const char *method;
    struct option_list headers;
    struct data_part *data;
    size_t data_count;
    bool data_in_url; /* -G */
    const char *user_agent;
    const char *referer;
    const char *user;
    const char *bearer;
    bool netrc;
    bool netrc_optional;
    const char *netrc_file;
    const char *range;
    bool head;
    bool compressed;
    /* cookies */
    struct option_list upload;
    struct option_list cookies;
    const char *cookie_jar;
    bool junk_session_cookies;
    /* following */
    bool follow;
    bool no_follow;
    const char *max_redirs;
    const char *proto_redir;
    /* TLS */
    bool insecure;
    const char *cacert;
    const char *cert;
    const char *key;
    const char *tls_min;
    const char *tls_max;
    /* retry */
    const char *retry;
    uint64_t retry_delay_ns;
    uint64_t slower_ns;   /* of inflight */
    const char *textfile; /* of metrics */
    uint64_t interval_ns; /* of top, with the next two; 0 = not given */
    uint64_t frames;
    bool once;
    uint64_t retry_max_time_ns;
    const char *retry_on;
    bool retry_all_methods;
    /* conditions */
    const char *time_cond;
    const char *etag_save;
    const char *etag_compare;
    const char *continue_at;
    /* where to */
    struct option_list resolve;
    struct option_list connect_to;
    const char *unix_socket;
    const char *interface;
    const char *proxy; /* NULL = what the environment says; empty = none */
    const char *proxy_user;
    const char *noproxy;
    bool ipv4;
    bool ipv6;
    bool public_only;
    /* time; 0 = not given, OPTIONS_NO_TIMEOUT = none but the daemon's */
    uint64_t max_time_ns;
    uint64_t connect_timeout_ns;
    uint64_t dns_timeout_ns;
    uint64_t tls_timeout_ns;
    uint64_t first_byte_timeout_ns;
    uint64_t idle_timeout_ns;
    /* politeness; 0 = not given */
    uint64_t concurrency;
    uint64_t max_per_origin;
    const char *rate;
    const char *rate_per_origin;
    /* body */
    struct option_list output;
    bool remote_name; /* -O */
    const char *output_dir;
    const char *output_template;
    bool skip_existing;
    enum hash_kind hash; /* of --hash */
    const char *expect_hash;
    bool discard;
    bool body_inline;
    uint64_t body_bytes_max;
    /* result */
    bool fail_status; /* -f */
    bool silent;
    bool show_error;
    const char *write_out; /* NULL = none; empty is one too */
    bool headers_in_record;
    bool timeline;
    struct option_list report;
    enum records_mode records;
    bool fail_early;
    bool serial;
    bool include_head; /* -i of get */
    /* bench; 0 = not given */
    const char *bench_rate; /* NULL = closed loop */
    uint64_t requests_max;
    uint64_t duration_ns;
    uint64_t warm_up_ns;
    uint64_t ramp_ns;
    enum arrival arrival;
    bool fresh_conn;
    const char *name;
    struct option_list slo;
    bool strict;
    struct option_list fail_if;
    bool plot;
    const char *save;
    enum report_format format;
    enum groups_by by;
    /* input */
    struct option_list input;
    struct option_list words; /* what is not a flag, the verb aside */
};

/* Parses argv[1..]. False: *ret_why is one line for the user, malloc'd, without "haul: ". */
bool options_parse(struct options *options, int argc, char **argv, char **ret_why);
void options_deinit(struct options *options);

const char *verb_name(enum verb verb);

/* The name of the verb in this place, and the verb unless ret_verb is NULL; NULL behind the last.
 */
const char *verb_at(size_t place, enum verb *ret_verb);

/* For the tables' walkers: help, completion and tests. */
enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_LIST,     /* struct option_list, may repeat */
    OPTION_DURATION, /* uint64_t ns; 0 = as if not given */
    OPTION_PERIOD,   /* uint64_t ns, more than 0 */
    OPTION_TIMEOUT,  /* uint64_t ns; 0 is written, and OPTIONS_NO_TIMEOUT stored, for no limit */
    OPTION_COUNT,    /* uint64_t, more than 0 */
    OPTION_BYTES,    /* uint64_t, more than 0 */
    OPTION_DATA,     /* appends to data; sub says the kind */
    OPTION_CHOICE,   /* enum; the words are in choices */
    OPTION_REFUSED,  /* never; help says the nearest way */
};

struct option_row {
    const char *name; /* without "--" */
    char letter;      /* 0 = none */
    unsigned verbs;
    enum option_kind kind;
    size_t offset;
    unsigned sub;
    const char *choices; /* "auto always never"; "*" is one that has no name */
    const char *argument;
    const char *help;
};

extern const struct option_row option_rows[];
extern const size_t option_rows_count;

/* A verb that the contract names and this build lacks. */
bool verb_is_later(struct span word);

#endif
