/*
 * cmd_operate.c - haul reload, haul drain: what an administrator tells a daemon.
 */
#include "verbs.h"

#include "control_call.h"
#include "units.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t number(const struct control_answer *answer, const char *key)
{
    return yyjson_get_uint(yyjson_obj_get(answer->parameters, key));
}

int cmd_reload(const struct command *command)
{
    struct control_answer answer;
    enum exit_code exit;

    exit =
        control_call(command->options, command->say, "io.haul.Manager.Reload", NULL, NULL, &answer);
    if (exit == EXITS_OK)
        say_note(command->say, "reloaded");
    control_answer_deinit(&answer);
    return (int)exit;
}

int cmd_drain(const struct command *command)
{
    struct control_answer answer;
    enum exit_code exit;
    char time[UNITS_TEXT_BYTES];

    exit =
        control_call(command->options, command->say, "io.haul.Manager.Drain", NULL, NULL, &answer);
    if (exit == EXITS_OK)
        say_note(command->say,
                 "the daemon drains: %" PRIu64 " clients, %" PRIu64 " items; it ends in %s at most",
                 number(&answer, "clients"), number(&answer, "items"),
                 units_format_duration(number(&answer, "time_ns"), time, sizeof(time)));
    control_answer_deinit(&answer);
    return (int)exit;
}
