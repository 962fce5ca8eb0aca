/*
 * plan_headers.c - lines like "Name: value".
 *
 * A file has a line per field, ended by CR, LF or both; empty ones mean nothing, as with curl. What
 * such a line holds is not shown when it is refused: keeping it from other eyes is what the file is
 * for.
 */
#include "plan_headers.h"

#include "slurp.h"
#include "why.h"

#include <errno.h>

struct header_line {
    const char *text;
    const char *path; /* of the file it stands in, NULL = the command line */
    unsigned number;
};

/* The name of a line, which ends at ':' or at a final ';'. */
static struct span header_line_name(const char *line)
{
    return span_of(line, strcspn(line, ":;"));
}

bool plan_names_field(const struct plan *plan, const char *name)
{
    struct span rest = text_span(&plan->header_lines);

    while (rest.bytes) {
        if (span_equals_nocase(header_line_name(rest.data), span_of_string(name)))
            return true;
        span_advance(&rest, strlen(rest.data) + 1);
    }
    return false;
}

static bool refuse(const struct header_line *line, const char *problem, char **why)
{
    if (line->path)
        return why_fail(why, "-H @%s, line %u: %s", line->path, line->number, problem);
    return why_fail(why, "-H '%s': %s", line->text, problem);
}

/* Expect is ours to send, and to wait for: what -H says of it is whether. False: it is for the
 * daemon to judge. */
static bool set_expect(struct plan *plan, struct span name, struct span value)
{
    if (!span_equals_nocase(name, SPAN_LITERAL("Expect")))
        return false;
    if (value.bytes == 0)
        plan->expect = PLAN_EXPECT_NEVER;
    else if (span_equals_nocase(value, SPAN_LITERAL("100-continue")))
        plan->expect = PLAN_EXPECT_ALWAYS;
    else
        return false;
    return true;
}

/* "Name: value" adds, "Name:" removes a default, "Name;" sends the name with nothing. */
static bool add_line(struct plan *plan, const struct header_line *line, char **why)
{
    struct span name = header_line_name(line->text);
    const char *rest = line->text + name.bytes;
    size_t bytes;

    if (plan->field_count >= WIRE_HEADERS_MAX - 8)
        return why_fail(why, "more than %u fields", WIRE_HEADERS_MAX - 8);
    text_put(&plan->header_lines, line->text, strlen(line->text) + 1);
    if (name.bytes == 0 || *rest == '\0' || (*rest == ';' && rest[1] != '\0'))
        return refuse(line, "this is no field: write 'Name: value'", why);
    if (*rest == ';') {
        plan_add_field(plan, name, span_of("", 0));
        return true;
    }
    rest++;
    rest += strspn(rest, " \t");
    bytes = strlen(rest);
    while (bytes && (rest[bytes - 1] == ' ' || rest[bytes - 1] == '\t'))
        bytes--;
    if (set_expect(plan, name, span_of(rest, bytes)))
        return true;
    if (bytes)
        plan_add_field(plan, name, span_of(rest, bytes));
    else if (span_equals_nocase(name, SPAN_LITERAL("Host")) ||
             span_equals_nocase(name, SPAN_LITERAL("Content-Length")))
        return refuse(line, "the field frames the request and cannot be removed", why);
    return true;
}

/* data ends in NUL. Its line ends are overwritten. */
static bool add_lines(struct plan *plan, const char *path, char *data, char **why)
{
    struct header_line line = { .path = path, .number = 1 };

    while (*data) {
        size_t bytes = strcspn(data, "\r\n");
        bool is_last = data[bytes] == '\0';
        bool is_lf = data[bytes] == '\n';

        data[bytes] = '\0';
        line.text = data;
        if (bytes && !add_line(plan, &line, why))
            return false;
        if (is_last)
            break;
        line.number += is_lf;
        data += bytes + 1;
    }
    return true;
}

static bool add_file(struct plan *plan, const char *path, char **why)
{
    struct text data;
    bool fits;
    int r;

    text_init(&data);
    r = slurp(path, WIRE_HEADER_BYTES_MAX, &data);
    if (r == -EFBIG)
        fits = why_fail(why, "-H @%s: more than %u bytes", path, WIRE_HEADER_BYTES_MAX);
    else if (r < 0)
        fits = why_fail(why, "-H @%s: %s", path, strerror(-r));
    else if (data.bytes && memchr(data.data, '\0', data.bytes))
        fits = why_fail(why, "-H @%s: a NUL byte is in it", path);
    else
        fits = true;
    text_put_char(&data, '\0');
    if (fits && data.failed)
        fits = why_fail(why, "out of memory");
    fits = fits && add_lines(plan, path, data.data, why);
    text_deinit(&data);
    return fits;
}

bool plan_add_headers(struct plan *plan, const struct options *options, char **ret_why)
{
    for (size_t i = 0; i < options->headers.count; i++) {
        const struct header_line line = { .text = options->headers.values[i] };
        bool fits = line.text[0] == '@' ? add_file(plan, line.text + 1, ret_why)
                                        : add_line(plan, &line, ret_why);

        if (!fits)
            return false;
    }
    return true;
}
