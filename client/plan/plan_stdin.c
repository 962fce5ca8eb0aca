/*
 * plan_stdin.c - the second reader would find nothing there.
 *
 * curl lets it: `-d @- -H @-` sends what came as data and no field. That is never what was meant.
 */
#include "plan_stdin.h"

#include "plan_body.h"
#include "plan_cookies.h"
#include "plan_upload.h"
#include "why.h"

#include <string.h>

struct readers {
    const char *first; /* NULL = none yet */
    const char *second;
};

static void add_reader(struct readers *readers, const char *file, const char *flag)
{
    if (!file || strcmp(file, "-") != 0)
        return;
    if (readers->first && !readers->second)
        readers->second = flag;
    if (!readers->first)
        readers->first = flag;
}

static const char *file_of(const char *value)
{
    return value && value[0] == '@' ? value + 1 : NULL;
}

bool plan_check_stdin(const struct options *options, char **ret_why)
{
    struct readers readers = { 0 };

    for (size_t i = 0; i < options->input.count; i++)
        add_reader(&readers, options->input.values[i], "the list");
    for (size_t i = 0; i < options->data_count; i++)
        add_reader(&readers, plan_data_file(&options->data[i]),
                   plan_data_flag(options->data[i].kind));
    for (size_t i = 0; i < options->upload.count; i++)
        if (plan_upload_is_stdin(options->upload.values[i]))
            add_reader(&readers, "-", "-T -");
    for (size_t i = 0; i < options->headers.count; i++)
        add_reader(&readers, file_of(options->headers.values[i]), "-H @-");
    for (size_t i = 0; i < options->cookies.count; i++)
        add_reader(&readers, plan_cookie_file(options->cookies.values[i]), "-b -");
    add_reader(&readers, options->netrc_file, "--netrc-file -");
    add_reader(&readers, options->cacert, "--cacert -");
    add_reader(&readers, options->cert, "--cert -");
    add_reader(&readers, options->key, "--key -");
    add_reader(&readers, file_of(options->write_out), "-w @-");
    if (!readers.second)
        return true;
    return why_fail(ret_why, "%s and %s cannot both come from standard input", readers.first,
                    readers.second);
}
