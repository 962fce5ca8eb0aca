/*
 * cmd_version.c - haul version.
 */
#include "verbs.h"

#include "exits.h"
#include "wire.h"

#include <stdio.h>

int cmd_version(const struct command *command)
{
    (void)command; /* it takes no flags */
    printf("haul " HAUL_VERSION " (stream protocol %u)\n", WIRE_VERSION);
    return EXITS_OK;
}
