/*
 * client_open.h - what client.c and client_open.c share; for no one else.
 */
#ifndef HAUL_CLIENT_OPEN_H
#define HAUL_CLIENT_OPEN_H

#include "haul_client.h"

/* Closes and remembers the first reason; returns r. */
int client_fail(struct client *client, int r, const char *why);

/* Cuts bytes into frames and hands them on. */
int client_take_bytes(struct client *client, struct span bytes);

#endif
