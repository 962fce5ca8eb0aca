/*
 * plan_cookies.c - cookies from the command line and from files.
 *
 * Files are the client's: the daemon gets one frame per cookie and never a path. Whether there is a
 * jar at all is what -b FILE and -c decide; the rules are the daemon's (cookies.h there).
 */
#include "plan_cookies.h"

#include "slurp.h"
#include "why.h"

#include <errno.h>
#include <time.h>

#define FILE_BYTES_MAX (16u << 20) /* more than a jar can hold */

/* The line of a header; its cookie needs a Domain to be anyone's. */
static bool parse_header_line(struct span line, uint64_t now_s, struct cookie *ret_cookie)
{
    static const struct span name = SPAN_LITERAL("Set-Cookie:");

    if (line.bytes < name.bytes || !span_equals_nocase(span_of(line.data, name.bytes), name))
        return false;
    span_advance(&line, name.bytes);
    if (line.bytes > 0 && line.data[line.bytes - 1] == '\r')
        line.bytes--;
    if (!cookie_parse(line, now_s, ret_cookie))
        return false;
    if (ret_cookie->path.bytes == 0)
        ret_cookie->path = SPAN_LITERAL("/");
    return cookie_is_valid(ret_cookie);
}

void plan_put_cookies(struct text *frames, struct span file, uint64_t now_s, bool junk_session)
{
    while (file.bytes > 0) {
        const char *end = memchr(file.data, '\n', file.bytes);
        struct span line = span_of(file.data, end ? (size_t)(end - file.data) : file.bytes);
        struct cookie cookie;
        char *room;

        span_advance(&file, line.bytes + (end != NULL));
        if (!cookie_parse_line(line, &cookie) && !parse_header_line(line, now_s, &cookie))
            continue;
        if (junk_session && cookie.expires_s == COOKIE_SESSION_S)
            continue;
        room = text_reserve(frames, message_cookie_bytes(&cookie));
        if (room)
            frames->bytes += message_encode_cookie(room, WIRE_COOKIE, PLAN_BATCH_ID, &cookie);
    }
}

/* One that is not there is empty: so the first run with -b and -c of one file needs no
 * preparation. */
static bool add_file(struct plan *plan, const struct options *options, const char *path, char **why)
{
    struct text file;
    int r;

    plan->batch_flags |= WIRE_BATCH_COOKIES;
    text_init(&file);
    r = slurp(path, FILE_BYTES_MAX, &file);
    if (r == 0)
        plan_put_cookies(&plan->cookies, text_span(&file), (uint64_t)time(NULL),
                         options->junk_session_cookies);
    text_deinit(&file);
    return r == 0 || r == -ENOENT /* "" too */ || why_fail(why, "-b %s: %s", path, strerror(-r));
}

const char *plan_cookie_file(const char *word)
{
    if (word[0] == '@')
        return word + 1;
    return strchr(word, '=') ? NULL : word;
}

static void put_pairs(struct text *value, const char *pairs)
{
    size_t bytes = strlen(pairs);

    while (bytes > 0 && (pairs[bytes - 1] == ' ' || pairs[bytes - 1] == '\t'))
        bytes--;
    while (bytes > 0 && (*pairs == ' ' || *pairs == '\t')) {
        pairs++;
        bytes--;
    }
    if (value->bytes)
        text_put_literal(value, "; ");
    text_put(value, pairs, bytes);
}

bool plan_add_cookies(struct plan *plan, const struct options *options, char **ret_why)
{
    struct text value;
    bool fits = true;

    text_init(&value);
    for (size_t i = 0; i < options->cookies.count && fits; i++) {
        const char *word = options->cookies.values[i];
        const char *path = plan_cookie_file(word);

        if (path)
            fits = add_file(plan, options, path, ret_why);
        else
            put_pairs(&value, word);
    }
    if (options->cookie_jar)
        plan->batch_flags |= WIRE_BATCH_COOKIES | WIRE_BATCH_COOKIES_BACK;
    if (value.bytes)
        plan_add_unless_named(plan, "Cookie", text_span(&value));
    text_deinit(&value);
    return fits;
}
