/*
 * cmd_metrics.c - haul metrics: a daemon's figures for a monitoring system.
 *
 * To standard output in the form of OpenMetrics; into a file, for node_exporter's textfile
 * collector, in the older form of Prometheus, which is the one that it reads.
 */
#include "verbs.h"

#include "control_call.h"
#include "file.h"

#include <stdio.h>

static enum exit_code write_metrics(const struct command *command, struct span text)
{
    const char *path = command->options->textfile;
    int r;

    if (!path) {
        (void)fwrite(text.data, 1, text.bytes, stdout); /* main looks at stdout in the end */
        return EXITS_OK;
    }
    r = file_write_whole(path, text);
    if (r == 0)
        return EXITS_OK;
    say_error(command->say, "--textfile %s: %s", path, strerror(-r));
    return EXITS_FAILED;
}

int cmd_metrics(const struct command *command)
{
    const struct options *options = command->options;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *parameters = doc ? yyjson_mut_obj(doc) : NULL;
    struct control_answer answer = { 0 };
    enum exit_code exit = EXITS_NO_MEMORY;
    yyjson_val *text;

    if (parameters && yyjson_mut_obj_add_bool(doc, parameters, "openmetrics", !options->textfile))
        exit = control_call(options, command->say, "io.haul.Metrics.Get", doc, parameters, &answer);
    text = yyjson_obj_get(answer.parameters, "text");
    if (exit == EXITS_OK && yyjson_get_len(text) == 0) {
        say_error(command->say, "the daemon has no figures: it is out of memory");
        exit = EXITS_FAILED;
    }
    if (exit == EXITS_OK)
        exit = write_metrics(command, span_of(yyjson_get_str(text), yyjson_get_len(text)));
    control_answer_deinit(&answer);
    yyjson_mut_doc_free(doc);
    return (int)exit;
}
