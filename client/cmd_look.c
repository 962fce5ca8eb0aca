/*
 * cmd_look.c - haul stats, origins, inflight, introspect: what a daemon is and is doing.
 *
 * --format json is the daemon's answer as it came, on one line.
 */
#include "verbs.h"

#include "control_call.h"
#include "units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t number(yyjson_val *object, const char *key)
{
    return yyjson_get_uint(yyjson_obj_get(object, key));
}

static const char *string(yyjson_val *object, const char *key)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, key));

    return text ? text : "";
}

/* ---- stats ---- */

static void print_object(const char *title, yyjson_val *object)
{
    yyjson_obj_iter all;
    yyjson_val *key;

    printf("%s\n", title);
    yyjson_obj_iter_init(object, &all);
    while ((key = yyjson_obj_iter_next(&all))) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);

        if (yyjson_is_uint(value))
            printf("  %-22s %" PRIu64 "\n", yyjson_get_str(key), yyjson_get_uint(value));
        else if (yyjson_is_bool(value))
            printf("  %-22s %s\n", yyjson_get_str(key), yyjson_get_bool(value) ? "yes" : "no");
        else
            printf("  %-22s %s\n", yyjson_get_str(key), yyjson_get_str(value));
    }
}

static void print_stats(yyjson_val *answer)
{
    char uptime[UNITS_TEXT_BYTES];

    printf("hauld %s, pid %" PRIu64 ", up for %s\n", string(answer, "version"),
           number(answer, "pid"),
           units_format_duration(number(answer, "uptime_ns"), uptime, sizeof(uptime)));
    print_object("counters", yyjson_obj_get(answer, "counters"));
    print_object("limits", yyjson_obj_get(answer, "limits"));
    print_object("ring", yyjson_obj_get(answer, "ring"));
    print_object("isolation", yyjson_obj_get(answer, "isolation"));
}

/* ---- origins ---- */

static void print_limit(uint64_t limit)
{
    if (limit)
        printf("%8" PRIu64, limit);
    else
        printf("%8s", "-");
}

static void print_origins(yyjson_val *answer)
{
    yyjson_arr_iter all;
    yyjson_val *row;

    printf("%8s %8s %8s %10s %10s  origin\n", "active", "waiting", "max", "rate", "paused");
    yyjson_arr_iter_init(yyjson_obj_get(answer, "origins"), &all);
    while ((row = yyjson_arr_iter_next(&all))) {
        double rate = yyjson_get_real(yyjson_obj_get(row, "rate_per_s"));
        uint64_t cooling_ns = number(row, "cooling_ns");
        char rate_text[32] = "-", paused[UNITS_TEXT_BYTES] = "-";

        if (rate > 0)
            (void)snprintf(rate_text, sizeof(rate_text), "%.6g/s", rate);
        if (cooling_ns)
            (void)units_format_duration(cooling_ns, paused, sizeof(paused));
        printf("%8" PRIu64 " %8" PRIu64 " ", number(row, "active"), number(row, "waiting"));
        print_limit(number(row, "active_max"));
        printf(" %10s %10s  %s\n", rate_text, paused, string(row, "origin"));
    }
}

/* ---- inflight ---- */

static void print_items(yyjson_val *answer)
{
    yyjson_arr_iter all;
    yyjson_val *row;

    printf("%10s %8s %-8s %5s  url\n", "for", "user", "state", "tries");
    yyjson_arr_iter_init(yyjson_obj_get(answer, "items"), &all);
    while ((row = yyjson_arr_iter_next(&all))) {
        char age[UNITS_TEXT_BYTES];

        printf("%10s %8" PRIu64 " %-8s %5" PRIu64 "  %s\n",
               units_format_duration(number(row, "age_ns"), age, sizeof(age)), number(row, "uid"),
               string(row, "state"), number(row, "attempts"), string(row, "url"));
    }
}

static int introspect_one(const struct command *command, const char *name)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *parameters = doc ? yyjson_mut_obj(doc) : NULL;
    struct control_answer answer = { 0 };
    int exit = EXITS_NO_MEMORY;

    if (parameters && yyjson_mut_obj_add_strcpy(doc, parameters, "interface", name))
        exit = (int)control_call(command->options, command->say,
                                 "org.varlink.service.GetInterfaceDescription", doc, parameters,
                                 &answer);
    if (exit == EXITS_OK)
        printf("%s\n", string(answer.parameters, "description"));
    control_answer_deinit(&answer);
    yyjson_mut_doc_free(doc);
    return exit;
}

static int look(const struct command *command, const char *method, yyjson_mut_doc *doc,
                yyjson_mut_val *parameters, void (*print)(yyjson_val *answer))
{
    struct control_answer answer = { 0 };
    enum exit_code exit;
    char *json;

    exit = control_call(command->options, command->say, method, doc, parameters, &answer);
    if (exit != EXITS_OK)
        return (int)exit;
    if (command->options->format == REPORT_FORMAT_JSON) {
        json = yyjson_val_write(answer.parameters, YYJSON_WRITE_NOFLAG, NULL);
        if (json)
            puts(json);
        free(json);
    } else {
        print(answer.parameters);
        if (yyjson_is_false(yyjson_obj_get(answer.parameters, "complete")))
            puts("... and more");
    }
    control_answer_deinit(&answer);
    return EXITS_OK;
}

int cmd_stats(const struct command *command)
{
    return look(command, "io.haul.Manager.Describe", NULL, NULL, print_stats);
}

int cmd_origins(const struct command *command)
{
    return look(command, "io.haul.Manager.Origins", NULL, NULL, print_origins);
}

/* One interface after the other, as the language of Varlink has them. */
int cmd_introspect(const struct command *command)
{
    struct control_answer info = { 0 };
    int exit = (int)control_call(command->options, command->say, "org.varlink.service.GetInfo",
                                 NULL, NULL, &info);
    yyjson_arr_iter all;
    yyjson_val *name;

    yyjson_arr_iter_init(yyjson_obj_get(info.parameters, "interfaces"), &all);
    while (exit == EXITS_OK && (name = yyjson_arr_iter_next(&all)))
        exit = introspect_one(command, yyjson_get_str(name));
    control_answer_deinit(&info);
    return exit;
}

int cmd_inflight(const struct command *command)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *parameters = doc ? yyjson_mut_obj(doc) : NULL;
    int exit = EXITS_NO_MEMORY;

    if (parameters &&
        yyjson_mut_obj_add_uint(doc, parameters, "slower_ns", command->options->slower_ns))
        exit = look(command, "io.haul.Manager.Inflight", doc, parameters, print_items);
    yyjson_mut_doc_free(doc);
    return exit;
}
