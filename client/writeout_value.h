/*
 * writeout_value.h - what the variables of --write-out stand for.
 */
#ifndef HAUL_WRITEOUT_VALUE_H
#define HAUL_WRITEOUT_VALUE_H

#include "writeout.h"

enum writeout_number {
    NUMBER_ZERO,    /* of what this build does not have, or the daemon does not tell */
    NUMBER_UNKNOWN, /* -1 */
    NUMBER_VERIFY_RESULT,
    NUMBER_STATUS,
    NUMBER_EXITCODE,
    NUMBER_CONNECTS,
    NUMBER_HEADERS,
    NUMBER_REDIRECTS,
    NUMBER_RETRIES,
    NUMBER_HTTP_CONNECT,
    NUMBER_PROXY_USED,
    NUMBER_REMOTE_PORT,
    NUMBER_DOWNLOAD,
    NUMBER_HEAD_BYTES,
    NUMBER_REQUEST_BYTES,
    NUMBER_UPLOAD,
    NUMBER_DOWNLOAD_SPEED,
    NUMBER_UPLOAD_SPEED,
    NUMBER_POSITION,
};

enum writeout_time {
    TIME_UNKNOWN, /* zero */
    TIME_QUEUE,
    TIME_NAMELOOKUP,
    TIME_CONNECT,
    TIME_APPCONNECT,
    TIME_PRETRANSFER,
    TIME_STARTTRANSFER,
    TIME_REDIRECT,
    TIME_TOTAL,
};

enum writeout_string {
    STRING_NONE,  /* nothing; null in JSON */
    STRING_EMPTY, /* nothing; "" in JSON */
    STRING_CONTENT_TYPE,
    STRING_MESSAGE,
    STRING_FILENAME,
    STRING_HTTP_VERSION,
    STRING_METHOD,
    STRING_REDIRECT,
    STRING_REFERER,
    STRING_REMOTE_IP,
    STRING_SCHEME,
    STRING_URL,
    STRING_URL_EFFECTIVE,
};

enum writeout_url_part {
    URL_PART_SCHEME,
    URL_PART_USER,
    URL_PART_PASSWORD,
    URL_PART_OPTIONS, /* of other schemes */
    URL_PART_HOST,
    URL_PART_ZONE,
    URL_PART_PORT,
    URL_PART_PATH,
    URL_PART_QUERY,
    URL_PART_FRAGMENT,
};

int64_t writeout_number(enum writeout_number which, const struct outcome *item);
uint64_t writeout_time_ns(enum writeout_time which, const struct outcome *item);

/* Data NULL: there is none. The value may lie in scratch, which is empty before. */
struct span writeout_string(enum writeout_string which, const struct writeout *writeout,
                            const struct outcome *item, struct text *scratch);

/* Likewise; of what is no URL there are no parts. */
struct span writeout_url_part(enum writeout_url_part which, struct span text, struct text *scratch);

/* The URL that was fetched last. */
struct span writeout_effective_url(const struct outcome *item);

/* The first field of that name in the response; data NULL = none. */
struct span writeout_header(const struct outcome *item, struct span name);

#endif
