/*
 * template.c - placeholders in, safe relative names out.
 *
 * The template is read anew for each item: it is short, and so there is nothing to keep. First the
 * parts are written one after the other, cleaned as they come; then the whole is looked at once
 * more part by part, because two harmless values can make a ".." together.
 */
#include "template.h"

#include "filename.h"
#include "url.h"
#include "why.h"

struct expansion {
    struct text name;
    struct text target; /* of the URL as it is sent: "." and ".." are resolved there */
    struct span path;   /* of target */
    const struct template_values *values;
};

static void put_scheme(struct expansion *e)
{
    text_put_string(&e->name, e->values->url->scheme == URL_HTTPS ? "https" : "http");
}

static void put_host(struct expansion *e)
{
    filename_put_value(&e->name, span_of(e->values->url->host, e->values->url->host_bytes));
}

static void put_port(struct expansion *e)
{
    text_put_u64(&e->name, e->values->url->port);
}

static void put_path(struct expansion *e)
{
    struct span rest = e->path;

    for (;;) {
        const char *slash = memchr(rest.data, '/', rest.bytes);
        size_t bytes = slash ? (size_t)(slash - rest.data) : rest.bytes;

        if (!slash) {
            filename_of_path(&e->name, rest);
            return;
        }
        if (bytes) {
            filename_put_encoded(&e->name, span_of(rest.data, bytes));
            text_put_char(&e->name, '/');
        }
        span_advance(&rest, bytes + 1);
    }
}

static void put_file(struct expansion *e)
{
    filename_of_path(&e->name, e->path);
}

/* What follows the last dot of the file's name, if anything stands before that dot. */
static void put_ext(struct expansion *e)
{
    struct text file;
    const char *dot;

    text_init(&file);
    filename_of_path(&file, e->path);
    dot = file.bytes ? memrchr(file.data, '.', file.bytes) : NULL;
    if (dot && dot > file.data)
        text_put(&e->name, dot + 1, (size_t)(file.data + file.bytes - dot - 1));
    text_deinit(&file);
}

static void put_query(struct expansion *e)
{
    filename_put_value(&e->name, e->values->url->query);
}

static void put_number(struct expansion *e)
{
    text_put_u64(&e->name, e->values->number);
}

static void put_id(struct expansion *e)
{
    if (e->values->id.bytes)
        filename_put_value(&e->name, e->values->id);
    else
        put_number(e);
}

static const struct {
    const char *name;
    void (*put)(struct expansion *e);
} placeholders[] = {
    { "scheme", put_scheme }, { "host", put_host }, { "port", put_port },
    { "path", put_path },     { "file", put_file }, { "ext", put_ext },
    { "query", put_query },   { "id", put_id },     { "n", put_number },
};

#define KNOWN "{scheme} {host} {port} {path} {file} {ext} {query} {id} {n}"
#define PLACEHOLDERS_COUNT (sizeof(placeholders) / sizeof(placeholders[0]))

static size_t find_placeholder(struct span name)
{
    size_t i = 0;

    while (i < PLACEHOLDERS_COUNT && !span_equals(name, span_of_string(placeholders[i].name)))
        i++;
    return i;
}

/* The '}' that belongs to the '{' at *at; NULL when there is none. */
static const char *find_end(const char *at)
{
    return strchr(at, '}');
}

static bool check_braces(const char *template, char **why)
{
    const char *end;

    for (const char *at = template; *at; at++) {
        if ((*at == '{' || *at == '}') && at[1] == *at) {
            at++;
            continue;
        }
        if (*at == '}')
            return why_fail(why, "--output-template: a '}' without its '{'; '}}' is a brace");
        if (*at != '{')
            continue;
        end = find_end(at);
        if (!end)
            return why_fail(why, "--output-template: a '{' without its '}'; '{{' is a brace");
        if (find_placeholder(span_of(at + 1, (size_t)(end - at - 1))) == PLACEHOLDERS_COUNT)
            return why_fail(why, "--output-template: %.*s is not one of %s", (int)(end - at + 1),
                            at, KNOWN);
        at = end;
    }
    return true;
}

bool template_check(const char *template, char **ret_why)
{
    size_t bytes = strlen(template);

    if (bytes == 0 || template[bytes - 1] == '/')
        return why_fail(ret_why, "--output-template '%s' names no file", template);
    if (!filename_stays_inside(span_of_string(template)))
        return why_fail(ret_why,
                        "--output-template '%s' leaves its directory; --output-dir says "
                        "where names begin",
                        template);
    return check_braces(template, ret_why);
}

static void expand(struct expansion *e, const char *template)
{
    for (const char *at = template; *at; at++) {
        const char *end;

        if (*at != '{' || at[1] == '{') {
            text_put_char(&e->name, *at);
            at += (*at == '{' || *at == '}');
            continue;
        }
        end = find_end(at);
        placeholders[find_placeholder(span_of(at + 1, (size_t)(end - at - 1)))].put(e);
        at = end;
    }
}

static void find_path(struct expansion *e)
{
    const struct url *url = e->values->url;
    size_t bytes = url_write_target(url, NULL, 0);
    char *room = text_reserve(&e->target, bytes);
    const char *query;

    if (!room)
        return;
    e->target.bytes = url_write_target(url, room, bytes);
    query = memchr(e->target.data, '?', e->target.bytes);
    e->path = span_of(e->target.data, query ? (size_t)(query - e->target.data) : e->target.bytes);
}

/* The parts of what has been written, each as it may be. */
static void put_parts(struct text *out, struct span rest)
{
    for (;;) {
        const char *slash = rest.bytes ? memchr(rest.data, '/', rest.bytes) : NULL;
        size_t bytes = slash ? (size_t)(slash - rest.data) : rest.bytes;

        filename_put_part(out, span_of(rest.data, bytes));
        if (!slash)
            return;
        if (bytes)
            text_put_char(out, '/');
        span_advance(&rest, bytes + 1);
    }
}

void template_expand(struct text *out, const char *template, const struct template_values *values)
{
    struct expansion e = { .values = values };
    size_t start;

    find_path(&e);
    expand(&e, template);
    start = out->bytes;
    put_parts(out, text_span(&e.name));
    if (out->bytes == start || out->data[out->bytes - 1] == '/')
        text_put_literal(out, "index.html");
    out->failed |= e.name.failed || e.target.failed;
    text_deinit(&e.name);
    text_deinit(&e.target);
}
