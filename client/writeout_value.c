/*
 * writeout_value.c - what the variables of --write-out stand for.
 *
 * The daemon's RESULT has most of it. What it does not tell (the local address, certificates) has
 * the value that curl prints when it does not know.
 */
#include "writeout_value.h"

#include "message.h"
#include "writeout_url.h"

#include <arpa/inet.h>

#define NS_PER_US 1000u
#define US_PER_SECOND 1000000u

/* Whole bytes per second; no product overflows, as in curl. */
static uint64_t speed_of(uint64_t bytes, uint64_t ns)
{
    uint64_t us = ns / NS_PER_US;

    if (us == 0)
        us = 1;
    if (bytes < INT64_MAX / US_PER_SECOND)
        return bytes * US_PER_SECOND / us;
    return us < US_PER_SECOND ? INT64_MAX : bytes / (us / US_PER_SECOND);
}

static uint64_t count_fields(struct span headers)
{
    struct message_field field;
    uint64_t count = 0;

    while (message_next_field(&headers, &field))
        count++;
    return count;
}

struct span writeout_effective_url(const struct outcome *item)
{
    return item->hop_url.bytes ? item->hop_url : outcome_sent_url(item);
}

static bool is_https(struct span url)
{
    return url.bytes > 6 && strncasecmp(url.data, "https:", 6) == 0;
}

/* Over a unix socket curl has the URL's. */
static uint16_t port_of(struct span text)
{
    struct url_fault bad;
    struct url url;

    return url_parse(text, &url, &bad) ? url.port : 0;
}

/* With -f curl does not read the body of a failure at all. Of a decoded one it counts what it has
 * received, where a record counts what came out. */
static uint64_t download_bytes(const struct outcome *item)
{
    const struct wire_result *result = item->result;

    if (item->fault.code == FAULT_HTTP_STATUS)
        return 0;
    return result->flags & WIRE_RESULT_DECODED ? result->wire_bytes : result->body_bytes;
}

int64_t writeout_number(enum writeout_number which, const struct outcome *item)
{
    const struct wire_result *r = item->result;
    uint64_t value = 0;

    switch (which) {
    case NUMBER_ZERO:
        break;
    case NUMBER_VERIFY_RESULT:
        return item->fault.code == FAULT_TLS_VERIFY; /* X509_V_ERR_UNSPECIFIED */
    case NUMBER_UNKNOWN:
        return -1;
    case NUMBER_STATUS:
        return r->status;
    case NUMBER_EXITCODE:
        return item->is_ok ? 0 : fault_curl_code(item->fault.code);
    case NUMBER_CONNECTS:
        return r->remote_family != 0 && !(r->flags & WIRE_RESULT_REUSED);
    case NUMBER_HEADERS:
        value = count_fields(item->headers);
        break;
    case NUMBER_REDIRECTS:
        return r->hops;
    case NUMBER_RETRIES:
        return r->attempts > r->hops + 1 ? r->attempts - r->hops - 1 : 0;
    case NUMBER_HTTP_CONNECT:
        return r->connect_status;
    case NUMBER_PROXY_USED:
        return r->flags & WIRE_RESULT_PROXIED ? 1 : 0;
    case NUMBER_REMOTE_PORT:
        return r->remote_family == 1 ? port_of(writeout_effective_url(item)) : r->remote_port;
    case NUMBER_DOWNLOAD:
        value = download_bytes(item);
        break;
    case NUMBER_HEAD_BYTES:
        value = r->head_bytes;
        break;
    case NUMBER_REQUEST_BYTES:
        value = r->request_bytes;
        break;
    case NUMBER_UPLOAD:
        value = r->upload_bytes;
        break;
    case NUMBER_DOWNLOAD_SPEED:
        value = speed_of(download_bytes(item), item->timing.response_ns);
        break;
    case NUMBER_UPLOAD_SPEED:
        value = speed_of(r->upload_bytes, item->timing.response_ns);
        break;
    case NUMBER_POSITION:
        value = item->number - 1;
        break;
    }
    return (int64_t)value;
}

uint64_t writeout_time_ns(enum writeout_time which, const struct outcome *item)
{
    const struct timing *t = &item->timing;

    switch (which) {
    case TIME_UNKNOWN:
        return 0;
    case TIME_QUEUE:
        return t->phase_ns[0]; /* the table begins with PHASE_QUEUE */
    case TIME_NAMELOOKUP:
        return t->namelookup_ns;
    case TIME_CONNECT:
        return t->connect_ns;
    case TIME_APPCONNECT:
        return t->appconnect_ns;
    case TIME_PRETRANSFER:
        return t->pretransfer_ns;
    case TIME_STARTTRANSFER:
        return t->starttransfer_ns;
    case TIME_REDIRECT:
        return t->redirect_ns;
    case TIME_TOTAL:
        return t->response_ns;
    }
    return 0;
}

struct span writeout_header(const struct outcome *item, struct span name)
{
    struct span headers = item->headers;
    struct message_field field;

    while (message_next_field(&headers, &field))
        if (span_equals_nocase(field.name, name))
            return field.value.data ? field.value : span_of("", 0);
    return (struct span){ 0 };
}

static struct span put_http_version(const struct wire_result *r, struct text *scratch)
{
    text_put_u64(scratch, r->version_major);
    if (r->version_minor) {
        text_put_char(scratch, '.');
        text_put_u64(scratch, r->version_minor);
    }
    return text_span(scratch);
}

static struct span put_remote_ip(const struct wire_result *r, const struct writeout *writeout,
                                 struct text *scratch)
{
    char *room = text_reserve(scratch, INET6_ADDRSTRLEN);

    if (r->remote_family == 1)
        return writeout->unix_path;
    if (!room || r->remote_family == 0)
        return span_of("", 0);
    (void)inet_ntop(r->remote_family == 4 ? AF_INET : AF_INET6, r->remote_address, room,
                    INET6_ADDRSTRLEN); /* has room */
    return span_of_string(room);
}

static struct span put_redirect(const struct outcome *item, struct text *scratch)
{
    struct span location = writeout_header(item, SPAN_LITERAL("Location"));

    if (item->result->status / 100 != 3 || location.bytes == 0)
        return (struct span){ 0 };
    writeout_put_redirect(scratch, writeout_effective_url(item), location);
    return text_span(scratch);
}

struct span writeout_url_part(enum writeout_url_part which, struct span text, struct text *scratch)
{
    struct span part = { 0 };
    struct url_fault bad;
    struct url url;

    if (!url_parse(text, &url, &bad))
        return part;
    switch (which) {
    case URL_PART_SCHEME:
        return url.scheme == URL_HTTPS ? SPAN_LITERAL("https") : SPAN_LITERAL("http");
    case URL_PART_USER:
        return url.user;
    case URL_PART_PASSWORD:
        return url.password;
    case URL_PART_OPTIONS:
        return part;
    case URL_PART_HOST:
        writeout_put_host(scratch, &url);
        break;
    case URL_PART_ZONE:
        return url.zone;
    case URL_PART_PORT:
        text_put_u64(scratch, url.port);
        break;
    case URL_PART_PATH:
        writeout_put_path(scratch, &url);
        break;
    case URL_PART_QUERY:
        return url.query;
    case URL_PART_FRAGMENT:
        return url.fragment;
    }
    return text_span(scratch);
}

struct span writeout_string(enum writeout_string which, const struct writeout *writeout,
                            const struct outcome *item, struct text *scratch)
{
    const struct wire_result *r = item->result;
    struct span url = item->url;

    switch (which) {
    case STRING_NONE:
        break;
    case STRING_EMPTY:
        return span_of("", 0);
    case STRING_CONTENT_TYPE:
        return item->content_type.bytes ? item->content_type : (struct span){ 0 };
    case STRING_MESSAGE:
        return item->is_ok ? (struct span){ 0 } : item->message;
    case STRING_FILENAME:
        return item->path ? span_of_string(item->path) : (struct span){ 0 };
    case STRING_HTTP_VERSION:
        return put_http_version(r, scratch);
    case STRING_METHOD:
        return item->method.bytes ? item->method : SPAN_LITERAL("GET");
    case STRING_REDIRECT:
        return put_redirect(item, scratch);
    case STRING_REFERER:
        return writeout->referer;
    case STRING_REMOTE_IP:
        return put_remote_ip(r, writeout, scratch);
    case STRING_SCHEME:
        if (r->remote_family == 0)
            break; /* curl learns it with the connection */
        return is_https(writeout_effective_url(item)) ? SPAN_LITERAL("HTTPS")
                                                      : SPAN_LITERAL("HTTP");
    case STRING_URL:
        span_advance(&url, item->implied_bytes);
        return url;
    case STRING_URL_EFFECTIVE:
        writeout_put_url(scratch, writeout_effective_url(item));
        return text_span(scratch);
    }
    return (struct span){ 0 };
}
