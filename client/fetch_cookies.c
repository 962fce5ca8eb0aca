/*
 * fetch_cookies.c - -c: what is in the jar at the end goes into a file.
 *
 * The daemon sends the cookies behind the last result, so the run waits for them. A jar that did
 * not come whole leaves the file as it is: half of a login is no better than none.
 */
#include "fetch.h"

#include <errno.h>

#define FILE_HEAD                                                                                  \
    "# Netscape HTTP Cookie File\n"                                                                \
    "# Written by haul. Whoever has these cookies may be taken for you.\n\n"

void fetch_on_cookie(struct fetch *fetch, const struct cookie *cookie)
{
    char *room = text_reserve(&fetch->jar, COOKIE_LINE_BYTES_MAX);

    if (room)
        fetch->jar.bytes += cookie_write_line(cookie, room);
}

void fetch_write_cookies(struct fetch *fetch)
{
    const char *path = fetch->options->cookie_jar;
    struct text file;
    int r;

    if (!path || !fetch->is_begun)
        return;
    if (!fetch->has_done) {
        say_error(fetch->say, "-c %s: the cookies did not come; the file is as it was", path);
        return;
    }
    if (strcmp(path, "-") == 0) {
        output_write(&fetch->output, SPAN_LITERAL(FILE_HEAD));
        output_write(&fetch->output, text_span(&fetch->jar));
        return;
    }
    text_init(&file);
    text_put_literal(&file, FILE_HEAD);
    text_put_span(&file, text_span(&fetch->jar));
    r = file.failed || fetch->jar.failed ? -ENOMEM : file_write_whole(path, text_span(&file));
    text_deinit(&file);
    if (r == 0)
        return;
    say_error(fetch->say, "-c %s: %s", path, strerror(-r));
    if (fetch->exit == EXITS_OK)
        fetch->exit = EXITS_OUTPUT;
}
