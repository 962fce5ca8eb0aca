/*
 * fetch_writeout.c - -w: where its template comes from and where its text goes.
 *
 * The text goes the way of bodies and records, through the output's buffer; only what the template
 * sends to stderr is written at once, in one piece, and after what came before it.
 */
#include "fetch.h"

#include "slurp.h"
#include "why.h"

#define TEMPLATE_BYTES_MAX (1u << 20)

/* Line ends are for the one who edits the file; \n is for the output. */
static void drop_line_ends(struct text *text)
{
    size_t bytes = 0;

    for (size_t i = 0; i < text->bytes; i++)
        if (text->data[i] != '\n' && text->data[i] != '\r')
            text->data[bytes++] = text->data[i];
    text->bytes = bytes;
}

static bool read_template(const char *path, struct text *text, char **ret_why)
{
    int r = slurp(path, TEMPLATE_BYTES_MAX, text);

    if (r < 0)
        return why_fail(ret_why, "-w @%s: %s", path, strerror(-r));
    drop_line_ends(text);
    return true;
}

bool fetch_open_writeout(struct fetch *fetch, char **ret_why)
{
    const struct options *options = fetch->options;
    const char *template = options->write_out;
    struct text file;
    bool fits = true;
    struct span name;
    size_t position = 0;

    if (!template)
        return true;
    text_init(&file);
    if (template[0] == '@')
        fits = read_template(template + 1, &file, ret_why);
    fits = fits && writeout_parse(&fetch->writeout,
                                  template[0] == '@' ? text_span(&file) : span_of_string(template),
                                  ret_why);
    text_deinit(&file);
    if (!fits)
        return false;
    if (options->referer && *options->referer)
        fetch->writeout.referer = span_of_string(options->referer);
    fetch->writeout.unix_path = text_span(&fetch->plan.unix_path);
    if (fetch->writeout.needs_head)
        plan_want_heads(&fetch->plan);
    while (writeout_next_unknown(&fetch->writeout, &position, &name))
        say_warning(fetch->say, "unknown --write-out variable: '%.*s'", (int)name.bytes, name.data);
    return true;
}

void fetch_write_out(struct fetch *fetch, const struct outcome *item)
{
    struct text err;

    text_init(&err);
    say_progress(fetch->say, span_of("", 0));
    writeout_write(&fetch->writeout, item, output_buffer(&fetch->output), &err);
    output_settle(&fetch->output);
    if (err.bytes) {
        output_flush(&fetch->output);
        say_text(fetch->say, text_span(&err));
    }
    text_deinit(&err);
}
