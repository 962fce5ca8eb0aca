/*
 * writeout.c - the template of --write-out, parsed once and written a million times.
 *
 * A template is a list of parts: text as it is, a variable, a field of the response. What looks
 * like a variable and is not closed is text, as for curl; a closed one that does not exist is kept
 * for its name, which the caller tells the user, and writes nothing.
 *
 * The rows are in the order of %{json}, which is alphabetical. It has the variables of curl 7.88
 * only: what reads it today must find tomorrow what it finds now.
 *
 * Rejected: %output{FILE}. Files that appear whole or not at all (file.h) cannot be appended to,
 * and the shell has >>.
 */
#include "writeout.h"

#include "record.h"
#include "why.h"
#include "writeout_value.h"

#include <stdlib.h>

enum variable_kind {
    KIND_NUMBER,
    KIND_CODE, /* a number of at least three digits, but not in JSON */
    KIND_TIME,
    KIND_STRING,
    KIND_URL_PART,
    KIND_STDOUT,
    KIND_STDERR,
    KIND_ONERROR,
    KIND_JSON,
    KIND_HEADER_JSON,
};

enum {
    IN_JSON = 1 << 0,
    NEEDS_HEAD = 1 << 1,
};

struct variable {
    const char *name;
    enum variable_kind kind;
    unsigned which; /* enum writeout_number, _time, _string or _url_part */
    unsigned flags;
};

static const struct variable variables[] = {
    { "certs", KIND_STRING, STRING_EMPTY, IN_JSON },
    { "conn_id", KIND_NUMBER, NUMBER_UNKNOWN, 0 },
    { "content_type", KIND_STRING, STRING_CONTENT_TYPE, IN_JSON },
    { "errormsg", KIND_STRING, STRING_MESSAGE, IN_JSON },
    { "exitcode", KIND_NUMBER, NUMBER_EXITCODE, IN_JSON },
    { "filename_effective", KIND_STRING, STRING_FILENAME, IN_JSON },
    { "ftp_entry_path", KIND_STRING, STRING_NONE, IN_JSON },
    { "header_json", KIND_HEADER_JSON, 0, NEEDS_HEAD },
    { "http_code", KIND_CODE, NUMBER_STATUS, IN_JSON },
    { "http_connect", KIND_CODE, NUMBER_HTTP_CONNECT, IN_JSON },
    { "http_version", KIND_STRING, STRING_HTTP_VERSION, IN_JSON },
    { "json", KIND_JSON, 0, NEEDS_HEAD },
    { "local_ip", KIND_STRING, STRING_EMPTY, IN_JSON },
    { "local_port", KIND_NUMBER, NUMBER_ZERO, IN_JSON },
    { "method", KIND_STRING, STRING_METHOD, IN_JSON },
    { "num_certs", KIND_NUMBER, NUMBER_ZERO, IN_JSON },
    { "num_connects", KIND_NUMBER, NUMBER_CONNECTS, IN_JSON },
    { "num_headers", KIND_NUMBER, NUMBER_HEADERS, IN_JSON | NEEDS_HEAD },
    { "num_redirects", KIND_NUMBER, NUMBER_REDIRECTS, IN_JSON },
    { "num_retries", KIND_NUMBER, NUMBER_RETRIES, 0 },
    { "onerror", KIND_ONERROR, 0, 0 },
    { "proxy_ssl_verify_result", KIND_NUMBER, NUMBER_ZERO, IN_JSON },
    { "proxy_used", KIND_NUMBER, NUMBER_PROXY_USED, 0 },
    { "redirect_url", KIND_STRING, STRING_REDIRECT, IN_JSON | NEEDS_HEAD },
    { "referer", KIND_STRING, STRING_REFERER, IN_JSON },
    { "remote_ip", KIND_STRING, STRING_REMOTE_IP, IN_JSON },
    { "remote_port", KIND_NUMBER, NUMBER_REMOTE_PORT, IN_JSON },
    { "response_code", KIND_CODE, NUMBER_STATUS, IN_JSON },
    { "scheme", KIND_STRING, STRING_SCHEME, IN_JSON },
    { "size_download", KIND_NUMBER, NUMBER_DOWNLOAD, IN_JSON },
    { "size_header", KIND_NUMBER, NUMBER_HEAD_BYTES, IN_JSON },
    { "size_request", KIND_NUMBER, NUMBER_REQUEST_BYTES, IN_JSON },
    { "size_upload", KIND_NUMBER, NUMBER_UPLOAD, IN_JSON },
    { "speed_download", KIND_NUMBER, NUMBER_DOWNLOAD_SPEED, IN_JSON },
    { "speed_upload", KIND_NUMBER, NUMBER_UPLOAD_SPEED, IN_JSON },
    { "ssl_verify_result", KIND_NUMBER, NUMBER_VERIFY_RESULT, IN_JSON },
    { "stderr", KIND_STDERR, 0, 0 },
    { "stdout", KIND_STDOUT, 0, 0 },
    { "time_appconnect", KIND_TIME, TIME_APPCONNECT, IN_JSON },
    { "time_connect", KIND_TIME, TIME_CONNECT, IN_JSON },
    { "time_namelookup", KIND_TIME, TIME_NAMELOOKUP, IN_JSON },
    { "time_posttransfer", KIND_TIME, TIME_UNKNOWN, 0 },
    { "time_pretransfer", KIND_TIME, TIME_PRETRANSFER, IN_JSON },
    { "time_queue", KIND_TIME, TIME_QUEUE, 0 },
    { "time_redirect", KIND_TIME, TIME_REDIRECT, IN_JSON },
    { "time_starttransfer", KIND_TIME, TIME_STARTTRANSFER, IN_JSON },
    { "time_total", KIND_TIME, TIME_TOTAL, IN_JSON },
    { "tls_earlydata", KIND_NUMBER, NUMBER_ZERO, 0 },
    { "url", KIND_STRING, STRING_URL, IN_JSON },
    { "url_effective", KIND_STRING, STRING_URL_EFFECTIVE, IN_JSON },
    { "urlnum", KIND_NUMBER, NUMBER_POSITION, IN_JSON },
    { "xfer_id", KIND_NUMBER, NUMBER_POSITION, 0 },
};

/* After "url.", or after "urle." of the URL that was fetched last. */
static const struct variable url_parts[] = {
    { "fragment", KIND_URL_PART, URL_PART_FRAGMENT, 0 },
    { "host", KIND_URL_PART, URL_PART_HOST, 0 },
    { "options", KIND_URL_PART, URL_PART_OPTIONS, 0 },
    { "password", KIND_URL_PART, URL_PART_PASSWORD, 0 },
    { "path", KIND_URL_PART, URL_PART_PATH, 0 },
    { "port", KIND_URL_PART, URL_PART_PORT, 0 },
    { "query", KIND_URL_PART, URL_PART_QUERY, 0 },
    { "scheme", KIND_URL_PART, URL_PART_SCHEME, 0 },
    { "user", KIND_URL_PART, URL_PART_USER, 0 },
    { "zoneid", KIND_URL_PART, URL_PART_ZONE, 0 },
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum part_kind {
    PART_TEXT,
    PART_VARIABLE,
    PART_URL,           /* a part of the URL */
    PART_EFFECTIVE_URL, /* of the one that was fetched last */
    PART_HEADER,
    PART_UNKNOWN,
};

struct writeout_part {
    enum part_kind kind;
    const struct variable *variable; /* of PART_VARIABLE and of parts of URLs */
    size_t at;                       /* in words, of the others */
    size_t bytes;
};

static const struct variable *find_row(const struct variable *rows, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++)
        if (span_equals_nocase(name, span_of_string(rows[i].name)))
            return &rows[i];
    return NULL;
}

static bool starts_with_nocase(struct span span, struct span prefix)
{
    return span.bytes >= prefix.bytes &&
           span_equals_nocase(span_of(span.data, prefix.bytes), prefix);
}

/* NULL: there is none. */
static const struct variable *find_variable(struct span name, enum part_kind *ret_kind)
{
    static const struct span url = { "url.", 4 }, effective = { "urle.", 5 };

    *ret_kind = PART_VARIABLE;
    if (starts_with_nocase(name, url))
        *ret_kind = PART_URL;
    else if (starts_with_nocase(name, effective))
        *ret_kind = PART_EFFECTIVE_URL;
    else
        return find_row(variables, COUNT_OF(variables), name);
    span_advance(&name, *ret_kind == PART_URL ? url.bytes : effective.bytes);
    return find_row(url_parts, COUNT_OF(url_parts), name);
}

/* ---- parsing ---- */

static void add_part(struct writeout *w, enum part_kind kind, const struct variable *variable,
                     struct span words)
{
    struct writeout_part *last = w->parts_count ? &w->parts[w->parts_count - 1] : NULL;
    struct writeout_part *parts;

    if (kind == PART_TEXT && last && last->kind == PART_TEXT) {
        last->bytes += words.bytes;
        text_put_span(&w->words, words);
        return;
    }
    parts = realloc(w->parts, (w->parts_count + 1) * sizeof(*parts));
    if (!parts) {
        w->words.failed = true;
        return;
    }
    w->parts = parts;
    parts[w->parts_count++] = (struct writeout_part){
        .kind = kind, .variable = variable, .at = w->words.bytes, .bytes = words.bytes
    };
    text_put_span(&w->words, words);
}

static void add_variable(struct writeout *w, struct span name)
{
    enum part_kind kind;
    const struct variable *variable = find_variable(name, &kind);

    if (variable)
        add_part(w, kind, variable, span_of("", 0));
    else
        add_part(w, PART_UNKNOWN, NULL, name);
    w->needs_head = w->needs_head || (variable && (variable->flags & NEEDS_HEAD));
}

/* Takes "%..." off the front. */
static void take_percent(struct writeout *w, struct span *rest)
{
    bool is_header = span_starts_with(*rest, SPAN_LITERAL("%header{"));
    size_t open = is_header ? strlen("%header{") : strlen("%{");
    const char *end;
    struct span name;

    if (rest->data[1] == '%' || (rest->data[1] != '{' && !is_header)) {
        add_part(w, PART_TEXT, NULL, span_of(rest->data, rest->data[1] == '%' ? 1 : 2));
        span_advance(rest, 2);
        return;
    }
    end = memchr(rest->data, '}', rest->bytes);
    if (!end) {
        add_part(w, PART_TEXT, NULL, span_of(rest->data, open));
        span_advance(rest, open);
        return;
    }
    name = span_of(rest->data + open, (size_t)(end - rest->data) - open);
    if (is_header) {
        add_part(w, PART_HEADER, NULL, name);
        w->needs_head = true;
    } else {
        add_variable(w, name);
    }
    span_advance(rest, open + name.bytes + 1);
}

/* Takes a backslash and what follows off the front. */
static void take_backslash(struct writeout *w, struct span *rest)
{
    static const char letters[] = "rnt", meanings[] = "\r\n\t";
    const char *letter = rest->data[1] ? strchr(letters, rest->data[1]) : NULL;

    if (letter)
        add_part(w, PART_TEXT, NULL, span_of(&meanings[letter - letters], 1));
    else
        add_part(w, PART_TEXT, NULL, span_of(rest->data, 2));
    span_advance(rest, 2);
}

bool writeout_parse(struct writeout *w, struct span template, char **ret_why)
{
    struct span rest = template;

    *w = (struct writeout){ 0 };
    while (rest.bytes) {
        if (span_starts_with(rest, SPAN_LITERAL("%output{")))
            return why_fail(ret_why, "-w: %%output{...} is not offered; use %%{stdout} or "
                                     "%%{stderr} and the shell's >>");
        if (rest.bytes > 1 && rest.data[0] == '%') {
            take_percent(w, &rest);
        } else if (rest.bytes > 1 && rest.data[0] == '\\') {
            take_backslash(w, &rest);
        } else {
            add_part(w, PART_TEXT, NULL, span_of(rest.data, 1));
            span_advance(&rest, 1);
        }
    }
    return !w->words.failed || why_fail(ret_why, "out of memory");
}

void writeout_deinit(struct writeout *w)
{
    text_deinit(&w->words);
    free(w->parts);
    *w = (struct writeout){ 0 };
}

static struct span part_words(const struct writeout *w, const struct writeout_part *part)
{
    return span_of(w->words.data + part->at, part->bytes);
}

bool writeout_next_unknown(const struct writeout *w, size_t *position, struct span *ret_name)
{
    while (*position < w->parts_count) {
        const struct writeout_part *part = &w->parts[(*position)++];

        if (part->kind == PART_UNKNOWN) {
            *ret_name = part_words(w, part);
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

static void put_string(const struct writeout *w, const struct outcome *item, unsigned which,
                       struct text *out, bool is_json)
{
    struct text scratch;
    struct span value;

    text_init(&scratch);
    value = writeout_string(which, w, item, &scratch);
    if (!is_json)
        text_put_span(out, value);
    else if (value.data)
        text_put_json(out, value);
    else
        text_put_literal(out, "null");
    text_deinit(&scratch);
}

static void put_json(const struct writeout *w, const struct outcome *item, struct text *out)
{
    char before = '{';

    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        const struct variable *v = &variables[i];

        if (!(v->flags & IN_JSON))
            continue;
        text_put_char(out, before);
        before = ',';
        text_put_json(out, span_of_string(v->name));
        text_put_char(out, ':');
        if (v->kind == KIND_TIME)
            text_put_seconds(out, writeout_time_ns(v->which, item));
        else if (v->kind == KIND_STRING)
            put_string(w, item, v->which, out, true);
        else
            text_put_i64(out, writeout_number(v->which, item));
    }
    text_put_literal(out, ",\"curl_version\":\"haul/" HAUL_VERSION "\"}");
}

static void put_url_part(struct span url, unsigned which, struct text *out)
{
    struct text scratch;

    text_init(&scratch);
    text_put_span(out, writeout_url_part(which, url, &scratch));
    text_deinit(&scratch);
}

/* A variable that writes something. */
static void put_variable(const struct writeout *w, const struct outcome *item,
                         const struct variable *v, struct text *out)
{
    switch (v->kind) {
    case KIND_NUMBER:
        text_put_i64(out, writeout_number(v->which, item));
        break;
    case KIND_CODE:
        text_put_format(out, "%03d", (int)writeout_number(v->which, item));
        break;
    case KIND_TIME:
        text_put_seconds(out, writeout_time_ns(v->which, item));
        break;
    case KIND_STRING:
        put_string(w, item, v->which, out, false);
        break;
    case KIND_JSON:
        put_json(w, item, out);
        break;
    case KIND_HEADER_JSON:
        record_put_headers(out, item->headers, SPAN_LITERAL("\n"));
        break;
    case KIND_URL_PART:
    case KIND_STDOUT:
    case KIND_STDERR:
    case KIND_ONERROR:
        break;
    }
}

static void put_part(const struct writeout *w, const struct outcome *item,
                     const struct writeout_part *part, struct text *out)
{
    switch (part->kind) {
    case PART_TEXT:
        text_put_span(out, part_words(w, part));
        break;
    case PART_VARIABLE:
        put_variable(w, item, part->variable, out);
        break;
    case PART_URL:
        put_url_part(outcome_sent_url(item), part->variable->which, out);
        break;
    case PART_EFFECTIVE_URL:
        put_url_part(writeout_effective_url(item), part->variable->which, out);
        break;
    case PART_HEADER:
        text_put_span(out, writeout_header(item, part_words(w, part)));
        break;
    case PART_UNKNOWN:
        break;
    }
}

void writeout_write(const struct writeout *w, const struct outcome *item, struct text *out,
                    struct text *err)
{
    struct text *now = out;

    for (size_t i = 0; i < w->parts_count; i++) {
        const struct writeout_part *part = &w->parts[i];
        const struct variable *v = part->variable;

        if (v && v->kind == KIND_STDERR)
            now = err;
        else if (v && v->kind == KIND_STDOUT)
            now = out;
        else if (v && v->kind == KIND_ONERROR && item->is_ok)
            return;
        else
            put_part(w, item, part, now);
    }
}
