/*
 * config_parse.c - the lines of a file, and what is wrong with them.
 *
 * Refused on purpose: unknown keys and sections (a typing error in a limit must not pass as "no
 * limit"), line continuations, includes.
 */
#include "config_internal.h"

#include <stdio.h>

#define SHOWN_BYTES 40 /* of a wrong key or value, in a trouble's text */

/* Where reading is. */
struct reading {
    struct config *config;
    struct config_section section;
    const char *name;
    unsigned line;   /* 0: not a file */
    uint16_t source; /* of config */
    struct config_trouble *trouble;
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

static enum config_verdict refuse(const struct reading *reading, const char *key, struct span value,
                                  const char *what)
{
    char shown[SHOWN_BYTES + 4];
    char line[16] = "";

    if (reading->line > 0)
        (void)snprintf(line, sizeof(line), ":%u", reading->line);
    /* Cut short is fine: the beginning names the place and the key. */
    (void)snprintf(reading->trouble->text, sizeof(reading->trouble->text), "%.128s%s: %s%s%s: %s",
                   reading->name, line, key, *key ? "=" : "", show(value, shown), what);
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

/* ---- where values are from ---- */

/* A name that is new when there is no room for one stands under the last one's. */
static uint16_t find_source(struct config *config, const char *name)
{
    unsigned at = 1;

    while (at < config->sources_count &&
           strncmp(config->sources[at], name, CONFIG_SOURCE_ROOM - 1) != 0)
        at++;
    if (at == CONFIG_SOURCES_MAX)
        return CONFIG_SOURCES_MAX - 1;
    if (at == config->sources_count) {
        (void)snprintf(config->sources[at], CONFIG_SOURCE_ROOM, "%s", name);
        config->sources_count++;
    }
    return (uint16_t)at;
}

static struct config_place place_of(const struct reading *reading)
{
    unsigned line = reading->line < UINT16_MAX ? reading->line : UINT16_MAX;

    return (struct config_place){ .source = reading->source, .line = (uint16_t)line };
}

/* ---- keys ---- */

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

static enum config_verdict refuse_key(const struct reading *reading, struct span name)
{
    const struct config_keys *keys = reading->section.keys;
    const char *nearest = NULL;
    size_t best = 3; /* fewer bytes in common is chance */
    char what[128] = "unknown key; see hauld.conf(5)";

    for (size_t i = 0; i < keys->count; i++) {
        struct span candidate = span_of_string(keys->rows[i].name);
        size_t alike = likeness(name, candidate);

        if (alike > best && alike * 2 > candidate.bytes) {
            best = alike;
            nearest = keys->rows[i].name;
        }
    }
    if (nearest)
        (void)snprintf(what, sizeof(what), "unknown key; did you mean %s=?", nearest);
    return refuse(reading, "", name, what);
}

static enum config_verdict read_key(struct reading *reading, struct span name, struct span value)
{
    const struct config_section *section = &reading->section;
    const struct config_key *key = NULL;
    struct config_refusal refusal;
    size_t at;

    for (at = 0; at < section->keys->count && !key; at++)
        if (span_equals_nocase(span_of_string(section->keys->rows[at].name), name))
            key = &section->keys->rows[at];
    if (!key)
        return refuse_key(reading, name);
    section->places[at - 1] = place_of(reading);
    if (span_is_empty(value)) {
        memset(section->base + key->offset, 0, key->type.room); /* lists grow otherwise */
        value = span_of_string(key->fallback);
        section->places[at - 1] = (struct config_place){ 0 };
    }
    if (config_value_read(&key->type, value, section->base + key->offset, &refusal))
        return CONFIG_OK;
    return refuse(reading, key->name, refusal.wrong, refusal.why);
}

/* ---- sections ---- */

static struct config_origin *find_origin(struct config *config, const struct url *url)
{
    struct config_origin *origin = config->origins;

    for (unsigned i = 0; i < config->origins_count; i++, origin++)
        if (origin->scheme == url->scheme && origin->port == url->port &&
            strcmp(origin->host, url->host) == 0)
            return origin;
    if (config->origins_count == CONFIG_ORIGINS_MAX)
        return NULL;
    config->origins_count++;
    *origin = (struct config_origin){ .port = url->port, .scheme = (uint8_t)url->scheme };
    strcpy(origin->host, url->host);
    return origin;
}

static bool is_origin(const struct url *url)
{
    return !url->user.data && !url->query.data && !url->fragment.data &&
           (span_is_empty(url->path) || span_equals(url->path, SPAN_LITERAL("/")));
}

/* text is what stands in the quotes. */
static enum config_verdict enter_origin(struct reading *reading, struct span text)
{
    struct config_origin *origin;
    struct url_fault fault;
    struct url url;

    if (!url_has_scheme(text))
        return refuse(reading, "", text, "an origin begins with http:// or https://");
    if (!url_parse(text, &url, &fault))
        return refuse(reading, "", text, fault.why);
    if (!is_origin(&url))
        return refuse(reading, "", text, "an origin is scheme, host and port, and no more");
    origin = find_origin(reading->config, &url);
    if (!origin)
        return refuse(reading, "", text, "there are too many origins");
    reading->section = config_origin_section(origin);
    return CONFIG_OK;
}

static enum config_verdict enter_section(struct reading *reading, struct span line)
{
    static const char begins[] = "[Origin ", expected[] = "expected [Hauld] or "
                                                          "[Origin \"https://HOST\"]";
    struct span text = line;

    if (span_equals(line, SPAN_LITERAL("[Hauld]"))) {
        reading->section = config_hauld_section(reading->config);
        return CONFIG_OK;
    }
    if (!span_starts_with(line, span_of(begins, sizeof(begins) - 1)) ||
        line.data[line.bytes - 1] != ']')
        return refuse(reading, "", line, expected);
    span_advance(&text, sizeof(begins) - 1);
    text.bytes--;
    text = trim(text);
    if (text.bytes < 2 || text.data[0] != '"' || text.data[text.bytes - 1] != '"')
        return refuse(reading, "", line, expected);
    return enter_origin(reading, span_of(text.data + 1, text.bytes - 2));
}

/* ---- a file ---- */

static enum config_verdict read_line(struct reading *reading, struct span line)
{
    struct span name, value;
    const char *equals;

    line = trim(line);
    if (span_is_empty(line) || line.data[0] == '#' || line.data[0] == ';')
        return CONFIG_OK;
    if (line.data[0] == '[')
        return enter_section(reading, line);
    equals = memchr(line.data, '=', line.bytes);
    if (!equals)
        return refuse(reading, "", line, "expected Key=value");
    name = trim(span_of(line.data, (size_t)(equals - line.data)));
    value = trim(span_of(equals + 1, line.bytes - (size_t)(equals - line.data) - 1));
    return read_key(reading, name, value);
}

static void begin(struct reading *reading, struct config *next, const char *name,
                  struct config_trouble *ret_trouble)
{
    *reading = (struct reading){ .config = next,
                                 .section = config_hauld_section(next),
                                 .name = name,
                                 .source = find_source(next, name),
                                 .trouble = ret_trouble };
}

enum config_verdict config_parse(struct config *config, struct span text, const char *file_name,
                                 struct config_trouble *ret_trouble)
{
    struct config next = *config;
    struct reading reading;
    struct span line;

    begin(&reading, &next, file_name, ret_trouble);
    if (text.bytes > CONFIG_FILE_BYTES_MAX)
        return refuse(&reading, "", SPAN_LITERAL("the file"), "larger than 1 MiB");
    while (config_take_until(&text, "\n", &line)) {
        reading.line++;
        if (read_line(&reading, line) == CONFIG_BAD)
            return CONFIG_BAD;
    }
    *config = next;
    return CONFIG_OK;
}

enum config_verdict config_set(struct config *config, const char *key, struct span value,
                               const char *where, struct config_trouble *ret_trouble)
{
    struct config next = *config;
    struct reading reading;

    begin(&reading, &next, where, ret_trouble);
    if (read_key(&reading, span_of_string(key), trim(value)) == CONFIG_BAD)
        return CONFIG_BAD;
    *config = next;
    return CONFIG_OK;
}
