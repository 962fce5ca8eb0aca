/*
 * plan_upload.c - the files of -T, and the URLs they go to.
 *
 * A file that fits a frame is read before anything is sent; a larger one is opened, and the daemon
 * reads it. What is no file (a pipe, a FIFO, a terminal) is sent as it comes, in chunks, as curl
 * does; for all URLs of a batch it must be read to its end first.
 */
#include "plan_upload.h"

#include "plan_body.h"
#include "slurp.h"
#include "url.h"
#include "why.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

bool plan_upload_is_stdin(const char *path)
{
    return strcmp(path, "-") == 0 || strcmp(path, ".") == 0;
}

static bool check_others(const struct plan *plan, const struct options *options, char **why)
{
    if (plan->has_body || plan->query.bytes)
        return why_fail(why, "-T and -d exclude each other");
    if (options->head)
        return why_fail(why, "-T and -I exclude each other");
    if (options->range || options->continue_at)
        return why_fail(why, "-T sends the whole file: not with %s in this build",
                        options->range ? "-r" : "-C");
    if (options->verb == VERB_BATCH && options->upload.count > 1)
        return why_fail(why, "-T: one file goes to all URLs of a batch; a line says \"body\"");
    if (options->verb == VERB_GET && options->upload.count > options->words.count)
        return why_fail(why, "more -T than URLs");
    return true;
}

/* Opens it, or reads it when that is what is to be sent. */
static int take_upload(struct plan_upload *upload, const char *path, bool is_for_all)
{
    int fd = slurp_open(path);
    int r = fd < 0 ? fd : large_body_of(fd, fd != STDIN_FILENO, &upload->large);

    if (r < 0) {
        if (fd > STDIN_FILENO)
            (void)close(fd); /* not even read from */
        return r;
    }
    if (upload->large.bytes == LARGE_BODY_UNKNOWN ? !is_for_all
                                                  : upload->large.bytes > PLAN_BODY_FRAME_MAX)
        return 0;
    r = slurp_rest(fd, PLAN_BODY_BYTES_MAX, &upload->body);
    large_body_close(&upload->large);
    return r;
}

static bool read_upload(struct plan_upload *upload, bool is_for_all, char **why)
{
    const char *path = plan_upload_is_stdin(upload->path) ? "-" : upload->path;
    int r = take_upload(upload, path, is_for_all);

    if (r == -EFBIG)
        return why_fail(why, "-T %s: " PLAN_BODY_TOO_LARGE, upload->path);
    return r == 0 || why_fail(why, "-T %s: %s", upload->path, strerror(-r));
}

bool plan_read_uploads(struct plan *plan, const struct options *options, char **ret_why)
{
    size_t count = options->upload.count;

    if (count == 0)
        return true;
    if (!check_others(plan, options, ret_why))
        return false;
    plan->uploads = calloc(count, sizeof(*plan->uploads));
    if (!plan->uploads)
        return why_fail(ret_why, "out of memory");
    plan->uploads_count = count;
    plan->upload_is_for_all = options->verb == VERB_BATCH;
    for (size_t i = 0; i < count; i++) {
        struct plan_upload *upload = &plan->uploads[i];

        upload->path = options->upload.values[i];
        text_init(&upload->body);
        if (*upload->path && !read_upload(upload, plan->upload_is_for_all, ret_why))
            return false;
    }
    return true;
}

void plan_free_uploads(struct plan *plan)
{
    for (size_t i = 0; i < plan->uploads_count; i++) {
        text_deinit(&plan->uploads[i].body);
        large_body_close(&plan->uploads[i].large);
    }
    free(plan->uploads);
    plan->uploads = NULL;
    plan->uploads_count = 0;
}

const struct plan_upload *plan_find_upload(const struct plan *plan, size_t word_index)
{
    size_t index = plan->upload_is_for_all ? 0 : word_index;

    if (index >= plan->uploads_count || !*plan->uploads[index].path)
        return NULL;
    return &plan->uploads[index];
}

/* Bytes up to the query or the fragment. */
static size_t path_end(struct span url)
{
    size_t bytes = 0;

    while (bytes < url.bytes && url.data[bytes] != '?' && url.data[bytes] != '#')
        bytes++;
    return bytes;
}

/* The last part of the path; data NULL when there is no path at all. */
static struct span last_part(struct span url)
{
    const char *slash;

    if (url_has_scheme(url)) /* its colon is the first */
        span_advance(&url, (size_t)((const char *)memchr(url.data, ':', url.bytes) - url.data) + 3);
    slash = memrchr(url.data, '/', url.bytes);
    if (!slash)
        return (struct span){ 0 };
    span_advance(&url, (size_t)(slash - url.data) + 1);
    return url;
}

void plan_put_upload_url(struct text *out, struct span url, const struct plan_upload *upload)
{
    size_t bytes = path_end(url);
    struct span last = last_part(span_of(url.data, bytes));
    bool is_dots = span_equals(last, SPAN_LITERAL(".")) || span_equals(last, SPAN_LITERAL(".."));
    const char *slash = strrchr(upload->path, '/');

    if (plan_upload_is_stdin(upload->path) || (last.bytes && !is_dots)) {
        text_put_span(out, url);
        return;
    }
    text_put(out, url.data, bytes);
    if (!last.data || is_dots)
        text_put_char(out, '/');
    plan_put_percent_encoded(out, span_of_string(slash ? slash + 1 : upload->path));
    span_advance(&url, bytes);
    text_put_span(out, url);
}
