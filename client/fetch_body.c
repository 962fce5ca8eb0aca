/*
 * fetch_body.c - where an item's body goes.
 */
#include "fetch.h"

#include "crypto.h"
#include "template.h"
#include "url.h"

#include <errno.h>
#include <sys/stat.h>

bool fetch_names_files(const struct fetch *fetch)
{
    const struct options *options = fetch->options;

    return options->remote_name || options->output_template ||
           (options->output_dir && options->output.count == 0);
}

static bool refuse(struct fault *ret_fault, const char **ret_why, enum fault_code code,
                   enum phase phase, int error, const char *why)
{
    *ret_fault = (struct fault){ 0 };
    fault_set(ret_fault, code, phase, error, NULL);
    *ret_why = why;
    return false;
}

const char *fetch_name_error(struct fetch *fetch, const char *path, int error)
{
    const char *what =
        error == ELOOP ? "a symlink that is not followed, or a circle of them" : strerror(error);

    text_clear(&fetch->line, SIZE_MAX);
    text_put_format(&fetch->line, "%s%s%s", path ? path : "", path ? ": " : "", what);
    text_put_char(&fetch->line, '\0');
    return fetch->line.failed ? what : fetch->line.data;
}

/* The n-th -o belongs to the n-th URL of the command line; NULL when there is none. */
static const char *output_of(const struct fetch *fetch, const struct item *item)
{
    const struct option_list *list = &fetch->options->output;

    return item->line == 0 && item->number <= list->count ? list->values[item->number - 1] : NULL;
}

/* fetch->name becomes the path of a file, with its NUL. */
static int put_path(struct fetch *fetch, struct span name)
{
    const char *directory = fetch->options->output_dir;
    struct text path;

    text_init(&path);
    if (directory && *directory && (name.bytes == 0 || name.data[0] != '/')) {
        text_put_string(&path, directory);
        if (directory[strlen(directory) - 1] != '/')
            text_put_char(&path, '/');
    }
    fetch->name_directory_bytes = path.bytes;
    text_put_span(&path, name);
    text_put_char(&path, '\0');
    text_deinit(&fetch->name);
    fetch->name = path;
    return path.failed ? -ENOMEM : 0;
}

/* Builds the path of the item's file in fetch->name. */
static int build_path(struct fetch *fetch, const struct item *item, const struct input_item *in,
                      struct span given, const struct url *url)
{
    struct template_values values = { .url = url, .id = in->id, .number = item->number };
    struct text name;
    int r = 0;

    if (given.bytes)
        return put_path(fetch, given);
    text_init(&name);
    if (fetch->options->output_template)
        template_expand(&name, fetch->options->output_template, &values);
    else
        filename_of_path(&name, url->path);
    r = filename_claim(&fetch->names, &name, item->number);
    if (r == 0)
        r = put_path(fetch, text_span(&name));
    text_deinit(&name);
    return r;
}

/* A line's expectation chooses the kind, else the command line's. */
static enum hash_kind hash_kind_of(const struct fetch *fetch, const struct input_item *in)
{
    return in->expect_hash ? in->expect_kind : fetch->plan.hash;
}

/* A regular file that only one writer touches can be the daemon's business. Not when there is a
 * hash: we want that of the bytes we wrote, and reading the file again would hash what lies there
 * then. So the body comes to us, and is hashed on its way into the file. */
static bool daemon_may_write(const struct fetch *fetch, const struct input_item *in)
{
    const struct options *options = fetch->options;

    return options->verb == VERB_GET && !options->include_head && !options->head &&
           !options->continue_at && hash_kind_of(fetch, in) == HASH_NONE;
}

/* A regular file: what else may lie there (a device, a FIFO) is no earlier download, and a folder
 * is an error as ever. */
static bool is_there_already(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* What -C may do for this item: a line may ask for something that has no parts to be put together.
 */
static bool is_resumable(const struct fetch *fetch, const struct item *item,
                         const struct input_item *in)
{
    struct span method = item_method(item);
    struct span fields = in->fields;
    struct message_field field;

    while (message_next_field(&fields, &field))
        if (span_equals_nocase(field.name, SPAN_LITERAL("Range")))
            return false;
    return fetch->options->continue_at && !in->has_body && hash_kind_of(fetch, in) == HASH_NONE &&
           (method.bytes == 0 || span_equals(method, SPAN_LITERAL("GET")));
}

/* Finds out how much of the file there is. False: not so much as was said. */
static bool find_offset(struct fetch *fetch, struct item *item)
{
    const char *at = fetch->options->continue_at;
    uint64_t wanted = 0;
    struct stat st;

    item->body.keeps_part = true;
    if (stat(item->body.path, &st) == 0 && S_ISREG(st.st_mode))
        item->body.offset = (uint64_t)st.st_size;
    if (strcmp(at, "-") == 0)
        return true;
    (void)resume_parse_offset(span_of_string(at), &wanted); /* plan.c was content */
    if (item->body.offset == wanted)
        return true;
    text_clear(&fetch->line, SIZE_MAX);
    text_put_format(&fetch->line, "%s: has %llu bytes, not the %s of -C; -r %s- fetches a part",
                    item->body.path, (unsigned long long)item->body.offset, at, at);
    text_put_char(&fetch->line, '\0');
    return false;
}

static bool choose_file(struct fetch *fetch, struct item *item, const struct input_item *in,
                        bool is_below, struct fault *ret_fault, const char **ret_why)
{
    enum body_kind kind = daemon_may_write(fetch, in) ? BODY_DAEMON_FILE : BODY_FILE;
    int r;

    item->is_skipped = fetch->options->skip_existing && is_there_already(fetch->name.data);
    if (item->is_skipped)
        kind = BODY_FILE; /* opened when bytes come; none do */
    r = body_init(&item->body, kind, fetch->name.data);

    item->body.is_below = is_below;
    item->body.directory_bytes = fetch->name_directory_bytes;
    if (r == 0 && is_resumable(fetch, item, in) && !find_offset(fetch, item))
        return refuse(ret_fault, ret_why, FAULT_INPUT_ARGUMENT, PHASE_INPUT, 0, fetch->line.data);
    if (r == 0 && kind == BODY_DAEMON_FILE)
        r = body_open(&item->body);
    if (r < 0)
        return refuse(ret_fault, ret_why, FAULT_SINK_WRITE, PHASE_INPUT, -r,
                      fetch_name_error(fetch, fetch->name.data, -r));
    if (kind == BODY_DAEMON_FILE && !file_is_temporary(&item->body.file))
        item->body.kind = BODY_FILE; /* a device or a FIFO: we write, in place */
    return true;
}

static bool choose_place(struct fetch *fetch, struct item *item, const struct input_item *in,
                         const struct url *url, struct fault *ret_fault, const char **ret_why)
{
    const char *given = output_of(fetch, item);
    struct span name = in->output.bytes ? in->output : span_of_string(given ? given : "");
    enum body_kind kind = BODY_DISCARD;
    int r;

    if (given && strcmp(given, "-") == 0)
        name.bytes = 0, kind = BODY_OUTPUT;
    if (in->output.bytes && !filename_stays_inside(in->output) &&
        (fetch->options->output_dir || in->output.data[0] != '/'))
        return refuse(ret_fault, ret_why, FAULT_INPUT_ARGUMENT, PHASE_INPUT, 0,
                      "\"output\" leaves its directory");
    if (name.bytes || (fetch_names_files(fetch) && kind != BODY_OUTPUT)) {
        r = build_path(fetch, item, in, name, url);
        if (r < 0)
            return refuse(ret_fault, ret_why, FAULT_LOCAL_NO_MEMORY, PHASE_INPUT, ENOMEM,
                          "out of memory");
        return choose_file(fetch, item, in, fetch->options->output_template && !name.bytes,
                           ret_fault, ret_why);
    }
    if (fetch->options->body_inline)
        kind = BODY_INLINE;
    else if (fetch->options->verb == VERB_GET && !fetch->options->discard)
        kind = BODY_OUTPUT;
    if (kind == BODY_DISCARD && hash_kind_of(fetch, in) != HASH_NONE)
        kind = BODY_HASH;
    (void)body_init(&item->body, kind, NULL); /* without a path it cannot fail */
    return true;
}

bool fetch_choose_body(struct fetch *fetch, struct item *item, const struct input_item *in,
                       const struct url *url, struct fault *ret_fault, const char **ret_why)
{
    enum hash_kind kind = hash_kind_of(fetch, in);
    const char *expect = in->expect_hash ? in->expect_hash : fetch->plan.expect_hash;
    int r = 0;

    if (!choose_place(fetch, item, in, url, ret_fault, ret_why))
        return false;
    if (kind != HASH_NONE && !item->is_skipped)
        r = body_want_hash(&item->body, kind, *expect ? expect : NULL);
    if (r == -ELIBACC)
        return refuse(ret_fault, ret_why, FAULT_INPUT_ARGUMENT, PHASE_INPUT, ELIBACC,
                      "sha256 needs " CRYPTO_LIBRARY ", which is not on this machine");
    return r == 0 ||
           refuse(ret_fault, ret_why, FAULT_LOCAL_NO_MEMORY, PHASE_INPUT, ENOMEM, "out of memory");
}
