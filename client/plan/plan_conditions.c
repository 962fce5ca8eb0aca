/*
 * plan_conditions.c - "only if it has changed": by time, or by the ETag of last time.
 *
 * The one part of a plan that looks at files: the time of one, and the line in another.
 */
#include "plan_conditions.h"

#include "date.h"
#include "why.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ETAG_BYTES_MAX 4096

/* As curl: a date, else the time of a file; '-' before it asks for the opposite. */
static bool add_time(struct plan *plan, const struct options *options, char **why)
{
    const char *when = options->time_cond;
    const char *name = "If-Modified-Since";
    struct text value;
    int64_t seconds;
    struct stat st;

    if (!when)
        return true;
    if (*when == '-')
        name = "If-Unmodified-Since";
    if (*when == '-' || *when == '+')
        when++;
    if (!date_parse(when, &seconds)) {
        if (stat(when, &st) < 0)
            return why_fail(why,
                            "-z '%s' is neither a file nor a date, as 2024-01-31, "
                            "2024-01-31T12:00:00Z or 'Wed, 31 Jan 2024 12:00:00 GMT'",
                            when);
        seconds = st.st_mtime;
    }
    text_init(&value);
    date_put_http(&value, seconds);
    plan_add_unless_named(plan, name, text_span(&value));
    text_deinit(&value);
    return true;
}

/* The first line, without blanks around it. */
static struct span first_line(const char *data, size_t bytes)
{
    const char *end = memchr(data, '\n', bytes);
    struct span line = span_of(data, end ? (size_t)(end - data) : bytes);

    while (line.bytes && strchr(" \t\r", line.data[line.bytes - 1]) &&
           line.data[line.bytes - 1] != '\0')
        line.bytes--;
    while (line.bytes && (line.data[0] == ' ' || line.data[0] == '\t'))
        span_advance(&line, 1);
    return line;
}

static bool is_etag(struct span etag)
{
    for (size_t i = 0; i < etag.bytes; i++)
        if ((unsigned char)etag.data[i] < 0x20 || etag.data[i] == 0x7f)
            return false;
    return true;
}

/* A file that is not there, or empty, knows of no ETag: then there is no condition. So the first
 * run with --etag-save and --etag-compare of one file fetches. With -C the ETag is that of the part
 * that is there: it asks for the rest of it, not for another version. */
static bool add_etag(struct plan *plan, const struct options *options, char **why)
{
    const char *path = options->etag_compare;
    char data[ETAG_BYTES_MAX];
    struct span etag;
    ssize_t bytes;
    int fd;

    if (!path)
        return true;
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    bytes = fd < 0 ? -1 : read(fd, data, sizeof(data));
    if (bytes < 0)
        (void)why_fail(why, "--etag-compare %s: %s", path, strerror(errno));
    if (fd >= 0)
        (void)close(fd); /* only read from */
    if (bytes < 0)
        return false;
    etag = first_line(data, (size_t)bytes);
    if ((size_t)bytes == sizeof(data) || !is_etag(etag))
        return why_fail(why, "--etag-compare %s: its first line is no ETag", path);
    if (options->continue_at)
        text_put_span(&plan->part_etag, etag);
    else if (etag.bytes)
        plan_add_unless_named(plan, "If-None-Match", etag);
    return !plan->part_etag.failed || why_fail(why, "out of memory");
}

bool plan_add_conditions(struct plan *plan, const struct options *options, char **ret_why)
{
    if ((options->etag_compare || options->etag_save) &&
        (options->words.count != 1 || options->input.count))
        return why_fail(ret_why, "--etag-save and --etag-compare are for one URL");
    plan->wants_head |= options->etag_save != NULL;
    return add_time(plan, options, ret_why) && add_etag(plan, options, ret_why);
}
