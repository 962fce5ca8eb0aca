/*
 * record.c - records by hand.
 *
 * A record is written a million times in a large batch; the keys are literals whose lengths the
 * compiler knows, the numbers are formatted by text.c. The order of keys is that of the contract
 * and never changes; new keys go to the end.
 */
#include "record.h"

#include "message.h"
#include "units.h"
#include "utf8.h"

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND 1000000000

void record_clock_init(struct record_clock *clock, uint64_t monotonic_ns, uint64_t realtime_ns)
{
    *clock = (struct record_clock){
        .realtime_offset_ns = (int64_t)(realtime_ns - monotonic_ns),
        .second = INT64_MIN,
    };
}

void record_put_time(struct text *out, struct record_clock *clock, uint64_t monotonic_ns)
{
    int64_t now_ns = (int64_t)monotonic_ns + clock->realtime_offset_ns;
    time_t second = now_ns / NS_PER_SECOND;

    if (second != clock->second) {
        struct tm utc;

        (void)gmtime_r(&second, &utc); /* of a clock's value: cannot fail */
        (void)strftime(clock->text, sizeof(clock->text), "%Y-%m-%dT%H:%M:%S", &utc);
        clock->second = second;
    }
    text_put_string(out, clock->text);
    text_put_char(out, '.');
    text_put_six_digits(out, (uint32_t)(now_ns % NS_PER_SECOND / 1000));
    text_put_char(out, 'Z');
}

void record_put_effective_url(struct text *out, struct span url)
{
    const char *authority = url.bytes ? memmem(url.data, url.bytes, "://", 3) : NULL;
    size_t bytes = 0;
    size_t at;

    if (url.bytes == 0)
        return;
    if (authority) {
        authority += 3;
        text_put(out, url.data, (size_t)(authority - url.data));
        span_advance(&url, (size_t)(authority - url.data));
    }
    while (bytes < url.bytes && !memchr("/?#", url.data[bytes], 3))
        bytes++;
    for (at = bytes; at > 0 && url.data[at - 1] != '@'; at--)
        ;
    text_put(out, url.data + at, bytes - at);
    span_advance(&url, bytes);
    if (url.bytes == 0 || url.data[0] != '/')
        text_put_char(out, '/');
    for (bytes = 0; bytes < url.bytes && url.data[bytes] != '#'; bytes++)
        ;
    text_put(out, url.data, bytes);
}

static bool is_effective_already(struct span url)
{
    return url.bytes > 8 && memchr(url.data + 8, '/', url.bytes - 8) &&
           !memchr(url.data, '@', url.bytes) && !memchr(url.data, '#', url.bytes) &&
           !memchr(url.data, '?', url.bytes);
}

/* Both URLs. They are nearly always equal: then the first string is copied, not escaped again. */
static void put_urls(struct text *out, struct span url, struct span last_url)
{
    size_t start, bytes;
    struct text effective;

    text_put_literal(out, ",\"url\":");
    start = out->bytes;
    text_put_json(out, url);
    bytes = out->bytes - start;
    text_put_literal(out, ",\"effective_url\":");
    if (last_url.data == url.data && is_effective_already(url)) {
        if (text_reserve(out, bytes))
            text_put(out, out->data + start, bytes);
        return;
    }
    text_init(&effective);
    record_put_effective_url(&effective, last_url);
    text_put_json(out, text_span(&effective));
    text_deinit(&effective);
}

/* Many values are zero: key and value are then one copy. */
#define PUT_NUMBER(out, key, value)                                                                \
    ((value) ? (text_put_literal(out, ",\"" key "\":"), text_put_u64(out, value))                  \
             : text_put_literal(out, ",\"" key "\":0"))
#define PUT_BOOL(out, key, value)                                                                  \
    ((value) ? text_put_literal(out, ",\"" key "\":true")                                          \
             : text_put_literal(out, ",\"" key "\":false"))
#define PUT_SECONDS(out, key, ns)                                                                  \
    ((ns) ? (text_put_literal(out, ",\"" key "\":"), text_put_seconds(out, ns))                    \
          : text_put_literal(out, ",\"" key "\":0.000000"))

static void put_error(struct text *out, const struct outcome *item)
{
    if (item->is_ok) {
        text_put_literal(out, ",\"error\":null");
        return;
    }
    text_put_literal(out, ",\"error\":{\"domain\":");
    text_put_json(out, span_of_string(fault_domain(item->fault.code)));
    text_put_literal(out, ",\"code\":");
    text_put_json(out, span_of_string(fault_name(item->fault.code)));
    text_put_literal(out, ",\"phase\":");
    text_put_json(out, span_of_string(phase_name(item->fault.phase)));
    text_put_literal(out, ",\"message\":");
    text_put_json(out, item->message);
    text_put_literal(out, ",\"errno\":");
    text_put_i64(out, item->fault.error);
    text_put_char(out, '}');
}

static void put_ipv4(struct text *out, const uint8_t *address)
{
    for (int i = 0; i < 4; i++) {
        text_put_char(out, i ? '.' : '"');
        text_put_u64(out, address[i]);
    }
    text_put_char(out, '"');
}

static void put_remote(struct text *out, const struct wire_result *result)
{
    char address[INET6_ADDRSTRLEN] = "";

    text_put_literal(out, ",\"remote_ip\":");
    if (result->remote_family == 4) {
        put_ipv4(out, result->remote_address);
    } else if (result->remote_family == 6) {
        (void)inet_ntop(AF_INET6, result->remote_address, address, sizeof(address)); /* has room */
        text_put_json(out, span_of_string(address));
    } else {
        text_put_literal(out, "null");
    }
    PUT_NUMBER(out, "remote_port", result->remote_port);
}

static void put_http_version(struct text *out, const struct wire_result *result)
{
    text_put_literal(out, ",\"http_version\":");
    if (result->version_major == 0) {
        text_put_literal(out, "null");
        return;
    }
    text_put_char(out, '"');
    text_put_u64(out, result->version_major);
    text_put_char(out, '.');
    text_put_u64(out, result->version_minor);
    text_put_char(out, '"');
}

static void put_json_or_null(struct text *out, struct span text)
{
    if (text.bytes)
        text_put_json(out, text);
    else
        text_put_literal(out, "null");
}

static void put_response(struct text *out, const struct outcome *item)
{
    const struct wire_result *result = item->result;

    put_http_version(out, result);
    put_remote(out, result);
    PUT_BOOL(out, "reused", result->flags & WIRE_RESULT_REUSED);
    PUT_BOOL(out, "tls_resumed", result->flags & WIRE_RESULT_RESUMED);
    PUT_NUMBER(out, "size_download", result->body_bytes);
    PUT_NUMBER(out, "size_wire", result->wire_bytes);
    text_put_literal(out, ",\"content_type\":");
    put_json_or_null(out, item->content_type);
    text_put_literal(out, ",\"output\":");
    if (item->output)
        text_put_json(out, span_of_string(item->output));
    else
        text_put_literal(out, "null");
    text_put_literal(out, ",\"hash\":");
    if (item->hash)
        text_put_json(out, span_of_string(item->hash));
    else
        text_put_literal(out, "null");
    text_put_literal(out, ",\"redelivered\":false");
}

static void put_times(struct text *out, struct record_clock *clock, const struct outcome *item)
{
    const struct wire_result *result = item->result;
    const struct timing *t = &item->timing;

    PUT_SECONDS(out, "time_queue", t->phase_ns[PHASE_QUEUE - PHASE_QUEUE]);
    PUT_SECONDS(out, "time_namelookup", t->namelookup_ns);
    PUT_SECONDS(out, "time_connect", t->connect_ns);
    PUT_SECONDS(out, "time_appconnect", t->appconnect_ns);
    PUT_SECONDS(out, "time_pretransfer", t->pretransfer_ns);
    PUT_SECONDS(out, "time_starttransfer", t->starttransfer_ns);
    PUT_SECONDS(out, "time_total", t->response_ns);
    PUT_SECONDS(out, "time_redirect", t->redirect_ns);
    PUT_NUMBER(out, "service_ns", t->service_ns);
    PUT_NUMBER(out, "response_ns", t->response_ns);
    PUT_NUMBER(out, "late_ns", result->late_ns);
    text_put_literal(out, ",\"phases\":{\"queue\":");
    text_put_u64(out, t->phase_ns[PHASE_QUEUE - PHASE_QUEUE]);
    PUT_NUMBER(out, "dns", t->phase_ns[PHASE_DNS - PHASE_QUEUE]);
    PUT_NUMBER(out, "connect", t->phase_ns[PHASE_CONNECT - PHASE_QUEUE]);
    PUT_NUMBER(out, "tls", t->phase_ns[PHASE_TLS - PHASE_QUEUE]);
    PUT_NUMBER(out, "send", t->phase_ns[PHASE_SEND - PHASE_QUEUE]);
    PUT_NUMBER(out, "wait", t->phase_ns[PHASE_WAIT - PHASE_QUEUE]);
    PUT_NUMBER(out, "receive", t->phase_ns[PHASE_RECEIVE - PHASE_QUEUE]);
    PUT_NUMBER(out, "deliver", t->phase_ns[PHASE_DELIVER - PHASE_QUEUE]);
    text_put_char(out, '}');
    PUT_NUMBER(out, "t0_ns", result->t0_ns);
    text_put_literal(out, ",\"started_at\":\"");
    record_put_time(out, clock, result->t0_ns);
    text_put_char(out, '"');
}

static void put_lower_json(struct text *out, struct span name)
{
    char lower[256];

    if (name.bytes > sizeof(lower)) {
        text_put_json(out, name);
        return;
    }
    for (size_t i = 0; i < name.bytes; i++)
        lower[i] =
            name.data[i] >= 'A' && name.data[i] <= 'Z' ? (char)(name.data[i] | 0x20) : name.data[i];
    text_put_json(out, span_of(lower, name.bytes));
}

static bool is_first_of_name(struct span headers, const struct message_field *wanted)
{
    struct message_field field;

    while (message_next_field(&headers, &field) && field.name.data != wanted->name.data)
        if (span_equals_nocase(field.name, wanted->name))
            return false;
    return true;
}

/* [value, value ...] of all fields of that name. */
static void put_values(struct text *out, struct span headers, struct span name)
{
    struct message_field field;
    char before = '[';

    while (message_next_field(&headers, &field)) {
        if (!span_equals_nocase(field.name, name))
            continue;
        text_put_char(out, before);
        text_put_json(out, field.value);
        before = ',';
    }
    text_put_char(out, ']');
}

/* An input line's "headers" may be written likewise. */
void record_put_headers(struct text *out, struct span headers, struct span gap)
{
    struct message_field field;
    struct span rest = headers;
    bool is_first = true;

    text_put_char(out, '{');
    while (message_next_field(&rest, &field)) {
        if (!is_first_of_name(headers, &field))
            continue;
        if (!is_first) {
            text_put_char(out, ',');
            text_put_span(out, gap);
        }
        is_first = false;
        put_lower_json(out, field.name);
        text_put_char(out, ':');
        put_values(out, headers, field.name);
    }
    text_put_span(out, gap);
    text_put_char(out, '}');
}

static void put_body(struct text *out, struct span body)
{
    if (utf8_is_valid(body)) {
        text_put_literal(out, ",\"body\":");
        text_put_json(out, body);
        return;
    }
    text_put_literal(out, ",\"body_base64\":\"");
    text_put_base64(out, body);
    text_put_char(out, '"');
}

void record_write_json(struct text *out, struct record_clock *clock, const struct outcome *item)
{
    const struct wire_result *result = item->result;

    text_put_literal(out, "{\"id\":");
    if (item->label.bytes)
        text_put_span(out, item->label);
    else
        text_put_u64(out, item->number);
    put_urls(out, item->url, item->hop_url.bytes ? item->hop_url : outcome_sent_url(item));
    text_put_literal(out, ",\"method\":");
    text_put_json(out, item->method.bytes ? item->method : SPAN_LITERAL("GET"));
    PUT_NUMBER(out, "status", result->status);
    PUT_BOOL(out, "ok", item->is_ok);
    put_error(out, item);
    text_put_literal(out, ",\"exitcode\":");
    text_put_i64(out, item->is_ok ? 0 : fault_curl_code(item->fault.code));
    PUT_NUMBER(out, "attempts", result->attempts);
    PUT_NUMBER(out, "redirects", result->hops);
    put_response(out, item);
    put_times(out, clock, item);
    text_put_literal(out, ",\"tls_version\":");
    put_json_or_null(out, item->tls_version);
    text_put_literal(out, ",\"tls_cipher\":");
    put_json_or_null(out, item->tls_cipher);
    if (item->has_headers) {
        text_put_literal(out, ",\"headers\":");
        record_put_headers(out, item->headers, span_of("", 0));
    }
    if (item->has_body)
        put_body(out, item->body);
    if (item->is_skipped)
        text_put_literal(out, ",\"skipped\":true");
    text_put_literal(out, "}\n");
}

/* Bytes a terminal would obey become '?'. */
static void put_printable(struct text *out, struct span span)
{
    for (size_t i = 0; i < span.bytes; i++) {
        unsigned char c = (unsigned char)span.data[i];

        text_put_char(out, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

void record_write_line(struct text *out, const struct outcome *item, bool is_colored)
{
    char latency[UNITS_TEXT_BYTES], size[UNITS_TEXT_BYTES];
    const char *red = is_colored ? "\033[31m" : "";
    const char *plain = is_colored ? "\033[0m" : "";

    if (item->is_skipped) {
        text_put_literal(out, "skipped, its file is there  ");
    } else if (item->is_ok) {
        text_put_format(out, "%3u %8s %9s  ", item->result->status,
                        units_format_latency(item->timing.response_ns, latency, sizeof(latency)),
                        units_format_bytes(item->result->body_bytes, size, sizeof(size)));
    } else {
        text_put_format(out, "%s%s/%s%s  ", red, fault_domain(item->fault.code),
                        fault_name(item->fault.code), plain);
    }
    put_printable(out, item->url);
    if (!item->is_ok) {
        text_put_literal(out, "  ");
        put_printable(out, item->message);
    }
    text_put_char(out, '\n');
}
