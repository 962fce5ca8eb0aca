/*
 * config_accounts.h - the names of users and groups in the settings become their numbers.
 */
#ifndef HAULD_CONFIG_ACCOUNTS_H
#define HAULD_CONFIG_ACCOUNTS_H

#include "config.h"

/* Fills allowed_users and allowed_groups. It asks the system's name service (nsswitch.conf(5)),
 * which may take a while: when hauld starts and when it reloads, not for each client. A name that
 * does not exist is CONFIG_BAD. */
enum config_verdict config_accounts_find(struct config *config, struct config_trouble *ret_trouble);

#endif
